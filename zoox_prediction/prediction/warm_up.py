"""What a predictor prepares for a road network, and once, prepared before the first scene has a deadline to meet."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from zoox_prediction.maps.polylines import Polylines
from zoox_prediction.maps.road_network import LaneType, MapError, RoadNetwork
from zoox_prediction.prediction.predictor import Predictor
from zoox_prediction.scene import AgentClass, PredictedTrajectories, Scene, TrackedAgents

# Share of a lane and speed [m/s]: how far along the following lanes a predictor looks depends on both.
_PLACES = ((0.1, 3.0), (0.1, 12.0), (0.9, 20.0))
_AGENTS_PER_SCENE = 32  # keeps the scenes short enough to let predictions pass between them
_MAX_LANES = 2000  # of a larger map, evenly chosen
_WARM_UP_AGENTS = (1, 64)


class PerMapPredictor:
    """A predictor for each of the last two road networks, so that one is made ready while the other is in use.

    `predict` is for one caller at a time, as that of any predictor; `prepare` may run meanwhile in another thread.
    """

    def __init__(self, make: Callable[[], Predictor]) -> None:
        self._make = make
        self._fallback = make()  # for networks that were not prepared
        self._prepared: tuple[tuple[RoadNetwork, Predictor], ...] = ()
        self.name, self.version = self._fallback.name, self._fallback.version

    def warm_up(self) -> None:
        """Has the predictor see few and many agents without a map: first calls load, allocate and start threads."""
        for count in _WARM_UP_AGENTS:
            with contextlib.suppress(Exception):  # one that fails here fails in its cycle too, and is reported there
                self._fallback.predict(_scene_without_map(count))

    def predict(self, scene: Scene) -> PredictedTrajectories:
        """What the predictor of the scene's road network says."""
        for network, predictor in self._prepared:
            if network is scene.road_network:
                return predictor.predict(scene)
        return self._fallback.predict(scene)

    def prepare(
        self, network: RoadNetwork, now: Scene | None = None, give_way: Callable[[], None] = lambda: None
    ) -> None:
        """Makes a predictor that has seen `network`, and the scene `now` on it; `give_way` is called between scenes."""
        predictor = self._make()
        see = getattr(predictor, "prepare", predictor.predict)  # a network has nothing of its own to prepare for a map
        scenes = [] if now is None else [replace(now, road_network=network)]
        with contextlib.suppress(MapError):  # lanes that make no graph are left alone by every predictor
            scenes += _scenes_on(network)
        for scene in scenes:
            give_way()
            with contextlib.suppress(Exception):  # one that fails here fails in its cycle too, and is reported there
                see(scene)
        self._prepared = ((network, predictor), *self._prepared[:1])


def _scene_without_map(count: int) -> Scene:
    """Vehicles and walkers in rows, on their way."""
    position = 5.0 * np.column_stack(np.divmod(np.arange(count), 8))
    yaw = np.linspace(-3.0, 3.0, count)
    agent_class = np.where(np.arange(count) % 3, AgentClass.CAR, AgentClass.PEDESTRIAN)
    velocity = np.where(agent_class == AgentClass.CAR, 8.0, 1.4)[:, None] * np.column_stack([np.cos(yaw), np.sin(yaw)])
    agents = TrackedAgents.from_states(0, np.arange(count), agent_class, position, yaw, velocity)
    past_valid = np.ones((count, 1), dtype=bool)
    return Scene(0, agents, position[:, None], yaw[:, None], velocity[:, None], past_valid)


def _scenes_on(network: RoadNetwork) -> Iterator[Scene]:
    """Vehicles and cyclists all over every lane, slow and fast, a few lanes at a time."""
    lanes = network.lanes
    rows = np.arange(len(lanes))[:: max(-(-len(lanes) // _MAX_LANES), 1)]
    lines = Polylines(lanes.centerline, lanes.ids)
    agent_class = np.where(lanes.type[rows] == LaneType.BICYCLE, AgentClass.CYCLIST, AgentClass.CAR)
    for share, speed in _PLACES:
        position, yaw = lines.point_at(rows, share * lines.length[rows])
        velocity = speed * np.column_stack([np.cos(yaw), np.sin(yaw)])
        for start in range(0, len(rows), _AGENTS_PER_SCENE):
            part = slice(start, start + _AGENTS_PER_SCENE)
            ids = np.arange(start, start + len(position[part]))
            agents = TrackedAgents.from_states(0, ids, agent_class[part], position[part], yaw[part], velocity[part])
            now = (position[part, None], yaw[part, None], velocity[part, None])
            yield Scene(0, agents, *now, np.ones((len(ids), 1), dtype=bool), road_network=network)
