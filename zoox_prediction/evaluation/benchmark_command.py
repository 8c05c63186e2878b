"""`zoox-prediction benchmark`: how long the parts take on this machine."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from zoox_prediction.errors import InputError
from zoox_prediction.evaluation import tables
from zoox_prediction.evaluation.benchmark import REFERENCE, BenchmarkCase, BenchmarkConfig, measure
from zoox_prediction.evaluation.benchmark_cases import GROUPS, Group, node, ros_problem
from zoox_prediction.evaluation.benchmark_predict import predict_cases
from zoox_prediction.evaluation.benchmark_raster import measure_raster, summary
from zoox_prediction.evaluation.benchmark_simulation import AGENTS, measure_simulation
from zoox_prediction.evaluation.nuscenes_devkit import NAME as DEVKIT
from zoox_prediction.prediction.memory import keep_freed_memory

_NODE, _PREDICT, _RASTER, _SIMULATION = "node", "predict", "raster", "simulation"
_KNOWN = (*GROUPS, _SIMULATION, _RASTER, _NODE)

_EPILOG = f"""\
Each figure is the wall time of one call on a generated town with 448 lanes. The last column compares the median with
that of a fixed reference ({REFERENCE})
which runs before every repetition; it says more than milliseconds when the machine is busy or another one.
The group "{_NODE}" starts the prediction node as a process and measures what the vehicle sees, from tracks sent to
predictions received; --json adds how many predictions came late or were a stand-in's, and the node's processor time.
The group "{_PREDICT}" also times constant velocity, the heuristics and the learned predictor from the bytes of tracks
to those of predictions, without ROS, and each stage of the learned one on the way, as far as there are its weights.
The group "map" asks the largest real map among the recordings for tests where they are found.
The group "{_SIMULATION}" steps a world of about {AGENTS} agents, whatever --agents says (pip install '.[sim]');
a step of 10 ms is ten times real time.
The group "{_RASTER}" is measured on a real map where one is found or given, and compared with copying an array of the
raster's size. --against {DEVKIT} draws the same scenes with the rasterizers of that package too, from
`pip install nuscenes-devkit==1.2.0` (any Python from 3.9; it wants numpy below 2 and opencv-python-headless below 5,
so give it an environment of its own, with this package's requirements).

examples:
  zoox-prediction benchmark raster --against {DEVKIT}
  zoox-prediction benchmark messages predict --agents 64 --json times.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = _EPILOG
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"what to measure, default all: {', '.join(_KNOWN)}")
    parser.add_argument(
        "--agents", nargs="+", type=int, default=[64, 200], metavar="N", help="numbers of agents, default 64 200"
    )
    parser.add_argument("--repeats", type=int, default=200, metavar="N", help="of every case, default 200")
    parser.add_argument(
        "--seconds", type=float, default=10.0, metavar="S", help=f"of each part of '{_NODE}', default 10"
    )
    parser.add_argument(
        "--weights",
        default="",
        metavar="WEIGHTS",
        help=f"of the learned predictor of '{_PREDICT}': default, research, FILE",
    )
    parser.add_argument("--map", type=Path, metavar="FILE", help=f"road map for '{_RASTER}'")
    parser.add_argument("--against", choices=[DEVKIT], help=f"also draw what '{_RASTER}' draws with another package")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")


def run(arguments: argparse.Namespace) -> int:
    """Measures, prints the table and writes the JSON. Raises InputError for an unknown group or a bad number."""
    if arguments.json is not None:
        tables.check_writable(arguments.json)
    groups = list(dict.fromkeys(arguments.groups or _KNOWN))
    _check(arguments, groups)
    problem = ros_problem()
    if problem is not None and _NODE in arguments.groups:
        raise InputError(f"the node cannot be measured without ROS 2 ({problem}); leave '{_NODE}' out")
    keep_freed_memory()  # as the node does
    config = BenchmarkConfig(repeats=arguments.repeats, min_repeats=min(arguments.repeats, 20))
    cases = _cases([group for group in groups if group in GROUPS], arguments.agents, arguments.weights)
    rows = _measure_all(cases, config) if cases else []
    if _NODE in groups and problem is None:
        rows += [row for count in dict.fromkeys(arguments.agents) for row in node(count, arguments.seconds)]
    rows += _simulation(config, asked=_SIMULATION in arguments.groups) if _SIMULATION in groups else []
    if rows:
        tables.console().print(tables.benchmark_table(rows))
    if _RASTER in groups:
        rows += _raster(arguments, config)
    if problem is not None and {"messages", _NODE} & set(groups):
        print(f"rclpy's messages were not measured, only those of rosbags, nor the node: {problem}")
    if arguments.json is not None:
        tables.write_json(arguments.json, rows)
    return 0


def _check(arguments: argparse.Namespace, groups: Sequence[str]) -> None:
    unknown = [group for group in groups if group not in _KNOWN]
    if unknown:
        raise InputError(f"unknown benchmark '{unknown[0]}'; known are {', '.join(_KNOWN)}")
    if min(arguments.agents) < 1:
        raise InputError(f"--agents {min(arguments.agents)}: must be at least 1")
    if arguments.repeats < 1:
        raise InputError(f"--repeats {arguments.repeats}: must be at least 1")
    if not 1.0 <= arguments.seconds <= 600.0:
        raise InputError(f"--seconds {arguments.seconds:g}: must be between 1 and 600")
    if _PREDICT not in groups and arguments.weights:
        raise InputError(f"--weights is for the learned predictor; add '{_PREDICT}' to the groups")
    if _RASTER not in groups and (arguments.map or arguments.against):
        raise InputError(f"--map and --against are for the raster; add '{_RASTER}' to the groups")


def _simulation(config: BenchmarkConfig, *, asked: bool) -> list[dict[str, object]]:
    """The rows, or none and a sentence where SUMO is missing and nobody asked for them by name."""
    try:
        with Console(stderr=True).status("simulation") as status:
            return measure_simulation(config, status.update)
    except InputError as error:
        if asked:
            raise
        print(f"the simulation was not measured: {error}")
        return []


def _raster(arguments: argparse.Namespace, config: BenchmarkConfig) -> list[dict[str, object]]:
    """Measures and prints the group that has a reference of its own."""
    with Console(stderr=True).status("raster") as status:
        rows = measure_raster(
            arguments.agents,
            config,
            map_path=arguments.map,
            against_devkit=arguments.against is not None,
            progress=status.update,
        )
    tables.console().print(tables.benchmark_table(rows))
    print(f"reference: {rows[0]['ratio_to']}")
    for sentence in summary(rows):
        print(sentence)
    return rows


def _cases(groups: Sequence[str], agents: Sequence[int], weights: str) -> list[BenchmarkCase]:
    """The cases of the groups for every number of agents; those without agents once."""
    make: dict[str, Group] = {**GROUPS, _PREDICT: partial(predict_cases, weights=weights)}
    cases = [case for group in groups for count in dict.fromkeys(agents) for case in make[group](count)]
    return list({(case.name, case.agents): case for case in cases}.values())


def _measure_all(cases: Sequence[BenchmarkCase], config: BenchmarkConfig) -> list[dict[str, object]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Drawn between the cases only: a drawing thread would take its share of what is measured.
    with Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as progress:
        task = progress.add_task("", total=len(cases))
        rows = []
        for case in cases:
            progress.update(task, description=f"{case.name}, {case.agents} agents", refresh=True)
            rows.append(measure(case, config))
            progress.advance(task)
    return rows
