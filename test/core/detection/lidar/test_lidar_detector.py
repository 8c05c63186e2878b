"""The lidar detector on simulated sweeps: what it finds, where, how large, how sure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lidar_views import (
    BUS,
    CAR,
    CYCLIST,
    MEASUREMENT,
    PEDESTRIAN,
    ROOF,
    STAMP_NS,
    detect,
    found,
    on_base,
    road_users,
    sweep,
    tilted,
)

from zoox_prediction.config import ConfigError, from_mapping
from zoox_prediction.detection.lidar import LidarDetector, LidarDetectorConfig
from zoox_prediction.detections import Modality
from zoox_prediction.geometry import wrap_angle
from zoox_prediction.scene import AgentClass, EgoState
from zoox_prediction.sensor_data import PointCloud

VEHICLES = (AgentClass.CAR, AgentClass.TRUCK, AgentClass.BUS)


def test_everybody_of_a_street_is_found_with_the_class() -> None:
    agents = road_users(
        [CAR, CAR, PEDESTRIAN, CYCLIST, BUS, PEDESTRIAN],
        [(15.0, 4.0), (25.0, -5.0), (10.0, -4.0), (12.0, 8.0), (-20.0, 5.0), (-8.0, -6.0)],
        [0.3, 1.2, 0.0, 0.5, 0.1, 2.0],
    )
    detections = detect(agents)
    rows = found(detections, agents, within_m=1.0)
    assert -1 not in rows
    kinds = detections.class_probabilities[rows].argmax(axis=1)
    assert set(kinds[:2].tolist()) == {CAR}
    assert kinds[2] == kinds[5] == PEDESTRIAN
    assert kinds[4] in VEHICLES
    np.testing.assert_allclose(detections.class_probabilities.sum(axis=1), 1.0)
    assert (detections.stamp_ns, detections.frame_id, detections.sensor_name) == (STAMP_NS, "roof", "lidar_roof")
    assert detections.modality == Modality.LIDAR
    assert (np.diff(detections.existence_probability) <= 0.0).all()


@pytest.mark.parametrize("yaw", [0.0, 0.4, 1.0, 2.2])
def test_a_car_has_its_place_size_and_heading(yaw: float) -> None:
    agents = road_users([CAR], [(12.0, 6.0)], [yaw])
    detections = detect(agents)
    (row,) = found(detections, agents, within_m=0.35)
    assert row >= 0
    assert detections.yaw is not None and detections.size is not None
    off = wrap_angle(detections.yaw[row] - yaw)
    assert min(abs(off), np.pi - abs(off)) < 0.06
    np.testing.assert_allclose(detections.size[row], agents.size[0], atol=0.45)
    assert on_base(detections)[row, 2] == pytest.approx(0.5 * agents.size[0, 2], abs=0.2)


def test_boxes_are_in_the_frame_of_the_sensor_however_it_is_mounted() -> None:
    agents = road_users([CAR], [(12.0, 6.0)], [0.4])
    turned = replace(ROOF, mount=replace(ROOF.mount, yaw_rad=2.0, pitch_rad=0.05, roll_rad=-0.04, y_m=0.5))
    measurement = replace(MEASUREMENT, base_from_sensor=turned.mount.base_from_sensor)
    cloud = sweep(agents, turned)
    detections = LidarDetector().detect(measurement, cloud)
    assert detections.yaw is not None
    off = np.linalg.norm(on_base(detections, measurement)[:, :2] - agents.position[0, :2], axis=1)
    row = int(off.argmin())
    assert off[row] < 0.35
    turn = wrap_angle(detections.yaw[row] + 2.0 - 0.4)
    assert min(abs(turn), np.pi - abs(turn)) < 0.08


def test_two_people_side_by_side_are_two() -> None:
    agents = road_users([PEDESTRIAN, PEDESTRIAN], [(9.0, 0.5), (9.0, -0.5)], [0.0, 0.0])
    rows = found(detect(agents), agents, within_m=0.35)
    assert -1 not in rows and len(set(rows)) == 2


def test_somebody_beside_a_car_is_not_part_of_it() -> None:
    agents = road_users([CAR, PEDESTRIAN], [(12.0, 3.0), (11.5, 1.2)], [0.0, 0.0])
    rows = found(detect(agents), agents, within_m=0.6)
    assert -1 not in rows and len(set(rows)) == 2


@pytest.mark.parametrize("slope", [0.1, -0.08])
def test_ground_that_rises_or_falls_is_no_object_and_hides_none(slope: float) -> None:
    agents = road_users([CAR, PEDESTRIAN], [(18.0, 3.0), (14.0, -4.0)], [0.2, 0.0])
    detector = LidarDetector()
    detections = detector.detect(MEASUREMENT, tilted(sweep(agents), slope, 0.0))
    assert -1 not in found(detections, agents, within_m=0.8, existence=0.2)
    assert (detections.existence_probability >= 0.4).sum() <= 3


def test_covariance_says_which_side_was_seen() -> None:
    ahead = road_users([CAR], [(20.0, 0.0)], [0.0])  # only its rear
    beside = road_users([CAR], [(2.0, 9.0)], [0.0])  # its whole side
    spreads = []
    for agents in (ahead, beside):
        detections = detect(agents)
        (row,) = found(detections, agents, within_m=1.0, existence=0.2)
        assert row >= 0 and detections.covariance is not None
        spreads.append(np.sqrt(np.diag(detections.covariance[row])[:2]))
    assert spreads[0][0] > 2.0 * spreads[0][1]  # where the car ahead ends is not known
    assert spreads[1][0] < spreads[0][0]  # the length of the one beside is


def test_motion_during_the_sweep_is_taken_out() -> None:
    moving = replace(ROOF, sweep_s=0.1, compensate_ego_motion=False)
    ego = EgoState(STAMP_NS, np.zeros(2), 0.0, np.array([15.0, 0.0]), yaw_rate=0.3)
    agents = road_users([CAR], [(16.0, 5.0)], [0.0])
    cloud = sweep(agents, moving, ego)
    lever = np.array([-0.3 * ROOF.mount.y_m, 0.3 * ROOF.mount.x_m, 0.0])
    measurement = replace(
        MEASUREMENT, velocity=np.array([15.0, 0.0, 0.0]) + lever, angular_velocity=np.array([0.0, 0.0, 0.3])
    )
    right = LidarDetector().detect(measurement, cloud)
    (row,) = found(right, agents, within_m=0.35)
    assert row >= 0
    config = LidarDetectorConfig(compensate_ego_motion=False)
    wrong = LidarDetector(config).detect(measurement, cloud)
    off = np.linalg.norm(on_base(wrong)[:, :2] - agents.position[0, :2], axis=1).min()
    assert off > 2.0 * np.linalg.norm(on_base(right)[row, :2] - agents.position[0, :2])


def test_nothing_is_found_where_there_is_nothing() -> None:
    detector = LidarDetector()
    assert len(detector.detect(MEASUREMENT, PointCloud(np.zeros((0, 3), dtype=np.float32)))) == 0
    assert len(detector.detect(MEASUREMENT, sweep(road_users([], [])))) == 0  # all of it ground
    far = np.full((50, 3), 1e6, dtype=np.float32)
    assert len(detector.detect(MEASUREMENT, PointCloud(far))) == 0
    one = np.array([[10.0, 0.0, -1.0]], dtype=np.float32)
    assert len(detector.detect(MEASUREMENT, PointCloud(one))) == 0


def test_the_own_vehicle_is_not_found() -> None:
    hood = (
        np.random.default_rng(0).uniform([1.5, -0.9, 0.7], [3.9, 0.9, 1.1], (4000, 3))
        - ROOF.mount.base_from_sensor[:3, 3]
    )
    cloud = sweep(road_users([], []))
    with_hood = PointCloud(np.concatenate([cloud.position, hood.astype(np.float32)]))
    assert len(LidarDetector().detect(MEASUREMENT, with_hood)) == 0
    config = LidarDetectorConfig(ego_front_m=0.1, ego_rear_m=-0.1, ego_half_width_m=0.1, min_existence=0.0)
    assert len(LidarDetector(config).detect(MEASUREMENT, with_hood)) > 0


def test_ten_times_the_points_give_the_same_and_more_clutter_than_fits_is_bounded() -> None:
    agents = road_users([CAR, PEDESTRIAN], [(15.0, 4.0), (10.0, -4.0)])
    once = sweep(agents)
    noise = np.random.default_rng(0).normal(0.0, 0.01, (10 * len(once), 3)).astype(np.float32)
    many = PointCloud(np.tile(once.position, (10, 1)) + noise)
    assert -1 not in found(LidarDetector().detect(MEASUREMENT, many), agents)
    everywhere = np.random.default_rng(1).uniform([-90, -90, -1], [90, 90, 2], (500_000, 3)).astype(np.float32)
    config = LidarDetectorConfig(max_detections=20, min_existence=0.0)
    assert len(LidarDetector(config).detect(MEASUREMENT, PointCloud(everywhere))) <= 20


def test_the_same_sweep_gives_the_same_detections() -> None:
    agents = road_users([CAR, PEDESTRIAN], [(15.0, 4.0), (10.0, -4.0)])
    detector, cloud = LidarDetector(), sweep(agents)
    first, second = detector.detect(MEASUREMENT, cloud), detector.detect(MEASUREMENT, cloud)
    assert first.center is not None and second.center is not None
    np.testing.assert_array_equal(first.center, second.center)
    np.testing.assert_array_equal(first.existence_probability, second.existence_probability)


def test_an_object_behind_the_sensor_is_one_though_its_azimuths_wrap() -> None:
    agents = road_users([CAR], [(-12.0, 0.0)], [np.pi / 2.0])
    detections = detect(agents)
    (row,) = found(detections, agents, within_m=0.6)
    assert row >= 0 and detections.size is not None
    assert detections.size[row, 0] == pytest.approx(4.6, abs=0.4)
    near = np.linalg.norm(on_base(detections)[:, :2] - agents.position[0, :2], axis=1) < 3.0
    assert (near & (detections.existence_probability >= 0.2)).sum() == 1


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"max_range": 50.0}, "unknown parameter 'max_range', did you mean 'max_range_m'"),
        ({"ground": {"num_sectors": 2}}, "num_sectors must be 8 to 3600, got 2"),
        ({"clusters": {"radii_m": [0.2, 0.5]}}, "radii_m must fall"),
        ({"min_existence": 1.5}, "min_existence must be 0 to below 1"),
        ({"ego_front_m": -3.0}, "ego_front_m -3 must be above ego_rear_m"),
    ],
)
def test_settings_that_cannot_be_used_are_one_sentence(values: dict, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        from_mapping(LidarDetectorConfig, values)
