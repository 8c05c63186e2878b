"""When vehicles change to the lane beside theirs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.simulation.realism.courses import STEP_S, Courses

_EVERY_S = 0.5


def lane_changes(courses: Courses, graph: LaneGraph) -> NDArray[np.int8]:
    """(N, T) +1 at the instant at which a vehicle's most probable lane is the left neighbour of the one half a second
    before, -1 for the right neighbour, else 0."""
    changes = np.zeros(courses.valid.shape, dtype=np.int8)
    lanes = graph.road_network.lanes
    left, right = lanes.rows(lanes.left_neighbor), lanes.rows(lanes.right_neighbor)
    steps = np.arange(0, courses.num_steps, round(_EVERY_S / STEP_S))
    rows, column = np.nonzero(courses.moves[:, steps] & ~courses.is_pedestrian[:, None])
    lane = np.full((len(courses), len(steps)), -1, dtype=np.int64)
    at = steps[column]
    lane[rows, column] = graph.assign(courses.position[rows, at], courses.yaw[rows, at], max_lanes=1).lane[:, 0]
    before, after = lane[:, :-1], lane[:, 1:]
    for beside, sign in ((left, 1), (right, -1)):
        changed = (before >= 0) & (after >= 0) & (beside[before] == after)
        changes[:, steps[1:]] = np.where(changed, sign, changes[:, steps[1:]])
    return changes
