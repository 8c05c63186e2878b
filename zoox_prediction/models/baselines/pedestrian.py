"""Pedestrians (and animals and whatever is not recognised): goal-directed walking, crossing or not, standing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.models.baselines.classes import Group
from zoox_prediction.models.baselines.heuristic import HeuristicPredictor
from zoox_prediction.models.baselines.map_free_modes import turn_rate_acceleration_modes
from zoox_prediction.models.baselines.modes import Modes
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.models.baselines.pedestrian_modes import pedestrian_modes
from zoox_prediction.scene import Scene


class Pedestrian(HeuristicPredictor):
    """Walkers walk, wait and cross; vehicles and cyclists turn and accelerate as now."""

    name = "pedestrian"

    def modes(self, scene: Scene, motion: Motion) -> tuple[Modes, NDArray[np.bool_]]:
        walks = (motion.group == Group.PEDESTRIAN) | (motion.group == Group.OTHER)
        config = self.config
        walking = pedestrian_modes(
            motion,
            np.flatnonzero(walks),
            self._roads.of(scene.road_network).crosswalks,
            scene.signals,
            config.pedestrian,
            config.stopping,
            config.turn_rate_acceleration,
        )
        driving = turn_rate_acceleration_modes(motion, np.flatnonzero(~walks), config.turn_rate_acceleration)
        return Modes.concatenate([walking, driving]), np.zeros(len(motion), dtype=bool)
