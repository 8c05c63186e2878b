"""Detections of the radar: places, speeds, uncertainty, clutter, mirror images."""

from __future__ import annotations

import numpy as np
import pytest
from radar_scenes import HEIGHT_M, cloud, measurement, simulated

from zoox_prediction.config import ConfigError, from_mapping
from zoox_prediction.detection.radar.config import RadarDetectorConfig, ScanningRadarConfig
from zoox_prediction.detection.radar.detector import RadarDetector
from zoox_prediction.detections import Detections, Modality
from zoox_prediction.recording.messages import detections as detection_messages
from zoox_prediction.recording.typestore import RosbagsTypes
from zoox_prediction.scene import AgentClass
from zoox_prediction.sensor_data import PointCloud
from zoox_prediction.simulation.sensors.config import RadarNoise

CAR, BUS, PERSON = AgentClass.CAR, AgentClass.BUS, AgentClass.PEDESTRIAN
REAR_OF_CAR = [(30.0, -0.8), (30.0, 0.0), (30.1, 0.8)]
KEEP_ALL = RadarDetectorConfig(min_existence=0.0)


def _nearest(found: Detections, x: float, y: float) -> int:
    assert found.center is not None and len(found)
    return int(np.argmin(np.linalg.norm(found.center[:, :2] - [x, y], axis=1)))


def test_reflections_of_one_object_are_one_detection_with_its_speed_as_measured() -> None:
    own = (12.0, 0.0)
    found = RadarDetector().detect(measurement(own), cloud(REAR_OF_CAR, [(20.0, 0.0)] * 3, own=own))
    assert len(found) == 1 and found.modality == Modality.RADAR
    assert found.center is not None and found.radial_speed is not None
    assert found.radial_speed[0] == pytest.approx(8.0, abs=0.05)
    assert found.existence_probability[0] > 0.9
    # The rear is seen; the middle is behind it, anywhere from half a width to half a length.
    assert 30.5 < found.center[0, 0] < 33.0
    assert found.center[0, 1] == pytest.approx(0.0, abs=0.2)


def test_two_that_pass_each_other_are_told_apart_by_their_speeds() -> None:
    places = [*REAR_OF_CAR, *((x, y + 1.2) for x, y in REAR_OF_CAR)]
    speeds = [(10.0, 0.0)] * 3 + [(-10.0, 0.0)] * 3
    found = RadarDetector().detect(measurement(), cloud(places, speeds))
    assert found.radial_speed is not None
    assert sorted(np.round(found.radial_speed)) == [-10.0, 10.0]
    alike = RadarDetector().detect(measurement(), cloud(places, [(10.0, 0.0)] * 6))
    assert len(alike) == 1


def test_the_near_side_of_a_passing_truck_stays_one_object_though_its_radial_speeds_differ() -> None:
    places = [(x, 4.0) for x in np.arange(2.0, 12.0, 1.0)]
    found = RadarDetector().detect(measurement(), cloud(places, [(10.0, 0.0)] * len(places)))
    assert len(found) == 1
    assert found.yaw is not None and found.size is not None
    assert abs(np.cos(found.yaw[0])) == pytest.approx(1.0, abs=0.05)
    assert found.size[0, 0] >= 9.0


def test_what_is_longer_than_any_vehicle_is_no_object() -> None:
    rail = [(x, 6.0) for x in np.arange(5.0, 60.0, 1.0)]
    assert len(RadarDetector().detect(measurement(), cloud(rail))) == 0


def test_uncertainty_grows_across_the_line_of_sight_with_the_range() -> None:
    found = RadarDetector().detect(measurement(), cloud([(20.0, 0.0), (0.5, 100.0)], [(2.0, 0.0), (0.0, 2.0)]))
    assert found.covariance is not None
    near, far = found.covariance[_nearest(found, 20.0, 0.0)], found.covariance[_nearest(found, 0.0, 100.0)]
    assert far[0, 0] > near[1, 1] + 0.5  # 100 m to the left: across is x
    for each in found.covariance:
        assert (np.linalg.eigvalsh(each) > 0.0).all()
        np.testing.assert_allclose(each, each.T)


