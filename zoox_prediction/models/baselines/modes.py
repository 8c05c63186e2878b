"""Candidate futures of many agents in one ragged batch, before they become the K columns of a prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

NUM_MODES = 6
NUM_STEPS = 80
TIME_STEP_S = 0.1
STEP_TIMES_S: NDArray[np.float64] = np.arange(1, NUM_STEPS + 1, dtype=np.float64) * TIME_STEP_S  # (T,) since the scene
STEP_TIMES_S.flags.writeable = False

MIN_COURSE_STEP_M = 0.01  # shorter steps say nothing about the direction of motion


class ModeKind(IntEnum):
    """Where a candidate future comes from; calibration has one row for each."""

    STAND = 0  # stays, or comes to a stop
    STRAIGHT = 1  # constant velocity
    TURN = 2  # constant turn rate and acceleration
    LANE_KEEP = 3  # along a lane at the speed that traffic allows
    LANE_SLOW = 4  # along a lane, giving way
    LANE_FAST = 5  # along a lane, setting off or speeding up
    CROSS = 6  # over a crosswalk
    VEER = 7  # a walker that changes direction
    LANE_YIELD = 8  # along a lane, stopping before a crosswalk that somebody is crossing
    STIR = 9  # stays like STAND, but not as still
    LANE_CHANGE = 10  # to the neighbouring lane


@dataclass(frozen=True)
class Modes:
    """R candidate futures, in any order of agents; T = NUM_STEPS steps, the first one TIME_STEP_S after the scene."""

    agent: NDArray[np.int64]  # (R,) row of the agent in the scene
    kind: NDArray[np.int64]  # (R,) ModeKind
    share: NDArray[np.float64]  # (R,) of the probability of its kind, for agents with several modes of one kind
    position: NDArray[np.float64]  # (R, T, 2) [m]
    yaw: NDArray[np.float64]  # (R, T) [rad]
    speed: NDArray[np.float64]  # (R, T) [m/s]

    def __len__(self) -> int:
        return len(self.agent)

    @classmethod
    def of_kind(
        cls,
        kind: ModeKind,
        agent: NDArray[np.int64],
        position: NDArray[np.float64],
        yaw: NDArray[np.float64],
        speed: NDArray[np.float64],
        share: NDArray[np.float64] | None = None,
    ) -> Modes:
        """Modes of one kind; share defaults to 1, right where no agent has two of them."""
        count = len(agent)
        return cls(agent, np.full(count, int(kind)), np.ones(count) if share is None else share, position, yaw, speed)

    @classmethod
    def concatenate(cls, parts: Sequence[Modes]) -> Modes:
        return cls(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(cls)))

    def select(self, rows: NDArray) -> Modes:
        """The modes of `rows`, an index or boolean array."""
        return Modes(*(getattr(self, each.name)[rows] for each in fields(self)))


def course_of(start: NDArray[np.float64], position: NDArray[np.float64], yaw: NDArray[np.float64]) -> NDArray:
    """Direction of motion (R, T) [rad] of `position` (R, T, 2) after `start` (R, 2); `yaw` (R,) until it moves.

    A step shorter than MIN_COURSE_STEP_M keeps the direction of the step before.
    """
    step = np.diff(position, axis=1, prepend=start[:, None, :])
    course = np.arctan2(step[..., 1], step[..., 0])
    index = np.where(np.hypot(step[..., 0], step[..., 1]) >= MIN_COURSE_STEP_M, np.arange(1, position.shape[1] + 1), 0)
    last = np.maximum.accumulate(index, axis=1)
    with_start = np.concatenate([yaw[:, None], course], axis=1)
    held: NDArray = np.take_along_axis(with_start, last, axis=1)
    return held
