"""The road network as a message."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.maps.road_network import BoundaryType, Lanes, LaneType, Ragged, RightOfWay, RoadNetwork, Turn
from zoox_prediction.recording.messages.fields import MessageTypes, array_field, header_to_message

# Fields of the message that hold one number per lane: field, attribute of Lanes, dtype on the wire.
_LANE_COLUMNS = (
    ("lane_id", "ids", np.int64),
    ("lane_type", "type", np.uint8),
    ("lane_turn", "turn", np.uint8),
    ("lane_right_of_way", "right_of_way", np.uint8),
    ("lane_in_intersection", "in_intersection", np.bool_),
    ("lane_speed_limit", "speed_limit_mps", np.float32),
    ("lane_left_neighbor", "left_neighbor", np.int64),
    ("lane_right_neighbor", "right_neighbor", np.int64),
    ("lane_left_change", "left_change", np.bool_),
    ("lane_right_change", "right_change", np.bool_),
    ("lane_signal", "signal", np.int64),
    ("lane_stop_line", "stop_line", np.int64),
    ("lane_left_boundary_type", "left_boundary_type", np.uint8),
    ("lane_right_boundary_type", "right_boundary_type", np.uint8),
)
_LANE_IDS = (("lane_successor", "successors"), ("lane_yields_to", "yields_to"))  # field, attribute of Lanes
_LANE_LINES = ("centerline", "left_boundary", "right_boundary")
_SHAPES = (  # field, attribute of RoadNetwork
    ("crosswalk", "crosswalks"),
    ("stop_line", "stop_lines"),
    ("walkway", "walkways"),
    ("drivable_area", "drivable_areas"),
    ("intersection", "intersections"),
    ("parking_area", "parking_areas"),
    ("road_edge", "road_edges"),
)
_ENUMS: dict[str, type[IntEnum]] = {
    "lane_type": LaneType,
    "lane_turn": Turn,
    "lane_right_of_way": RightOfWay,
    "lane_left_boundary_type": BoundaryType,
    "lane_right_boundary_type": BoundaryType,
}


def road_network_to_message(network: RoadNetwork, types: MessageTypes, stamp_ns: int = 0) -> Any:
    """RoadNetwork message; `stamp_ns` is the time of loading."""
    values: dict[str, Any] = {
        "header": header_to_message(stamp_ns, network.frame_id, types),
        "source": network.source,
        "left_hand_traffic": bool(network.left_hand_traffic),
        "crosswalk_id": types.array(network.crosswalk_ids.astype(np.int64)),
        "crosswalk_signal": types.array(network.crosswalk_signal.astype(np.int64)),
        "stop_line_id": types.array(network.stop_line_ids.astype(np.int64)),
        "signal_id": types.array(network.signal_ids.astype(np.int64)),
        "signal_position": types.array(network.signal_positions.astype(np.float64)),
    }
    for field, attribute in _LANE_IDS:
        ids: Ragged = getattr(network.lanes, attribute)
        values[field] = types.array(ids.values.astype(np.int64))
        values[f"{field}_offset"] = types.array(ids.offsets.astype(np.uint32))
    for field, attribute, dtype in _LANE_COLUMNS:
        values[field] = types.array(getattr(network.lanes, attribute).astype(dtype))
    shapes = [(f"lane_{name}", getattr(network.lanes, name)) for name in _LANE_LINES]
    shapes += [(field, getattr(network, attribute)) for field, attribute in _SHAPES]
    for field, ragged in shapes:
        values[field] = types.array(ragged.values.astype(np.float64))
        values[f"{field}_offset"] = types.array(ragged.offsets.astype(np.uint32))
    return types["zoox_prediction/msg/RoadNetwork"](**values)


def road_network_from_message(message: Any) -> RoadNetwork:
    """The road network of a RoadNetwork message.

    Raises InputError when an array has a wrong length, offsets do not rise, ids repeat, a point is not finite, or a
    value is not in its enumeration.
    """
    count = len(message.lane_id)
    columns: dict[str, Any] = {}
    for field, attribute, dtype in _LANE_COLUMNS:
        core_dtype = np.float64 if dtype is np.float32 else dtype
        columns[attribute] = _frozen(array_field(message, field, core_dtype, (count,)))
        if field in _ENUMS:
            _check_enum(field, columns[attribute])
    for name in _LANE_LINES:
        columns[name] = _points(message, f"lane_{name}", count)
    for field, attribute in _LANE_IDS:
        columns[attribute] = _ids(message, field, count)
    lanes = Lanes(**columns)
    crosswalks, stop_lines = len(message.crosswalk_id), len(message.stop_line_id)
    signals = len(message.signal_id)
    counts = {"crosswalks": crosswalks, "stop_lines": stop_lines}
    shapes: dict[str, Any] = {attribute: _points(message, field, counts.get(attribute)) for field, attribute in _SHAPES}
    for field in ("lane_id", "crosswalk_id", "stop_line_id", "signal_id"):
        ids = np.asarray(getattr(message, field))
        if len(np.unique(ids)) != len(ids):
            raise InputError(f"RoadNetwork.{field} has an id twice; mend the map")
    return RoadNetwork(
        source=message.source,
        frame_id=message.header.frame_id,
        left_hand_traffic=bool(message.left_hand_traffic),
        lanes=lanes,
        crosswalk_ids=_frozen(array_field(message, "crosswalk_id", np.int64, (crosswalks,))),
        crosswalk_signal=_frozen(array_field(message, "crosswalk_signal", np.int64, (crosswalks,))),
        stop_line_ids=_frozen(array_field(message, "stop_line_id", np.int64, (stop_lines,))),
        signal_ids=_frozen(array_field(message, "signal_id", np.int64, (signals,))),
        signal_positions=_frozen(array_field(message, "signal_position", np.float64, (signals, 2))),
        **shapes,
    )


def _frozen(array: NDArray) -> NDArray:
    array.flags.writeable = False
    return array


def _check_enum(field: str, values: NDArray) -> None:
    largest = max(_ENUMS[field])
    if np.any(values > largest):
        raise InputError(f"RoadNetwork.{field} has the value {values.max()}, known are 0 to {largest}; mend the map")


def _points(message: Any, field: str, count: int | None) -> Ragged:
    """Polylines or polygons; `count` of them, or as many as the offsets say."""
    flat = np.asarray(getattr(message, field), dtype=np.float64)
    if len(flat) % 2 or not np.all(np.isfinite(flat)):
        raise InputError(f"RoadNetwork.{field} must hold pairs of finite numbers; mend the map")
    values = array_field(message, field, np.float64, (len(flat) // 2, 2))
    return Ragged(_frozen(values), _offsets(message, field, count, len(values)))


def _ids(message: Any, field: str, count: int) -> Ragged:
    values = np.array(getattr(message, field), dtype=np.int64)
    return Ragged(_frozen(values), _offsets(message, field, count, len(values)))


def _offsets(message: Any, field: str, count: int | None, rows: int) -> NDArray[np.int64]:
    offsets = np.array(getattr(message, f"{field}_offset"), dtype=np.int64)
    if len(offsets) == 0:  # a message that was never filled
        offsets = np.zeros(1, dtype=np.int64)
    count = len(offsets) - 1 if count is None else count
    if len(offsets) != count + 1 or offsets[0] != 0 or offsets[-1] != rows or np.any(np.diff(offsets) < 0):
        raise InputError(
            f"RoadNetwork.{field}_offset must have {count + 1} values that rise from 0 to {rows}; mend the map"
        )
    return _frozen(offsets)
