"""What the sensors look at: the true world at one instant."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.scene import EgoState, TrackedAgents, TrafficSignals


class Light(str, Enum):
    DAY = "day"
    NIGHT = "night"


@dataclass(frozen=True)
class SensorTruth:
    """Everything in the map frame, on flat ground z = 0. Raises ValueError for a value that means nothing."""

    # The ego not among them; positions are the centres of the boxes, z too. Messages have the stamp of the agents.
    agents: TrackedAgents
    ego: EgoState
    ego_size: tuple[float, float] = (4.6, 1.9)  # length, width [m]
    ego_center_offset_m: float = 1.4  # from base_link forward to the centre of the box
    road_network: RoadNetwork = field(default_factory=RoadNetwork)
    signals: TrafficSignals = field(default_factory=TrafficSignals)
    light: Light = Light.DAY
    visibility_m: float = 20_000.0  # meteorological: 5% of the contrast is left; fog is below 1 km (WMO)
    ego_height_m: float = 1.6
    step_s: float = 0.1  # since the instant before; sensors whose period passes a beat within it are due

    def __post_init__(self) -> None:
        if not self.visibility_m > 0.0:
            raise ValueError(f"visibility_m must be above 0, got {self.visibility_m:g}")
        if not 0.0 < self.step_s < math.inf:
            raise ValueError(f"step_s must be above 0, got {self.step_s:g}")
        object.__setattr__(self, "light", Light(self.light))

    @property
    def stamp_ns(self) -> int:
        return self.agents.stamp_ns

    @property
    def extinction_per_m(self) -> float:
        """Of visible light: ln(20) / visibility (WMO Guide to Instruments, 2018, I.9: meteorological optical range)."""
        return math.log(20.0) / self.visibility_m
