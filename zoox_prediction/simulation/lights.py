"""The lights of vehicles, as far as they tell what comes: brake lights and indicators, with what drivers forget."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.simulation.temperament import Driver, Stream, generator
from zoox_prediction.simulation.walker_motion import STEP_S

_HOLD_S = 1.0  # an indicator goes on at least so long after SUMO has put it out
_BRAKES_MPS2 = -0.4
_STANDS_MPS = 0.1


class Indicators:
    """Left and right indicators of the vehicles by number, held a while, and left out where a driver forgets."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._since: dict[tuple[int, str], float] = {}  # time left that it stays on
        self._forgotten: dict[tuple[int, str], bool] = {}
        self._generators: dict[int, np.random.Generator] = {}

    def step(self, vehicle: int, driver: Driver, side: str, wanted: bool) -> bool:
        """Whether the indicator is on, one step after the last call."""
        key = (vehicle, side)
        left_s = self._since.get(key, 0.0)
        if wanted and left_s <= 0.0:  # a new manoeuvre
            own = self._generators.setdefault(vehicle, generator(self._seed, Stream.ATTRIBUTES, vehicle))
            self._forgotten[key] = bool(own.random() < driver.forgets_indicator)
        left_s = _HOLD_S if wanted else max(left_s - STEP_S, 0.0)
        self._since[key] = left_s
        return left_s > 0.0 and not self._forgotten.get(key, False)

    def forget(self, vehicle: int) -> None:
        """The vehicle has gone."""
        for side in ("left", "right"):
            self._since.pop((vehicle, side), None)
            self._forgotten.pop((vehicle, side), None)
        self._generators.pop(vehicle, None)


def brake_lights(
    pressed: NDArray[np.bool_], speed: NDArray[np.float64], acceleration: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """(N,) lit from when the pedal is pressed, while the vehicle slows down, and while it stands in traffic."""
    return pressed | (acceleration < _BRAKES_MPS2) | (np.abs(speed) < _STANDS_MPS)
