"""Observations of what follows an attribute, and of what follows without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.simulation.realism.courses import STEP_S, Courses

Rows = NDArray[np.int64]

EVERY_S = 3.0  # between observations without the attribute


@dataclass(frozen=True)
class Observations:
    """What followed, once for each observation: a flag, or a number."""

    with_it: NDArray
    without: NDArray

    @classmethod
    def split(cls, outcome: NDArray, has_it: NDArray[np.bool_]) -> Observations:
        return cls(outcome[has_it], outcome[~has_it])


Effects = dict[tuple[str, str], Observations]  # by attribute and what follows


def compared(
    courses: Courses,
    on: NDArray[np.bool_],
    state: NDArray[np.bool_],
    follows: Callable[[Courses, Rows, Rows, int], NDArray],
    horizon_s: float,
) -> Observations:
    """What follows when it comes on, and every 3 s while it is off, of agents in this state (N, T) all at once."""
    ahead = round(horizon_s / STEP_S)
    seen = np.zeros(state.shape, dtype=bool)
    if ahead < courses.num_steps:
        seen[:, :-ahead] = state[:, :-ahead] & courses.valid[:, ahead:]
    onset = seen & on
    onset[:, 1:] &= ~on[:, :-1] & courses.valid[:, :-1]
    onset[:, 0] = False
    off = seen & ~on
    every = round(EVERY_S / STEP_S)
    off &= (np.arange(courses.num_steps) + 7 * np.arange(len(courses))[:, None]) % every == 0  # not all at one time
    return Observations(*(follows(courses, *_rows_and_steps(which), ahead) for which in (onset, off)))


def _rows_and_steps(which: NDArray[np.bool_]) -> tuple[Rows, Rows]:
    rows, steps = np.nonzero(which)
    return rows, steps


def window(values: NDArray, rows: Rows, steps: Rows, ahead: int) -> NDArray:
    """(M, ahead, ...) of the instants after each step."""
    return values[rows[:, None], steps[:, None] + np.arange(1, ahead + 1)]


def ever(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N,) where it is so at any instant."""
    found: NDArray[np.bool_] = np.any(flags, axis=1)
    return found
