"""`zoox-prediction evaluate`: the table of predictors by dataset, class, number of modes and horizon."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from zoox_prediction.errors import InputError
from zoox_prediction.evaluation import consistency_run, provenance, tables
from zoox_prediction.evaluation.evaluation_run import Choice, evaluate_recordings, labelled_predictors
from zoox_prediction.evaluation.protocol import ProtocolConfig
from zoox_prediction.evaluation.score_report import recordings_scored, scene_rows, score_rows
from zoox_prediction.evaluation.subsets import SUBSETS
from zoox_prediction.prediction.registry import PREDICTORS, usable_predictors
from zoox_prediction.progress import progress_bar
from zoox_prediction.recording.sources import RecordingSource, find_recordings
from zoox_prediction.recording.split import HALVES
from zoox_prediction.recording.splits import PARTS, read_split

EXIT_SOME_UNREADABLE = 2


def _subset_lines() -> str:
    return "\n".join(f"  {name:<20} {what}" for name, what in SUBSETS.items())


_EPILOG = f"""\
Every recording is sampled once per second (--interval); agents seen for 1 s are scored at every horizon at which their
truth is known. A row for K judges a predictor by its K most likely modes. minADE, minFDE, miss rate and overlap are
those of the Waymo Open Motion Dataset, but that two on foot do not overlap: people who walk together brush against
each other. Brier-minFDE is that of Argoverse 2, off-road is the probability of modes with which a vehicle leaves the
drivable area, ECE is the calibration error of mode probabilities, and the last columns are the shares of true positions
inside the predicted regions of 50% and 90%. An agent that leaves the recording before a horizon does not count there:
where the view is short, the rows of 8 s are about those who wait.

Recordings of ETH/UCY, and of the Stanford Drone Dataset in TrajNet's split, are scored in their benchmark's own
protocol: 3.2 s observed, 4.8 s predicted, every window; give the folder of the splits, or their test files.

The JSON also has intervals of 95% by bootstrap over the recordings, the difference of learned predictors from the best
heuristic with its interval, the best, median and worst scenes for 'render scored', and scores of agents by themselves
whom attributes or signals tell (--subsets prints them):
{_subset_lines()}

--consistency looks at every predictor ten times a second instead: how far its likeliest mode moves from one frame to
the next, seen at the same instant, and how often it becomes another one; as it is, and made consistent as in the node.

'zoox-prediction results' makes a page of such files.

examples:
  zoox-prediction evaluate --recordings crossing_bag/ log_folder/ --json scores.json
  zoox-prediction evaluate --recordings worlds/ --split config/splits/default.yaml --part test \\
    --predictor heuristic_mixture learned no_raster=learned:runs/no_raster.onnx --json test.json
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
        help=f"which to score, default all: {', '.join(PREDICTORS)}, learned; learned:WEIGHTS takes other weights, "
        "LABEL=NAME gives a name for the table",
    )
    parser.add_argument(
        "--interval", type=float, default=1.0, metavar="S", help="seconds between scored scenes, default 1"
    )
    parser.add_argument("--split", type=Path, metavar="FILE", help="YAML that says which recordings are of which part")
    parser.add_argument("--part", choices=PARTS, default="test", help="of --split, the one to score; default test")
    parser.add_argument(
        "--half",
        choices=HALVES,
        default="all",
        help="of the recordings, as in 'calibrate': what was fitted to the first half is judged on the second",
    )
    parser.add_argument("--workers", type=int, metavar="N", help="processes, default one per core")
    parser.add_argument("--subsets", action="store_true", help="also print the agents whom attributes or signals tell")
    parser.add_argument("--consistency", action="store_true", help="measure how steadily they answer instead")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")


def run(arguments: argparse.Namespace) -> int:
    """Prints the table and writes the JSON; 0 when every recording was read, else 2 after scoring the others."""
    if arguments.json is not None:
        tables.check_writable(arguments.json)
    names = labelled_predictors(arguments.predictor or usable_predictors())
    if not arguments.interval > 0.0:
        raise InputError(f"--interval {arguments.interval:g}: must be positive")
    workers = _cores() if arguments.workers is None else arguments.workers
    if workers < 1:
        raise InputError(f"--workers {workers}: must be at least 1")
    split = None if arguments.split is None else read_split(arguments.split)
    choice = Choice(split, arguments.part, arguments.half)
    sources, unreadable = find_recordings(arguments.recordings)
    if arguments.consistency:
        return _consistency(sources, names, choice, unreadable, arguments.json)
    config = ProtocolConfig(interval_s=arguments.interval)
    with progress_bar("") as bar:
        scores, problems = evaluate_recordings(sources, names, config, choice, workers, bar)
    unreadable += problems
    rows = list(score_rows(scores, [label for label, name in names.items() if name in PREDICTORS]))
    _print(rows, arguments.subsets)
    for problem in unreadable:
        print(f"zoox-prediction: {problem}", file=sys.stderr)
    if split is not None and not scores and not unreadable:
        raise InputError(f"{split.path}: none of these recordings is in the part '{arguments.part}'; give others")
    if not rows and not unreadable:
        raise InputError("no agent in these recordings is seen for long enough to be scored; give longer recordings")
    if arguments.json is not None:
        more = {
            "command": _command(arguments, names, list(recordings_scored(scores))),
            "predictors": provenance.predictors(names),
            "recordings": recordings_scored(scores),
            "scenes": list(scene_rows(scores, names)),
        }
        tables.write_json(arguments.json, rows, more)
    return EXIT_SOME_UNREADABLE if unreadable else 0


def _consistency(
    sources: Sequence[RecordingSource],
    names: Mapping[str, str],
    choice: Choice,
    unreadable: list[str],
    out: Path | None,
) -> int:
    with progress_bar("") as bar:
        rows, problems = consistency_run.measure_recordings(sources, names, choice, bar)
    unreadable += problems
    if rows:
        tables.console().print(consistency_run.table(rows))
    for problem in unreadable:
        print(f"zoox-prediction: {problem}", file=sys.stderr)
    if not rows and not unreadable:
        raise InputError("none of these recordings is in the part that was asked for; give others")
    if out is not None:
        tables.write_json(out, rows, {"predictors": provenance.predictors(names)})
    return EXIT_SOME_UNREADABLE if unreadable else 0


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _print(rows: list[dict[str, object]], subsets: bool) -> None:
    out = tables.console()
    for table in tables.score_tables([row for row in rows if row["subset"] is None]):
        out.print(table)
    if subsets:
        of_subsets = [{**row, "agent_class": row["subset"]} for row in rows if row["subset"] is not None]
        for table in tables.score_tables(of_subsets):
            out.print(table)


def _command(arguments: argparse.Namespace, names: Mapping[str, str], datasets: list[str]) -> str:
    """The command, with datasets in place of folders and without the folders of files: the page is for all machines."""
    words = ["zoox-prediction evaluate --recordings", *dict.fromkeys(each.partition("/")[0] for each in datasets)]
    if arguments.split is not None:
        words += ["--split", f"config/splits/{arguments.split.name}", "--part", arguments.part]
    if arguments.half != "all":
        words += ["--half", arguments.half]
    if arguments.interval != 1.0:
        words += ["--interval", f"{arguments.interval:g}"]
    shown = [name if label == name else f"{label}={name}" for label, name in names.items()]
    return " ".join([*words, "--predictor", *(re.sub(r"[^=:]*/", "", each) for each in shown)])
