"""Which detection is of which track: gating, and the assignment that is the most probable one as a whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.stats import chi2

from zoox_prediction.detections import Modality
from zoox_prediction.scene import NUM_CLASSES
from zoox_prediction.tracking.config import AssociationConfig
from zoox_prediction.tracking.extent import anchor_boxes
from zoox_prediction.tracking.sensor_frame import SensorFrame
from zoox_prediction.tracking.track_table import TrackTable

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_LEAST_DISTANCE_M = 0.5
_REFLECTION_SHARE = 0.25  # of the variance of a radar's box across the line of sight, that its reflections have


@dataclass(frozen=True)
class Pairs:
    """P tracks and detections that may belong together, by their rows."""

    track: IntArray  # (P,)
    detection: IntArray  # (P,)
    log_ratio: FloatArray  # (P,) log of the likelihood of the detection against that of clutter and new objects

    def select(self, rows: NDArray) -> Pairs:
        return Pairs(self.track[rows], self.detection[rows], self.log_ratio[rows])


def assign(pairs: Pairs, existence: FloatArray, detection_probability: FloatArray) -> IntArray:
    """Rows of the pairs that maximise the posterior probability together, each track and detection at most once.

    Given existence and probability of detection (N,) of the tracks, a pair is worth the log odds of its track being
    detected so rather than missed (S. Blackman and R. Popoli, "Design and Analysis of Modern Tracking Systems", 1999,
    6.5.2); what is worth less than a miss stays unassigned.
    """
    detected = np.clip(existence * detection_probability, 1e-6, 1.0 - 1e-6)[pairs.track]
    worth = pairs.log_ratio + np.log(detected) - np.log1p(-detected)
    better = np.flatnonzero(worth > 0.0)
    tracks, row = np.unique(pairs.track[better], return_inverse=True)
    detections, column = np.unique(pairs.detection[better], return_inverse=True)
    cost = np.zeros((len(tracks), len(detections)))
    cost[row, column] = -worth[better]
    pair_of = np.full(cost.shape, -1, dtype=np.int64)
    pair_of[row, column] = better
    chosen = pair_of[linear_sum_assignment(cost)]
    return np.sort(chosen[chosen >= 0])


def near_pairs(
    position: FloatArray, reach: FloatArray, center: FloatArray, center_reach: FloatArray
) -> tuple[IntArray, IntArray]:
    """Rows of tracks (N, 2) and detections (J, 2) whose circles touch."""
    apart = (reach[:, None] + center_reach[None]) ** 2
    x = position[:, None, 0] - center[None, :, 0]
    y = position[:, None, 1] - center[None, :, 1]
    first, second = np.nonzero(x * x + y * y < apart)
    return first, second


def box_pairs(
    frame: SensorFrame, tracks: TrackTable, mean: FloatArray, covariance: FloatArray, config: AssociationConfig
) -> Pairs:
    """Pairs within the gate for boxes in space; `mean` (N, 5), `covariance` (N, 5, 5) of the tracks at the stamp."""
    dimensions = 3 if frame.modality == Modality.RADAR else 2
    gate = float(chi2.ppf(config.gate_probability, dimensions))
    reach = np.sqrt(gate * (covariance[:, 0, 0] + covariance[:, 1, 1])) + _LEAST_DISTANCE_M + 0.5 * tracks.size[:, 0]
    center_reach = np.sqrt(gate * np.trace(frame.covariance[:, :2, :2], axis1=1, axis2=2))
    track, detection = near_pairs(mean[:, :2], reach, frame.center[:, :2], center_reach)
    boxes = anchor_boxes(
        frame, detection, tracks.yaw[track], tracks.yaw_variance[track], tracks.size[track],
        tracks.size_variance[track], tracks.class_probabilities[track], config,
    )  # fmt: skip
    innovation, jacobian = boxes.center - mean[track, :2], np.broadcast_to(np.eye(5)[:2], (len(track), 2, 5))
    noise = boxes.covariance
    if frame.modality == Modality.RADAR:
        innovation, jacobian, noise = with_radial_speed(
            frame, detection, mean[track], innovation, jacobian, noise, config
        )
    crossed = covariance[track] @ jacobian.swapaxes(1, 2)
    spread = jacobian @ crossed + noise
    distance = np.einsum("pi,pij,pj->p", innovation, np.linalg.inv(spread), innovation)
    log_density = -0.5 * (distance + np.log(np.linalg.det(2.0 * np.pi * spread)))
    if frame.modality == Modality.RADAR:
        log_density += np.log(config.clutter_speed_mps) * (noise[:, 2, 2] < 1e3)
        log_density += 0.5 * np.log(2.0 * np.pi * spread[:, 2, 2]) * (noise[:, 2, 2] >= 1e3)
    ratio = (
        log_density - log_clutter(frame, config)[detection] + class_agreement(frame, tracks, track, detection, config)
    )
    inside = distance < gate
    return Pairs(track[inside], detection[inside], ratio[inside])


def with_radial_speed(
    frame: SensorFrame,
    rows: IntArray,
    mean: FloatArray,
    innovation: FloatArray,
    jacobian: FloatArray,
    noise: FloatArray,
    config: AssociationConfig,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Innovation (P, ..., 2), Jacobian (P, ..., 2, 5) and noise (P, 2, 2) with the radial speed as a third number.

    `mean` (P, ..., 5) of the tracks; the speed is that along the line of sight as the moving sensor measures it. It is
    the line to what reflects: beside a vehicle that is far from the line to its middle. How little is known of where
    that is makes part of the speed across the line noise.
    """
    told, variance = frame.detections.radial_speed, frame.detections.radial_speed_variance
    assert told is not None and variance is not None
    extra = (1,) * (mean.ndim - 2)
    sight = frame.center[rows, :2] - frame.origin[:2]
    distance = np.maximum(np.linalg.norm(sight, axis=1), 1.0)
    unit = sight / distance[:, None]
    across = np.column_stack([-unit[:, 1], unit[:, 0]])
    relative = mean[..., 2:4] - frame.sensor_velocity[:2]
    speed = told[rows].reshape(-1, *extra) - np.einsum("p...i,pi->p...", relative, unit)
    row = np.zeros((*mean.shape[:-1], 1, 5))
    row[..., 0, 2:4] = unit.reshape(-1, *extra, 2)
    sideways = (np.einsum("p...i,pi->p...", relative, across) ** 2).mean(axis=tuple(range(1, mean.ndim - 1)))
    angle = _REFLECTION_SHARE * np.einsum("pi,pij,pj->p", across, frame.covariance[rows, :2, :2], across) / distance**2
    full = np.zeros((len(rows), 3, 3))
    full[:, :2, :2] = noise
    full[:, 2, 2] = variance[rows] + config.radial_speed_deviation_mps**2 + angle * sideways
    return (
        np.concatenate([innovation, speed[..., None]], axis=-1),
        np.concatenate([np.broadcast_to(jacobian, (*mean.shape[:-1], 2, 5)), row], axis=-2),
        full,
    )


def log_clutter(frame: SensorFrame, config: AssociationConfig) -> FloatArray:
    """(J,) log density of what is not of a track; less where the detector is sure."""
    existence = frame.detections.existence_probability
    doubt = np.clip((1.0 - existence) / existence, 0.1, 10.0)
    log_density: FloatArray = np.log(config.clutter_density[frame.modality] * doubt)
    return log_density


def class_agreement(
    frame: SensorFrame, tracks: TrackTable, track: IntArray, detection: IntArray, config: AssociationConfig
) -> FloatArray:
    """(P,) log of how much more often both have the same class than by chance."""
    both = (tracks.class_probabilities[track] * frame.detections.class_probabilities[detection]).sum(axis=1)
    log_ratio: FloatArray = np.log(np.clip(NUM_CLASSES * both, config.class_floor, 1.0 / config.class_floor))
    return log_ratio
