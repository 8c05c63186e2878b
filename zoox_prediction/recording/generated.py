"""A small recording made from a seed, without a simulator: signalised crossroads with all kinds of road users.

The ego comes from the west, waits at red behind a car while people cross, and drives on at green. Motion is smooth,
nobody runs a red light, and boxes do not overlap.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from zoox_prediction.errors import InputError
from zoox_prediction.geometry import quaternion_from_yaw
from zoox_prediction.recording.convert import Progress, write_recording
from zoox_prediction.recording.datasets.kinematics import EgoTrajectory
from zoox_prediction.recording.datasets.source import START_NS, SourceRecording
from zoox_prediction.recording.generated_crossroads import crossroads, signals_at
from zoox_prediction.recording.generated_traffic import STEP_S
from zoox_prediction.recording.generated_world import EGO_CENTER_OFFSET_M, EGO_SIZE_M, World
from zoox_prediction.recording.log import RecordedLog, log_of

DEFAULT_DURATION_S = 40.0
MAX_DURATION_S = 120.0


def generate_recording(
    out: Path,
    seed: int = 0,
    duration_s: float = DEFAULT_DURATION_S,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> None:
    """Writes the recording of `seed` as the bag `out`, 10 Hz.

    Raises InputError for a duration out of range or when `out` exists and `overwrite` is off.
    """
    write_recording(generated_source(seed, duration_s), out, overwrite=overwrite, progress=progress)


def generated_log(seed: int = 0, duration_s: float = DEFAULT_DURATION_S) -> RecordedLog:
    """The same recording in memory."""
    return log_of(generated_source(seed, duration_s))


@cache
def generated_source(seed: int, duration_s: float) -> SourceRecording:
    """The recording of `seed`; the same seed gives the same one. Raises InputError for a duration out of range."""
    if not STEP_S <= duration_s <= MAX_DURATION_S:
        raise InputError(f"the duration must be {STEP_S} to {MAX_DURATION_S:.0f} s, not {duration_s}")
    random = np.random.default_rng(seed)
    world = World(random)
    frames, ego, signals = [], [], []
    for step in range(round(duration_s / STEP_S) + 1):
        time_s = step * STEP_S
        if step:
            world.step(time_s - STEP_S)
        frames.append(world.agents(time_s))
        ego.append((START_NS + round(time_s * 1e9), *world.ego_state()))
        signals.append(signals_at(time_s))
    stamps, positions, yaws, velocities = (np.array(column) for column in zip(*ego, strict=True))
    return SourceRecording(
        dataset="generated",
        name=f"crossroads-{seed}",
        agents=tuple(frames),
        ego=EgoTrajectory(
            stamps, np.column_stack([positions, np.zeros(len(stamps))]), quaternion_from_yaw(yaws), velocities
        ),
        ego_size=EGO_SIZE_M,
        ego_center_offset_m=EGO_CENTER_OFFSET_M,
        road_network=crossroads(),
        signals=tuple(signals),
        notes={"seed": str(seed)},
    )
