"""What of a road network is drawn: the shapes of every channel that does not change with the signals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.road_network import (
    NO_ID,
    BoundaryType,
    LaneType,
    RightOfWay,
    RoadNetwork,
    Turn,
)
from zoox_prediction.raster.lane_areas import lane_pieces, lane_sides, ring
from zoox_prediction.raster.shapes import Shapes, quads, shapes, strips

FloatArray = NDArray[np.float64]

# The channels that the tiles hold as bits, in this order.
MASKS = (
    "drivable_area", "solid_boundary", "dashed_boundary", "road_edge", "intersection", "crosswalk", "stop_line",
    "give_way_lane", "bicycle_lane", "walkway", "parking", "restricted_lane", "turn_left", "turn_right",
    "turn_straight", "signal_position",
)  # fmt: skip


@dataclass(frozen=True)
class MapLayers:
    """The shapes of one road network."""

    areas: dict[str, Shapes]  # polygons of a mask
    lines: dict[str, Shapes]  # rectangles around the segments of a mask's lines
    discs: dict[str, FloatArray]  # (n, 2) centres of a mask's discs [m]
    lane_pieces: Shapes  # M of them, those that are to be on top last
    piece_heading: FloatArray  # (M,) direction of travel [rad]
    piece_speed_limit: FloatArray  # (M,) [m/s], NaN where there is none
    signalled_lanes: Shapes  # areas of the lanes that have a signal
    lane_signal: NDArray[np.int64]  # (S,) signal of each of them
    signalled_crosswalks: Shapes
    crosswalk_signal: NDArray[np.int64]  # (C,) signal of each of them
    low: FloatArray  # (2,) the box around everything [m]; empty (low > high) for an empty map
    high: FloatArray


def map_layers(network: RoadNetwork, line_width_m: float) -> MapLayers:
    """The shapes of a road network; lines come out `line_width_m` wide."""
    lanes = network.lanes
    sides = lane_sides(lanes)
    rings = [ring(each) for each in sides]
    pieces = lane_pieces(lanes, sides)
    areas = {name: shapes(polygons, 3) for name, polygons in _areas(network, rings).items()}
    lines = {name: quads(strips(shapes(polylines, 2), line_width_m)) for name, polylines in _lines(network).items()}
    positions = network.signal_positions.reshape(-1, 2)
    discs = {"signal_position": positions[np.isfinite(positions).all(axis=1)]}
    signalled = np.flatnonzero(lanes.signal != NO_ID)
    signalled_lanes = shapes([rings[row] for row in signalled], 3)
    walks = np.flatnonzero(network.crosswalk_signal != NO_ID)
    signalled_crosswalks = shapes([network.crosswalks[row] for row in walks], 3)
    piece_quads = quads(pieces.corners)
    low, high = _bounds([*areas.values(), *lines.values(), piece_quads], discs["signal_position"])
    return MapLayers(
        areas=areas,
        lines=lines,
        discs=discs,
        lane_pieces=piece_quads,
        piece_heading=pieces.heading,
        piece_speed_limit=lanes.speed_limit_mps[pieces.lane],
        signalled_lanes=signalled_lanes,
        lane_signal=lanes.signal[signalled][signalled_lanes.source],
        signalled_crosswalks=signalled_crosswalks,
        crosswalk_signal=network.crosswalk_signal[walks][signalled_crosswalks.source],
        low=low,
        high=high,
    )


def _areas(network: RoadNetwork, rings: Sequence[FloatArray]) -> dict[str, list[FloatArray]]:
    """Polygons of each mask. Lanes of vehicles are drivable even where the map's drivable areas leave them out."""
    lanes = network.lanes

    def of_lanes(chosen: NDArray) -> list[FloatArray]:
        return [rings[row] for row in np.flatnonzero(chosen).tolist()]

    gives_way = np.isin(lanes.right_of_way, (RightOfWay.YIELD, RightOfWay.STOP)) | (
        np.diff(lanes.yields_to.offsets) > 0
    )
    return {
        "drivable_area": [*network.drivable_areas, *of_lanes(np.isin(lanes.type, (LaneType.VEHICLE, LaneType.BUS)))],
        "intersection": [*network.intersections, *of_lanes(lanes.in_intersection)],
        "crosswalk": [*network.crosswalks],
        "give_way_lane": of_lanes(gives_way),
        "bicycle_lane": of_lanes(lanes.type == LaneType.BICYCLE),
        "walkway": [*network.walkways],
        "parking": [*network.parking_areas, *of_lanes(lanes.type == LaneType.PARKING)],
        "restricted_lane": of_lanes(np.isin(lanes.type, (LaneType.RESTRICTED, LaneType.BUS))),
        "turn_left": of_lanes(np.isin(lanes.turn, (Turn.LEFT, Turn.U))),
        "turn_right": of_lanes(lanes.turn == Turn.RIGHT),
        "turn_straight": of_lanes(lanes.turn == Turn.STRAIGHT),
    }


def _lines(network: RoadNetwork) -> dict[str, list[FloatArray]]:
    """Polylines of each mask. Boundaries that are virtual or of unknown type are no markings and not drawn."""
    lanes = network.lanes
    boundaries = [*lanes.left_boundary, *lanes.right_boundary]
    types = np.concatenate([lanes.left_boundary_type, lanes.right_boundary_type])

    def of_type(kind: BoundaryType) -> list[FloatArray]:
        return [boundaries[row] for row in np.flatnonzero(types == kind)]

    return {
        "solid_boundary": of_type(BoundaryType.SOLID),
        "dashed_boundary": of_type(BoundaryType.DASHED),
        "road_edge": [*network.road_edges, *of_type(BoundaryType.ROAD_EDGE)],
        "stop_line": [*network.stop_lines],
    }


def _bounds(drawn: Sequence[Shapes], points: FloatArray) -> tuple[FloatArray, FloatArray]:
    low = np.concatenate([points, *(each.low for each in drawn)])
    high = np.concatenate([points, *(each.high for each in drawn)])
    return low.min(axis=0, initial=np.inf), high.max(axis=0, initial=-np.inf)
