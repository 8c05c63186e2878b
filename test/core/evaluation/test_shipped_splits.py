"""The splits that ship: parts that share nothing, of recordings that exist."""

from __future__ import annotations

import pytest

from zoox_prediction.recording.licences import UNKNOWN, licence_of
from zoox_prediction.recording.sources import find_recordings
from zoox_prediction.recording.splits import PARTS, Split, read_split
from zoox_prediction.resources import resource_path

# Clips of TAF-BW's k729 that overlap in time or follow each other within 15 s.
SAME_MINUTE = ((0, 1), (3, 4), (6, 12), (7, 13), (8, 13), (13, 14), (10, 16))


def _shipped(name: str) -> Split:
    return read_split(resource_path(f"config/splits/{name}.yaml"))


@pytest.mark.parametrize("name", ["default", "research"])
def test_every_dataset_has_its_terms(name):
    split = _shipped(name)
    assert set(split.parts) == set(PARTS)
    datasets = {pattern.dataset for patterns in split.parts.values() for pattern in patterns}
    assert all(licence_of(dataset, {}) != UNKNOWN for dataset in datasets)


def test_default_learns_of_what_anybody_may_use_only():
    datasets = {pattern.dataset for patterns in _shipped("default").parts.values() for pattern in patterns}
    assert datasets == {"simulation", "smarts"}


@pytest.mark.parametrize(
    ("seed", "part"), [(9999, None), (10000, "train"), (10999, "train"), (11000, "validation"), (12023, "test")]
)
def test_a_seed_of_the_simulation_has_its_part(seed, part):
    assert _shipped("default").part_of("simulation", f"scene_{seed:06}") == part


def test_clips_of_the_same_minute_are_in_one_part():
    split = _shipped("research")
    for pair in SAME_MINUTE:
        parts = {split.part_of("taf-bw", f"k729_2022-03-16/vehicle_tracks_{number:03}") for number in pair}
        assert len(parts) == 1, f"clips {pair} are in {parts}"


def test_the_test_has_several_recordings_of_every_dataset_in_it():
    for pattern in _shipped("research").parts["test"]:
        assert len(pattern.names) >= 2, pattern.dataset


def test_every_recording_is_in_a_part_and_every_name_is_of_one(recordings):
    folders = ("taf_bw", "scenarionet_nuscenes", "av2", "eth_ucy", "sdd_trajnet")
    sources, problems = find_recordings([recordings / each for each in folders])
    assert not problems
    files = [f"{each.path.parent.name}/{each.path.stem}" for each in sources]
    patterns = [pattern for part in _shipped("research").parts.values() for pattern in part]
    names = [name for pattern in patterns for name in pattern.names]
    assert [name for name in names if not any(each.endswith(name) for each in files)] == []
    assert [each for each in files if not any(each.endswith(name) for name in names)] == []
