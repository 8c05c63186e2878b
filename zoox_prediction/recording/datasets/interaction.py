"""INTERACTION (W. Zhan et al., 2019) and recordings in its layout, such as TAF-BW (M. Zipfl et al., ITSC 2020).

Tracks are seen from the roadside: there is no ego. The map frame is the file's own, x to the east and y to the north.
Velocities always come from the positions: in TAF-BW the vx, vy of some recordings have the wrong sign or 0.57 of the
size. Where headings are known only up to half a turn, the motion decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.recording.datasets.interaction_map import find_map, read_map
from zoox_prediction.recording.datasets.interaction_signals import read_signals
from zoox_prediction.recording.datasets.kinematics import (
    MIN_HEADING_SPEED_MPS,
    Observations,
    frame_stamps,
    tracked_agents,
)
from zoox_prediction.recording.datasets.source import (
    START_NS,
    SourceError,
    SourceRecording,
    columns,
    read_table,
    stable_ids,
)
from zoox_prediction.scene import DEFAULT_SIZE_M, AgentClass, TrackedAgents

TYPE_CLASSES = {
    "car": AgentClass.CAR,
    "van": AgentClass.CAR,
    "truck": AgentClass.TRUCK,
    "bus": AgentClass.BUS,
    "tram": AgentClass.BUS,  # the nearest in size and motion
    "motorcycle": AgentClass.MOTORCYCLIST,
    "motorbike": AgentClass.MOTORCYCLIST,
    "bike": AgentClass.CYCLIST,
    "bicycle": AgentClass.CYCLIST,
    "cyclist": AgentClass.CYCLIST,
    "pedestrian": AgentClass.PEDESTRIAN,
    "pedestrian/bicycle": AgentClass.PEDESTRIAN,  # INTERACTION does not tell them apart
    "animal": AgentClass.ANIMAL,
    "unknown": AgentClass.UNKNOWN,
}
_STATE = ("track_id", "timestamp_ms", "agent_type", "x", "y")

# A file whose headings oppose the motion in more than this share of its moving rows knows them up to half a turn only.
AMBIGUOUS_HEADING_SHARE = 0.1
# Slower than this an opposed heading may be reversing.
SURE_MOTION_MPS = 2.0


def read_tracks(path: Path, map_path: Path | None = None) -> SourceRecording:
    """The recording of one track csv, its pedestrian file, meta data, map and signals found beside it.

    Raises SourceError (MapError for the map) naming the file that is missing or damaged.
    """
    table, notes = _read_tables(path)
    meta = _meta_data(path)
    start_ns = _start_ns(meta, path)
    observations = _observations(table, start_ns, path)
    stamps = frame_stamps(observations.stamp_ns)
    agents = tracked_agents(observations, stamps)
    ambiguous = _headings_are_ambiguous(agents)
    if ambiguous:
        notes["headings"] = "known up to half a turn, decided by the motion"
    agents = tracked_agents(replace(observations, yaw=_steady_headings(observations, agents, ambiguous)), stamps)
    origin = None if meta is None else (float(meta["originLat"]), float(meta["originLon"]))
    road_network = read_map(map_path or find_map(path), origin)
    signals, road_network = read_signals(path, origin, start_ns, road_network)
    return SourceRecording(
        dataset="interaction" if meta is None else "taf-bw",
        name=f"{path.resolve().parent.name}/{path.stem}",
        agents=agents,
        road_network=road_network,
        signals=signals,
        notes={"velocities": "derived from the positions", **notes},
    )


def _read_tables(path: Path) -> tuple[Any, dict[str, str]]:
    """All tracks of a vehicle file and of the pedestrian file of the same number, one row per track and instant."""
    import pandas as pd

    tables = [read_table(pd.read_csv, path, _STATE)]
    pedestrians = path.with_name(path.name.replace("vehicle_tracks", "pedestrian_tracks"))
    if pedestrians != path and pedestrians.is_file():
        tables.append(read_table(pd.read_csv, pedestrians, _STATE))
    _check_last_line(path)
    table = pd.concat(tables, ignore_index=True)
    for name in ("timestamp_ms", "x", "y"):
        numbers = pd.to_numeric(table[name], errors="coerce")
        if not np.isfinite(numbers).all():
            raise SourceError(f"{path}: row {int(np.argmin(np.isfinite(numbers))) + 2} has no number in {name}")
        table[name] = numbers
    doubled = table.duplicated(["track_id", "timestamp_ms"])
    notes = {"doubled_rows_left_out": str(int(doubled.sum()))} if doubled.any() else {}
    return table[~doubled].reset_index(drop=True), notes


def _check_last_line(path: Path) -> None:
    """pandas fills up a line that breaks off; SourceError says so instead."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if lines[-1].count(",") != lines[0].count(","):
        raise SourceError(f"{path}: breaks off in line {len(lines)}; fetch the file again")


