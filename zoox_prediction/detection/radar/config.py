"""Settings of the radar detectors."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.config import check_not_negative, check_positive
from zoox_prediction.geometry import wrap_angle


@dataclass(frozen=True)
class RadarAccuracy:
    """What the sensor measures a point with, 1 sigma."""

    range_m: float = 0.15
    azimuth_rad: float = 0.01
    radial_speed_mps: float = 0.15

    def __post_init__(self) -> None:
        check_positive(self, *vars(self))


@dataclass(frozen=True)
class EgoVelocityConfig:
    """How the radar's own velocity is found from what stands, and compared with odometry, see `ego_velocity`."""

    tolerance_mps: float = 0.4  # a point stands when its radial speed is this near to what the own motion says
    min_points: int = 6  # that stand
    min_share: float = 0.6  # of all points, that agree on a velocity
    max_odometry_share: float = 0.2  # odometry is wrong when not more of the points agree with it
    max_hypotheses: int = 800  # pairs of points that are tried
    frames_to_report: int = 5  # odometry has to be wrong for so many scans in a row

    def __post_init__(self) -> None:
        check_positive(self, "tolerance_mps")
        if self.min_points < 3 or self.max_hypotheses < 1 or self.frames_to_report < 1:
            raise ValueError("min_points must be at least 3, max_hypotheses and frames_to_report at least 1")
        if not 0.0 < self.max_odometry_share < self.min_share <= 1.0:
            raise ValueError("max_odometry_share must be above 0 and below min_share, which is at most 1")


@dataclass(frozen=True)
class RadarClusterConfig:
    """When two points belong to one object: near along the line of sight, across it, and in compensated speed."""

    along_m: float = 2.0
    across_m: float = 1.5
    across_growth: float = 0.05  # further per metre of range: what the beam smears
    speed_mps: float = 1.2
    speed_growth_mps: float = 10.0  # further per radian between the points: one motion seen from two sides
    min_points: int = 1
    max_length_m: float = 20.0  # what is longer is a wall or a guard rail

    def __post_init__(self) -> None:
        check_positive(self, "along_m", "across_m", "speed_mps", "max_length_m")
        check_not_negative(self, "across_growth", "speed_growth_mps")
        if self.min_points < 1:
            raise ValueError(f"min_points must be at least 1, got {self.min_points}")


@dataclass(frozen=True)
class ExistenceConfig:
    """Log-odds that something is there.

    The defaults follow a logistic regression on simulated scans with clutter and mirror images; what a further point
    says is taken to be less than there, since real clutter comes in groups too.
    """

    single: float = -1.2  # one standing point of -5 dBsm
    per_doubling: float = 2.5  # of the number of points
    max_doublings: float = 6.0  # that count; more tell nothing further
    moving: float = 2.0  # something that moves over ground
    per_10_db: float = 0.5  # of radar cross-section
    hidden: float = -0.8  # behind something nearer and stronger
    reflected: float = -0.3  # and something else would be seen there in a mirror

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not math.isfinite(value):
                raise ValueError(f"{name} must be finite, got {value:g}")


@dataclass(frozen=True)
class RadarDetectorConfig:
    """All of the radar detector."""

    max_range_m: float = 150.0
    max_height_m: float = 4.0  # above the ground; bridges and signs are higher
    min_height_m: float = -2.0  # what seems lower came by way of the road
    # The own vehicle on base_link: front, rear, left, right of its outline; points in it are its own.
    ego_front_m: float = 4.0
    ego_rear_m: float = -1.2
    ego_half_width_m: float = 1.1
    min_existence: float = 0.2  # less probable objects are not detections
    max_points: int = 4000  # the strongest are kept
    max_detections: int = 200  # the most probable are kept
    accuracy: RadarAccuracy = field(default_factory=RadarAccuracy)
    ego_velocity: EgoVelocityConfig = field(default_factory=EgoVelocityConfig)
    clusters: RadarClusterConfig = field(default_factory=RadarClusterConfig)
    existence: ExistenceConfig = field(default_factory=ExistenceConfig)

    def __post_init__(self) -> None:
        check_positive(self, "max_range_m", "max_height_m", "ego_half_width_m")
        if self.min_height_m >= self.max_height_m:
            raise ValueError(f"min_height_m {self.min_height_m:g} must be below max_height_m {self.max_height_m:g}")
        if self.ego_front_m <= self.ego_rear_m:
            raise ValueError(f"ego_front_m {self.ego_front_m:g} must be above ego_rear_m {self.ego_rear_m:g}")
        if not 0.0 <= self.min_existence < 1.0:
            raise ValueError(f"min_existence must be 0 to below 1, got {self.min_existence:g}")
        if self.max_points < 1 or self.max_detections < 1:
            raise ValueError("max_points and max_detections must be at least 1")


