"""Traffic histories of SMARTS (M. Zhou et al., CoRL 2020): NGSIM's and other recordings from above in one SQLite file.

Its headings count counter-clockwise from +y; a SUMO network in the same frame may lie beside it (`*.net.xml`). There is
no ego. Velocities are taken from the positions: those of NGSIM are noisy (C. Thiemann, M. Treiber, A. Kesting,
"Estimating acceleration and lane-changing dynamics from Next Generation Simulation trajectory data", 2008).
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.readers import read_road_network
from zoox_prediction.recording.datasets.kinematics import Observations, tracked_agents
from zoox_prediction.recording.datasets.source import START_NS, SourceError, SourceRecording
from zoox_prediction.scene import DEFAULT_SIZE_M, AgentClass

STEP_NS = 100_000_000
# NGSIM's types of vehicles.
TYPE_CLASSES = {1: AgentClass.MOTORCYCLIST, 2: AgentClass.CAR, 3: AgentClass.TRUCK}

_QUERY = (
    "select sim_time, vehicle_id, type, position_x, position_y, heading_rad, length, width "
    "from Trajectory join Vehicle on Vehicle.id = vehicle_id"
)


def read_history(path: Path) -> SourceRecording:
    """The recording of one .shf file; raises SourceError when it is damaged or no traffic history."""
    rows = _read_rows(path)
    steps = np.round(rows[:, 0] * (1e9 / STEP_NS)).astype(np.int64)
    agent_class = np.array([int(TYPE_CLASSES.get(int(each), AgentClass.UNKNOWN)) for each in rows[:, 2]])
    size = DEFAULT_SIZE_M[agent_class].copy()
    size[:, :2] = np.where(np.isfinite(rows[:, 6:8]), rows[:, 6:8], size[:, :2])
    observations = Observations(
        stamp_ns=START_NS + (steps - steps.min()) * STEP_NS,
        ids=rows[:, 1].astype(np.int64),
        agent_class=agent_class,
        position=np.column_stack([rows[:, 3:5], np.zeros(len(rows))]),
        yaw=rows[:, 5] + 0.5 * np.pi,
        size=size,
    )
    networks = sorted(path.parent.glob("*.net.xml"))
    return SourceRecording(
        dataset="smarts",
        name=path.stem,
        agents=tracked_agents(observations, np.unique(observations.stamp_ns)),
        road_network=read_road_network(networks[0]) if networks else None,
        notes={"velocities": "derived from the positions"},
    )


def _read_rows(path: Path) -> NDArray[np.float64]:
    """(M, 8) columns of the query."""
    if not path.is_file():
        raise SourceError(f"{path}: no such file; give a traffic history of SMARTS (.shf)")
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as history:
            rows = np.array(history.execute(_QUERY).fetchall(), dtype=np.float64).reshape(-1, 8)
    except (sqlite3.Error, ValueError) as error:
        raise SourceError(f"{path}: is not a traffic history of SMARTS ({error}); fetch the file again") from error
    if not len(rows) or not np.isfinite(rows[:, :6]).all():
        raise SourceError(f"{path}: holds no rows, or numbers that are not finite; fetch the file again")
    return rows
