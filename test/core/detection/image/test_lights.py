"""Brake lights and indicators over time, painted and simulated."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from simulated_views import color_image, facing_ahead, scenery, true_boxes

from zoox_prediction.detection.image.lights import LightConfig, Lights, LightTracker, blink_fit
from zoox_prediction.scene import AgentClass, Attribute
from zoox_prediction.simulation.sensors.config import CameraConfig
from zoox_prediction.simulation.sensors.truth import Light

BRAKE, LEFT, RIGHT, HAZARD = (
    Attribute.BRAKE_LIGHT,
    Attribute.LEFT_INDICATOR,
    Attribute.RIGHT_INDICATOR,
    Attribute.HAZARD,
)
BOX = np.array([[40.0, 30.0, 160.0, 120.0]])
RED_ON, RED_OFF = (70, 60, 250), (28, 22, 96)
AMBER_ON, AMBER_OFF = (40, 176, 255), (40, 84, 132)

Lamps = Callable[[float], bool]


def _never(seconds: float) -> bool:
    return False


def _blink(hz: float) -> Lamps:
    return lambda seconds: (seconds * hz) % 1.0 < 0.5


def _painted(
    seconds: float, brake: Lamps, left: Lamps, right: Lamps, shift: float, random: np.random.Generator
) -> NDArray[np.uint8]:
    """A grey car's rear with lamps, in noise, its box off by some pixels."""
    image = np.full((160, 200, 3), 90, dtype=np.int64)
    x, y = 40 + round(shift), 30
    image[y : y + 90, x : x + 120] = (120, 118, 116)
    for start, indicator in ((0, left), (110, right)):
        image[y + 40 : y + 52, x + start : x + start + 10] = AMBER_ON if indicator(seconds) else AMBER_OFF
        inner = 10 if start == 0 else 90
        image[y + 40 : y + 52, x + inner : x + inner + 20] = RED_ON if brake(seconds) else RED_OFF
    return np.clip(image + random.normal(0.0, 6.0, image.shape), 0, 255).astype(np.uint8)


def _watched(
    brake: Lamps = _never,
    left: Lamps = _never,
    right: Lamps = _never,
    seconds: float = 2.8,
    behind: bool = True,
    shake: float = 2.0,
) -> Lights:
    random = np.random.default_rng(4)
    tracker = LightTracker()
    lights = None
    for step in range(round(seconds * 10) + 1):
        now = 0.1 * step + random.uniform(-0.02, 0.02)
        image = _painted(now, brake, left, right, random.normal(0.0, shake), random)
        lights = tracker.update(1_000_000_000 + int(now * 1e9), image, np.array([7]), BOX, np.array([behind]))
    assert lights is not None
    return lights


