"""Road networks from the map features of ScenarioNet (nuScenes, Waymo, nuPlan in one layout)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from shapely.geometry.base import BaseGeometry
from shapely.geometry.polygon import orient

from zoox_prediction.errors import InputError
from zoox_prediction.geometry import wrap_angle
from zoox_prediction.maps.areas import closed_union, polygon_of, ragged_polygons
from zoox_prediction.maps.intersections import infer_intersections, infer_turns, mark_connectors, mark_lanes_inside
from zoox_prediction.maps.lane_sides import keeps_left
from zoox_prediction.maps.records import LaneRecord, checked_line, lanes_from_records
from zoox_prediction.maps.repair import repair_records
from zoox_prediction.maps.road_network import NO_ID, LaneType, MapError, Ragged, RightOfWay, RoadNetwork
from zoox_prediction.maps.road_outline import road_outline
from zoox_prediction.maps.scenarionet_sides import HALF_WIDTH_M, feature_type, is_border, set_sides
from zoox_prediction.restricted_pickle import load_restricted

_MAX_GAP_M = 1.0  # between the end of a lane and the start of its successor, where the source names no successors
_MAX_KINK_RAD = 0.8  # between their headings
_HEADING_OVER_M = 2.0  # length over which the heading at a lane's end is measured
_PLACEHOLDER_KMH = 100.0  # what the nuScenes and nuPlan converters write for lanes whose limit they do not know
_MPS = {"speed_limit_kmh": 1 / 3.6, "speed_limit_mph": 0.44704}
_CLOSE_GAP_M = 0.6  # slivers between the lanes of an intersection
_BEYOND_M = 15.0  # how far beyond the lanes of a cut-out the drivable area may go on
_END_REACH_M = 10.0  # a lane's centreline may begin so far from the end of its polygon
_STOP_SIGN_M = 15.0  # a stop sign may stand that far from where the lanes that it rules begin or end


def read_scenarionet(path: Path | str) -> RoadNetwork:
    """The road network of a scenario's pickle, in the scenario's frame [m]; see `road_network_from_features`.

    Raises MapError when the pickle is damaged, holds more than plain data, or is no scenario.
    """
    path = Path(path)
    try:
        scenario = load_restricted(path)
    except InputError as error:
        raise MapError(str(error)) from error
    if not isinstance(scenario, Mapping) or "map_features" not in scenario:
        raise MapError(f"{path}: has no map_features; a ScenarioNet scenario is a pickled dictionary with them")
    return replace(road_network_from_features(scenario["map_features"], str(path)), source=path.stem)


def lane_ids(map_features: Mapping[Any, Mapping[str, Any]]) -> dict[str, int]:
    """The lane id of each lane feature: its own number where all have one (Waymo), else 1, 2, ... in sorted order."""
    names = sorted(str(name) for name, feature in map_features.items() if feature_type(feature).startswith("LANE"))
    if all(name.isdecimal() for name in names):
        return {name: int(name) for name in names}
    return {name: number for number, name in enumerate(names, start=1)}


def road_network_from_features(
    map_features: Mapping[Any, Mapping[str, Any]],
    source: str = "",
) -> RoadNetwork:
    """The road network of a scenario's `map_features`, in the scenario's frame [m]; `source` names it for people.

    Where the source names no successors, they are the lanes that start within 1 m of the end and head the same way.
    Boundaries are those of the lanes' polygons, or lie half a lane's width beside the centreline; their types are those
    of the painted lines and kerbs along them. Where it names no intersections, they are the lanes inside them; turns
    are inferred. Lane ids are those of `lane_ids`. Signals are not part of the features (they are in
    `dynamic_map_states`). Raises MapError naming the feature and its defect.
    """
    where = source or "scenario"
    if not isinstance(map_features, Mapping):
        raise MapError(f"{where}: map_features is a {type(map_features).__name__}, not a mapping")
    features = {str(name): feature for name, feature in map_features.items()}
    try:
        return _road_network(features, lane_ids(map_features), where, source)
    except MapError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise MapError(f"{where}: a map feature is not as ScenarioNet has it ({error}); convert it again") from error


def _road_network(
    features: Mapping[str, Mapping[str, Any]], ids: Mapping[str, int], where: str, source: str
) -> RoadNetwork:
    records = _lanes(features, ids, f"{where}: map feature")
    repairs = repair_records(records)
    rings = {
        word: [ring for _, ring in _rings(features, word, f"{where}: map feature")]
        for word in ("CROSSWALK", "SIDEWALK", "WALKWAY", "INTERSECTION", "PARKING", "CARPARK")
    }
    mark_lanes_inside(records, rings["INTERSECTION"])
    set_sides(features, list(ids), records)
    if not any(record.in_intersection for record in records):
        infer_intersections(records)
    infer_turns(records)
    stop_lines = _stop_lines(features, ids, records)
    paved = _paved(features, records)
    inside = [record.polygon for record in records if record.in_intersection and record.type != LaneType.BICYCLE]
    crosswalks = rings["CROSSWALK"]
    return RoadNetwork(
        source=source,
        left_hand_traffic=keeps_left(records),
        lanes=lanes_from_records(records),
        crosswalk_ids=np.arange(1, len(crosswalks) + 1),
        crosswalks=Ragged.points(crosswalks),
        crosswalk_signal=np.full(len(crosswalks), NO_ID),
        stop_line_ids=np.array(list(stop_lines), dtype=np.int64),
        stop_lines=Ragged.points(stop_lines.values()),
        walkways=Ragged.points([*rings["SIDEWALK"], *rings["WALKWAY"]]),
        drivable_areas=ragged_polygons(paved),
        intersections=Ragged.points(rings["INTERSECTION"])
        if rings["INTERSECTION"]
        else ragged_polygons(closed_union(inside, _CLOSE_GAP_M).intersection(paved)),
        parking_areas=Ragged.points([*rings["PARKING"], *rings["CARPARK"]]),
        road_edges=_road_edges(features, paved, records),
        repairs=repairs,
    )


def _lanes(features: Mapping[str, Mapping[str, Any]], ids: Mapping[str, int], where: str) -> list[LaneRecord]:
    limits = _speed_limits(features)
    records = []
    for name, lane in ids.items():
        record = _lane(features[name], lane, ids, f"{where} {name}")
        record.speed_limit_mps = limits.get(name, np.nan)
        records.append(record)
    if _has_connectors(features, ids):
        mark_connectors([record for record, name in zip(records, ids, strict=True) if "polygon" not in features[name]])
    if not any("exit_lanes" in features[name] for name in ids):
        infer_successors(records)
    return records


def _stop_lines(
    features: Mapping[str, Mapping[str, Any]], ids: Mapping[str, int], records: list[LaneRecord]
) -> dict[int, NDArray[np.float64]]:
    """Lines across the lanes that a stop sign rules, where they pass it (Waymo): at their start or end, if near."""
    row_of = {record.id: record for record in records}
    lines: dict[int, NDArray[np.float64]] = {}
    for feature in features.values():
        if feature_type(feature) != "STOP_SIGN":
            continue
        sign = np.asarray(feature.get("position", ()), dtype=np.float64).ravel()[:2]
        for name in feature.get("lane") or ():
            record = row_of.get(ids.get(str(name), NO_ID))
            if record is None:
                continue
            record.right_of_way = RightOfWay.STOP
            ends = record.centerline[[0, -1]]
            far = np.linalg.norm(ends - sign, axis=1) if sign.shape == (2,) and np.isfinite(sign).all() else [np.inf]
            if np.min(far) < _STOP_SIGN_M:
                end = -int(np.argmin(far))  # 0: the start, -1: the end
                record.stop_line = len(lines) + 1
                lines[record.stop_line] = np.stack([record.left_boundary[end], record.right_boundary[end]])
    return lines


def _lane(feature: Mapping[str, Any], lane: int, ids: Mapping[str, int], where: str) -> LaneRecord:
    if "polyline" not in feature:
        raise MapError(f"{where} is a lane without a polyline; mend the map")
    kind = feature_type(feature)
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
    """Whether lanes with and without polygons are mixed, as in nuScenes: the ones without join the others."""
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
        if word in feature_type(feature) and "polygon" in feature:
            ring = checked_line(np.asarray(feature["polygon"]), f"{where} {name}")
            if polygon_of(ring).area > 0.0:
                rings.append((name, ring))
    return rings


def _paved(features: Mapping[str, Mapping[str, Any]], records: list[LaneRecord]) -> BaseGeometry:
    """From the rings that the nuScenes and nuPlan converters draw around it; else the lanes' polygons or strips.

    The rings ("boundary_0", ...) are outer and inner borders alike, so what an odd number of them encloses is drivable.
    """
    rings = [np.asarray(feature["polyline"]) for name, feature in features.items() if is_border(name, feature)]
    if rings:
        return reduce(shapely.symmetric_difference, (polygon_of(ring[:, :2]) for ring in rings))
    strips = [shapely.linestrings(record.centerline).buffer(HALF_WIDTH_M) for record in records]
    polygons = [polygon_of(feature["polygon"]) for feature in features.values() if _is_paved(feature)]
    return shapely.union_all([*strips, *polygons])


def _road_edges(features: Mapping[str, Mapping[str, Any]], paved: BaseGeometry, records: list[LaneRecord]) -> Ragged:
    """Those of the source (Waymo), else the outline of what is drivable."""
    edges = [
        np.asarray(feature["polyline"], dtype=np.float64)[:, :2]
        for feature in features.values()
        if feature_type(feature).startswith("ROAD_EDGE") and len(feature.get("polyline", ())) > 1
    ]
    edges = [edge for edge in edges if np.isfinite(edge).all()]
    return Ragged.points(edges) if edges else road_outline(paved, records, _BEYOND_M)


def _is_paved(feature: Mapping[str, Any]) -> bool:
    kind = feature_type(feature)
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
    enter, leave = _crossing(closed, centerline), _crossing(closed, centerline[::-1])
    # Counter-clockwise, the right side lies between entering and leaving.
    after_enter, length = np.mod(at - enter, closed.length), np.mod(leave - enter, closed.length)
    order = np.argsort(after_enter)
    on_right = after_enter[order] < length
    right, left = points[order[on_right]], points[order[~on_right]][::-1]
    return (left, right) if len(left) > 1 and len(right) > 1 else (empty, empty)


def _crossing(ring: BaseGeometry, line: NDArray[np.float64]) -> float:
    """Arc length on a ring where the straight continuation of a line's start leaves it; else that of the nearest point.

    The nearest point alone may be on the side of a lane, close to its corner.
    """
    inside = shapely.get_coordinates(shapely.line_interpolate_point(shapely.linestrings(line), _HEADING_OVER_M))[0]
    back = (line[0] - inside) / max(float(np.linalg.norm(line[0] - inside)), 1e-6)
    crossings = shapely.LineString([inside, line[0] + _END_REACH_M * back]).intersection(ring)
    place = shapely.Point(line[0]) if crossings.is_empty else crossings
    points = shapely.points(shapely.get_coordinates(place))
    return float(shapely.line_locate_point(ring, points[np.argmin(shapely.distance(points, shapely.Point(line[0])))]))
