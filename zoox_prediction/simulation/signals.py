"""The states of all signals of a town, as SUMO's traffic lights show them."""

from __future__ import annotations

import numpy as np

from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.maps.sumo_rules import signal_id
from zoox_prediction.scene import SignalState, TrafficSignals
from zoox_prediction.simulation.sumo import SumoTraffic

# https://sumo.dlr.de/docs/Simulation/Traffic_Lights.html#signal_state_definitions
_STATES = {
    "r": SignalState.RED,
    "s": SignalState.RED,
    "u": SignalState.RED,
    "y": SignalState.YELLOW,
    "Y": SignalState.YELLOW,
    "g": SignalState.GREEN,
    "G": SignalState.GREEN,
    "o": SignalState.FLASHING,
    "O": SignalState.DARK,
}


class SignalHeads:
    """The signals of the map, each with its place in the state string of a traffic light."""

    def __init__(self, network: RoadNetwork, traffic: SumoTraffic) -> None:
        known = set(network.signal_ids.tolist())
        self._traffic = traffic
        self._places = [
            (light, index, signal_id(light, index))
            for light, states in sorted(traffic.signal_states().items())
            for index in range(len(states))
            if signal_id(light, index) in known
        ]
        self._ids = np.array([signal for _, _, signal in self._places], dtype=np.int64)

    def states(self, stamp_ns: int) -> TrafficSignals:
        """What they show now."""
        shown = self._traffic.signal_states()
        states = [_STATES.get(shown[light][index], SignalState.UNKNOWN) for light, index, _ in self._places]
        count = len(self._ids)
        return TrafficSignals(
            stamp_ns=stamp_ns,
            ids=self._ids,
            state=np.array(states, dtype=np.uint8),
            state_stamp_ns=np.full(count, stamp_ns, dtype=np.int64),
            confidence=np.ones(count),
        )