@dataclass(frozen=True)
class PolarImageConfig:
    """What the pixels of a scanning radar's image mean; the defaults are those of RADIATE's."""

    range_resolution_m: float = 0.173611
    first_azimuth_rad: float = 0.0  # where the first row begins, counter-clockwise from +x of the sensor
    clockwise: bool = True
    turn_s: float = 0.245  # the last row ends at the stamp; 0: everything is measured at the stamp

    def __post_init__(self) -> None:
        check_positive(self, "range_resolution_m")
        check_not_negative(self, "turn_s")
        if not math.isfinite(self.first_azimuth_rad):
            raise ValueError(f"first_azimuth_rad must be finite, got {self.first_azimuth_rad:g}")

    def azimuth_rad(self, rows: int) -> NDArray[np.float64]:
        """(rows,) counter-clockwise from +x, of the middle of each row."""
        share = (np.arange(rows) + 0.5) / max(rows, 1)
        return wrap_angle(self.first_azimuth_rad + (-1.0 if self.clockwise else 1.0) * 2.0 * np.pi * share)

    def time_s(self, rows: int) -> NDArray[np.float64]:
        """(rows,) when each row was measured, after the stamp."""
        share = (np.arange(rows) + 0.5) / max(rows, 1)
        times: NDArray[np.float64] = self.turn_s * (share - 1.0)
        return times


@dataclass(frozen=True)
class CfarConfig:
    """Which cells of a scanning radar's image are echoes, see `cfar`."""

    training_m: float = 6.0  # on either side: the cells that tell the noise
    guard_m: float = 1.5  # on either side of the cell between it and those
    threshold_deviations: float = 2.8  # above the mean of the noise
    min_contrast: float = 8.0  # further above it, in units of the image
    min_range_m: float = 2.5  # nearer is the sensor's own housing and vehicle
    separation_m: float = 0.5  # of two echoes in one direction

    def __post_init__(self) -> None:
        check_positive(self, "training_m", "threshold_deviations", "separation_m")
        check_not_negative(self, "guard_m", "min_contrast", "min_range_m")


# Images show everything that stands, and neither how fast nor how strong in absolute terms: most of it is no agent. The
# same settings have other defaults for them, each on its own, so that a file may change one and keep the others.
@dataclass(frozen=True)
class ScanningAccuracy(RadarAccuracy):
    range_m: float = 0.2
    azimuth_rad: float = 0.016


@dataclass(frozen=True)
class ScanningClusterConfig(RadarClusterConfig):
    along_m: float = 0.8
    across_m: float = 0.6
    across_growth: float = 0.016
    min_points: int = 4
    max_length_m: float = 14.0


@dataclass(frozen=True)
class ScanningExistenceConfig(ExistenceConfig):
    single: float = -4.5
    per_doubling: float = 1.0
    max_doublings: float = 3.0  # walls have the most points


@dataclass(frozen=True)
class ScanningDetectorConfig(RadarDetectorConfig):
    min_existence: float = 0.05
    accuracy: ScanningAccuracy = field(default_factory=ScanningAccuracy)
    clusters: ScanningClusterConfig = field(default_factory=ScanningClusterConfig)
    existence: ScanningExistenceConfig = field(default_factory=ScanningExistenceConfig)


@dataclass(frozen=True)
class ScanningRadarConfig:
    """All of the detector for images of a scanning radar."""

    image: PolarImageConfig = field(default_factory=PolarImageConfig)
    cfar: CfarConfig = field(default_factory=CfarConfig)
    detector: ScanningDetectorConfig = field(default_factory=ScanningDetectorConfig)
