"""The table of the raster's channels, and how a channel's values become pixels and values again.

A pixel of 0 says that nothing is drawn there. For the rest see `Kind`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoox_prediction.config import ConfigError, from_mapping, read_yaml_mapping
from zoox_prediction.resources import resource_path

CHANNELS_FILE = "config/raster_channels.yaml"

_STEPS = 254  # between the pixels 1 and 255 of a value
_FLAG_OFF, _FLAG_ON = 128, 255


class Kind(str, Enum):
    """What the pixels of a channel say."""

    MASK = "mask"  # 255 where the thing is, the share of the pixel that it covers at its rim
    VALUE = "value"  # 1 at `low` to 255 at `high`
    FLAG = "flag"  # 128 observed off, 255 observed on


class Draw(str, Enum):
    """What of the scene a channel draws."""

    AREA = "area"  # a filled polygon of the map
    LANE = "lane"  # a lane, filled between its boundaries
    LINE = "line"  # a polyline
    DISC = "disc"  # a disc around a point
    BOX = "box"  # the box of an agent or of the ego


@dataclass(frozen=True)
class Channel:
    """One channel of the raster, as the table has it."""

    name: str = ""
    group: str = ""
    kind: str = ""  # a Kind
    draw: str = ""  # a Draw
    description: str = ""
    unit: str = ""  # of a value
    low: float = 0.0  # of a value: less is drawn as this
    high: float = 1.0  # of a value: more is drawn as this

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"name must be a word of letters, digits and _, got '{self.name}'")
        for key in ("group", "description"):
            if not getattr(self, key):
                raise ValueError(f"{key} of '{self.name}' is missing")
        for key, allowed in (("kind", Kind), ("draw", Draw)):
            if getattr(self, key) not in list(allowed):
                known = ", ".join(each.value for each in allowed)
                raise ValueError(f"{key} of '{self.name}' must be one of {known}, got '{getattr(self, key)}'")
        if not (np.isfinite([self.low, self.high]).all() and self.low < self.high):
            raise ValueError(f"low of '{self.name}' must be below its high, got {self.low:g} and {self.high:g}")
        if self.kind == Kind.VALUE and not self.unit:
            raise ValueError(f"'{self.name}' is a value and needs a unit; give \"1\" for a ratio")

    @property
    def step(self) -> float:
        """The quantisation step of a value, in its unit."""
        return (self.high - self.low) / _STEPS

    def encode(self, values: ArrayLike) -> NDArray[np.uint8]:
        """Pixels (...) of values (...): covered shares of a mask, true or false of a flag; NaN becomes 0, nothing."""
        given = np.asarray(values, dtype=np.float64)
        known = ~np.isnan(given)
        numbers = np.where(known, given, self.low)
        if self.kind == Kind.MASK:
            pixels = np.round(np.clip(numbers, 0.0, 1.0) * 255.0)
        elif self.kind == Kind.VALUE:
            pixels = 1.0 + np.round(
                (np.clip(numbers, self.low, self.high) - self.low) / (self.high - self.low) * _STEPS
            )
        else:
            pixels = np.where(numbers != 0.0, _FLAG_ON, _FLAG_OFF)
        encoded: NDArray[np.uint8] = np.where(known, pixels, 0).astype(np.uint8)
        return encoded

    def decode(self, pixels: ArrayLike) -> NDArray[np.float64]:
        """Values (...) of pixels (...), 1 and 0 of a flag; NaN where nothing is drawn."""
        given = np.asarray(pixels, dtype=np.float64)
        if self.kind == Kind.MASK:
            values = given / 255.0
        elif self.kind == Kind.VALUE:
            values = self.low + (given - 1.0) / _STEPS * (self.high - self.low)
        else:
            values = np.where(given > (_FLAG_OFF + _FLAG_ON) / 2.0, 1.0, 0.0)
        decoded: NDArray[np.float64] = np.where(given == 0.0, np.nan, values)
        return decoded


@dataclass(frozen=True)
class ChannelTable:
    """The channels in the order of the raster's first axis."""

    channels: tuple[Channel, ...]

    def __post_init__(self) -> None:
        if not self.channels:
            raise ValueError("channels must not be empty")
        for row, channel in enumerate(self.channels):
            if self.index(channel.name) != row:
                raise ValueError(f"channels has two that are named '{channel.name}'; rename one")
        groups = [channel.group for channel in self.channels]
        runs = [group for row, group in enumerate(groups) if row == 0 or groups[row - 1] != group]
        if len(runs) != len(set(runs)):
            raise ValueError("channels of one group must follow each other")

    def __len__(self) -> int:
        return len(self.channels)

    def __getitem__(self, name: str) -> Channel:
        """The channel of that name; raises KeyError when there is none."""
        return self.channels[self.index(name)]

    def index(self, name: str) -> int:
        """The channel's place on the raster's first axis; raises KeyError when there is none of that name."""
        return self._rows[name]

    @cached_property
    def _rows(self) -> dict[str, int]:
        rows: dict[str, int] = {}
        for row, channel in enumerate(self.channels):
            rows.setdefault(channel.name, row)
        return rows

    @cached_property
    def groups(self) -> dict[str, tuple[Channel, ...]]:
        """The channels of each group, both in the order of the table."""
        names = dict.fromkeys(channel.group for channel in self.channels)
        return {name: tuple(channel for channel in self.channels if channel.group == name) for name in names}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that decides what a pixel means; a model that was trained on another must refuse."""
        meaning = [(each.name, each.kind, each.draw, each.unit, each.low, each.high) for each in self.channels]
        return hashlib.sha256(repr(meaning).encode()).hexdigest()

    def encode(self, name: str, values: ArrayLike) -> NDArray[np.uint8]:
        """Pixels (...) of values (...) of a channel, see `Channel.encode`."""
        return self[name].encode(values)

    def decode(self, name: str, pixels: ArrayLike) -> NDArray[np.float64]:
        """Values (...) of pixels (...) of a channel, see `Channel.decode`."""
        return self[name].decode(pixels)


def load_channel_table(path: Path | str | None = None) -> ChannelTable:
    """The table of the YAML file at `path`, or the package's own.

    Raises ConfigError that names the file and the key when it cannot be read, or has an unknown or ill-typed key.
    """
    return _own_table() if path is None else _read_table(Path(path))


@lru_cache(maxsize=1)
def _own_table() -> ChannelTable:
    return _read_table(resource_path(CHANNELS_FILE))


def _read_table(path: Path) -> ChannelTable:
    document = read_yaml_mapping(path, "a table of raster channels")
    if "channels" not in document:
        raise ConfigError(f"{path}: expected a list 'channels:'")
    try:
        return from_mapping(ChannelTable, document)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
