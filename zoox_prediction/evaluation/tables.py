"""Figures for people (tables on the terminal) and for programs (one JSON layout for every command that measures)."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.markup import escape  # else "[m]" is taken for a style and left out
from rich.table import Table

from zoox_prediction.errors import InputError
from zoox_prediction.evaluation import provenance

Row = Mapping[str, object]

_WIDTH_WITHOUT_TERMINAL = 200  # a file or a pipe has no width; wide enough for a row of scores
# Of these the table shows every horizon, of the others the longest one.
_EVERY_HORIZON = {"min_ade_m": "minADE [m]", "min_fde_m": "minFDE [m]", "miss_rate": "miss rate"}
_LAST_HORIZON = {
    "brier_min_fde_m": "Brier-minFDE [m]",
    "off_road_rate": "off-road",
    "overlap_rate": "overlap",
    "ece": "ECE",
    "coverage_50": "in 50%",
    "coverage_90": "in 90%",
}


def console() -> Console:
    """Where tables go: standard output, as wide as the terminal or as the table needs."""
    return Console() if sys.stdout.isatty() else Console(width=_WIDTH_WITHOUT_TERMINAL)


def score_tables(rows: Sequence[Row]) -> list[Table]:
    """One table per dataset of rows as `evaluate` makes them, with a section per class."""
    tables = []
    for dataset, members in groupby(rows, key=lambda row: row["dataset"]):
        group = list(members)
        horizons = sorted({float(str(row["horizon_s"])) for row in group})
        at = ", ".join(f"{each:g}" for each in horizons)
        table = Table(title=f"{dataset}: at {at} s; the right-hand columns at {horizons[-1]:g} s", title_justify="left")
        for name in ("class", "predictor"):
            table.add_column(name, no_wrap=True)
        for name in ("K", "agents", *_EVERY_HORIZON.values(), *_LAST_HORIZON.values()):
            table.add_column(escape(name), justify="right", no_wrap=name in _EVERY_HORIZON.values())
        previous = None
        for agent_class, predictor, k, cells in _lines(group, horizons):
            if previous not in (None, agent_class):
                table.add_section()
            table.add_row(agent_class if agent_class != previous else "", predictor, k, *cells)
            previous = agent_class
        tables.append(table)
    return tables


def benchmark_table(rows: Sequence[Row]) -> Table:
    """A table of rows as `benchmark` makes them."""
    table = Table()
    for name, justify in (("what", "left"), ("agents", "right"), ("p50 [ms]", "right"), ("p99 [ms]", "right")):
        table.add_column(escape(name), justify=justify)  # type: ignore[arg-type]  # rich names a Literal
    table.add_column("p50 / reference", justify="right")
    for row in rows:
        numbers = [_number(row[key], digits) for key, digits in (("p50_ms", 3), ("p99_ms", 3), ("ratio", 2))]
        table.add_row(str(row["name"]), _number(row["agents"], 0), *numbers)
    return table


def check_writable(path: Path) -> None:
    """Raises InputError now when the JSON could not be written to `path` later, after a long run."""
    folder = path.resolve().parent
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give --json the name of a file")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InputError(f"{path}: the folder does not exist or cannot be written; create it or choose another --json")


def write_json(path: Path, rows: Sequence[Row], more: Mapping[str, object] | None = None) -> None:
    """Writes {"machine", "versions", "commit", **more, "rows"} to `path`, all of it or nothing.

    Figures that are not defined or not finite become null. Raises InputError when `path` cannot be written.
    """
    document = {
        "machine": provenance.machine(),
        "versions": provenance.versions(),
        "commit": provenance.commit(),
        **(more or {}),
        "rows": rows,
    }
    text = json.dumps(_finite(document), indent=1, allow_nan=False) + "\n"
    check_writable(path)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written: {error.strerror}; free space or choose another --json") from error


def _finite(value: object) -> object:
    """The value, at any depth with null in place of NaN and infinity, which JSON does not know."""
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _lines(group: Sequence[Row], horizons: Sequence[float]) -> Iterator[tuple[str, str, str, list[str]]]:
    """Class, predictor, K and cells of each line; K that score the same (one mode in use) share a line."""
    by_line: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for row in group:
        by_line.setdefault((str(row["agent_class"]), str(row["predictor"])), {}).setdefault(str(row["k"]), []).append(
            row
        )
    classes = list(dict.fromkeys(agent_class for agent_class, _ in by_line))
    for agent_class, predictor in sorted(by_line, key=lambda line: classes.index(line[0])):
        cells: dict[tuple[str, ...], list[str]] = {}
        for k, rows in by_line[agent_class, predictor].items():
            cells.setdefault(tuple(_cells(rows, horizons)), []).append(k)
        for texts, ks in cells.items():
            yield agent_class, predictor, ", ".join(ks), list(texts)


def _cells(line: Sequence[Row], horizons: Sequence[float]) -> list[str]:
    """Cells of one class, predictor and K: agents, then the scores over the horizons, then those of the last."""
    by_horizon = {float(str(row["horizon_s"])): row for row in line}
    agents = _number(max(int(str(row["n"])) for row in line), 0)
    every = [
        " ".join(_number(by_horizon.get(each, {}).get(name), 2).rjust(5) for each in horizons)
        for name in _EVERY_HORIZON
    ]
    return [agents, *every, *(_number(by_horizon.get(horizons[-1], {}).get(name), 2) for name in _LAST_HORIZON)]


def _number(value: object, digits: int) -> str:
    return "-" if value is None else f"{float(str(value)):.{digits}f}"
