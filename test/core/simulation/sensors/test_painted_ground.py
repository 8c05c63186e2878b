"""Patches of the ground: what is painted where, and that neighbouring patches agree."""

from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.maps.records import LaneRecord, lanes_from_records
from zoox_prediction.maps.road_network import BoundaryType, LaneType, Ragged, RoadNetwork
from zoox_prediction.recording.generated_crossroads import crossroads
from zoox_prediction.simulation.sensors.ground import FAR_PIXEL_M, NEAR_PIXEL_M, NEAR_RADIUS_M, Ground
from zoox_prediction.simulation.sensors.surfaces import Surface


def _at(network: RoadNetwork, *points: tuple[float, float], pixel_m: float = NEAR_PIXEL_M) -> list[Surface]:
    patch = Ground(network).patch(np.mean(points, axis=0), pixel_m)
    return [Surface(each) for each in patch.at(np.array(points, dtype=float))]


def test_a_map_of_nowhere_is_asphalt() -> None:
    assert _at(RoadNetwork(), (0.0, 0.0), (20.0, -20.0)) == [Surface.ASPHALT] * 2


def test_lanes_are_paved_with_and_without_boundaries() -> None:
    x = np.array([-40.0, 40.0])
    lines = {y: np.column_stack([x, np.full(2, y)]) for y in (-5.0, 0.0, 2.0, 4.0)}
    bounded = LaneRecord(
        id=1,
        centerline=lines[2.0],
        left_boundary=lines[4.0],
        right_boundary=lines[0.0],
        left_boundary_type=BoundaryType.SOLID,
        right_boundary_type=BoundaryType.DASHED,
    )
    bicycle = LaneRecord(id=2, centerline=lines[-5.0], type=LaneType.BICYCLE)
    network = RoadNetwork(lanes=lanes_from_records([bounded, bicycle]))
    found = _at(network, (0.0, 2.0), (0.0, 4.0), (0.0, 7.0), (0.0, -5.0), (0.0, -5.7), (0.0, -6.2))
    lane, line, beside, path, edge, beyond = found
    assert (lane, line, beside) == (Surface.ASPHALT, Surface.MARKING, Surface.GRASS)
    assert (path, edge, beyond) == (Surface.BICYCLE_LANE, Surface.BICYCLE_LANE, Surface.GRASS)
    dashed = _at(network, *[(float(along), 0.0) for along in np.arange(-30.0, 30.0, 0.1)])
    share = np.mean([each == Surface.MARKING for each in dashed])
    assert share == pytest.approx(3.0 / 7.5, abs=0.05)


def test_crosswalks_are_striped_with_square_ends() -> None:
    square = [[0.0, 0.0], [4.0, 0.0], [4.0, 10.0], [0.0, 10.0]]
    network = RoadNetwork(
        crosswalks=Ragged.points([square]), crosswalk_ids=np.array([1]), crosswalk_signal=np.array([-1])
    )
    patch = Ground(network).patch((2.0, 5.0), NEAR_PIXEL_M)
    painted = patch.surface == Surface.MARKING
    assert painted.sum() * NEAR_PIXEL_M**2 == pytest.approx(4.0 * 10.0 * 0.5, rel=0.15)
    rows, columns = np.nonzero(painted)
    x, y = patch.origin[0] + columns * NEAR_PIXEL_M, patch.origin[1] + rows * NEAR_PIXEL_M
    assert (x.min(), x.max(), y.min(), y.max()) == pytest.approx((0.0, 4.0, 0.25, 9.75), abs=0.08)
    per_row = painted.sum(axis=1)
    assert set(np.unique(per_row * NEAR_PIXEL_M).round(0)) == {0.0, 4.0}


def test_near_and_far_patches_and_their_neighbours_agree() -> None:
    ground = Ground(crossroads())
    random = np.random.default_rng(0)
    points = random.uniform([-14.0, -28.0], [28.0, 28.0], (4000, 2))  # on both patches
    here, beside = ground.patch((10.0, 3.0), NEAR_PIXEL_M), ground.patch((18.0, 3.0), NEAR_PIXEL_M)
    assert here is not beside
    assert (here.at(points) == beside.at(points)).mean() > 0.995
    far = ground.patch((10.0, 3.0), FAR_PIXEL_M)
    assert (here.at(points) == far.at(points)).mean() > 0.95
    assert len(np.unique(here.at(points))) >= 4


def test_the_grain_stays_where_it_is() -> None:
    ground = Ground(RoadNetwork())
    here, beside = ground.patch((10.0, 3.0), NEAR_PIXEL_M), ground.patch((18.0, 3.0), NEAR_PIXEL_M)
    shift = round(float(beside.origin[0] - here.origin[0]) / NEAR_PIXEL_M)
    assert shift == 640
    assert (here.color_bgr[:, shift:] == beside.color_bgr[:, :-shift]).all()
    assert here.color_bgr.std() > 1.0


def test_patches_reach_around_the_ego() -> None:
    ground = Ground(crossroads())
    for place in np.random.default_rng(0).uniform(-500.0, 500.0, (20, 2)):
        patch = ground.patch(place, NEAR_PIXEL_M)
        last = patch.origin + (patch.surface.shape[0] - 1) * NEAR_PIXEL_M
        assert (place - patch.origin > NEAR_RADIUS_M - 0.1).all() and (last - place > NEAR_RADIUS_M - 0.1).all()
