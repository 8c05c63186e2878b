"""The report on simulated traffic: beside recorded traffic, and what attributes announce."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from zoox_prediction import __version__
from zoox_prediction.errors import InputError
from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.recording.log import RecordedLog, load_log
from zoox_prediction.simulation.realism import attribute_effects as attributes
from zoox_prediction.simulation.realism.courses import courses_of
from zoox_prediction.simulation.realism.ego_way import Encounters, encounters
from zoox_prediction.simulation.realism.figures import draw_histograms
from zoox_prediction.simulation.realism.observations import Effects
from zoox_prediction.simulation.realism.references import REFERENCES, Reference
from zoox_prediction.simulation.realism.statistics import (
    QUANTITIES,
    Samples,
    described,
    distance,
    hard_braking_share,
    merge,
    samples_of,
)

HARD_MPS2 = 4.0
FAR_OFF = 0.35  # the least statistic of Kolmogorov and Smirnov that is pointed out
_ENOUGH = 20  # samples of a source, for that
SIMULATION = "simulation"

Progress = Callable[[float, str], None]
Row = dict[str, object]


@dataclass
class Measured:
    """What the scenes and the references were reduced to."""

    sources: dict[str, Samples] = field(default_factory=dict)  # the simulation first
    effects: Effects = field(default_factory=dict)
    hard_braking: tuple[int, int] = (0, 0)  # vehicle-instants beyond HARD_MPS2, and all
    encounters: dict[str, Encounters] = field(default_factory=dict)  # of the sources with an ego
    missing: list[str] = field(default_factory=list)  # a sentence for each reference that is not there


def write_report(
    bags: Sequence[Path], folder: Path, progress: Progress, references: Sequence[Reference] = REFERENCES
) -> Path:
    """Measures the scenes of `bags` beside the references; writes report.md, report.json and PNG files to `folder`.

    Returns the path of report.md. Raises InputError when a bag cannot be read or the folder cannot be written.
    """
    measured = measure(bags, progress, references)
    rows = report_rows(measured)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        drawn = [
            each.key
            for each in QUANTITIES
            if each.is_drawn and draw_histograms(folder / f"{each.key}.png", each, measured.sources)
        ]
        document = {"version": __version__, "scenes": len(bags), "rows": _finite(rows)}
        (folder / "report.json").write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        path = folder / "report.md"
        path.write_text(_markdown(measured, rows, drawn, len(bags)), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}; give another --out") from error
    return path


def measure(bags: Sequence[Path], progress: Progress, references: Sequence[Reference]) -> Measured:
    """Samples and observations of all; `progress` gets the share that is done and what is read now."""
    measured = Measured()
    parts, effects, hard, met = [], [], np.zeros(2, dtype=np.int64), Encounters()
    total = len(bags) + len(references)
    for index, bag in enumerate(bags):
        progress(index / total, bag.name)
        log = load_log(bag)
        courses, lanes = courses_of(log), _lanes(log)
        parts.append(samples_of(courses, lanes))
        effects.append(attributes.attribute_effects(courses, lanes))
        hard += hard_braking_share(courses, HARD_MPS2)
        met += encounters(courses)
    measured.sources[SIMULATION] = merge(parts)
    measured.effects = attributes.merge_effects(effects)
    measured.hard_braking, measured.encounters[SIMULATION] = (int(hard[0]), int(hard[1])), met
    for index, reference in enumerate(references, start=len(bags)):
        progress(index / total, reference.name)
        parts, met = [], Encounters()
        for log in reference.logs():
            courses = courses_of(log)
            parts.append(samples_of(courses, _lanes(log)))
            met += encounters(courses)
        if not parts:
            measured.missing.append(f"{reference.name} was not compared: there is no {reference.path}")
            continue
        measured.encounters[reference.name] = met
        measured.sources[reference.name] = {
            key: values for key, values in merge(parts).items() if key[0] not in reference.left_out
        }
    return measured


def report_rows(measured: Measured) -> list[Row]:
    """Flat rows: `kind` is distribution, encounters, effect, or hard_braking."""
    rows: list[Row] = []
    simulated = measured.sources[SIMULATION]
    for quantity in QUANTITIES:
        for group in quantity.groups:
            for name, samples in measured.sources.items():
                values = samples.get((quantity.key, group), np.zeros(0))
                apart = (
                    None if name == SIMULATION else distance(simulated.get((quantity.key, group), values[:0]), values)
                )
                rows.append(
                    {
                        "kind": "distribution",
                        "quantity": quantity.key,
                        "group": group,
                        "source": name,
                        "n": len(values),
                        **dict(described(values)),
                        "wasserstein": None if apart is None else apart.wasserstein,
                        "kolmogorov_smirnov": None if apart is None else apart.kolmogorov_smirnov,
                    }
                )
    rows += [{"kind": "effect", **row} for row in attributes.effect_rows(measured.effects)]
    rows += [_encounter_row(name, met) for name, met in measured.encounters.items() if met.minutes > 0.0]
    hard, driving = measured.hard_braking
    rows.append({"kind": "hard_braking", "beyond_mps2": HARD_MPS2, "n": driving, "share": hard / max(driving, 1)})
    return rows


def _encounter_row(source: str, met: Encounters) -> Row:
    per_minute = {f"{name}_per_minute": getattr(met, name) / met.minutes for name in ("near", "beside", "on_way")}
    return {"kind": "encounters", "source": source, "minutes": met.minutes, **per_minute}


def far_off(rows: Iterable[Mapping[str, object]]) -> list[str]:
    """The quantities and groups that differ by more than FAR_OFF from every source that has enough samples of them."""
    least: dict[str, float] = {}
    for row in rows:
        if row["kind"] != "distribution" or int(str(row["n"])) < _ENOUGH:
            continue
        if isinstance(row["kolmogorov_smirnov"], float):
            key = f"{row['quantity']} of {row['group']}"
            least[key] = min(least.get(key, math.inf), row["kolmogorov_smirnov"])
    return [f"{key}: {value:.2f}" for key, value in least.items() if value > FAR_OFF]


def _lanes(log: RecordedLog) -> LaneGraph | None:
    return LaneGraph(log.road_network) if len(log.road_network.lanes) else None


def _markdown(measured: Measured, rows: Sequence[Row], drawn: Sequence[str], scenes: int) -> str:
    lines = [
        "# Simulated beside recorded traffic",
        "",
        f"zoox_prediction {__version__}, {scenes} scenes. Wasserstein has the unit of the quantity; KS is the largest "
        "difference between both cumulative shares. Definitions are in zoox_prediction/simulation/realism.",
        "",
        *(f"- {each.name}: {each.remark}." for each in REFERENCES if each.name in measured.sources),
        *(f"- {each}." for each in measured.missing),
    ]
    for quantity in QUANTITIES:
        lines += ["", f"## {quantity.title[0].upper()}{quantity.title[1:]}", ""]
        lines += [f"![{quantity.title}]({quantity.key}.png)", ""] if quantity.key in drawn else []
        own = [row for row in rows if row.get("quantity") == quantity.key and row["n"]]
        lines += _table(own, _DISTRIBUTION)
    hard, driving = measured.hard_braking
    lines += [
        "",
        "## People whom the ego meets",
        "",
        "Different people for each minute of driving: less than 30 m away; beside the ego's way, standing or coming "
        "towards it (up to 8 m); on its way, ahead of it.",
        "",
        *_table([row for row in rows if row["kind"] == "encounters"], _ENCOUNTERS),
        "",
        "## Hard braking",
        "",
        f"{100.0 * hard / max(driving, 1):.2f}% of the time of moving simulated vehicles is spent braking beyond "
        f"{HARD_MPS2:g} m/s² (in single steps of 0.1 s).",
        "",
        "## Far off",
        "",
        *(f"- {each}" for each in far_off(rows) or [f"Nothing has a KS above {FAR_OFF:g} to every source."]),
        "",
        "## What attributes announce",
        "",
        "Shares, or means where a unit is given, with the 95% confidence interval of the difference.",
        "",
        *_table([row for row in rows if row["kind"] == "effect"], _EFFECT),
    ]
    return "\n".join(lines) + "\n"


_DISTRIBUTION = {
    "group": "class",
    "source": "source",
    "n": "samples",
    "lower_quartile": "lower quartile",
    "median": "median",
    "upper_quartile": "upper quartile",
    "mean": "mean",
    "wasserstein": "Wasserstein",
    "kolmogorov_smirnov": "KS",
}
_ENCOUNTERS = {
    "source": "source",
    "minutes": "minutes",
    "near_per_minute": "near",
    "beside_per_minute": "beside",
    "on_way_per_minute": "on the way",
}
_EFFECT = {
    "attribute": "attribute",
    "outcome": "what follows",
    "with": "with",
    "with_n": "n",
    "without": "without",
    "without_n": "n",
    "difference": "difference",
    "low": "from",
    "high": "to",
}


def _table(rows: Sequence[Mapping[str, object]], columns: Mapping[str, str]) -> list[str]:
    """Lines of a table in Markdown."""
    if not rows:
        return ["No samples."]
    head = [f"| {' | '.join(columns.values())} |", f"|{'---|' * len(columns)}"]
    return head + [f"| {' | '.join(_cell(row[key]) for key in columns)} |" for row in rows]


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _finite(rows: Sequence[Row]) -> list[Row]:
    """With null in place of what is not finite, which JSON does not know."""
    return [
        {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}
        for row in rows
    ]
