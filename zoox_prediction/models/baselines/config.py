"""The configuration of all heuristic predictors."""

from __future__ import annotations

from dataclasses import dataclass, field

from zoox_prediction.models.baselines.assembly import MergingConfig
from zoox_prediction.models.baselines.classes import LimitsConfig
from zoox_prediction.models.baselines.lane_changes import LaneChangeConfig
from zoox_prediction.models.baselines.lane_following_config import LaneFollowingConfig
from zoox_prediction.models.baselines.lanes import RoadUseConfig
from zoox_prediction.models.baselines.map_free_modes import StoppingConfig, TurnRateAccelerationConfig
from zoox_prediction.models.baselines.motion import MotionConfig
from zoox_prediction.models.baselines.pedestrian_modes import PedestrianConfig
from zoox_prediction.models.baselines.right_of_way import RightOfWayConfig
from zoox_prediction.models.baselines.speed_profile import DrivingConfig
from zoox_prediction.models.baselines.yielding import YieldingConfig


@dataclass(frozen=True)
class BaselinesConfig:
    """One section for each part that the heuristic predictors are built of; all predictors take all of it."""

    motion: MotionConfig = field(default_factory=MotionConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    turn_rate_acceleration: TurnRateAccelerationConfig = field(default_factory=TurnRateAccelerationConfig)
    stopping: StoppingConfig = field(default_factory=StoppingConfig)
    road_use: RoadUseConfig = field(default_factory=RoadUseConfig)
    driving: DrivingConfig = field(default_factory=DrivingConfig)
    lane_following: LaneFollowingConfig = field(default_factory=LaneFollowingConfig)
    lane_changes: LaneChangeConfig = field(default_factory=LaneChangeConfig)
    right_of_way: RightOfWayConfig = field(default_factory=RightOfWayConfig)
    yielding: YieldingConfig = field(default_factory=YieldingConfig)
    pedestrian: PedestrianConfig = field(default_factory=PedestrianConfig)
    merging: MergingConfig = field(default_factory=MergingConfig)
    calibration_file: str = ""  # YAML; empty: the one that ships with the package
