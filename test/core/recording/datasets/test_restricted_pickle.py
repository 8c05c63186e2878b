"""Pickles of plain data are read, all others refused before anything in them runs."""

from __future__ import annotations

import datetime
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from zoox_prediction.recording.datasets.restricted_pickle import load_restricted
from zoox_prediction.recording.datasets.source import SourceError


class Malicious:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self.trace}",)


def write(path: Path, content: object, protocol: int = pickle.DEFAULT_PROTOCOL) -> Path:
    path.write_bytes(pickle.dumps(content, protocol))
    return path


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_and_plain_values(tmp_path: Path, protocol: int) -> None:
    content = {
        "array": np.arange(6.0).reshape(2, 3),
        "fortran": np.asfortranarray(np.ones((2, 3), dtype=np.float32)),
        "scalar": np.float32(2.5),
        "text": np.array(["a", "bc"]),
        "set": {1, 2},
        "slice": slice(1, 3),
        "nothing": None,
    }
    loaded = load_restricted(write(tmp_path / "a.pkl", content, protocol))
    np.testing.assert_array_equal(loaded["array"], content["array"])
    np.testing.assert_array_equal(loaded["fortran"], content["fortran"])
    assert (loaded["scalar"], loaded["set"], loaded["slice"]) == (2.5, {1, 2}, slice(1, 3))
    assert loaded["text"].tolist() == ["a", "bc"]


def test_both_names_of_numpys_core_are_known(tmp_path: Path) -> None:
    data = pickle.dumps(np.arange(3), 2)
    for old, new in ((b"numpy._core", b"numpy.core"), (b"numpy.core", b"numpy._core")):
        path = tmp_path / "a.pkl"
        path.write_bytes(data.replace(old, new))
        assert load_restricted(path).tolist() == [0, 1, 2]


def test_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    path = write(tmp_path / "evil.pkl", {"metadata": Malicious(trace)})
    with pytest.raises(SourceError, match=r"evil\.pkl: refused.*(posix|nt|os)\.system"):
        load_restricted(path)
    assert not trace.exists()


@pytest.mark.parametrize("content", [datetime.datetime(2020, 1, 1), Path("/x"), eval, np.save, np.ma.masked_array([1])])
def test_everything_else_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(SourceError, match="refused"):
        load_restricted(write(tmp_path / "a.pkl", content))


def test_truncated_empty_and_missing_files(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pkl", {"x": np.arange(1000)})
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(SourceError, match=r"a\.pkl: is no complete pickle"):
        load_restricted(path)
    path.write_bytes(b"")
    with pytest.raises(SourceError, match="no complete pickle"):
        load_restricted(path)
    with pytest.raises(SourceError, match=r"b\.pkl: cannot be read"):
        load_restricted(tmp_path / "b.pkl")