def test_the_direction_of_a_single_reflection_is_not_known() -> None:
    found = RadarDetector().detect(measurement(), cloud([(20.0, 0.0)], [(4.0, 0.0)]))
    assert found.covariance is not None
    assert np.sqrt(found.covariance[0, 3, 3]) == pytest.approx(np.pi / np.sqrt(12.0))


def test_boxes_stand_on_the_ground() -> None:
    found = RadarDetector().detect(measurement(), cloud(REAR_OF_CAR, [(8.0, 0.0)] * 3))
    assert found.center is not None and found.size is not None
    assert found.center[0, 2] == pytest.approx(-HEIGHT_M + 0.5 * found.size[0, 2])


@pytest.mark.parametrize("kind", [CAR, PERSON])
def test_centres_are_as_uncertain_as_they_say(kind: AgentClass) -> None:
    distances, off = [], []
    for seed in range(40):
        place = np.array([15.0 + seed, 0.3 * seed - 6.0])
        points, _ = simulated([kind], [tuple(place)], [(-1.4, 0.5)], seed=seed, noise=RadarNoise(clutter_mean=0.0))
        found = RadarDetector(KEEP_ALL).detect(measurement(), points)
        if not len(found):
            continue
        row = _nearest(found, *place)
        assert found.center is not None and found.covariance is not None
        error = found.center[row, :2] - place
        distances.append(error @ np.linalg.solve(found.covariance[row, :2, :2], error))
        off.append(np.linalg.norm(error))
    assert len(distances) > 30
    assert np.mean(off) < 1.5
    assert 0.1 < np.mean(distances) < 3.0  # 2 were exact; that a box may be two vehicles makes it less


def test_clutter_is_less_probable_than_what_moves_and_reflects_often() -> None:
    real, false = [], []
    for seed in range(30):
        places, speeds = [(25.0, 2.0), (40.0, -5.0)], [(9.0, 0.0), (-8.0, 0.0)]
        points, _ = simulated([CAR, CAR], places, speeds, seed=seed, noise=RadarNoise(ghost_probability=0.0))
        found = RadarDetector(KEEP_ALL).detect(measurement(), points)
        assert found.center is not None
        gap = np.linalg.norm(found.center[:, None, :2] - np.array(places), axis=2).min(axis=1)
        real += found.existence_probability[gap < 4.0].tolist()
        false += found.existence_probability[gap > 6.0].tolist()
    assert len(false) > 30
    assert np.mean(real) > 0.9
    assert np.mean(false) < 0.4


def test_the_own_vehicle_seen_in_the_one_ahead_is_no_object() -> None:
    """At twice the distance with twice the speed; what is there with another speed stays."""
    own = (10.0, 0.0)
    places, speeds = [(20.0, -0.5), (20.0, 0.5), (40.0, 0.0)], np.array([(4.0, 0.0), (4.0, 0.0), (-2.0, 0.0)])
    strength = [8.0, 8.0, -3.0]
    detector = RadarDetector(KEEP_ALL)
    found = detector.detect(measurement(own), cloud(places, speeds, strength, own))
    assert found.center is not None and found.center[:, 0].max() < 25.0
    speeds[2] = 3.0, 0.0
    assert len(detector.detect(measurement(own), cloud(places, speeds, strength, own))) == 2


def test_a_mirror_image_behind_a_bus_is_less_probable_than_the_same_echo_in_the_open() -> None:
    side = [(x, 8.0) for x in np.arange(8.0, 18.0, 1.0)]
    person, image = (24.0, -2.0), (24.0, 18.0)
    speeds = [(0.1, 0.0)] * len(side) + [(0.0, 1.5), (0.0, -1.5)]
    strength = [5.0] * len(side) + [-4.0, -12.0]
    with_bus = RadarDetector(KEEP_ALL).detect(measurement(), cloud([*side, person, image], speeds, strength))
    alone = RadarDetector(KEEP_ALL).detect(measurement(), cloud([person, image], speeds[-2:], strength[-2:]))
    behind = with_bus.existence_probability[_nearest(with_bus, *image)]
    assert behind < alone.existence_probability[_nearest(alone, *image)] - 0.1
    before = with_bus.existence_probability[_nearest(with_bus, *person)]
    assert before == pytest.approx(alone.existence_probability[_nearest(alone, *person)])


