"""Standing still: what most of the traffic around a vehicle does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.models.baselines.heuristic import HeuristicPredictor
from zoox_prediction.models.baselines.map_free_modes import standing_modes
from zoox_prediction.models.baselines.modes import Modes
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.scene import Scene


class StandingStill(HeuristicPredictor):
    """Every agent stays where it is."""

    name = "standing_still"

    def modes(self, scene: Scene, motion: Motion) -> tuple[Modes, NDArray[np.bool_]]:
        modes = standing_modes(motion, np.arange(len(motion)))
        return modes, np.zeros(len(motion), dtype=bool)
