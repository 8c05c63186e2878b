"""Ties signals to the lanes that they control, with a stop line where each such lane begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.road_network import NO_ID, Lanes, Ragged, RoadNetwork
from zoox_prediction.scene import TrafficSignals

STOP_LINE_HALF_WIDTH_M = 1.75  # half of a usual lane; the sources give a point, no line


@dataclass(frozen=True)
class ControlledLane:
    """A lane, by its row, that may be entered when `signal` says so."""

    lane: int
    signal: int
    stop_point: NDArray[np.float64]  # (2,) [m], on or near the beginning of the lane


def with_controlled_lanes(network: RoadNetwork, controlled: Sequence[ControlledLane]) -> RoadNetwork:
    """The network with the signals of `controlled`, each at its first stop point, and one stop line per lane.

    Signals that the network has already are kept; of several for one lane, the last one counts.
    """
    if not controlled:
        return network
    lanes = network.lanes
    signal, stop_line = lanes.signal.copy(), lanes.stop_line.copy()
    next_id = int(max(network.stop_line_ids, default=-1)) + 1
    lines = [network.stop_lines[row] for row in range(len(network.stop_lines))]
    ids = [int(each) for each in network.stop_line_ids]
    positions = dict(zip((int(each) for each in network.signal_ids), network.signal_positions, strict=True))
    for each in controlled:
        signal[each.lane] = each.signal
        positions.setdefault(each.signal, each.stop_point)
        if stop_line[each.lane] == NO_ID:
            stop_line[each.lane] = next_id
            ids.append(next_id)
            lines.append(_line_across(lanes, each.lane, each.stop_point))
            next_id += 1
    return replace(
        network,
        lanes=replace(lanes, signal=signal, stop_line=stop_line),
        stop_line_ids=np.array(ids, dtype=np.int64),
        stop_lines=Ragged.points(lines),
        signal_ids=np.array(list(positions), dtype=np.int64),
        signal_positions=np.array(list(positions.values()), dtype=np.float64).reshape(-1, 2),
    )


def _line_across(lanes: Lanes, row: int, point: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, 2) from left to right through `point`, across the lane's direction there."""
    points = lanes.centerline[row]
    nearest = min(int(np.argmin(np.linalg.norm(points - point, axis=1))), len(points) - 2)
    along = points[nearest + 1] - points[nearest]
    across = np.array([-along[1], along[0]]) / max(float(np.linalg.norm(along)), 1e-6)
    return np.stack([point + STOP_LINE_HALF_WIDTH_M * across, point - STOP_LINE_HALF_WIDTH_M * across])


def signal_frames(
    stamps: NDArray[np.int64], ids: NDArray[np.int64], state: NDArray[np.uint8], observed: NDArray[np.bool_]
) -> tuple[TrafficSignals, ...]:
    """One TrafficSignals per stamp (T,), of the signals (S,) seen then: `state` and `observed` are (T, S)."""
    return tuple(
        TrafficSignals(
            stamp_ns=int(stamp),
            ids=ids[seen],
            state=states[seen],
            state_stamp_ns=np.full(int(seen.sum()), stamp, dtype=np.int64),
            confidence=np.ones(int(seen.sum())),
        )
        for stamp, states, seen in zip(stamps, state, observed, strict=True)
    )
