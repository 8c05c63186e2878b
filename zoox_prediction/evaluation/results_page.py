"""The page of results: Markdown from files of scores."""

from __future__ import annotations

from collections.abc import Iterator

from zoox_prediction.evaluation import results_tables as tables
from zoox_prediction.evaluation.results_tables import is_ablation
from zoox_prediction.evaluation.score_files import ScoreFiles
from zoox_prediction.evaluation.subsets import SUBSETS

_CLASSES = ("vehicle", "pedestrian", "cyclist")

_INTRODUCTION = """\
# Results

Made by `zoox-prediction results` from the files of the commands at the end; not to be edited.

Predictors are judged by their K most likely modes, at 1, 3, 5 and 8 s, on every second of recordings that no weights
were trained, chosen or calibrated on; on pedestrian benchmarks in their own protocol, at 4.8 s. minADE, minFDE and miss
rate are those of the Waymo Open Motion Dataset, overlap is that of its most likely mode with the true boxes of others
(two on foot do not count), ECE is the expected calibration error of mode probabilities, and `in 90%` is the share of
true positions in the predicted region of 90%. Brackets hold intervals of 95% by bootstrap over the recordings (none
where there is one recording); `to the best` is the ratio to the best heuristic of the same cell, on the same draws.
"""


def results_page(files: ScoreFiles, notes: str = "") -> str:
    """The whole page; `notes`, Markdown, follow the list of scenes."""
    parts = [_INTRODUCTION, *_summary(files), *_comparison(files), *_certainty(files), *_ablation(files)]
    parts += [*_everything(files), *_scenes(files, notes), *_data(files)]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _summary(files: ScoreFiles) -> Iterator[str]:
    yield "## All agents, K = 6, at the longest horizon"
    yield tables.summary_table(files)


def _comparison(files: ScoreFiles) -> Iterator[str]:
    if any("against_best" in row for row in files.rows):
        yield "## Learned predictors and the best heuristic at every horizon"
        yield tables.comparison_table(files, ["all"], [6])
        yield "<details>\n<summary>by class, K = 1 and 6</summary>\n"
        yield tables.comparison_table(files, ["all", *_CLASSES], [1, 6])
        yield "</details>"


def _certainty(files: ScoreFiles) -> Iterator[str]:
    yield "## Whether their own doubts are right, all agents, K = 6"
    yield tables.certainty_table(files)


def _ablation(files: ScoreFiles) -> Iterator[str]:
    datasets = list(dict.fromkeys(str(row["dataset"]) for row in files.rows if is_ablation(row["predictor"])))
    if not datasets:
        return
    yield "## What each part is good for"
    yield (
        "minFDE of K = 6 at the longest horizon in metres, and how much more it is without a part of the network or\n"
        "its input; of all agents, and of those whose future that part may tell: "
        + "; ".join(f"*{_words(name)}*, {what}" for name, what in SUBSETS.items())
        + "."
    )
    for dataset in datasets:
        yield f"### {dataset}"
        yield tables.ablation_table(files, dataset)


def _everything(files: ScoreFiles) -> Iterator[str]:
    yield "## Every class, K and horizon"
    for dataset in files.datasets():
        yield f"<details>\n<summary>{dataset}</summary>\n"
        yield tables.full_table(files, dataset)
        yield "</details>"


def _scenes(files: ScoreFiles, notes: str) -> Iterator[str]:
    if files.scenes:
        yield "## Best, median and worst scenes"
        yield (
            "By minFDE of K = 6 at the longest horizon, mean over the agents that move; scenes with at least three of\n"
            "them. `zoox-prediction render scored` draws them from the same files."
        )
        yield tables.scene_table(files)
    if notes:
        yield notes


def _data(files: ScoreFiles) -> Iterator[str]:
    yield "## Data"
    yield tables.data_table(files)
    trained = [each for each in files.predictors.values() if not each["heuristic"]]
    if trained:
        yield "## Weights"
        yield tables.weights_table(trained)
    yield "## Commands"
    commands = dict.fromkeys(str(document["command"]) for document in files.documents)
    yield "\n".join(["```", *commands, "```"])
    made = dict.fromkeys(
        f"version {document['versions'].get('zoox_prediction')}, commit {document['commit'] or 'unknown'}"
        for document in files.documents
    )
    yield f"Measured with {'; '.join(made)}."


def _words(name: str) -> str:
    return name.replace("_", " ")
