"""Where lanes follow one another: which of them holds an agent that is about to pass, or has just passed, the joint."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from zoox_prediction.maps.polylines import FloatArray, Polylines, Projection
from zoox_prediction.maps.road_network import Ragged

_NEAR_M = 4.0  # a joint concerns agents within this of it along both lanes: as far as lanes overlap where they join


class LaneJoints:
    """The E joints of L lanes, each with a line that divides what is before it from what is past it.

    Lanes that join at an angle are both beside an agent on the inner side and neither is on the outer side; some maps
    leave a gap of some centimetres. So it is not the lanes' ends that tell, but a line through the middle between
    them. All joints that share a lane's end or start divide along the same direction, the mean of these lanes' own, or
    an agent at a fork or where lanes merge would pass through a third lane on its way.
    """

    def __init__(self, lines: Polylines, successors: Ragged) -> None:
        """`successors` are rows of `lines`."""
        self._successors = successors
        count = len(lines)
        first = np.repeat(np.arange(count), np.diff(successors.offsets))
        second = successors.values
        heads, tails = lines.points[lines.offsets[:-1]], lines.points[lines.offsets[1:] - 1]
        self._middle = 0.5 * (tails[first] + heads[second])
        ends = coo_array((np.ones(len(first)), (first, count + second)), shape=(2 * count, 2 * count))
        num_groups, group = connected_components(ends, directed=False)
        directions = np.concatenate(
            [_unit(tails - lines.points[lines.offsets[1:] - 2]), _unit(lines.points[lines.offsets[:-1] + 1] - heads)]
        )
        summed = np.zeros((num_groups, 2))
        np.add.at(summed, group, directions)
        self._direction = summed[group[first]]

    def settle(
        self,
        agent: NDArray[np.int64],
        lane: NDArray[np.int64],
        position: FloatArray,
        on: Projection,
        remaining_m: FloatArray,
        candidate: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:
        """(M,) which of M pairs of an agent and a lane remain candidates, so that who drives along changes lanes once.

        position (M, 2) of the agent and `on` the lane, remaining_m (M,) to the lane's end. Of lanes that join, only
        those before the joint or only those past it remain. A lane beside which the agent is not (it has not begun, or
        has ended) remains where a joint bridges the gap, or where the agent has no other lane.
        """
        first, second, joint = self._pairs(agent, lane, candidate)
        near = (remaining_m[first] < _NEAR_M) & (on.arc_length_m[second] < _NEAR_M)
        first, second, joint = first[near], second[near], joint[near]
        past = np.sum((position[first] - self._middle[joint]) * self._direction[joint], axis=1) > 0.0
        settled = candidate.copy()
        settled[np.where(past, first, second)] = False
        beside = on.beyond_m == 0.0
        beside[np.where(past, second, first)] = True
        settled &= beside | ~_any_of(agent, settled & beside)
        # Rings of lanes shorter than the joints could leave an agent without any lane.
        return settled | (candidate & ~_any_of(agent, settled))

    def _pairs(
        self, agent: NDArray[np.int64], lane: NDArray[np.int64], candidate: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Candidates of one agent whose lanes join: indices of the first, of the second, and of the joint."""
        successors, num_lanes = self._successors, len(self._successors)
        rows = np.flatnonzero(candidate)
        if not len(rows):
            return rows, rows, rows
        key = agent[rows] * num_lanes + lane[rows]
        order = np.argsort(key)
        begin, end = successors.offsets[lane[rows]], successors.offsets[lane[rows] + 1]
        owner = np.repeat(np.arange(len(rows)), end - begin)
        joint = np.arange(len(owner)) - np.searchsorted(owner, owner) + begin[owner]
        wanted = agent[rows][owner] * num_lanes + successors.values[joint]
        place = order[np.minimum(np.searchsorted(key, wanted, sorter=order), len(rows) - 1)]
        found = (key[place] == wanted) & (place != owner)
        return rows[owner[found]], rows[place[found]], joint[found]


def _any_of(agent: NDArray[np.int64], chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(M,) whether any row of the same agent is chosen."""
    has = np.zeros(int(agent.max(initial=-1)) + 1, dtype=bool)
    has[agent[chosen]] = True
    return has[agent]


def _unit(vectors: FloatArray) -> FloatArray:
    unit: FloatArray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit
