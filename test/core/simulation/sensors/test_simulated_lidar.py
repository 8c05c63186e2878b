"""Lidar sweeps: where points lie, what hides what, what is lost, and what a sweep's duration does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sensor_scenes import agents, ego, points_in_map, sensor, silent_lidar, truth

from zoox_prediction.maps.road_network import Ragged, RoadNetwork
from zoox_prediction.scene import AgentClass, TrackedAgents
from zoox_prediction.simulation.sensors.config import LidarConfig, LidarNoise, Mount
from zoox_prediction.simulation.sensors.lidar import lidar_sweep
from zoox_prediction.simulation.sensors.scenery import Scenery
from zoox_prediction.simulation.sensors.solids import NO_AGENT

BOX = AgentClass.UNKNOWN  # looks like its box


def _random() -> np.random.Generator:
    return np.random.default_rng(7)


def _off_box(points: NDArray, center: tuple[float, float], yaw: float, size: tuple[float, float, float]) -> NDArray:
    """(N,) distance of map points from the surface of a box that stands on the ground; negative inside."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    moved = points - [*center, size[2] / 2.0]
    local = np.column_stack(
        [cos * moved[:, 0] + sin * moved[:, 1], -sin * moved[:, 0] + cos * moved[:, 1], moved[:, 2]]
    )
    return np.max(np.abs(local) - np.array(size) / 2.0, axis=1)


def test_points_lie_on_the_box_and_on_the_ground() -> None:
    size, yaw = (4.0, 2.0, 3.0), 0.6
    config = silent_lidar()
    scenery = Scenery(truth(agents([BOX], [(20.0, 3.0)], [yaw], size=np.array([size]))))
    points, owner = lidar_sweep(config, scenery, _random())
    place = points_in_map(config, points)
    on_box = owner == 0
    assert on_box.sum() > 100
    assert np.abs(_off_box(place[on_box], (20.0, 3.0), yaw, size)).max() < 0.005
    assert set(owner[~on_box]) == {NO_AGENT}
    assert np.abs(place[~on_box, 2]).max() < 0.005


def test_range_noise_is_along_the_beam_and_of_the_given_size() -> None:
    config = silent_lidar(noise=LidarNoise(0.05, 0.0, 0.0, 0.0, 0.0))
    wall = truth(agents([BOX], [(30.0, 0.0)], size=np.array([[2.0, 60.0, 20.0]])))
    points, owner = lidar_sweep(config, Scenery(wall), _random())
    exact, exact_owner = lidar_sweep(silent_lidar(), Scenery(wall), _random())
    place, without = points_in_map(config, points)[owner == 0], points_in_map(config, exact)[exact_owner == 0]
    assert len(place) == len(without)
    beam = without - config.base_from_frame[:3, 3]
    beam /= np.linalg.norm(beam, axis=1, keepdims=True)
    off = place - without
    along = np.einsum("ni,ni->n", off, beam)
    assert along.std() == pytest.approx(0.05, rel=0.1)
    assert abs(along.mean()) < 0.005
    assert np.abs(off - along[:, None] * beam).max() < 0.01


def test_what_stands_behind_gets_no_points() -> None:
    both = agents(
        [BOX, AgentClass.PEDESTRIAN], [(15.0, 0.0), (25.0, 0.0)], size=np.array([[1.0, 6.0, 3.0], [0.6, 0.6, 1.7]])
    )
    _, owner = lidar_sweep(silent_lidar(), Scenery(truth(both)), _random())
    assert (owner == 0).sum() > 100
    assert not (owner == 1).any()
    _, alone = lidar_sweep(silent_lidar(), Scenery(truth(both.select(np.array([1])))), _random())
    assert (alone == 0).sum() > 20


def test_the_ground_behind_a_box_is_in_its_shadow() -> None:
    config = silent_lidar()
    points, owner = lidar_sweep(
        config, Scenery(truth(agents([BOX], [(10.0, 0.0)], size=np.array([[1.0, 4.0, 5.0]])))), _random()
    )
    ground = points_in_map(config, points)[owner == NO_AGENT]
    behind = (ground[:, 0] > 10.6) & (np.abs(ground[:, 1]) < 2.0)
    assert not behind.any()
    assert (ground[:, 0] > 10.6).any()


