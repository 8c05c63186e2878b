"""Draws a road network on a canvas."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.road_network import NO_ID, BoundaryType, Ragged, RoadNetwork
from zoox_prediction.scene import SignalState, TrafficSignals
from zoox_prediction.visualization import palette
from zoox_prediction.visualization.canvas import Canvas


def draw_road_network(canvas: Canvas, network: RoadNetwork, signals: TrafficSignals | None = None) -> None:
    """Areas, lanes, lines and, where `signals` are given, the state of each signal, in this order from below."""
    lanes = network.lanes
    canvas.polygons(_visible(canvas, network.walkways), palette.WALKWAY)
    canvas.polygons(_visible(canvas, network.drivable_areas), palette.DRIVABLE_AREA)
    canvas.polygons(_lane_polygons(canvas, network), palette.LANE)
    canvas.polylines(_visible(canvas, lanes.centerline), palette.CENTERLINE)
    for boundaries, types in (
        (lanes.left_boundary, lanes.left_boundary_type),
        (lanes.right_boundary, lanes.right_boundary_type),
    ):
        road_edge = types == BoundaryType.ROAD_EDGE
        marked = np.isin(types, (BoundaryType.SOLID, BoundaryType.DASHED))
        canvas.polylines(_visible(canvas, boundaries, marked), palette.BOUNDARY)
        canvas.polylines(_visible(canvas, boundaries, road_edge), palette.ROAD_EDGE)
    crosswalks = _visible(canvas, network.crosswalks)
    canvas.polygons(crosswalks, palette.CROSSWALK, alpha=0.75)
    canvas.polylines(crosswalks, palette.BOUNDARY, closed=True)
    canvas.polylines(_visible(canvas, network.stop_lines), palette.STOP_LINE, thickness_px=2)
    if signals is not None and len(signals.ids):
        _draw_signals(canvas, network, signals)


def _draw_signals(canvas: Canvas, network: RoadNetwork, signals: TrafficSignals) -> None:
    """A coloured disc at each signal's own place and at the end of the lane that leads up to what it controls."""
    for row in range(len(signals.ids)):
        identifier = int(signals.ids[row])
        color = palette.SIGNAL.get(int(signals.state[row]), palette.SIGNAL[SignalState.UNKNOWN])
        canvas.discs(network.signal_positions[network.signal_ids == identifier], 5.0, color)
        controlled = np.flatnonzero((network.lanes.signal == identifier) & (network.lanes.signal != NO_ID))
        starts = [network.lanes.centerline[lane][:1] for lane in controlled]
        if starts:
            canvas.discs(np.concatenate(starts), 4.0, color)


def _lane_polygons(canvas: Canvas, network: RoadNetwork) -> list[NDArray]:
    """Lanes as the polygons between their boundaries; lanes without both have none."""
    lanes = network.lanes
    rows = _visible_rows(canvas, lanes.left_boundary)
    return [np.concatenate([lanes.left_boundary[row], lanes.right_boundary[row][::-1]]) for row in rows]


def _visible(canvas: Canvas, sequences: Ragged, keep: NDArray | None = None) -> list[NDArray]:
    """The sequences, of those to `keep`, whose bounding box meets the picture."""
    rows = _visible_rows(canvas, sequences)
    return [sequences[row] for row in rows if keep is None or keep[row]]


def _visible_rows(canvas: Canvas, sequences: Ragged) -> NDArray[np.int64]:
    """Rows whose bounding box meets the picture; without this a city costs as much as the block that is shown."""
    filled = np.flatnonzero(np.diff(sequences.offsets) > 0)
    if not len(filled):
        return filled
    starts = sequences.offsets[filled]
    low = np.minimum.reduceat(sequences.values, starts, axis=0)
    high = np.maximum.reduceat(sequences.values, starts, axis=0)
    min_x, min_y, max_x, max_y = canvas.bounds_m()
    meets = (low[:, 0] <= max_x) & (high[:, 0] >= min_x) & (low[:, 1] <= max_y) & (high[:, 1] >= min_y)
    visible: NDArray[np.int64] = filled[meets]
    return visible
