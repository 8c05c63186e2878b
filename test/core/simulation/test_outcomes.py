"""Labels of forks, on courses that a person can follow."""

from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.scene import EgoState, TrackedAgents, TrafficSignals
from zoox_prediction.simulation.forks import Fork
from zoox_prediction.simulation.outcomes import outcomes
from zoox_prediction.simulation.world import Truth

SIZE = (4.0, 2.0)
STEPS = 80


def fork(ego, agents) -> Fork:
    """Of courses: time [s] -> (x, y, yaw), the ego's centre; `agents` by id."""
    frames = []
    for step in range(STEPS + 1):
        time_s = 0.1 * step
        stamp = round(time_s * 1e9) + 1
        x, y, yaw = ego(time_s)
        states = np.array([course(time_s) for course in agents.values()]).reshape(-1, 3)
        truth = TrackedAgents.from_states(
            stamp,
            np.array(list(agents)),
            np.zeros(len(agents), dtype=int),
            states[:, :2],
            states[:, 2],
            np.zeros((len(agents), 2)),
            np.tile([*SIZE, 1.5], (len(agents), 1)),
        )
        frames.append(Truth(truth, EgoState(stamp, np.array([x, y]), yaw, np.zeros(2)), TrafficSignals()))
    return Fork(None, tuple(frames))


def along_x(start: float, speed: float, y: float = 0.0):
    return lambda time_s: (start + speed * time_s, y, 0.0)


def along_y(start: float, speed: float, until_s: float = np.inf):
    return lambda time_s: (0.0, start + speed * min(time_s, until_s), np.pi / 2)


def test_who_goes_and_who_yields_depends_on_the_fork():
    # The agent comes from the south to where the ego crosses. Ego first: it waits at y = -10.
    goes_first = fork(along_x(-20.0, 10.0), {7: along_y(-40.0, 5.0, until_s=6.0)})
    waits = fork(along_x(-20.0, 0.0), {7: along_y(-40.0, 8.0)})
    first, second = outcomes([goes_first, waits], SIZE, 0.0)
    assert first.interacts.tolist() == second.interacts.tolist() == [True]
    assert (first.yields[0], first.goes[0]) == (True, False)
    assert (second.yields[0], second.goes[0]) == (False, True)
    assert np.isinf(first.agent_enters_s[0]) and first.ego_enters_s[0] == pytest.approx(1.8, abs=0.21)
    assert second.agent_enters_s[0] == pytest.approx((40.0 - 1.0 - 2.0) / 8.0, abs=0.21)
    assert np.isinf(second.time_to_conflict_s[0])


def test_collisions_and_gaps():
    crash = fork(along_x(-20.0, 10.0), {7: along_y(-20.0, 10.0), 8: along_x(-20.0, 10.0, y=5.0)})
    (outcome,) = outcomes([crash], SIZE, 0.0)
    assert outcome.collides.tolist() == [True, False]
    assert outcome.smallest_gap_m[0] == 0.0 and outcome.smallest_gap_m[1] == pytest.approx(3.0)
    assert outcome.interacts.tolist() == [True, False]
    assert outcome.time_to_conflict_s[0] == pytest.approx(1.8, abs=0.21)


def test_the_box_of_the_ego_lies_ahead_of_its_pose():
    beside = fork(along_x(0.0, 0.0), {7: lambda time_s: (6.0, 0.0, 0.0)})
    assert outcomes([beside], SIZE, 0.0)[0].smallest_gap_m[0] == pytest.approx(2.0)
    assert outcomes([beside], SIZE, 1.5)[0].smallest_gap_m[0] == pytest.approx(0.5)


def test_nobody_and_nothing():
    assert outcomes([], SIZE, 0.0) == ()
    (alone,) = outcomes([fork(along_x(0.0, 5.0), {})], SIZE, 0.0)
    assert len(alone.ids) == 0 and len(alone.yields) == 0


def test_who_leaves_has_the_gaps_that_it_had():
    both = fork(along_x(-20.0, 0.0), {7: along_y(10.0, 0.0), 8: along_y(30.0, 0.0)})
    frames = list(both.frames)
    for step in range(40, len(frames)):
        frames[step] = Truth(frames[step].agents.select(np.array([1])), frames[step].ego, frames[step].signals)
    (outcome,) = outcomes([Fork(None, tuple(frames))], SIZE, 0.0)
    assert np.isfinite(outcome.smallest_gap_m).all()
