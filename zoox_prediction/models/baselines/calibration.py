"""Probabilities and spreads of the heuristics' modes, by group of classes and state of motion, as fitted on recordings.

`calibrate.py` fits them; `config/baseline_calibration.yaml` holds the figures that ship with the package.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import yaml
from numpy.typing import NDArray

from zoox_prediction.config import ConfigError
from zoox_prediction.models.baselines.classes import Group
from zoox_prediction.models.baselines.modes import NUM_STEPS, STEP_TIMES_S, ModeKind
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.resources import resource_path

KNOTS_S = (0.1, 1.0, 3.0, 5.0, 8.0)  # horizons of the fitted spreads; linear between them
T = TypeVar("T", bound=IntEnum)

_DEFAULT_FILE = "config/baseline_calibration.yaml"
_SMALLEST_WEIGHT = 1e-4  # so that a mode that the data never showed still exists


class MotionState(IntEnum):
    """What an agent is doing now, as far as it changes how well its future is known."""

    STANDING = 0  # on no lane, known to be parked, or its lane is not known
    WAITING = 1  # standing on a lane
    MANOEUVRING = 2  # slow or turning
    CRUISING = 3
    FROZEN = 4  # standing, and its track has not moved at all: it is filtered, annotated, or parked for long


_STILL_SHARE = 0.2  # of STIR's prior spread, that of STAND
_FROZEN_M = 0.003  # rms of a track that has not moved
_CALM_M = 0.002  # rms residual of a calm past
_SLOW_MPS = np.array([3.0, 2.0, 0.5, 0.5])  # in the order of Group
_TURNING_RADPS = np.array([0.08, 0.15, 0.4, 0.4])  # in the order of Group


def motion_state(motion: Motion, on_lane: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(N,) MotionState of the agents, of which `on_lane` (N,) are on a lane."""
    standing = np.where(on_lane & ~motion.parked, MotionState.WAITING, MotionState.STANDING)
    standing = np.where(motion.jitter_m < _FROZEN_M, MotionState.FROZEN, standing)
    busy = (motion.speed < _SLOW_MPS[motion.group]) | (np.abs(motion.turn_rate) > _TURNING_RADPS[motion.group])
    moving = np.where(busy, MotionState.MANOEUVRING, MotionState.CRUISING)
    state: NDArray[np.int64] = np.where(motion.standing, standing, moving)
    return state


def relative_jitter(motion: Motion) -> NDArray[np.float64]:
    """(N,) how restless the past of each agent is: the smoother it is, the better its future is known."""
    relative: NDArray[np.float64] = np.clip((motion.jitter_m + _CALM_M) / (2.0 * _CALM_M), 0.5, 100.0)
    return relative


