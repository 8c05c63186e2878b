"""`zoox-prediction simulate`: drives through made-up towns as bags, with what would have happened had the ego acted
otherwise."""

from __future__ import annotations

import argparse
import math
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

from zoox_prediction.config import load_yaml
from zoox_prediction.errors import InputError
from zoox_prediction.progress import progress_bar
from zoox_prediction.resources import resource_path
from zoox_prediction.simulation.config import SimulationConfig
from zoox_prediction.simulation.realism.report import write_report
from zoox_prediction.simulation.scenes import SceneJob, simulate_scene

_EPILOG = """\
Every scene is a town of its own, drawn from its seed: crossroads with and without signals, roundabouts, crosswalks,
parked cars, people, cyclists and animals. The ego drives through it, and the others see it and react.

OUT/scene_000007 is the drive of seed 7, a rosbag2 bag with the true agents on /ground_truth/agents. --forks 4 stops the
world at four instants of every drive and lets it go on once for every plan that the ego could follow then (go, yield,
creep, stop, hard_brake, change_lane, cut_in, turn_across); OUT/scene_000007_at_0105_yield is what happened under one of
them, with the outcome for every agent in the bag's custom_data. Futures of one instant differ by the ego's plan alone.

--report measures how real the traffic of these scenes is: OUT/report/report.md has histograms of speeds, accelerations,
time gaps, walking speeds and crossing gaps beside those of TAF-BW, nuScenes, Argoverse 2 and I-80 (in ../shared/data or
$ZOOX_PREDICTION_DATA; what is not there is said), and how often what an attribute announces follows it. report.json has
the numbers.

What exists already is kept, so an interrupted run goes on where it was. The same seed and version give the same bytes.

examples:
  zoox-prediction simulate --scenes 10 --out towns
  zoox-prediction simulate --scenes 2 --seconds 20 --sensors --out drives
  zoox-prediction simulate --scenes 100 --forks 4 --workers 2 --out training
  zoox-prediction simulate --scenes 20 --report --out towns
  zoox-prediction simulate --scenes 1 --network ngsim_lankershim.net.xml --out avenue
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = _EPILOG
    parser.add_argument("--scenes", type=int, default=1, metavar="N", help="how many, default %(default)s")
    parser.add_argument("--seconds", type=float, default=30.0, metavar="S", help="of each, default %(default)g")
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="of the first scene, default %(default)s")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the bags")
    parser.add_argument(
        "--sensors",
        nargs="?",
        const=resource_path("config/sensor_suite.yaml"),
        type=Path,
        metavar="SUITE.yaml",
        help="with messages of all sensors; of this suite instead of the package's own",
    )
    parser.add_argument(
        "--range", type=float, default=math.inf, metavar="M", help="record agents this near to the ego only [m]"
    )
    parser.add_argument("--forks", type=int, default=0, metavar="M", help="instants of each scene to fork at")
    parser.add_argument("--report", action="store_true", help="measure the scenes beside recorded traffic")
    parser.add_argument("--workers", type=int, default=1, metavar="W", help="processes, default %(default)s")
    parser.add_argument("--left-hand", action="store_true", help="traffic keeps to the left")
    parser.add_argument("--network", type=Path, metavar="MAP.net.xml", help="a SUMO network instead of made-up towns")
    parser.add_argument("--config", type=Path, metavar="FILE", help="instead of the package's simulation_node.yaml")


def run(arguments: argparse.Namespace) -> int:
    """Simulates what is not there yet, with a progress bar. Raises InputError for what the user can mend."""
    jobs = _jobs(arguments)
    waiting = [job for job in jobs if not job.is_done()]
    with progress_bar("simulating") as bar:
        for count, path in enumerate(_finished(waiting, arguments.workers), start=1):
            bar((len(jobs) - len(waiting) + count) / len(jobs), path.name)
    report = _report(jobs, arguments.out) if arguments.report else None
    kept = len(jobs) - len(waiting)
    print(f"{arguments.out}: {len(jobs)} scenes" + (f", {kept} of them were there already" if kept else ""))
    if report is not None:
        print(f"{report}: measured beside recorded traffic")
    return 0


def _report(jobs: Sequence[SceneJob], out: Path) -> Path:
    with progress_bar("measuring") as bar:
        return write_report([job.path for job in jobs], out / "report", bar)


def _jobs(arguments: argparse.Namespace) -> list[SceneJob]:
    for name, least in (("scenes", 1), ("seed", 0), ("forks", 0), ("workers", 1)):
        if getattr(arguments, name) < least:
            raise InputError(f"--{name} {getattr(arguments, name)}: must be at least {least}")
    if not arguments.range > 0.0:
        raise InputError(f"--range {arguments.range:g}: must be positive")
    if not 1.0 <= arguments.seconds <= 3600.0:
        raise InputError(f"--seconds {arguments.seconds:g}: must be 1 to 3600")
    if arguments.network is not None and not arguments.network.is_file():
        raise InputError(f"--network {arguments.network}: does not exist; give a SUMO network (.net.xml)")
    if arguments.out.exists() and not arguments.out.is_dir():
        raise InputError(f"--out {arguments.out}: is a file; give a folder")
    config = load_yaml(
        SimulationConfig, arguments.config or resource_path("config/simulation_node.yaml"), "simulation_node"
    )
    town = replace(config.town, left_hand=True) if arguments.left_hand else config.town
    return [
        SceneJob(
            seed=seed,
            folder=arguments.out,
            duration_s=arguments.seconds,
            forks=arguments.forks,
            sensors=arguments.sensors,
            range_m=arguments.range,
            network=arguments.network,
            town=town,
            traffic=config.traffic,
        )
        for seed in range(arguments.seed, arguments.seed + arguments.scenes)
    ]


def _finished(jobs: Sequence[SceneJob], workers: int) -> Iterator[Path]:
    """The bags as they are done; SUMO lives in a process, so that each worker is one."""
    if workers == 1 or len(jobs) < 2:
        for job in jobs:
            yield simulate_scene(job)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context) as pool:
        try:
            for done in as_completed([pool.submit(simulate_scene, job) for job in jobs]):
                yield done.result()
        except BrokenProcessPool as error:
            raise InputError(
                "a simulating process has died, perhaps for want of memory; take fewer --workers"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
