"""`zoox-prediction mine`: recordings become training samples; what an agent did next is its label."""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from rich.console import Console

from zoox_prediction import __version__
from zoox_prediction.errors import InputError
from zoox_prediction.progress import progress_bar
from zoox_prediction.recording.sources import find_recordings
from zoox_prediction.recording.splits import PARTS, read_split
from zoox_prediction.training.future_labels import ScoringConfig
from zoox_prediction.training.mining import MiningConfig, MiningOutcome, MiningTask, mine_recording
from zoox_prediction.training.mining_tally import added, print_tables, shares
from zoox_prediction.training.samples import INDEX_NAME, SHARDS, difference_of, read_document, write_document

EXIT_SOME_UNREADABLE = 2
_WIDTH_WITHOUT_TERMINAL = 120

_EPILOG = """\
Samples are scenes every --interval seconds: what the network is given, exactly as it is online, and where every agent
went in the 8 s after. Recorded tracks are smoothed over the whole recording (simulated ones are left as they are);
where an agent was not seen for 0.5 s, or jumps in a way that its class cannot, its future is not known from there on,
and nothing is made up. The folder can be given again: recordings that it has are kept, others are added.

With --ray the recordings are spread over a Ray cluster whose machines all see the same folders: pip install ray.

example: zoox-prediction mine worlds/ --out samples/train --split config/splits/default.yaml --part train
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "recordings", nargs="+", type=Path, metavar="BAG",
        help="bags, recordings of public datasets as 'convert' takes them, or folders of either",
    )  # fmt: skip
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of the samples")
    parser.add_argument("--interval", type=float, default=1.0, metavar="S", help="seconds between scenes, default 1")
    parser.add_argument(
        "--max-distance", type=float, default=100.0, metavar="M",
        help="agents count this near to the raster's centre, default %(default)g m",
    )  # fmt: skip
    parser.add_argument("--split", type=Path, metavar="FILE", help="YAML, such as config/splits/default.yaml")
    parser.add_argument("--part", choices=PARTS, help="of the split: recordings that are not in it are left out")
    parser.add_argument("--workers", type=int, default=1, metavar="W", help="processes, default %(default)s")
    parser.add_argument(
        "--ray", nargs="?", const="", metavar="ADDRESS", help="use Ray: here, or the cluster at ADDRESS ('auto')"
    )
    parser.add_argument("--again", action="store_true", help="remove the samples that DIR has, and mine all anew")


def run(arguments: argparse.Namespace) -> int:
    """Mines, writes the index and prints what is in it; 2 when some recording could not be read."""
    tasks, problems = _tasks(arguments)
    outcomes = []
    with progress_bar("mining") as bar:
        for count, outcome in enumerate(_outcomes(tasks, arguments), start=1):
            bar(count / len(tasks), f"{outcome.source.name}, {count} of {len(tasks)}")
            outcomes.append(outcome)
    problems += [problem for outcome in outcomes for problem in outcome.problems]
    mined = [outcome for outcome in outcomes if outcome.samples]
    if not mined and not problems:
        raise InputError(
            "none of these recordings becomes a sample: they are too short"
            + (f", or none is in part '{arguments.part}' of the split" if arguments.split else "")
        )
    for problem in dict.fromkeys(problems):
        print(f"zoox-prediction: {problem}", file=sys.stderr)
    if mined:
        tally = write_index(arguments.out, tasks[0].config)
        print_tables(tally, _console())
        kept = sum(outcome.kept for outcome in mined)
        print(
            f"{arguments.out}: {sum(outcome.samples for outcome in mined)} samples of {len(mined)} recordings"
            + (f", {kept} of them were there already" if kept else "")
        )
    return EXIT_SOME_UNREADABLE if problems else 0


def write_index(out: Path, config: MiningConfig) -> dict[str, dict[str, int]]:
    """Writes the index of all samples that the folder has, and returns their counts."""
    shards = [(path, read_document(path)) for path in sorted((out / SHARDS).glob("**/*.json"))]
    tally = added(document["tally"] for _, document in shards)
    recordings: dict[str, dict[str, Any]] = {}
    for _, document in shards:
        known = recordings.setdefault(document["dataset"], {"licence": document["licence"], "names": []})
        if document["recording"] not in known["names"]:
            known["names"].append(document["recording"])
    write_document(
        out / INDEX_NAME,
        {
            "made_by": f"zoox-prediction {__version__} mine",
            "settings": config.settings(),
            "samples": sum(len(document["samples"]) for _, document in shards),
            "recordings": recordings,
            "shares": {name: round(value, 4) for name, value in shares(tally).items()},
            "counts": tally,
            "shards": {str(path.relative_to(out).with_suffix(".tar")): len(each["samples"]) for path, each in shards},
        },
    )
    return tally


def _tasks(arguments: argparse.Namespace) -> tuple[list[MiningTask], list[str]]:
    """What is to be done, and a sentence for each path without a recording; DIR is made ready for it."""
    for name in ("interval", "max_distance", "workers"):
        if not getattr(arguments, name) > 0:
            raise InputError(f"--{name.replace('_', '-')} {getattr(arguments, name)}: must be above 0")
    if (arguments.split is None) != (arguments.part is None):
        raise InputError("--split and --part go together: a file, and which of its parts to mine")
    split = None if arguments.split is None else read_split(arguments.split)
    if split is not None and arguments.part not in split.parts:
        raise InputError(f"{arguments.split}: has no part '{arguments.part}'; it has {', '.join(split.parts)}")
    config = MiningConfig(interval_s=arguments.interval, scoring=ScoringConfig(max_distance_m=arguments.max_distance))
    sources, problems = find_recordings(arguments.recordings)
    if not sources:
        raise InputError(problems[0])
    _prepare(arguments.out, config, arguments.again)
    tasks = [MiningTask(source, arguments.out, config, split, arguments.part or "") for source in sources]
    return tasks, problems


def _prepare(out: Path, config: MiningConfig, again: bool) -> None:
    """Makes the folder, or sees that it has samples of the same settings. Raises InputError for any other."""
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out}: is a file; give a folder")
    index = out / INDEX_NAME
    if index.is_file() and not again:
        if difference := difference_of(read_document(index).get("settings", {}), config.settings()):
            raise InputError(
                f"--out {out}: holds samples of other settings: {difference}; give another folder or --again"
            )
        return
    if not index.is_file() and out.is_dir() and any(out.iterdir()):
        raise InputError(f"--out {out}: holds something that is no samples; give a folder that is new or empty")
    if again and index.is_file():
        index.unlink()
        shutil.rmtree(out / SHARDS, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    write_document(index, {"made_by": f"zoox-prediction {__version__} mine", "settings": config.settings()})


def _outcomes(tasks: Sequence[MiningTask], arguments: argparse.Namespace) -> Iterator[MiningOutcome]:
    """The recordings as they are done."""
    if arguments.ray is not None:
        yield from _with_ray(tasks, arguments.ray)
    elif arguments.workers == 1 or len(tasks) == 1:
        yield from map(mine_recording, tasks)
    else:
        yield from _with_processes(tasks, arguments.workers)


def _with_processes(tasks: Sequence[MiningTask], workers: int) -> Iterator[MiningOutcome]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(tasks)), mp_context=context) as pool:
        try:
            for done in as_completed([pool.submit(mine_recording, task) for task in tasks]):
                yield done.result()
        except BrokenProcessPool as error:
            raise InputError("a mining process has died, perhaps for want of memory; take fewer --workers") from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _with_ray(tasks: Sequence[MiningTask], address: str) -> Iterator[MiningOutcome]:
    try:
        import ray
    except ModuleNotFoundError as error:
        raise InputError("--ray: needs the package ray; pip install 'zoox_prediction[ray]'") from error
    ray.init(address=address or None, log_to_driver=False, include_dashboard=False if not address else None)
    try:
        mine = ray.remote(mine_recording)
        waiting = [mine.remote(task) for task in tasks]
        while waiting:
            done, waiting = ray.wait(waiting)
            yield from ray.get(done)
    finally:
        ray.shutdown()


def _console() -> Console:
    return Console() if sys.stdout.isatty() else Console(width=_WIDTH_WITHOUT_TERMINAL)
