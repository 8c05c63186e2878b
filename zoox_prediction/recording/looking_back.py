"""Recordings as somebody saw them at the time: without states that were smoothed over what came after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from zoox_prediction.maps.road_network import rows_of_ids
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.scene import TrackedAgents


def observed_only(log: RecordedLog) -> RecordedLog:
    """The recording with velocities, headings and accelerations that use past positions only."""
    return replace(log, agents=tuple(_looking_back(log.agents)))


def _looking_back(frames: Sequence[TrackedAgents]) -> Iterator[TrackedAgents]:
    previous: TrackedAgents | None = None
    for frame in frames:
        velocity, yaw = np.zeros((len(frame), 2)), frame.yaw
        if previous is not None and len(previous) and len(frame):
            rows = rows_of_ids(previous.ids, frame.ids)
            known = rows >= 0
            elapsed_s = (frame.stamp_ns - previous.stamp_ns) * 1e-9
            moved = frame.position[:, :2] - previous.position[rows, :2]
            velocity = np.where(known[:, None], moved / elapsed_s, 0.0)
            standing = np.hypot(*velocity.T) < 0.05
            heading = np.arctan2(velocity[:, 1], velocity[:, 0])
            yaw = np.where(standing, np.where(known, previous.yaw[rows], 0.0), heading)
        previous = replace(
            frame,
            velocity=velocity,
            yaw=yaw,
            yaw_rate=np.zeros(len(frame)),
            acceleration=np.zeros((len(frame), 2)),
        )
        yield previous
