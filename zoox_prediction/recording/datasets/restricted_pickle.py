"""Pickles of data sets, without what a pickle could run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zoox_prediction import restricted_pickle
from zoox_prediction.errors import InputError
from zoox_prediction.recording.datasets.source import SourceError


def load_restricted(path: Path) -> Any:
    """`zoox_prediction.restricted_pickle.load_restricted`; raises SourceError for what that refuses."""
    try:
        return restricted_pickle.load_restricted(path)
    except InputError as error:
        raise SourceError(str(error)) from error
