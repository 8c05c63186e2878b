"""Files of splits: strict, and no recording in two parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoox_prediction.errors import InputError
from zoox_prediction.recording.splits import read_split
from zoox_prediction.resources import resource_path

_GOOD = """\
train:
  - {dataset: simulation, names: "scene_01*"}
  - dataset: taf-bw
    names: [k729/tracks_000, k729/tracks_001]
test:
  - {dataset: taf-bw, names: "k733*"}
"""


def _split_file(folder: Path, text: str) -> Path:
    path = folder / "split.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_recording_is_in_the_part_that_names_or_matches_it(tmp_path: Path) -> None:
    split = read_split(_split_file(tmp_path, _GOOD))
    assert split.part_of("simulation", "scene_010003") == "train"
    assert split.part_of("taf-bw", "k729/tracks_001") == "train"
    assert split.part_of("taf-bw", "k733_2020-09-15/vehicle_tracks_000") == "test"
    assert split.part_of("taf-bw", "k729/tracks_002") is None
    assert split.part_of("interaction", "k729/tracks_001") is None, "names count within their dataset"


def test_a_recording_in_two_parts_is_refused(tmp_path: Path) -> None:
    both = "train: [{dataset: a, names: [one, two]}]\ntest: [{dataset: a, names: [two]}]\n"
    with pytest.raises(InputError, match=r"split\.yaml: the recording 'two' of a is in the parts train and test"):
        read_split(_split_file(tmp_path, both))
    by_pattern = "train: [{dataset: a, names: t*}]\nvalidation: [{dataset: a, names: [two]}]\n"
    with pytest.raises(InputError, match="'two' of a is in the parts train and validation"):
        read_split(_split_file(tmp_path, by_pattern))


def test_patterns_of_two_parts_that_match_one_recording_are_refused_when_it_is_met(tmp_path: Path) -> None:
    split = read_split(_split_file(tmp_path, "train: [{dataset: a, names: t*}]\ntest: [{dataset: a, names: '*o'}]\n"))
    assert split.part_of("a", "three") == "train"
    with pytest.raises(InputError, match="'two' of a is in the parts train and test"):
        split.part_of("a", "two")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must map train, validation, test"),
        ("trian: [{dataset: a, names: b}]", "did you mean 'train'"),
        ("train: []", "leave out a part that has none"),
        ("train: [b]", "must be a mapping with dataset and names"),
        ("train: [{dataset: a, name: b}]", r"did you mean 'train\.names'"),
        ("train: [{names: b}]", "must name its dataset"),
        ("train: [{dataset: a}]", "'train' of a must have names"),
        ("train: [{dataset: a, names: [3]}]", "must have names"),
        ("train: [{dataset: a, names: []}]", "must have names"),
    ],
)
def test_what_is_no_split_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        read_split(_split_file(tmp_path, text))
    assert "split.yaml" in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml: cannot be read"):
        read_split(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("name", ["default", "research"])
def test_the_splits_that_ship_can_be_read(name: str) -> None:
    split = read_split(resource_path(f"config/splits/{name}.yaml"))
    assert set(split.parts) == {"train", "validation", "test"}


def test_no_seed_of_a_town_is_in_two_parts_of_the_default_split() -> None:
    split = read_split(resource_path("config/splits/default.yaml"))
    parts = [split.part_of("simulation", f"scene_{seed:06d}") for seed in range(9000, 14000)]
    assert [parts.count(part) for part in ("train", "validation", "test")] == [1000, 1000, 1000]
