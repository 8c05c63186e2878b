"""Tracks in images: their boxes as viewing angles, pairs with the boxes that a detector found, and what these say.

An image tells directions well and ranges badly. It turns a track towards the direction; the range is taken from where
the box stands on the ground and from how tall it looks only while no lidar and no radar tells it better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import rotation_matrix, wrap_angle
from zoox_prediction.tracking.association import Pairs, class_agreement, log_clutter
from zoox_prediction.tracking.config import AssociationConfig
from zoox_prediction.tracking.extent import usual_size
from zoox_prediction.tracking.sensor_frame import SensorFrame
from zoox_prediction.tracking.track_table import TrackTable

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (0.0, 1.0)])
_WIDEST_RAD = 1.75  # from the optical axis; what is farther round is not projected
_NEAREST_M = 1.0
_FARTHEST_M = 200.0
_SLOPE_DEVIATION_RAD = 0.006  # of the ground between the sensor and what stands on it
_MOST_SHAPE_PENALTY = 4.0  # of one side of a box, which may be hidden or cut off
_GATE = 9.21  # of direction: 99% of chi-square with two degrees of freedom


@dataclass(frozen=True)
class ProjectedTracks:
    """V tracks in the view of an image sensor."""

    rows: IntArray  # (V,) of the track table
    box: FloatArray  # (V, 4) left, top, right, bottom [rad]
    variance: FloatArray  # (V, 2) of azimuth and elevation, by the position's covariance
    distance: FloatArray  # (V,) over ground
    range_variance: FloatArray  # (V,)


@dataclass(frozen=True)
class BearingResiduals:
    """P pairs: where a detected box lies against the projected one."""

    direction: FloatArray  # (P, 2) azimuth and elevation, detected less projected [rad]
    variance: FloatArray  # (P, 2) of the measurement
    shape: FloatArray  # (P, 2) width and height, detected less projected
    shape_variance: FloatArray  # (P, 2)

    def select(self, rows: NDArray) -> BearingResiduals:
        return BearingResiduals(self.direction[rows], self.variance[rows], self.shape[rows], self.shape_variance[rows])


def project(frame: SensorFrame, tracks: TrackTable, position: FloatArray, covariance: FloatArray) -> ProjectedTracks:
    """Tracks at places (N, 2) with covariances (N, 2, 2)."""
    local = _CORNERS[None] * tracks.size[:, None]
    turned = np.einsum("nij,nkj->nki", rotation_matrix(tracks.yaw), local[:, :, :2])
    corners = np.concatenate([turned + position[:, None], local[:, :, 2:] + tracks.bottom[:, None, None]], axis=2)
    middle = np.column_stack([position, tracks.bottom + 0.5 * tracks.size[:, 2]])
    rotation = frame.map_from_sensor[:3, :3]
    azimuth, _ = _angles((middle - frame.origin) @ rotation)
    distance = np.linalg.norm(position - frame.origin[:2], axis=1)
    rows = np.flatnonzero((np.abs(azimuth) < _WIDEST_RAD) & (distance > _NEAREST_M) & (distance < _FARTHEST_M))
    around, elevation = _angles((corners[rows] - frame.origin) @ rotation)
    around = azimuth[rows, None] + wrap_angle(around - azimuth[rows, None])
    box = np.stack([around.max(axis=1), elevation.max(axis=1), around.min(axis=1), elevation.min(axis=1)], axis=1)
    sight = (position[rows] - frame.origin[:2]) / distance[rows, None]
    across = np.column_stack([-sight[:, 1], sight[:, 0]])
    range_variance = np.einsum("ni,nij,nj->n", sight, covariance[rows], sight)
    across_variance = np.einsum("ni,nij,nj->n", across, covariance[rows], across)
    drop = np.abs(middle[rows, 2] - frame.origin[2]) / distance[rows] ** 2
    variance = np.column_stack([across_variance / distance[rows] ** 2, drop**2 * range_variance])
    return ProjectedTracks(rows, box, variance, distance[rows], range_variance)


def _angles(direction: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(...,) azimuth, positive left, and elevation, positive up, of (..., 3) in the optical frame."""
    x, y, z = np.moveaxis(direction, -1, 0)
    return np.arctan2(-x, z), np.arctan2(-y, np.hypot(x, z))


def residuals(
    frame: SensorFrame, view: ProjectedTracks, seen: IntArray, detection: IntArray, config: AssociationConfig
) -> BearingResiduals:
    """Of pairs of rows of the view (P,) and of detections (P,).

    Both edges of an axis tell its middle, each as well as it was seen: hardly, where the border of the image cut it.
    """
    told, noise = frame.detections.bearing_box, frame.detections.bearing_covariance
    assert told is not None and noise is not None
    box = view.box[seen]
    difference = told[detection] - box
    difference[:, [0, 2]] = wrap_angle(difference[:, [0, 2]])
    sides = np.column_stack([box[:, 0] - box[:, 2], box[:, 1] - box[:, 3]])  # width, height
    unsure = (config.bearing_size_share * sides) ** 2
    first, second = noise[detection][:, :2] + unsure, noise[detection][:, 2:] + unsure
    weight = first + second
    direction = (difference[:, :2] * second + difference[:, 2:] * first) / weight
    variance = first * second / weight + config.bearing_deviation_rad**2
    nearer = sides * np.sqrt(view.range_variance[seen])[:, None] / view.distance[seen][:, None]
    return BearingResiduals(
        direction, variance, difference[:, :2] - difference[:, 2:], weight + 2.0 * unsure + nearer**2
    )


