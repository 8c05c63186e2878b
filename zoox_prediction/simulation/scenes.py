"""Scenes as files: a town, a drive through it and its forks, each a bag of its own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from zoox_prediction import __version__
from zoox_prediction.recording.convert import write_recording
from zoox_prediction.recording.datasets.source import SensorMessage, SourceRecording
from zoox_prediction.simulation.collisions import as_lists, collisions
from zoox_prediction.simulation.config import TrafficConfig
from zoox_prediction.simulation.forks import Fork, run_forks
from zoox_prediction.simulation.outcomes import Outcome, outcomes
from zoox_prediction.simulation.plans import Plan, candidate_plans
from zoox_prediction.simulation.recorded import recording_of, sensors_of
from zoox_prediction.simulation.sensors.suite import SensorSuite
from zoox_prediction.simulation.sensors.truth import Light
from zoox_prediction.simulation.town import TownConfig, generate_town, real_network_town
from zoox_prediction.simulation.vehicle_motion import STEP_S
from zoox_prediction.simulation.world import EGO_SIZE_M, Truth, World

FORK_HORIZON_S, FORK_PAST_S = 8.0, 2.0
_FORK_RADIUS_M = 100.0  # around the ego; what is farther away does not meet it within the horizon
_NIGHT_SHARE, _FOG_SHARE = 0.3, 0.1


@dataclass(frozen=True)
class SceneJob:
    """One scene to be simulated."""

    seed: int
    folder: Path  # that the bags go into
    duration_s: float
    forks: int = 0  # instants at which the world is forked, evenly over the drive
    sensors: Path | None = None  # a sensor suite; None: no sensors
    range_m: float = np.inf  # around the ego, of the agents that are recorded; sensors see those beyond it too
    network: Path | None = None  # a SUMO network; None: a town of the seed
    town: TownConfig = field(default_factory=TownConfig)
    traffic: TrafficConfig = field(default_factory=TrafficConfig)

    @property
    def path(self) -> Path:
        return self.folder / f"scene_{self.seed:06d}"

    def is_done(self) -> bool:
        """The bag of the drive is written last."""
        return (self.path / "metadata.yaml").is_file()


def simulate_scene(job: SceneJob, progress: Callable[[float], None] | None = None) -> Path:
    """Writes the bag of the drive, and before it those of its forks; returns its path.

    The same job gives the same bytes. Raises InputError when SUMO is missing or does not take the network.
    """
    with tempfile.TemporaryDirectory(prefix="zoox_prediction_town_") as folder:
        town = (
            generate_town(job.seed, Path(folder), job.town) if job.network is None else real_network_town(job.network)
        )
        with World(town, job.seed, job.traffic, job.duration_s) as world:
            frames = _drive_with_forks(world, job, progress)
            notes = {
                "seed": str(job.seed),
                "simulator": f"zoox_prediction {__version__}",
                "collisions": _collision_note(frames, world),
            }
            near = [_near_ego(frame, job.range_m) for frame in frames]
            whole, recording = (
                recording_of(job.path.name, each, world.road_network, world.ego_center_offset_m, notes)
                for each in (frames, near)
            )
    if job.sensors is not None:
        suite = SensorSuite.load(job.sensors)
        light, visibility_m = weather(job.seed)
        recording = replace(
            recording,
            static_transforms=suite.static_transforms(),
            sensors=_in_order(*recording.sensors, *sensors_of(whole, suite, job.seed, light, visibility_m)),
            notes={**notes, "light": light.value, "visibility_m": f"{visibility_m:.0f}"},
        )
    write_recording(recording, job.path, overwrite=True)
    return job.path


def weather(seed: int) -> tuple[Light, float]:
    """Light and visibility [m] of a scene."""
    random = np.random.default_rng([seed, 99])
    light = Light.NIGHT if random.random() < _NIGHT_SHARE else Light.DAY
    return light, float(random.uniform(60.0, 300.0)) if random.random() < _FOG_SHARE else 20_000.0


def _drive_with_forks(world: World, job: SceneJob, progress: Callable[[float], None] | None) -> list[Truth]:
    steps = round(job.duration_s / STEP_S)
    first = round(FORK_PAST_S / STEP_S)
    instants = set(np.linspace(first, max(steps - 1, first), job.forks).round().astype(int).tolist())
    frames = [world.truth()]
    for step in range(steps + 1):
        if step in instants:
            _write_forks(world, job, frames)
        if step < steps:
            world.step()
            frames.append(world.truth())
        if progress is not None:
            progress(step / max(steps, 1))
    return frames


def _write_forks(world: World, job: SceneJob, frames: Sequence[Truth]) -> None:
    """One bag for each plan: the last seconds before the fork and the horizon after it."""
    plans = candidate_plans(world, round(FORK_HORIZON_S / STEP_S))
    horizon = round(FORK_HORIZON_S / STEP_S)
    futures = list(run_forks(world, [plan.poses for plan in plans], horizon))
    results = outcomes(futures, EGO_SIZE_M[:2], world.ego_center_offset_m)
    past = list(frames[-round(FORK_PAST_S / STEP_S) - 1 : -1])
    for plan, fork, outcome in zip(plans, futures, results, strict=True):
        name = f"{job.path.name}_at_{len(frames) - 1:04d}_{plan.kind}"
        recording = _fork_recording(name, world, job, past, plan, fork, outcome)
        write_recording(recording, job.folder / name, overwrite=True)


def _fork_recording(
    name: str, world: World, job: SceneJob, past: Sequence[Truth], plan: Plan, fork: Fork, outcome: Outcome
) -> SourceRecording:
    frames = [_near_ego(frame, _FORK_RADIUS_M) for frame in (*past, *fork.frames)]
    notes = {
        "seed": str(job.seed),
        "simulator": f"zoox_prediction {__version__}",
        "fork_of": job.path.name,
        "fork_stamp_ns": str(fork.frames[0].ego.stamp_ns),
        "plan": plan.kind,
        "outcome": json.dumps(_as_lists(outcome), separators=(",", ":")),
        "collisions": _collision_note(frames, world),
    }
    return recording_of(name, frames, world.road_network, world.ego_center_offset_m, notes)


def _collision_note(frames: Sequence[Truth], world: World) -> str:
    return json.dumps(as_lists(collisions(frames, EGO_SIZE_M[:2], world.ego_center_offset_m)), separators=(",", ":"))


def _near_ego(frame: Truth, radius_m: float) -> Truth:
    away = np.linalg.norm(frame.agents.position[:, :2] - frame.ego.position, axis=-1)
    return frame.select(away <= radius_m)


def _in_order(*messages: SensorMessage) -> tuple[SensorMessage, ...]:
    return tuple(sorted(messages, key=lambda message: message.stamp_ns))


def _as_lists(outcome: Outcome) -> dict[str, list]:
    """Of the agents that interact or collide with the ego; seconds that never come are null."""
    rows = np.flatnonzero(outcome.interacts | outcome.collides)
    times = {
        name: [round(value, 2) if np.isfinite(value) else None for value in getattr(outcome, name)[rows].tolist()]
        for name in ("ego_enters_s", "agent_enters_s")
    }
    return {
        "ids": outcome.ids[rows].tolist(),
        "yields": outcome.yields[rows].tolist(),
        "goes": outcome.goes[rows].tolist(),
        "collides": outcome.collides[rows].tolist(),
        "smallest_gap_m": outcome.smallest_gap_m[rows].round(2).tolist(),
        **times,
    }
