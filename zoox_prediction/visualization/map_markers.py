"""RViz markers of a road network and its signals: one marker a kind, however large the map."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoox_prediction.maps.road_network import NO_ID, RoadNetwork
from zoox_prediction.maps.signals import lane_signal_states
from zoox_prediction.recording.messages import MessageTypes
from zoox_prediction.scene import SignalState, TrafficSignals
from zoox_prediction.visualization import palette
from zoox_prediction.visualization.map_features import map_features, signal_places
from zoox_prediction.visualization.markers import MarkerBuilder

_THINNEST_M = 0.08
_LAYER_M = 0.01  # of height between kinds, for what lies at one height flickers
_BETWEEN_BOUNDARIES = "lanes"  # the area of ordinary lanes, which their boundaries and centrelines show already
_POLE_HEIGHT_M, _POLE_M = 3.0, 1.0
_LANE_HEIGHT_M, _LANE_M = 0.4, 0.6


def map_markers(network: RoadNetwork, types: MessageTypes, stamp_ns: int = 0) -> Any:
    """The road network as lines, areas as their outlines, signals as grey spheres; one marker a kind."""
    builder = MarkerBuilder(types, stamp_ns, network.frame_id)
    for layer, feature in enumerate(map_features(network)):
        if feature.name != _BETWEEN_BOUNDARIES:
            width_m = max(feature.width_m, _THINNEST_M)
            builder.lines(feature.name, feature.shapes, layer * _LAYER_M, feature.color, width_m, feature.area)
    places = network.signal_positions[np.isfinite(network.signal_positions).all(axis=1)]
    builder.spheres("signals", places, _POLE_HEIGHT_M, _POLE_M, palette.SIGNAL[SignalState.UNKNOWN])
    return builder.message()


def signal_markers(network: RoadNetwork, signals: TrafficSignals, types: MessageTypes, stamp_ns: int) -> Any:
    """Spheres in the colour of the observed state: large at the signal where its place is known, small where the
    traffic that it controls waits; one marker a state and size."""
    builder = MarkerBuilder(types, stamp_ns, network.frame_id)
    lanes = network.lanes
    placed = np.isfinite(network.signal_positions).all(axis=1) & np.isin(network.signal_ids, signals.ids)
    shown = lane_signal_states(network.signal_ids, signals.ids, signals.state)
    rows = np.flatnonzero(np.isin(lanes.signal, signals.ids) & (lanes.signal != NO_ID))
    at_lane = lane_signal_states(lanes.signal[rows], signals.ids, signals.state)
    waits = signal_places(network, rows)
    at_lane, waits = at_lane[np.isfinite(waits).all(axis=1)], waits[np.isfinite(waits).all(axis=1)]
    for state in np.unique(np.concatenate([shown[placed], at_lane])):
        color = palette.SIGNAL.get(int(state), palette.SIGNAL[SignalState.UNKNOWN])
        poles = network.signal_positions[placed & (shown == state)]
        builder.spheres("signals", poles, _POLE_HEIGHT_M, _POLE_M, color)
        builder.spheres("controlled_lanes", waits[at_lane == state], _LANE_HEIGHT_M, _LANE_M, color)
    return builder.message()
