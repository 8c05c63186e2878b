"""Candidate paths that leave a lane for the one beside it, now or farther on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.maps.road_network import Lanes
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.models.baselines.paths import Paths, endless_paths
from zoox_prediction.prediction.feature_agents import AgentFrames
from zoox_prediction.prediction.feature_paths import unwrapped

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]

NOT_YET = -2  # in place of the row of a lane

_MAX_MAIN_PATHS = 4  # of an agent that may branch off
_LATEST = 0.6  # of a path's length: changes that begin farther on matter little
_MAX_ANGLE_RAD = 0.5  # between lanes beside each other
_MIN_OFFSET_M, _MAX_OFFSET_M = 1.5, 6.0  # from one centreline to the other
_CHANGE_S, _MIN_CHANGE_M, _MAX_CHANGE_M = 3.0, 15.0, 60.0  # from the one to the other


@dataclass(frozen=True)
class LaneChanges:
    """C ways from a path onto another."""

    main: NDArray[np.int64]  # (C,) row of the path that is left
    onto: Paths  # C paths from beside the place where the change begins
    begin_m: FloatArray  # (C,) arc length there
    length_m: FloatArray  # (C,) of the change


def lanes_beside(lanes: Lanes) -> NDArray[np.int64]:
    """(2, L) rows of the left and the right neighbour of every lane, -1 where none."""
    return np.stack([lanes.rows(lanes.left_neighbor), lanes.rows(lanes.right_neighbor)])


def find_changes(
    graph: LaneGraph, beside: NDArray[np.int64], main: Paths, motion: Motion, reach: FloatArray
) -> LaneChanges | None:
    """To the first lane beside each path of `main`, left and right, whether or not the markings allow it.

    `beside` as of `lanes_beside`; reach (N,) [m] of the agents' paths. Paths of one agent that change to the same lane
    there are one change. None when there are none.
    """
    row, side, column = _first_beside(main, beside, reach)
    if not len(row):
        return None
    target = beside[side, main.lane[row, column]]
    place = main.points[row, column]
    on = graph.lines.project(target, place)
    offset = np.abs(on.lateral_offset_m)
    fits = (np.abs(wrap_angle(on.heading_rad - main.heading[row, column])) < _MAX_ANGLE_RAD) & (on.beyond_m == 0.0)
    fits &= (offset > _MIN_OFFSET_M) & (offset < _MAX_OFFSET_M)
    agent = main.agent[row]
    _, first = np.unique((agent * len(graph) + target)[fits], return_index=True)
    kept = np.sort(np.flatnonzero(fits)[first])
    if not len(kept):
        return None
    row, column, target, agent = row[kept], column[kept], target[kept], agent[kept]
    begin = column * np.float64(main.spacing_m)
    found = graph.paths_from(target, on.arc_length_m[kept], reach[agent] - begin, 1, main.spacing_m)
    length = np.clip(_CHANGE_S * motion.speed[agent], _MIN_CHANGE_M, _MAX_CHANGE_M)
    return LaneChanges(row, endless_paths(found, agent, motion), begin, length)


def changed(
    changes: LaneChanges, arc: FloatArray, points: SingleArray, heading: SingleArray, frames: AgentFrames
) -> tuple[SingleArray, SingleArray, NDArray[np.int64]]:
    """The curves that are left, arc (C, K), points (C, K, 2) and heading (C, K) in the agents' frames, changed.

    Returns points and headings (C, K), unwrapped, and the rows of the lanes (C, K), NOT_YET before the other lane.
    """
    onto, agent = changes.onto, changes.onto.agent
    beyond = arc - changes.begin_m[:, None]
    after = np.maximum(beyond, 0.0)
    x, y, course, _ = onto.at(np.arange(len(agent)), after)
    target_x, target_y = frames.into_single(x, y, agent)
    target_heading = (course - frames.heading[agent][:, None]).astype(np.float32)
    far = np.maximum(after - (onto.points.shape[1] - 1) * onto.spacing_m, 0.0).astype(np.float32)
    target = np.stack(
        [target_x + far * np.cos(target_heading), target_y + far * np.sin(target_heading)], axis=-1, dtype=np.float32
    )
    share = np.clip(beyond / changes.length_m[:, None], 0.0, 1.0).astype(np.float32)
    mixed = points + (share**2 * (3.0 - 2.0 * share))[..., None] * (target - points)
    # On the way from one to the other, headings are those of the chords, halfway between two of them at each point.
    chord = np.diff(mixed, axis=1)
    of_chord = unwrapped(np.arctan2(chord[..., 1], chord[..., 0]))
    turned = heading.copy()
    turned[:, 1:-1] = 0.5 * (of_chord[:, :-1] + of_chord[:, 1:])
    turned = np.where((share > 0.0) & (share < 1.0), turned, heading)
    turned = np.where(share >= 1.0, target_heading, turned)
    index = np.minimum(np.rint(after / onto.spacing_m).astype(np.int64), onto.lane.shape[1] - 1)
    lane = np.where(share < 0.5, NOT_YET, np.take_along_axis(onto.lane, index, axis=1))
    return mixed, unwrapped(turned), lane


def _first_beside(
    main: Paths, beside: NDArray[np.int64], reach: FloatArray
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Path, side and index of the point: the first one on each side that has a lane beside it."""
    first_of_agent = np.searchsorted(main.agent, main.agent)
    rows = np.flatnonzero(np.arange(len(main)) - first_of_agent < _MAX_MAIN_PATHS)
    there = (beside >= 0)[:, main.lane[rows]] & (main.lane[rows] >= 0)  # (2, R, P)
    column = np.argmax(there, axis=2)
    early = column * main.spacing_m <= _LATEST * reach[main.agent[rows]]
    side, index = np.nonzero(there.any(axis=2) & early)
    order = np.argsort(index, kind="stable")
    side, index = side[order], index[order]
    return rows[index], side, column[side, index]
