"""Lights of tracks in simulated pictures: of which face of which vehicle, and what is left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_views import camera_model, color_image, facing_ahead, scenery

from zoox_prediction.detection.image.track_lights import TrackLights
from zoox_prediction.detections import TrackAttributes
from zoox_prediction.scene import AgentClass, Attribute, TrackedAgents
from zoox_prediction.simulation.sensors.config import CameraConfig
from zoox_prediction.simulation.sensors.truth import Light

BRAKE, LEFT, RIGHT, HAZARD = (
    Attribute.BRAKE_LIGHT,
    Attribute.LEFT_INDICATOR,
    Attribute.RIGHT_INDICATOR,
    Attribute.HAZARD,
)
START_NS, STEP_NS = 12_000_000_000, 100_000_000
CONFIG = facing_ahead(CameraConfig)
assert isinstance(CONFIG, CameraConfig)


def watched(
    kinds: list[AgentClass],
    places: list[tuple[float, float]],
    shown: list[Attribute],
    yaw: list[float] | None = None,
    frames: int = 26,
    delay_s: float = 0.1,
    has_driven: bool = True,
    light: Light = Light.DAY,
) -> list[TrackAttributes]:
    """What is told of agents that stand, by every picture; the tracks are of so long before it."""
    looks, found = TrackLights(), []
    for step in range(frames):
        stamp_ns = START_NS + step * STEP_NS
        view = scenery(kinds, places, yaw=yaw, attributes=shown, light=light, stamp_ns=stamp_ns)
        tracks = replace(view.truth.agents, stamp_ns=stamp_ns - round(delay_s * 1e9))
        if step == 0 and has_driven:
            ahead = np.column_stack([np.cos(tracks.yaw), np.sin(tracks.yaw)])
            tracks = replace(tracks, velocity=2.0 * ahead)
        image = color_image(CONFIG, view, step)
        found.append(looks.look(stamp_ns, image, camera_model(CONFIG), CONFIG.base_from_frame, tracks))
    return found


def bits(told: TrackAttributes, track: int) -> tuple[Attribute, Attribute]:
    """That are on, and that are known."""
    rows = told.ids == track
    on = int(np.bitwise_or.reduce(told.attributes[rows], initial=0))
    return Attribute(on), Attribute(int(np.bitwise_or.reduce(told.attributes_valid[rows], initial=0)))


@pytest.mark.parametrize("yaw", [0.4, -0.7])
@pytest.mark.parametrize("shown", [Attribute(0), BRAKE, LEFT, RIGHT, HAZARD, BRAKE | RIGHT])
def test_lights_of_a_car_ahead_however_it_stands(shown: Attribute, yaw: float) -> None:
    last = watched([AgentClass.CAR], [(14.0, 0.5)], [shown], [yaw])[-1]
    assert bits(last, 1) == (shown, BRAKE | LEFT | RIGHT | HAZARD)
    assert (last.confidence > 0.5).all()


@pytest.mark.parametrize("shown", [LEFT, RIGHT])
def test_indicators_of_a_car_that_comes_are_those_of_its_own_sides(shown: Attribute) -> None:
    last = watched([AgentClass.CAR], [(14.0, 0.5)], [shown | BRAKE], [np.pi])[-1]
    assert bits(last, 1) == (shown, LEFT | RIGHT | HAZARD)


@pytest.mark.parametrize(
    ("shown", "told"), [(Attribute(0), Attribute(0)), (BRAKE, BRAKE), (LEFT, Attribute(0)), (HAZARD, HAZARD)]
)
def test_of_a_car_that_has_not_driven_only_what_either_way_round_tells(shown: Attribute, told: Attribute) -> None:
    last = watched([AgentClass.CAR], [(14.0, 0.5)], [shown], has_driven=False)[-1]
    assert bits(last, 1) == (told, told)


def test_a_track_that_turns_round_at_once_has_not_been_the_right_way_round() -> None:
    looks, told = TrackLights(), []
    for step in range(26):
        stamp_ns = START_NS + step * STEP_NS
        view = scenery([AgentClass.CAR], [(14.0, 0.5)], attributes=[LEFT], stamp_ns=stamp_ns)
        agents = view.truth.agents
        tracks = (
            replace(agents, velocity=np.array([[3.0, 0.0]])) if step == 0 else replace(agents, yaw=agents.yaw + np.pi)
        )
        image = color_image(CONFIG, view, step)
        told.append(looks.look(stamp_ns, image, camera_model(CONFIG), CONFIG.base_from_frame, tracks))
    assert len(told[0]) and not any(map(len, told[1:]))


def test_by_night_small_tail_lights_do_not_say_that_nobody_brakes() -> None:
    near = watched([AgentClass.CAR], [(11.0, 0.5)], [Attribute(0)], frames=3, light=Light.NIGHT)[-1]
    far = watched([AgentClass.CAR], [(20.0, 0.5)], [Attribute(0)], frames=3, light=Light.NIGHT)[-1]
    assert bits(near, 1) == (Attribute(0), BRAKE) and bits(far, 1) == (Attribute(0), Attribute(0))
    braking = watched([AgentClass.CAR], [(11.0, 0.5)], [BRAKE], frames=3, light=Light.NIGHT)[-1]
    assert bits(braking, 1) == (BRAKE, BRAKE)


def test_every_vehicle_has_its_own_lights() -> None:
    kinds, shown = [AgentClass.CAR, AgentClass.TRUCK, AgentClass.CAR], [BRAKE, Attribute(0), LEFT]
    last = watched(kinds, [(13.0, 4.0), (17.0, 0.0), (13.0, -4.0)], shown)[-1]
    assert [bits(last, track)[0] for track in (1, 2, 3)] == shown


@pytest.mark.parametrize(
    ("kinds", "places", "yaw"),
    [
        ([AgentClass.PEDESTRIAN], [(10.0, 0.0)], [0.0]),
        ([AgentClass.MOTORCYCLIST], [(10.0, 0.0)], [0.0]),
        ([AgentClass.CAR], [(14.0, 0.0)], [np.pi / 2.0]),  # its side
        ([AgentClass.CAR], [(-14.0, 0.0)], [0.0]),  # behind the camera
        ([AgentClass.CAR], [(70.0, 0.0)], [0.0]),  # too far
        ([AgentClass.CAR], [(8.5, 4.2)], [0.0]),  # half outside of the picture
    ],
)
def test_nothing_is_told_of_what_shows_no_lamps(kinds: list, places: list, yaw: list) -> None:
    assert not any(map(len, watched(kinds, places, [BRAKE], yaw, frames=3)))


def test_a_vehicle_behind_another_is_left_alone() -> None:
    told = watched([AgentClass.CAR, AgentClass.CAR], [(12.0, 0.0), (19.0, 0.3)], [Attribute(0), BRAKE], frames=3)
    assert set(told[-1].ids) == {1}


def test_tracks_of_long_ago_are_not_looked_for() -> None:
    assert not any(map(len, watched([AgentClass.CAR], [(14.0, 0.5)], [BRAKE], frames=3, delay_s=0.6)))
    image, nobody = np.zeros((400, 640, 3), np.uint8), TrackedAgents.empty(START_NS)
    assert len(TrackLights().look(START_NS, image, camera_model(CONFIG), np.eye(4), nobody)) == 0
