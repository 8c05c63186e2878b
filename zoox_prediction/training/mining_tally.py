"""What is in mined samples, in numbers that can be added up: who counts, how fast they are, and where they go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from zoox_prediction.models.scene_features import AGENT_COLUMNS, ELEMENT_COLUMNS, SceneFeatures
from zoox_prediction.raster.channels import load_channel_table
from zoox_prediction.scene import AgentClass, SignalState
from zoox_prediction.training.future_labels import FutureLabels

Tally = dict[str, dict[str, int]]  # counts by what is counted, and of which kind

SPEED_BOUNDS_MPS = (0.5, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0)
MANOEUVRES = ("stands", "straight", "left", "right", "unknown")
_MOVED_M = 1.5  # less is standing
_TURNED_RAD = 0.35  # less is straight
_KNOWN_STEPS = 20  # of the future, to tell what an agent does
_SPEED = AGENT_COLUMNS.index("speed")
_SIGNALS = [ELEMENT_COLUMNS.index(f"signal_{state.name.lower()}") for state in SignalState if state]


def class_counts(agent_class: np.ndarray) -> dict[str, int]:
    """How many there are of each class, by its name; classes without any are left out."""
    counts = np.bincount(agent_class, minlength=len(AgentClass))
    return {each.name.lower(): int(counts[each]) for each in AgentClass if counts[each]}


def tally_of(features: SceneFeatures, labels: FutureLabels) -> Tally:
    """The counts of one sample. Manoeuvres, speeds and steps are those of agents that are scored."""
    scored = labels.scored
    classes = features.agent_class[scored]
    manoeuvre = manoeuvres(labels)[scored]
    speed = np.abs(features.agent_state[scored, _SPEED])
    kinds = np.searchsorted(SPEED_BOUNDS_MPS, speed, side="right")
    valid = labels.future_valid[scored]
    samples = {
        "all": 1,
        "with_map": int(features.raster[:, _roads()].any()),
        "with_signals": int(features.element_state[:, _SIGNALS].any()),
        "with_ego": int(features.ego_valid[0]),
        "with_ego_future": int(labels.ego_future_valid.any()),
    }
    tally: Tally = {
        "samples": samples,
        "agents": class_counts(features.agent_class),
        "scored": class_counts(classes),
        "speed": {_speed_name(kind): int(count) for kind, count in enumerate(np.bincount(kinds)) if count},
        "steps": {"all": int(valid.size), "valid": int(valid.sum())},
    }
    for each in AgentClass:
        of_class = manoeuvre[classes == each]
        if len(of_class):
            counts = np.bincount(of_class, minlength=len(MANOEUVRES))
            tally[f"manoeuvres_{each.name.lower()}"] = dict(zip(MANOEUVRES, counts.tolist(), strict=True))
    return tally


def manoeuvres(labels: FutureLabels) -> np.ndarray:
    """(N,) index in MANOEUVRES of what each agent does, by the last known step of its future."""
    steps = labels.future_valid.shape[1]
    last = np.where(labels.future_valid, np.arange(steps), 0).max(axis=1, initial=0)
    rows = np.arange(len(last))
    moved = np.linalg.norm(labels.future_position, axis=2).max(axis=1, initial=0.0)
    turned = labels.future_yaw[rows, last]
    found = np.where(turned > _TURNED_RAD, 2, np.where(turned < -_TURNED_RAD, 3, 1))
    found = np.where(moved < _MOVED_M, 0, found)
    return np.where(labels.future_valid.sum(axis=1) < _KNOWN_STEPS, len(MANOEUVRES) - 1, found)


def added(tallies: Iterable[Mapping[str, Mapping[str, int]]]) -> Tally:
    """The sum of many."""
    sums: dict[str, Counter[str]] = {}
    for tally in tallies:
        for name, counts in tally.items():
            sums.setdefault(name, Counter()).update(counts)
    return {name: dict(counts) for name, counts in sums.items()}


def shares(tally: Tally) -> dict[str, Any]:
    """What people ask of it: shares of samples with a map, of valid label steps, and of manoeuvres of all classes."""
    samples, steps = tally.get("samples", {}), tally.get("steps", {})
    moves: Counter[str] = Counter()
    for name, counts in tally.items():
        if name.startswith("manoeuvres_"):
            moves.update(counts)
    result = {name: _share(samples.get(name, 0), samples.get("all", 0)) for name in samples if name != "all"}
    result["valid_label_steps"] = _share(steps.get("valid", 0), steps.get("all", 0))
    return result | {name: _share(moves[name], sum(moves.values())) for name in MANOEUVRES}


def print_tables(tally: Tally, console: Console) -> None:
    """A table of classes and one of speeds, and a line about the samples."""
    table = Table(title="agents that count, by class", title_justify="left")
    table.add_column("class", no_wrap=True)
    for name in ("agents", "scored", *MANOEUVRES):
        table.add_column(name, justify="right", no_wrap=True)
    for each in AgentClass:
        name = each.name.lower()
        if not tally.get("agents", {}).get(name):
            continue
        moves = tally.get(f"manoeuvres_{name}", {})
        cells = [f"{_share(moves.get(kind, 0), sum(moves.values())):.1%}" for kind in MANOEUVRES]
        table.add_row(name, str(tally["agents"][name]), str(tally.get("scored", {}).get(name, 0)), *cells)
    console.print(table)
    speeds = tally.get("speed", {})
    table = Table(title="speeds of agents that count", title_justify="left")
    for kind in range(len(SPEED_BOUNDS_MPS) + 1):
        table.add_column(_speed_name(kind), justify="right", no_wrap=True)
    total = sum(speeds.values())
    table.add_row(
        *(f"{_share(speeds.get(_speed_name(kind), 0), total):.1%}" for kind in range(len(SPEED_BOUNDS_MPS) + 1))
    )
    console.print(table)
    of = shares(tally)
    console.print(
        f"{tally.get('samples', {}).get('all', 0)} samples; with a map {of.get('with_map', 0.0):.0%}, with signals "
        f"{of.get('with_signals', 0.0):.0%}, with an ego {of.get('with_ego', 0.0):.0%}; "
        f"{of['valid_label_steps']:.1%} of the label steps are valid",
        highlight=False,
    )


@cache
def _roads() -> list[int]:
    """The channels that show that there is a road."""
    table = load_channel_table()
    return [table.index(name) for name in ("drivable_area", "solid_boundary", "dashed_boundary", "road_edge")]


def _speed_name(kind: int) -> str:
    if kind == len(SPEED_BOUNDS_MPS):
        return f">= {SPEED_BOUNDS_MPS[-1]:g} m/s"
    return f"< {SPEED_BOUNDS_MPS[kind]:g} m/s"


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
