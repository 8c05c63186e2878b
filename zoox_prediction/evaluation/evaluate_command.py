"""`zoox-prediction evaluate`: the table of predictors by dataset, class, number of modes and horizon."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from zoox_prediction.errors import InputError
from zoox_prediction.evaluation import eth_ucy, tables
from zoox_prediction.evaluation.protocol import ProtocolConfig, evaluate_log
from zoox_prediction.evaluation.score_sums import ScoreSums
from zoox_prediction.prediction.predictor import Predictor
from zoox_prediction.prediction.registry import PREDICTORS, create_predictor
from zoox_prediction.progress import ProgressBar, progress_bar
from zoox_prediction.recording.datasets.eth_ucy import SCENES
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.recording.sources import RecordingSource, find_recordings, open_recording
from zoox_prediction.recording.split import HALVES, RecordingSplit

EXIT_SOME_UNREADABLE = 2

_EPILOG = """\
Every recording is sampled once per second (--interval); agents seen for 1 s are scored at every horizon at which their
truth is known. A row for K judges a predictor by its K most likely modes. minADE, minFDE, miss rate and overlap are
those of the Waymo Open Motion Dataset, Brier-minFDE is that of Argoverse 2, off-road is the probability of modes with
which a vehicle leaves the drivable area, ECE is the calibration error of mode probabilities, and the last columns are
the shares of true positions inside the predicted regions of 50% and 90%. An agent that leaves the recording before a
horizon does not count there: where the view is short, the rows of 8 s are about those who wait.

Recordings of ETH/UCY are scored in that benchmark's own protocol: 3.2 s observed, 4.8 s predicted, every window; give
the folder of the splits, or their test files.

example: zoox-prediction evaluate --recordings crossing_bag/ log_folder/ --json scores.json
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
    parser.add_argument(
        "--predictor",
        nargs="+",
        action="extend",
        metavar="NAME",
        help=f"which to score, default all: {', '.join(PREDICTORS)}",
    )
    parser.add_argument(
        "--interval", type=float, default=1.0, metavar="S", help="seconds between scored scenes, default 1"
    )
    parser.add_argument(
        "--half",
        choices=HALVES,
        default="all",
        help="of the recordings, as in 'calibrate': what was fitted to the first half is judged on the second",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")


def run(arguments: argparse.Namespace) -> int:
    """Prints the table and writes the JSON; 0 when every recording was read, else 2 after scoring the others."""
    if arguments.json is not None:
        tables.check_writable(arguments.json)
    predictors = {name: create_predictor(name) for name in dict.fromkeys(arguments.predictor or PREDICTORS)}
    if not arguments.interval > 0.0:
        raise InputError(f"--interval {arguments.interval:g}: must be positive")
    config = ProtocolConfig(interval_s=arguments.interval)
    sources, unreadable = find_recordings(arguments.recordings)
    datasets = _evaluate_all(sources, RecordingSplit(arguments.half), predictors, config, unreadable)
    rows = _rows(datasets)
    rows += eth_ucy.average_of_scenes(rows)
    out = tables.console()
    for table in tables.score_tables(rows):
        out.print(table)
    for problem in unreadable:
        print(f"zoox-prediction: {problem}", file=sys.stderr)
    if not rows and not unreadable:
        raise InputError("no agent in these recordings is seen for long enough to be scored; give longer recordings")
    if arguments.json is not None:
        tables.write_json(arguments.json, rows)
    return EXIT_SOME_UNREADABLE if unreadable else 0


def _evaluate_all(
    sources: Sequence[RecordingSource],
    split: RecordingSplit,
    predictors: Mapping[str, Predictor],
    config: ProtocolConfig,
    unreadable: list[str],
) -> dict[str, dict[str, ScoreSums]]:
    """Sums by dataset and predictor; a sentence for each recording that could not be read goes to `unreadable`."""
    datasets: dict[str, dict[str, ScoreSums]] = {}
    with progress_bar("") as bar:
        for index, source in enumerate(sources):
            bar(index / len(sources), f"{source.name}, {index + 1} of {len(sources)}")
            try:
                log = open_recording(source)
            except InputError as error:
                unreadable.append(str(error))
            else:
                problems = [f"{source.path}: {problem}" for problem in log.problems]
                unreadable += problems
                part = split.part(log)
                if part is not None:
                    _evaluate_one(part, predictors, config, datasets, _part_of(bar, index, len(sources)))
    return datasets


def _part_of(bar: ProgressBar, index: int, count: int) -> Callable[[float], None]:
    """Moves the bar by the share done of one recording of `count`."""
    return lambda share: bar((index + share) / count)


def _evaluate_one(
    log: RecordedLog,
    predictors: Mapping[str, Predictor],
    config: ProtocolConfig,
    datasets: dict[str, dict[str, ScoreSums]],
    progress: Callable[[float], None],
) -> None:
    """Adds the scores of one recording to those of its dataset."""
    dataset = log.dataset
    if log.dataset == eth_ucy.DATASET:
        dataset = f"{eth_ucy.DATASET}/{SCENES.get(log.name, log.name)}"
        log, config = eth_ucy.observed_only(log), eth_ucy.protocol_config()
    found = evaluate_log(log, predictors, config, progress)
    for name, sums in found.items():
        datasets.setdefault(dataset, {}).setdefault(name, ScoreSums(sums.config)).merge(sums)


def _rows(datasets: Mapping[str, Mapping[str, ScoreSums]]) -> list[dict[str, object]]:
    """Flat rows by dataset, predictor, class, K and horizon."""
    return [
        {"dataset": dataset, "agent_class": row.pop("agent_class"), "predictor": name, **row}
        for dataset, by_predictor in datasets.items()
        for name, sums in by_predictor.items()
        for row in sums.rows()
    ]
