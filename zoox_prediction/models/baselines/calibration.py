"""Probabilities and spreads of the heuristics' modes, by group of classes and state of motion, as fitted on recordings.

`calibrate.py` fits them; `config/baseline_calibration.yaml` holds the figures that ship with the package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from zoox_prediction.config import ConfigError
from zoox_prediction.models.baselines.classes import Group
from zoox_prediction.models.baselines.modes import NUM_STEPS, STEP_TIMES_S, ModeKind
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.resources import resource_path

KNOTS_S = (0.1, 1.0, 3.0, 5.0, 8.0)  # horizons of the fitted spreads; linear between them
_DEFAULT_FILE = "config/baseline_calibration.yaml"
_FALLBACK_FLOOR = 1e-4  # of a weight, so that a mode that the data never showed still exists


class MotionState(IntEnum):
    """What an agent is doing now, as far as it changes how well its future is known."""

    STANDING = 0  # on no lane, known to be parked, or its lane is not known
    WAITING = 1  # standing on a lane
    MANOEUVRING = 2  # slow or turning
    CRUISING = 3


_SLOW_MPS = np.array([3.0, 2.0, 0.5, 0.5])  # in the order of Group
_TURNING_RADPS = np.array([0.08, 0.15, 0.4, 0.4])  # in the order of Group


def motion_state(motion: Motion, on_lane: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(N,) MotionState of the agents, of which `on_lane` (N,) are on a lane."""
    standing = np.where(on_lane & ~motion.parked, MotionState.WAITING, MotionState.STANDING)
    busy = (motion.speed < _SLOW_MPS[motion.group]) | (np.abs(motion.turn_rate) > _TURNING_RADPS[motion.group])
    moving = np.where(busy, MotionState.MANOEUVRING, MotionState.CRUISING)
    state: NDArray[np.int64] = np.where(motion.standing, standing, moving)
    return state


@dataclass(frozen=True)
class Calibration:
    """Figures of one predictor; G groups, S states, M kinds of modes."""

    weight: NDArray[np.float64]  # (G, S, M) probability of the kind before modes are merged, not normalised
    along_m: NDArray[np.float64]  # (G, S, M, len(KNOTS_S)) standard deviation in the direction of the mode
    lateral_m: NDArray[np.float64]  # (G, S, M, len(KNOTS_S)) standard deviation across it

    def spread(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Along and lateral standard deviations at every step, (G, S, M, T) each [m]."""
        return _at_steps(self.along_m), _at_steps(self.lateral_m)

    def to_mapping(self) -> dict[str, dict[str, dict[str, dict[str, object]]]]:
        """Nested by the names of group, state and kind; the inverse of `from_mapping` to three digits."""
        return {
            group.name.lower(): {
                state.name.lower(): {
                    kind.name.lower(): {
                        "weight": round(float(self.weight[group, state, kind]), 4),
                        "along_m": [round(float(value), 3) for value in self.along_m[group, state, kind]],
                        "lateral_m": [round(float(value), 3) for value in self.lateral_m[group, state, kind]],
                    }
                    for kind in ModeKind
                }
                for state in MotionState
            }
            for group in Group
        }

    @classmethod
    def from_mapping(cls, mapping: Mapping) -> Calibration:
        """Raises ConfigError naming the entry that is missing or wrong."""
        shape = (len(Group), len(MotionState), len(ModeKind))
        weight, along, lateral = np.zeros(shape), np.zeros((*shape, len(KNOTS_S))), np.zeros((*shape, len(KNOTS_S)))
        for group in Group:
            for state in MotionState:
                for kind in ModeKind:
                    at = (group, state, kind)
                    name = ".".join(each.name.lower() for each in at)
                    try:
                        entry = mapping[group.name.lower()][state.name.lower()][kind.name.lower()]
                        weight[at], along[at], lateral[at] = entry["weight"], entry["along_m"], entry["lateral_m"]
                    except (KeyError, TypeError, ValueError) as error:
                        raise ConfigError(
                            f"{name}: expected weight, along_m and lateral_m ({len(KNOTS_S)} numbers each): {error}"
                        ) from error
                    if not (weight[at] >= 0 and np.all(along[at] > 0) and np.all(lateral[at] > 0)):
                        raise ConfigError(f"{name}: weight must be >= 0, along_m and lateral_m positive")
        return cls(np.maximum(weight, _FALLBACK_FLOOR), along, lateral)


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
    busy = np.array([0.1, 0.3, 1.0, 1.0])  # by state
    scale = reach[:, None] * busy[None, :]
    along = 0.1 + scale[:, :, None, None] * times**1.2 * np.ones((len(ModeKind), 1))
    weight = np.ones((len(Group), len(MotionState), len(ModeKind)))
    weight[:, [MotionState.STANDING, MotionState.WAITING], ModeKind.STAND] = 20.0
    return Calibration(weight / weight.sum(axis=2, keepdims=True), along, 0.1 + 0.5 * (along - 0.1))
