"""Reads Lanelet2 maps (OSM XML), plain ones and those of Autoware, with the `lanelet2` library."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.intersections import infer_intersections, infer_turns, mark_lanes_inside
from zoox_prediction.maps.lanelet2_areas import add_crosswalks, read_areas, surfaces_of
from zoox_prediction.maps.lanelet2_junctions import Junctions
from zoox_prediction.maps.lanelet2_lanes import Geometry, LaneletReader, Shape
from zoox_prediction.maps.lanelet2_links import link, set_plain_stop_lines
from zoox_prediction.maps.lanelet2_projection import project
from zoox_prediction.maps.osm_file import OsmFile, no_garbage_collection, read_osm
from zoox_prediction.maps.records import LaneRecord, PositiveIds, lanes_from_records
from zoox_prediction.maps.repair import repair_records
from zoox_prediction.maps.road_network import NO_ID, LaneType, MapError, Ragged, RoadNetwork

_logger = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]


def read_lanelet2(path: Path | str, origin: tuple[float, float] | None = None) -> RoadNetwork:
    """The road network of a Lanelet2 map.

    Positions [m]: with `origin` (latitude, longitude) [deg], x = R cos(lat0) dlon to the east and y = R dlat to the
    north with R = 6378137 m, as INTERACTION-style recordings use them; without, as Autoware's map_projector_info.yaml
    beside the map says, or else the map's own local_x and local_y, or else the formula about the middle of the map.

    Lane ids are lanelet ids (negative ones of unfinished JOSM maps turned positive). A lane open to both directions
    becomes two, the second under a new id. A signal's id is that of its regulatory element. Speed limits come from
    regulatory elements, the tags speed_limit and maxspeed, and, where the map names its country's rules, from those;
    NaN otherwise. Intersections are those that the map names (intersection_area, turn_direction); where it names none,
    the places where lanes cross. What was mended is told in `repairs`. Raises MapError naming the file, the element and
    its defect.
    """
    with no_garbage_collection():
        return _read(path, origin)


def _read(path: Path | str, origin: tuple[float, float] | None) -> RoadNetwork:
    osm = read_osm(path)
    positions = project(osm, origin)
    try:
        library_map, problems = _load(osm, positions)
    except (RuntimeError, ValueError, IndexError, OverflowError) as error:  # what exceptions of C++ arrive as
        raise MapError(f"{osm.path}: Lanelet2 cannot build the map: {' '.join(str(error).split())}") from error
    for problem in problems:
        _logger.info("%s: %s", osm.path, problem.strip())
    return _road_network(osm, Geometry(osm, positions), library_map)


def _load(osm: OsmFile, positions: FloatArray) -> tuple[Any, list[str]]:
    """The library's map, in metres from the first node, and what the library could not parse.

    Those are regulatory elements of kinds that it does not know; boundaries were checked before.
    """
    try:
        import lanelet2
    except ImportError as error:
        raise MapError(
            f"{osm.path}: reading Lanelet2 maps needs the Python package lanelet2 ({error}); pip install lanelet2"
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "map.osm"
        file.write_text(osm.for_library(positions - positions[:1]), encoding="utf-8")
        projector = lanelet2.projection.MercatorProjector(lanelet2.io.Origin(0.0, 0.0))
        library_map, problems = lanelet2.io.loadRobust(str(file), projector)
    return library_map, list(problems)


def _road_network(osm: OsmFile, geometry: Geometry, library_map: Any) -> RoadNetwork:
    lanelets = sorted(library_map.laneletLayer, key=lambda lanelet: abs(lanelet.id))
    lane_ids = PositiveIds({lanelet.id for lanelet in lanelets if lanelet.id > 0})
    junctions = Junctions(osm, geometry.points)
    reader = LaneletReader(geometry, junctions, lane_ids)
    for lanelet in lanelets:
        reader.read(lanelet)
    records = [shape.record for shape in reader.shapes]
    repairs = [*reader.repairs, *link(reader.shapes), *repair_records(records)]
    _set_right_of_way(reader.shapes, junctions)
    set_plain_stop_lines(records, junctions.stop_lines)
    areas = read_areas(library_map, geometry)
    repairs += _set_intersections(records, areas.intersections)
    surfaces = surfaces_of(records, areas)
    crosswalks = {key: junctions.crosswalk_polygons.get(key, ring) for key, ring in reader.crosswalks.items()}
    add_crosswalks(crosswalks, areas.crosswalks)
    crosswalk_signal = [junctions.signal_of(key) if key in reader.crosswalks else NO_ID for key in crosswalks]
    return RoadNetwork(
        source=osm.path.stem,
        left_hand_traffic=_left_hand_traffic(reader.shapes),
        lanes=lanes_from_records(records),
        crosswalk_ids=np.array([lane_ids.of(key) for key in crosswalks], dtype=np.int64),
        crosswalks=Ragged.points(crosswalks.values()),
        crosswalk_signal=np.array(crosswalk_signal, dtype=np.int64),
        stop_line_ids=np.array(list(junctions.stop_lines), dtype=np.int64),
        stop_lines=Ragged.points(junctions.stop_lines.values()),
        walkways=Ragged.points([*reader.walkways, *areas.walkways]),
        drivable_areas=surfaces.drivable,
        intersections=surfaces.intersections,
        parking_areas=surfaces.parking,
        road_edges=surfaces.edges,
        signal_ids=np.array(list(junctions.signals), dtype=np.int64),
        signal_positions=np.array(list(junctions.signals.values()), dtype=np.float64).reshape(-1, 2),
        repairs=tuple(repairs),
    )


def _set_right_of_way(shapes: Sequence[Shape], junctions: Junctions) -> None:
    """Lanes that go first, from lanelets; of a lanelet open to both directions it is the first direction."""
    lane_of = {shape.lanelet.id: shape.record.id for shape in reversed(shapes)}
    for shape in shapes:
        if lane_of[shape.lanelet.id] == shape.record.id:
            others = junctions.yields_to(shape.lanelet.id)
            shape.record.yields_to = [lane_of[other] for other in others if other in lane_of]


def _set_intersections(records: Sequence[LaneRecord], areas: Sequence[FloatArray]) -> list[str]:
    """What the map names, or else what is inferred; turns that it does not name are inferred in both cases."""
    if not areas and not any(record.in_intersection for record in records):
        infer_intersections(records)
    mark_lanes_inside(records, areas)
    return infer_turns(records)


def _left_hand_traffic(shapes: Sequence[Shape]) -> bool:
    """Whether lanes meet oncoming ones at their right boundaries more often than at their left ones."""
    vehicle = [shape for shape in shapes if shape.record.type == LaneType.VEHICLE]
    left = {shape.left_ids for shape in vehicle}
    right = {shape.right_ids for shape in vehicle}
    return sum(ids[::-1] in right for ids in right) > sum(ids[::-1] in left for ids in left)
