"""Signal phases of TAF-BW: states by signal group, and the KML map that says which connection a group controls.

The KML lanes begin at the junction: one that leads in begins at its stop line, and names the lanes that it leads to and
the signal group of each. A connecting lane of the Lanelet2 map is controlled by the group of the connection that it
serves: it begins near the one and passes the beginning of the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.geometry import EARTH_RADIUS_M
from zoox_prediction.maps.road_network import Lanes, RoadNetwork
from zoox_prediction.recording.datasets.signals import ControlledLane, signal_frames, with_controlled_lanes
from zoox_prediction.recording.datasets.source import SourceError, read_table
from zoox_prediction.scene import SignalState, TrafficSignals

# Movement phase states of SAE J2735. PRE_MOVEMENT is red and yellow together: nobody may go yet.
MOVEMENT_STATES = {
    "UNAVAILABLE": SignalState.UNKNOWN,
    "DARK": SignalState.DARK,
    "STOP_THEN_PROCEED": SignalState.FLASHING,
    "STOP_AND_REMAIN": SignalState.RED,
    "PRE_MOVEMENT": SignalState.RED,
    "PERMISSIVE_MOVEMENT_ALLOWED": SignalState.GREEN,
    "PROTECTED_MOVEMENT_ALLOWED": SignalState.GREEN,
    "PERMISSIVE_CLEARANCE": SignalState.YELLOW,
    "PROTECTED_CLEARANCE": SignalState.YELLOW,
    "CAUTION_CONFLICTING_TRAFFIC": SignalState.FLASHING,
}
_PHASES = ("signal_group_id", "timestamp_ms", "movement_state")

MAX_START_DISTANCE_M = 8.0  # of a connecting lane from the stop line that it begins at
MAX_LATERAL_M = 2.0  # of a KML lane from the lane that it stands for


@dataclass(frozen=True)
class _Connection:
    stop_point: NDArray[np.float64]  # (2,) where the KML lane of the source begins
    sink_point: NDArray[np.float64]  # (2,) where that of the sink begins
    group: int


def read_signals(
    tracks: Path, origin: tuple[float, float] | None, start_ns: int, network: RoadNetwork
) -> tuple[tuple[TrafficSignals, ...], RoadNetwork]:
    """The signals of signal_phases_NNN.csv beside vehicle_tracks_NNN.csv, and the network with its controlled lanes.

    A signal has the number of its group. Without such a file there are none; without a KML map beside it no lane is
    controlled. Raises SourceError naming the file that is damaged.
    """
    path = tracks.with_name(tracks.name.replace("vehicle_tracks", "signal_phases"))
    if path == tracks or not path.is_file():
        return (), network
    signals = _read_phases(path, start_ns)
    maps = sorted(tracks.parent.glob("*.kml"))
    if not maps or origin is None:
        return signals, network
    lanes = _read_lanes(maps[0], origin)
    controlled = _controlled_lanes(_connections(lanes), network.lanes)
    return signals, _with_other_groups(with_controlled_lanes(network, controlled), lanes)


def _read_phases(path: Path, start_ns: int) -> tuple[TrafficSignals, ...]:
    import pandas as pd

    table = read_table(pd.read_csv, path, _PHASES).drop_duplicates(["signal_group_id", "timestamp_ms"])
    unknown = sorted(set(table["movement_state"].astype(str)) - set(MOVEMENT_STATES))
    if unknown:
        raise SourceError(f"{path}: has the unknown movement_state {unknown[0]}; known are those of SAE J2735")
    if not all(np.issubdtype(table[name].dtype, np.number) for name in _PHASES[:2]):
        raise SourceError(f"{path}: signal_group_id and timestamp_ms must be numbers; fetch the file again")
    table = table.assign(state=table["movement_state"].map(MOVEMENT_STATES).astype(int))
    grid = table.pivot(index="timestamp_ms", columns="signal_group_id", values="state").sort_index()
    observed = grid.notna().to_numpy()
    stamps = start_ns + np.round(grid.index.to_numpy(dtype=np.float64) * 1e6).astype(np.int64)
    return signal_frames(
        stamps, grid.columns.to_numpy(dtype=np.int64), grid.fillna(0).to_numpy(dtype=np.uint8), observed
    )


@dataclass(frozen=True)
class _KmlLane:
    number: str
    points: NDArray[np.float64]  # (P, 2) [m], the first one at the junction
    sinks: tuple[str, ...]
    groups: tuple[int, ...]  # one per sink


def _read_lanes(path: Path, origin: tuple[float, float]) -> list[_KmlLane]:
    try:
        root = ElementTree.parse(path).getroot()
        return [lane for placemark in root.iter(_kml("Placemark")) for lane in _lane(placemark, origin)]
    except (OSError, ElementTree.ParseError, ValueError, IndexError) as error:
        raise SourceError(f"{path}: cannot be read as a KML map of signals ({error}); fetch the file again") from error


def _kml(tag: str) -> str:
    return "{http://www.opengis.net/kml/2.2}" + tag


def _lane(placemark: ElementTree.Element, origin: tuple[float, float]) -> Iterator[_KmlLane]:
    """The lane of a placemark; none for other placemarks."""
    texts = {data.get("name"): data.findtext(_kml("value")) or "" for data in placemark.iter(_kml("Data"))}
    line = placemark.find(_kml("LineString"))
    if line is None or not texts.get("Source"):
        return
    coordinates = (line.findtext(_kml("coordinates")) or "").split()
    lon_lat = np.array([[float(value) for value in each.split(",")[:2]] for each in coordinates]).reshape(-1, 2)
    scale = np.array([np.cos(np.radians(origin[0])), 1.0])
    points = EARTH_RADIUS_M * np.radians(lon_lat - np.array([origin[1], origin[0]])) * scale
    sinks = tuple(part.strip() for part in texts.get("Sink", "").split(",") if part.strip())
    groups = tuple(int(part) for part in texts.get("SignalGroup", "").split(",") if part.strip())
    if len(sinks) != len(groups):
        raise ValueError(f"lane {texts['Source']} has {len(sinks)} sinks and {len(groups)} signal groups")
    yield _KmlLane(texts["Source"].strip(), points, sinks, groups)


def _connections(lanes: list[_KmlLane]) -> list[_Connection]:
    begin = {lane.number: lane.points[0] for lane in lanes}
    return [
        _Connection(lane.points[0], begin[sink], group)
        for lane in lanes
        for sink, group in zip(lane.sinks, lane.groups, strict=True)
        if sink in begin
    ]


def _controlled_lanes(connections: list[_Connection], lanes: Lanes) -> list[ControlledLane]:
    """The lanes inside of the junction with the connection that each serves best, if any."""
    controlled = []
    for row in range(len(lanes)):
        if not len(lanes.successor_rows[row]):
            continue  # leads away from the junction
        offsets = [_offset(connection, lanes, row) for connection in connections]
        best = int(np.argmin(offsets)) if offsets else -1
        if offsets and offsets[best] < MAX_LATERAL_M:
            controlled.append(ControlledLane(row, connections[best].group, connections[best].stop_point))
    return controlled


def _offset(connection: _Connection, lanes: Lanes, row: int) -> float:
    """How far [m] the lane, with those before and after it, passes from the connection's ends; inf if too far."""
    if np.linalg.norm(lanes.centerline[row][0] - connection.stop_point) > MAX_START_DISTANCE_M:
        return float("inf")
    before = [other for other in range(len(lanes)) if row in lanes.successor_rows[other]]
    through = [row, *before, *lanes.successor_rows[row].tolist()]
    lines = shapely.union_all([shapely.linestrings(lanes.centerline[each]) for each in through])
    ends = shapely.points([connection.stop_point, connection.sink_point])
    return float(shapely.distance(lines, ends).max())


def _with_other_groups(network: RoadNetwork, lanes: list[_KmlLane]) -> RoadNetwork:
    """The network with the groups that no lane of the map obeys, such as those of pedestrians, at their KML lanes."""
    places = {group: lane.points[0] for lane in lanes for group in lane.groups}
    others = [group for group in places if group not in network.signal_ids]
    return replace(
        network,
        signal_ids=np.concatenate([network.signal_ids, np.array(others, dtype=np.int64)]),
        signal_positions=np.concatenate([network.signal_positions, np.reshape([places[g] for g in others], (-1, 2))]),
    )
