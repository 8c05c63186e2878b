"""Traffic lights of ScenarioNet scenarios: Waymo's lane states and nuPlan's statuses, keyed by the lane controlled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.road_network import Lanes, RoadNetwork
from zoox_prediction.recording.datasets.signals import ControlledLane, signal_frames, with_controlled_lanes
from zoox_prediction.scene import SignalState, TrafficSignals

_STATES = {
    "LANE_STATE_STOP": SignalState.RED,
    "LANE_STATE_ARROW_STOP": SignalState.RED,
    "LANE_STATE_CAUTION": SignalState.YELLOW,
    "LANE_STATE_ARROW_CAUTION": SignalState.YELLOW,
    "LANE_STATE_GO": SignalState.GREEN,
    "LANE_STATE_ARROW_GO": SignalState.GREEN,
    "LANE_STATE_FLASHING_STOP": SignalState.FLASHING,
    "LANE_STATE_FLASHING_CAUTION": SignalState.FLASHING,
    "TRAFFIC_LIGHT_RED": SignalState.RED,
    "TRAFFIC_LIGHT_YELLOW": SignalState.YELLOW,
    "TRAFFIC_LIGHT_GREEN": SignalState.GREEN,
}
_SAME_LANE_M = 0.05  # the reader of the map may resample or drop points, but not move the first one


def read_signals(
    lights: Mapping[str, Any], features: Mapping[str, Any], stamps: NDArray[np.int64], network: RoadNetwork
) -> tuple[tuple[TrafficSignals, ...], RoadNetwork]:
    """The states of `dynamic_map_states` at every stamp (T,), and the network with its controlled lanes marked.

    A light has the id of its lane; lights of lanes that the map does not have are left out.
    """
    controlled: list[ControlledLane] = []
    states: list[NDArray[np.uint8]] = []
    observed: list[NDArray[np.bool_]] = []
    for key, light in lights.items():
        row = _lane_row(network.lanes, features.get(str(light.get("lane", key)), features.get(str(key))))
        names = light["state"]["object_state"]
        if row is None or len(names) != len(stamps):
            continue
        lane_id = int(network.lanes.ids[row])
        controlled.append(ControlledLane(row, lane_id, _stop_point(light, network.lanes.centerline[row])))
        states.append(np.array([_STATES.get(str(name), SignalState.UNKNOWN) for name in names], dtype=np.uint8))
        observed.append(np.array([name is not None for name in names]))
    if not controlled:
        return (), network
    ids = np.array([each.signal for each in controlled], dtype=np.int64)
    frames = signal_frames(stamps, ids, np.stack(states, axis=1), np.stack(observed, axis=1))
    return frames, with_controlled_lanes(network, controlled)


def _lane_row(lanes: Lanes, feature: Mapping[str, Any] | None) -> int | None:
    """The row of the lane with the feature's ends, because readers of maps are free to number the lanes."""
    if feature is None or "polyline" not in feature or not len(lanes):
        return None
    polyline = np.asarray(feature["polyline"], dtype=np.float64)[:, :2]
    starts = lanes.centerline.values[lanes.centerline.offsets[:-1]]
    ends = lanes.centerline.values[lanes.centerline.offsets[1:] - 1]
    distance = np.linalg.norm(starts - polyline[0], axis=1) + np.linalg.norm(ends - polyline[-1], axis=1)
    row = int(np.argmin(distance))
    return row if distance[row] < _SAME_LANE_M else None


def _stop_point(light: Mapping[str, Any], centerline: NDArray[np.float64]) -> NDArray[np.float64]:
    """Waymo's own stop point; nuPlan's lies inside of the junction, so there the beginning of the lane."""
    point = np.asarray(light.get("stop_point", [0.0, 0.0]), dtype=np.float64).reshape(-1)[:2]
    waymo = light.get("metadata", {}).get("dataset") == "waymo"
    return point if waymo and np.isfinite(point).all() and np.any(point) else centerline[0]