@pytest.mark.parametrize("hz", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("behind", [True, False])
def test_indicators_of_either_side_from_either_end(hz: float, behind: bool) -> None:
    lights = _watched(left=_blink(hz), behind=behind)
    expected = LEFT if behind else RIGHT
    assert lights.attributes[0] == expected
    assert lights.attributes_valid[0] & (LEFT | RIGHT) == LEFT | RIGHT
    assert lights.confidence[0, 1 if behind else 2] > 0.6
    assert _watched(right=_blink(hz), behind=behind).attributes[0] == (RIGHT if behind else LEFT)


def test_both_sides_are_hazard_lights() -> None:
    assert _watched(left=_blink(1.5), right=_blink(1.5)).attributes[0] == HAZARD


def test_brake_lights_that_come_on_are_surer_than_those_that_were_always_on() -> None:
    came = _watched(brake=lambda seconds: seconds > 1.5)
    always = _watched(brake=lambda seconds: True)
    assert came.attributes[0] == BRAKE and always.attributes[0] == BRAKE
    assert came.confidence[0, 0] > always.confidence[0, 0] > 0.5


def test_brake_lights_that_go_off_are_off() -> None:
    lights = _watched(brake=lambda seconds: seconds < 1.5)
    assert lights.attributes[0] == 0 and lights.attributes_valid[0] & BRAKE
    assert lights.confidence[0, 0] > 0.8


def test_braking_while_indicating() -> None:
    assert _watched(brake=lambda seconds: True, left=_blink(1.5)).attributes[0] == BRAKE | LEFT


def test_brake_lights_are_not_seen_from_ahead() -> None:
    lights = _watched(brake=lambda seconds: True, behind=False)
    assert not lights.attributes[0] & BRAKE and not lights.attributes_valid[0] & BRAKE


@pytest.mark.parametrize("hz", [0.3, 4.0])
def test_what_comes_and_goes_slower_or_faster_is_no_indicator(hz: float) -> None:
    assert not _watched(left=_blink(hz)).attributes[0] & (LEFT | RIGHT | HAZARD)


def test_nothing_is_lit_without_light() -> None:
    lights = _watched()
    assert lights.attributes[0] == 0
    assert lights.attributes_valid[0] == BRAKE | LEFT | RIGHT | HAZARD


def test_short_looks_and_small_vehicles_tell_nothing_about_indicators() -> None:
    assert not _watched(left=_blink(1.5), seconds=0.8).attributes_valid[0] & (LEFT | RIGHT)
    tracker = LightTracker()
    image = np.full((160, 200, 3), 90, dtype=np.uint8)
    small = tracker.update(1, image, np.array([1]), np.array([[10.0, 10.0, 24.0, 24.0]]), np.array([True]))
    assert small.attributes_valid[0] == 0 and len(tracker) == 0


def test_history_is_bounded_and_what_is_gone_is_forgotten() -> None:
    tracker = LightTracker(LightConfig(history_s=2.0))
    image = np.full((160, 200, 3), 90, dtype=np.uint8)
    for step in range(100):
        tracker.update(step * 100_000_000, image, np.array([step // 10]), BOX, np.array([True]))
        assert len(tracker) <= 3
        assert all(len(each.seconds) <= 21 for each in tracker._vehicles.values())
    tracker.update(0, image, np.array([55]), BOX, np.array([True]))  # the clock went back
    assert len(tracker) == 1


def test_boxes_beyond_the_picture_tell_nothing() -> None:
    tracker = LightTracker()
    image = np.full((160, 200, 3), 90, dtype=np.uint8)
    boxes = np.array([[300.0, 10.0, 400.0, 90.0], [-500.0, -500.0, -300.0, -300.0]])
    lights = tracker.update(1, image, np.array([1, 2]), boxes, np.array([True, True]))
    assert not lights.attributes_valid.any() and not lights.confidence.any()


def test_blinking_explains_square_waves_and_not_noise() -> None:
    random = np.random.default_rng(0)
    seconds = np.arange(30) * 0.1 + random.uniform(-0.02, 0.02, 30)
    series = np.column_stack([(seconds * 1.5 % 1.0 < 0.5) * 1.0, random.normal(size=30), seconds, np.ones(30)])
    fit = blink_fit(seconds, series, 0.9, 2.3)
    assert fit[0] > 0.95
    assert fit[1] < 0.5 and fit[2] < 1e-6 and fit[3] < 1e-6


@pytest.mark.parametrize("light", [Light.DAY, Light.NIGHT])
@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (Attribute(0), Attribute(0)),
        (BRAKE, BRAKE),
        (LEFT, LEFT),
        (RIGHT, RIGHT),
        (HAZARD, HAZARD),
        (BRAKE | LEFT, BRAKE | LEFT),
    ],
)
def test_simulated_cars_ahead(shown: Attribute, expected: Attribute, light: Light) -> None:
    config = facing_ahead(CameraConfig)
    assert isinstance(config, CameraConfig)
    tracker, found = LightTracker(), []
    for step in range(26):
        stamp_ns = 12_000_000_000 + step * 100_000_000
        # It brakes and blinks after a second.
        now = shown if step > 0 or not shown & BRAKE else shown & ~BRAKE
        view = scenery([AgentClass.CAR], [(14.0 - 0.05 * step, 0.5)], attributes=[now], light=light, stamp_ns=stamp_ns)
        lights = tracker.update(
            stamp_ns, color_image(config, view, step), np.array([1]), true_boxes(config, view), np.array([True])
        )
        found.append(int(lights.attributes[0]))
    assert found[-1] == expected
