"""The sensors of a vehicle as `config/sensor_suite.yaml` gives them, each with its place, its view and its noise.

Mounting poses are those of the sensor's axes x forward, y left, z up (REP-103) on base_link. The messages of cameras
and thermal cameras are in their optical frame, z forward, x right, y down, which lies in the same place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from zoox_prediction.config import check_not_negative, check_share
from zoox_prediction.detections import Modality

# Rotation of the optical axes, as columns, in the axes x forward, y left, z up.
_BODY_FROM_OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def _check(holds: bool, sentence: str) -> None:
    """Raises ValueError with the sentence unless it holds; the loader adds the key before it."""
    if not holds:
        raise ValueError(sentence)


@dataclass(frozen=True)
class Mount:
    """Pose of a sensor on base_link; fixed-axis roll, pitch, yaw as in URDF. A positive pitch looks down."""

    x_m: float
    y_m: float
    z_m: float
    roll_rad: float = 0.0
    pitch_rad: float = 0.0
    yaw_rad: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            _check(math.isfinite(value), f"{name} must be finite, got {value:g}")

    @property
    def base_from_sensor(self) -> NDArray[np.float64]:
        """(4, 4) of the axes x forward, y left, z up."""
        matrix = np.eye(4)
        matrix[:3, :3] = Rotation.from_euler("xyz", [self.roll_rad, self.pitch_rad, self.yaw_rad]).as_matrix()
        matrix[:3, 3] = self.x_m, self.y_m, self.z_m
        return matrix

    @property
    def base_from_optical(self) -> NDArray[np.float64]:
        """(4, 4) of the axes z forward, x right, y down."""
        matrix = self.base_from_sensor
        matrix[:3, :3] = matrix[:3, :3] @ _BODY_FROM_OPTICAL
        return matrix


@dataclass(frozen=True, kw_only=True)
class SensorConfig:
    """What all sensors have. `name` is the key of the entry."""

    name: str
    modality: Modality
    topic: str  # of the points or the image
    frame_id: str  # of the messages
    mount: Mount
    rate_hz: float = 10.0
    horizontal_fov_rad: float  # about the x axis of the mounting

    def __post_init__(self) -> None:
        _check(self.topic.startswith("/") and len(self.topic) > 1, f"topic must begin with /, got '{self.topic}'")
        _check(bool(self.frame_id), "frame_id must not be empty")
        _check(0.01 <= self.rate_hz <= 1000.0, f"rate_hz must be 0.01 to 1000, got {self.rate_hz:g}")
        _check(
            0.0 < self.horizontal_fov_rad <= 2.0 * math.pi + 1e-4,
            f"horizontal_fov_rad must be above 0 and at most 2 pi, got {self.horizontal_fov_rad:g}",
        )

    @property
    def period_ns(self) -> int:
        return round(1e9 / self.rate_hz)

    @property
    def base_from_frame(self) -> NDArray[np.float64]:
        """(4, 4) pose on base_link of the frame `frame_id`."""
        return self.mount.base_from_sensor


@dataclass(frozen=True)
class LidarNoise:
    range_deviation_m: float = 0.02  # 1 sigma
    intensity_deviation: float = 3.0  # 1 sigma, of 0 to 255
    dropout: float = 0.005  # share of returns that are lost anywhere
    range_dropout: float = 0.2  # further share at max_range_m, growing with the square of the range
    grazing_dropout: float = 0.9  # further share at grazing incidence, times (1 - cos of the angle of incidence)^32

    def __post_init__(self) -> None:
        check_not_negative(self, "range_deviation_m", "intensity_deviation")
        check_share(self, "dropout", "range_dropout", "grazing_dropout")


@dataclass(frozen=True, kw_only=True)
class LidarConfig(SensorConfig):
    """Rings at fixed elevations, turned through `num_azimuths` columns from right to left."""

    elevations_rad: tuple[float, ...]  # of the rings, rising
    num_azimuths: int
    min_range_m: float = 0.5
    max_range_m: float = 150.0
    # One sweep takes this long and ends at the stamp; agents move meanwhile. 0: everything is measured at the stamp.
    sweep_s: float = 0.0
    compensate_ego_motion: bool = True  # points of a sweep are where they are from the sensor's place at the stamp
    coordinate_step_m: float = 2.0**-9  # x, y, z are rounded to this; powers of two compress best
    noise: LidarNoise = field(default_factory=LidarNoise)

    def __post_init__(self) -> None:
        super().__post_init__()
        rings = np.array(self.elevations_rad)
        rising = len(rings) > 0 and bool((np.diff(rings) > 0.0).all()) and bool((np.abs(rings) < np.pi / 2.0).all())
        _check(rising, "elevations_rad must rise and lie between -pi/2 and pi/2")
        _check(1 <= self.num_azimuths <= 100_000, f"num_azimuths must be 1 to 100000, got {self.num_azimuths}")
        _check(
            0.0 < self.min_range_m < self.max_range_m < math.inf,
            f"min_range_m must be above 0 and below max_range_m, got {self.min_range_m:g} and {self.max_range_m:g}",
        )
        _check(0.0 <= self.sweep_s <= 1.0, f"sweep_s must be 0 to 1, got {self.sweep_s:g}")
        step = self.coordinate_step_m
        _check(1e-6 <= step <= 1.0, f"coordinate_step_m must be 1e-6 to 1, got {step:g}")


@dataclass(frozen=True)
class RadarNoise:
    range_deviation_m: float = 0.1  # 1 sigma each
    azimuth_deviation_rad: float = 0.006
    elevation_deviation_rad: float = 0.015
    radial_speed_deviation_mps: float = 0.1
    limb_speed_deviation_mps: float = 0.5  # of the limbs of pedestrians, animals and cyclists, on top
    clutter_mean: float = 6.0  # false detections of things that stand, per scan
    ghost_probability: float = 0.3  # of every mirror image that geometry allows

    def __post_init__(self) -> None:
        deviations = [name for name in vars(self) if name.endswith(("deviation_m", "deviation_rad", "deviation_mps"))]
        check_not_negative(self, *deviations, "clutter_mean")
        check_share(self, "ghost_probability")


@dataclass(frozen=True, kw_only=True)
class RadarConfig(SensorConfig):
    """A scan is one instant. Reflections nearer to each other than the resolution are one detection."""

    vertical_fov_rad: float = 0.3
    min_range_m: float = 0.5
    max_range_m: float = 120.0
    range_resolution_m: float = 1.0
    azimuth_resolution_rad: float = 0.05
    max_detections_per_agent: int = 10
    snr_at_100_m_db: float = 15.0  # of a target of 1 m^2 (0 dBsm)
    detection_threshold_db: float = 8.0
    noise: RadarNoise = field(default_factory=RadarNoise)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check(0.0 < self.vertical_fov_rad < math.pi, f"vertical_fov_rad must be 0 to pi, got {self.vertical_fov_rad}")
        _check(
            0.0 < self.min_range_m < self.max_range_m < math.inf,
            f"min_range_m must be above 0 and below max_range_m, got {self.min_range_m:g} and {self.max_range_m:g}",
        )
        for name in ("range_resolution_m", "azimuth_resolution_rad"):
            _check(0.0 < getattr(self, name) < math.inf, f"{name} must be above 0, got {getattr(self, name):g}")
        _check(self.max_detections_per_agent >= 1, "max_detections_per_agent must be at least 1")


@dataclass(frozen=True, kw_only=True)
class ImageConfig(SensorConfig):
    """A pinhole without distortion, square pixels, the principal point in the middle."""

    info_topic: str  # of the CameraInfo
    width_px: int
    height_px: int

    def __post_init__(self) -> None:
        super().__post_init__()
        _check(self.info_topic.startswith("/"), f"info_topic must begin with /, got '{self.info_topic}'")
        _check(self.info_topic != self.topic, "info_topic must not be the topic of the image")
        for name in ("width_px", "height_px"):
            _check(8 <= getattr(self, name) <= 4096, f"{name} must be 8 to 4096, got {getattr(self, name)}")
        _check(
            self.horizontal_fov_rad <= 2.8,
            f"horizontal_fov_rad of a pinhole must be at most 2.8, got {self.horizontal_fov_rad:g}",
        )

    @property
    def camera_matrix(self) -> NDArray[np.float64]:
        """(3, 3) K; whole numbers are the centres of pixels."""
        focal = 0.5 * self.width_px / math.tan(0.5 * self.horizontal_fov_rad)
        center = 0.5 * (self.width_px - 1), 0.5 * (self.height_px - 1)
        return np.array([[focal, 0.0, center[0]], [0.0, focal, center[1]], [0.0, 0.0, 1.0]])

    @property
    def base_from_frame(self) -> NDArray[np.float64]:
        return self.mount.base_from_optical


@dataclass(frozen=True, kw_only=True)
class CameraConfig(ImageConfig):
    noise_deviation: float = 1.5  # 1 sigma of the brightness, of 255
    jpeg_quality: int = 80

    def __post_init__(self) -> None:
        super().__post_init__()
        check_not_negative(self, "noise_deviation")
        _check(1 <= self.jpeg_quality <= 100, f"jpeg_quality must be 1 to 100, got {self.jpeg_quality}")


@dataclass(frozen=True, kw_only=True)
class ThermalConfig(ImageConfig):
    """A longwave-infrared camera; 16 bit pixels of apparent temperature in centikelvin."""

    noise_deviation_k: float = 0.05  # 1 sigma per pixel and image (NETD)
    fixed_pattern_deviation_k: float = 0.05  # 1 sigma of the columns' and rows' offsets, which stay the same
    blur_px: float = 0.7  # 1 sigma of the optics and the detector
    step_ck: int = 1  # temperatures are rounded to this [centikelvin]; coarser images compress better

    def __post_init__(self) -> None:
        super().__post_init__()
        check_not_negative(self, "noise_deviation_k", "fixed_pattern_deviation_k", "blur_px")
        _check(1 <= self.step_ck <= 1000, f"step_ck must be 1 to 1000, got {self.step_ck}")


@dataclass(frozen=True)
class OdometryConfig:
    """Noise of the localisation, see `odometry`; nothing is published while `topic` is empty."""

    topic: str = ""
    rate_hz: float = 10.0
    drift_deviation_m: float = 0.1  # 1 sigma each
    drift_deviation_rad: float = 0.003
    drift_time_s: float = 60.0  # the drift changes over such times
    position_deviation_m: float = 0.01  # white
    yaw_deviation_rad: float = 0.0005
    speed_deviation_mps: float = 0.03
    yaw_rate_deviation_radps: float = 0.002

    def __post_init__(self) -> None:
        _check(self.topic == "" or self.topic.startswith("/"), f"topic must begin with /, got '{self.topic}'")
        _check(0.01 <= self.rate_hz <= 1000.0, f"rate_hz must be 0.01 to 1000, got {self.rate_hz:g}")
        _check(self.drift_time_s > 0.0, f"drift_time_s must be above 0, got {self.drift_time_s:g}")
        check_not_negative(self, *(name for name in vars(self) if "deviation" in name))

    @property
    def period_ns(self) -> int:
        return round(1e9 / self.rate_hz)


@dataclass(frozen=True)
class SuiteConfig:
    """All sensors, in the order of the file."""

    sensors: tuple[SensorConfig, ...]
    odometry: OdometryConfig = field(default_factory=OdometryConfig)

    def __post_init__(self) -> None:
        topics = [sensor.topic for sensor in self.sensors]
        topics += [sensor.info_topic for sensor in self.sensors if isinstance(sensor, ImageConfig)]
        for what, values in (("topic", topics), ("frame_id", [sensor.frame_id for sensor in self.sensors])):
            twice = next((value for value in values if values.count(value) > 1), None)
            _check(twice is None, f"two sensors have the {what} '{twice}'; give each its own")
