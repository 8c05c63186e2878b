"""Road networks from the map features of ScenarioNet (nuScenes, Waymo, nuPlan in one layout)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from shapely.geometry.polygon import orient

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.maps.areas import polygon_of, ragged_polygons
from zoox_prediction.maps.records import LaneRecord, checked_line, lanes_from_records
from zoox_prediction.maps.road_network import NO_ID, LaneType, MapError, Ragged, RoadNetwork

_MAX_GAP_M = 1.0  # between the end of a lane and the start of its successor, where the source names no successors
_MAX_KINK_RAD = 0.8  # between their headings
_HEADING_OVER_M = 2.0  # length over which the heading at a lane's end is measured
_LANE_WIDTH_M = 3.5  # of lanes that come without a polygon
_PLACEHOLDER_KMH = 100.0  # what the nuScenes and nuPlan converters write for lanes whose limit they do not know
_MPS = {"speed_limit_kmh": 1 / 3.6, "speed_limit_mph": 0.44704}


def lane_ids(map_features: Mapping[Any, Mapping[str, Any]]) -> dict[str, int]:
    """The lane id of each lane feature: its own number where all have one (Waymo), else 1, 2, ... in sorted order."""
    names = sorted(str(name) for name, feature in map_features.items() if _type(feature).startswith("LANE"))
    if all(name.isdecimal() for name in names):
        return {name: int(name) for name in names}
    return {name: number for number, name in enumerate(names, start=1)}


def road_network_from_features(
    map_features: Mapping[Any, Mapping[str, Any]],
    source: str = "",
) -> RoadNetwork:
    """The road network of a scenario's `map_features`, in the scenario's frame [m]; `source` names it for people.

    Where the source names no successors, they are the lanes that start within 1 m of the end and head the same way.
    Lane ids are those of `lane_ids`. Signals are not part of the features (they are in `dynamic_map_states`). Raises
    MapError naming the feature and its defect.
    """
    if not isinstance(map_features, Mapping):
        raise MapError(f"{source or 'scenario'}: map_features is a {type(map_features).__name__}, not a mapping")
    ids = lane_ids(map_features)
    features = {str(name): feature for name, feature in map_features.items()}
    where = f"{source or 'scenario'}: map feature"
    limits = _speed_limits(features)
    records = []
    for name, lane in ids.items():
        record = _lane(features[name], lane, ids, f"{where} {name}")
        record.speed_limit_mps = limits.get(name, np.nan)
        records.append(record)
    if _has_connectors(features, ids):
        for record, name in zip(records, ids, strict=True):
            record.in_intersection |= "polygon" not in features[name]
    if not any("exit_lanes" in features[name] for name in ids):
        infer_successors(records)
    crosswalks = [ring for name, ring in _rings(features, "CROSSWALK", where)]
    return RoadNetwork(
        source=source,
        lanes=lanes_from_records(records),
        crosswalk_ids=np.arange(1, len(crosswalks) + 1),
        crosswalks=Ragged.points(crosswalks),
        crosswalk_signal=np.full(len(crosswalks), NO_ID),
        walkways=Ragged.points(ring for _, ring in _rings(features, "SIDEWALK", where)),
        drivable_areas=_drivable_areas(features, records),
        intersections=Ragged.points(ring for _, ring in _rings(features, "INTERSECTION", where)),
    )


def _type(feature: Any) -> str:
    kind = feature.get("type") if isinstance(feature, Mapping) else None
    return kind if isinstance(kind, str) else ""


def _lane(feature: Mapping[str, Any], lane: int, ids: Mapping[str, int], where: str) -> LaneRecord:
    if "polyline" not in feature:
        raise MapError(f"{where} is a lane without a polyline; mend the map")
    kind = _type(feature)
    centerline = checked_line(np.asarray(feature["polyline"]), where)
    left, right = np.zeros((0, 2)), np.zeros((0, 2))
    if "polygon" in feature:
        left, right = _sides(checked_line(np.asarray(feature["polygon"]), where), centerline)
    return LaneRecord(
        id=lane,
        centerline=centerline,
        left_boundary=left,
        right_boundary=right,
        type=LaneType.BICYCLE if "BIKE" in kind else LaneType.BUS if "BUS" in kind else LaneType.VEHICLE,
        in_intersection=bool(feature.get("interpolating", False)) or kind.endswith("UNSTRUCTURE"),
        left_neighbor=_neighbor(feature.get("left_neighbor"), ids),
        right_neighbor=_neighbor(feature.get("right_neighbor"), ids),
        successors=[ids[str(name)] for name in feature.get("exit_lanes") or () if str(name) in ids],
    )


def _has_connectors(features: Mapping[str, Mapping[str, Any]], ids: Mapping[str, int]) -> bool:
    """Whether lanes with and without polygons are mixed, as in nuScenes: the ones without cross intersections."""
    with_polygon = ["polygon" in features[name] for name in ids]
    return any(with_polygon) and not all(with_polygon)


def _neighbor(value: Any, ids: Mapping[str, int]) -> int:
    """The first neighbour that is in the map; Waymo lists dictionaries with the stretch that lies beside."""
    for each in value if isinstance(value, (list, tuple)) else ():
        name = str(each.get("feature_id") if isinstance(each, Mapping) else each)
        if name in ids:
            return ids[name]
    return NO_ID


def _speed_limits(features: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """[m/s] by feature. A map in which every limit is the converters' placeholder has none."""
    limits: dict[str, float] = {}
    for name, feature in features.items():
        for key, scale in _MPS.items():
            value = np.asarray(feature.get(key) if feature.get(key) is not None else np.nan, dtype=np.float64)
            if np.all(np.isfinite(value)) and np.all(value > 0.0):
                limits[name] = float(np.min(value)) * scale
                break
    if all(abs(limit - _PLACEHOLDER_KMH / 3.6) < 1e-6 for limit in limits.values()):
        return {}
    return limits


