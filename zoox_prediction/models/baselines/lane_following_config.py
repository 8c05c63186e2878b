"""The configuration of the futures along lanes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LaneFollowingConfig:
    """How lanes are followed."""

    limit_share: float = 1.0  # of the speed limit that drivers tend to
    limit_weight: float = 0.15  # of that tendency against keeping today's speed
    joining_s: float = 1.5  # a lateral offset falls by e in the way of so many seconds
    min_joining_m: float = 8.0
    kept_offset_share: float = 0.3  # of today's offset that stays, for nobody drives on the exact centreline
    kept_offset_max_m: float = 0.5
    slow_speed_share: float = 0.4  # speed of the mode that gives way
    fast_speed_mps: float = 13.0  # that the mode which sets off tends to where there is no limit
    fast_speed_gain: float = 1.3  # the same, relative to today's speed
    bend_misfit_mps2: float = 1.5  # braking that a bend would need now: paths that need much more are not meant
    overlap_share: float = 0.8
    max_crossing_rad: float = 0.8
    stop_margin_m: float = 1.0  # between the front and the stop line
    max_red_deceleration_mps2: float = 6.0
    max_yellow_deceleration_mps2: float = 3.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value >= 0:
                raise ValueError(f"{name} must not be negative, got {value}")
        if not 0.0 <= self.kept_offset_share <= 1.0 or not 0.0 <= self.limit_weight <= 1.0:
            raise ValueError("kept_offset_share and limit_weight must be in [0, 1]")
