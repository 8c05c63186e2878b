"""Scores of predictors on many recordings, in several processes; in the order of the recordings, whoever is first."""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace

from zoox_prediction.errors import InputError
from zoox_prediction.evaluation import eth_ucy
from zoox_prediction.evaluation.protocol import ProtocolConfig, evaluate_log
from zoox_prediction.evaluation.scene_errors import SceneError, scene_error
from zoox_prediction.evaluation.score_sums import ScoreSums
from zoox_prediction.evaluation.scores import Modes, Truth
from zoox_prediction.prediction.config import PredictionConfig
from zoox_prediction.prediction.predictor import Predictor
from zoox_prediction.prediction.registry import create_predictor
from zoox_prediction.recording.licences import licence_of
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.recording.looking_back import observed_only
from zoox_prediction.recording.sources import RecordingSource, open_recording
from zoox_prediction.recording.split import RecordingSplit
from zoox_prediction.recording.splits import Split
from zoox_prediction.scene import Scene

_LABEL = re.compile(r"[\w-]+")  # of a predictor, in LABEL=NAME

Progress = Callable[[float, str], None]  # share done, what of


@dataclass(frozen=True)
class Choice:
    """Which recordings are scored: those of one part of a split, and one half; by default all."""

    split: Split | None = None
    part: str = "test"
    half: str = "all"

    def has(self, log: RecordedLog) -> bool:
        return self.split is None or self.split.part_of(log.dataset, log.name) == self.part


@dataclass(frozen=True)
class RecordingScores:
    """What was measured on one recording."""

    dataset: str
    name: str
    licence: str
    sums: Mapping[str, ScoreSums]  # by predictor
    scenes: tuple[SceneError, ...]


@dataclass(frozen=True)
class Outcome:
    """Of one source: its scores unless it is of another part or cannot be read, and what is wrong with it."""

    scores: RecordingScores | None
    problems: tuple[str, ...]


def labelled_predictors(words: Sequence[str]) -> dict[str, str]:
    """Names for `create_predictor` by their labels, from words NAME or LABEL=NAME."""
    names: dict[str, str] = {}
    for word in words:
        label, equals, name = word.partition("=")
        if not (equals and _LABEL.fullmatch(label)):  # a file of weights may have the sign in its name
            label = name = word
        if names.setdefault(label, name) != name:
            raise InputError(f"--predictor: '{label}' stands for both {names[label]} and {name}; give two labels")
    return names


def make_predictors(names: Mapping[str, str]) -> dict[str, Predictor]:
    """By label, from labels with names for `create_predictor`; InputError when one cannot be made."""
    config = PredictionConfig()
    # One thread each: recordings are what is done at once, and sums do not depend on the number of cores.
    config = replace(config, learned=replace(config.learned, num_threads=1))
    return {label: create_predictor(name, config) for label, name in names.items()}


def evaluate_recordings(
    sources: Sequence[RecordingSource],
    names: Mapping[str, str],
    config: ProtocolConfig,
    choice: Choice,
    workers: int,
    progress: Progress = lambda share, what: None,
) -> tuple[list[RecordingScores], list[str]]:
    """Scores of the recordings that `choice` has, and a sentence for everything that could not be read.

    Raises InputError when a predictor cannot be made or its answer cannot be scored.
    """
    if workers == 1 or len(sources) < 2 or choice.half != "all":  # halves are counted from recording to recording
        outcomes = list(_one_by_one(sources, names, config, choice, progress))
    else:
        outcomes = _by_processes(sources, names, config, choice, workers, progress)
    scores = [each.scores for each in outcomes if each.scores is not None]
    return scores, [problem for each in outcomes for problem in each.problems]


def _one_by_one(
    sources: Sequence[RecordingSource],
    names: Mapping[str, str],
    config: ProtocolConfig,
    choice: Choice,
    progress: Progress,
) -> Iterator[Outcome]:
    predictors, half = make_predictors(names), RecordingSplit(choice.half)
    for index, source in enumerate(sources):
        what = f"{source.name}, {index + 1} of {len(sources)}"
        progress(index / len(sources), what)

        def within(share: float, index: int = index, what: str = what) -> None:
            progress((index + share) / len(sources), what)

        yield _evaluate_source(source, predictors, config, choice, half, within)


_predictors: dict[str, Predictor] = {}  # of a worker process: made once, used for all of its recordings


def _start_worker(names: Mapping[str, str]) -> None:
    _predictors.update(make_predictors(names))


def _work(source: RecordingSource, config: ProtocolConfig, choice: Choice) -> Outcome:
    return _evaluate_source(source, _predictors, config, choice, RecordingSplit("all"), lambda share: None)


def _by_processes(
    sources: Sequence[RecordingSource],
    names: Mapping[str, str],
    config: ProtocolConfig,
    choice: Choice,
    workers: int,
    progress: Progress,
) -> list[Outcome]:
    make_predictors(names)  # says here what is wrong with them, where an initializer could not
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(sources)), context, initializer=_start_worker, initargs=(names,))
    with pool:
        try:
            tasks = [pool.submit(_work, source, config, choice) for source in sources]
            for count, task in enumerate(as_completed(tasks), start=1):
                task.result()  # raises at once, not when its turn comes
                progress(count / len(sources), f"{count} of {len(sources)}")
            return [task.result() for task in tasks]
        except BrokenProcessPool as error:
            raise InputError("a process has died, perhaps for want of memory; take fewer --workers") from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _evaluate_source(
    source: RecordingSource,
    predictors: Mapping[str, Predictor],
    config: ProtocolConfig,
    choice: Choice,
    half: RecordingSplit,
    progress: Callable[[float], None],
) -> Outcome:
    try:
        log = open_recording(source)
    except InputError as error:
        return Outcome(None, (str(error),))
    part = half.part(log) if choice.has(log) else None
    if part is None:
        return Outcome(None, ())
    problems = tuple(f"{source.path}: {problem}" for problem in log.problems)
    return Outcome(evaluate_recording(part, predictors, config, progress), problems)


def evaluate_recording(
    log: RecordedLog,
    predictors: Mapping[str, Predictor],
    config: ProtocolConfig,
    progress: Callable[[float], None] = lambda share: None,
) -> RecordingScores:
    """The scores of one recording; those of pedestrian benchmarks in their own protocol."""
    dataset = log.dataset
    if eth_ucy.is_of_benchmark(log):
        dataset = eth_ucy.dataset_of(log)
        log, config = observed_only(log), eth_ucy.protocol_config()
    start_ns = int(log.stamps_ns[0]) if len(log.stamps_ns) else 0
    found: list[SceneError] = []

    def note(name: str, scene: Scene, modes: Modes, truth: Truth) -> None:
        error = scene_error(name, (scene.stamp_ns - start_ns) * 1e-9, scene, modes, truth)
        if error is not None:
            found.append(error)

    sums = evaluate_log(log, predictors, config, progress, note)
    return RecordingScores(dataset, log.name, licence_of(log.dataset, log.metadata), sums, tuple(found))
