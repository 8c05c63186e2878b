"""Parked cars: most stay, some let people in and out, and some pull out after their signs of it.

Before a parked car moves, its indicator blinks (unless its driver forgets), its front wheels turn to the road, and
where it stands close behind another it first rolls back with its reversing light on. Then it asks SUMO for a place in
the lane, which it gets when the gap is large enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.scene import Attribute
from zoox_prediction.simulation.temperament import Driver

DOOR_S = 4.0  # that a door stands open

_INDICATES_S, _TURNS_WHEELS_S = 3.0, 1.8  # before it asks for its place
_REVERSES_MPS, _BACK_S = 0.5, 2.0


class Phase(IntEnum):
    PARKED = 0
    REVERSING = 1
    WAITING = 2  # for a gap
    LEFT = 3  # drives


@dataclass
class ParkedCar:
    """One car at the kerb."""

    id: int
    driver: Driver
    center: NDArray[np.float64]  # (2,) [m]
    yaw: float
    road_side: float  # +1 where the lane lies to the left, -1 to the right
    leaves_s: float  # inf: stays
    reverses: bool
    forgets_indicator: bool
    door_s: float  # when a door opens; inf: none
    door_to_road: bool = True  # that of the driver; else one on the side of the kerb
    door_open_s: float = DOOR_S
    edges: tuple[str, ...] = ()  # its route from here
    lane: str = ""
    lane_position_m: float = 0.0  # of its front, in SUMO's reckoning
    phase: Phase = Phase.PARKED

    def step(self, time_s: float) -> Phase:
        """Goes on with what it does; `WAITING` for the first time is when SUMO must be asked for a place."""
        if self.phase == Phase.PARKED and time_s >= self.leaves_s - (_BACK_S if self.reverses else 0.0):
            self.phase = Phase.REVERSING if self.reverses else Phase.WAITING
        elif self.phase == Phase.REVERSING and time_s >= self.leaves_s:
            self.phase = Phase.WAITING
        return self.phase

    def postpone(self, seconds: float) -> None:
        """Its driver comes later: the door, and what follows it."""
        self.door_s += seconds
        self.leaves_s += seconds

    def reverse_speed(self, time_s: float) -> float:
        """[m/s] how fast it rolls back: up and down again within _BACK_S."""
        if self.phase != Phase.REVERSING:
            return 0.0
        share = 1.0 - (self.leaves_s - time_s) / _BACK_S
        return float(_REVERSES_MPS * np.sin(np.pi * np.clip(share, 0.0, 1.0)))

    def wheel_angle(self, time_s: float, largest_rad: float) -> float:
        """[rad] that its front wheels turn to."""
        turned = time_s >= self.leaves_s - _TURNS_WHEELS_S and self.phase in (Phase.PARKED, Phase.WAITING)
        return self.road_side * largest_rad if turned and not (self.reverses and self.phase == Phase.PARKED) else 0.0

    def attributes(self, time_s: float) -> Attribute:
        on = Attribute.PARKED if self.phase == Phase.PARKED else Attribute(0)
        if time_s >= self.leaves_s - _INDICATES_S and not self.forgets_indicator:
            on |= Attribute.LEFT_INDICATOR if self.road_side > 0.0 else Attribute.RIGHT_INDICATOR
        if self.phase == Phase.REVERSING:
            on |= Attribute.REVERSING_LIGHT
        if self.phase == Phase.WAITING:
            on |= Attribute.BRAKE_LIGHT
        if self.door_s <= time_s < self.door_s + self.door_open_s:
            on |= Attribute.DOOR_OPEN
        return on
