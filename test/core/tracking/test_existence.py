"""Existence: what a miss means, who hides whom, and where a sensor looks."""

from __future__ import annotations

import numpy as np
import pytest
from simulated import START_NS, Agent, Drive, Sensor, run

from zoox_prediction.detections import Detections, Modality
from zoox_prediction.scene import AgentClass
from zoox_prediction.tracking.births import born
from zoox_prediction.tracking.config import ExistenceConfig, TrackingConfig
from zoox_prediction.tracking.coverage import Cells, Coverage
from zoox_prediction.tracking.existence import MOST_EXISTENCE, after_detection, after_miss, visible_share
from zoox_prediction.tracking.sensor_frame import sensor_frame
from zoox_prediction.tracking.track_table import TrackTable
from zoox_prediction.tracking.tracker import Tracker

_LIDAR = Sensor("lidar", Modality.LIDAR, (0.0, 0.0, 1.8, 0.0), fov_rad=6.3, clutter=0.0, detection_probability=1.1)


def test_detections_and_misses_count_by_bayes_rule() -> None:
    half, one = np.array([0.5]), np.ones(1)
    assert after_detection(half, np.log([4.0]), one, one, 9.0)[0] == pytest.approx(0.8)
    assert after_detection(half, np.log([4.0]), one, 0.0 * one, 9.0)[0] == pytest.approx(0.5)
    assert after_detection(half, np.array([50.0]), one, one, 50.0)[0] == MOST_EXISTENCE
    assert after_detection(half, np.array([50.0]), one, one, np.log(3.0))[0] == pytest.approx(0.75)
    assert after_miss(half, np.array([0.9]), one)[0] == pytest.approx(1.0 / 11.0)
    assert after_miss(half, np.array([0.0]), one)[0] == pytest.approx(0.5)
    assert after_miss(half, np.array([0.75]), 0.5 * one)[0] == pytest.approx(1.0 / 3.0)


def _tracks(agents: list[Agent]) -> TrackTable:
    frame, _ = sensor_frame(Drive(agents, [_LIDAR]).detections(_LIDAR, 0.0), np.eye(4), np.zeros(3), 50)
    assert frame is not None
    tables = []
    for i, agent in enumerate(agents):  # one by one, so that nobody hides another one
        drive = Drive([agent], [_LIDAR])
        frame, _ = sensor_frame(drive.detections(_LIDAR, 0.0), *drive.pose(_LIDAR, 0.0), 50)
        assert frame is not None
        tables.append(born(frame, np.array([0]), np.array([i]), 0, 0.0, TrackingConfig()))
    table = tables[0]
    for other in tables[1:]:
        table = table.joined(other)
    table.confirmed[:] = True
    table.existence[:] = 0.9
    return table


def test_a_truck_hides_a_walker_and_a_walker_no_truck() -> None:
    tracks = _tracks(
        [
            Agent(AgentClass.TRUCK, lambda t: (10.0, 0.0), yaw=0.5 * np.pi),
            Agent(AgentClass.PEDESTRIAN, lambda t: (16.0, 0.0), yaw=0.0),
            Agent(AgentClass.PEDESTRIAN, lambda t: (5.0, 0.0), yaw=0.0),
            Agent(AgentClass.CAR, lambda t: (-10.0, 0.0), yaw=0.0),
        ]
    )
    share = visible_share(tracks, tracks.position, np.arange(4), np.array([0.0, 0.0, 1.8]))
    assert share[1] < 0.05
    assert share[0] > 0.7
    assert share[2] == share[3] == 1.0
    above = visible_share(tracks, tracks.position, np.arange(4), np.array([0.0, 0.0, 12.0]))
    assert above[1] > 0.9


def test_doubtful_tracks_hide_nobody() -> None:
    tracks = _tracks(
        [
            Agent(AgentClass.TRUCK, lambda t: (10.0, 0.0), yaw=1.57),
            Agent(AgentClass.CAR, lambda t: (18.0, 0.0), yaw=0.0),
        ]
    )
    tracks.existence[0] = 0.2
    assert visible_share(tracks, tracks.position, np.array([1]), np.zeros(3))[0] == 1.0


def test_a_sensor_learns_where_it_sees() -> None:
    config = ExistenceConfig()
    cells = Cells(np.array([3, 12]), np.array([1, 1]), np.array([0, 0]))
    coverage = Coverage.unknown()
    assert (coverage.probability(cells, Modality.LIDAR, config) == config.unseen_sector_probability).all()
    for _ in range(60):
        coverage = coverage.updated(cells, np.array([True, False]), np.array([3]))
    seen, unseen = coverage.probability(cells, Modality.LIDAR, config)
    assert seen > 0.95 and unseen < 0.05
    for _ in range(60):  # it goes blind
        coverage = coverage.updated(cells, np.array([False, False]), np.zeros(0, dtype=int))
    assert coverage.probability(cells, Modality.LIDAR, config)[0] < 0.6


def test_a_sensor_that_looks_elsewhere_does_not_end_tracks() -> None:
    """A rear lidar that sees nothing says nothing about a car ahead, even when the one that saw it has stopped."""
    agents = [
        Agent(AgentClass.CAR, lambda t: (15.0, 0.0), yaw=0.0),
        Agent(AgentClass.CAR, lambda t: (-15.0, 0.0), yaw=0.0),
    ]
    front = Sensor("front", Modality.LIDAR, (2.0, 0.0, 1.8, 0.0), fov_rad=2.0, clutter=0.0)
    rear = Sensor("rear", Modality.LIDAR, (-1.0, 0.0, 1.8, np.pi), fov_rad=2.0, clutter=0.0)
    drive, tracker = Drive(agents, [front, rear]), Tracker()
    assert len(run(drive, tracker, 3.0)[-1]) == 2
    for step in range(20):
        t = 3.0 + 0.1 * step
        tracker.add(drive.detections(rear, t), *drive.pose(rear, t))
        tracks = tracker.tracks_at(START_NS + round(t * 1e9))
    assert len(tracks) == 2
    ahead = tracks.existence_probability[tracks.position[:, 0].argmax()]
    assert ahead > 0.8


def test_clutter_does_not_become_tracks() -> None:
    noisy = Sensor("lidar", Modality.LIDAR, (0.0, 0.0, 1.8, 0.0), fov_rad=6.3, clutter=15.0)
    outputs = run(Drive([Agent(AgentClass.CAR, lambda t: (15.0, 0.0), yaw=0.0)], [noisy]), Tracker(), 5.0)
    assert sum(len(tracks) - 1 for tracks in outputs[5:]) <= 3


def test_a_new_agent_is_told_of_within_three_tenths_of_a_second() -> None:
    outputs = run(Drive([Agent(AgentClass.PEDESTRIAN, lambda t: (12.0, 2.0), yaw=0.0)], [_LIDAR]), Tracker(), 0.5)
    assert [len(tracks) for tracks in outputs] == [0, 0, 1, 1, 1]


def test_an_empty_frame_before_anything_is_known() -> None:
    tracker = Tracker()
    nothing = Detections.empty(START_NS, "camera", "camera", Modality.CAMERA)
    assert tracker.add(nothing, np.eye(4), np.zeros(3)) == []
    assert len(tracker.tracks_at(START_NS)) == 0
    assert tracker.bearing_offsets() == {"camera": None}
