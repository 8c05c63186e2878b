"""Who is sent through a town, and where."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from zoox_prediction.scene import AgentClass
from zoox_prediction.simulation.config import TrafficConfig
from zoox_prediction.simulation.demand import draw_demand, vehicle_type
from zoox_prediction.simulation.places import Places
from zoox_prediction.simulation.temperament import Stream, draw_driver, draw_walker, generator
from zoox_prediction.simulation.town import TownConfig, generate_town

pytest.importorskip("libsumo")

SUMO_CLASS = {AgentClass.CYCLIST: "bicycle", AgentClass.BUS: "bus", AgentClass.TRUCK: "truck"}


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return generate_town(21, tmp_path_factory.mktemp("town"), TownConfig(motorway=True))


def trips(demand):
    """Start and end by number."""
    elements = (ElementTree.fromstring(text) for _, text in demand.elements if text.startswith("<trip"))
    return {int(each.get("id")): (each.get("from"), each.get("to")) for each in elements}


def test_nobody_is_sent_where_he_cannot_get(town):
    places = Places(town.net_path)
    demand = draw_demand(town, places, 5, TrafficConfig(vehicles=400), 60.0)
    sent = trips(demand)
    assert len(sent) == len(demand.drivers) > 200
    for number, (start, end) in sent.items():
        agent_class = demand.drivers[number].agent_class
        sumo_class = SUMO_CLASS.get(agent_class, "passenger")
        assert places.allows(start, sumo_class) and places.allows(end, sumo_class), agent_class
        assert not places.turns_back(start, end)
        assert places.route(start, end, sumo_class)
        if agent_class in (AgentClass.BUS, AgentClass.TRUCK):
            assert {start, end} <= set(town.main_edges)
    assert any(end.startswith("motorway") for _, end in sent.values()), "the town has one, and cars use it"


def test_the_same_seed_draws_the_same_traffic(town):
    places = Places(town.net_path)
    first, again, other = (draw_demand(town, places, seed, TrafficConfig(), 30.0) for seed in (5, 5, 6))
    assert first.elements == again.elements != other.elements
    assert first.drivers == again.drivers and first.walkers == again.walkers


def test_a_vehicle_type_is_what_its_driver_is():
    driver = draw_driver(generator(3, Stream.CHARACTER, 8), AgentClass.BUS)
    described = ElementTree.fromstring(vehicle_type("8", driver))
    assert described.get("vClass") == "bus" and described.get("carFollowModel") == "IDM"
    assert float(described.get("tau")) == driver.headway_s and float(described.get("length")) == driver.size[0]
    assert described.get("sigma") == described.get("lcSigma") == "0", "nothing in SUMO is random"


def test_temperaments_differ_and_belong_to_the_agent():
    drivers = [draw_driver(generator(0, Stream.CHARACTER, number), AgentClass.CAR) for number in range(300)]
    assert drivers[7] == draw_driver(generator(0, Stream.CHARACTER, 7), AgentClass.CAR)
    assert len({each.headway_s for each in drivers}) > 50
    assert 0.5 < sum(each.polite for each in drivers) / 300 < 0.9
    walkers = [draw_walker(generator(0, Stream.CHARACTER, number)) for number in range(600)]
    with_phone = [each.speed_mps for each in walkers if each.phone]
    without = [each.speed_mps for each in walkers if not each.phone]
    assert 60 < len(with_phone) < 180
    assert sum(with_phone) / len(with_phone) < sum(without) / len(without) - 0.1