def image_pairs(
    frame: SensorFrame, tracks: TrackTable, view: ProjectedTracks, config: AssociationConfig
) -> tuple[Pairs, BearingResiduals]:
    """Pairs within the gate; the residuals are those of the pairs."""
    told = frame.detections.bearing_box
    assert told is not None
    reach = 0.5 * (view.box[:, 0] - view.box[:, 2]) + 4.0 * np.sqrt(view.variance[:, 0]) + 0.1
    center, middle = 0.5 * (view.box[:, 0] + view.box[:, 2]), 0.5 * (told[:, 0] + told[:, 2])
    apart = np.abs(wrap_angle(center[:, None] - middle[None]))
    seen, detection = np.nonzero(apart < reach[:, None] + 0.5 * (told[:, 0] - told[:, 2])[None])
    found = residuals(frame, view, seen, detection, config)
    spread = found.variance + view.variance[seen]
    distance = (found.direction**2 / spread).sum(axis=1)
    shape = np.minimum(0.5 * found.shape**2 / found.shape_variance, _MOST_SHAPE_PENALTY).sum(axis=1)
    log_density = -0.5 * (distance + np.log(spread).sum(axis=1)) - np.log(2.0 * np.pi) - shape
    track = view.rows[seen]
    ratio = log_density - log_clutter(frame, config)[detection]
    ratio += class_agreement(frame, tracks, track, detection, config)
    inside = np.flatnonzero(distance < _GATE)
    pairs = Pairs(track[inside], detection[inside], ratio[inside])
    return pairs, found.select(inside)


@dataclass(frozen=True)
class Sighting:
    """J image detections as places in the map, far less sure of the range than of the direction."""

    position: FloatArray  # (J, 2)
    covariance: FloatArray  # (J, 2, 2)
    bottom: FloatArray  # (J,)
    known: NDArray[np.bool_]  # (J,) whether the range could be told


def sightings(frame: SensorFrame, rows: IntArray, ground_z: float, config: AssociationConfig) -> Sighting:
    """Places of the detections `rows`, by where their boxes stand on the ground and by the height of their class."""
    box, noise = frame.detections.bearing_box, frame.detections.bearing_covariance
    assert box is not None and noise is not None
    box, noise = box[rows], noise[rows]
    size, size_variance = usual_size(frame.detections.class_probabilities[rows])
    azimuth = 0.5 * (box[:, 0] + box[:, 2])
    rotation = frame.map_from_sensor[:3, :3]
    lower = _direction(azimuth, box[:, 3]) @ rotation.T
    flat = np.hypot(lower[:, 0], lower[:, 1])
    slope = -lower[:, 2] / np.maximum(flat, 1e-3)  # downwards
    height = max(float(frame.origin[2]) - ground_z, 0.1)
    by_ground = height / np.maximum(slope, 1e-3)
    # Relative variances of the range.
    ground_variance = (noise[:, 3] + _SLOPE_DEVIATION_RAD**2) / np.maximum(slope, 1e-3) ** 2
    tall = np.maximum(np.tan(box[:, 1]) - np.tan(box[:, 3]), 1e-3)
    by_height = size[:, 2] / tall
    height_variance = size_variance[:, 2] / size[:, 2] ** 2 + (noise[:, 1] + noise[:, 3]) / tall**2
    weight = ground_variance + height_variance
    near = (by_ground * height_variance + by_height * ground_variance) / weight
    relative = ground_variance * height_variance / weight + 0.05**2
    depth = 0.25 * (size[:, 0] + size[:, 1])
    distance = near + depth
    sight = lower[:, :2] / np.maximum(flat, 1e-3)[:, None]
    across = np.column_stack([-sight[:, 1], sight[:, 0]])
    side = 0.5 * (noise[:, 0] + noise[:, 2]) + config.bearing_deviation_rad**2
    along_variance = relative * near**2 + (0.3 * depth) ** 2
    covariance = along_variance[:, None, None] * sight[:, :, None] * sight[:, None, :]
    covariance = covariance + (side * distance**2)[:, None, None] * across[:, :, None] * across[:, None, :]
    known = (near < _FARTHEST_M) & (relative < 0.35**2)
    position = frame.origin[:2] + distance[:, None] * sight
    return Sighting(position, covariance, np.full(len(rows), ground_z), known)


def _direction(azimuth: FloatArray, elevation: FloatArray) -> FloatArray:
    """(J, 3) in the optical frame."""
    level = np.cos(elevation)
    return np.column_stack([-np.sin(azimuth) * level, -np.sin(elevation), np.cos(azimuth) * level])
