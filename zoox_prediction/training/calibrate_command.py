"""`zoox-prediction calibrate`: probabilities and spreads of the heuristic predictors, fitted to recordings."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from zoox_prediction.errors import InputError
from zoox_prediction.models.baselines.calibrate import PREDICTORS, fit_calibration, write_calibration
from zoox_prediction.progress import progress_bar
from zoox_prediction.recording.sources import RecordingSource, find_recordings
from zoox_prediction.recording.split import HALVES
from zoox_prediction.training.calibration_data import CalibrationData, read_calibration_data

_EPILOG = """\
Only one half of the recordings is fitted (--half first): of every dataset's recordings the 1st, 3rd ... in the order in
which they are found, and of those of a minute or more the first half of the time. 'zoox-prediction evaluate --half
second' with the same recordings judges on the other half. The same recordings always give the same file; a node uses it
by its parameter baselines.calibration_file.

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
    steps = len(sources) + len(PREDICTORS)
    with progress_bar("") as bar:

        def show(index: int, source: RecordingSource) -> None:
            bar(index / steps, f"reading {source.name}")

        data = read_calibration_data(sources, arguments.half, arguments.interval, show)
        if not data.num_agents:
            raise InputError("no agent of these recordings is seen for long enough to be fitted; give longer ones")
        fitted = {}
        for count, make in enumerate(PREDICTORS):
            bar((len(sources) + count) / steps, f"fitting {make.name}")
            fitted[make.name] = fit_calibration(make, data.futures)
    write_calibration(arguments.out, fitted, _provenance(data, arguments.half, arguments.interval))
    print(f"{arguments.out}: fitted to {_size(data)}")
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
        f"Fitted to {_size(data)}; half '{half}', see `--help`.",
        *(f"{dataset}: {', '.join(found)}" for dataset, found in names.items()),
    ]
