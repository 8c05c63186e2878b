"""The tracker as its node uses it: order of arrival, time, and bad input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scenarios import RANGE_SENSORS, junction, overtaking
from simulated import START_NS, Agent, Drive, Sensor, corner_sensors, run, stamp_ns, truth

from zoox_prediction.detections import Detections, Modality, TrackAttributes
from zoox_prediction.scene import AgentClass, Attribute, TrackedAgents
from zoox_prediction.tracking.config import TimingConfig, TrackingConfig
from zoox_prediction.tracking.tracker import Tracker

_LIDAR = Sensor("lidar", Modality.LIDAR, (0.0, 0.0, 1.8, 0.0), fov_rad=6.3, clutter=0.0)


def _standing_car() -> Drive:
    return Drive([Agent(AgentClass.CAR, lambda t: (15.0, 3.0), yaw=0.0)], [_LIDAR])


def _same(first: TrackedAgents, second: TrackedAgents) -> None:
    np.testing.assert_array_equal(first.ids, second.ids)
    for name in ("position", "velocity", "yaw", "size", "existence_probability", "class_probabilities"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_late_messages_give_the_tracks_that_punctual_ones_give() -> None:
    sensors = [replace(each, offset_s=0.013 * i) for i, each in enumerate(corner_sensors(*RANGE_SENSORS))]
    drive = replace(junction(), sensors=sensors)
    messages = list(drive.messages(4.0))
    punctual, late = Tracker(), Tracker()
    for message in messages:
        punctual.add(*message)
        punctual.tracks_at(message[0].stamp_ns)
    random = np.random.default_rng(0)
    arrival = [message[0].stamp_ns + random.uniform(0.0, 0.2e9) for message in messages]
    for i in np.argsort(arrival):
        assert late.add(*messages[i]) == []
        late.tracks_at(int(arrival[i]))
    end = messages[-1][0].stamp_ns
    first, second = punctual.tracks_at(end + 50_000_000), late.tracks_at(end + 50_000_000)
    assert len(first) == 3
    for name in ("position", "velocity", "size", "existence_probability"):
        np.testing.assert_array_equal(
            np.sort(getattr(first, name), axis=0), np.sort(getattr(second, name), axis=0), err_msg=name
        )


def test_ids_stay_when_a_late_message_is_put_in_its_place() -> None:
    drive = overtaking(RANGE_SENSORS)
    tracker, told = Tracker(), {}
    messages = list(drive.messages(3.0))
    held: list = []
    for i, message in enumerate(messages):
        if message[0].sensor_name == "lidar_1":  # always comes a step too late
            held.append(message)
            continue
        tracker.add(*message)
        if i % len(drive.sensors) == len(drive.sensors) - 1:
            tracks = tracker.tracks_at(message[0].stamp_ns)
            agents = truth(drive.agents, (message[0].stamp_ns - START_NS) * 1e-9)
            for i_agent, place in enumerate(agents.position[:, :2]):
                near = np.flatnonzero(np.linalg.norm(tracks.position[:, :2] - place, axis=1) < 2.0)
                if len(near):
                    told.setdefault(i_agent, []).append(int(tracks.ids[near[0]]))
            while held:
                assert tracker.add(*held.pop()) == []
    assert len(told) == 4
    assert all(len(set(ids)) == 1 for ids in told.values())


def test_tracks_of_an_instant_do_not_depend_on_what_was_asked_before() -> None:
    drive = junction()
    often, once = Tracker(), Tracker()
    messages = list(drive.messages(2.0))
    for message in messages:
        often.add(*message)
        often.advance(message[0].stamp_ns + 60_000_000)
        often.tracks_at(message[0].stamp_ns)
        once.add(*message)
        if message[0].sensor_name == "lidar_0":
            once.tracks_at(message[0].stamp_ns - 100_000_000)
    _same(often.tracks_at(stamp_ns(2.0)), once.tracks_at(stamp_ns(2.0)))


def test_output_is_predicted_to_its_stamp() -> None:
    drive = overtaking(RANGE_SENSORS)
    tracker = Tracker()
    run(drive, tracker, 3.0)
    ahead = tracker.tracks_at(stamp_ns(3.2))
    agents = truth(drive.agents, 3.2)
    apart = np.linalg.norm(ahead.position[:, None, :2] - agents.position[None, :, :2], axis=2)
    assert len(ahead) == len(agents)
    assert apart.min(axis=0).max() < 0.8
    assert (ahead.time_since_seen_s > 0.25).all()
    before = tracker.tracks_at(stamp_ns(2.7))  # of then, not of now
    earlier = truth(drive.agents, 2.7)
    apart = np.linalg.norm(before.position[:, None, :2] - earlier.position[None, :, :2], axis=2)
    assert apart.min(axis=0).max() < 0.8


def test_too_late_messages_and_those_from_the_future_are_refused() -> None:
    drive, tracker = _standing_car(), Tracker(TrackingConfig(timing=TimingConfig(max_delay_s=0.3)))
    run(drive, tracker, 1.0)
    expected = tracker.tracks_at(stamp_ns(0.9))
    late = drive.detections(_LIDAR, 0.5)
    assert "0.40 s late" in tracker.add(late, *drive.pose(_LIDAR, 0.5))[0]
    ahead = drive.detections(_LIDAR, 60.0)
    assert "ahead" in tracker.add(ahead, *drive.pose(_LIDAR, 60.0))[0]
    _same(tracker.tracks_at(stamp_ns(0.9)), expected)
    assert tracker.add(drive.detections(_LIDAR, 1.0), *drive.pose(_LIDAR, 1.0)) == []


def test_a_message_from_the_future_that_comes_first_is_dropped_when_the_time_is_known() -> None:
    drive, tracker = _standing_car(), Tracker()
    assert tracker.add(drive.detections(_LIDAR, 60.0), *drive.pose(_LIDAR, 60.0)) == []
    outputs = run(drive, tracker, 1.0)
    assert len(outputs[-1]) == 1
    fresh = Tracker()
    fresh.add(drive.detections(_LIDAR, 60.0), *drive.pose(_LIDAR, 60.0))
    fresh.tracks_at(stamp_ns(0.0))
    assert "ahead of the time" in fresh.add(drive.detections(_LIDAR, 0.1), *drive.pose(_LIDAR, 0.1))[0]


def test_numbers_that_are_not_finite_cost_only_their_rows() -> None:
    drive, tracker = _standing_car(), Tracker()
    run(drive, tracker, 1.0)
    detections = drive.detections(_LIDAR, 1.0)
    assert len(detections) == 1 and detections.center is not None
    broken = detections.select(np.zeros(2, dtype=int))
    assert broken.center is not None
    center = broken.center.copy()
    center[0, 1] = np.nan
    pose, velocity = drive.pose(_LIDAR, 1.0)
    assert "1 detections" in tracker.add(replace(broken, center=center), pose, velocity)[0]
    tracks = tracker.tracks_at(stamp_ns(1.0))
    assert len(tracks) == 1 and np.isfinite(tracks.position).all()
    assert tracks.time_since_seen_s[0] == 0.0
    assert "pose" in tracker.add(drive.detections(_LIDAR, 1.1), np.full((4, 4), np.nan), velocity)[0]
    assert "center" in tracker.add(replace(drive.detections(_LIDAR, 1.2), center=None), pose, velocity)[0]


def test_a_covariance_that_is_none_does_no_harm() -> None:
    drive, tracker = _standing_car(), Tracker()
    for step in range(10):
        detections = drive.detections(_LIDAR, 0.1 * step)
        assert detections.covariance is not None
        broken = np.tile(-np.eye(4), (len(detections), 1, 1))
        tracker.add(replace(detections, covariance=broken), *drive.pose(_LIDAR, 0.1 * step))
    tracks = tracker.tracks_at(stamp_ns(0.9))
    assert len(tracks) == 1 and np.isfinite(tracks.pose_covariance).all()
    assert (np.linalg.eigvalsh(tracks.pose_covariance[0]) > 0.0).all()


def test_no_detections_and_five_hundred() -> None:
    tracker = Tracker(TrackingConfig(max_detections=400))
    pose, still = np.eye(4), np.zeros(3)
    for modality in Modality:
        assert tracker.add(Detections.empty(START_NS, "f", modality.name, modality), pose, still) == []
    assert len(tracker.tracks_at(START_NS)) == 0
    grid = np.array([(x, y) for x in range(-50, 50, 4) for y in range(-40, 40, 4)], dtype=float)
    assert len(grid) == 500
    agents = [Agent(AgentClass.PEDESTRIAN, lambda t, p=p: (p[0], p[1]), yaw=0.0) for p in grid]
    one = Drive(agents, [replace(_LIDAR, reach_m=200.0, detection_probability=1.1)])
    everywhere = replace(one.detections(one.sensors[0], 0.0), existence_probability=np.full(0, 0.9))
    count = len(everywhere.class_probabilities)
    everywhere = replace(everywhere, existence_probability=np.full(count, 0.9))
    many = everywhere.select(np.arange(500) % count)
    for step in range(5):
        problems = tracker.add(replace(many, stamp_ns=stamp_ns(0.1 * step)), *one.pose(_LIDAR, 0.0))
        assert "400 most probable" in problems[0]
    assert 0 < len(tracker.tracks_at(stamp_ns(0.4))) <= 400


def test_a_sensor_that_stops_leaves_the_others_to_it() -> None:
    drive = overtaking(RANGE_SENSORS)
    tracker = Tracker()
    for message in drive.messages(4.0):
        stopped = message[0].modality == Modality.LIDAR and message[0].stamp_ns > stamp_ns(2.0)
        if not stopped:
            tracker.add(*message)
        if message[0].sensor_name == "radar_3":
            tracks = tracker.tracks_at(message[0].stamp_ns)
    agents = truth(drive.agents, 3.9)
    apart = np.linalg.norm(tracks.position[:, None, :2] - agents.position[None, :, :2], axis=2)
    assert (apart.min(axis=0) < 1.5).sum() == len(agents)


def test_what_a_camera_tells_of_a_track_is_told_on() -> None:
    drive, tracker = _standing_car(), Tracker()
    known = run(drive, tracker, 1.0)[-1]
    assert known.attributes_valid[0] == 0
    bits = np.array([Attribute.BRAKE_LIGHT], dtype=np.uint32)
    nothing = Detections.empty(stamp_ns(0.95), "camera", "camera", Modality.CAMERA)
    told = replace(nothing, of_tracks=TrackAttributes(known.ids, bits, bits, np.full(1, 0.9)))
    assert tracker.add(told, *drive.pose(Sensor("camera", Modality.CAMERA, (0.0, 0.0, 1.5, 0.0)), 0.95)) == []
    assert tracker.tracks_at(stamp_ns(1.0)).attributes[0] == Attribute.BRAKE_LIGHT


def test_what_no_sensor_sees_any_more_ends() -> None:
    drive, tracker = _standing_car(), Tracker()
    outputs = run(drive, tracker, 2.0)
    assert len(outputs[-1]) == 1
    for step in range(30):
        nothing = Detections.empty(stamp_ns(2.0 + 0.1 * step), "lidar", "lidar", Modality.LIDAR)
        assert tracker.add(nothing, *drive.pose(_LIDAR, 2.0)) == []
        tracks = tracker.tracks_at(nothing.stamp_ns)
        assert len(tracks) == (step < 15) or 3 < step < 15
    assert len(tracks) == 0


def test_reset_forgets_but_never_gives_an_id_twice() -> None:
    drive, tracker = _standing_car(), Tracker()
    first = run(drive, tracker, 1.0)[-1]
    tracker.reset()
    assert len(tracker.tracks_at(START_NS)) == 0
    second = run(drive, tracker, 1.0)[-1]
    assert len(first) == len(second) == 1
    assert first.ids[0] != second.ids[0]
    np.testing.assert_array_equal(first.position, second.position)


def test_nothing_within_the_ego_is_told_of() -> None:
    drive = Drive(
        [Agent(AgentClass.CAR, lambda t: (1.4, 0.0), yaw=0.0)], [replace(_LIDAR, mount=(30.0, 0.0, 1.8, 3.14))]
    )
    tracker = Tracker()
    run(drive, tracker, 1.0)
    assert len(tracker.tracks_at(stamp_ns(0.9), drive.ego(0.9))) == 0
    assert len(tracker.tracks_at(stamp_ns(0.9), None)) == 1


def test_a_flood_of_messages_without_a_question_is_bounded() -> None:
    drive = _standing_car()
    tracker = Tracker(TrackingConfig(timing=TimingConfig(max_waiting=10)))
    for message in drive.messages(5.0):
        tracker.add(*message)
    assert len(tracker._waiting) <= 10
    assert len(tracker.tracks_at(stamp_ns(4.9))) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"wait_s": 1.0}, "wait_s"), ({"max_delay_s": -1.0}, "max_delay_s"), ({"max_waiting": 0}, "max_waiting")],
)
def test_bad_timing_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TimingConfig(**changes)
