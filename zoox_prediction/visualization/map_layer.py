"""Draws a road network on a canvas."""

from __future__ import annotations

import numpy as np

from zoox_prediction.maps.road_network import NO_ID, RoadNetwork
from zoox_prediction.maps.signals import lane_signal_states
from zoox_prediction.scene import SignalState, TrafficSignals
from zoox_prediction.visualization import palette
from zoox_prediction.visualization.canvas import Canvas
from zoox_prediction.visualization.map_features import map_features, signal_places

_POLE_PX, _LANE_PX = 5.0, 3.5


def draw_road_network(canvas: Canvas, network: RoadNetwork, signals: TrafficSignals | None = None) -> None:
    """Areas, lanes, lines and signals; those that are among `signals` in the colour of their state, others grey."""
    bounds_m = canvas.bounds_m()
    for feature in map_features(network):
        shapes = [feature.shapes[row] for row in feature.rows_within(bounds_m)]
        if feature.area:
            canvas.polygons(shapes, feature.color, feature.alpha)
        else:
            thickness_px = max(1, round(feature.width_m * canvas.pixels_per_m))
            canvas.polylines(shapes, feature.color, thickness_px, feature.alpha)
    _draw_signals(canvas, network, signals or TrafficSignals())


def _draw_signals(canvas: Canvas, network: RoadNetwork, signals: TrafficSignals) -> None:
    """A disc at each signal's own place, and where the traffic that it controls waits if its state is known."""
    lanes = network.lanes
    shown = lane_signal_states(network.signal_ids, signals.ids, signals.state)
    at_lane = lane_signal_states(lanes.signal, signals.ids, signals.state)
    observed = np.flatnonzero(np.isin(lanes.signal, signals.ids) & (lanes.signal != NO_ID))
    places = signal_places(network, observed)
    for state in np.unique(np.concatenate([shown, at_lane[observed]])):
        color = palette.SIGNAL.get(int(state), palette.SIGNAL[SignalState.UNKNOWN])
        canvas.discs(places[at_lane[observed] == state], _LANE_PX, color)
        poles = network.signal_positions[shown == state]
        canvas.discs(poles, _POLE_PX + 1.0, palette.SIGNAL_RIM)
        canvas.discs(poles, _POLE_PX, color)
