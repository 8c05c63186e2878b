"""What `zoox-prediction benchmark simulation` measures: steps of a reactive world, its futures, and its sensors."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from zoox_prediction.evaluation.benchmark import BenchmarkCase, BenchmarkConfig, measure
from zoox_prediction.recording.typestore import RosbagsTypes
from zoox_prediction.simulation.config import TrafficConfig
from zoox_prediction.simulation.forks import run_forks
from zoox_prediction.simulation.recorded import sensor_truth
from zoox_prediction.simulation.sensors.suite import SensorSuite
from zoox_prediction.simulation.sensors.truth import Light
from zoox_prediction.simulation.town import generate_town
from zoox_prediction.simulation.vehicle_motion import STEP_S
from zoox_prediction.simulation.world import World

AGENTS = 100  # about

_SEED, _LONGEST_S = 7, 600.0
# Of a town with about a hundred agents, most of which move.
_TRAFFIC = TrafficConfig(vehicles=28, walkers=28, density_range=(1.0, 1.0), parked_share=0.2, jaywalkers_per_minute=5.0)
_FORKS, _FORK_S, _FORK_REPEATS = 4, 8.0, 5
_VISIBILITY_M = 20_000.0


def measure_simulation(
    config: BenchmarkConfig, progress: Callable[[str], None] = lambda name: None
) -> list[dict[str, object]]:
    """Rows for a step of 0.1 s, four futures of 8 s, and one instant of all sensors; agents are those that are there.

    Ten times real time is 10 ms a step. Raises InputError without SUMO.
    """
    progress("simulation: a town and its traffic")
    with tempfile.TemporaryDirectory(prefix="zoox_prediction_") as folder:
        world = World(generate_town(_SEED, Path(folder)), _SEED, _TRAFFIC, _LONGEST_S)
    with world:
        rows = []
        for case in _cases(world):
            progress(case.name)
            rows.append(measure(case, config))
        return rows


def _cases(world: World) -> list[BenchmarkCase]:
    agents = len(world.truth().agents)
    suite, types = SensorSuite.load(), RosbagsTypes()

    def forks() -> int:
        return sum(1 for _ in run_forks(world, [None] * _FORKS, round(_FORK_S / STEP_S)))

    def sense() -> int:
        truth = sensor_truth(world.truth(), world.road_network, world.ego_center_offset_m, Light.DAY, _VISIBILITY_M)
        return sum(1 for message in suite.messages(truth, _SEED) if message.build(types) is not None)

    return [
        BenchmarkCase(f"simulation: {_FORKS} futures of {_FORK_S:g} s", agents, forks, most_repeats=_FORK_REPEATS),
        BenchmarkCase(f"simulation: {len(suite.config.sensors)} sensors at one instant", agents, sense),
        BenchmarkCase(f"simulation: a step of {STEP_S:g} s", agents, partial(world.step, None)),
    ]
