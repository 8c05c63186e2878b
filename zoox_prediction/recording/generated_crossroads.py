"""The map and the signals of the generated recording: crossroads with signals, two lanes each way on every arm.

The origin is the middle. Arm k points to k * 90 degrees from +x. Traffic keeps to the right; the left lane turns left,
the right one goes straight on or turns right.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import rotation_matrix
from zoox_prediction.maps.records import LaneRecord, lanes_from_records
from zoox_prediction.maps.road_network import NO_ID, BoundaryType, Ragged, RoadNetwork, Turn
from zoox_prediction.recording.datasets.source import START_NS
from zoox_prediction.scene import SignalState, TrafficSignals

LANE_WIDTH_M = 3.5
ARM_LENGTH_M = 200.0
STOP_LINE_M = 18.5  # from the middle; lanes end and begin here
CROSSWALK_M = (13.3, 17.3)
WALKWAY_WIDTH_M = 3.0
SPEED_LIMIT_MPS = 13.9
ROAD_HALF_WIDTH_M = 2.0 * LANE_WIDTH_M
CORNER_RADIUS_M = STOP_LINE_M - ROAD_HALF_WIDTH_M

THROUGH, LEFT, WALK = 1, 2, 3  # last digit of a signal's id
GREEN_S, YELLOW_S, ALL_RED_S = 12.0, 3.0, 1.5
_PHASE_S = GREEN_S + YELLOW_S + ALL_RED_S
# (signal kind, arms) that are green one after the other; pedestrians cross the arms whose traffic waits.
_PHASES = ((THROUGH, (1, 3)), (THROUGH, (0, 2)), (LEFT, (1, 3)), (LEFT, (0, 2)))
# At the beginning, north-south has been green for this long.
_START_S = 3.0

_TURNS = {Turn.LEFT: 3, Turn.STRAIGHT: 2, Turn.RIGHT: 1}  # arms counted on from the one that is left
_CONNECTOR = {Turn.LEFT: 5, Turn.STRAIGHT: 6, Turn.RIGHT: 7}  # last digit of a lane's id
IN_LEFT, IN_RIGHT, OUT_LEFT, OUT_RIGHT = 1, 2, 3, 4


def lane_id(arm: int, kind: int) -> int:
    return 100 * (arm + 1) + kind


def signal_id(arm: int, kind: int) -> int:
    return 10 * (arm + 1) + kind


def exit_arm(arm: int, turn: Turn) -> int:
    return (arm + _TURNS[turn]) % 4


def route(arm: int, turn: Turn) -> tuple[int, int, int]:
    """Ids of the lanes from an arm through the junction."""
    left = turn == Turn.LEFT
    out = lane_id(exit_arm(arm, turn), OUT_LEFT if left else OUT_RIGHT)
    return lane_id(arm, IN_LEFT if left else IN_RIGHT), lane_id(arm, _CONNECTOR[turn]), out


def rotated(points: Iterable, arm: int) -> NDArray[np.float64]:
    """Points (n, 2), given for the arm along +x, as they lie on `arm`."""
    turned: NDArray[np.float64] = np.asarray(points, dtype=np.float64) @ rotation_matrix(arm * np.pi / 2.0).T
    return turned


@cache
def crossroads() -> RoadNetwork:
    """The road network; signals control the lanes inside of the junction, with the stop line where those begin."""
    records = [record for arm in range(4) for record in (*_arm_lanes(arm), *_connectors(arm))]
    width = ROAD_HALF_WIDTH_M
    near, far = CROSSWALK_M
    crosswalk = [[near, -width - 0.5], [far, -width - 0.5], [far, width + 0.5], [near, width + 0.5]]
    stop_lines = {THROUGH: (LANE_WIDTH_M, 2.0 * LANE_WIDTH_M), LEFT: (0.0, LANE_WIDTH_M)}
    arms = range(4)
    ends = [[ARM_LENGTH_M, -width], [ARM_LENGTH_M, width]]
    signals = [(arm, kind) for arm in arms for kind in (THROUGH, LEFT, WALK)]
    return RoadNetwork(
        source="generated crossroads",
        lanes=lanes_from_records(records),
        crosswalk_ids=np.arange(1, 5),
        crosswalks=Ragged.points(rotated(crosswalk, arm) for arm in arms),
        crosswalk_signal=np.array([signal_id(arm, WALK) for arm in arms]),
        stop_line_ids=np.array([signal_id(arm, kind) for arm in arms for kind in stop_lines]),
        stop_lines=Ragged.points(
            rotated([[STOP_LINE_M, low], [STOP_LINE_M, high]], arm) for arm in arms for low, high in stop_lines.values()
        ),
        walkways=Ragged.points(_walkway(arm) for arm in arms),
        drivable_areas=Ragged.points([np.concatenate([rotated([*ends, *_corner()], arm) for arm in arms])]),
        intersections=Ragged.points([np.concatenate([rotated(_corner(), arm) for arm in arms])]),
        signal_ids=np.array([signal_id(arm, kind) for arm, kind in signals]),
        signal_positions=np.array([_signal_position(arm, kind) for arm, kind in signals]),
    )


def signals_at(time_s: float) -> TrafficSignals:
    """All signals at a time from the beginning of the recording."""
    ids = [signal_id(arm, kind) for arm in range(4) for kind in (THROUGH, LEFT, WALK)]
    states = [signal_state(arm, kind, time_s) for arm in range(4) for kind in (THROUGH, LEFT, WALK)]
    stamp = START_NS + round(time_s * 1e9)
    return TrafficSignals(
        stamp_ns=stamp,
        ids=np.array(ids, dtype=np.int64),
        state=np.array(states, dtype=np.uint8),
        state_stamp_ns=np.full(len(ids), stamp, dtype=np.int64),
        confidence=np.ones(len(ids)),
    )


def signal_state(arm: int, kind: int, time_s: float) -> SignalState:
    phase, since = divmod((time_s + _START_S) % (_PHASE_S * len(_PHASES)), _PHASE_S)
    green_kind, green_arms = _PHASES[int(phase)]
    if kind == WALK:  # the walk light ends early enough to reach the other side
        walking = green_kind == THROUGH and arm not in green_arms and since < GREEN_S / 2.0
        return SignalState.GREEN if walking else SignalState.RED
    if kind != green_kind or arm not in green_arms or since >= GREEN_S + YELLOW_S:
        return SignalState.RED
    return SignalState.GREEN if since < GREEN_S else SignalState.YELLOW


def _arm_lanes(arm: int) -> list[LaneRecord]:
    records = []
    for kind, lateral in ((IN_LEFT, 0.5), (IN_RIGHT, 1.5), (OUT_LEFT, -0.5), (OUT_RIGHT, -1.5)):
        incoming, inner = lateral > 0.0, kind in (IN_LEFT, OUT_LEFT)
        ends = (ARM_LENGTH_M, STOP_LINE_M) if incoming else (STOP_LINE_M, ARM_LENGTH_M)
        x = np.linspace(*ends, 30)
        right = np.sign(lateral) * LANE_WIDTH_M / 2.0
        middle = lateral * LANE_WIDTH_M
        centerline, to_left, to_right = (
            rotated(np.column_stack([x, np.full(len(x), middle + offset)]), arm) for offset in (0.0, -right, right)
        )
        turns = () if not incoming else (Turn.LEFT,) if inner else (Turn.STRAIGHT, Turn.RIGHT)
        neighbor = lane_id(arm, {IN_LEFT: IN_RIGHT, IN_RIGHT: IN_LEFT, OUT_LEFT: OUT_RIGHT, OUT_RIGHT: OUT_LEFT}[kind])
        records.append(
            LaneRecord(
                id=lane_id(arm, kind),
                centerline=centerline,
                left_boundary=to_left,
                right_boundary=to_right,
                speed_limit_mps=SPEED_LIMIT_MPS,
                left_neighbor=NO_ID if inner else neighbor,
                right_neighbor=neighbor if inner else NO_ID,
                successors=[lane_id(arm, _CONNECTOR[turn]) for turn in turns],
                left_boundary_type=BoundaryType.SOLID if inner else BoundaryType.DASHED,
                right_boundary_type=BoundaryType.DASHED if inner else BoundaryType.ROAD_EDGE,
            )
        )
    return records


def _connectors(arm: int) -> list[LaneRecord]:
    records = []
    for turn in _TURNS:
        kind = LEFT if turn == Turn.LEFT else THROUGH
        half = LANE_WIDTH_M / 2.0
        records.append(
            LaneRecord(
                id=lane_id(arm, _CONNECTOR[turn]),
                centerline=rotated(_connector_line(turn, 0.0), arm),
                left_boundary=rotated(_connector_line(turn, half), arm),
                right_boundary=rotated(_connector_line(turn, -half), arm),
                turn=turn,
                in_intersection=True,
                speed_limit_mps=SPEED_LIMIT_MPS,
                signal=signal_id(arm, kind),
                stop_line=signal_id(arm, kind),
                successors=[route(arm, turn)[2]],
                left_boundary_type=BoundaryType.VIRTUAL,
                right_boundary_type=BoundaryType.VIRTUAL,
            )
        )
    return records


def _connector_line(turn: Turn, left: float) -> NDArray[np.float64]:
    """(n, 2) from the stop line of the arm along +x, `left` [m] to the left of the middle of the lane."""
    if turn == Turn.STRAIGHT:
        x = np.linspace(STOP_LINE_M, -STOP_LINE_M, 25)
        return np.column_stack([x, np.full(len(x), 1.5 * LANE_WIDTH_M - left)])
    side = 1.0 if turn == Turn.RIGHT else -1.0  # of the centre of the quarter circle
    lateral = 1.5 * LANE_WIDTH_M if turn == Turn.RIGHT else 0.5 * LANE_WIDTH_M
    radius = STOP_LINE_M - side * lateral + side * left
    angle = np.linspace(0.0, np.pi / 2.0, 25)
    return np.column_stack([STOP_LINE_M - radius * np.sin(angle), side * (STOP_LINE_M - radius * np.cos(angle))])


def _corner(inset: float = 0.0) -> NDArray[np.float64]:
    """The kerb from the arm along +x to the next one, counter-clockwise; `inset` [m] away from the road."""
    angle = np.linspace(-np.pi / 2.0, -np.pi, 12)
    return STOP_LINE_M + (CORNER_RADIUS_M - inset) * np.column_stack([np.cos(angle), np.sin(angle)])


def _walkway(arm: int) -> NDArray[np.float64]:
    """The walkway around the corner between an arm and the next one."""
    inner, outer = ROAD_HALF_WIDTH_M, ROAD_HALF_WIDTH_M + WALKWAY_WIDTH_M
    kerb = [[ARM_LENGTH_M, inner], *_corner(), [inner, ARM_LENGTH_M]]
    back = [[outer, ARM_LENGTH_M], *_corner(WALKWAY_WIDTH_M)[::-1], [ARM_LENGTH_M, outer]]
    return rotated([*kerb, *back], arm)


def _signal_position(arm: int, kind: int) -> NDArray[np.float64]:
    """Beside the stop line; those of pedestrians at the kerb of the crosswalk."""
    place = {
        THROUGH: (STOP_LINE_M, ROAD_HALF_WIDTH_M + 0.8),
        LEFT: (STOP_LINE_M, 0.0),
        WALK: (float(np.mean(CROSSWALK_M)), ROAD_HALF_WIDTH_M + 0.8),
    }[kind]
    return rotated([place], arm)[0]
