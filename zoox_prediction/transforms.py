"""Changes of frame for agents and the ego: a pose in the plane (x [m], y [m], yaw [rad]) and a height."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from zoox_prediction.geometry import rotation_matrix, transform_points, wrap_angle
from zoox_prediction.scene import EgoState, TrackedAgents


def transform_agents(
    agents: TrackedAgents, target_from_source: ArrayLike, frame_id: str, z_m: float = 0.0
) -> TrackedAgents:
    """`agents` of a source frame in the target frame `frame_id`, by the pose (3,) and the height `z_m` of the source.

    Velocities and accelerations are over ground along the source's axes, also when the source frame moves, so they are
    rotated and nothing is added to them.
    """
    pose = np.asarray(target_from_source, dtype=np.float64)
    rotation = rotation_matrix(pose[2])
    pose_rotation = np.eye(3)
    pose_rotation[:2, :2] = rotation
    return replace(
        agents,
        position=np.column_stack([transform_points(pose, agents.position[:, :2]), agents.position[:, 2] + z_m]),
        yaw=wrap_angle(agents.yaw + pose[2]),
        velocity=agents.velocity @ rotation.T,
        acceleration=agents.acceleration @ rotation.T,
        pose_covariance=pose_rotation @ agents.pose_covariance @ pose_rotation.T,
        velocity_covariance=rotation @ agents.velocity_covariance @ rotation.T,
        frame_id=frame_id,
    )


def transform_ego(ego: EgoState, target_from_source: ArrayLike, z_m: float = 0.0) -> EgoState:
    """`ego` of a source frame in the target frame, by the pose (3,) and the height `z_m` of the source."""
    pose = np.asarray(target_from_source, dtype=np.float64)
    return replace(
        ego,
        position=transform_points(pose, ego.position),
        yaw=float(wrap_angle(ego.yaw + pose[2])),
        velocity=rotation_matrix(pose[2]) @ ego.velocity,
        z=ego.z + z_m,
    )
