"""Agents whose future their attributes or the signals tell, picked out of a scene: what an ablation should cost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.evaluation.metrics import BoolArray, FloatArray
from zoox_prediction.models.baselines.classes import LimitsConfig
from zoox_prediction.models.baselines.lanes import RoadLookup, RoadUseConfig
from zoox_prediction.models.baselines.motion import MotionConfig, estimate_motion
from zoox_prediction.models.baselines.signals import lines_ahead, stopping_signals
from zoox_prediction.scene import VEHICLE_CLASSES, AgentClass, Attribute, Scene

# Name -> what is in it, for people. An agent may be in several; `others` are in none of those before them. Half of the
# agents of a town are parked and of no difficulty, so that all together say little about those who move.
SUBSETS = {
    "phone_pedestrians": "pedestrians seen holding a phone",
    "braking_vehicles": "vehicles with the brake light on that move",
    "indicating_vehicles": "vehicles with one indicator on",
    "leaving_cars": "vehicles seen as parked that move off within the time predicted",
    "cars_at_red": "vehicles whose lane shows red within 60 m ahead",
    "others": "everybody else",
    "moving": "everybody who truly moves by more than 2 m within the time predicted",
}

_MOVING_MPS = 1.0  # slower ones stand on their brakes
_MOVED_M = 2.0  # who is so far from the place now has moved
_RED_WITHIN_M = 60.0


class SubsetFinder:
    """Tells for the scenes of a recording who is in which of SUBSETS; keeps what it needs of the road network."""

    def __init__(self) -> None:
        self._roads = RoadLookup()

    def of(self, scene: Scene, future: FloatArray, future_valid: BoolArray) -> BoolArray:
        """(N, S) whether each agent of the scene is in each of SUBSETS; the future (N, T, 2) [m] is the true one."""
        agents = scene.agents
        on = agents.attributes & agents.attributes_valid
        vehicle = np.isin(agents.agent_class, VEHICLE_CLASSES)
        left, right = _has(on, Attribute.LEFT_INDICATOR), _has(on, Attribute.RIGHT_INDICATOR)
        away = np.linalg.norm(future - agents.position[:, None, :2], axis=2) > _MOVED_M
        moves = (away & future_valid).any(axis=1)
        subsets = [
            (agents.agent_class == AgentClass.PEDESTRIAN) & _has(on, Attribute.HOLDING_PHONE),
            vehicle & _has(on, Attribute.BRAKE_LIGHT) & (agents.speed > _MOVING_MPS),
            vehicle & (left != right),
            vehicle & _has(on, Attribute.PARKED) & moves,
            vehicle & self._faces_red(scene),
        ]
        others = ~np.any(subsets, axis=0)
        return np.stack([*subsets, others, moves], axis=1)

    def _faces_red(self, scene: Scene) -> BoolArray:
        """(N,) whether the line of a red signal is on the likeliest path of the agent and not far."""
        facing = np.zeros(len(scene), dtype=bool)
        red, _ = stopping_signals(scene.road_network, scene.signals)
        if not red.any():
            return facing
        road = self._roads.of(scene.road_network)
        motion = estimate_motion(scene, MotionConfig(), LimitsConfig())
        paths = road.paths(motion, RoadUseConfig(speed_reserve_mps=_RED_WITHIN_M / 8.0))  # a standing one looks so far
        if paths is None:
            return facing
        order = np.lexsort((-paths.share, paths.agent))
        likeliest = paths.select(order[np.r_[True, np.diff(paths.agent[order]) > 0]])
        front = 0.5 * motion.size[likeliest.agent, 0]
        rows, _, index = lines_ahead(likeliest, red, road.stop_points, front)
        near = index * likeliest.spacing_m - front[rows] <= _RED_WITHIN_M
        facing[likeliest.agent[rows[near]]] = True
        return facing


def _has(on: NDArray[np.uint32], attribute: Attribute) -> BoolArray:
    has: BoolArray = (on & np.uint32(attribute)) > 0
    return has
