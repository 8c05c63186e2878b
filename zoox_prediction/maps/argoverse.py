"""Reads the vector maps of Argoverse 2, sensor logs and forecasting scenarios alike (log_map_archive_*.json)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from zoox_prediction.maps.areas import polygon_of, ragged_polygons, union_of, union_polygons
from zoox_prediction.maps.intersections import infer_turns
from zoox_prediction.maps.lane_sides import keeps_left, set_lane_changes
from zoox_prediction.maps.polylines import resample
from zoox_prediction.maps.records import LaneRecord, checked_line, lanes_from_records
from zoox_prediction.maps.repair import repair_records
from zoox_prediction.maps.road_network import NO_ID, BoundaryType, LaneType, MapError, Ragged, RoadNetwork
from zoox_prediction.maps.road_outline import at_road_edge, road_outline

_LANE_TYPES = {"VEHICLE": LaneType.VEHICLE, "BIKE": LaneType.BICYCLE, "BUS": LaneType.BUS}
_CENTERLINE_POINTS = 10  # as av2.map.lane_segment interpolates between the boundaries
_CLOSE_GAP_M = 0.6  # slivers between the lanes of an intersection
_BEYOND_M = 15.0  # how far beyond the lanes of a cut-out the drivable area may go on


def read_argoverse(path: Path | str) -> RoadNetwork:
    """The road network of a log_map_archive_*.json, in the city frame [m].

    Centrelines lie half-way between the boundaries, as in the data set's own tools; lanes may be changed over dashed
    marks; turns are inferred. There are no speed limits, signals, stop lines, right of way or walkways. Raises MapError
    naming the file, the element and its defect.
    """
    path = Path(path)
    try:
        document = json.loads(path.read_text())
    except OSError as error:
        raise MapError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise MapError(f"{path}: not JSON: {error}") from error
    if not isinstance(document, Mapping) or not isinstance(document.get("lane_segments"), Mapping):
        raise MapError(f"{path}: has no lane_segments; an Argoverse 2 map is a log_map_archive_*.json")
    try:
        return _road_network(path, document)
    except MapError:
        raise
    except KeyError as error:
        raise MapError(f"{path}: an element has no field {error}; mend the map") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise MapError(f"{path}: a field has an unexpected type: {error}") from error


def _road_network(path: Path, document: Mapping[str, Any]) -> RoadNetwork:
    records = [_lane(path, segment) for segment in document["lane_segments"].values()]
    _check_ids(path, records)
    _keep_neighbors_of_same_direction(records)
    repairs = repair_records(records)
    set_lane_changes(records)
    infer_turns(records)
    areas = [
        _line(area["area_boundary"], f"{path}: drivable area {area['id']}")
        for area in document.get("drivable_areas", {}).values()
    ]
    paved = union_of([*areas, *(record.polygon for record in records if record.type != LaneType.BICYCLE)])
    _mark_road_edges(records, paved)
    crossings = list(document.get("pedestrian_crossings", {}).values())
    return RoadNetwork(
        source=path.stem,
        left_hand_traffic=keeps_left(records),
        lanes=lanes_from_records(records),
        crosswalk_ids=np.array([int(crossing["id"]) for crossing in crossings], dtype=np.int64),
        crosswalks=Ragged.points(_crossing(path, crossing) for crossing in crossings),
        crosswalk_signal=np.full(len(crossings), NO_ID),
        drivable_areas=Ragged.points(ring for ring in areas if polygon_of(ring).area > 0.0)
        if areas
        else ragged_polygons(paved),
        intersections=union_polygons((record.polygon for record in records if record.in_intersection), _CLOSE_GAP_M),
        road_edges=road_outline(paved, records, _BEYOND_M),
        repairs=repairs,
    )


def _check_ids(path: Path, records: Sequence[LaneRecord]) -> None:
    ids, count = np.unique([record.id for record in records], return_counts=True)
    if np.any(count > 1):
        raise MapError(f"{path}: lane segment {ids[np.argmax(count)]} appears twice; ids must be unique")


def _mark_road_edges(records: Sequence[LaneRecord], paved: BaseGeometry) -> None:
    """Unpainted outer boundaries where the drivable area ends are the road's edge."""
    for side in ("left", "right"):
        outer = [
            record
            for record in records
            if getattr(record, f"{side}_neighbor") == NO_ID
            and getattr(record, f"{side}_boundary_type") == BoundaryType.VIRTUAL
        ]
        boundaries = [getattr(record, f"{side}_boundary") for record in outer]
        for record, edge in zip(outer, at_road_edge(boundaries, side == "left", paved), strict=True):
            if edge:
                setattr(record, f"{side}_boundary_type", BoundaryType.ROAD_EDGE)


