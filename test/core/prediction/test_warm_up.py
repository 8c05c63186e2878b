"""A new road network is made ready while the old one is in use."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import shapely

from zoox_prediction.evaluation.benchmark_scenes import scene_on
from zoox_prediction.evaluation.benchmark_town import town
from zoox_prediction.maps.road_network import Ragged, RoadNetwork
from zoox_prediction.models.baselines.mixture import HeuristicMixture
from zoox_prediction.prediction.warm_up import PerMapPredictor


class Noting:
    """Notes which scenes each instance was asked about."""

    name, version = "noting", "1"
    made: list[Noting]

    def __init__(self) -> None:
        self.scenes = []
        Noting.made.append(self)

    def predict(self, scene):
        self.scenes.append(scene)
        return self


def noting() -> PerMapPredictor:
    Noting.made = []
    return PerMapPredictor(Noting)


def test_every_map_has_a_predictor_of_its_own():
    first, second, third = (replace(town(1)) for _ in range(3))
    predictor = noting()
    scene = scene_on(first, 3)
    unprepared = predictor.predict(scene)
    predictor.prepare(first, scene)
    of_first = predictor.predict(scene)
    predictor.prepare(second, scene)
    of_second = predictor.predict(replace(scene, road_network=second))
    assert len({id(each) for each in (unprepared, of_first, of_second)}) == 3
    assert predictor.predict(scene) is of_first  # the last but one stays ready: cycles on it are still under way
    predictor.prepare(third)
    assert predictor.predict(scene) is unprepared
    assert predictor.predict(replace(scene, road_network=second)) is of_second


def test_the_agents_and_all_lanes_are_looked_at_with_pauses():
    network, scene, pauses = town(1), scene_on(RoadNetwork(), 3), []
    predictor = noting()
    predictor.prepare(network, scene, lambda: pauses.append(1))
    scenes = Noting.made[-1].scenes
    assert len(pauses) == len(scenes)
    assert all(each.road_network is network for each in scenes)
    assert scenes[0].agents is scene.agents
    places = np.concatenate([each.agents.position[:, :2] for each in scenes[1:]])
    assert len(places) == 3 * len(network.lanes)
    lines = shapely.linestrings(
        network.lanes.centerline.values,
        indices=np.repeat(np.arange(len(network.lanes)), np.diff(network.lanes.centerline.offsets)),
    )
    assert (shapely.distance(shapely.multipoints(places), lines) < 1e-6).all()


def test_maps_without_lanes_and_predictors_that_fail_are_survived():
    class Failing(Noting):
        def predict(self, scene):
            raise RuntimeError("no")

    Noting.made = []
    predictor = PerMapPredictor(Failing)
    predictor.prepare(RoadNetwork())
    lanes = town(1).lanes
    predictor.prepare(
        replace(
            town(1), lanes=replace(lanes, centerline=Ragged(lanes.centerline.values * 0.0, lanes.centerline.offsets))
        )
    )
    predictor.prepare(town(1), scene_on(RoadNetwork(), 2))
    assert len(Noting.made) == 4


def test_hardly_anything_is_left_to_prepare_for_agents_on_the_lanes():
    network = replace(town(2))
    scene = scene_on(network, 100)
    predictor = PerMapPredictor(HeuristicMixture)
    predictor.prepare(network)
    road = predictor._prepared[0][1]._roads._last
    assert road.network is network
    (fans,) = road.graph._fans.values()
    known = set(fans._fan)
    predictor.predict(scene)
    assert predictor._prepared[0][1]._roads._last is road
    cold = HeuristicMixture()
    cold.predict(scene)
    (fans_of_cold,) = cold._roads._last.graph._fans.values()
    assert len(set(fans_of_cold._fan) - known) < 0.2 * len(fans_of_cold._fan)


def test_a_predictor_with_preparations_of_its_own_is_not_asked_to_predict():
    class Preparing(Noting):
        def __init__(self) -> None:
            super().__init__()
            self.prepared = []

        def prepare(self, scene):
            self.prepared.append(scene)

    Noting.made = []
    predictor = PerMapPredictor(Preparing)
    predictor.prepare(town(1), scene_on(town(1), 3))
    assert len(Noting.made[-1].prepared) > 1
    assert not Noting.made[-1].scenes


def test_warming_up_shows_one_agent_and_many():
    predictor = noting()
    predictor.warm_up()
    counts = [len(scene) for scene in Noting.made[0].scenes]
    assert counts == [1, 64]
    HeuristicMixture().predict(Noting.made[0].scenes[1])  # a scene that a predictor can take


def test_a_predictor_that_fails_while_warming_up_is_left_to_its_cycle():
    class Failing(Noting):
        def predict(self, scene):
            raise RuntimeError("not yet")

    Noting.made = []
    PerMapPredictor(Failing).warm_up()
