"""Plans from outside: which are followed, where they have the ego, and until when."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from zoox_prediction.errors import InputError
from zoox_prediction.scene import EgoState
from zoox_prediction.simulation.ego_plan import EgoPlan, PlanConfig, PlanFollower

NOW_S = 20.0
SPEED = 10.0


def ns(seconds):
    return np.round(np.asarray(seconds) * 1e9).astype(np.int64)


def ego() -> EgoState:
    """At the origin, along x."""
    return EgoState(int(ns(NOW_S)), np.zeros(2), 0.0, np.array([SPEED, 0.0]))


def plan(begin_s: float = 0.0, end_s: float = 4.0, made_s: float = 0.0, step_s: float = 0.5) -> EgoPlan:
    """What the ego does anyhow; seconds are from now."""
    time_s = np.arange(begin_s, end_s + 1e-6, step_s)
    poses = np.column_stack([SPEED * time_s, np.zeros_like(time_s), np.zeros_like(time_s)])
    return EgoPlan(int(ns(NOW_S + made_s)), ns(NOW_S + time_s), poses)


def changed(base: EgoPlan, row: int, **values: float) -> EgoPlan:
    poses = base.poses.copy()
    for name, value in values.items():
        poses[row, ("x", "y", "yaw").index(name)] = value
    return dataclasses.replace(base, poses=poses)


def moved(base: EgoPlan, x: float = 0.0, y: float = 0.0, yaw: float = 0.0) -> EgoPlan:
    return dataclasses.replace(base, poses=base.poses + np.array([x, y, yaw]))


@pytest.fixture
def follower() -> PlanFollower:
    return PlanFollower(PlanConfig())


def test_the_ego_is_where_the_plan_has_it_between_its_poses_too(follower):
    assert follower.pose(int(ns(NOW_S))) is None
    follower.offer(plan(), ego())
    for time_s in (0.1, 0.5, 0.77, 4.0):
        pose = follower.pose(int(ns(NOW_S + time_s)))
        np.testing.assert_allclose(pose, [SPEED * time_s, 0.0, 0.0, SPEED], atol=1e-6)


def test_speed_and_heading_are_those_of_a_turn_and_headings_pass_the_half_circle(follower):
    radius, rate = 20.0, 0.5
    angle = rate * np.arange(0.0, 4.01, 0.1) + 0.5 * np.pi  # of the heading; from north, to beyond west
    course = np.column_stack([radius * np.sin(angle), -radius * np.cos(angle), angle])
    course[:, :2] -= course[0, :2]
    course[:, 2] = (course[:, 2] + np.pi) % (2.0 * np.pi) - np.pi
    turning = EgoPlan(int(ns(NOW_S)), ns(NOW_S + np.arange(len(course)) * 0.1), course)
    follower.offer(turning, dataclasses.replace(ego(), yaw=0.5 * np.pi, velocity=np.array([0.0, SPEED])))
    for time_s in (1.05, 3.1, 3.15, 3.9):
        x, y, yaw, speed = follower.pose(int(ns(NOW_S + time_s)))
        expected = rate * time_s + 0.5 * np.pi
        assert speed == pytest.approx(radius * rate, rel=0.01)
        assert np.cos(yaw - expected) > 0.9999
        assert np.hypot(x - radius * (np.sin(expected) - 1.0), y + radius * np.cos(expected)) < 0.05
        assert -np.pi < yaw <= np.pi


def test_a_stop_does_not_roll_back_and_reversing_has_a_negative_speed(follower):
    stamps = ns(NOW_S + np.arange(5.0))
    poses = np.zeros((5, 3))
    poses[:, 0] = [0.0, 6.0, 8.0, 8.0, 5.0]
    follower.offer(EgoPlan(int(ns(NOW_S)), stamps, poses), ego())
    ways = np.array([follower.pose(int(ns(NOW_S + time_s))) for time_s in np.arange(0.0, 4.01, 0.1)])
    assert (ways[:21, 3] > -1e-9).all() and np.abs(ways[20:31, 3]).max() < 1e-9
    assert ways[35, 3] < -1.0
    assert ways[:, 0].max() <= 8.0 + 1e-9


def test_a_plan_that_begins_a_little_later_is_led_to(follower):
    follower.offer(moved(plan(begin_s=0.5), y=1.0), ego())
    near = follower.pose(int(ns(NOW_S + 0.1)))
    assert 0.0 < near[1] < 0.5 and 0.5 < near[0] < 1.5
    assert follower.pose(int(ns(NOW_S + 0.5)))[1] == pytest.approx(1.0)


def test_it_ends_after_its_last_pose(follower):
    follower.offer(plan(end_s=2.0), ego())
    assert "until 22.0 s" in follower.status(int(ns(NOW_S)))
    assert follower.pose(int(ns(NOW_S + 2.0))) is not None
    assert follower.pose(int(ns(NOW_S + 2.1))) is None
    assert "has ended" in follower.status(int(ns(NOW_S + 2.0)))


def test_it_ends_when_it_is_too_old():
    follower = PlanFollower(PlanConfig(max_age_s=1.0))
    follower.offer(plan(made_s=-0.5, begin_s=-0.5), ego())
    assert follower.pose(int(ns(NOW_S + 0.5))) is not None
    assert follower.pose(int(ns(NOW_S + 0.6))) is None
    assert "too old" in follower.status(int(ns(NOW_S + 0.6)))


def test_a_newer_plan_takes_its_place_and_after_clearing_there_is_none(follower):
    follower.offer(plan(), ego())
    follower.offer(moved(plan(), y=0.5), ego())
    assert follower.pose(int(ns(NOW_S + 0.1)))[1] == pytest.approx(0.5)
    follower.clear()
    assert follower.pose(int(ns(NOW_S + 0.1))) is None and follower.status(int(ns(NOW_S))) == "none"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (plan(end_s=0.0), "has 1 poses"),
        (changed(plan(), 3, y=np.nan), "pose 3 of the plan is not finite"),
        (changed(plan(), 0, yaw=np.inf), "pose 0 of the plan is not finite"),
        (changed(plan(), 2, y=200.0), "jumps: pose 2 is"),
        (moved(plan(), y=2.5), "begins 2.5 m away from the ego"),
        (moved(plan(begin_s=0.8), x=2.5), "begins 2.5 m away from the ego"),
        (moved(plan(), yaw=0.6), "heading is 0.60 rad away"),
        (dataclasses.replace(plan(), stamps_ns=plan().stamps_ns[[0, 1, 1, *range(3, 9)]]), "pose 2 is not after"),
        (dataclasses.replace(plan(), stamps_ns=plan().stamps_ns[::-1].copy()), "goes back in time"),
        (plan(made_s=-0.2), "made 0.20 s before the newest one"),
        (plan(made_s=5.0, begin_s=5.0, end_s=9.0), "begins 5.00 s from now"),
        (plan(made_s=0.0, begin_s=-5.0, end_s=0.0), "has ended"),
    ],
)
def test_implausible_plans_are_refused_and_the_one_before_stays(follower, bad, words):
    follower.offer(plan(), ego())
    with pytest.raises(InputError) as caught:
        follower.offer(bad, ego())
    assert words in str(caught.value) and "\n" not in str(caught.value)
    np.testing.assert_allclose(follower.pose(int(ns(NOW_S + 3.0))), [3.0 * SPEED, 0.0, 0.0, SPEED], atol=1e-6)


def test_an_old_plan_is_refused(follower):
    with pytest.raises(InputError, match="too old"):
        follower.offer(plan(made_s=-8.5, begin_s=-8.5), ego())


@pytest.mark.parametrize("values", [{"max_age_s": 0.0}, {"tolerance_m": np.nan}, {"max_lead_s": -1.0}])
def test_parameters_are_checked(values):
    with pytest.raises(ValueError, match=next(iter(values))):
        PlanConfig(**values)
