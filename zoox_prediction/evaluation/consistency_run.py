"""`zoox-prediction evaluate --consistency`: how steady predictors are, as they are and made consistent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from rich.table import Table

from zoox_prediction.errors import InputError
from zoox_prediction.evaluation.consistency_metrics import ComparisonConfig, ConsistencySums
from zoox_prediction.evaluation.evaluation_run import Choice, Progress, make_predictors
from zoox_prediction.prediction.consistency import TemporalConsistency
from zoox_prediction.prediction.predictor import Predictor
from zoox_prediction.prediction.recorded_scenes import recorded_scenes
from zoox_prediction.prediction.scene_history import SceneHistoryConfig
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.recording.sources import RecordingSource, open_recording
from zoox_prediction.recording.split import RecordingSplit
from zoox_prediction.scene import PredictedTrajectories

Sums = dict[tuple[str, bool], ConsistencySums]  # by predictor, and whether its answers were made consistent

_START_S = 1.0  # of the past that the first scene has
_MOVING_MPS = 0.5
_TRUTH_STEP_S = 0.1


def measure_log(
    log: RecordedLog,
    predictors: Mapping[str, Predictor],
    config: ComparisonConfig | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Sums:
    """Every predictor on all scenes of one recording, an interval apart; `progress` is told the share done.

    Raises InputError when a predictor's answer does not reach the horizon.
    """
    config = config or ComparisonConfig()
    sums: Sums = {(name, smooth): ConsistencySums(config) for name in predictors for smooth in (False, True)}
    smoothing = {name: TemporalConsistency() for name in predictors}
    before: dict[tuple[str, bool], PredictedTrajectories] = {}
    steps = round(config.horizon_s / _TRUTH_STEP_S)
    start, end = (log.stamps_ns[0], log.stamps_ns[-1]) if len(log.stamps_ns) else (0, 1)
    for scene in recorded_scenes(log, SceneHistoryConfig(), _START_S, config.interval_s, 0.0):
        future = log.future(scene.agents.ids, scene.stamp_ns, _TRUTH_STEP_S, steps)
        moving = scene.agents.speed > _MOVING_MPS
        for name, predictor in predictors.items():
            raw = predictor.predict(scene)
            for key, now in (((name, False), raw), ((name, True), smoothing[name](raw))):
                try:
                    sums[key].add_truth(now, future.position[:, -1], future.valid[:, -1], moving)
                    if key in before:
                        sums[key].add_pair(before[key], now, moving)
                except ValueError as error:
                    raise InputError(f"predictor '{name}': {error}; leave it out") from error
                before[key] = now
        progress((scene.stamp_ns - start) / max(end - start, 1))
    return sums


def measure_recordings(
    sources: Sequence[RecordingSource],
    names: Mapping[str, str],
    choice: Choice,
    progress: Progress = lambda share, what: None,
) -> tuple[list[dict[str, object]], list[str]]:
    """Rows of the recordings that `choice` has, and a sentence for everything that could not be read.

    Raises InputError as `measure_log` does, and when a predictor cannot be made.
    """
    predictors, half = make_predictors(names), RecordingSplit(choice.half)
    datasets: dict[str, Sums] = {}
    problems: list[str] = []
    for index, source in enumerate(sources):
        what = f"{source.name}, {index + 1} of {len(sources)}"

        def within(share: float, index: int = index, what: str = what) -> None:
            progress((index + share) / len(sources), what)

        within(0.0)
        try:
            log = open_recording(source)
        except InputError as error:
            problems.append(str(error))
            continue
        part = half.part(log) if choice.has(log) else None
        if part is not None:
            problems += [f"{source.path}: {problem}" for problem in log.problems]
            merge(datasets, part.dataset, measure_log(part, predictors, progress=within))
    return rows_of(datasets), problems


def rows_of(datasets: Mapping[str, Sums]) -> list[dict[str, object]]:
    """Flat rows by dataset, agents, predictor and whether it was made consistent."""
    rows = [
        {"dataset": dataset, "predictor": name, "consistent": smooth, **row}
        for dataset, sums in datasets.items()
        for (name, smooth), each in sums.items()
        for row in each.rows()
    ]
    return sorted(rows, key=lambda row: (list(datasets).index(str(row["dataset"])), str(row["agents"])))


def merge(datasets: dict[str, Sums], dataset: str, sums: Sums) -> None:
    """Adds what was measured on a recording to that of its dataset."""
    known = datasets.setdefault(dataset, {})
    for key, each in sums.items():
        total = known.setdefault(key, ConsistencySums(each.config))
        for name in ("moved", "flipped", "in_motion", "errors", "error_in_motion"):
            getattr(total, name).extend(getattr(each, name))


def table(rows: Sequence[Mapping[str, object]]) -> Table:
    """What `rows_of` gives, for the terminal."""
    horizon = f"{float(str(rows[0]['horizon_s'])):g} s" if rows else ""
    result = Table(
        title=f"the likeliest mode {horizon} ahead, from frame to frame; errors at {horizon}", title_justify="left"
    )
    for name in ("dataset", "agents", "predictor", "made consistent"):
        result.add_column(name, no_wrap=True)
    columns = {
        "pairs": ("pairs", 0), "moved_median_m": ("moves, median \\[m]", 3), "moved_p90_m": ("moves, 90% \\[m]", 2),
        "flip_rate": ("flips", 4), "fde_1_m": ("FDE of the likeliest \\[m]", 3), "min_fde_m": ("minFDE \\[m]", 3),
        "brier_min_fde_m": ("Brier-minFDE \\[m]", 3),
    }  # fmt: skip
    for title, _ in columns.values():
        result.add_column(title, justify="right")
    for row in rows:
        cells = [_number(row[name], digits) for name, (_, digits) in columns.items()]
        smooth = "yes" if row["consistent"] else "no"
        result.add_row(str(row["dataset"]), str(row["agents"]), str(row["predictor"]), smooth, *cells)
    return result


def _number(value: object, digits: int) -> str:
    return "-" if value is None or not np.isfinite(float(str(value))) else f"{float(str(value)):.{digits}f}"
