"""Whole scenes through the tracker: who is who, how fast, facing where; and with a kind of sensor off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scenarios import ALL_SENSORS, SCENARIOS, junction, occlusion, overtaking, parked, stop_and_go, stopping, straight
from scipy.stats import chi2
from scores import Matched, match
from simulated import START_NS, Agent, Drive, Sensor, run, stamp_ns

from zoox_prediction.detections import Modality
from zoox_prediction.geometry import wrap_angle
from zoox_prediction.scene import AgentClass, Attribute
from zoox_prediction.tracking.tracker import Tracker

_SETTLED = 12  # outputs until tracks are judged
_LIDAR = Sensor("lidar", Modality.LIDAR, (0.0, 0.0, 1.8, 0.0), fov_rad=6.3)


def _track(drive: Drive, seconds: float = 8.0) -> Matched:
    return match(drive, run(drive, Tracker(), seconds), START_NS)


def _rms(errors: np.ndarray) -> float:
    return float(np.sqrt((errors**2).sum(axis=1).mean()))


@pytest.mark.parametrize("name", ["overtaking", "occlusion", "junction", "stopping"])
def test_every_agent_keeps_one_id(name: str) -> None:
    drive = SCENARIOS[name](ALL_SENSORS)
    found = _track(drive)
    assert [len(found.ids(agent)) for agent in range(len(drive.agents))] == [1] * len(drive.agents)
    assert found.extra == 0
    late = found.step > _SETTLED
    assert _rms(found.position_error[late]) < 0.25
    assert _rms(found.velocity_error[late]) < 0.5


@pytest.mark.parametrize("off", list(Modality))
def test_the_others_make_up_for_a_kind_of_sensor(off: Modality) -> None:
    drive = junction([kind for kind in ALL_SENSORS if kind != off])
    found = _track(drive)
    assert [len(found.ids(agent, _SETTLED)) for agent in range(3)] == [1, 1, 1]
    assert min(found.share(agent, _SETTLED, 80) for agent in range(3)) > 0.95
    assert _rms(found.velocity_error[found.step > _SETTLED]) < 1.0


def test_cameras_alone_still_track() -> None:
    drive = stopping([Modality.CAMERA])
    found = _track(drive)
    assert min(found.share(agent, _SETTLED, 80) for agent in range(3)) > 0.8


def test_cameras_begin_tracks_of_what_radars_do_not_hear_where_no_lidar_works() -> None:
    person = [Agent(AgentClass.PEDESTRIAN, lambda t: (9.0, 1.0), yaw=0.0)]
    camera = Sensor("camera", Modality.CAMERA, (2.0, 0.0, 1.6, 0.0), fov_rad=1.5)
    radar = Sensor("radar", Modality.RADAR, (0.0, 0.0, 0.6, np.pi), clutter=0.0, fov_rad=1.5)
    behind = replace(_LIDAR, mount=(0.0, 0.0, 1.8, np.pi), fov_rad=1.5)
    found = _track(Drive(person, [camera, radar]), 3.0)
    assert found.share(0, _SETTLED, 30) == 1.0
    assert _rms(found.position_error[found.step > _SETTLED]) < 1.0
    assert [len(tracks) for tracks in run(Drive(person, [camera, radar, behind]), Tracker(), 3.0)] == [0] * 30


def test_a_walker_keeps_the_id_through_a_short_occlusion() -> None:
    agents = [
        Agent(AgentClass.CAR, lambda t: (10.0, 6.0), yaw=0.0),
        Agent(AgentClass.PEDESTRIAN, lambda t: (4.0 + 1.6 * t, 10.0)),
    ]
    drive = Drive(agents, [_LIDAR], hidden_by_walls=lambda row, t: row == 1 and 3.0 < t < 4.2)
    found = _track(drive, 7.0)
    assert len(found.ids(1)) == 1


def test_uncertainty_is_as_large_as_errors() -> None:
    """The normalised squared error of the position is 2 on average, though boxes of an agent all err in the same way.

    How they do is drawn once for an agent, so that its track counts once. The band is that of 95% for so many tracks.
    """
    lidar = replace(_LIDAR, lasting_m=0.11, lasting_per_m=0.0035, clutter=0.0)
    places = [(x, y) for x in (-40.0, -20.0, 15.0, 45.0) for y in (-24.0, -8.0, 8.0, 24.0)]
    kinds = [AgentClass.CAR, AgentClass.PEDESTRIAN, AgentClass.CAR, AgentClass.CYCLIST]
    agents = [
        Agent(kinds[i % 4], straight(x, y, 0.0 if i % 3 else 1.5, 0.0), yaw=0.0) for i, (x, y) in enumerate(places)
    ]
    values = []
    for seed in range(8):
        found = _track(Drive(agents, [lidar], seed=seed), 3.0)
        late = found.step > _SETTLED
        values += [found.nees[late & (found.agent == agent)].mean() for agent in np.unique(found.agent[late])]
    count = len(values)
    assert count > 100
    low, high = chi2.ppf([0.025, 0.975], 2 * count) / count
    assert low < np.mean(values) < high


def test_the_tracker_is_not_surer_than_it_may_be_of_what_moves() -> None:
    """Errors of an agent's track are alike for about half a second: every sixth output counts, over several seeds."""
    values = []
    for name in ("overtaking", "junction", "stopping", "parked"):
        for seed in range(2):
            found = _track(SCENARIOS[name]([Modality.LIDAR, Modality.RADAR], seed=seed), 6.0)
            values.append(found.nees[(found.step > _SETTLED) & (found.step % 6 == 0)])
    average = float(np.concatenate(values).mean())
    assert average < 2.6, "the tracker is surer than it may be"


