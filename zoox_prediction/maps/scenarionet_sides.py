"""Boundaries of the lanes in ScenarioNet's map features: where they are, what is painted on them, who lies beyond."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.maps.lane_sides import infer_neighbors, moved_sideways, set_lane_changes
from zoox_prediction.maps.polylines import resample
from zoox_prediction.maps.records import LaneRecord
from zoox_prediction.maps.road_network import NO_ID, BoundaryType, LaneType

HALF_WIDTH_M = 1.75  # of lanes that come without a width
_HALF_BICYCLE_WIDTH_M = 0.75
_NARROWEST_M, _WIDEST_M = 0.5, 4.0  # half widths that we believe
_ON_LINE_M = 0.8  # a boundary nearer to a painted line or kerb than this is that line
_SHARE = 0.5  # of a boundary that must be so
_SAMPLES = np.linspace(0.05, 0.95, 11)

_Features = Mapping[str, Mapping[str, Any]]


def feature_type(feature: Any) -> str:
    kind = feature.get("type") if isinstance(feature, Mapping) else None
    return kind if isinstance(kind, str) else ""


def is_border(name: str, feature: Mapping[str, Any]) -> bool:
    """Whether a feature is a closed border of the drivable area, as the nuScenes and nuPlan converters write them."""
    if not name.startswith("boundary_") or not feature_type(feature).startswith("ROAD_LINE"):
        return False
    ring = np.asarray(feature.get("polyline", ()), dtype=np.float64)
    return len(ring) > 3 and bool(np.isfinite(ring).all()) and bool(np.allclose(ring[0], ring[-1]))


def set_sides(features: _Features, names: Sequence[str], records: Sequence[LaneRecord]) -> None:
    """Boundaries, their types, neighbours and lane changes; needs geometry, types and successors of the lanes.

    `names` are those of the lanes' features, in the order of `records`.
    """
    _fill_boundaries(features, names, records)
    _set_types(features, names, records)
    if not any(neighbor != NO_ID for each in records for neighbor in (each.left_neighbor, each.right_neighbor)):
        infer_neighbors(records)
    set_lane_changes(records)
    _forbid_changes(features, names, records)


def _fill_boundaries(features: _Features, names: Sequence[str], records: Sequence[LaneRecord]) -> None:
    """For lanes without polygons: as wide as the source says (Waymo), or as the lanes before and after them."""
    missing = [row for row, each in enumerate(records) if not len(each.left_boundary) or not len(each.right_boundary)]
    known = {each.id: _half_width(each) for row, each in enumerate(records) if row not in set(missing)}
    before: dict[int, list[float]] = {}
    for each in records:
        for successor in each.successors:
            if each.id in known:
                before.setdefault(successor, []).append(known[each.id])
    for row in missing:
        record, feature = records[row], features[names[row]]
        usual = _HALF_BICYCLE_WIDTH_M if record.type == LaneType.BICYCLE else HALF_WIDTH_M
        after = [known[each] for each in record.successors if each in known]
        start, end = before.get(record.id) or after or [usual], after or before.get(record.id) or [usual]
        along = _travelled(record.centerline)
        half = np.interp(along, [0.0, along[-1]], [np.mean(start), np.mean(end)])
        for side, sign in (("left", 1.0), ("right", -1.0)):
            width = _source_width(feature, side, half, len(record.centerline))
            setattr(record, f"{side}_boundary", moved_sideways(record.centerline, sign * width))


def _travelled(line: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])


def _half_width(record: LaneRecord) -> float:
    """[m], the median along a lane."""
    count = len(_SAMPLES)
    across = resample(record.left_boundary, count) - resample(record.right_boundary, count)
    half = 0.5 * float(np.median(np.linalg.norm(across, axis=1)))
    return float(np.clip(half, 2.0 * _NARROWEST_M, _WIDEST_M))


def _source_width(
    feature: Mapping[str, Any], side: str, otherwise: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """(n,) half width at every point: Waymo's distances to the left and right boundaries, 0 where it knows none."""
    given = np.asarray(feature.get("width", ()), dtype=np.float64)
    if given.shape != (count, 2):
        return otherwise
    width = given[:, 0 if side == "left" else 1]
    return np.where((width >= _NARROWEST_M) & (width <= _WIDEST_M), width, otherwise)