def _observations(table: Any, start_ns: int, path: Path) -> Observations:
    names = table["agent_type"].astype(str).str.strip().str.lower()
    unknown = sorted(set(names) - set(TYPE_CLASSES))
    if unknown:
        raise SourceError(f"{path}: has the unknown agent_type '{unknown[0]}'; known are {', '.join(TYPE_CLASSES)}")
    agent_class = np.array([int(TYPE_CLASSES[name]) for name in names], dtype=np.int64)
    ids = stable_ids(table["track_id"].astype(str))
    count = len(table)
    return Observations(
        stamp_ns=start_ns + np.round(table["timestamp_ms"].to_numpy(dtype=np.float64) * 1e6).astype(np.int64),
        ids=np.array([ids[name] for name in table["track_id"].astype(str)], dtype=np.int64),
        agent_class=agent_class,
        position=np.column_stack([columns(table, "x", "y"), np.zeros(count)]),
        yaw=_column_or_nan(table, "psi_rad"),
        size=_sizes(table, agent_class),
    )


def _column_or_nan(table: Any, name: str) -> NDArray[np.float64]:
    import pandas as pd

    if name not in table.columns:
        return np.full(len(table), np.nan)
    return np.array(pd.to_numeric(table[name], errors="coerce"), dtype=np.float64)


def _sizes(table: Any, agent_class: NDArray[np.int64]) -> NDArray[np.float64]:
    """(M, 3) of the file, and of the class where the file has none; heights are never in it."""
    size = DEFAULT_SIZE_M[agent_class].copy()
    given = np.column_stack([_column_or_nan(table, "length"), _column_or_nan(table, "width")])
    known = np.isfinite(given) & (given > 0.0)
    size[:, :2] = np.where(known, given, size[:, :2])
    return size


def _headings_are_ambiguous(agents: Iterable[TrackedAgents]) -> bool:
    opposed, moving = 0, 0
    for frame in agents:
        sure = frame.speed > SURE_MOTION_MPS
        ahead = np.cos(frame.yaw) * frame.velocity[:, 0] + np.sin(frame.yaw) * frame.velocity[:, 1]
        moving += int(sure.sum())
        opposed += int((sure & (ahead < 0.0)).sum())
    return opposed > AMBIGUOUS_HEADING_SHARE * max(moving, 1)


def _steady_headings(
    observations: Observations, agents: Iterable[TrackedAgents], ambiguous: bool
) -> NDArray[np.float64]:
    """(M,) headings; turned by pi where `ambiguous` and against the motion, and those of standing agents held.

    The trackers behind such recordings estimate headings from motion, so those of standing agents spin: they become
    NaN (the last one is held), or the mean over the track where the agent never moves.
    """
    order = np.lexsort([observations.stamp_ns, observations.ids])
    direction, speed = _motion(agents, order)
    yaw = observations.yaw.copy()
    for track in np.split(order, np.flatnonzero(np.diff(observations.ids[order])) + 1):
        moving = speed[track] > MIN_HEADING_SPEED_MPS
        if not moving.any():
            yaw[track] = np.arctan2(np.sin(yaw[track]).mean(), np.cos(yaw[track]).mean())
            continue
        if ambiguous:
            opposed = np.abs(wrap_angle(yaw[track] - direction[track])) > np.pi / 2.0
            yaw[track] += np.where(opposed, np.pi, 0.0)
        yaw[track[~moving]] = np.nan
    return yaw


def _motion(
    agents: Iterable[TrackedAgents], order: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Direction [rad] and speed (M,) of the observations, of which `order` (M,) sorts by id, then by stamp."""
    frames = [frame for frame in agents if len(frame)]
    velocity = np.concatenate([frame.velocity for frame in frames])
    by_track = np.argsort(np.concatenate([frame.ids for frame in frames]), kind="stable")  # frames are in order of time
    aligned = np.empty_like(velocity)
    aligned[order] = velocity[by_track]
    return np.arctan2(aligned[:, 1], aligned[:, 0]), np.linalg.norm(aligned, axis=1)


def _meta_data(path: Path) -> Any:
    """The row of meta_data.csv for this clip, or None where there is no such file (INTERACTION has none)."""
    import pandas as pd

    meta_path = path.with_name("meta_data.csv")
    if not meta_path.is_file():
        return None
    needed = ("id", "originLat", "originLon", "date", "startTime", "timeZone")
    table = read_table(lambda file: pd.read_csv(file, dtype=str), meta_path, needed)
    number = path.stem.rpartition("_")[2]
    rows = table[table["id"].str.strip() == number]
    if not len(rows):
        raise SourceError(f"{meta_path}: has no row with id {number}, which {path.name} needs")
    return rows.iloc[0]


def _start_ns(meta: Any, path: Path) -> int:
    """Nanoseconds since the epoch of the clip's time 0."""
    import pandas as pd

    if meta is None:
        return START_NS
    zone = re.fullmatch(r"(?:GMT|UTC)\s*([+-]\d+)?", str(meta["timeZone"]).strip())
    local = pd.to_datetime(f"{meta['date']} {meta['startTime']}", errors="coerce")
    if zone is None or pd.isna(local):
        raise SourceError(
            f"{path.with_name('meta_data.csv')}: clip {meta['id']} has no valid date, startTime, timeZone"
        )
    start = local.as_unit("ns") - pd.Timedelta(hours=int(zone.group(1) or 0))
    return int(start.value)