def test_headings_follow_a_turn() -> None:
    found = _track(junction())
    late = found.step > _SETTLED
    assert np.abs(found.yaw_error[late]).max() < 0.35


def test_slow_and_standing_vehicles_do_not_turn_round() -> None:
    for seed in range(3):
        agents = [Agent(AgentClass.CAR, stop_and_go(8.0, 3.0, 3.0, 2.0, 3.0), yaw=0.0)]
        drive = Drive(agents, [_LIDAR], seed=seed)
        headings = [tracks.yaw[0] for tracks in run(drive, Tracker(), 9.0)[_SETTLED:] if len(tracks)]
        assert np.abs(headings).max() < 0.5


def test_a_vehicle_that_backs_out_turns_round_only_when_that_goes_on() -> None:
    agents = [Agent(AgentClass.CAR, lambda t: (20.0 - 1.0 * min(t, 1.0), 3.0), yaw=0.0)]
    outputs = run(Drive(agents, [_LIDAR]), Tracker(), 4.0)
    turns = wrap_angle(np.diff([tracks.yaw[0] for tracks in outputs[5:] if len(tracks)]))
    assert np.abs(turns).max() < 1.0


def test_parked_cars_stand_and_have_their_size() -> None:
    drive = parked([Modality.LIDAR])
    tracks = run(drive, Tracker(), 5.0)[-1]
    near = tracks.select(tracks.position[:, 0] < 35.0)
    assert len(near) >= 6
    assert near.speed.max() < 0.25
    nearest = tracks.select(np.array([np.abs(tracks.position[:, 0] - 18.0).argmin()]))
    np.testing.assert_allclose(nearest.size[0], [4.2, 1.8, 1.5], atol=0.3)


def test_a_truck_hides_whom_it_hides_and_the_track_goes_on() -> None:
    drive = occlusion([Modality.LIDAR])
    found = _track(drive, 4.5)
    hidden = found.step[(found.agent == 1)]
    assert len(found.ids(1)) == 1
    assert hidden.max() > 35  # the truck covers the walker from about 2.5 s on


def test_acceleration_is_told() -> None:
    outputs = run(
        Drive([Agent(AgentClass.CAR, stop_and_go(5.0, 3.0, 9.0, 3.0, 1.0), yaw=0.0)], [_LIDAR]), Tracker(), 4.5
    )
    braking = [tracks.acceleration[0, 0] for tracks in outputs[30:45]]
    assert -4.5 < np.mean(braking) < -1.5


def test_what_only_a_radar_sees_is_as_large_as_its_class() -> None:
    radar = Sensor("radar", Modality.RADAR, (0.0, 0.0, 0.6, 0.0), fov_rad=6.3, clutter=0.0)
    tracks = run(Drive([Agent(AgentClass.PEDESTRIAN, straight(20.0, -3.0, 0.0, 1.4))], [radar]), Tracker(), 3.0)[-1]
    assert len(tracks) == 1
    assert tracks.agent_class[0] == AgentClass.PEDESTRIAN
    np.testing.assert_allclose(tracks.size[0], [0.6, 0.6, 1.7], atol=0.3)


def test_a_car_of_which_only_a_piece_is_ever_seen_is_as_long_as_cars_are() -> None:
    """The piece is its near end: the rest is behind it."""
    drive = Drive([Agent(AgentClass.CAR, straight(15.0, 8.0, 0.0, 0.0), yaw=0.0, size=(2.0, 1.9, 1.5))], [_LIDAR])
    tracks = run(drive, Tracker(), 4.0)[-1]
    assert len(tracks) == 1
    assert 3.2 < tracks.size[0, 0] < 4.2
    assert tracks.position[0, 0] - 0.5 * tracks.size[0, 0] == pytest.approx(14.0, abs=0.4)


def test_people_side_by_side_are_two() -> None:
    for gap in (0.9, 1.2):
        agents = [Agent(AgentClass.PEDESTRIAN, straight(12.0, y, 0.0, 1.2)) for y in (-4.0, -4.0 + gap)]
        found = _track(Drive(agents, [_LIDAR]), 4.0)
        assert min(found.share(agent, _SETTLED, 40) for agent in range(2)) > 0.9


def test_who_saw_a_track_and_what_cameras_know_of_it() -> None:
    on = int(Attribute.HAZARD | Attribute.BRAKE_LIGHT)
    agents = [Agent(AgentClass.CAR, lambda t: (15.0, 0.0), yaw=0.0, attributes=on)]
    camera = Sensor("camera", Modality.CAMERA, (2.0, 0.0, 1.6, 0.0), fov_rad=1.5)
    tracker = Tracker()
    tracks = run(Drive(agents, [_LIDAR, camera]), tracker, 3.0)[-1]
    assert tracks.sensors == (("lidar", "camera"),)
    assert tracks.attributes[0] == on
    assert tracks.attributes_valid[0] == 2047
    for step in range(50):  # the camera is gone, and with it in a while what it saw
        t = 3.0 + 0.1 * step
        drive = Drive(agents, [_LIDAR])
        tracker.add(drive.detections(_LIDAR, t), *drive.pose(_LIDAR, t))
        tracks = tracker.tracks_at(stamp_ns(t))
    assert tracks.attributes_valid[0] == 0
    assert tracks.agent_class[0] == AgentClass.CAR


def test_speeds_of_vehicles_on_a_fast_road() -> None:
    found = _track(overtaking())
    late = found.step > _SETTLED
    assert _rms(found.velocity_error[late]) < 0.5
    assert np.abs(found.yaw_error[late]).max() < 0.2
