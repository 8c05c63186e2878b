"""Traffic lights of ScenarioNet scenarios: Waymo's lane states and nuPlan's statuses, keyed by the lane controlled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.road_network import NO_ID, RoadNetwork
from zoox_prediction.maps.scenarionet import lane_ids
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


def read_signals(
    lights: Mapping[str, Any], features: Mapping[str, Any], stamps: NDArray[np.int64], network: RoadNetwork
) -> tuple[tuple[TrafficSignals, ...], RoadNetwork]:
    """The states of `dynamic_map_states` at every stamp (T,), and the network with its controlled lanes marked.

    A light has the id of its lane; lights of lanes that the map does not have are left out.
    """
    ids_of_features = lane_ids(features)
    controlled: list[ControlledLane] = []
    states: list[NDArray[np.uint8]] = []
    observed: list[NDArray[np.bool_]] = []
    for key, light in lights.items():
        lane_id = ids_of_features.get(str(light.get("lane", key)), NO_ID)
        row = int(network.lanes.rows(lane_id))
        names = light["state"]["object_state"]
        if row < 0 or len(names) != len(stamps):
            continue
        controlled.append(ControlledLane(row, lane_id, _stop_point(light, network.lanes.centerline[row])))
        states.append(np.array([_STATES.get(str(name), SignalState.UNKNOWN) for name in names], dtype=np.uint8))
        observed.append(np.array([name is not None for name in names]))
    if not controlled:
        return (), network
    ids = np.array([each.signal for each in controlled], dtype=np.int64)
    frames = signal_frames(stamps, ids, np.stack(states, axis=1), np.stack(observed, axis=1))
    return frames, with_controlled_lanes(network, controlled)


def _stop_point(light: Mapping[str, Any], centerline: NDArray[np.float64]) -> NDArray[np.float64]:
    """Waymo's own stop point; nuPlan's lies inside of the junction, so there the beginning of the lane."""
    point = np.asarray(light.get("stop_point", [0.0, 0.0]), dtype=np.float64).reshape(-1)[:2]
    waymo = light.get("metadata", {}).get("dataset") == "waymo"
    return point if waymo and np.isfinite(point).all() and np.any(point) else centerline[0]
