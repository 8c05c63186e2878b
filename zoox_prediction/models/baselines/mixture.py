"""The heuristics together: for every agent the six likeliest of all futures that physics, lanes and habits suggest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.models.baselines.classes import Group
from zoox_prediction.models.baselines.heuristic import HeuristicPredictor
from zoox_prediction.models.baselines.lane_modes import LaneModes, main_rows, travel_of
from zoox_prediction.models.baselines.map_free_modes import (
    constant_velocity_modes,
    standing_modes,
    stopping_modes,
    turn_rate_acceleration_modes,
)
from zoox_prediction.models.baselines.modes import Modes
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.models.baselines.pedestrian_modes import pedestrian_modes
from zoox_prediction.scene import Scene


class HeuristicMixture(HeuristicPredictor):
    """Vehicles: their lanes at several speeds, their curve, standing. Walkers: on, across, waiting, elsewhere, standing."""

    name = "heuristic_mixture"

    def modes(self, scene: Scene, motion: Motion) -> tuple[Modes, NDArray[np.bool_]]:
        driving = (motion.group == Group.VEHICLE) | (motion.group == Group.CYCLIST)
        along_lanes, on_lane = self._lane_modes(scene, motion)
        config = self.config
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
        moving = np.flatnonzero(~walks & ~motion.standing)
        free = [
            constant_velocity_modes(motion, moving),
            turn_rate_acceleration_modes(motion, moving, config.turn_rate_acceleration),
            stopping_modes(motion, moving, config.stopping, config.turn_rate_acceleration.turn_rate_fading_s),
            standing_modes(motion, np.flatnonzero(~walks & motion.standing)),
        ]
        return Modes.concatenate([*along_lanes, walking, *free]), on_lane

    def _lane_modes(self, scene: Scene, motion: Motion) -> tuple[list[Modes], NDArray[np.bool_]]:
        """Futures along the lanes, and who has some."""
        on_lane = np.zeros(len(motion), dtype=bool)
        road = self._roads.of(scene.road_network)
        paths = road.paths(motion, self.config.road_use)
        if paths is None:
            return [], on_lane
        on_lane[paths.agent] = True
        lanes = LaneModes(scene, motion, road, paths, self.config.lane_following, self.config.driving)
        everyone = np.arange(len(motion))
        travel = travel_of(
            lanes, motion, turn_rate_acceleration_modes(motion, everyone, self.config.turn_rate_acceleration)
        )
        moving = ~motion.standing[paths.agent]
        main = main_rows(lanes.paths)
        return [
            lanes.keep(travel).select(moving),
            lanes.slow(travel, main[moving[main]]),
            lanes.fast(main),
        ], on_lane
