"""What sensors send, as arrays: point clouds, images with their cameras, and from where they were taken."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Measurement:
    """When, by which sensor, from where on the vehicle and in what motion something was measured."""

    stamp_ns: int
    frame_id: str  # of the sensor; the optical frame of a camera (REP-103: z ahead, x right, y down)
    sensor_name: str
    base_from_sensor: FloatArray = field(default_factory=lambda: np.eye(4))  # (4, 4), base_link on the ground (REP-105)
    velocity: FloatArray = field(default_factory=lambda: np.zeros(3))  # (3,) of the sensor over ground, its own axes
    angular_velocity: FloatArray = field(default_factory=lambda: np.zeros(3))  # (3,) [rad/s], its own axes


@dataclass(frozen=True)
class PointCloud:
    """N points in the frame of the sensor, without those that are not finite; what the sensor does not give is None."""

    position: NDArray[np.float32]  # (N, 3) [m]
    intensity: NDArray[np.float32] | None = None  # (N,) as the sensor scales it
    time_s: NDArray[np.float32] | None = None  # (N,) after the stamp of the cloud, negative before
    ring: NDArray[np.int32] | None = None  # (N,) number of the laser
    radial_speed: NDArray[np.float32] | None = None  # (N,) receding is positive, as measured by the sensor [m/s]
    rcs_dbsm: NDArray[np.float32] | None = None  # (N,) radar cross-section [dB of 1 m^2]
    num_dropped: int = 0  # points that were not finite

    def __len__(self) -> int:
        return len(self.position)


@dataclass(frozen=True)
class CameraModel:
    """A pinhole camera with lens distortion, as sensor_msgs/CameraInfo describes it."""

    matrix: FloatArray  # (3, 3) K
    distortion: FloatArray  # (D,) of the model, D = 0: none
    distortion_model: str  # plumb_bob, rational_polynomial, equidistant
    width_px: int
    height_px: int
