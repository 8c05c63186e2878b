"""Maps of Argoverse 2."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zoox_prediction.maps.argoverse import read_argoverse
from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.maps.road_network import NO_ID, BoundaryType, LaneType, MapError


def _points(*xy: tuple[float, float]) -> list[dict[str, float]]:
    return [{"x": x, "y": y, "z": 1.0} for x, y in xy]


def _segment(lane: int, left: list, right: list, **more) -> dict:
    return {
        "id": lane,
        "is_intersection": False,
        "lane_type": "VEHICLE",
        "left_lane_boundary": left,
        "left_lane_mark_type": "SOLID_DASH_WHITE",
        "right_lane_boundary": right,
        "right_lane_mark_type": "SOLID_WHITE",
        "successors": [],
        "predecessors": [],
        "left_neighbor_id": None,
        "right_neighbor_id": None,
        **more,
    }


def _map() -> dict:
    east = _segment(
        11, _points((0, 4), (20, 4)), _points((0, 0), (10, 0), (20, 0)), successors=[12, 99], left_neighbor_id=13
    )
    onward = _segment(12, _points((20, 4), (40, 4)), _points((20, 0), (40, 0)), is_intersection=True, lane_type="BUS")
    west = _segment(13, _points((20, 4), (0, 4)), _points((20, 8), (0, 8)), left_neighbor_id=11, lane_type="BIKE")
    beside = _segment(14, _points((0, 0), (20, 0)), _points((0, -4), (20, -4)), left_neighbor_id=11)
    east["right_neighbor_id"] = 14
    crossing = {"id": 5, "edge1": _points((30, 0), (30, 8)), "edge2": _points((34, 0), (34, 8))}
    return {
        "lane_segments": {str(each["id"]): each for each in (east, onward, west, beside)},
        "pedestrian_crossings": {"5": crossing},
        "drivable_areas": {"1": {"id": 1, "area_boundary": _points((0, -4), (40, -4), (40, 8), (0, 8))}},
    }


def _write(folder: Path, document: dict) -> Path:
    path = folder / "log_map_archive_x.json"
    path.write_text(json.dumps(document))
    return path


def test_lanes_crossings_and_areas(tmp_path: Path) -> None:
    network = read_argoverse(_write(tmp_path, _map()))
    lanes = network.lanes
    assert lanes.ids.tolist() == [11, 12, 13, 14]
    assert lanes.type.tolist() == [LaneType.VEHICLE, LaneType.BUS, LaneType.BICYCLE, LaneType.VEHICLE]
    np.testing.assert_allclose(lanes.centerline[0][:, 1], 2.0)
    np.testing.assert_allclose(lanes.centerline[0][[0, -1], 0], [0.0, 20.0])
    assert len(lanes.centerline[0]) == 10
    assert lanes.successors[0].tolist() == [12, 99]
    assert lanes.successor_rows[0].tolist() == [1]
    assert lanes.in_intersection.tolist() == [False, True, False, False]
    assert lanes.left_neighbor.tolist() == [NO_ID, NO_ID, NO_ID, 11]  # 13 is oncoming
    assert lanes.right_neighbor.tolist() == [14, NO_ID, NO_ID, NO_ID]
    assert lanes.left_boundary_type[0] == BoundaryType.DASHED
    assert lanes.right_boundary_type[0] == BoundaryType.SOLID
    assert np.all(np.isnan(lanes.speed_limit_mps))
    np.testing.assert_allclose(network.crosswalks[0], [[30, 0], [30, 8], [34, 8], [34, 0]])
    assert len(network.drivable_areas) == 1
    assert len(network.intersections) == 1


def _no_segments(document: dict) -> None:
    del document["lane_segments"]


def _no_field(document: dict) -> None:
    del document["lane_segments"]["11"]["successors"]


def _wrong_type(document: dict) -> None:
    document["lane_segments"]["11"]["lane_type"] = "TRAM"


def _no_number(document: dict) -> None:
    document["lane_segments"]["11"]["left_lane_boundary"][0]["x"] = float("nan")


def _one_point(document: dict) -> None:
    document["lane_segments"]["11"]["left_lane_boundary"] = _points((0, 0), (0, 0))


def _text(document: dict) -> None:
    document["lane_segments"]["11"]["left_lane_boundary"] = "here"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_no_segments, "no lane_segments"),
        (_no_field, "no field 'successors'"),
        (_wrong_type, "lane segment 11: its lane_type 'TRAM'"),
        (_no_number, "lane segment 11: its left boundary has a point that is not finite"),
        (_one_point, "lane segment 11: its left boundary has fewer than two"),
        (_text, "unexpected type"),
    ],
)
def test_broken_maps_are_refused(tmp_path: Path, damage: Callable[[dict], None], words: str) -> None:
    document = copy.deepcopy(_map())
    damage(document)
    with pytest.raises(MapError, match=words) as refusal:
        read_argoverse(_write(tmp_path, document))
    assert "log_map_archive_x.json" in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null"])
def test_files_that_are_no_maps(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "log_map_archive_x.json"
    path.write_bytes(content)
    with pytest.raises(MapError, match=r"log_map_archive_x.json: (not JSON|has no lane_segments)"):
        read_argoverse(path)


def test_recorded_maps(recordings: Path) -> None:
    files = sorted((recordings / "av2").glob("**/log_map_archive_*.json"))
    assert len(files) == 4
    for file in files:
        network = read_argoverse(file)
        lanes = network.lanes
        graph = LaneGraph(network)
        follows = lanes.successor_rows
        owner = np.repeat(np.arange(len(lanes)), np.diff(follows.offsets))
        end = np.array([lanes.centerline[row][-1] for row in owner])
        start = np.array([lanes.centerline[row][0] for row in follows.values])
        assert np.median(np.linalg.norm(end - start, axis=1)) < 0.05  # centrelines join
        assert len(network.crosswalks) > 0
        assert np.all(graph.lines.length > 0.0)


def test_centerlines_agree_with_the_data_sets_own_file(recordings: Path) -> None:
    """The forecasting scenario's map carries the centrelines that its authors computed."""
    file = next((recordings / "av2" / "motion_forecasting").glob("*/log_map_archive_*.json"))
    graph = LaneGraph(read_argoverse(file))
    segments = json.loads(file.read_text())["lane_segments"].values()
    ids = graph.road_network.lanes.ids
    for segment in segments:
        theirs = np.array([(point["x"], point["y"]) for point in segment["centerline"]])
        row = np.full(len(theirs), int(np.flatnonzero(ids == segment["id"])[0]))
        on = graph.lines.project(row, theirs)
        assert np.max(np.hypot(on.lateral_offset_m, on.beyond_m)) < 0.6
