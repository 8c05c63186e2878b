"""Settings of the lidar detector."""

from __future__ import annotations

from dataclasses import dataclass, field

from zoox_prediction.config import check_positive


@dataclass(frozen=True)
class GroundConfig:
    """How the ground is told from what stands on it, see `ground`."""

    num_sectors: int = 180
    ring_m: float = 0.5  # length of a cell at the sensor
    ring_growth: float = 0.02  # further length per metre of range
    max_slope: float = 0.3  # rise over run, against the plane of the vehicle
    step_m: float = 0.07  # what the ground may be off from cell to cell; a kerb is less than the clearance
    slope_change: float = 0.07  # further, per metre since the ground was last seen
    clearance_m: float = 0.25  # points up to this above the ground are taken for ground

    def __post_init__(self) -> None:
        check_positive(self, "ring_m", "max_slope", "step_m", "slope_change", "clearance_m")
        if not 8 <= self.num_sectors <= 3600:
            raise ValueError(f"num_sectors must be 8 to 3600, got {self.num_sectors}")
        if not 0.0 < self.ring_growth <= 0.2:
            raise ValueError(f"ring_growth must be above 0 and at most 0.2, got {self.ring_growth:g}")


@dataclass(frozen=True)
class ClusterConfig:
    """How points become objects, see `clustering`."""

    radii_m: tuple[float, ...] = (
        1.2,
        0.6,
        0.35,
        0.2,
    )  # the tree's levels, falling: cells nearer than this are one object
    radius_growth: float = 0.012  # further radius per metre of range, at every level
    min_points: int = 3
    max_length_m: float = 25.0  # of an object; what is longer is a wall
    max_cells: int = 12_000  # the farthest cells are left out when there are more

    def __post_init__(self) -> None:
        check_positive(self, "max_length_m")
        if not self.radii_m or list(self.radii_m) != sorted(set(self.radii_m), reverse=True) or self.radii_m[-1] <= 0:
            raise ValueError(f"radii_m must fall and be above 0, got {list(self.radii_m)}")
        if self.radius_growth < 0.0:
            raise ValueError(f"radius_growth must not be negative, got {self.radius_growth:g}")
        if self.min_points < 1 or self.max_cells < 1:
            raise ValueError("min_points and max_cells must be at least 1")


@dataclass(frozen=True)
class LidarDetectorConfig:
    """All of the lidar detector."""

    max_range_m: float = 100.0  # from the sensor, over the ground
    max_points: int = 250_000  # of a sweep; larger ones are thinned to a point per 0.1 m first
    max_height_m: float = 4.5  # above the ground; what is higher is driven under
    # The own vehicle on base_link: front, rear, left, right of its outline; points in it are its own.
    ego_front_m: float = 4.0
    ego_rear_m: float = -1.2
    ego_half_width_m: float = 1.1
    # Points that carry a time are moved to the stamp, unless they lie as if the driver had done so already (see
    # `motion`; of a lidar that does not spin this cannot be told: then off).
    compensate_ego_motion: bool = True
    min_existence: float = 0.1  # less probable objects are not detections
    max_detections: int = 300  # the most probable ones are kept
    classifier_file: str = ""  # empty: the package's own
    onnx_file: str = ""  # a learned detector in place of clusters, see `learned`
    ground: GroundConfig = field(default_factory=GroundConfig)
    clusters: ClusterConfig = field(default_factory=ClusterConfig)

    def __post_init__(self) -> None:
        check_positive(self, "max_range_m", "max_height_m", "ego_half_width_m")
        if self.ego_front_m <= self.ego_rear_m:
            raise ValueError(f"ego_front_m {self.ego_front_m:g} must be above ego_rear_m {self.ego_rear_m:g}")
        if not 0.0 <= self.min_existence < 1.0:
            raise ValueError(f"min_existence must be 0 to below 1, got {self.min_existence:g}")
        for name in ("max_points", "max_detections"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
