"""The two halves of a set of recordings share nothing, and are the same every time."""

from __future__ import annotations

import pytest
from recording_samples import agents_at

from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.recording.split import RecordingSplit


def log(name, duration_s, dataset="made-up"):
    frames = tuple(agents_at(0.5 * step, {7: (step, 0, 0, 2, 0)}) for step in range(int(2 * duration_s) + 1))
    return RecordedLog(name=name, dataset=dataset, agents=frames, ego=(), road_network=RoadNetwork())


def names(half, logs):
    split = RecordingSplit(half)
    return [part.name for part in map(split.part, logs) if part is not None]


def test_short_recordings_alternate_within_their_dataset():
    logs = [log("a", 10), log("x", 10, "other"), log("b", 10), log("c", 10)]
    assert names("first", logs) == ["a", "x", "c"]
    assert names("second", logs) == ["b"]
    assert names("all", logs) == ["a", "x", "b", "c"]


def test_a_long_recording_is_cut_with_a_gap_of_the_horizon():
    whole = log("long", 100)
    first, second = (RecordingSplit(half).part(whole) for half in ("first", "second"))
    assert first.agents[0].stamp_ns == whole.agents[0].stamp_ns
    assert second.agents[-1].stamp_ns == whole.agents[-1].stamp_ns
    gap_s = (second.agents[0].stamp_ns - first.agents[-1].stamp_ns) * 1e-9
    assert gap_s > 8.0
    assert len(first.agents) + len(second.agents) > 0.9 * len(whole.agents)
    last = first.agents[-1]
    assert not first.future(last.ids, last.stamp_ns, 0.1, 10).valid.any()


def test_long_recordings_do_not_disturb_the_turns_of_short_ones():
    assert names("first", [log("a", 10), log("long", 100), log("b", 10)]) == ["a", "long"]


def test_an_unknown_half_is_refused():
    with pytest.raises(ValueError, match="third"):
        RecordingSplit("third")
