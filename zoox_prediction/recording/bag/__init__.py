"""rosbag2 recordings, read and written without ROS."""

from zoox_prediction.recording.bag.errors import RecordingError
from zoox_prediction.recording.bag.qos import LATCHED, RELIABLE, STATIC_TRANSFORMS, default_qos, qos_profile
from zoox_prediction.recording.bag.reader import BagReader, RawMessage, RecordedMessage, Topic
from zoox_prediction.recording.bag.writer import BagWriter

__all__ = [
    "LATCHED",
    "RELIABLE",
    "STATIC_TRANSFORMS",
    "BagReader",
    "BagWriter",
    "RawMessage",
    "RecordedMessage",
    "RecordingError",
    "Topic",
    "default_qos",
    "qos_profile",
]
