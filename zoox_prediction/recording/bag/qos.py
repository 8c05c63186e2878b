"""Quality of service that a topic was offered with, as a bag keeps it so that a player can offer it again."""

from __future__ import annotations

from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime

_UNSPECIFIED = QosTime(0, 0)  # RMW_DURATION_UNSPECIFIED


def qos_profile(*, reliable: bool = True, latched: bool = False, depth: int = 10) -> Qos:
    """A keep-last profile; `latched` means transient local: late subscribers get the last `depth` messages."""
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=depth,
        reliability=QosReliability.RELIABLE if reliable else QosReliability.BEST_EFFORT,
        durability=QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        deadline=_UNSPECIFIED,
        lifespan=_UNSPECIFIED,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=_UNSPECIFIED,
        avoid_ros_namespace_conventions=False,
    )


RELIABLE = qos_profile()
LATCHED = qos_profile(latched=True, depth=1)
# Several broadcasters of static transforms share one topic, and each message adds transforms.
STATIC_TRANSFORMS = qos_profile(latched=True, depth=100)


def default_qos(topic: str) -> Qos:
    """What the package's own topics are offered with: the map and static transforms latched, all others reliable."""
    return {"/tf_static": STATIC_TRANSFORMS, "/road_network": LATCHED}.get(topic, RELIABLE)