@pytest.mark.parametrize("yaw", [0.0, 2.0, -3.1])
@pytest.mark.parametrize("bearing", np.linspace(-np.pi, np.pi, 9)[:-1])
def test_a_box_is_found_all_around_a_full_circle(bearing: float, yaw: float) -> None:
    config = silent_lidar(horizontal_fov_rad=6.28318, mount=Mount(0.0, 0.0, 4.0, yaw_rad=yaw))
    place = (12.0 * np.cos(bearing), 12.0 * np.sin(bearing))
    points, owner = lidar_sweep(
        config, Scenery(truth(agents([BOX], [place], size=np.array([[2.0, 2.0, 2.0]])))), _random()
    )
    seen = points_in_map(config, points)[owner == 0]
    assert len(seen) > 50
    assert np.abs(_off_box(seen, place, 0.0, (2.0, 2.0, 2.0))).max() < 0.005
    # The width of the visible outline at the given step of the beams.
    azimuth = np.arctan2(seen[:, 1], seen[:, 0]) - bearing
    azimuth = np.angle(np.exp(1j * azimuth))
    step = 6.28318 / config.num_azimuths
    corners = np.array(place) + np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    outline = np.angle(np.exp(1j * (np.arctan2(corners[:, 1], corners[:, 0]) - bearing)))
    assert azimuth.max() == pytest.approx(outline.max(), abs=1.5 * step)
    assert azimuth.min() == pytest.approx(outline.min(), abs=1.5 * step)


def test_the_own_body_is_never_hit_and_hides_what_is_behind_it() -> None:
    config = silent_lidar(horizontal_fov_rad=6.28318, mount=Mount(3.75, 0.0, 1.0))
    world = truth(agents([BOX], [(-8.0, 0.0)], size=np.array([[1.0, 1.0, 1.0]])))
    points, owner = lidar_sweep(config, Scenery(world), _random())
    place = points_in_map(config, points)
    inside = (np.abs(place[:, 0] - 1.4) < 2.29) & (np.abs(place[:, 1]) < 0.94) & (place[:, 2] > 0.01)
    assert len(points) > 1000
    assert not inside.any()
    assert not (owner == 0).any()


def test_a_moving_ego_sees_standing_things_where_they_are() -> None:
    """The sweep takes time, the ego drives and turns meanwhile; compensated points lie on the box all the same."""
    size = (4.0, 2.0, 3.0)
    state = ego((15.0, 0.0), yaw_rate=0.4)
    world = Scenery(truth(agents([BOX], [(20.0, 3.0)], size=np.array([size])), state))
    config = silent_lidar(sweep_s=0.1)
    points, owner = lidar_sweep(config, world, _random())
    place = points_in_map(config, points)
    assert np.abs(_off_box(place[owner == 0], (20.0, 3.0), 0.0, size)).max() < 0.005
    assert np.abs(place[owner == NO_AGENT, 2]).max() < 0.005
    raw = replace(config, compensate_ego_motion=False)
    uncorrected, owner = lidar_sweep(raw, world, _random())
    assert np.abs(_off_box(points_in_map(raw, uncorrected)[owner == 0], (20.0, 3.0), 0.0, size)).max() > 0.3


def test_raw_points_are_as_seen_from_where_the_sensor_was() -> None:
    size = (4.0, 2.0, 3.0)
    config = silent_lidar(sweep_s=0.1, compensate_ego_motion=False)
    world = truth(agents([BOX], [(20.0, 3.0)], size=np.array([size])), ego((15.0, 0.0)))
    points, owner = lidar_sweep(config, Scenery(world), _random())
    place = points_in_map(config, points[owner == 0])
    assert np.abs(_off_box(place, (20.0, 3.0), 0.0, size)).max() > 0.3
    place[:, 0] += 15.0 * points["time"][owner == 0]
    assert np.abs(_off_box(place, (20.0, 3.0), 0.0, size)).max() < 0.005


def test_points_of_a_moving_box_are_where_it_was_when_they_were_measured() -> None:
    size, velocity = (4.0, 2.0, 3.0), np.array([0.0, 20.0])
    config = silent_lidar(sweep_s=0.1)
    world = truth(agents([BOX], [(20.0, 3.0)], velocity=[tuple(velocity)], size=np.array([size])))
    points, owner = lidar_sweep(config, Scenery(world), _random())
    mine = points[owner == 0]
    assert mine["time"].min() >= -0.1 and mine["time"].max() <= 0.0
    now = points_in_map(config, mine)
    now[:, :2] -= velocity * mine["time"][:, None]
    assert np.abs(_off_box(now, (20.0, 3.0), 0.0, size)).max() < 0.005
    assert np.abs(_off_box(points_in_map(config, mine), (20.0, 3.0), 0.0, size)).max() > 0.5


