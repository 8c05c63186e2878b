"""Ground truth that sources leave out: velocity, acceleration and turning from positions, heading from motion.

Derivatives are those of a Savitzky-Golay filter (local second-order polynomials, A. Savitzky and M. Golay, "Smoothing
and Differentiation of Data by Simplified Least Squares Procedures", 1964) over windows centred on the instant; with
three samples that is the central difference. Positions themselves are never changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import savgol_filter

from zoox_prediction.geometry import wrap_angle, yaw_from_quaternion
from zoox_prediction.scene import EgoState, TrackedAgents

FloatArray = NDArray[np.float64]

WINDOW_S = 0.9  # long enough to drown the jitter of boxes (some 5 cm), short enough for the onset of braking
MAX_GAP_S = 0.55  # an agent unseen for longer is smoothed as if it were another one
MIN_HEADING_SPEED_MPS = 0.3  # below it, the direction of motion is noise
UNKNOWN_VELOCITY_VARIANCE = 100.0  # [m^2/s^2] of an agent that was seen only once


@dataclass(frozen=True)
class Observations:
    """M sightings of agents in the map frame, one row per agent and instant, in any order."""

    stamp_ns: NDArray[np.int64]  # (M,)
    ids: NDArray[np.int64]  # (M,)
    agent_class: NDArray[np.int64]  # (M,) AgentClass
    position: FloatArray  # (M, 3) centre of the box [m]
    yaw: FloatArray  # (M,) NaN: taken from the motion
    size: FloatArray  # (M, 3) length, width, height [m]
    velocity: FloatArray | None = None  # (M, 2); None: derived from the positions
    attributes: NDArray[np.uint32] | None = None  # (M,)
    attributes_valid: NDArray[np.uint32] | None = None  # (M,)

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def empty(cls) -> Observations:
        whole = np.zeros(0, dtype=np.int64)
        return cls(whole, whole, whole, np.zeros((0, 3)), np.zeros(0), np.zeros((0, 3)))


@dataclass(frozen=True)
class EgoTrajectory:
    """E poses of base_link in the map frame, strictly rising in time."""

    stamp_ns: NDArray[np.int64]  # (E,)
    position: FloatArray  # (E, 3) [m]
    quaternion: FloatArray  # (E, 4) x, y, z, w
    velocity: FloatArray | None = None  # (E, 2) along the map's axes; None: derived

    def states(self) -> tuple[EgoState, ...]:
        """The ego at every pose, velocity and yaw rate smoothed where the source has none."""
        time_s = (self.stamp_ns - self.stamp_ns[0]) * 1e-9
        yaw = yaw_from_quaternion(self.quaternion)
        signal = np.column_stack([self.position[:, :2], np.unwrap(yaw)])
        rate = derivatives(time_s, signal)[0]
        velocity = rate[:, :2] if self.velocity is None else self.velocity
        return tuple(
            EgoState(int(stamp), self.position[i, :2], float(yaw[i]), velocity[i], float(rate[i, 2]), float(z))
            for i, (stamp, z) in enumerate(zip(self.stamp_ns, self.position[:, 2], strict=True))
        )


def derivatives(time_s: FloatArray, values: FloatArray, window_s: float = WINDOW_S) -> tuple[FloatArray, FloatArray]:
    """First and second derivatives (T, D) of `values` (T, D) at strictly rising times (T,) [s].

    The samples are resampled evenly at their median spacing, because recorded clocks jitter by a few milliseconds.
    One sample has derivatives 0.
    """
    if len(time_s) < 2:
        return np.zeros_like(values), np.zeros_like(values)
    step = float(np.median(np.diff(time_s)))
    count = max(len(time_s), round((time_s[-1] - time_s[0]) / step) + 1)
    even = np.linspace(time_s[0], time_s[-1], count)
    step = float(even[1] - even[0])
    resampled = np.column_stack([np.interp(even, time_s, column) for column in values.T])
    window = min(max(3, 2 * int(window_s / (2 * step)) + 1), count - 1 + count % 2)
    if window < 3:
        rate = np.repeat((resampled[1:] - resampled[:-1]) / step, 2, axis=0)
        return rate, np.zeros_like(values)
    first, second = (savgol_filter(resampled, window, 2, deriv=order, delta=step, axis=0) for order in (1, 2))
    return tuple(np.column_stack([np.interp(time_s, even, c) for c in each.T]) for each in (first, second))  # type: ignore[return-value]


def frame_stamps(stamp_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """(F,) the stamps of observations (M,), with those between at which nobody was there when the clock is regular."""
    stamps = np.unique(stamp_ns)
    if len(stamps) < 2:
        return stamps
    spacing = np.diff(stamps)
    step = int(np.gcd.reduce(spacing))
    regular = step > 0.4 * float(np.median(spacing))
    return np.arange(stamps[0], stamps[-1] + 1, step) if regular else stamps


def tracked_agents(observations: Observations, stamps_ns: NDArray[np.int64]) -> tuple[TrackedAgents, ...]:
    """One TrackedAgents per stamp of `stamps_ns` (F,), empty where nothing was seen; the missing states are derived."""
    order = np.lexsort([observations.stamp_ns, observations.ids])
    stamp, ids = observations.stamp_ns[order], observations.ids[order]
    position, yaw = observations.position[order], observations.yaw[order].copy()
    velocity = np.zeros((len(order), 2)) if observations.velocity is None else observations.velocity[order].copy()
    acceleration, yaw_rate = np.zeros((len(order), 2)), np.zeros(len(order))
    age_s, variance = np.zeros(len(order)), np.zeros(len(order))
    for rows in _tracks(ids):  # agents have different lengths, and this runs once per recording
        time_s = (stamp[rows] - stamp[rows][0]) * 1e-9
        age_s[rows] = time_s
        for part in _segments(time_s):
            part_rows = rows[part]
            rate, second = derivatives(time_s[part], position[part_rows, :2])
            acceleration[part_rows] = second
            if observations.velocity is None:
                velocity[part_rows] = rate
                variance[part_rows] = UNKNOWN_VELOCITY_VARIANCE if len(part_rows) == 1 else 0.0
        yaw[rows] = _fill_heading(yaw[rows], velocity[rows])
        for part in _segments(time_s):
            turning = derivatives(time_s[part], np.unwrap(yaw[rows[part]])[:, None])[0]
            yaw_rate[rows[part]] = turning[:, 0]
    states: dict[str, Any] = {
        "position": position,
        "yaw": wrap_angle(yaw),
        "velocity": velocity,
        "acceleration": acceleration,
        "yaw_rate": yaw_rate,
        "age_s": age_s,
        "velocity_covariance": variance[:, None, None] * np.eye(2),
        "size": observations.size[order],
        "agent_class": observations.agent_class[order],
    }
    if observations.attributes is not None and observations.attributes_valid is not None:
        states["attributes"] = observations.attributes[order]
        states["attributes_valid"] = observations.attributes_valid[order]
    by_stamp = np.argsort(stamp, kind="stable")
    bounds = np.searchsorted(stamp[by_stamp], np.stack([stamps_ns, stamps_ns + 1]))
    frames = (by_stamp[first:last] for first, last in bounds.T)
    return tuple(
        TrackedAgents.from_states(int(at), ids[rows], **{name: value[rows] for name, value in states.items()})
        for at, rows in zip(stamps_ns, frames, strict=True)
    )


def _tracks(sorted_ids: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The rows of each id."""
    starts = np.flatnonzero(np.diff(sorted_ids)) + 1
    return [rows for rows in np.split(np.arange(len(sorted_ids)), starts) if len(rows)]


def _segments(time_s: FloatArray) -> list[NDArray[np.int64]]:
    """The rows between long gaps; sources slower than the gap limit are judged by their own spacing."""
    spacing = np.diff(time_s)
    limit = max(MAX_GAP_S, 1.5 * float(np.median(spacing))) if len(spacing) else MAX_GAP_S
    return np.split(np.arange(len(time_s)), np.flatnonzero(spacing > limit) + 1)


def _fill_heading(yaw: FloatArray, velocity: FloatArray) -> FloatArray:
    """(T,) headings of one agent, NaN replaced by the direction of motion, held while it stands."""
    unknown = np.isnan(yaw)
    if not unknown.any():
        return yaw
    moving = np.linalg.norm(velocity, axis=1) > MIN_HEADING_SPEED_MPS
    known = np.flatnonzero(~unknown | moving)
    if not len(known):
        return np.where(unknown, 0.0, yaw)
    heading = np.where(unknown, np.arctan2(velocity[:, 1], velocity[:, 0]), yaw)
    last = np.maximum(np.searchsorted(known, np.arange(len(yaw)), side="right") - 1, 0)
    return np.asarray(heading[known[last]])
