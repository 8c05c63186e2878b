"""Drivers move aside for what stands at the edge of their way, where there is room, and come back."""

from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.scene import AgentClass
from zoox_prediction.simulation.caution import Boxes
from zoox_prediction.simulation.swerve import MOST_TO_KERB_M, MOST_TO_MIDDLE_M, Swerve, swerve
from zoox_prediction.simulation.vehicle_motion import LIMITS, STEP_S, VehicleBodies

CAR = (4.5, 1.8)


def boxes(*rows: tuple[float, ...], size=CAR) -> Boxes:
    """Rows of x, y, yaw, speed."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    ahead = np.stack([np.cos(table[:, 2]), np.sin(table[:, 2])], axis=-1)
    return Boxes(table[:, :2], table[:, 2], table[:, 3:] * ahead, np.zeros(len(table)), np.tile(size, (len(table), 1)))


def seen_by(driver: Boxes, standing: Boxes, moving: Boxes | None = None, beside_m=0.0, left_hand=False) -> Swerve:
    moving = boxes() if moving is None else moving
    own = np.full(len(moving), -1)
    noticed = np.full(len(standing), 30.0)
    return swerve(driver, np.full(len(driver), beside_m), standing, noticed, moving, own, left_hand)


DRIVER = boxes((0.0, 0.0, 0.0, 8.0))


def test_what_stands_at_the_edge_is_passed_with_room_and_what_is_far_beside_does_not_count():
    plan = seen_by(DRIVER, boxes((15.0, -1.5, 0.0, 0.0)))
    assert plan.passes[0] and plan.aside_m[0] == pytest.approx(0.3 + 0.45)
    assert 5.0 < plan.blocked_m[0] < 15.0  # until it has moved aside
    assert np.isinf(seen_by(DRIVER, boxes((15.0, -1.5, 0.0, 0.0)), beside_m=0.75).blocked_m[0])
    plan = seen_by(DRIVER, boxes((15.0, -3.0, 0.0, 0.0)))
    assert plan.aside_m[0] == 0.0 and np.isinf(plan.blocked_m[0])


def test_to_the_kerb_there_is_less_room_than_to_the_middle_on_either_side_of_the_road():
    left, right = boxes((15.0, 1.3, 0.0, 0.0)), boxes((15.0, -1.3, 0.0, 0.0))
    assert seen_by(DRIVER, right).passes[0] and not seen_by(DRIVER, left).passes[0]
    assert seen_by(DRIVER, left, left_hand=True).passes[0] and not seen_by(DRIVER, right, left_hand=True).passes[0]
    assert seen_by(DRIVER, boxes((15.0, 1.7, 0.0, 0.0))).aside_m[0] == pytest.approx(-MOST_TO_KERB_M)


def test_what_stands_in_the_middle_of_the_way_is_waited_for():
    plan = seen_by(DRIVER, boxes((15.0, -0.2, 0.0, 0.0)))
    assert MOST_TO_MIDDLE_M < 1.8 - 0.2 + 0.15
    assert not plan.passes[0] and not plan.possible[0] and plan.aside_m[0] == 0.0 and plan.blocked_m[0] < 15.0


def test_between_two_that_stand_a_driver_squeezes_through_where_it_just_fits():
    plan = seen_by(DRIVER, boxes((15.0, -2.0, 0.0, 0.0), (15.0, 2.3, 0.0, 0.0)))
    assert plan.passes[0] and plan.aside_m[0] == pytest.approx(0.15)
    assert not seen_by(DRIVER, boxes((15.0, -1.8, 0.0, 0.0), (15.0, 1.9, 0.0, 0.0))).passes[0]


def test_nobody_moves_aside_into_those_who_come():
    stands, comes = boxes((15.0, -1.3, 0.0, 0.0)), boxes((40.0, 2.6, np.pi, 8.0))
    plan = seen_by(DRIVER, stands, comes)
    assert not plan.passes[0] and plan.possible[0] and plan.aside_m[0] == 0.0
    assert seen_by(DRIVER, stands, boxes((40.0, 6.0, np.pi, 8.0))).passes[0]
    assert seen_by(DRIVER, stands, boxes((-30.0, 2.6, np.pi, 8.0))).passes[0]  # it has gone by


def test_nobody_and_nothing():
    assert len(seen_by(boxes(), boxes((0.0, 0.0, 0.0, 0.0))).aside_m) == 0
    assert seen_by(DRIVER, boxes()).passes[0]


@pytest.mark.parametrize("agent_class", [AgentClass.CAR, AgentClass.BUS, AgentClass.CYCLIST])
def test_bodies_go_aside_and_come_back_within_what_they_can(agent_class):
    bodies, row = VehicleBodies.empty(), np.array([0])
    size = {AgentClass.CAR: (4.5, 1.8, 1.5), AgentClass.BUS: (11.8, 2.5, 3.1), AgentClass.CYCLIST: (1.8, 0.6, 1.7)}
    bodies.add([7], [int(agent_class)], [size[agent_class]], [[0.0, 0.0]], [0.0], [8.0])
    front, limits, beside = bodies.front[0], LIMITS[agent_class], []
    for step in range(1, 161):
        bodies.move_aside(row, np.array([1.2 if step < 80 else 0.0]))
        bodies.follow(row, front[None] + [[8.0 * STEP_S * step, 0.0]], np.array([8.0]))
        beside.append(bodies.beside_m[0])
        assert abs(bodies.yaw_rate[0] * bodies.speed[0]) <= limits.lateral_mps2
    assert max(beside) == pytest.approx(1.2, abs=0.15) and beside[-1] == pytest.approx(0.0, abs=0.05)
    course = bodies.courses(row)
    assert course.center[0, 1] == pytest.approx(0.0, abs=0.05) and course.speed[0] == pytest.approx(8.0, abs=0.05)