def _set_types(features: _Features, names: Sequence[str], records: Sequence[LaneRecord]) -> None:
    """What the source lists beside the lane (Waymo), else the painted line or kerb along which the boundary runs."""
    for side in ("left", "right"):
        near = _types_beside(features, [getattr(each, f"{side}_boundary") for each in records])
        for name, record, found in zip(names, records, near, strict=True):
            listed = _listed_type(features, features[name].get(f"{side}_boundaries"))
            virtual = BoundaryType.VIRTUAL if record.in_intersection else BoundaryType.UNKNOWN
            kind = listed if listed is not None else found
            setattr(record, f"{side}_boundary_type", virtual if kind is None else kind)


def _line_type(kind: str) -> BoundaryType | None:
    if kind.startswith("ROAD_EDGE"):
        return BoundaryType.ROAD_EDGE
    if not kind.startswith("ROAD_LINE"):
        return None
    if "BROKEN" in kind:
        return BoundaryType.DASHED
    return BoundaryType.SOLID if "SOLID" in kind else BoundaryType.UNKNOWN


def _types_beside(features: _Features, boundaries: Sequence[NDArray[np.float64]]) -> list[BoundaryType | None]:
    """The type of line that lies along most of each boundary (n, 2); None where there is none."""
    segments, kinds = _painted(features)
    if not len(segments) or not boundaries:
        return [None] * len(boundaries)
    along = np.array([shapely.linestrings(points) for points in boundaries])[:, None]
    points = shapely.line_interpolate_point(along, _SAMPLES, normalized=True).ravel()
    tree = shapely.STRtree(shapely.linestrings(segments))
    at, segment = tree.query_nearest(points, max_distance=_ON_LINE_M, all_matches=False)
    votes = np.zeros((len(boundaries), len(BoundaryType)), dtype=np.int64)
    np.add.at(votes, (at // len(_SAMPLES), kinds[segment]), 1)
    best = votes.argmax(axis=1)
    enough = votes.max(axis=1) >= _SHARE * len(_SAMPLES)
    return [BoundaryType(kind) if sure else None for kind, sure in zip(best.tolist(), enough.tolist(), strict=True)]


def _painted(features: _Features) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Segments (S, 2, 2) of lines and kerbs with their types (S,)."""
    segments, kinds = [np.zeros((0, 2, 2))], [np.zeros(0, dtype=np.int64)]
    for name, feature in features.items():
        kind = BoundaryType.ROAD_EDGE if is_border(name, feature) else _line_type(feature_type(feature))
        points = np.asarray(feature.get("polyline", ()), dtype=np.float64)
        if kind is not None and points.ndim == 2 and len(points) > 1 and np.isfinite(points).all():
            segments.append(np.stack([points[:-1, :2], points[1:, :2]], axis=1))
            kinds.append(np.full(len(points) - 1, int(kind)))
    return np.concatenate(segments), np.concatenate(kinds)


def _listed_type(features: _Features, segments: Any) -> BoundaryType | None:
    """The type that holds along most of a lane, of segments with lane_start_index, lane_end_index, boundary_type."""
    spans: Counter[BoundaryType] = Counter()
    for segment in segments if isinstance(segments, (list, tuple)) else ():
        if not isinstance(segment, Mapping):
            continue
        kind = _line_type(str(segment.get("boundary_type")))
        if kind is None:  # Waymo has no type for kerbs here, only the feature that it is
            kind = _line_type(feature_type(features.get(str(segment.get("boundary_feature_id")))))
        if kind is not None:
            span = int(segment.get("lane_end_index", 0)) - int(segment.get("lane_start_index", 0))
            spans[kind] += max(span, 1)
    return max(spans, key=lambda kind: (spans[kind], kind)) if spans else None


def _forbid_changes(features: _Features, names: Sequence[str], records: Sequence[LaneRecord]) -> None:
    """What the source lists between a lane and its neighbour (Waymo) counts before what lies beside the lane."""
    for name, record in zip(names, records, strict=True):
        for side in ("left", "right"):
            neighbors = features[name].get(f"{side}_neighbor")
            for each in neighbors if isinstance(neighbors, (list, tuple)) else ():
                kind = _listed_type(features, each.get("boundaries")) if isinstance(each, Mapping) else None
                if kind is not None and kind != BoundaryType.DASHED:
                    setattr(record, f"{side}_change", False)
