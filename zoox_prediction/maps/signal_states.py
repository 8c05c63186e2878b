"""What the traffic signals say to lanes and crosswalks."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoox_prediction.maps.road_network import NO_ID, RoadNetwork, rows_of_ids

_UNKNOWN = 0  # as TrafficSignalArray.STATE_UNKNOWN


def lane_states(road_network: RoadNetwork, signal_ids: ArrayLike, states: ArrayLike) -> NDArray[np.uint8]:
    """(L,) state of the signal that controls each lane, for its traffic at the lane's end; unknown where there is none.

    signal_ids (S,) and states (S,) are those of TrafficSignals; of several with one id the first counts.
    """
    return _states_of(road_network.lanes.signal, signal_ids, states)


def crosswalk_states(road_network: RoadNetwork, signal_ids: ArrayLike, states: ArrayLike) -> NDArray[np.uint8]:
    """(C,) state of the pedestrian signal of each crosswalk; unknown where there is none."""
    return _states_of(road_network.crosswalk_signal, signal_ids, states)


def _states_of(wanted: NDArray[np.int64], signal_ids: ArrayLike, states: ArrayLike) -> NDArray[np.uint8]:
    rows = rows_of_ids(np.asarray(signal_ids, dtype=np.int64), wanted)
    known = np.append(np.asarray(states, dtype=np.uint8), np.uint8(_UNKNOWN))  # the last one is row -1's
    return known[np.where(wanted == NO_ID, -1, rows)]
