"""Recorded tracks as labels: smoothed with the whole recording at hand, and cut where another agent has taken over.

The smoother is the cubic smoothing spline that minimises sum |y - f|^2 / sigma^2 + integral |f''|^2 / q. That is the
most probable course of a point whose acceleration is white noise of density q, measured with the deviation sigma: what
a Rauch-Tung-Striebel smoother of the constant-velocity model gives (H. Weinert, R. Byrd, G. Sidhu, "A stochastic
framework for recursive computation of spline functions", 1980), at samples of any spacing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import make_smoothing_spline
from scipy.ndimage import maximum_filter1d

from zoox_prediction.config import check_not_negative, check_positive
from zoox_prediction.geometry import wrap_angle
from zoox_prediction.models.baselines.classes import Group, Limits, LimitsConfig, group_of
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.recording.tracks import MAX_GAP_S, Future, TrackTable
from zoox_prediction.scene import TrackedAgents

# Datasets whose frames were interpolated between rarer labels: differences of neighbouring frames tell nothing about
# their noise. nuScenes is labelled at 2 Hz; 7 cm there are 15 cm at each of the 10 Hz in between.
_INTERPOLATED_NOISE_M = {"scenarionet-nuscenes": 0.15}
_EXACT_DATASETS = ("simulation",)  # the truth itself
_JITTER_S = 1e-3  # of stamps
_MIN_SPLINE_ROWS = 5  # fewer do not make a spline
_FLIP_RAD = 0.5 * np.pi  # a heading that turns by more between frames was labelled the wrong way round
_FOURTH_DIFFERENCE = np.sqrt(70.0)  # deviation of the fourth difference of independent noise: 1, -4, 6, -4, 1
_NORMAL_MEDIAN = 0.6745  # median of |x| of a standard normal x


@dataclass(frozen=True)
class CleaningConfig:
    """What is taken for noise and what for another agent; four numbers are in the order of Group."""

    min_noise_m: float = 0.005  # recordings with less are not smoothed
    max_noise_m: float = 0.3
    acceleration_density: tuple[float, ...] = (2.0, 1.0, 0.6, 1.0)  # q of positions [m^2/s^3]
    turning_density: tuple[float, ...] = (0.2, 0.5, 2.0, 1.0)  # q of headings [rad^2/s^3]
    window_s: float = 0.5  # before and after a step, of which the motion is compared
    jump_m: tuple[float, ...] = (1.5, 1.2, 0.8, 1.0)  # to the side of a plausible motion, or along it
    speed_jump_mps: float = 1.0  # beyond what the class's acceleration explains
    limits: LimitsConfig = field(default_factory=LimitsConfig)

    def __post_init__(self) -> None:
        check_positive(self, "max_noise_m", "window_s", "speed_jump_mps")
        check_not_negative(self, "min_noise_m")
        for name in ("acceleration_density", "turning_density", "jump_m"):
            if len(getattr(self, name)) != len(Group) or not all(value > 0.0 for value in getattr(self, name)):
                raise ValueError(f"{name} must be {len(Group)} positive numbers, got {getattr(self, name)}")


@dataclass(frozen=True)
class _Rows:
    """All sightings of a recording, one row each, by agent and then by time."""

    frame: NDArray[np.int64]  # (R,)
    row: NDArray[np.int64]  # (R,) within the frame
    ids: NDArray[np.int64]  # (R,)
    time_s: NDArray[np.float64]  # (R,) from the first frame on
    states: NDArray[np.float64]  # (R, 5) x, y, yaw, vx, vy
    size: NDArray[np.float64]  # (R, 2)
    agent_class: NDArray[np.int64]  # (R,)

    @classmethod
    def of(cls, frames: Sequence[TrackedAgents]) -> _Rows:
        counts = [len(each) for each in frames]
        frame = np.repeat(np.arange(len(frames)), counts)
        row = np.concatenate([np.arange(count) for count in counts]) if counts else np.zeros(0, dtype=np.int64)
        states = np.concatenate(
            [np.column_stack([each.position[:, :2], each.yaw, each.velocity]) for each in frames] or [np.zeros((0, 5))]
        )
        ids, agent_class = (
            np.concatenate([getattr(each, name) for each in frames] or [np.zeros(0, dtype=np.int64)])
            for name in ("ids", "agent_class")
        )
        size = np.concatenate([each.size[:, :2] for each in frames] or [np.zeros((0, 2))])
        stamps = np.array([each.stamp_ns for each in frames], dtype=np.int64)
        time_s = (stamps - stamps[0])[frame] * 1e-9 if len(frames) else np.zeros(0)
        finite = np.flatnonzero(np.isfinite(states).all(axis=1))
        order = finite[np.lexsort((frame[finite], ids[finite]))]
        first = np.ones(len(order), dtype=bool)  # of several rows of one agent in one frame the first counts
        first[1:] = (np.diff(ids[order]) != 0) | (np.diff(frame[order]) != 0)
        order = order[first]
        return cls(frame[order], row[order], ids[order], time_s[order], states[order], size[order], agent_class[order])


class CleanTracks:
    """Where the agents of a recording really were. A *piece* is a track of one id as long as it is of one agent."""

    def __init__(self, log: RecordedLog, config: CleaningConfig | None = None) -> None:
        config = config or CleaningConfig()
        rows = _Rows.of(log.agents)
        self._piece = _pieces(rows, config)
        states = rows.states
        if log.dataset not in _EXACT_DATASETS:
            states = _smoothed(rows, self._piece, config, _INTERPOLATED_NOISE_M.get(log.dataset, 0.0))
        self.num_jumps = int(self._piece[-1] + 1 - len(np.unique(rows.ids))) if len(rows.ids) else 0
        self._size = _median_sizes(rows.size, self._piece)
        self._frames = _frames_of_pieces(log.agents, rows, self._piece, states)
        self._table = TrackTable(self._frames)
        self._piece_of = {
            (int(frame), int(agent)): int(piece)
            for frame, agent, piece in zip(rows.frame, rows.ids, self._piece, strict=True)
        }
        self._frame_at = {frame.stamp_ns: index for index, frame in enumerate(self._frames)}

    def pieces(self, ids: ArrayLike, stamp_ns: int) -> NDArray[np.int64]:
        """(N,) the pieces of the agents `ids` (N,) in the frame of that stamp, -1 where they are not in it."""
        frame = self._frame_at.get(stamp_ns, -1)
        return np.array([self._piece_of.get((frame, int(agent)), -1) for agent in np.asarray(ids)], dtype=np.int64)

    def at(self, pieces: ArrayLike, times_ns: ArrayLike) -> Future:
        """The agents of `pieces` (N,) at the times (T,) [ns]; not valid where they were not seen around."""
        return self._table.at(pieces, times_ns)

    def size(self, pieces: NDArray[np.int64]) -> NDArray[np.float64]:
        """(N, 2) length and width [m] over a whole piece, its median; 0 for piece -1."""
        return np.where(pieces[:, None] >= 0, self._size[np.maximum(pieces, 0)], 0.0)


def measured_noise(time_s: NDArray[np.float64], values: NDArray[np.float64], track: NDArray[np.int64]) -> float:
    """Deviation of what is independent from sample to sample in tracks: of values (R, D), by track and time.

    Fourth differences of five samples of even spacing hold hardly anything of the motion; their median is robust.
    """
    if len(values) < _MIN_SPLINE_ROWS:
        return 0.0
    step = np.diff(time_s)
    of_one = np.asarray(track[4:] == track[:-4])
    spacings = np.lib.stride_tricks.sliding_window_view(step, 4)
    even = of_one & (np.ptp(spacings, axis=1) < 0.2 * np.abs(spacings).max(axis=1)) & (spacings.max(axis=1) < MAX_GAP_S)
    differences = np.diff(values, n=4, axis=0)[even]
    if not len(differences):
        return 0.0
    return float(np.median(np.abs(differences)) / _NORMAL_MEDIAN / _FOURTH_DIFFERENCE)


def _pieces(rows: _Rows, config: CleaningConfig) -> NDArray[np.int64]:
    """(R,) number of the piece of each row: a new one for each id, and after each implausible step."""
    if not len(rows.ids):
        return np.zeros(0, dtype=np.int64)
    same = np.diff(rows.ids) == 0
    group = group_of(rows.agent_class[:-1])
    limits = Limits.of(rows.agent_class[:-1], config.limits)
    fastest = np.maximum(limits.acceleration_mps2, limits.deceleration_mps2)
    sides = _Sides.of(rows, config.window_s)
    jump_m = np.asarray(config.jump_m)[group]
    step_m = np.linalg.norm(np.diff(rows.states[:, :2], axis=0), axis=1)
    astray = sides.astray_m / (jump_m + 0.25 * fastest * sides.between_s**2)
    too_far = step_m / (jump_m + limits.speed_mps * np.where(same, np.diff(rows.time_s), 0.0))
    faster_mps = config.speed_jump_mps + fastest * sides.apart_s + jump_m / sides.shorter_s
    excess = np.where(same, np.maximum(np.maximum(astray, too_far), sides.faster_mps / faster_mps), 0.0)
    # A jump also spoils the windows of the steps beside it: only the worst of neighbouring steps is one.
    jump = (excess > 1.0) & (excess >= maximum_filter1d(excess, 2 * sides.num_rows + 1))
    return np.concatenate([[0], np.cumsum(~same | jump)])


@dataclass(frozen=True)
class _Sides:
    """How the rows before each of R - 1 steps go on in those after it; steps from one id to the next mean nothing."""

    num_rows: int  # of a window
    astray_m: NDArray[np.float64]  # between the means of both windows, beyond what their velocities explain
    between_s: NDArray[np.float64]  # from mean to mean
    faster_mps: NDArray[np.float64]  # difference of the velocities
    apart_s: NDArray[np.float64]  # from the middle of one window to that of the other
    shorter_s: NDArray[np.float64]  # length of the shorter window, at least the usual step

    @classmethod
    def of(cls, rows: _Rows, window_s: float) -> _Sides:
        same = np.diff(rows.ids) == 0
        step_s = np.diff(rows.time_s)
        usual_s = float(np.median(step_s[same])) if same.any() else window_s
        count = int(np.clip(round(window_s / max(usual_s, 1e-3)), 1, 5))
        begins = np.concatenate([[True], ~same | (step_s > MAX_GAP_S + _JITTER_S)])
        starts = np.flatnonzero(begins)
        run = np.cumsum(begins) - 1
        last_of_run = np.append(starts[1:], len(begins)) - 1
        before, after = np.arange(len(begins) - 1), np.arange(1, len(begins))
        first, last = np.maximum(before - count, starts[run[:-1]]), np.minimum(after + count, last_of_run[run[1:]])
        velocity_before, velocity_after = _pace(rows, first, before), _pace(rows, after, last)
        near_first, near_last = np.maximum(before - 2, first), np.minimum(after + 2, last)
        values = np.column_stack([rows.time_s, rows.states[:, :2]])
        change = _means(values, after, near_last) - _means(values, near_first, before)
        expected = 0.5 * (velocity_before + velocity_after) * change[:, :1]
        times = rows.time_s[np.stack([first, before, after, last])]
        return cls(
            num_rows=count,
            astray_m=np.linalg.norm(change[:, 1:] - expected, axis=1),
            between_s=change[:, 0],
            faster_mps=np.linalg.norm(velocity_after - velocity_before, axis=1),
            apart_s=np.maximum(0.5 * (times[2] + times[3] - times[0] - times[1]), 0.0),
            shorter_s=np.maximum(np.minimum(times[1] - times[0], times[3] - times[2]), max(usual_s, _JITTER_S)),
        )


def _pace(rows: _Rows, first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.float64]:
    """(S, 2) mean velocity from row to row; the recorded one where they are the same."""
    elapsed_s = rows.time_s[last] - rows.time_s[first]
    moved = rows.states[last, :2] - rows.states[first, :2]
    one = (first == last)[:, None]
    return np.where(one, rows.states[first, 3:], moved / np.where(first == last, 1.0, elapsed_s)[:, None])


def _means(values: NDArray[np.float64], first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.float64]:
    """(S, D) means of the rows first to last, at most three."""
    middle = (first + last) // 2
    weight = (first < middle).astype(np.float64) + (middle < last)
    total = values[first] * (first < middle)[:, None] + values[middle] + values[last] * (middle < last)[:, None]
    return total / (1.0 + weight)[:, None]


def _smoothed(
    rows: _Rows, piece: NDArray[np.int64], config: CleaningConfig, known_noise_m: float
) -> NDArray[np.float64]:
    """(R, 5) states whose noise is smoothed out; as they are where there is next to none."""
    states = rows.states.copy()
    gap = np.flatnonzero((np.diff(piece) != 0) | (np.diff(rows.time_s) > MAX_GAP_S + _JITTER_S)) + 1
    runs = [run for run in np.split(np.arange(len(piece)), gap) if len(run) >= _MIN_SPLINE_ROWS]
    group = group_of(rows.agent_class)
    heading = rows.states[:, 2].copy()
    for run in runs:
        heading[run] = np.unwrap(heading[run])
    for each in Group:
        of_group = np.flatnonzero(group == each)
        time_s, track = rows.time_s[of_group], piece[of_group]
        noise_m = max(measured_noise(time_s, rows.states[of_group, :2], track), known_noise_m)
        noise_rad = measured_noise(time_s, heading[of_group, None], track)
        stiffness = min(noise_m, config.max_noise_m) ** 2 / config.acceleration_density[each]
        turning_stiffness = noise_rad**2 / config.turning_density[each]
        for run in (run for run in runs if group[run[0]] == each):  # tracks have different lengths
            if noise_m >= config.min_noise_m:
                states[run, :2], states[run, 3:] = _spline(rows.time_s[run], rows.states[run, :2], stiffness)
            if noise_rad >= config.min_noise_m:
                for part in np.split(run, np.flatnonzero(np.abs(np.diff(heading[run])) > _FLIP_RAD) + 1):
                    if len(part) >= _MIN_SPLINE_ROWS:
                        turned, _ = _spline(rows.time_s[part], heading[part, None], turning_stiffness)
                        states[part, 2] = wrap_angle(turned[:, 0])
    return states


def _spline(
    time_s: NDArray[np.float64], values: NDArray[np.float64], stiffness: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smoothed values (R, D) and their rates; `stiffness` is sigma^2 / q [s^3]."""
    splines = [make_smoothing_spline(time_s, column, lam=stiffness) for column in values.T]
    smooth = np.column_stack([spline(time_s) for spline in splines])
    return smooth, np.column_stack([spline(time_s, nu=1) for spline in splines])


def _median_sizes(size: NDArray[np.float64], piece: NDArray[np.int64]) -> NDArray[np.float64]:
    """(P, 2) of each piece; rows are sorted by piece. At least one row, for nobody."""
    starts = np.flatnonzero(np.diff(piece, prepend=-1))
    return np.array(
        [np.median(part, axis=0) for part in np.split(size, starts[1:])] if len(piece) else np.zeros((1, 2))
    )


def _frames_of_pieces(
    frames: Sequence[TrackedAgents], rows: _Rows, piece: NDArray[np.int64], states: NDArray[np.float64]
) -> tuple[TrackedAgents, ...]:
    """The frames with pieces for ids and smoothed states."""
    by_frame = np.argsort(rows.frame, kind="stable")
    bounds = np.searchsorted(rows.frame[by_frame], np.arange(len(frames) + 1))
    cleaned = []
    for index, frame in enumerate(frames):
        found = by_frame[bounds[index] : bounds[index + 1]]
        kept = frame.select(rows.row[found])
        position = np.column_stack([states[found, :2], kept.position[:, 2]])
        cleaned.append(
            replace(kept, ids=piece[found], position=position, yaw=states[found, 2], velocity=states[found, 3:])
        )
    return tuple(cleaned)