def test_strong_long_and_fast_things_are_vehicles_and_weak_slow_ones_perhaps_people() -> None:
    bus = [(x, 5.0) for x in np.arange(10.0, 20.0, 1.0)]
    found = RadarDetector().detect(
        measurement(),
        cloud([*bus, (30.0, -10.0)], [(12.0, 0.0)] * len(bus) + [(1.4, 0.0)], [10.0] * len(bus) + [-8.0]),
    )
    large, small = _nearest(found, 15.0, 6.0), _nearest(found, 30.0, -10.0)
    assert found.class_probabilities[large, [AgentClass.BUS, AgentClass.TRUCK]].sum() > 0.5
    assert found.class_probabilities[small].argmax() == PERSON
    assert (found.class_probabilities > 0.0).all()
    np.testing.assert_allclose(found.class_probabilities.sum(axis=1), 1.0)


def test_points_of_the_own_vehicle_bridges_and_broken_points_are_left_out() -> None:
    position = np.array([[-2.0, 0.5, 0.0], [40.0, 0.0, 6.0], [40.0, 0.0, -8.0], [np.nan, 0.0, 0.0]], dtype=np.float32)
    strong = np.full(4, 20.0, dtype=np.float32)
    points = PointCloud(position, radial_speed=strong, rcs_dbsm=strong)
    assert len(RadarDetector(KEEP_ALL).detect(measurement(), points)) == 0


def test_a_radar_without_speeds_says_so() -> None:
    points = PointCloud(cloud(REAR_OF_CAR).position)
    found = RadarDetector(KEEP_ALL).detect(measurement(), points)
    assert found.radial_speed is not None and found.radial_speed_variance is not None
    assert len(found) == 1
    assert np.isnan(found.radial_speed).all() and np.isnan(found.radial_speed_variance).all()
    types = RosbagsTypes()
    back = detection_messages.detections_from_message(detection_messages.detections_to_message(found, types))
    assert back.radial_speed is not None and np.isnan(back.radial_speed).all()
    assert back.center == pytest.approx(found.center, abs=1e-5)


def test_an_empty_scan_gives_no_detections_in_all_arrays() -> None:
    found = RadarDetector().detect(measurement(), cloud([]))
    empty = Detections.empty(found.stamp_ns, found.frame_id, found.sensor_name, Modality.RADAR)
    assert len(found) == 0
    for name in ("center", "yaw", "size", "covariance", "radial_speed", "class_probabilities"):
        assert getattr(found, name).shape == getattr(empty, name).shape


def test_the_strongest_points_and_most_probable_objects_are_kept() -> None:
    places = [(10.0 + 8.0 * i, 0.0) for i in range(10)]
    points = cloud(places, [(5.0, 0.0)] * 10, list(np.arange(10.0)))
    few = RadarDetector(RadarDetectorConfig(max_points=3)).detect(measurement(), points)
    assert few.center is not None
    assert few.center[:, 0].min() > places[7][0]
    assert len(RadarDetector(RadarDetectorConfig(max_detections=4)).detect(measurement(), points)) == 4


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"clusters": {"along_m": 0.0}}, "along_m must be above 0"),
        ({"ego_velocity": {"min_share": 0.1}}, "below min_share"),
        ({"min_existence": 1.0}, "min_existence must be 0 to below 1"),
        ({"acuracy": {}}, "did you mean 'accuracy'"),
    ],
)
def test_settings_are_checked(values: dict, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        from_mapping(RadarDetectorConfig, values)


def test_settings_of_scanning_radars_can_be_given_in_part() -> None:
    values = {"cfar": {"min_contrast": 20.0}, "detector": {"clusters": {"along_m": 1.1}}}
    config = from_mapping(ScanningRadarConfig, values)
    default = ScanningRadarConfig()
    assert (config.cfar.min_contrast, config.detector.clusters.along_m) == (20.0, 1.1)
    assert config.detector.clusters.min_points == default.detector.clusters.min_points > 1
    assert config.detector.existence == default.detector.existence != RadarDetectorConfig().existence
