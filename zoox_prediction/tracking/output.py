"""Tracks as the agents that prediction works on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zoox_prediction.geometry import rotation_matrix, wrap_angle
from zoox_prediction.scene import EgoState, TrackedAgents
from zoox_prediction.tracking.appearance import attribute_bits
from zoox_prediction.tracking.config import TrackingConfig
from zoox_prediction.tracking.step import ACCELERATION_TIME_S
from zoox_prediction.tracking.track_table import TrackTable


def tracked_agents(
    tracks: TrackTable, stamp_ns: int, ego: EgoState | None, sensors: Sequence[str], config: TrackingConfig
) -> TrackedAgents:
    """The confirmed tracks that probably exist, outside of the ego; `sensors` by their bits."""
    existence = config.existence
    told = (
        tracks.confirmed & (tracks.existence >= existence.tell_probability) & (tracks.credit >= existence.tell_credit)
    )
    tracks = tracks.select(told)
    if ego is not None:
        local = (tracks.position - ego.position) @ rotation_matrix(ego.yaw)
        own = (
            (local[:, 0] < config.ego_front_m)
            & (local[:, 0] > config.ego_rear_m)
            & (np.abs(local[:, 1]) < config.ego_half_width_m)
        )
        tracks = tracks.select(~own)
    mean, covariance = tracks.motion.merged()
    pose_covariance = np.zeros((len(tracks), 3, 3))
    axes = rotation_matrix(tracks.yaw)
    lasting = np.einsum("nia,na,nja->nij", axes, tracks.bias**2, axes)
    pose_covariance[:, :2, :2] = covariance[:, :2, :2] + lasting
    pose_covariance[:, 2, 2] = tracks.yaw_variance
    on, known = attribute_bits(tracks.attribute_log_odds, config.appearance)
    names = {bits: _names(bits, sensors) for bits in set(tracks.sensors.tolist())}
    return TrackedAgents(
        stamp_ns=stamp_ns,
        ids=tracks.ids,
        class_probabilities=tracks.class_probabilities,
        existence_probability=tracks.existence,
        position=np.column_stack([mean[:, :2], tracks.bottom + 0.5 * tracks.size[:, 2]]),
        yaw=wrap_angle(tracks.yaw),
        velocity=mean[:, 2:4],
        yaw_rate=mean[:, 4],
        acceleration=(mean[:, 2:4] - tracks.lagged_velocity) / ACCELERATION_TIME_S,
        size=tracks.size,
        pose_covariance=pose_covariance,
        velocity_covariance=covariance[:, 2:4, 2:4],
        attributes=on,
        attributes_valid=known,
        front_wheel_angle=np.full(len(tracks), np.nan),
        age_s=1e-9 * (stamp_ns - tracks.born_ns).astype(np.float64),
        time_since_seen_s=np.maximum(stamp_ns - tracks.seen_ns, 0) * 1e-9,
        sensors=tuple(names[bits] for bits in tracks.sensors.tolist()),
    )


def _names(bits: int, sensors: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for bit, name in enumerate(sensors) if bits >> bit & 1)