def infer_successors(records: Iterable[LaneRecord]) -> None:
    """Fills the successors of lanes by where they end: a lane that starts there and heads the same way follows."""
    records = list(records)
    if not records:
        return
    starts = np.array([record.centerline[0] for record in records])
    ends = np.array([record.centerline[-1] for record in records])
    start_heading = np.array([_heading(record.centerline) for record in records])
    end_heading = np.array([_heading(record.centerline[::-1]) + np.pi for record in records])
    tree = cKDTree(starts)
    for row, found in enumerate(tree.query_ball_point(ends, _MAX_GAP_M)):
        near = np.array([other for other in found if other != row], dtype=np.int64)
        kink = np.abs(wrap_angle(start_heading[near] - end_heading[row]))
        records[row].successors = [records[other].id for other in np.sort(near[kink <= _MAX_KINK_RAD])]


def _heading(line: NDArray[np.float64]) -> float:
    """Of the first metres of a polyline [rad]."""
    path = shapely.linestrings(line)
    ahead = path.interpolate(min(_HEADING_OVER_M, path.length))
    return float(np.arctan2(ahead.y - line[0, 1], ahead.x - line[0, 0]))


def _rings(features: Mapping[str, Mapping[str, Any]], word: str, where: str) -> list[tuple[str, NDArray]]:
    """Name and polygon (n, 2) of the features whose type contains a word, without those that enclose nothing."""
    rings = []
    for name, feature in features.items():
        if word in _type(feature) and "polygon" in feature:
            ring = checked_line(np.asarray(feature["polygon"]), f"{where} {name}")
            if polygon_of(ring).area > 0.0:
                rings.append((name, ring))
    return rings


def _drivable_areas(features: Mapping[str, Mapping[str, Any]], records: list[LaneRecord]) -> Ragged:
    """From the rings that the nuScenes and nuPlan converters draw around it; else the lanes' polygons or strips.

    The rings ("boundary_0", ...) are outer and inner borders alike, so what an odd number of them encloses is drivable.
    """
    rings = [np.asarray(feature["polyline"]) for name, feature in features.items() if _is_border(name, feature)]
    if rings:
        area = reduce(shapely.symmetric_difference, (polygon_of(ring[:, :2]) for ring in rings))
        return ragged_polygons(area)
    strips = [shapely.linestrings(record.centerline).buffer(0.5 * _LANE_WIDTH_M) for record in records]
    polygons = [polygon_of(feature["polygon"]) for feature in features.values() if _is_paved(feature)]
    return ragged_polygons(shapely.union_all([*strips, *polygons]))


def _is_border(name: str, feature: Mapping[str, Any]) -> bool:
    if not name.startswith("boundary_") or not _type(feature).startswith("ROAD_LINE"):
        return False
    ring = np.asarray(feature.get("polyline", ()), dtype=np.float64)
    return len(ring) > 3 and bool(np.isfinite(ring).all()) and bool(np.allclose(ring[0], ring[-1]))


def _is_paved(feature: Mapping[str, Any]) -> bool:
    kind = _type(feature)
    return "polygon" in feature and (kind.startswith("LANE") or kind in ("DRIVEWAY", "SPEED_BUMP"))


def _sides(ring: NDArray[np.float64], centerline: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
    """Left and right boundary of a lane's polygon (n, 2): its ring, cut where the centreline enters and leaves."""
    empty = np.zeros((0, 2))
    polygon = shapely.Polygon(ring)
    if len(ring) < 4 or not polygon.is_valid:
        return empty, empty
    closed = orient(polygon).exterior
    points = np.asarray(closed.coords)[:-1]
    at = shapely.line_locate_point(closed, shapely.points(points))
    enter, leave = shapely.line_locate_point(closed, shapely.points(centerline[[0, -1]]))
    # Counter-clockwise, the right side lies between entering and leaving.
    after_enter, length = np.mod(at - enter, closed.length), np.mod(leave - enter, closed.length)
    order = np.argsort(after_enter)
    on_right = after_enter[order] < length
    right, left = points[order[on_right]], points[order[~on_right]][::-1]
    return (left, right) if len(left) > 1 and len(right) > 1 else (empty, empty)
