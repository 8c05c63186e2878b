"""Publishers that offer the topics of a recording again."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import QosDurability, QosReliability

from zoox_prediction.errors import InputError
from zoox_prediction.recording.bag import Topic, default_qos
from zoox_prediction.ros.messages import interface_class

# A slow subscriber may lag by so much before a reliable topic loses messages.
_HISTORY_S = 5.0
_MAX_DEPTH = 1000


def create_publishers(node: Node, topics: Iterable[Topic], duration_s: float) -> dict[str, Publisher]:
    """A publisher per topic, by name; a topic whose type is not installed is left out with one line in the log."""
    publishers: dict[str, Publisher] = {}
    for topic in topics:
        try:
            if topic.serialization_format != "cdr":
                raise InputError(f"its messages are serialized as {topic.serialization_format}, not as CDR")
            message_type = interface_class(topic.type)
        except InputError as error:
            node.get_logger().warning(f"not playing {topic.name}: {error}")
            continue
        publishers[topic.name] = node.create_publisher(message_type, topic.name, publisher_qos(topic, duration_s))
    return publishers


def publisher_qos(topic: Topic, duration_s: float) -> QoSProfile:
    """What to offer so that every subscriber of the recorded topic is served.

    One publisher replaces all of the recording: reliable and latched if any of them was, with the history of all, and
    on reliable topics with room for `_HISTORY_S` of messages. Deadlines and lifespans are the original sender's affair.
    """
    offered = topic.qos or (default_qos(topic.name),)
    latched = any(each.durability == QosDurability.TRANSIENT_LOCAL for each in offered)
    reliable = any(each.reliability != QosReliability.BEST_EFFORT for each in offered)
    depth = max(1, sum(each.depth for each in offered))
    if reliable and not latched:
        depth = max(depth, math.ceil(_HISTORY_S * topic.message_count / max(duration_s, 1.0)))
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=min(depth, _MAX_DEPTH),
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )
