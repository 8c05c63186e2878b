"""Conversions between the core's arrays and ROS messages, for any source of message classes (`MessageTypes`)."""

from zoox_prediction.recording.messages.agents import (
    ego_from_odometry,
    odometry_to_message,
    tracked_agents_from_message,
    tracked_agents_to_message,
    traffic_signals_from_message,
    traffic_signals_to_message,
)
from zoox_prediction.recording.messages.conditional import (
    answer_from_response,
    answer_to_response,
    candidate_plans_from_request,
    candidate_plans_to_request,
    failure_to_response,
)
from zoox_prediction.recording.messages.detections import detections_from_message, detections_to_message
from zoox_prediction.recording.messages.fields import MessageTypes, header_to_message, stamp_ns, stamp_to_message
from zoox_prediction.recording.messages.images import camera_model_from_message, check_image_size, image_from_message
from zoox_prediction.recording.messages.point_cloud import is_radar_cloud, point_cloud_from_message
from zoox_prediction.recording.messages.predictions import predictions_from_message, predictions_to_message
from zoox_prediction.recording.messages.road_network import road_network_from_message, road_network_to_message
from zoox_prediction.recording.messages.vision import detections_from_vision

__all__ = [
    "MessageTypes",
    "answer_from_response",
    "answer_to_response",
    "camera_model_from_message",
    "candidate_plans_from_request",
    "candidate_plans_to_request",
    "check_image_size",
    "detections_from_message",
    "detections_from_vision",
    "detections_to_message",
    "ego_from_odometry",
    "failure_to_response",
    "header_to_message",
    "image_from_message",
    "odometry_to_message",
    "is_radar_cloud",
    "point_cloud_from_message",
    "predictions_from_message",
    "predictions_to_message",
    "road_network_from_message",
    "road_network_to_message",
    "stamp_ns",
    "stamp_to_message",
    "tracked_agents_from_message",
    "tracked_agents_to_message",
    "traffic_signals_from_message",
    "traffic_signals_to_message",
]