def test_time_and_ring_tell_the_beam() -> None:
    config = silent_lidar(sweep_s=0.1)
    points, _ = lidar_sweep(config, Scenery(truth()), _random())
    assert (np.diff(points["time"]) >= 0.0).all()
    elevation = np.arctan2(points["z"], np.hypot(points["x"], points["y"]))
    expected = np.array(config.elevations_rad)[points["ring"]]
    assert np.abs(elevation - expected).max() < 1e-3
    azimuth = np.arctan2(points["y"], points["x"])
    share = azimuth / config.horizontal_fov_rad + 0.5
    assert np.abs((share - 1.0) * 0.1 - points["time"]).max() < 2e-4


def test_returns_are_lost_more_often_far_away_and_at_grazing_incidence() -> None:
    near = agents([BOX], [(10.0, 0.0)], size=np.array([[1.0, 4.0, 4.0]]))
    far = agents([BOX], [(140.0, 0.0)], size=np.array([[1.0, 56.0, 56.0]]))
    only_range = sensor(LidarConfig, noise=LidarNoise(0.0, 0.0, 0.0, 0.5, 0.0))

    def share(config: LidarConfig, world: TrackedAgents) -> float:
        kept = (lidar_sweep(config, Scenery(truth(world)), _random())[1] == 0).sum()
        return kept / (lidar_sweep(silent_lidar(), Scenery(truth(world)), _random())[1] == 0).sum()

    assert share(only_range, near) > 0.99
    assert share(only_range, far) == pytest.approx(1.0 - 0.5 * (135.0 / 150.0) ** 2, abs=0.06)
    grazing = sensor(LidarConfig, noise=LidarNoise(0.0, 0.0, 0.0, 0.0, 0.9))
    ground = lidar_sweep(grazing, Scenery(truth()), _random())[0]
    everything = lidar_sweep(silent_lidar(), Scenery(truth()), _random())[0]
    for low, high, least, most in ((3.0, 6.0, 0.95, 1.0), (60.0, 120.0, 0.3, 0.8)):
        count = [
            ((np.hypot(p["x"], p["y"]) > low) & (np.hypot(p["x"], p["y"]) < high)).sum() for p in (ground, everything)
        ]
        assert least <= count[0] / count[1] <= most


def test_fog_swallows_what_is_far() -> None:
    world = agents([BOX, BOX], [(15.0, -8.0), (100.0, 8.0)], size=np.array([[1.0, 4.0, 4.0], [1.0, 8.0, 8.0]]))
    _, clear = lidar_sweep(silent_lidar(), Scenery(truth(world)), _random())
    _, foggy = lidar_sweep(silent_lidar(), Scenery(truth(world, visibility_m=100.0)), _random())
    assert (clear == 1).sum() > 50
    assert (foggy == 1).sum() < 0.02 * (clear == 1).sum()
    assert (foggy == 0).sum() > 0.3 * (clear == 0).sum()


def test_markings_are_brighter_than_asphalt() -> None:
    network = RoadNetwork(
        drivable_areas=Ragged.points([[[-50.0, -50.0], [50.0, -50.0], [50.0, 50.0], [-50.0, 50.0]]]),
        stop_lines=Ragged.points([[[5.0, -20.0], [15.0, -20.0]]]),
    )
    config = silent_lidar()
    points, _ = lidar_sweep(config, Scenery(truth(road_network=network)), _random())
    place = points_in_map(config, points)
    asphalt = points["intensity"][(np.abs(place[:, 0] - 7.0) < 0.5) & (np.abs(place[:, 1] + 15.0) < 4.0)]
    on_line = points["intensity"][(np.abs(place[:, 1] + 20.0) < 0.1) & (place[:, 0] > 5.5) & (place[:, 0] < 14.5)]
    assert len(asphalt) > 5 and len(on_line) > 2
    assert on_line.min() > 3.0 * asphalt.max()


def test_an_empty_world_is_ground_alone() -> None:
    points, owner = lidar_sweep(sensor(LidarConfig), Scenery(truth()), _random())
    assert len(points) > 3000
    assert (owner == NO_AGENT).all()
    for name in points.dtype.names:
        assert np.isfinite(points[name]).all()
