"""What the learned predictor's losses weigh."""

from __future__ import annotations

from dataclasses import dataclass

from zoox_prediction.config import check_not_negative, check_positive, check_share


@dataclass(frozen=True)
class LossConfig:
    """Weights of the terms, and how the proposal that a truth belongs to is found."""

    position: float = 1.0
    final_position: float = 0.25  # of the last step that is known, on top
    likelihood: float = 0.2
    yaw: float = 1.0
    speed: float = 0.2
    mode: float = 1.0
    overlap: float = 0.1
    off_road: float = 0.1
    position_scale_m: float = 1.0  # errors above it count in proportion, below it by their square
    speed_scale_mps: float = 1.0
    path_share: float = 2.0  # weight of the path's distance from the truth, beside that of the proposal
    other_styles: float = 0.1  # weight of the styles of the best path that did not come closest
    tolerance_m: float = 0.4  # a proposal at this cost is a good answer too ...
    tolerance_share: float = 0.04  # ... and so much more per metre that the agent travels

    def __post_init__(self) -> None:
        check_not_negative(
            self, "position", "final_position", "likelihood", "yaw", "speed", "mode", "overlap", "off_road",
            "path_share", "tolerance_share",
        )  # fmt: skip
        check_positive(self, "position_scale_m", "speed_scale_mps", "tolerance_m")
        check_share(self, "other_styles")