def _line(points: Sequence[Mapping[str, float]], where: str) -> NDArray[np.float64]:
    return checked_line(np.array([(point["x"], point["y"]) for point in points], dtype=np.float64), where)


def _lane(path: Path, segment: Mapping[str, Any]) -> LaneRecord:
    where = f"{path}: lane segment {segment['id']}: its"
    if segment["lane_type"] not in _LANE_TYPES:
        raise MapError(f"{where} lane_type {segment['lane_type']!r} is none of {', '.join(_LANE_TYPES)}")
    left = _line(segment["left_lane_boundary"], f"{where} left boundary")
    right = _line(segment["right_lane_boundary"], f"{where} right boundary")
    count = max(_CENTERLINE_POINTS, len(left), len(right))
    return LaneRecord(
        id=int(segment["id"]),
        centerline=checked_line(0.5 * (resample(left, count) + resample(right, count)), f"{where} centreline"),
        left_boundary=left,
        right_boundary=right,
        type=_LANE_TYPES[segment["lane_type"]],
        in_intersection=bool(segment["is_intersection"]),
        left_neighbor=_id(segment.get("left_neighbor_id")),
        right_neighbor=_id(segment.get("right_neighbor_id")),
        successors=[int(successor) for successor in segment["successors"]],
        left_boundary_type=_boundary_type(segment["left_lane_mark_type"], left_of_lane=True),
        right_boundary_type=_boundary_type(segment["right_lane_mark_type"], left_of_lane=False),
    )


def _id(value: Any) -> int:
    return NO_ID if value is None else int(value)


def _boundary_type(mark: str, left_of_lane: bool) -> BoundaryType:
    """Of a painted mark such as SOLID_DASH_WHITE, named from left to right: the part that is nearer to the lane."""
    parts = [part for part in mark.split("_") if part in ("SOLID", "DASH", "DASHED")]
    if not parts:
        return BoundaryType.VIRTUAL if mark == "NONE" else BoundaryType.UNKNOWN
    return BoundaryType.SOLID if parts[-1 if left_of_lane else 0] == "SOLID" else BoundaryType.DASHED


def _crossing(path: Path, crossing: Mapping[str, Any]) -> NDArray[np.float64]:
    """The area between the two edges, which may be drawn in the same or in opposite directions."""
    where = f"{path}: pedestrian crossing {crossing['id']}"
    first, second = _line(crossing["edge1"], where), _line(crossing["edge2"], where)
    if np.dot(first[-1] - first[0], second[-1] - second[0]) > 0.0:
        second = second[::-1]
    return np.concatenate([first, second])


def _keep_neighbors_of_same_direction(records: Sequence[LaneRecord]) -> None:
    """Argoverse also calls the oncoming lane a neighbour; ours go the same way."""
    along = {record.id: record.centerline[-1] - record.centerline[0] for record in records}
    for record in records:
        for side in ("left_neighbor", "right_neighbor"):
            neighbor = getattr(record, side)
            if neighbor not in along or np.dot(along[record.id], along[neighbor]) <= 0.0:
                setattr(record, side, NO_ID)
