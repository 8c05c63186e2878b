"""Which way agents face: by their boxes, which do not tell front from rear, and by how they move, which does in time.

Slow agents keep their heading: it is turned round only when they have travelled some way backwards, which no noise of a
standing agent's position amounts to.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.tracking.config import AppearanceConfig
from zoox_prediction.tracking.extent import HAS_HEADING, updated_yaw
from zoox_prediction.tracking.track_table import TrackTable

FloatArray = NDArray[np.float64]

_LEAST_YAW_VARIANCE = 0.02**2
_MOST_YAW_VARIANCE = (np.pi / 3.0) ** 2
_COURSE_DEVIATION_RAD = 0.05  # between course and heading
_COURSE_TIME_S = 0.3  # after which the course of the same track is news
_CLEAR_SIGMAS = 3.0  # of a speed that counts as motion


def follow_motion(
    tracks: TrackTable, mean: FloatArray, covariance: FloatArray, dt_s: float, config: AppearanceConfig
) -> TrackTable:
    """Headings `dt_s` later; `mean` (N, 5) and `covariance` (N, 5, 5) of the motion before."""
    velocity, rate = mean[:, 2:4], mean[:, 4]
    speed = np.linalg.norm(velocity, axis=1)
    course = np.arctan2(velocity[:, 1], velocity[:, 0])
    unit = np.column_stack([np.cos(course), np.sin(course)])
    across = np.column_stack([-unit[:, 1], unit[:, 0]])
    speed_variance = np.einsum("ni,nij,nj->n", unit, covariance[:, 2:4, 2:4], unit)
    across_variance = np.einsum("ni,nij,nj->n", across, covariance[:, 2:4, 2:4], across)
    classes = tracks.class_probabilities
    kind = classes.argmax(axis=1)
    moving = speed > _CLEAR_SIGMAS * np.sqrt(np.maximum(speed_variance, across_variance))
    along = speed * np.cos(course - tracks.yaw)
    cap = 3.0 * config.flip_distance_m
    travelled = np.clip(tracks.travelled + np.where(moving, along * dt_s, 0.0), -cap, cap)
    backwards = HAS_HEADING[kind] & (travelled < -config.flip_distance_m)
    yaw = np.where(backwards, tracks.yaw + np.pi, tracks.yaw)
    travelled = np.where(backwards, -travelled, travelled)
    variance = np.minimum(tracks.yaw_variance + config.yaw_noise * dt_s * (0.1 + moving), _MOST_YAW_VARIANCE)
    told = _COURSE_DEVIATION_RAD**2 + across_variance / np.maximum(speed, 0.1) ** 2
    told = told * max(_COURSE_TIME_S / dt_s, 1.0)
    follows = moving & (speed > np.array(config.course_speed_mps)[kind])
    either, either_variance = updated_yaw(yaw, variance, course, told)
    gain = variance / (variance + told)
    facing, facing_variance = yaw + gain * wrap_angle(course - yaw), (1.0 - gain) * variance
    yaw = np.where(follows, np.where(HAS_HEADING[kind], either, facing), yaw)
    variance = np.where(follows, np.where(HAS_HEADING[kind], either_variance, facing_variance), variance)
    return replace(
        tracks,
        yaw=wrap_angle(yaw + np.where(moving, rate * dt_s, 0.0)),
        yaw_variance=np.maximum(variance, _LEAST_YAW_VARIANCE),
        travelled=travelled,
    )
