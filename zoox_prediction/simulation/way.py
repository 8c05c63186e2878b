"""The ways that points have come, as long as bodies still go along them: evenly spaced points in rings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

SPACING_M = 0.4
_POINTS = 64  # 25 m: more than the longest vehicle

FloatArray = NDArray[np.float64]


@dataclass
class Ways:
    """N ways. Point k of a way lies at k * SPACING_M along it, in column k modulo the ring's size."""

    points: FloatArray  # (N, _POINTS, 2) [m]
    newest: NDArray[np.int64]  # (N,) number of the last point
    end: FloatArray  # (N, 2) where the way has come to, less than SPACING_M beyond the last point

    @classmethod
    def empty(cls) -> Ways:
        return cls(np.zeros((0, _POINTS, 2)), np.zeros(0, dtype=np.int64), np.zeros((0, 2)))

    @classmethod
    def straight(cls, end: ArrayLike, yaw: ArrayLike) -> Ways:
        """Ways that come straight to `end` (n, 2) at the headings (n,)."""
        end, yaw = np.asarray(end, dtype=np.float64), np.asarray(yaw, dtype=np.float64)
        back_m = SPACING_M * np.arange(_POINTS - 1, -1, -1)
        ahead = np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)
        points = end[:, None] - back_m[:, None] * ahead[:, None]
        return cls(points, np.full(len(end), _POINTS - 1), end.copy())

    @property
    def length_m(self) -> FloatArray:
        """(N,) along the ways to their ends."""
        last = self.points[np.arange(len(self.end)), self.newest % _POINTS]
        return SPACING_M * self.newest + np.linalg.norm(self.end - last, axis=-1)

    def joined(self, other: Ways) -> Ways:
        return Ways(
            np.concatenate([self.points, other.points]),
            np.concatenate([self.newest, other.newest]),
            np.concatenate([self.end, other.end]),
        )

    def select(self, rows: NDArray) -> Ways:
        return Ways(self.points[rows], self.newest[rows], self.end[rows])

    def restart(self, rows: NDArray[np.int64], end: FloatArray, yaw: FloatArray) -> None:
        """New ways in these rows, straight to `end` (n, 2)."""
        fresh = Ways.straight(end, yaw)
        self.points[rows], self.newest[rows], self.end[rows] = fresh.points, fresh.newest, fresh.end

    def extend(self, rows: NDArray[np.int64], end: FloatArray) -> None:
        """The ways of these rows go straight on to `end` (n, 2)."""
        self.end[rows] = end
        last = self.points[rows, self.newest[rows] % _POINTS]
        rest = end - last
        distance = np.linalg.norm(rest, axis=-1)
        step = SPACING_M * rest / np.maximum(distance, 1e-9)[:, None]
        steps = np.floor(distance / SPACING_M).astype(np.int64)
        for number in range(1, int(steps.max(initial=0)) + 1):  # a few, whatever the number of vehicles
            some = np.flatnonzero(steps >= number)
            at = rows[some]
            self.newest[at] += 1
            self.points[at, self.newest[at] % _POINTS] = last[some] + number * step[some]

    def at(self, rows: NDArray[np.int64], place_m: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Points (n, 2) at places (n,) along the ways of these rows, and unit tangents (n, 2).

        Beyond the last point ways go on straight; places before what the ring still holds are its oldest one.
        """
        newest = self.newest[rows]
        place = np.maximum(place_m / SPACING_M, newest - (_POINTS - 3.0))
        first = np.clip(np.floor(place).astype(np.int64), newest - _POINTS + 2, newest - 1)
        before, here, after, beyond = (
            self.points[rows, np.clip(first + shift, newest - _POINTS + 1, newest) % _POINTS] for shift in (-1, 0, 1, 2)
        )
        share = (place - first)[:, None]
        point = here + share * (after - here)
        # The direction turns evenly from the middle of one piece to the middle of the next.
        middle = np.clip(share, 0.0, 1.0)
        tangent = (1.0 - middle) * (after - before) + middle * (beyond - here)
        straight = after - here
        tangent = np.where((tangent**2).sum(axis=-1, keepdims=True) > 1e-6, tangent, straight)
        return point, tangent / np.maximum(np.linalg.norm(tangent, axis=-1, keepdims=True), 1e-9)
