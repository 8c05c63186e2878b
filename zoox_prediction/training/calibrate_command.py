"""`zoox-prediction calibrate`: probabilities and spreads of the heuristic predictors, fitted to recordings."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from zoox_prediction.errors import InputError
from zoox_prediction.models.baselines.calibrate import PREDICTORS, fit_calibration, write_calibration
from zoox_prediction.recording.sources import RecordingSource, find_recordings
from zoox_prediction.training.calibration_data import HALVES, CalibrationData, read_calibration_data

_EPILOG = """\
Of every dataset's recordings, sorted by name, the 1st, 3rd ... are fitted (--half first) and the others held out;
their paths are printed, for 'zoox-prediction evaluate'. The same recordings always give the same file.
A node uses it by its parameter baselines.calibration_file.

example: zoox-prediction calibrate --recordings logs/ --out config/baseline_calibration.yaml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "--recordings",
        nargs="+",
        required=True,
        type=Path,
        metavar="PATH",
        help="bags, recordings of public datasets as 'convert' takes them, or folders of either",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="YAML file to write")
    parser.add_argument(
        "--half", choices=HALVES, default=HALVES[0], help="which recordings to fit, default %(default)s"
    )
    parser.add_argument("--interval", type=float, default=1.0, metavar="S", help="seconds between fitted scenes")


def run(arguments: argparse.Namespace) -> int:
    """Fits every heuristic predictor and writes the file; raises InputError for what the user can mend."""
    if not arguments.interval > 0.0:
        raise InputError(f"--interval {arguments.interval:g}: must be > 0")
    if not arguments.out.absolute().parent.is_dir():
        raise InputError(f"--out {arguments.out}: its folder does not exist; make it first")
    sources, problems = find_recordings(arguments.recordings)
    if problems:
        raise InputError(problems[0])
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=len(sources))

        def show(index: int, source: RecordingSource) -> None:
            progress.update(task, completed=index, description=f"reading {source.name}")

        data = read_calibration_data(sources, arguments.half, arguments.interval, show)
        if not data.num_agents:
            raise InputError("no agent of these recordings is seen for long enough to be fitted; give longer ones")
        progress.update(task, completed=0, total=len(PREDICTORS))
        fitted = {}
        for count, make in enumerate(PREDICTORS):
            progress.update(task, completed=count, description=f"fitting {make.name}")
            fitted[make.name] = fit_calibration(make, data.futures)
    write_calibration(arguments.out, fitted, _provenance(data, arguments.half, arguments.interval))
    print(f"{arguments.out}: fitted to {_size(data)}")
    if data.held_out:
        print("held out: " + " ".join(str(source.path) for source in data.held_out))
    return 0


def _size(data: CalibrationData) -> str:
    return f"{len(data.recordings)} recordings, {len(data.futures)} scenes, {data.num_agents} agents in them"


def _provenance(data: CalibrationData, half: str, interval_s: float) -> Sequence[str]:
    """Lines that name the datasets, never a path: the file ships."""
    names = defaultdict(list)
    for dataset, name in data.recordings:
        names[dataset].append(name)
    return [
        f"Command: zoox-prediction calibrate --half {half} --interval {interval_s:g} --recordings {' '.join(names)}",
        f"Fitted to {_size(data)}; {len(data.held_out)} recordings were held out.",
        *(f"{dataset}: {', '.join(found)}" for dataset, found in names.items()),
    ]
