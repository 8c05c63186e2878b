"""Constant velocity: the floor that every other predictor must beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.models.baselines.heuristic import HeuristicPredictor
from zoox_prediction.models.baselines.map_free_modes import constant_velocity_modes
from zoox_prediction.models.baselines.modes import Modes
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.scene import Scene


class ConstantVelocity(HeuristicPredictor):
    """Every agent goes on as it moves now."""

    name = "constant_velocity"

    def modes(self, scene: Scene, motion: Motion) -> tuple[Modes, NDArray[np.bool_]]:
        modes = constant_velocity_modes(motion, np.arange(len(motion)))
        return modes, np.zeros(len(motion), dtype=bool)
