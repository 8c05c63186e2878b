"""Tracks in images: projection, range without lidar and radar, and a mounting that is not as it is told."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scenarios import junction, overtaking
from simulated import Agent, Drive, Sensor, run

from zoox_prediction.detections import Modality
from zoox_prediction.scene import AgentClass
from zoox_prediction.tracking.births import born
from zoox_prediction.tracking.config import AssociationConfig, TrackingConfig
from zoox_prediction.tracking.images import project, residuals, sightings
from zoox_prediction.tracking.sensor_frame import SensorFrame, sensor_frame
from zoox_prediction.tracking.tracker import Tracker

_LIDAR = Sensor("lidar", Modality.LIDAR, (0.0, 0.0, 1.8, 0.0), fov_rad=6.3, clutter=0.0, detection_probability=1.1)
_CAMERA = Sensor("camera", Modality.CAMERA, (2.0, 0.5, 1.6, 0.2), fov_rad=2.0, clutter=0.0, detection_probability=1.1)


def _frames(drive: Drive) -> list[SensorFrame]:
    frames = [sensor_frame(drive.detections(each, 0.0), *drive.pose(each, 0.0), 100)[0] for each in drive.sensors]
    return [frame for frame in frames if frame is not None]


@pytest.mark.parametrize("place", [(15.0, 3.0), (30.0, -8.0), (8.0, 5.0)])
def test_a_track_is_projected_to_where_the_camera_sees_it(place: tuple[float, float]) -> None:
    drive = Drive([Agent(AgentClass.CAR, lambda t: place, yaw=0.4)], [_LIDAR, _CAMERA])
    lidar, camera = _frames(drive)
    tracks = born(lidar, np.array([0]), np.array([1]), 0, 0.0, TrackingConfig())
    mean, covariance = tracks.motion.merged()
    view = project(camera, tracks, mean[:, :2], covariance[:, :2, :2])
    told = camera.detections.bearing_box
    assert told is not None and len(view.rows) == 1
    np.testing.assert_allclose(view.box, told, atol=0.035)
    found = residuals(camera, view, np.array([0]), np.array([0]), AssociationConfig())
    assert np.abs(found.direction).max() < 0.025


def test_what_is_behind_the_camera_is_not_projected() -> None:
    drive = Drive([Agent(AgentClass.CAR, lambda t: (-15.0, -3.0), yaw=0.4)], [_LIDAR, _CAMERA])
    lidar, camera = _frames(drive)
    tracks = born(lidar, np.array([0]), np.array([1]), 0, 0.0, TrackingConfig())
    mean, covariance = tracks.motion.merged()
    assert len(project(camera, tracks, mean[:, :2], covariance[:, :2, :2]).rows) == 0


@pytest.mark.parametrize(
    ("kind", "away"), [(AgentClass.CAR, 12.0), (AgentClass.PEDESTRIAN, 20.0), (AgentClass.CAR, 35.0)]
)
def test_range_by_where_a_box_stands_and_how_tall_it_is(kind: AgentClass, away: float) -> None:
    camera = replace(_CAMERA, mount=(0.0, 0.0, 1.6, 0.0))
    drive = Drive([Agent(kind, lambda t: (away, 0.0), yaw=0.0)], [camera])
    seen = sightings(_frames(drive)[0], np.array([0]), 0.0, AssociationConfig())
    assert seen.known[0]
    error = seen.position[0] - [away, 0.0]
    assert np.abs(error[0]) < 0.12 * away and np.abs(error[1]) < 0.05 * away
    assert error @ np.linalg.solve(seen.covariance[0], error) < 9.0
    assert seen.covariance[0, 0, 0] > 10.0 * seen.covariance[0, 1, 1]


@pytest.mark.parametrize(("error_deg", "side"), [(5.0, "left"), (-5.0, "right")])
def test_a_camera_that_looks_elsewhere_than_told_is_noticed(error_deg: float, side: str) -> None:
    wrong = replace(_CAMERA, name="wrong", yaw_error_rad=math.radians(-error_deg))
    drive = replace(overtaking(), sensors=[_LIDAR, replace(_CAMERA, name="right"), wrong])
    tracker, problems = Tracker(), []
    for message in drive.messages(8.0):
        problems += tracker.add(*message)
        tracker.tracks_at(message[0].stamp_ns)
    offsets = tracker.bearing_offsets()
    assert offsets["wrong"] is not None and offsets["right"] is not None
    assert math.degrees(offsets["wrong"].azimuth_rad) == pytest.approx(error_deg, abs=1.0)
    assert abs(math.degrees(offsets["right"].azimuth_rad)) < 1.0
    assert problems and all(problem.startswith("wrong: ") for problem in problems)
    assert f"degrees {side} of" in problems[0] and "calibration" in problems[0]


def test_one_agent_alone_does_not_blame_a_camera() -> None:
    """What keeps its place before the vehicle makes the same pair in every image, be it a wrong one."""
    wrong = replace(_CAMERA, name="wrong", yaw_error_rad=math.radians(5.0))
    drive = Drive([Agent(AgentClass.CAR, lambda t: (15.0, 0.0), yaw=0.0)], [_LIDAR, wrong])
    tracker, problems = Tracker(), []
    for message in drive.messages(15.0):
        problems += tracker.add(*message)
        tracker.tracks_at(message[0].stamp_ns)
    assert problems == [] and tracker.bearing_offsets()["wrong"] is None


def test_an_image_does_not_begin_tracks_beside_a_lidar() -> None:
    hidden = Drive([Agent(AgentClass.CAR, lambda t: (20.0, 0.0), yaw=0.0)], [replace(_LIDAR, reach_m=5.0), _CAMERA])
    assert len(run(hidden, Tracker(), 2.0)[-1]) == 0
    alone = replace(hidden, sensors=[_CAMERA])
    tracks = run(alone, Tracker(), 2.0)[-1]
    assert len(tracks) == 1
    assert np.linalg.norm(tracks.position[0, :2] - [20.0, 0.0]) < 2.5


def test_images_sharpen_the_direction_of_radar_tracks() -> None:
    errors = []
    for kinds in ([Modality.RADAR], [Modality.RADAR, Modality.CAMERA]):
        drive = junction(kinds)
        tracks = run(drive, Tracker(), 3.0)[-1]
        errors.append(
            float(np.median([np.sqrt(np.linalg.eigvalsh(each[:2, :2])[1]) for each in tracks.pose_covariance]))
        )
    assert errors[1] < errors[0]
