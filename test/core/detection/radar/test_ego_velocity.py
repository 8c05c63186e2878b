"""The radar's own velocity from what stands, and odometry that is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from radar_scenes import cloud, measurement, simulated

from zoox_prediction.detection.radar.config import RadarDetectorConfig
from zoox_prediction.detection.radar.detector import RadarDetector
from zoox_prediction.detection.radar.ego_velocity import estimate_ego_velocity
from zoox_prediction.detection.radar.points import RadarPoints, radar_points
from zoox_prediction.scene import AgentClass
from zoox_prediction.sensor_data import PointCloud

CONFIG = RadarDetectorConfig()
OWN = (13.0, -1.0)


def _places(count: int, seed: int = 1) -> NDArray:
    random = np.random.default_rng(seed)
    azimuth, distance = random.uniform(-1.2, 1.2, count), random.uniform(8.0, 80.0, count)
    return np.column_stack([distance * np.cos(azimuth), distance * np.sin(azimuth)])


def _points(points: PointCloud) -> RadarPoints:
    return radar_points(measurement(), points, CONFIG)


def test_velocity_is_found_among_movers() -> None:
    places = _places(30)
    over_ground = np.zeros_like(places)
    over_ground[:9] = np.random.default_rng(2).uniform(-15.0, 15.0, (9, 2))
    estimate = estimate_ego_velocity(_points(cloud(places, over_ground, own=OWN)), CONFIG.ego_velocity)
    assert estimate is not None
    assert estimate.velocity == pytest.approx(OWN, abs=0.05)
    assert not estimate.stands[:9].all() and estimate.stands[9:].all()


def test_the_covariance_is_that_of_the_errors() -> None:
    errors, stated = [], []
    for seed in range(100):
        exact = cloud(_places(25, seed), own=OWN)
        assert exact.radial_speed is not None
        noise = np.random.default_rng(seed).normal(0.0, 0.1, 25).astype(np.float32)
        noisy = PointCloud(exact.position, radial_speed=exact.radial_speed + noise)
        estimate = estimate_ego_velocity(_points(noisy), CONFIG.ego_velocity)
        assert estimate is not None
        errors.append(estimate.velocity - OWN)
        stated.append(estimate.covariance)
    assert np.cov(np.array(errors).T) == pytest.approx(np.mean(stated, axis=0), rel=0.5, abs=5e-4)


def test_too_few_disagreeing_or_speechless_points_and_those_in_one_direction_tell_nothing() -> None:
    settings = CONFIG.ego_velocity
    assert estimate_ego_velocity(_points(cloud(_places(5), own=OWN)), settings) is None
    chaos = np.random.default_rng(3).uniform(-15.0, 15.0, (30, 2))
    assert estimate_ego_velocity(_points(cloud(_places(30), chaos)), settings) is None
    line = [(x, 0.01 * x) for x in np.arange(10.0, 40.0)]
    assert estimate_ego_velocity(_points(cloud(line, own=OWN)), settings) is None
    assert estimate_ego_velocity(_points(PointCloud(cloud(_places(30)).position)), settings) is None


def test_where_odometry_is_absent_the_own_estimate_tells_movers_from_the_world() -> None:
    """The car is alone in moving, but without the own speed everything else would seem to."""
    places = np.vstack([_places(20), [[30.0, 0.0], [30.0, 1.0]]])
    over_ground = np.vstack([np.zeros((20, 2)), [[5.0, 0.0]] * 2])
    points = cloud(places, over_ground, rcs_dbsm=-6.0, own=OWN)
    blind = RadarDetector().detect(measurement(), points)
    told = RadarDetector().detect(measurement(OWN), points)
    np.testing.assert_allclose(blind.existence_probability, told.existence_probability)
    assert told.existence_probability.max() > 0.9 > np.median(told.existence_probability)


def test_wrong_odometry_is_reported_when_it_lasts_and_forgotten_when_it_is_right_again() -> None:
    detector, points = RadarDetector(), cloud(_places(20), own=OWN)
    for _ in range(CONFIG.ego_velocity.frames_to_report - 1):
        detector.detect(measurement((3.0, 0.0)), points)
        assert detector.problems == ()
    detector.detect(measurement((3.0, 0.0)), points)
    assert len(detector.problems) == 1
    assert "13.0 m/s, odometry says 3.0 m/s" in detector.problems[0] and "radar_front" in detector.problems[0]
    detector.detect(measurement(OWN), points)
    assert detector.problems == ()


def test_traffic_around_a_standing_vehicle_is_not_taken_for_the_world() -> None:
    """A column passes; the few things that stand agree with the odometry."""
    detector = RadarDetector()
    column = [(10.0 + 8.0 * row, 4.0) for row in range(4)]
    for seed in range(CONFIG.ego_velocity.frames_to_report + 3):
        points, _ = simulated([AgentClass.CAR] * 4, column, [(9.0, 0.0)] * 4, seed=seed)
        found = detector.detect(measurement(), points)
        assert detector.problems == () and found.center is not None
        near = np.linalg.norm(found.center[:, None, :2] - np.array(column), axis=2).min(axis=1) < 4.0
        assert found.existence_probability[near].max() > 0.9
