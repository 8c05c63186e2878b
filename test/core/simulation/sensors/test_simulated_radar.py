"""Radar scans: places, radial speeds, strengths, occlusion, mirror images, clutter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sensor_scenes import SILENT_RADAR, agents, ego, points_in_map, sensor, silent_radar, truth

from zoox_prediction.scene import AgentClass, TrackedAgents
from zoox_prediction.simulation.sensors.config import Mount, RadarConfig, RadarNoise
from zoox_prediction.simulation.sensors.radar import DETECTION, radar_scan
from zoox_prediction.simulation.sensors.radar_ghosts import ghosts_of
from zoox_prediction.simulation.sensors.scenery import Scenery
from zoox_prediction.simulation.sensors.solids import NO_AGENT

CAR, BUS, PERSON = AgentClass.CAR, AgentClass.BUS, AgentClass.PEDESTRIAN


def _random(seed: int = 3) -> np.random.Generator:
    return np.random.default_rng(seed)


def _scan(config: RadarConfig, world: TrackedAgents, seed: int = 3, **rest: object) -> tuple[NDArray, NDArray]:
    return radar_scan(config, Scenery(truth(world, **rest)), _random(seed))


def test_reflections_lie_on_what_is_seen_of_the_agent() -> None:
    config = silent_radar()
    detections, owner = _scan(config, agents([CAR], [(30.0, 4.0)]))
    place = points_in_map(config, detections)
    assert len(owner) >= 2 and set(owner) == {0}
    assert (np.abs(place[:, 0] - 30.0) < 2.4).all() and (np.abs(place[:, 1] - 4.0) < 1.0).all()
    assert place[:, 0].min() == pytest.approx(30.0 - 2.3, abs=0.3)


@pytest.mark.parametrize(
    ("velocity", "own", "expected"),
    [
        ((10.0, 0.0), (0.0, 0.0), 10.0),
        ((-10.0, 0.0), (0.0, 0.0), -10.0),
        ((0.0, 0.0), (12.0, 0.0), -12.0),
        ((12.0, 0.0), (12.0, 0.0), 0.0),
        ((0.0, 9.0), (0.0, 0.0), 0.0),
    ],
)
def test_radial_speed_is_positive_for_what_goes_away(
    velocity: tuple[float, float], own: tuple[float, float], expected: float
) -> None:
    world = agents([PERSON], [(40.0, 0.0)], velocity=[velocity])
    detections, _ = radar_scan(silent_radar(), Scenery(truth(world, ego(own))), _random())
    assert len(detections) >= 1
    assert detections["radial_speed"] == pytest.approx(expected, abs=0.12)


def test_radial_speed_takes_the_turning_ego_into_account() -> None:
    """A radar on a corner moves sideways while the ego turns on the spot."""
    config = silent_radar(mount=Mount(3.75, 1.0, 0.6, yaw_rad=1.0))
    world = agents([PERSON], [(3.75, 31.0)])
    detections, _ = radar_scan(config, Scenery(truth(world, ego(yaw_rate=0.5))), _random())
    # omega x r = 0.5 * (-1.0, 3.75); the person is straight to the left.
    assert detections["radial_speed"] == pytest.approx(-0.5 * 3.75, abs=0.05)


def test_points_of_a_turning_vehicle_move_differently() -> None:
    bus = agents([BUS], [(30.0, 0.0)], [np.pi / 2.0], yaw_rate=np.array([0.4]))
    config = silent_radar()
    detections, _ = _scan(config, bus)
    place = points_in_map(config, detections)
    left, right = detections[place[:, 1] > 2.0], detections[place[:, 1] < -2.0]
    # At the left end of a bus across the road that turns counter-clockwise, omega x r points towards the radar.
    assert left["radial_speed"].max() < -0.5
    assert right["radial_speed"].min() > 0.5


def test_measurement_noise_has_the_given_deviations() -> None:
    noise = RadarNoise(0.2, 0.01, 0.02, 0.3, 0.0, 0.0, 0.0)
    config = silent_radar(noise=noise)
    world = agents([PERSON], [(33.75, 0.5)], size=np.array([[0.2, 0.4, 1.2]]))
    rows = np.concatenate([_scan(config, world, seed)[0] for seed in range(400)])
    distance = np.sqrt(rows["x"] ** 2 + rows["y"] ** 2 + rows["z"] ** 2)
    assert distance.std() == pytest.approx(0.2, rel=0.15)
    assert np.arctan2(rows["y"], rows["x"]).std() == pytest.approx(0.01, rel=0.15)
    assert np.arcsin(rows["z"] / distance).std() == pytest.approx(0.02, rel=0.15)
    assert rows["radial_speed"].std() == pytest.approx(0.3, rel=0.15)


def test_limbs_spread_the_speed_of_pedestrians_only() -> None:
    config = silent_radar(noise=RadarNoise(0.0, 0.0, 0.0, 0.0, 0.8, 0.0, 0.0))
    for kind, spread in ((PERSON, 0.8), (CAR, 0.0)):
        speeds = [_scan(config, agents([kind], [(30.0, 0.0)]), seed)[0]["radial_speed"] for seed in range(100)]
        assert np.concatenate(speeds).std() == pytest.approx(spread, rel=0.3, abs=0.02)


def test_what_is_hidden_is_not_detected() -> None:
    both = agents([AgentClass.TRUCK, PERSON], [(15.0, 0.0), (25.0, 0.0)])
    _, owner = _scan(silent_radar(), both)
    assert set(owner) == {0}
    _, alone = _scan(silent_radar(), both.select(np.array([1])))
    assert len(alone) >= 1


def test_large_vehicles_give_several_reflections_and_strong_ones() -> None:
    config = silent_radar()
    count, strength = {}, {}
    for kind in (PERSON, CAR, BUS):
        scans = [_scan(config, agents([kind], [(55.0, -6.0)], [0.4]), seed)[0] for seed in range(50)]
        count[kind] = len(scans[0])
        strength[kind] = np.mean([10.0 * np.log10((10.0 ** (scan["rcs"] / 10.0)).sum()) for scan in scans])
    assert count[PERSON] < count[CAR] < count[BUS] <= config.max_detections_per_agent
    assert strength[PERSON] + 5.0 < strength[CAR] < strength[BUS] - 2.0


def test_sides_seen_square_are_stronger() -> None:
    config = silent_radar()
    mean = []
    for yaw in (0.0, np.pi / 4.0):
        scans = [_scan(config, agents([CAR], [(30.0, 0.0)], [yaw]), seed)[0] for seed in range(80)]
        mean.append(np.mean([10.0 * np.log10((10.0 ** (scan["rcs"] / 10.0)).sum()) for scan in scans]))
    assert mean[0] > mean[1] + 4.0


def test_weak_and_far_targets_are_missed_more_often() -> None:
    config = sensor(RadarConfig, noise=SILENT_RADAR)

    def share(kind: AgentClass, distance: float) -> float:
        return float(
            np.mean([len(_scan(config, agents([kind], [(distance, 0.0)]), seed)[0]) > 0 for seed in range(150)])
        )

    assert share(PERSON, 15.0) > 0.95
    assert share(CAR, 100.0) > 0.9
    assert 0.05 < share(PERSON, 110.0) < 0.7


def test_clutter_stands_and_has_the_given_mean() -> None:
    config = sensor(RadarConfig, noise=RadarNoise(0.0, 0.0, 0.0, 0.0, 0.0, 20.0, 0.0), detection_threshold_db=-200.0)
    moving = Scenery(truth(state=ego((10.0, 0.0))))
    scans = [radar_scan(config, moving, _random(seed))[0] for seed in range(100)]
    assert np.mean([len(scan) for scan in scans]) == pytest.approx(20.0, rel=0.1)
    every = np.concatenate(scans)
    line = np.column_stack([every["x"], every["y"], every["z"]]).astype(float)
    line /= np.linalg.norm(line, axis=1, keepdims=True)
    assert every["radial_speed"] == pytest.approx(-10.0 * line[:, 0], abs=1e-4)


def test_a_mirror_image_stands_behind_the_side_of_a_vehicle() -> None:
    """A bus along the road on the left; a person ahead on the right is seen again behind the bus' right side."""
    config = silent_radar(noise=RadarNoise(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0))
    world = agents([BUS, PERSON], [(18.0, 8.0), (28.0, -2.0)], velocity=[(3.0, 1.0), (0.0, 1.5)])
    place = np.array([3.75, 0.0, 0.6])
    ghosts = ghosts_of(config, Scenery(truth(world)), place, np.zeros(3), _random())
    mine = np.flatnonzero((ghosts.mirrored == 1) & (ghosts.mirror == 0))
    assert len(mine) == 1
    side = 8.0 - 1.25
    assert ghosts.position[mine[0], :2] == pytest.approx([28.0, 2.0 * side + 2.0])
    assert ghosts.velocity[mine[0], :2] == pytest.approx([0.0, 2.0 * 1.0 - 1.5])
    detections, owner = _scan(config, world)
    image = points_in_map(config, detections)[owner == NO_AGENT]
    assert np.linalg.norm(image[:, :2] - ghosts.position[mine[0], :2], axis=1).min() < 0.01


