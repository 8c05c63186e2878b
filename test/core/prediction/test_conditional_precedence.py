"""The road's rules and signals decide who yields in encounters of the same geometry; and nobody sees the plan's future.

The ego drives east through a junction at x = 30; a car comes from the south.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from encounters import START_NS, ask, brake, keep, plans_of, scene_with

from zoox_prediction.maps.road_network import NO_ID, Lanes, Ragged, RightOfWay, RoadNetwork
from zoox_prediction.prediction.conditional import ConditionalConfig
from zoox_prediction.prediction.conditional_precedence import RoadRules
from zoox_prediction.prediction.reaction import ReactionConfig
from zoox_prediction.scene import AgentClass, SignalState, TrafficSignals

RED, GREEN, YELLOW = SignalState.RED, SignalState.GREEN, SignalState.YELLOW
EGO_BEFORE, EGO_WITHIN, EGO_AFTER, AGENT_BEFORE, AGENT_WITHIN, AGENT_AFTER, EGO_TURNS = range(7)
EGO_SIGNAL, AGENT_SIGNAL = 1, 2


def line(start, end, count=11):
    return np.linspace(start, end, count)


def junction(yields=None, signs=None, signals_before=None) -> RoadNetwork:
    """`yields` is a pair of lanes, `signs` a lane and its RightOfWay; `signals_before` the junction or within it."""
    turn = np.linspace(-0.5 * np.pi, 0.0, 12)
    lists = [[] for _ in range(7)]
    right_of_way, signal = np.zeros(7, np.uint8), np.full(7, NO_ID)
    if yields is not None:
        lists[yields[0]] = [yields[1]]
    if signs is not None:
        right_of_way[signs[0]] = signs[1]
    if signals_before is not None:
        own, other = (EGO_BEFORE, AGENT_BEFORE) if signals_before else (EGO_WITHIN, AGENT_WITHIN)
        signal[[own, other]] = EGO_SIGNAL, AGENT_SIGNAL
    lanes = Lanes(
        ids=np.arange(7) + 100,
        in_intersection=np.isin(np.arange(7), (EGO_WITHIN, AGENT_WITHIN, EGO_TURNS)),
        right_of_way=right_of_way,
        signal=signal,
        successors=Ragged.ids([[101, 106], [102], [], [104], [105], [], []]),
        yields_to=Ragged.ids([np.array(each) + 100 for each in lists]),
        centerline=Ragged.points(
            [
                line((-50, 0), (20, 0)),
                line((20, 0), (40, 0)),
                line((40, 0), (150, 0)),
                line((30, -100), (30, -10)),
                line((30, -10), (30, 10)),
                line((30, 10), (30, 100)),
                np.array([20.0, 10.0]) + 10.0 * np.column_stack([np.cos(turn), np.sin(turn)]),
            ]
        ),
    )
    return RoadNetwork(lanes=lanes)


def showing(ego: SignalState, agent: SignalState) -> TrafficSignals:
    stamps = np.full(2, START_NS)
    return TrafficSignals(
        START_NS, np.array([EGO_SIGNAL, AGENT_SIGNAL]), np.array([ego, agent], np.uint8), stamps, np.ones(2)
    )


AGENT_FIRST = {
    "the ego's lane yields": (junction(yields=(EGO_WITHIN, AGENT_WITHIN)), None),
    "the ego's approach yields": (junction(yields=(EGO_BEFORE, AGENT_BEFORE)), None),
    "the ego has a yield sign": (junction(signs=(EGO_BEFORE, RightOfWay.YIELD)), None),
    "the ego has a stop sign": (junction(signs=(EGO_BEFORE, RightOfWay.STOP)), None),
    "the ego has red before the junction": (junction(signals_before=True), showing(RED, GREEN)),
    "the ego has red in the junction": (junction(signals_before=False), showing(RED, GREEN)),
    "red against a yield sign": (
        junction(yields=(AGENT_WITHIN, EGO_WITHIN), signals_before=True),
        showing(RED, GREEN),
    ),
}
EGO_FIRST = {
    "the agent's lane yields": (junction(yields=(AGENT_WITHIN, EGO_WITHIN)), None),
    "the agent's approach yields": (junction(yields=(AGENT_BEFORE, EGO_BEFORE)), None),
    "the agent has a yield sign": (junction(signs=(AGENT_BEFORE, RightOfWay.YIELD)), None),
    "the agent has red": (junction(signals_before=False), showing(GREEN, RED)),
}
NOBODY = {
    "no rule": (junction(), None),
    "both green": (junction(signals_before=True), showing(GREEN, GREEN)),
    "both red": (junction(signals_before=True), showing(RED, RED)),
    "yellow says nothing": (junction(signals_before=True), showing(YELLOW, GREEN)),
    "a rule for the ego's turn alone": (junction(yields=(AGENT_WITHIN, EGO_AFTER)), None),
    "nowhere": (RoadNetwork(), None),
}


def answer_on(road, signals, y, plans=None):
    scene = scene_with((30.0, y, 0.0, 8.0, AgentClass.CAR))
    scene = replace(scene, road_network=road, signals=signals or TrafficSignals())
    return ask(scene, plans or plans_of(keep(8.0), brake(8.0, 2.0)))


def yields(case, y):
    return answer_on(*case, y).yield_probability[0, 0]


@pytest.mark.parametrize("case", AGENT_FIRST.values(), ids=AGENT_FIRST.keys())
def test_who_goes_first_yields_less_to_an_ego_that_does_not_wait(case):
    neutral = NOBODY["no rule"]
    for y in np.arange(-32.0, -10.0, 2.0):
        assert yields(case, y) <= yields(neutral, y) + 0.01, "who brakes late brakes hard, and comes a little later"
    assert yields(case, -20.0) < 0.3
    assert yields(neutral, -20.0) > 0.9


@pytest.mark.parametrize("case", EGO_FIRST.values(), ids=EGO_FIRST.keys())
def test_who_has_to_wait_yields_more(case):
    neutral = NOBODY["no rule"]
    for y in np.arange(-32.0, -10.0, 2.0):
        assert yields(case, y) >= yields(neutral, y) - 1e-9
    assert yields(case, -14.0) > 0.9
    assert yields(neutral, -14.0) < 0.1


@pytest.mark.parametrize("case", NOBODY.values(), ids=NOBODY.keys())
def test_where_nothing_says_who_goes_first_all_is_as_without_a_map(case):
    for y in (-24.0, -16.0):
        answer, without = answer_on(*case, y), answer_on(RoadNetwork(), None, y)
        for each, other in zip(answer.predictions, without.predictions, strict=True):
            np.testing.assert_array_equal(each.position, other.position)
        np.testing.assert_array_equal(answer.yield_probability, without.yield_probability)


def test_an_agent_that_goes_first_gives_way_in_time_to_an_ego_that_will_not_stop():
    for y in np.arange(-32.0, -22.0, 1.0):
        answer = answer_on(*AGENT_FIRST["the ego has red before the junction"], y)
        assert answer.collision_probability[0, 0] < 0.1
        assert answer.yield_probability[1, 0] < 0.1, "to one that stops it does not"


def test_without_a_shift_rules_change_nothing():
    config = ConditionalConfig(reaction=ReactionConfig(precedence_shift_s=0.0, insisting_mps2=1e3))
    road, _ = AGENT_FIRST["the ego has a yield sign"]
    scene = scene_with((30.0, -20.0, 0.0, 8.0, AgentClass.CAR))
    plain = ask(scene, plans_of(keep(8.0)), config)
    ruled = ask(replace(scene, road_network=road), plans_of(keep(8.0)), config)
    np.testing.assert_array_equal(ruled.yield_probability, plain.yield_probability)


@pytest.mark.parametrize("case", [*AGENT_FIRST.values(), *EGO_FIRST.values()])
def test_plans_that_agree_up_to_a_turn_give_equal_predictions_up_to_it(case):
    road, signals = case
    road = replace(road, lanes=replace(road.lanes, yields_to=Ragged.ids([[], [104], [], [], [], [], []])))
    straight = plans_of(keep(8.0))
    steps = 26  # at the junction's entry
    yaw = np.clip((np.arange(80) - steps + 1) * 0.08, 0.0, np.pi / 2)
    position = np.cumsum(0.8 * np.stack([np.cos(yaw), np.sin(yaw)], axis=-1), axis=0)
    turning = replace(straight, position=position[None], yaw=yaw[None])
    for y in (-24.0, -18.0, -14.0):
        a, b = (answer_on(road, signals, y, each).predictions[0] for each in (straight, turning))
        for name in ("position", "speed", "yaw"):
            np.testing.assert_allclose(getattr(a, name)[:, :, :steps], getattr(b, name)[:, :, :steps], atol=1e-9)
        stopping = answer_on(road, signals, y, plans_of(np.where(np.arange(80) < 20, 8.0, 0.0))).predictions[0]
        np.testing.assert_allclose(a.position[:, :, :20], stopping.position[:, :, :20], atol=1e-9)


def test_lanes_are_found_by_place_and_heading():
    rules = RoadRules(junction())
    poses = np.array([[0.0, 0.3, 0.0], [30.0, 0.2, 0.1], [30.0, 0.2, 1.5], [30.0, 0.0, -1.5], [0.0, 30.0, 0.0]])
    assert rules.lane_at(poses).tolist() == [EGO_BEFORE, EGO_WITHIN, AGENT_WITHIN, -1, -1]
    assert rules.ahead(EGO_BEFORE).tolist() == [EGO_BEFORE, EGO_WITHIN, EGO_AFTER, EGO_TURNS]
    np.testing.assert_allclose(rules.place[EGO_BEFORE], [20.0, 0.0, 0.0])
    np.testing.assert_allclose(rules.place[AGENT_WITHIN], [30.0, 0.0, 0.5 * np.pi])


def test_lanes_that_no_map_should_have_are_left_out():
    road = junction(yields=(EGO_WITHIN, AGENT_WITHIN))
    lines = list(road.lanes.centerline)
    lines[EGO_TURNS] = np.zeros((1, 2))
    lines[EGO_AFTER] = np.array([[40.0, 0.0], [np.nan, 0.0]])
    broken = replace(road, lanes=replace(road.lanes, centerline=Ragged.points(lines)))
    assert yields((broken, None), -20.0) == yields((road, None), -20.0)
