"""Lane following over the road network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.models.baselines.heuristic import HeuristicPredictor
from zoox_prediction.models.baselines.lane_modes import LaneModes
from zoox_prediction.models.baselines.map_free_modes import standing_modes, turn_rate_acceleration_modes
from zoox_prediction.models.baselines.modes import Modes
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.scene import Scene


class LaneFollowing(HeuristicPredictor):
    """Vehicles and cyclists follow their lanes, standing ones stand; who has no lane turns and accelerates as now."""

    name = "lane_following"

    def modes(self, scene: Scene, motion: Motion) -> tuple[Modes, NDArray[np.bool_]]:
        everyone = np.arange(len(motion))
        turning = turn_rate_acceleration_modes(motion, everyone, self.config.turn_rate_acceleration)
        on_lane = np.zeros(len(motion), dtype=bool)
        parts = [standing_modes(motion, np.flatnonzero(motion.standing))]
        road = self._roads.of(scene.road_network)
        paths = road.paths(motion, self.config.road_use)
        if paths is not None:
            lanes = LaneModes(scene, motion, road, paths, turning, self.config)
            on_lane[paths.agent] = True
            waiting = np.flatnonzero(motion.standing[paths.agent])
            parts.append(lanes.drive([lanes.keep(), lanes.change(), lanes.give_way(), lanes.fast(waiting)]))
        parts.append(turning.select(~on_lane & ~motion.standing))
        return Modes.concatenate(parts), on_lane