@dataclass(frozen=True)
class Calibration:
    """Figures of one predictor; G groups, S states, M kinds of modes."""

    weight: NDArray[np.float64]  # (G, S, M) probability of the kind before modes are merged, not normalised
    along_m: NDArray[np.float64]  # (G, S, M, len(KNOTS_S)) standard deviation in the direction of the mode
    lateral_m: NDArray[np.float64]  # (G, S, M, len(KNOTS_S)) standard deviation across it
    unrest: NDArray[np.float64]  # (G, S, M, len(KNOTS_S)) power of the agent's relative jitter that scales both

    @cached_property
    def spread(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Along and lateral standard deviations [m], powers of the relative jitter: (G, S, M, T) each."""
        return _at_steps(self.along_m), _at_steps(self.lateral_m), _at_steps(self.unrest)

    def to_mapping(self) -> dict[str, dict[str, dict[str, object]]]:
        """Nested by the names of group, state and the kinds of modes that occur."""
        mapping: dict[str, dict[str, dict[str, object]]] = {}
        for group in Group:
            for state in MotionState:
                cell: dict[str, object] = {}
                for kind in np.flatnonzero(self.weight[group, state] > _SMALLEST_WEIGHT):
                    cell[ModeKind(int(kind)).name.lower()] = {
                        "weight": round(float(self.weight[group, state, kind]), 4),
                        "along_m": _rounded(self.along_m[group, state, kind]),
                        "lateral_m": _rounded(self.lateral_m[group, state, kind]),
                        "unrest": _rounded(self.unrest[group, state, kind]),
                    }
                mapping.setdefault(group.name.lower(), {})[state.name.lower()] = cell
        return mapping

    @classmethod
    def from_mapping(cls, mapping: Mapping) -> Calibration:
        """The inverse of `to_mapping`; what is not named keeps the prior with the smallest weight.

        Raises ConfigError naming the entry that is wrong.
        """
        result = prior_calibration()
        result.weight[:] = _SMALLEST_WEIGHT
        for group, states in _entries(mapping, Group, ""):
            for state, cell in _entries(states, MotionState, f"{group.name.lower()}."):
                at = f"{group.name.lower()}.{state.name.lower()}"
                for kind, entry in _entries(cell, ModeKind, f"{at}."):
                    result._set((group, state, kind), entry, f"{at}.{kind.name.lower()}")
        return result

    def _set(self, at: tuple[int, int, int], entry: object, name: str) -> None:
        if not isinstance(entry, Mapping) or set(entry) != {"weight", "along_m", "lateral_m", "unrest"}:
            raise ConfigError(f"{name}: expected weight, along_m, lateral_m and unrest")
        self.weight[at] = max(float(_numbers(entry["weight"], f"{name}.weight").max()), _SMALLEST_WEIGHT)
        self.along_m[at] = np.maximum(_numbers(entry["along_m"], f"{name}.along_m"), 1e-4)
        self.lateral_m[at] = np.maximum(_numbers(entry["lateral_m"], f"{name}.lateral_m"), 1e-4)
        self.unrest[at] = _numbers(entry["unrest"], f"{name}.unrest")


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 4) for value in values]


def _entries(mapping: object, names: type[T], prefix: str) -> Iterator[tuple[T, Any]]:
    """The entries of `mapping` under the members of `names`; ConfigError for another key."""
    if not isinstance(mapping, Mapping):
        raise ConfigError(f"{prefix or 'calibration'}: expected a mapping")
    known = {member.name.lower(): member for member in names}
    for key, value in mapping.items():
        if key not in known:
            raise ConfigError(f"unknown entry '{prefix}{key}'; known are {', '.join(known)}")
        yield known[key], value


def _numbers(values: object, name: str) -> NDArray[np.float64]:
    """One number or one per knot, all finite and not negative."""
    try:
        numbers = np.broadcast_to(np.asarray(values, dtype=np.float64), len(KNOTS_S))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name}: expected one or {len(KNOTS_S)} numbers, got {values!r}") from error
    if not np.all(np.isfinite(numbers) & (numbers >= 0.0)):
        raise ConfigError(f"{name}: numbers must be finite and >= 0, got {values!r}")
    return numbers


def _at_steps(knots: NDArray[np.float64]) -> NDArray[np.float64]:
    flat = [np.interp(STEP_TIMES_S, KNOTS_S, row) for row in knots.reshape(-1, len(KNOTS_S))]
    return np.reshape(flat, (*knots.shape[:-1], NUM_STEPS))


@lru_cache(maxsize=8)
def load_calibrations(path: str = "") -> Mapping[str, Calibration]:
    """The calibration of every heuristic predictor by name, from `path` or the file that ships with the package.

    Raises ConfigError naming the file and the entry when it cannot be used.
    """
    file = Path(path) if path else resource_path(_DEFAULT_FILE)
    try:
        document = yaml.load(file.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{file}: cannot read the calibration: {error}") from error
    if not isinstance(document, Mapping):
        raise ConfigError(f"{file}: expected a mapping from predictors to their calibration")
    try:
        return {str(name): Calibration.from_mapping(entry) for name, entry in document.items()}
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error


def prior_calibration() -> Calibration:
    """Plausible figures that no data were asked for: the start and the prior of the fit."""
    times = np.asarray(KNOTS_S)
    reach = np.array([1.0, 0.7, 0.3, 0.6])  # growth by group: [m] after 1 s at 1.2 power
    busy = np.array([0.1, 0.3, 1.0, 1.0, 0.1])  # by state
    scale = reach[:, None] * busy[None, :]
    along = 0.05 + scale[:, :, None, None] * times**1.2 * np.ones((len(ModeKind), 1))
    weight = np.ones((len(Group), len(MotionState), len(ModeKind)))
    unrest = np.zeros_like(along)
    still = [MotionState.STANDING, MotionState.WAITING, MotionState.FROZEN]
    along[:, still, ModeKind.STAND] *= _STILL_SHARE
    weight[:, still, ModeKind.STAND], weight[:, still, ModeKind.STIR] = 15.0, 5.0
    return Calibration(weight / weight.sum(axis=2, keepdims=True), along, 0.05 + 0.5 * (along - 0.05), unrest)
