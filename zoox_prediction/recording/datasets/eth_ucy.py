"""ETH and UCY pedestrians (S. Pellegrini et al., ICCV 2009; A. Lerner et al., 2007) as text: frame, id, x, y [m].

One step of the frame numbers is 0.4 s (2.5 Hz), as the benchmark has it. There is no ego, no map and no size. The
Stanford Drone Dataset (A. Robicquet et al., ECCV 2016) is read as TrajNet has it, which is this layout in metres.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from zoox_prediction.recording.datasets.kinematics import Observations, tracked_agents
from zoox_prediction.recording.datasets.source import START_NS, SourceError, SourceRecording, text_lines
from zoox_prediction.scene import DEFAULT_SIZE_M, AgentClass

STEP_NS = 400_000_000
# Which scene of the benchmark a file belongs to.
SCENES: Mapping[str, str] = {
    "biwi_eth": "eth",
    "biwi_hotel": "hotel",
    "students001": "univ",
    "students003": "univ",
    "crowds_zara01": "zara1",
    "crowds_zara02": "zara2",
}
DATASET, DRONE_DATASET = "eth-ucy", "sdd"
_DRONE_SCENES = re.compile(r"(bookstore|coupa|deathCircle|gates|hyang|little|nexus|quad)_\d+")


def is_whole_scene(path: Path) -> bool:
    """Whether a text file is, by its name, a recording of one of the benchmarks, and not a part cut out of one."""
    folder = path.parent.name
    return (path.stem in SCENES and folder == "test") or (_is_of_drone(path) and folder in ("train", "test"))


def _is_of_drone(path: Path) -> bool:
    return _DRONE_SCENES.fullmatch(path.stem) is not None


def read_trajectories(path: Path) -> SourceRecording:
    """The recording of one text file; raises SourceError when a line is not four finite numbers or a row is doubled."""
    rows = _read_rows(path)
    frames = np.unique(rows[:, 0].astype(np.int64))
    step = int(np.gcd.reduce(np.diff(frames))) if len(frames) > 1 else 1
    stamps = START_NS + (rows[:, 0].astype(np.int64) - frames[0]) // step * STEP_NS
    count = len(rows)
    agent_class = np.full(count, int(AgentClass.PEDESTRIAN))
    observations = Observations(
        stamp_ns=stamps,
        ids=rows[:, 1].astype(np.int64),
        agent_class=agent_class,
        position=np.column_stack([rows[:, 2:], np.zeros(count)]),
        yaw=np.full(count, np.nan),
        size=DEFAULT_SIZE_M[agent_class],
    )
    every_step = np.arange(stamps.min(), stamps.max() + 1, STEP_NS)  # nobody there is also an observation
    return SourceRecording(
        dataset=DRONE_DATASET if _is_of_drone(path) else DATASET,
        name=path.stem,
        agents=tracked_agents(observations, every_step),
        notes={"velocities": "derived from the positions", "sizes": "of the class: the source has none"},
    )


def _read_rows(path: Path) -> np.ndarray:
    """(M, 4) frame, id, x, y."""
    lines = text_lines(path)
    try:
        rows = np.loadtxt(lines, dtype=np.float64, ndmin=2) if lines else np.zeros((0, 4))
    except ValueError as error:
        raise SourceError(f"{path}: is not a table of numbers ({error}); each line is: frame id x y") from error
    if rows.size == 0 or rows.shape[1] != 4:
        raise SourceError(f"{path}: has {rows.shape[1]} columns in {len(rows)} lines; each line is: frame id x y")
    if not np.isfinite(rows).all() or np.any(rows[:, :2] != np.floor(rows[:, :2])) or np.abs(rows).max() > 1e9:
        line = int(np.argmin(np.isfinite(rows).all(axis=1)))
        raise SourceError(f"{path}: frame and id must be whole and all numbers finite; see line {line + 1}")
    if len(np.unique(rows[:, :2], axis=0)) != len(rows):
        raise SourceError(f"{path}: the same pedestrian appears twice in one frame; remove one of the lines")
    return rows