def test_the_ego_sees_itself_in_the_rear_of_the_vehicle_ahead_at_twice_the_range_and_speed() -> None:
    config = silent_radar(noise=RadarNoise(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0))
    world = truth(agents([BUS], [(20.0, 0.0)], velocity=[(4.0, 0.0)]), ego((10.0, 0.0)))
    detections, owner = radar_scan(config, Scenery(world), _random())
    ghost = detections[owner == NO_AGENT]
    assert len(ghost) == 1
    assert ghost["x"][0] == pytest.approx(2.0 * (20.0 - 6.0 - 3.75), abs=0.05)
    assert ghost["radial_speed"][0] == pytest.approx(2.0 * (4.0 - 10.0), abs=0.05)


def test_a_side_that_ends_before_the_line_of_sight_mirrors_nothing() -> None:
    """The mirror point on the bus' right side would be at x = 14.3 m; the bus before it ends at 13 m."""
    config = silent_radar()
    place = np.array([3.75, 0.0, 0.6])
    for bus_x, mirrors in ((18.0, True), (7.0, False)):
        world = Scenery(truth(agents([BUS, PERSON], [(bus_x, 8.0), (28.0, -2.0)])))
        certain = replace(config, noise=replace(config.noise, ghost_probability=1.0))
        ghosts = ghosts_of(certain, world, place, np.zeros(3), _random())
        assert (ghosts.mirrored == 1).any() == mirrors


def test_without_a_mirror_in_the_way_there_is_no_ghost() -> None:
    config = silent_radar(noise=RadarNoise(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0))
    _, owner = _scan(config, agents([PERSON, PERSON], [(20.0, 3.0), (28.0, -2.0)]))
    assert not (owner == NO_AGENT).any()


def test_detections_are_in_the_field_of_view_and_finite() -> None:
    config = sensor(RadarConfig)
    random = _random()
    places = [(float(x), float(y)) for x, y in random.uniform(-60.0, 60.0, (40, 2))]
    detections, _ = _scan(config, agents([CAR] * 40, places))
    assert detections.dtype == DETECTION and len(detections) > 10
    assert (np.abs(np.arctan2(detections["y"], detections["x"])) <= config.horizontal_fov_rad / 2.0 + 1e-5).all()
    assert all(np.isfinite(detections[name]).all() for name in detections.dtype.names)


def test_an_empty_world_reflects_nothing() -> None:
    assert len(_scan(silent_radar(), agents([], []))[0]) == 0
