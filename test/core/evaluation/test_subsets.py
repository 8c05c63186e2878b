"""Who counts as whom in the ablation's table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zoox_prediction.evaluation.subsets import SUBSETS, SubsetFinder
from zoox_prediction.maps.records import LaneRecord, lanes_from_records
from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.scene import AgentClass, Attribute, Scene, SignalState, TrackedAgents, TrafficSignals

ALL = np.uint32(sum(Attribute))
NAMES = list(SUBSETS)


def _scene(agent_class, attributes, position=(0.0, 0.0), speed=5.0, valid=ALL, **more) -> Scene:
    """One agent that drives along x."""
    agents = TrackedAgents.from_states(
        0,
        np.array([1]),
        np.array([agent_class]),
        np.array([position]),
        np.zeros(1),
        np.array([[speed, 0.0]]),
        attributes=np.array([attributes], dtype=np.uint32),
        attributes_valid=np.array([valid], dtype=np.uint32),
    )
    times = (np.arange(21) - 20) * 0.1
    past = np.stack([position[0] + speed * times, np.full(21, position[1])], axis=1)
    return Scene(
        stamp_ns=0,
        agents=agents,
        past_position=past[None],
        past_yaw=np.zeros((1, 21)),
        past_velocity=np.tile([speed, 0.0], (1, 21, 1)),
        past_valid=np.ones((1, 21), dtype=bool),
        **more,
    )


def _subsets(scene: Scene, moves_m: float = 40.0) -> set[str]:
    """Without `moving`, which does not depend on what the agent shows."""
    future = scene.agents.position[:, None, :2] + np.linspace(0.0, moves_m, 80)[None, :, None] * [1.0, 0.0]
    found = SubsetFinder().of(scene, future, np.ones((1, 80), dtype=bool))
    assert found[0, NAMES.index("moving")] == (moves_m > 2.0)
    return {NAMES[index] for index in np.flatnonzero(found[0])} - {"moving"}


@pytest.mark.parametrize(
    ("agent_class", "attributes", "expected"),
    [
        (AgentClass.PEDESTRIAN, Attribute.HOLDING_PHONE, {"phone_pedestrians"}),
        (AgentClass.CYCLIST, Attribute.HOLDING_PHONE, {"others"}),
        (AgentClass.CAR, Attribute.BRAKE_LIGHT, {"braking_vehicles"}),
        (AgentClass.TRUCK, Attribute.LEFT_INDICATOR, {"indicating_vehicles"}),
        (AgentClass.CAR, Attribute.LEFT_INDICATOR | Attribute.RIGHT_INDICATOR, {"others"}),
        (
            AgentClass.BUS,
            Attribute.BRAKE_LIGHT | Attribute.RIGHT_INDICATOR,
            {"braking_vehicles", "indicating_vehicles"},
        ),
        (AgentClass.CAR, Attribute(0), {"others"}),
    ],
)
def test_attributes_decide(agent_class, attributes, expected):
    assert _subsets(_scene(agent_class, attributes)) == expected
    assert _subsets(_scene(agent_class, attributes, valid=0)) == {"others"}, "what was not observed does not count"


def test_a_car_that_stands_on_its_brakes_does_not_brake():
    assert _subsets(_scene(AgentClass.CAR, Attribute.BRAKE_LIGHT, speed=0.0)) == {"others"}


def test_a_parked_car_leaves_when_it_truly_moves_off():
    parked = _scene(AgentClass.CAR, Attribute.PARKED, speed=0.0)
    assert _subsets(parked, moves_m=20.0) == {"leaving_cars"}
    assert _subsets(parked, moves_m=1.0) == {"others"}
    future = np.full((1, 80, 2), 50.0)
    unseen = SubsetFinder().of(parked, future, np.zeros((1, 80), dtype=bool))
    assert not unseen[0, NAMES.index("leaving_cars")]


def test_red_counts_on_the_own_lane_ahead_and_near():
    line = np.column_stack([np.linspace(-100.0, 100.0, 41), np.zeros(41)])
    beyond, half = line + np.array([200.0, 0.0]), np.array([0.0, 1.75])
    lanes = lanes_from_records(
        [
            LaneRecord(
                id=1,
                centerline=line,
                left_boundary=line + half,
                right_boundary=line - half,
                successors=[2],
                signal=7,
            ),
            LaneRecord(id=2, centerline=beyond, left_boundary=beyond + half, right_boundary=beyond - half),
        ]
    )
    network = RoadNetwork(lanes=lanes)

    def at(x: float, state: SignalState, speed: float = 5.0) -> set[str]:
        signals = TrafficSignals(0, np.array([7]), np.array([state], dtype=np.uint8), np.zeros(1, np.int64), np.ones(1))
        scene = _scene(AgentClass.CAR, Attribute(0), (x, 0.0), speed, road_network=network, signals=signals)
        return _subsets(scene)

    assert at(60.0, SignalState.RED) == {"cars_at_red"}
    assert at(95.0, SignalState.RED, speed=0.0) == {"cars_at_red"}
    assert at(60.0, SignalState.GREEN) == {"others"}
    assert at(20.0, SignalState.RED) == {"others"}, "80 m away"
    assert at(110.0, SignalState.RED) == {"others"}, "passed"
    pedestrian = replace(_scene(AgentClass.PEDESTRIAN, Attribute(0), (60.0, 0.0)), road_network=network)
    assert _subsets(pedestrian) == {"others"}
