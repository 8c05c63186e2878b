"""The heuristics together: for every agent the six likeliest of all futures that physics, lanes and habits suggest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.models.baselines.classes import Group
from zoox_prediction.models.baselines.heuristic import HeuristicPredictor
from zoox_prediction.models.baselines.lane_modes import LaneModes
from zoox_prediction.models.baselines.map_free_modes import (
    constant_velocity_modes,
    creeping_modes,
    standing_modes,
    stopping_modes,
    turn_rate_acceleration_modes,
)
from zoox_prediction.models.baselines.modes import ModeKind, Modes
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.models.baselines.pedestrian_modes import pedestrian_modes
from zoox_prediction.scene import Scene


class HeuristicMixture(HeuristicPredictor):
    """Vehicles: lanes at several speeds, their curve, standing. Walkers: on, across, waiting, elsewhere, standing."""

    name = "heuristic_mixture"

    def modes(self, scene: Scene, motion: Motion) -> tuple[Modes, NDArray[np.bool_]]:
        driving = (motion.group == Group.VEHICLE) | (motion.group == Group.CYCLIST)
        config = self.config
        turning = turn_rate_acceleration_modes(motion, np.arange(len(motion)), config.turn_rate_acceleration)
        along_lanes, on_lane = self._lane_modes(scene, motion, turning)
        walks = ~driving | ((motion.group == Group.CYCLIST) & ~on_lane)
        walking = pedestrian_modes(
            motion,
            np.flatnonzero(walks),
            self._roads.of(scene.road_network).crosswalks,
            scene.signals,
            config.pedestrian,
            config.stopping,
            config.turn_rate_acceleration,
        )
        moving, still = np.flatnonzero(~walks & ~motion.standing), np.flatnonzero(~walks & motion.standing)
        free = [
            constant_velocity_modes(motion, moving),
            turning.select(moving),
            stopping_modes(motion, moving, config.stopping, config.turn_rate_acceleration.turn_rate_fading_s),
            standing_modes(motion, still),
            creeping_modes(motion, still, config.stopping),
            standing_modes(motion, np.flatnonzero(motion.standing), ModeKind.STIR),
        ]
        return Modes.concatenate([*along_lanes, walking, *free]), on_lane

    def _lane_modes(self, scene: Scene, motion: Motion, turning: Modes) -> tuple[list[Modes], NDArray[np.bool_]]:
        """Futures along the lanes, and who has some; `turning` is what everybody does who has none."""
        on_lane = np.zeros(len(motion), dtype=bool)
        road = self._roads.of(scene.road_network)
        paths = road.paths(motion, self.config.road_use)
        if paths is None:
            return [], on_lane
        on_lane[paths.agent] = True
        lanes = LaneModes(scene, motion, road, paths, turning, self.config)
        intents = [lanes.keep(), lanes.change(), lanes.slow(), lanes.give_way(), lanes.fast(lanes.main)]
        return [lanes.drive(intents)], on_lane
