"""Settings of the tracker. Tuples of eight are in the order of AgentClass."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from zoox_prediction.config import check_positive
from zoox_prediction.scene import NUM_CLASSES


def _check_probability(config: object, *names: str) -> None:
    for name in names:
        if not 0.0 < getattr(config, name) < 1.0:
            raise ValueError(f"{name} must be above 0 and below 1, got {getattr(config, name):g}")


def _check_per_class(config: object, *names: str) -> None:
    for name in names:
        values = getattr(config, name)
        if len(values) != NUM_CLASSES or not all(math.isfinite(value) and value > 0.0 for value in values):
            raise ValueError(f"{name} must be {NUM_CLASSES} numbers above 0, got {list(values)}")


@dataclass(frozen=True)
class TimingConfig:
    """Which detections are taken when."""

    wait_s: float = 0.05  # `advance` applies what is older than this, so that late ones seldom cost a step back
    max_delay_s: float = 0.5  # later detections are refused; up to this they are applied at their place in time
    max_ahead_s: float = 0.5  # detections from further in the future are refused
    max_waiting: int = 400  # messages; the oldest ones are applied when there are more

    def __post_init__(self) -> None:
        check_positive(self, "max_delay_s", "max_ahead_s")
        if not 0.0 <= self.wait_s <= self.max_delay_s:
            raise ValueError(f"wait_s must be 0 to max_delay_s ({self.max_delay_s:g}), got {self.wait_s:g}")
        if self.max_waiting < 1:
            raise ValueError(f"max_waiting must be at least 1, got {self.max_waiting}")


@dataclass(frozen=True)
class MotionConfig:
    """The interacting models, in the order constant velocity, coordinated turn, standing."""

    mode_probabilities: tuple[float, ...] = (0.45, 0.2, 0.35)  # of an agent of which nothing is known
    mode_time_s: float = 2.0  # after which, on average, the model is drawn anew
    # White noise of the acceleration [m^2/s^3]
    acceleration_noise: tuple[float, ...] = (0.7, 0.45, 0.45, 0.9, 0.4, 0.15, 0.4, 0.4)
    turn_noise: float = 0.02  # white noise of the turn rate's change [rad^2/s^3]
    turn_deviation_radps: float = 0.25  # of the turn rate before anything is known of it
    standing_noise: float = 0.002  # white noise of the velocity of what stands [m^2/s]
    standing_deviation_mps: float = 0.1  # of the velocity of what stands
    # Of a new track's velocity along each axis
    birth_speed_deviation_mps: tuple[float, ...] = (7.0, 6.0, 6.0, 7.0, 4.0, 1.3, 2.0, 3.0)

    def __post_init__(self) -> None:
        check_positive(
            self, "mode_time_s", "turn_noise", "turn_deviation_radps", "standing_noise", "standing_deviation_mps"
        )
        _check_per_class(self, "acceleration_noise", "birth_speed_deviation_mps")
        modes = self.mode_probabilities
        if len(modes) != 3 or min(modes) <= 0.0 or abs(sum(modes) - 1.0) > 1e-6:
            raise ValueError(f"mode_probabilities must be three numbers above 0 that sum to 1, got {list(modes)}")


@dataclass(frozen=True)
class AssociationConfig:
    """Which detection is of which track. Modalities are in the order camera, thermal, lidar, radar."""

    gate_probability: float = 0.999  # that a track's detection lies within the gate
    # Of false detections and new objects together: per m^2, and for images per steradian.
    clutter_density: tuple[float, ...] = (2.0, 2.0, 0.002, 0.005)
    # What is off with a place in the same way at every scan, 1 sigma: of its deviation, and, per metre of distance, of
    # half the size.
    lasting_share: tuple[float, ...] = (0.5, 0.5, 0.18, 0.45)
    lasting_blur: tuple[float, ...] = (0.005, 0.005, 0.0026, 0.0035)
    clutter_speed_mps: float = 20.0  # radial speeds of clutter are spread over this
    class_floor: float = 0.2  # least weight of classes that disagree
    edge_deviation_m: float = 0.35  # of the side of a box that faces the sensor
    radar_deviation_m: float = 0.3  # of where on an object a radar's reflections come from
    radial_speed_deviation_mps: float = 0.15  # of its parts, on top of what the radar says
    bearing_deviation_rad: float = 0.012  # of images against the tracks: mounting, timing, shape
    bearing_size_share: float = 0.15  # 1 sigma of a box's side in the image, by shape and hidden parts

    def __post_init__(self) -> None:
        _check_probability(self, "gate_probability", "class_floor")
        check_positive(
            self, "clutter_speed_mps", "edge_deviation_m", "radar_deviation_m", "radial_speed_deviation_mps",
            "bearing_deviation_rad", "bearing_size_share",
        )  # fmt: skip
        for name in ("clutter_density", "lasting_share", "lasting_blur"):
            values = getattr(self, name)
            if len(values) != 4 or min(values) <= 0.0:
                raise ValueError(f"{name} must be four numbers above 0, got {list(values)}")


@dataclass(frozen=True)
class ExistenceConfig:
    """Birth, confirmation and death. Modalities are in the order camera, thermal, lidar, radar."""

    detection_probability: tuple[float, ...] = (0.6, 0.5, 0.9, 0.35)  # before a sensor's own record is known
    unseen_sector_probability: float = 0.02  # of detection where a sensor has never seen anything
    birth_share: tuple[float, ...] = (0.2, 0.2, 0.4, 0.25)  # of a detection's existence that a new track begins with
    survival_s: float = 30.0  # mean time until an agent that is not looked at is gone
    # What one detection can say for a track, as log odds: mirror images and clutter that stays are detected steadily.
    most_log_odds: tuple[float, ...] = (1.5, 1.5, 4.0, 3.0)
    # Looks of sensors of a kind that are closer in time than this are not independent: at confirmed tracks, at others.
    look_time_s: float = 0.4
    tentative_look_time_s: float = 0.1
    confirm_hits: int = 3  # instants of detection until a track is told of
    confirm_probability: float = 0.7
    # Detectors that doubt a thing every time are not wrong every time: mean existence of the detections that a track
    # needs to be told of at first, and to go on with.
    confirm_credit: float = 0.4
    tell_credit: float = 0.3
    tell_probability: float = 0.3  # confirmed tracks are told of down to this existence
    delete_probability: float = 0.05
    max_unseen_s: float = 4.0
    max_deviation_m: float = 6.0  # of the position; less certain tracks end
    lidar_timeout_s: float = 0.5  # images begin tracks when no lidar has looked for this long

    def __post_init__(self) -> None:
        check_positive(
            self, "survival_s", "look_time_s", "tentative_look_time_s", "max_unseen_s", "max_deviation_m",
            "lidar_timeout_s",
        )  # fmt: skip
        _check_probability(
            self,
            "unseen_sector_probability",
            "confirm_probability",
            "tell_probability",
            "delete_probability",
            "confirm_credit",
            "tell_credit",
        )
        for name in ("detection_probability", "birth_share"):
            values = getattr(self, name)
            if len(values) != 4 or not all(0.0 < value < 1.0 for value in values):
                raise ValueError(f"{name} must be four numbers above 0 and below 1, got {list(values)}")
        if len(self.most_log_odds) != 4 or min(self.most_log_odds) <= 0.0:
            raise ValueError(f"most_log_odds must be four numbers above 0, got {list(self.most_log_odds)}")
        if self.confirm_hits < 1:
            raise ValueError(f"confirm_hits must be at least 1, got {self.confirm_hits}")


@dataclass(frozen=True)
class AppearanceConfig:
    """Class, attributes, box."""

    class_weight: float = 0.3  # of one detection's classes; frames in a row are not independent
    attribute_weight: float = 0.5
    attribute_time_s: float = 1.5  # after which what was observed is worth 1/e
    attribute_log_odds: float = 0.3  # an attribute is told of while it is at least this sure either way
    yaw_noise: float = 0.05  # white noise of the heading [rad^2/s]
    # Slower agents have a heading by their box alone [m/s].
    course_speed_mps: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 0.7, 0.4, 0.4, 0.6)
    flip_distance_m: float = 1.5  # that an agent travels backwards before its heading is turned round

    def __post_init__(self) -> None:
        check_positive(
            self, "class_weight", "attribute_weight", "attribute_time_s", "attribute_log_odds", "yaw_noise",
            "flip_distance_m",
        )  # fmt: skip
        _check_per_class(self, "course_speed_mps")


@dataclass(frozen=True)
class CalibrationCheckConfig:
    """When an image sensor's mounting is doubted."""

    tolerance_rad: float = 0.035  # about 2 degrees
    min_boxes: int = 60  # that were compared before anything is said

    def __post_init__(self) -> None:
        check_positive(self, "tolerance_rad")
        if self.min_boxes < 1:
            raise ValueError(f"min_boxes must be at least 1, got {self.min_boxes}")


@dataclass(frozen=True)
class TrackingConfig:
    """Every part's config under the part's name."""

    max_detections: int = 500  # of one message; the most probable ones are kept
    max_tracks: int = 600  # the least probable ones end when there are more
    # The own vehicle on base_link; nothing within is told of.
    ego_front_m: float = 3.7
    ego_rear_m: float = -0.9
    ego_half_width_m: float = 0.95
    timing: TimingConfig = field(default_factory=TimingConfig)
    motion: MotionConfig = field(default_factory=MotionConfig)
    association: AssociationConfig = field(default_factory=AssociationConfig)
    existence: ExistenceConfig = field(default_factory=ExistenceConfig)
    appearance: AppearanceConfig = field(default_factory=AppearanceConfig)
    calibration: CalibrationCheckConfig = field(default_factory=CalibrationCheckConfig)

    def __post_init__(self) -> None:
        if self.max_detections < 1 or self.max_tracks < 1:
            raise ValueError("max_detections and max_tracks must be at least 1")
        if self.ego_front_m <= self.ego_rear_m or self.ego_half_width_m <= 0.0:
            raise ValueError("ego_front_m must be above ego_rear_m, and ego_half_width_m above 0")
