"""Files that say which recordings are for training, which for validation and which for the test.

    train:
      - {dataset: simulation, names: "scene_010*"}
      - {dataset: taf-bw, names: [k729_2022-03-16/vehicle_tracks_000, k729_2022-03-16/vehicle_tracks_001]}
    test:
      - {dataset: taf-bw, names: "k733_*"}

A name is that of the recording itself, or a pattern of such names with *, ? and [...].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from zoox_prediction.config import ConfigError, check_known, read_yaml_mapping
from zoox_prediction.errors import InputError

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class SplitEntry:
    """Recordings of one dataset whose name is, or matches, one of `names`."""

    dataset: str
    names: tuple[str, ...]

    def has(self, dataset: str, name: str) -> bool:
        return dataset == self.dataset and any(name == each or fnmatchcase(name, each) for each in self.names)


@dataclass(frozen=True)
class Split:
    """The parts of a split; no recording may be in two of them."""

    path: Path
    parts: Mapping[str, tuple[SplitEntry, ...]]

    def part_of(self, dataset: str, name: str) -> str | None:
        """The part of PARTS that a recording is in, None when it is in none; raises InputError when it is in two."""
        found = [part for part, entries in self.parts.items() if any(each.has(dataset, name) for each in entries)]
        if len(found) > 1:
            raise InputError(
                f"{self.path}: the recording '{name}' of {dataset} is in the parts {' and '.join(found)}; "
                "leave it in one of them"
            )
        return found[0] if found else None


def read_split(path: Path) -> Split:
    """The split of a YAML file.

    Raises ConfigError, which names the file, when it cannot be read, has another part than PARTS or an entry with other
    keys; InputError when it names a recording in two parts. That patterns of two parts match one recording shows only
    when it is looked up, see `Split.part_of`.
    """
    document = read_yaml_mapping(path, "the file of a split")
    try:
        check_known(document, PARTS)
        parts = {part: tuple(_entry(each, part) for each in _listed(value, part)) for part, value in document.items()}
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    if not parts:
        raise ConfigError(f"{path}: must map {', '.join(PARTS)} to lists of recordings, each with dataset and names")
    split = Split(path, parts)
    for entry in (each for entries in parts.values() for each in entries):
        for name in entry.names:  # a pattern is looked up as well, which does no harm
            split.part_of(entry.dataset, name)
    return split


def _listed(value: Any, part: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise ConfigError(f"'{part}' must be a list of recordings; leave out a part that has none")
    return value


def _entry(value: Any, part: str) -> SplitEntry:
    if not isinstance(value, Mapping):
        raise ConfigError(f"an entry of '{part}' must be a mapping with dataset and names, got {value!r}")
    check_known(value, ("dataset", "names"), f"{part}.")
    dataset, names = value.get("dataset"), value.get("names")
    names = [names] if isinstance(names, str) else names
    if not isinstance(dataset, str) or not dataset:
        raise ConfigError(f"an entry of '{part}' must name its dataset, got {value!r}")
    if not isinstance(names, list) or not names or not all(isinstance(each, str) and each for each in names):
        raise ConfigError(f"'{part}' of {dataset} must have names: a name, a pattern, or a list of them; got {names!r}")
    return SplitEntry(dataset, tuple(names))
