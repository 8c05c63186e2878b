"""Files of scores, as `evaluate --json` writes them, read back and put together."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoox_prediction.errors import InputError

_KEYS = ("command", "commit", "predictors", "recordings", "rows", "scenes", "versions")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class ScoreFiles:
    """All files together; a predictor is scored on a dataset in one of them only."""

    documents: Sequence[Mapping[str, Any]]

    @property
    def rows(self) -> list[Row]:
        return [row for document in self.documents for row in document["rows"]]

    @property
    def scenes(self) -> list[Row]:
        return [row for document in self.documents for row in document["scenes"]]

    @property
    def predictors(self) -> dict[str, Mapping[str, Any]]:
        """What is known of each predictor, by its label."""
        return {each["label"]: each for document in self.documents for each in document["predictors"]}

    @property
    def recordings(self) -> dict[str, Mapping[str, Any]]:
        """Licence and names of the recordings, by dataset."""
        return {name: each for document in self.documents for name, each in document["recordings"].items()}

    def datasets(self) -> list[str]:
        """In the order of the files; an average of scenes is a dataset too."""
        return list(dict.fromkeys(str(row["dataset"]) for row in self.rows))

    def select(self, **wanted: object) -> Iterator[Row]:
        """The rows that have these values."""
        return (row for row in self.rows if all(row[key] == value for key, value in wanted.items()))


def read_score_files(paths: Sequence[Path]) -> ScoreFiles:
    """Raises InputError for a file that `evaluate --json` did not write, and when two files score the same."""
    documents = [_read(path) for path in paths]
    seen: dict[tuple[str, str], Path] = {}
    labels: dict[str, tuple[Mapping[str, Any], Path]] = {}
    for path, document in zip(paths, documents, strict=True):
        for key in dict.fromkeys((str(row["dataset"]), str(row["predictor"])) for row in document["rows"]):
            if seen.setdefault(key, path) != path:
                raise InputError(f"{path}: scores {key[1]} on {key[0]}, as does {seen[key]}; give one of them")
        for each in document["predictors"]:
            known, where = labels.setdefault(each["label"], (each, path))
            if known != each:
                raise InputError(f"{path}: '{each['label']}' is another predictor than in {where}; label it otherwise")
    return ScoreFiles(documents)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; give a file of 'evaluate --json'") from error
    except ValueError as error:
        raise InputError(f"{path}: is not JSON ({error}); give a file of 'evaluate --json'") from error
    missing = [key for key in _KEYS if key not in document] if isinstance(document, dict) else list(_KEYS)
    if missing:
        raise InputError(f"{path}: has no '{missing[0]}'; give a file that this version's 'evaluate --json' wrote")
    return document
