"""The tracker with its odometry: dead reckoning, the stamps of what it tells, silence, and messages of another time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from simulated import START_NS, Agent, Drive, Sensor, stamp_ns

from zoox_prediction.detections import Modality
from zoox_prediction.geometry import rotation_matrix
from zoox_prediction.scene import AgentClass, EgoState
from zoox_prediction.tracking.pace import OutputPace
from zoox_prediction.tracking.pipeline import TrackingNodeConfig, TrackingPipeline

LIDAR = Sensor("lidar", Modality.LIDAR, (1.0, 0.5, 1.8, 0.0), fov_rad=6.3, clutter=0.0, detection_probability=1.1)
RADAR = Sensor("radar", Modality.RADAR, (1.0, 0.5, 0.6, 0.0), fov_rad=6.3, clutter=0.0, detection_probability=1.1)
STEP_NS = 100_000_000
DELAY_NS = 60_000_000  # from a measurement to its detections

DRIVE = Drive(
    [Agent(AgentClass.CAR, lambda t: (15.0 + 5.0 * t, 3.0))], [LIDAR, RADAR], ego_way=lambda t: (5.0 * t, 0.0)
)


def mount(sensor: Sensor) -> NDArray[np.float64]:
    """base_from_sensor."""
    matrix = np.eye(4)
    matrix[:3, 3] = sensor.mount[:3]
    return matrix


def add(pipeline: TrackingPipeline, sensor: Sensor, t: float, offset_s: float = 0.0) -> None:
    """The detections of an instant, stamped later by an offset, with the pose that the odometry of then tells."""
    detections = DRIVE.detections(sensor, t)
    detections = replace(detections, stamp_ns=detections.stamp_ns + round(offset_s * 1e9))
    pipeline.add_detections(detections, DRIVE.pose(sensor, t)[0], mount(sensor))


def told(pipeline: TrackingPipeline, now_ns: int) -> int:
    """The stamp of the tracks of now, relative to the start."""
    tracks = pipeline.tracks(now_ns)
    assert tracks is not None
    return tracks.stamp_ns - START_NS


@pytest.fixture
def pipeline() -> TrackingPipeline:
    """After a second with both sensors, told of with the usual delay."""
    pipeline = TrackingPipeline(TrackingNodeConfig())
    for step in range(11):
        t = 0.1 * step
        pipeline.add_ego(DRIVE.ego(t))
        add(pipeline, LIDAR, t)
        add(pipeline, RADAR, t)
        assert told(pipeline, stamp_ns(t) + DELAY_NS) == step * STEP_NS
    return pipeline


def test_tracks_have_the_stamp_of_the_newest_detections_and_the_motion_over_ground(pipeline: TrackingPipeline) -> None:
    tracks = pipeline.tracks_at(stamp_ns(1.0))
    assert len(tracks) == 1 and set(tracks.sensors[0]) == {"lidar", "radar"}
    np.testing.assert_allclose(tracks.position[0, :2], [20.0, 3.0], atol=0.5)
    np.testing.assert_allclose(tracks.velocity[0], [5.0, 0.0], atol=0.5)  # the radar moves as the ego does


def test_without_detections_tracks_are_carried_on_by_the_time_that_passes(pipeline: TrackingPipeline) -> None:
    now_ns = stamp_ns(1.0) + DELAY_NS
    assert pipeline.tracks(now_ns) is None  # the same once more
    assert not pipeline.has_news
    for later_ns in (150_000_000, 250_000_000, 2_000_000_000):
        tracks = pipeline.tracks(now_ns + later_ns)
        assert tracks is not None and tracks.stamp_ns == stamp_ns(1.0) + later_ns
        np.testing.assert_allclose(tracks.position[0, 0], 20.0 + 5e-9 * later_ns, atol=0.5 + 1e-9 * later_ns)
    assert pipeline.tracks(now_ns + 2_000_000_000) is None  # time stands still
    assert pipeline.tracks(now_ns + 1_900_000_000) is None  # or is turned back a little


def test_what_is_older_than_what_was_told_changes_tracks_and_no_stamp(pipeline: TrackingPipeline) -> None:
    assert told(pipeline, stamp_ns(1.0) + DELAY_NS + 150_000_000) == 1_150_000_000
    add(pipeline, LIDAR, 1.1)
    assert not pipeline.has_news
    assert pipeline.tracks(stamp_ns(1.0) + DELAY_NS + 150_000_000) is None
    add(pipeline, LIDAR, 1.2)
    assert pipeline.has_news
    assert told(pipeline, stamp_ns(1.2) + DELAY_NS) == 1_200_000_000


def test_a_sensor_that_is_ahead_makes_the_stamps_wait_and_not_go_back(pipeline: TrackingPipeline) -> None:
    add(pipeline, RADAR, 1.1, offset_s=0.3)
    assert told(pipeline, stamp_ns(1.1) + DELAY_NS) == 1_400_000_000
    stamps = []
    for step in range(12, 21):
        add(pipeline, LIDAR, 0.1 * step)
        tracks = pipeline.tracks(stamp_ns(0.1 * step) + DELAY_NS)
        stamps.append(None if tracks is None else tracks.stamp_ns - START_NS)
    assert stamps[-3:] == [1_800_000_000, 1_900_000_000, 2_000_000_000]  # those of the lidar again
    assert (np.diff([each for each in stamps if each is not None]) > 0).all()


def test_detections_from_the_future_and_late_ones_are_refused_with_their_sensor(pipeline: TrackingPipeline) -> None:
    now_ns = stamp_ns(1.0) + DELAY_NS
    future = replace(DRIVE.detections(LIDAR, 1.0), stamp_ns=now_ns + 3_000_000_000)
    late = DRIVE.detections(LIDAR, 0.3)
    assert "lidar: detections are stamped 3.00 s ahead" in str(pipeline.refusal(future, now_ns))
    assert "lidar: detections come 0.70 s late" in str(pipeline.refusal(late, now_ns))
    assert pipeline.refusal(DRIVE.detections(LIDAR, 1.1), now_ns) is None
    add(pipeline, LIDAR, 0.3, offset_s=9.0)  # nobody asked before; the tracker refuses it
    assert not pipeline.has_news and told(pipeline, now_ns + STEP_NS) == 1_100_000_000


def test_a_silent_sensor_is_named_with_the_age_of_its_detections(pipeline: TrackingPipeline) -> None:
    assert pipeline.silent(stamp_ns(1.0) + DELAY_NS) == {}
    for step in range(11, 19):
        add(pipeline, LIDAR, 0.1 * step)
        pipeline.tracks(stamp_ns(0.1 * step) + DELAY_NS)
    assert pipeline.silent(stamp_ns(1.8)) == pytest.approx({"radar": 0.8})
    add(pipeline, RADAR, 1.8)
    assert pipeline.silent(stamp_ns(1.8)) == {}


def test_nothing_is_told_before_the_first_detections_and_after_a_reset(pipeline: TrackingPipeline) -> None:
    assert TrackingPipeline(TrackingNodeConfig()).tracks(START_NS) is None
    pipeline.reset()
    assert pipeline.tracks(stamp_ns(1.2)) is None and pipeline.map_from_base(stamp_ns(1.0)) is None
    assert pipeline.silent(stamp_ns(9.0)) == {}
    pipeline.add_ego(DRIVE.ego(0.0))  # the recording goes back to its start
    add(pipeline, LIDAR, 0.0)
    assert told(pipeline, stamp_ns(0.0) + DELAY_NS) == 0


def turning(t: float) -> EgoState:
    """On a circle of 20 m to the left at 8 m/s."""
    yaw = 0.4 * t
    place = 20.0 * np.array([np.sin(yaw), 1.0 - np.cos(yaw)])
    return EgoState(stamp_ns(t), place, yaw, rotation_matrix(yaw) @ [8.0, 0.0], 0.4, 1.5)


def test_odometry_tells_the_pose_up_to_half_a_second_away() -> None:
    pipeline = TrackingPipeline(TrackingNodeConfig())
    for t in (0.0, 0.1, 0.2):
        assert pipeline.add_ego(turning(t)) == []
    for t in (-0.3, 0.04, 0.2, 0.6):
        pose = pipeline.map_from_base(stamp_ns(t))
        assert pose is not None
        true = turning(t)
        np.testing.assert_allclose(pose[:3, 3], [*true.position, 1.5], atol=0.02)
        np.testing.assert_allclose(pose[:2, :2], rotation_matrix(true.yaw), atol=1e-9)
    assert pipeline.map_from_base(stamp_ns(0.75)) is None and pipeline.map_from_base(stamp_ns(-0.6)) is None


def test_odometry_that_cannot_be_used_is_told_and_left_out() -> None:
    pipeline = TrackingPipeline(TrackingNodeConfig())
    pipeline.add_ego(turning(1.0))
    assert "pose is not finite" in pipeline.add_ego(replace(turning(1.1), position=np.array([np.nan, 0.0])))[0]
    assert "speed is not finite" in pipeline.add_ego(replace(turning(1.1), yaw_rate=np.inf))[0]
    assert "go back" in pipeline.add_ego(turning(0.9))[0]
    pose = pipeline.map_from_base(stamp_ns(1.1))
    assert pose is not None
    np.testing.assert_allclose(pose[:2, 3], turning(1.1).position, atol=0.02)


def test_one_odometry_from_the_future_does_not_shut_out_those_of_now() -> None:
    pipeline = TrackingPipeline(TrackingNodeConfig())
    pipeline.add_ego(turning(0.0))
    pipeline.add_ego(replace(turning(0.1), stamp_ns=stamp_ns(60.0)))
    assert pipeline.add_ego(turning(0.2)) == []
    pose = pipeline.map_from_base(stamp_ns(0.2))
    assert pose is not None
    np.testing.assert_allclose(pose[:2, 3], turning(0.2).position)


def outputs(pace: OutputPace, news: list[float], until_s: float) -> list[float]:
    """The instants of output when newer detections come at these ones, by a timer that keeps its time."""
    due, found = pace.on_output(0.0), []
    times = iter([*news, np.inf])
    next_s = next(times)
    while min(due, next_s) < until_s:
        if next_s < due:
            wait = pace.on_news(next_s)
            due = due if wait is None else next_s + wait
            next_s = next(times)
        else:
            found.append(due)
            due += pace.on_output(due)
    return found


@pytest.mark.parametrize("rate_hz", [10.0, 12.0, 40.0, 170.0])
def test_tracks_go_out_ten_times_a_second_at_whatever_rate_detections_come(rate_hz: float) -> None:
    found = np.array(outputs(OutputPace(0.1, 0.03), np.arange(1.0, 11.0, 1.0 / rate_hz).tolist(), 11.0))
    in_time = np.diff(found[found > 2.0])
    assert 0.09 < in_time.mean() < 0.105 and in_time.max() < 0.15


def test_rare_detections_go_out_at_once_and_others_between_them() -> None:
    news = np.arange(1.0, 6.0, 0.25)
    found = np.array(outputs(OutputPace(0.1, 0.03), news.tolist(), 6.0))
    assert np.abs(found[:, None] - (news + 0.03)[None]).min(axis=0).max() < 0.05
    assert 7.5 < np.count_nonzero(found > 1.0) / 5.0 < 12.5


@pytest.mark.parametrize("late_s", [0.05, 0.09])
def test_a_delay_once_is_caught_up_with(late_s: float) -> None:
    news = np.arange(1.0, 6.0, 0.1)
    news[10] += late_s
    found = np.array(outputs(OutputPace(0.1, 0.03), news.tolist(), 6.0))
    assert found[found > news[-1]][0] - news[-1] == pytest.approx(0.03, abs=1e-6)
