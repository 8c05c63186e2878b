"""Bodies of vehicles keep to their ways within what their classes can do, whatever the points ahead of them do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.scene import AgentClass
from zoox_prediction.simulation.vehicle_motion import LIMITS, STEP_S, VehicleBodies

ROWS = np.array([0])
CAR_M = [4.5, 1.8, 1.5]


def body(agent_class: AgentClass = AgentClass.CAR, speed: float = 0.0, size=CAR_M, yaw: float = 0.0) -> VehicleBodies:
    bodies = VehicleBodies.empty()
    bodies.add([7], [int(agent_class)], [size], [[0.0, 0.0]], [yaw], [speed])
    return bodies


def follow(bodies: VehicleBodies, points: np.ndarray) -> dict[str, np.ndarray]:
    """The states after each step behind points (T, 2) of the front bumper, STEP_S apart."""
    seen: dict[str, list] = {name: [] for name in ("center", "front", "yaw", "speed", "acceleration", "yaw_rate")}
    before = bodies.front[0]
    for point in points:
        bodies.follow(ROWS, point[None], np.linalg.norm(point - before, keepdims=True) / STEP_S)
        before = point
        for name, values in seen.items():
            values.append(np.copy(getattr(bodies, name)[0]))
    return {name: np.array(values) for name, values in seen.items()}


def test_straight_on_it_stays_with_its_point():
    bodies = body(speed=10.0)
    front = bodies.front[0]
    points = front + np.column_stack([np.arange(1, 61), np.zeros(60)])
    seen = follow(bodies, points)
    np.testing.assert_allclose(seen["front"], points, atol=0.02)
    np.testing.assert_allclose(seen["speed"], 10.0, atol=0.02)
    np.testing.assert_allclose(seen["yaw"], 0.0, atol=1e-9)


def test_in_a_bend_the_control_point_keeps_to_the_way():
    bodies = body(speed=6.0)
    front = bodies.front[0]
    angle = np.arange(1, 120) * 0.6 / 12.0
    points = front + 12.0 * np.column_stack([np.sin(angle), 1.0 - np.cos(angle)])
    seen = follow(bodies, points)
    radius = np.linalg.norm(seen["center"][60:] - (front + np.array([0.0, 12.0])), axis=-1)
    assert np.all(np.abs(radius - 12.0) < 0.45)
    np.testing.assert_allclose(seen["yaw_rate"][60:], 6.0 / 12.0, rtol=0.08)


def test_a_lane_change_that_jumps_sideways_is_driven_smoothly():
    bodies = body(speed=12.0)
    points = bodies.front[0] + np.column_stack([1.2 * np.arange(1, 81), np.where(np.arange(80) < 10, 0.0, 3.5)])
    seen = follow(bodies, points)
    assert abs(seen["center"][-1, 1] - 3.5) < 0.1 and abs(seen["yaw"][-1]) < 0.02
    assert np.all(np.abs(seen["yaw"]) < 0.5)
    assert np.all(np.diff(seen["center"][:, 1]) > -0.02)


def test_it_stops_with_its_point_and_does_not_roll_back():
    bodies = body(speed=10.0)
    speed = np.maximum(10.0 - 0.8 * np.arange(1, 60), 0.0)  # 8 m/s^2
    points = bodies.front[0] + np.column_stack([np.cumsum(speed) * STEP_S, np.zeros(len(speed))])
    seen = follow(bodies, points)
    assert np.all(np.diff(seen["front"][:, 0]) >= -1e-9)
    assert abs(seen["front"][-1, 0] - points[-1, 0]) < 0.3
    assert seen["speed"][-1] < 0.05


def test_from_the_kerb_it_steers_into_the_lane():
    bodies = body()
    start = bodies.front[0] + [0.0, 3.0]
    bodies.begin_way(ROWS, start[None], np.zeros(1))
    speed = np.minimum(1.5 * STEP_S * np.arange(1, 121), 8.0)
    seen = follow(bodies, start + np.column_stack([np.cumsum(speed) * STEP_S, np.zeros(len(speed))]))
    assert abs(seen["center"][-1, 1] - 3.0) < 0.1
    assert np.abs(seen["yaw"]).max() < 0.6


def test_a_placed_body_tells_what_it_does():
    bodies = body(speed=5.0)
    bodies.place(ROWS, np.array([[0.5, 0.0]]), np.array([0.02]), np.array([5.4]))
    assert bodies.acceleration[0] == pytest.approx(4.0)
    assert bodies.yaw_rate[0] == pytest.approx(0.2)
    np.testing.assert_allclose(bodies.center, [[0.5, 0.0]], atol=1e-9)
    assert bodies.steering[0] == pytest.approx(np.arctan(0.2 * bodies.wheelbase_m[0] / 5.4))


def test_rolling_back_goes_against_the_heading_and_stops():
    bodies = body(yaw=np.pi / 2)
    for speed in (0.2, 0.4, 0.4, 0.2, 0.0):
        bodies.roll_back(ROWS, np.array([speed]), np.zeros(1))
    np.testing.assert_allclose(bodies.center, [[0.0, -0.12]], atol=1e-9)
    assert bodies.speed[0] == 0.0


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(list(LIMITS)),
    st.floats(0.0, 20.0),
    st.lists(st.tuples(st.floats(-3.0, 3.0), st.floats(-2.0, 2.0)), min_size=5, max_size=40),
)
def test_no_point_makes_a_body_do_what_its_class_cannot(agent_class, speed, jerks):
    limits = LIMITS[agent_class]
    bodies = body(agent_class, speed, [8.0, 2.0, 2.0])
    point = bodies.front[0].copy()
    states = [(bodies.rear[0].copy(), float(bodies.yaw[0]), float(bodies.speed[0]), 0.0)]
    for forward, sideways in jerks:
        point = point + np.array([speed * STEP_S + forward, sideways])
        bodies.follow(ROWS, point[None], np.array([speed]))
        states.append((bodies.rear[0].copy(), float(bodies.yaw[0]), float(bodies.speed[0]), float(bodies.steering[0])))
    rear, yaw, speeds, steering = (np.array(column) for column in zip(*states, strict=True))
    moved = np.linalg.norm(np.diff(rear, axis=0), axis=-1)
    turned = np.abs(wrap_angle(np.diff(yaw)))
    sharpest = np.tan(limits.steering_rad) / bodies.wheelbase_m[0]
    assert np.all(turned <= sharpest * moved * 1.05 + 1e-9)
    change = np.diff(speeds) / STEP_S
    assert np.all(change <= limits.acceleration_mps2 + 1e-6) and np.all(change >= -limits.braking_mps2 - 1e-6)
    assert np.all(np.abs(np.diff(steering)) <= limits.steering_rate_radps * STEP_S + 0.2)  # grip may take some back
    np.testing.assert_allclose(moved, 0.5 * (speeds[1:] + speeds[:-1]) * STEP_S, atol=1e-6)
