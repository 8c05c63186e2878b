"""What is expected of every recorded SUMO network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import shapely

from zoox_prediction.maps.areas import union_of
from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.maps.readers import read_road_network
from zoox_prediction.maps.road_network import BoundaryType, MapError, RightOfWay, Turn


@dataclass(frozen=True)
class _Expected:
    """Counts that can be read off the file itself."""

    lanes: int  # <lane> elements
    inside: int  # internal lanes of junctions that have foes in a request
    yielding: int  # of those, the ones on links of state m
    stop_lines: int  # lanes with such a link
    intersections: int  # such junctions
    widest_m: float


_NETWORKS = {
    "ngsim_i80": _Expected(lanes=25, inside=12, yielding=6, stop_lines=1, intersections=1, widest_m=5.0),
    "ngsim_lankershim": _Expected(lanes=206, inside=88, yielding=50, stop_lines=28, intersections=6, widest_m=5.5),
    "ngsim_peachtree": _Expected(lanes=178, inside=86, yielding=54, stop_lines=31, intersections=6, widest_m=4.0),
    "ngsim_us101": _Expected(lanes=30, inside=0, yielding=0, stop_lines=0, intersections=0, widest_m=4.5),
}


@pytest.fixture(scope="module")
def folder(recordings: Path) -> Path:
    return recordings / "maps" / "sumo"


def test_every_file_is_listed(folder: Path) -> None:
    names = {path.name for path in folder.iterdir() if path.suffix in (".xml", ".xodr", ".gz")}
    assert names == {f"{name}.net.xml" for name in _NETWORKS} | {"od_newmarket.xodr"}


@pytest.mark.parametrize("name", sorted(_NETWORKS))
def test_network(folder: Path, name: str) -> None:
    expected = _NETWORKS[name]
    network = read_road_network(folder / f"{name}.net.xml")
    lanes = network.lanes
    assert (network.source, network.repairs, network.left_hand_traffic) == (name, (), False)
    assert len(lanes) == expected.lanes
    assert lanes.in_intersection.sum() == expected.inside
    assert (lanes.right_of_way == RightOfWay.YIELD).sum() == expected.yielding
    assert len(network.stop_lines) == expected.stop_lines
    assert len(network.intersections) == expected.intersections
    assert np.all((lanes.turn != Turn.NONE) == lanes.in_intersection)
    assert np.all((lanes.right_of_way == RightOfWay.UNKNOWN) == ~lanes.in_intersection)
    assert np.all((lanes.stop_line >= 0) <= (lanes.right_of_way == RightOfWay.YIELD))
    assert np.all(np.isfinite(lanes.speed_limit_mps))
    unmarked = np.isin(lanes.left_boundary_type, (BoundaryType.UNKNOWN, BoundaryType.VIRTUAL))
    np.testing.assert_array_equal(unmarked, lanes.in_intersection)
    graph = LaneGraph(network)
    assert 2.0 * graph.half_width_m.max() == pytest.approx(expected.widest_m, abs=0.3)


@pytest.mark.parametrize("name", sorted(_NETWORKS))
def test_geometry_fits_together(folder: Path, name: str) -> None:
    network = read_road_network(folder / f"{name}.net.xml")
    lanes = network.lanes
    follows = lanes.successor_rows
    owner = np.repeat(np.arange(len(lanes)), np.diff(follows.offsets))
    ends = np.array([lanes.centerline[row][-1] for row in owner])
    starts = np.array([lanes.centerline[row][0] for row in follows.values])
    assert np.linalg.norm(ends - starts, axis=1).max() < 0.1
    road = union_of(network.drivable_areas, grown_m=0.05)
    assert all(road.covers(shapely.LineString(line)) for line in lanes.centerline)
    outside = shapely.MultiLineString(list(network.road_edges))
    assert max(outside.distance(shapely.LineString(line)) for line in lanes.centerline) < 30.0
    assert outside.difference(road.boundary.buffer(0.2)).length < 0.1
    has_left = lanes.left_neighbor >= 0
    left = lanes.rows(lanes.left_neighbor[has_left])
    np.testing.assert_array_equal(lanes.right_neighbor[left], lanes.ids[has_left])


def test_opendrive_is_refused_with_the_way_to_convert_it(folder: Path) -> None:
    with pytest.raises(
        MapError, match=r"od_newmarket.xodr: .*netconvert --opendrive od_newmarket.xodr -o od_newmarket.net"
    ):
        read_road_network(folder / "od_newmarket.xodr")
