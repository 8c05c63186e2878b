"""Keeps what was read from a road map in a file beside it, so that the next start need not read the map again."""

from __future__ import annotations

import hashlib
import json
import logging
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import zoox_prediction
from zoox_prediction.maps.readers import read_road_network
from zoox_prediction.maps.road_network import Lanes, Ragged, RoadNetwork

_logger = logging.getLogger(__name__)

_BESIDE = ("map_projector_info.yaml",)  # files beside a map that change how it is read
_KEY = "key"
_TEXTS = "texts"


@dataclass(frozen=True)
class CachedRead:
    """A road network and how it was come by."""

    network: RoadNetwork
    from_cache: bool
    note: str  # one sentence


def cached_road_network(path: Path | str, origin: tuple[float, float] | None = None) -> RoadNetwork:
    """`read_road_network`, or what it gave for the same content, origin and version of the readers; see `read_cached`.

    Raises MapError as `read_road_network` does.
    """
    return read_cached(path, origin).network


def read_cached(path: Path | str, origin: tuple[float, float] | None = None) -> CachedRead:
    """The road network of a map file, from the cache beside it where that belongs to it, else read and written there.

    A cache that is broken or belongs to something else is replaced; a folder that cannot be written is no error.
    Raises MapError as `read_road_network` does.
    """
    path = Path(path)
    key = _key(path, origin)
    if key is None:  # no such file: the reader says so
        return CachedRead(read_road_network(path, origin), False, f"{path}: read without a cache.")
    cache = cache_path(path)
    try:
        network = _load(cache, key)
    except FileNotFoundError:
        why = "there was no cache"
    except _ForeignError:
        why = "its cache is of another content, origin or version"
    except Exception as error:  # whatever a damaged file makes numpy or zipfile stumble over
        why = f"its cache is damaged ({type(error).__name__})"
    else:
        return _noted(CachedRead(network, True, f"{path}: taken from {cache.name}."))
    network = read_road_network(path, origin)
    try:
        _save(cache, key, network)
    except OSError as error:
        return _noted(CachedRead(network, False, f"{path}: read, as {why}; none was kept ({error.strerror or error})."))
    return _noted(CachedRead(network, False, f"{path}: read, as {why}; kept in {cache.name}."))


def cache_path(path: Path) -> Path:
    """The hidden file beside a map that holds its cache."""
    return path.with_name(f".{path.name}.road_network.npz")


def _noted(read: CachedRead) -> CachedRead:
    _logger.debug(read.note)
    return read


class _ForeignError(Exception):
    """The cache is whole and belongs to something else."""


def _key(path: Path, origin: tuple[float, float] | None) -> str | None:
    """What a cache must have been made of: a digest of the map's bytes and of what else decides how it is read."""
    digest = hashlib.blake2b(digest_size=32)
    for file in (path, *(path.with_name(name) for name in _BESIDE)):
        try:
            content = file.read_bytes()
        except OSError:
            if file == path:
                return None
            content = b""
        digest.update(len(content).to_bytes(8, "big") + content)
    place = None if origin is None else [float(value) for value in origin]
    return json.dumps([path.name, digest.hexdigest(), place, _readers_version()])


@lru_cache(maxsize=1)
def _readers_version() -> str:
    """Of the package and of the code of this folder, so that a cache never outlives a change of a reader."""
    digest = hashlib.blake2b(digest_size=16)
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return f"{zoox_prediction.__version__}-{digest.hexdigest()}"


def _save(cache: Path, key: str, network: RoadNetwork) -> None:
    """Written whole or not at all: a reader at the same time sees the old file or the new one."""
    arrays, texts = _to_arrays(network)
    partial = cache.with_name(f"{cache.name}.{uuid.uuid4().hex}.partial")
    try:
        with partial.open("xb") as file:
            np.savez(file, **{_KEY: np.array(key), _TEXTS: np.array(json.dumps(texts)), **arrays})  # type: ignore[arg-type]
        partial.replace(cache)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _load(cache: Path, key: str) -> RoadNetwork:
    with cache.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError("no archive")
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            if str(archive[_KEY]) != key:
                raise _ForeignError
            return _from_arrays({name: archive[name] for name in archive.files}, json.loads(str(archive[_TEXTS])))


def _to_arrays(network: RoadNetwork) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """All fields of the network and its lanes: arrays by name, and the rest."""
    arrays: dict[str, NDArray] = {}
    texts: dict[str, Any] = {}
    for owner, prefix in ((network, ""), (network.lanes, "lanes.")):
        for each in fields(owner):
            value = getattr(owner, each.name)
            if isinstance(value, Ragged):
                arrays[f"{prefix}{each.name}.values"] = value.values
                arrays[f"{prefix}{each.name}.offsets"] = value.offsets
            elif isinstance(value, np.ndarray):
                arrays[f"{prefix}{each.name}"] = value
            elif not isinstance(value, Lanes):
                texts[f"{prefix}{each.name}"] = value
    return arrays, texts


def _from_arrays(arrays: Mapping[str, NDArray], texts: Mapping[str, Any]) -> RoadNetwork:
    for array in arrays.values():
        array.flags.writeable = False

    def value_of(name: str) -> Any:
        if name in texts:
            return tuple(texts[name]) if isinstance(texts[name], list) else texts[name]
        return arrays[name] if name in arrays else Ragged(arrays[f"{name}.values"], arrays[f"{name}.offsets"])

    lanes = Lanes(**{each.name: value_of(f"lanes.{each.name}") for each in fields(Lanes)})
    return RoadNetwork(
        lanes=lanes, **{each.name: value_of(each.name) for each in fields(RoadNetwork) if each.name != "lanes"}
    )
