"""The detections of one message as the tracker takes them: checked, and in the map frame where they have a place."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detections import Detections, Modality

FloatArray = NDArray[np.float64]

_APPLIED_FIRST = {Modality.LIDAR: 0, Modality.RADAR: 1, Modality.CAMERA: 2, Modality.THERMAL: 3}
_LEAST_VARIANCE = 1e-4
_NO_SPEED_VARIANCE = 1e6


@dataclass(frozen=True)
class SensorFrame:
    """N detections of one sensor at one stamp, and its pose."""

    detections: Detections
    map_from_sensor: FloatArray  # (4, 4)
    sensor_velocity: FloatArray  # (3,) over ground, map frame
    center: FloatArray  # (N, 3) map frame; (0, 3) of images
    covariance: FloatArray  # (N, 3, 3) of the centre
    yaw: FloatArray  # (N,)
    yaw_variance: FloatArray  # (N,)

    @property
    def stamp_ns(self) -> int:
        return self.detections.stamp_ns

    @property
    def modality(self) -> Modality:
        return self.detections.modality

    @property
    def origin(self) -> FloatArray:
        """(3,) of the sensor."""
        return self.map_from_sensor[:3, 3]

    @property
    def order(self) -> tuple[int, int, str]:
        """Frames are applied in this order, whichever came first."""
        return self.stamp_ns, _APPLIED_FIRST[self.modality], self.detections.sensor_name

    def __len__(self) -> int:
        return len(self.detections)


def sensor_frame(
    detections: Detections, map_from_sensor: FloatArray, sensor_velocity: FloatArray, max_detections: int
) -> tuple[SensorFrame | None, list[str]]:
    """The frame and what is wrong with it, in one sentence each; None where nothing of it can be used.

    Rows with numbers that are not finite are left out, and the least probable ones above `max_detections`.
    """
    name, problems = detections.sensor_name, []
    pose, velocity = np.asarray(map_from_sensor, np.float64), np.asarray(sensor_velocity, np.float64)
    if pose.shape != (4, 4) or velocity.shape != (3,) or not (np.isfinite(pose).all() and np.isfinite(velocity).all()):
        return None, [f"{name}: the pose or velocity of the sensor is not finite, its detections are dropped"]
    missing = _missing(detections)
    if missing:
        return None, [f"{name}: detections without {missing}, they are dropped"]
    finite = _finite_rows(detections)
    if not finite.all():
        problems.append(f"{name}: {int((~finite).sum())} detections with numbers that are not finite are dropped")
        detections = detections.select(finite)
    if len(detections) > max_detections:
        problems.append(f"{name}: {len(detections)} detections, the {max_detections} most probable ones are kept")
        kept = np.argsort(-detections.existence_probability, kind="stable")[:max_detections]
        detections = detections.select(np.sort(kept))
    return _placed(_normalized(detections), pose, velocity), problems


def _missing(detections: Detections) -> str:
    """The name of a field that this modality must have."""
    needed = (
        ["bearing_box", "bearing_covariance"]
        if detections.modality.is_image
        else ["center", "yaw", "size", "covariance"]
    )
    if detections.modality == Modality.RADAR:
        needed += ["radial_speed", "radial_speed_variance"]
    return next((each for each in needed if getattr(detections, each) is None), "")


def _finite_rows(detections: Detections) -> NDArray[np.bool_]:
    """(N,) radial speed and temperature may be unknown."""
    finite = np.ones(len(detections), dtype=bool)
    for name in ("class_probabilities", "existence_probability", "attribute_confidence", "center", "yaw", "size",
                 "covariance", "bearing_box", "bearing_covariance"):  # fmt: skip
        values = getattr(detections, name)
        if values is not None:
            finite &= np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
    if detections.size is not None:
        finite &= (detections.size >= 0.0).all(axis=1)
    return finite


def _normalized(detections: Detections) -> Detections:
    """Probabilities within their bounds, variances above 0, unknown radial speeds as vague ones."""
    classes = np.maximum(detections.class_probabilities, 0.0) + 1e-6
    changed: dict = {
        "class_probabilities": classes / classes.sum(axis=1, keepdims=True),
        "existence_probability": np.clip(detections.existence_probability, 0.01, 0.99),
        "attribute_confidence": np.clip(detections.attribute_confidence, 0.0, 0.99),
    }
    if detections.bearing_covariance is not None:
        changed["bearing_covariance"] = np.maximum(detections.bearing_covariance, 1e-8)
    if detections.radial_speed is not None and detections.radial_speed_variance is not None:
        known = np.isfinite(detections.radial_speed) & np.isfinite(detections.radial_speed_variance)
        changed["radial_speed"] = np.where(known, detections.radial_speed, 0.0)
        changed["radial_speed_variance"] = np.where(
            known, np.maximum(detections.radial_speed_variance, _LEAST_VARIANCE), _NO_SPEED_VARIANCE
        )
    return replace(detections, **changed)


def _placed(detections: Detections, pose: FloatArray, velocity: FloatArray) -> SensorFrame:
    count = 0 if detections.center is None else len(detections)
    center, covariance = np.zeros((count, 3)), np.zeros((count, 3, 3))
    yaw, yaw_variance = np.zeros(count), np.zeros(count)
    if detections.center is not None and detections.yaw is not None and detections.covariance is not None:
        rotation = pose[:3, :3]
        center = detections.center @ rotation.T + pose[:3, 3]
        symmetric = 0.5 * (detections.covariance + detections.covariance.swapaxes(1, 2))
        # Correlations that cannot be are cut: what is left is at least the least variance in every direction.
        value, vector = np.linalg.eigh(symmetric[:, :3, :3])
        covariance = np.einsum("nij,nj,nkj->nik", vector, np.maximum(value, _LEAST_VARIANCE), vector)
        covariance = rotation @ covariance @ rotation.T
        ahead = np.column_stack([np.cos(detections.yaw), np.sin(detections.yaw)]) @ rotation[:2, :2].T
        yaw = np.arctan2(ahead[:, 1], ahead[:, 0])
        yaw_variance = np.maximum(symmetric[:, 3, 3], _LEAST_VARIANCE)
    return SensorFrame(detections, pose, velocity, center, covariance, yaw, yaw_variance)
