"""Motion along paths: exact without controls, feasible whatever the controls are."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
motion_integration = pytest.importorskip("zoox_prediction.models.motion_integration")

_CAR = (60.0, 3.5, 8.0, 0.2)
_WALKER = (8.0, 2.0, 3.0, 2.0)
_STYLES = 3


def _drive(heading, spacing, start_speed, controls, limits=_CAR, is_vehicle: bool = True):
    """x, y, course, speed (R, C, 80) in float64 of paths with headings (R, 64)."""
    count = len(heading)
    path = motion_integration.PathGeometry(
        heading=torch.as_tensor(heading, dtype=torch.float32),
        spacing=torch.as_tensor(spacing, dtype=torch.float32),
        start_speed=torch.as_tensor(start_speed, dtype=torch.float32),
        limits=torch.tensor(limits).expand(count, 4),
        is_vehicle=torch.full((count,), is_vehicle),
    )
    integrate = motion_integration.MotionIntegration(2.5, 1.5).eval()
    motion = integrate(torch.as_tensor(controls, dtype=torch.float32), path)
    return tuple(each.double().numpy() for each in (motion.x, motion.y, motion.course, motion.speed))


def _turn(arc_length: np.ndarray, before_m: float, radius_m: float) -> tuple[np.ndarray, ...]:
    """x, y and heading of a straight way, a left turn by 90 degrees and a straight way again."""
    angle = np.clip((arc_length - before_m) / radius_m, 0.0, np.pi / 2)
    after = np.maximum(arc_length - before_m - radius_m * np.pi / 2, 0.0)
    return (
        np.minimum(arc_length, before_m) + radius_m * np.sin(angle),
        radius_m * (1.0 - np.cos(angle)) + after,
        angle,
    )


@pytest.mark.parametrize("speed", [0.0, 1.0, 4.0, 7.0])
@pytest.mark.parametrize("radius", [5.5, 9.0])
def test_without_controls_a_vehicle_follows_a_tight_turn_exactly(speed: float, radius: float) -> None:
    spacing = max(speed * 8.0, 10.0) / 63.0
    _, _, heading = _turn(np.arange(64) * spacing, 8.3, radius)
    x, y, course, speeds = _drive(heading[None], [spacing], [speed], np.zeros((1, _STYLES, 4, 16)))
    expected = _turn(speed * 0.1 * np.arange(1, 81), 8.3, radius)
    assert np.hypot(x - expected[0], y - expected[1]).max() < 0.05
    assert np.abs(course - expected[2]).max() < 0.05
    np.testing.assert_allclose(speeds, speed, atol=1e-5)


def test_beyond_its_end_a_path_goes_on_straight() -> None:
    heading = np.linspace(0.0, 0.4, 64)
    x, y, course, _ = _drive(heading[None], [0.5], [20.0], np.zeros((1, 1, 4, 16)))
    np.testing.assert_allclose(course[0, 0, 20:], 0.4, atol=1e-5)
    np.testing.assert_allclose(np.arctan2(np.diff(y), np.diff(x))[0, 0, 20:], 0.4, atol=1e-4)


@pytest.mark.parametrize(("limits", "is_vehicle"), [(_CAR, True), (_WALKER, False)])
def test_no_controls_break_the_limits_of_the_class(limits: tuple[float, ...], is_vehicle: bool) -> None:
    random = np.random.default_rng(0)
    count = 200
    heading = np.cumsum(random.normal(0.0, 0.15, (count, 64)), axis=1)
    start = random.uniform(0.0, min(limits[0], 30.0), count)
    controls = random.normal(0.0, 30.0, (count, _STYLES, 4, 16))
    x, y, course, speed = _drive(heading, random.uniform(0.2, 4.0, count), start, controls, limits, is_vehicle)
    top, most, least, sharpest = limits
    zero = np.zeros((count, _STYLES, 1))
    step = np.hypot(np.diff(x, prepend=zero), np.diff(y, prepend=zero))
    assert np.isfinite([x, y, course, speed]).all()
    assert (speed >= 0.0).all() and (speed <= top + 1e-3).all()
    assert (step <= top * 0.1 + 1e-3).all()
    if is_vehicle:
        first = np.broadcast_to(start[:, None, None], zero.shape)
        change = np.diff(np.concatenate([first, speed], axis=2)) / 0.1
        assert (change <= most + 1e-2).all() and (change >= -least - 1e-2).all()
        turned = np.diff(np.concatenate([np.broadcast_to(heading[:, None, :1], zero.shape), course], axis=2))
        assert (np.abs(turned) <= sharpest * step + 1e-3).all()


def test_a_walker_may_set_off_in_any_direction_and_a_vehicle_only_along_its_path() -> None:
    controls = np.zeros((1, 1, 4, 16))
    controls[..., 3, :] = 0.5
    for is_vehicle, moved in ((False, 4.0), (True, 0.0)):
        x, y, _, speed = _drive(np.zeros((1, 64)), [0.5], [0.0], controls, _WALKER, is_vehicle)
        assert abs(x[0, 0, -1]) < 1e-6
        assert (y[0, 0, -1] > moved) == (not is_vehicle)
        assert speed[0, 0, -1] == pytest.approx(np.diff(y[0, 0])[-1] / 0.1, abs=2e-3)


def test_a_standing_agent_can_learn_to_set_off() -> None:
    controls = torch.full((1, 1, 4, 16), -1.0, requires_grad=True)
    integrate = motion_integration.MotionIntegration(2.5, 1.5).train()
    path = motion_integration.PathGeometry(
        torch.zeros(1, 64), torch.ones(1), torch.zeros(1), torch.tensor([_CAR]), torch.tensor([True])
    )
    motion = integrate(controls, path)
    assert motion.x.abs().max() == 0.0
    motion.x[..., -1].sum().backward()
    assert (controls.grad[0, 0, 0] > 0.0).all()


def test_a_control_counts_from_the_knot_before_it_on() -> None:
    heading, spacing, start = np.zeros((1, 64)), [2.0], [10.0]
    straight = _drive(heading, spacing, start, np.zeros((1, 1, 4, 16)))
    for knot in (0, 7, 15):
        controls = np.zeros((1, 1, 4, 16))
        controls[..., :2, knot] = 1.0
        changed = [
            ~np.isclose(one, other, atol=1e-6)[0, 0]
            for one, other in zip(_drive(heading, spacing, start, controls), straight, strict=True)
        ]
        assert np.argmax(changed[3]) == 5 * knot
        assert not any(each[: 5 * knot].any() for each in changed)


@pytest.mark.parametrize("is_vehicle", [True, False])
def test_no_limit_makes_gradients_explode(is_vehicle: bool) -> None:
    """Where an agent stands, its course is at the limits from both sides at once."""
    controls = torch.zeros((3, 1, 4, 16), requires_grad=True)
    path = motion_integration.PathGeometry(
        heading=torch.linspace(0.0, 3.0, 64).repeat(3, 1),
        spacing=torch.ones(3),
        start_speed=torch.tensor([0.0, 0.1, 5.0]),
        limits=torch.tensor([_CAR if is_vehicle else _WALKER]).expand(3, 4),
        is_vehicle=torch.full((3,), is_vehicle),
    )
    motion = motion_integration.MotionIntegration(2.5, 1.5).train()(controls, path)
    for each in motion:
        (gradient,) = torch.autograd.grad(each[..., -1].sum(), controls, retain_graph=True)
        assert gradient.abs().max() < 50.0
