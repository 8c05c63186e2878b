"""What the traffic signals show the lanes and crosswalks that they control.

States are those of `scene.SignalState`, whose 0 is UNKNOWN; the rooms below the scene see them as numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoox_prediction.maps.road_network import NO_ID, rows_of_ids

_UNKNOWN = 0  # SignalState.UNKNOWN


def lane_signal_states(lane_signal: ArrayLike, signal_ids: ArrayLike, states: ArrayLike) -> NDArray[np.uint8]:
    """(L,) SignalState that each lane is shown now, UNKNOWN where it has no signal or its signal is not observed.

    `lane_signal` (L,) is `road_network.lanes.signal`: a signal's id, or NO_ID; `signal_ids` and `states` (S,) are what
    is observed now (`TrafficSignals.ids` and `.state`). An id that is there twice counts with its last state. Raises
    ValueError when `signal_ids` and `states` differ in length.
    """
    return _states_of(lane_signal, signal_ids, states)


def crosswalk_signal_states(crosswalk_signal: ArrayLike, signal_ids: ArrayLike, states: ArrayLike) -> NDArray[np.uint8]:
    """(C,) SignalState that walkers on each crosswalk are shown now, GREEN for walk; UNKNOWN as for lanes.

    `crosswalk_signal` (C,) is `road_network.crosswalk_signal`; the rest as for `lane_signal_states`.
    """
    return _states_of(crosswalk_signal, signal_ids, states)


def _states_of(controlled_by: ArrayLike, signal_ids: ArrayLike, states: ArrayLike) -> NDArray[np.uint8]:
    controlled = np.asarray(controlled_by, dtype=np.int64)
    observed, state = np.asarray(signal_ids, dtype=np.int64), np.asarray(states, dtype=np.uint8)
    if observed.shape != state.shape or observed.ndim != 1:
        raise ValueError(f"signal_ids and states must be as long as each other, got {observed.shape} and {state.shape}")
    row = rows_of_ids(observed[::-1], controlled)  # of equal ids the first is found: the last one before turning round
    known = (row >= 0) & (controlled != NO_ID)
    return np.where(known, np.append(state[::-1], np.uint8(_UNKNOWN))[row], np.uint8(_UNKNOWN))
