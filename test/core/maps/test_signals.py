"""What signals show lanes and crosswalks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoox_prediction.maps import signals
from zoox_prediction.maps.road_network import NO_ID
from zoox_prediction.maps.signals import crosswalk_signal_states, lane_signal_states
from zoox_prediction.scene import SignalState, TrafficSignals

FUNCTIONS = pytest.mark.parametrize("states_of", [lane_signal_states, crosswalk_signal_states])


@FUNCTIONS
def test_each_shows_the_state_of_its_signal(states_of: Callable) -> None:
    shown = states_of([30, NO_ID, 10, 99, 30], np.array([10, 30]), np.array([SignalState.RED, SignalState.GREEN]))
    assert shown.tolist() == [
        SignalState.GREEN,
        SignalState.UNKNOWN,
        SignalState.RED,
        SignalState.UNKNOWN,
        SignalState.GREEN,
    ]
    assert shown.dtype == np.uint8


@FUNCTIONS
def test_without_signals_all_is_unknown(states_of: Callable) -> None:
    none = TrafficSignals()
    assert states_of([1, NO_ID], none.ids, none.state).tolist() == [SignalState.UNKNOWN] * 2
    assert states_of([], [1], [SignalState.RED]).tolist() == []


def test_a_signal_whose_id_means_none_controls_nothing() -> None:
    assert lane_signal_states([NO_ID], [NO_ID], [SignalState.RED]).tolist() == [SignalState.UNKNOWN]


def test_unknown_is_the_scenes() -> None:
    assert signals._UNKNOWN == SignalState.UNKNOWN


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="as long as each other"):
        lane_signal_states([1], [1, 2], [SignalState.RED])


_IDS = st.integers(-1, 5)


@given(st.lists(_IDS), st.lists(st.tuples(_IDS, st.sampled_from(SignalState))))
def test_as_a_dictionary_would(controlled: list[int], observed: list[tuple[int, SignalState]]) -> None:
    last = {identifier: state for identifier, state in observed if identifier != NO_ID}
    shown = lane_signal_states(controlled, [each[0] for each in observed], [each[1] for each in observed])
    assert shown.tolist() == [last.get(each, SignalState.UNKNOWN) for each in controlled]
