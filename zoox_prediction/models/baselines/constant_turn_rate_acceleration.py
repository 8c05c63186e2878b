"""Constant turn rate and acceleration (CTRA) within the physical limits of the class.

Schubert, Richter, Wanielik, "Comparison and evaluation of advanced motion models for vehicle tracking", FUSION 2008.
Nobody turns and accelerates on for eight seconds, so both fade exponentially; long fading times give the textbook's
model.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.models.baselines.heuristic import HeuristicPredictor
from zoox_prediction.models.baselines.map_free_modes import turn_rate_acceleration_modes
from zoox_prediction.models.baselines.modes import Modes
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.scene import Scene


class ConstantTurnRateAcceleration(HeuristicPredictor):
    """Every agent goes on turning and accelerating for a while."""

    name = "constant_turn_rate_acceleration"

    def modes(self, scene: Scene, motion: Motion) -> tuple[Modes, NDArray[np.bool_]]:
        modes = turn_rate_acceleration_modes(motion, np.arange(len(motion)), self.config.turn_rate_acceleration)
        return modes, np.zeros(len(motion), dtype=bool)
