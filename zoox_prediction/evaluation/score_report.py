"""Rows of a table from the scores of recordings: by dataset, with intervals; and which scenes to look at."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from zoox_prediction.evaluation import eth_ucy
from zoox_prediction.evaluation.bootstrap import BootstrapConfig, rows_of_dataset
from zoox_prediction.evaluation.evaluation_run import RecordingScores
from zoox_prediction.evaluation.scene_errors import ranked_scenes
from zoox_prediction.evaluation.score_sums import ScoreSums


def score_rows(
    scores: Sequence[RecordingScores], heuristics: Collection[str], config: BootstrapConfig | None = None
) -> Iterator[dict[str, object]]:
    """Rows as of `rows_of_dataset` by dataset, in the order of the recordings.

    The scenes of ETH/UCY are also averaged, as rows of the dataset `eth-ucy`: there a scene weighs the same however
    many agents it has, and intervals are over scenes.
    """
    for dataset, members in _by_dataset(scores).items():
        predictors = {name: [each.sums[name] for each in members] for name in members[0].sums}
        for row in rows_of_dataset(predictors, heuristics, config):
            yield {"dataset": dataset, **row}
    benchmark = {
        dataset: members
        for dataset, members in _by_dataset(scores).items()
        if dataset.startswith(f"{eth_ucy.DATASET}/")
    }
    if len(benchmark) > 1:
        first = next(iter(benchmark.values()))[0]
        predictors = {name: [_sum(members, name) for members in benchmark.values()] for name in first.sums}
        for row in rows_of_dataset(predictors, heuristics, config, each_alike=True):
            yield {"dataset": eth_ucy.DATASET, **row}


def scene_rows(scores: Sequence[RecordingScores], predictors: Iterable[str]) -> Iterator[dict[str, object]]:
    """The best, the median and the worst scenes of every predictor on every dataset."""
    for dataset, members in _by_dataset(scores).items():
        for name in predictors:
            for row in ranked_scenes([(each.name, each.scenes) for each in members], name):
                yield {"dataset": dataset, **row}


def recordings_scored(scores: Sequence[RecordingScores]) -> dict[str, dict[str, object]]:
    """The licence and the names of the recordings of each dataset."""
    return {
        dataset: {"licence": ", ".join(sorted({each.licence for each in members})), "names": [m.name for m in members]}
        for dataset, members in _by_dataset(scores).items()
    }


def _by_dataset(scores: Sequence[RecordingScores]) -> dict[str, list[RecordingScores]]:
    found: dict[str, list[RecordingScores]] = {}
    for each in scores:
        found.setdefault(each.dataset, []).append(each)
    return found


def _sum(members: Sequence[RecordingScores], name: str) -> ScoreSums:
    total = ScoreSums(members[0].sums[name].config)
    for each in members:
        total.merge(each.sums[name])
    return total
