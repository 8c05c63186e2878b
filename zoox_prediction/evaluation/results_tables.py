"""The tables of the page of results, in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any

from zoox_prediction.evaluation.score_files import Row, ScoreFiles
from zoox_prediction.evaluation.subsets import SUBSETS

_ABLATION = "no_"  # begins the label of a predictor that lacks something
_MODES = 6
_FEW = 20  # agents; classes with fewer are not compared


def is_ablation(predictor: str) -> bool:
    """Whether a predictor stands in the table of the ablation only."""
    return predictor.startswith(_ABLATION)


def summary_table(files: ScoreFiles) -> str:
    """By dataset the best heuristic (by minFDE) and the others that are none."""
    lines = []
    for dataset in files.datasets():
        rows = _last(files.select(dataset=dataset, agent_class="all", subset=None, k=_MODES))
        heuristics = [row for row in rows if _is_heuristic(files, row) and row["min_fde_m"] is not None]
        best = sorted(heuristics, key=lambda row: row["min_fde_m"])[:1]
        for index, row in enumerate([*best, *(each for each in rows if _is_learned(files, each))]):
            what = f"{dataset}, {row['recordings']} recordings, {row['n']} agents, {row['horizon_s']:g} s"
            numbers = [_with_interval(row, name, _metres) for name in ("min_ade_m", "min_fde_m")]
            rates = [_with_interval(row, name, _percent) for name in ("miss_rate", "overlap_rate")]
            lines.append(["" if index else what, row["predictor"], *numbers, _to_best(row), *rates])
    head = ["dataset", "predictor", "minADE [m]", "minFDE [m]", "minFDE to the best", "miss rate [%]", "overlap [%]"]
    return _table(head, lines)


def comparison_table(files: ScoreFiles, classes: Sequence[str], num_modes: Sequence[int]) -> str:
    """By dataset, class, K and predictor, at every horizon."""
    lines = []
    for dataset, agent_class, k in product(files.datasets(), classes, num_modes):
        rows = files.select(dataset=dataset, agent_class=agent_class, subset=None, k=k)
        for predictor, mine in _by_predictor(row for row in rows if _is_learned(files, row)).items():
            if max(row["n"] for row in mine) >= _FEW:
                about = [dataset, agent_class, str(k), predictor]
                lines += [[*about, *_comparison_cells(row)] for row in mine if "against_best" in row]
    head = ["dataset", "class", "K", "predictor", "s", "agents", "minADE to the best", "minFDE to the best"]
    return _table([*head, "minFDE less the best [m]", "miss rate less the best [%]"], lines)


def _comparison_cells(row: Row) -> list[str]:
    against = row["against_best"]
    ratios = [_values(against[name], "ratio", _metres) for name in ("min_ade_m", "min_fde_m")]
    differences = [
        _values(against[name], "difference", form) for name, form in (("min_fde_m", _metres), ("miss_rate", _percent))
    ]
    return [f"{row['horizon_s']:g}", str(row["n"]), *ratios, *differences]


def certainty_table(files: ScoreFiles) -> str:
    """Coverage and calibration over the horizons, of the mixture and of what is no heuristic."""
    lines = []
    for dataset in files.datasets():
        by_predictor = _by_predictor(files.select(dataset=dataset, agent_class="all", subset=None, k=_MODES))
        for predictor, rows in by_predictor.items():
            if rows[0]["ece"] is not None and not is_ablation(predictor):
                cells = [_over_horizons(rows, name, _percent) for name in ("coverage_50", "coverage_90")]
                lines.append([dataset, predictor, *cells, _over_horizons(rows, "ece", _fine)])
    return _table(["dataset", "predictor", "in 50% [%]", "in 90% [%]", "ECE"], lines)


def ablation_table(files: ScoreFiles, dataset: str) -> str:
    """By subset of agents, what the whole network scores and what it scores without each part."""
    rows = _last(row for row in files.select(dataset=dataset, agent_class="all", k=_MODES))
    by_cell = {(row["predictor"], row["subset"]): row for row in rows}
    ablations = [each for each in _by_predictor(rows) if is_ablation(each)]
    whole = next(each for each in [*(p for p in _by_predictor(rows) if _is_full(files, p)), ablations[0]])
    lines = []
    for subset in (None, *SUBSETS):
        full = by_cell.get((whole, subset))
        if full is None:
            continue
        cells = [_change(by_cell.get((each, subset)), full) for each in ablations]
        name = "all" if subset is None else subset.replace("_", " ")
        lines.append([name, str(full["n"]), _metres(full["min_fde_m"]), *cells])
    return _table(["agents", "number", whole, *(each.replace("_", " ") for each in ablations)], lines)


def _change(row: Row | None, full: Row) -> str:
    if row is None or row["min_fde_m"] is None or not full["min_fde_m"]:
        return "-"
    return f"{_metres(row['min_fde_m'])} ({row['min_fde_m'] / full['min_fde_m'] - 1.0:+.0%})"


def full_table(files: ScoreFiles, dataset: str) -> str:
    """Every class, K and predictor; over the horizons what is told at each, else of the longest."""
    rows = [row for row in files.select(dataset=dataset, subset=None) if not is_ablation(row["predictor"])]
    lines = []
    for agent_class in dict.fromkeys(row["agent_class"] for row in rows):
        for k in sorted({row["k"] for row in rows}):
            of_class = [row for row in rows if row["agent_class"] == agent_class and row["k"] == k]
            for predictor, mine in _by_predictor(of_class).items():
                every = [_over_horizons(mine, name, _metres) for name in ("min_ade_m", "min_fde_m")]
                every.append(_over_horizons(mine, "miss_rate", _percent))
                last = [_metres(mine[-1]["brier_min_fde_m"])]
                last += [_percent(mine[-1][name]) for name in ("off_road_rate", "overlap_rate")]
                last += [_fine(mine[-1]["ece"]), *(_percent(mine[-1][f"coverage_{each}"]) for each in (50, 90))]
                lines.append([agent_class, str(k), predictor, _over_horizons(mine, "n", str), *every, *last])
    horizons = ", ".join(f"{each:g}" for each in sorted({row["horizon_s"] for row in rows}))
    head = ["class", "K", "predictor", f"agents at {horizons} s", "minADE [m]", "minFDE [m]", "miss rate [%]"]
    head += ["Brier-minFDE [m]", "off-road [%]", "overlap [%]", "ECE", "in 50% [%]", "in 90% [%]"]
    return _table(head, lines)


def scene_table(files: ScoreFiles) -> str:
    """Of what is no heuristic; where there is nothing else of the mixture."""
    learned = [row for row in files.scenes if _is_learned(files, row)]
    rows = learned or [row for row in files.scenes if row["predictor"] == "heuristic_mixture"]
    lines = [
        [
            row["dataset"],
            row["predictor"],
            row["rank"],
            row["recording"],
            f"{row['at_s']:.1f}",
            f"{_metres(row['min_fde_m'])} of {row['num_agents']} agents",
            f"{row['worst_agent']}, {_metres(row['worst_m'])}",
        ]
        for row in rows
    ]
    return _table(
        ["dataset", "predictor", "", "recording", "at [s]", "minFDE [m]", "worst agent, its minFDE [m]"], lines
    )


def data_table(files: ScoreFiles) -> str:
    """What was scored, and its terms."""
    lines = [
        [dataset, str(len(about["names"])), ", ".join(about["names"]), about["licence"]]
        for dataset, about in files.recordings.items()
    ]
    return _table(["dataset", "recordings", "names", "licence"], lines)


def weights_table(predictors: Iterable[Mapping[str, Any]]) -> str:
    """What is known of trained predictors."""
    lines = []
    for each in predictors:
        data = "; ".join(", ".join(map(str, one.values())) for one in each.get("training_data", ()))
        lines.append([each["label"], str(each["version"]), data or "-", each.get("licence") or "-"])
    return _table(["label", "version", "trained on", "licence"], lines)


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *lines])


def _is_heuristic(files: ScoreFiles, row: Row) -> bool:
    return bool(files.predictors[row["predictor"]]["heuristic"])


def _is_learned(files: ScoreFiles, row: Row) -> bool:
    return not _is_heuristic(files, row) and not is_ablation(row["predictor"])


def _is_full(files: ScoreFiles, predictor: str) -> bool:
    return not files.predictors[predictor]["heuristic"] and not is_ablation(predictor)


def _last(rows: Iterable[Row]) -> list[Row]:
    """Those of the longest horizon."""
    found = list(rows)
    longest = max((row["horizon_s"] for row in found), default=0.0)
    return [row for row in found if row["horizon_s"] == longest]


def _by_predictor(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["predictor"], []).append(row)
    return found


def _over_horizons(rows: Sequence[Row], name: str, form: Callable[[Any], str]) -> str:
    return " / ".join(form(row[name]) for row in rows)


def _to_best(row: Row) -> str:
    return _values((row.get("against_best") or {}).get("min_fde_m"), "ratio", _metres)


def _values(against: Mapping[str, Any] | None, name: str, form: Callable[[Any], str]) -> str:
    """A value and its interval, of a comparison."""
    if against is None:
        return "-"
    value, *ends = against[name]
    return _bracketed(form(value), ends, form)


def _with_interval(row: Row, name: str, form: Callable[[Any], str]) -> str:
    return _bracketed(form(row[name]), row["interval"][name], form)


def _bracketed(text: str, ends: Sequence[float | None] | None, form: Callable[[Any], str]) -> str:
    return f"{text} [{', '.join(map(form, ends))}]" if ends and None not in ends else text


def _metres(value: float | None) -> str:
    return "-" if value is None else f"{round(value, 2) + 0.0:.2f}"  # never -0.00


def _fine(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{round(100.0 * value, 1) + 0.0:.1f}"
