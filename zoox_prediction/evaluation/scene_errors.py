"""How far off a predictor was in one scene: what tells the best, the median and the worst scenes from each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from zoox_prediction.evaluation import metrics
from zoox_prediction.evaluation.scores import Modes, Truth
from zoox_prediction.scene import Scene

RANKS = ("best", "median", "worst")
_MOVED_M = 2.0  # who moves less is no challenge
_FEWEST = 3  # agents; a scene with fewer is judged by chance


@dataclass(frozen=True)
class SceneError:
    """One predictor's error in one scene, over the agents that truly moved."""

    predictor: str
    at_s: float  # after the first frame of the recording
    min_fde_m: float  # at the longest horizon, mean over the agents
    num_agents: int
    worst_agent: int  # id
    worst_m: float  # its own minFDE


def scene_error(predictor: str, at_s: float, scene: Scene, modes: Modes, truth: Truth) -> SceneError | None:
    """None when too few agents that move have a truth at the longest horizon."""
    moved = np.linalg.norm(truth.position[:, -1] - truth.position_now, axis=1) > _MOVED_M
    rows = np.flatnonzero(truth.valid[:, -1] & moved)
    if len(rows) < _FEWEST:
        return None
    error = metrics.displacement_error(modes.position[rows][:, :, -1:], truth.position[rows, -1:])[:, :, 0]
    final = metrics.min_over_modes(error, modes.probability[rows])
    worst = int(np.argmax(final))
    agent = int(scene.agents.ids[truth.own_row[rows[worst]]])
    return SceneError(predictor, round(at_s, 3), float(final.mean()), len(rows), agent, float(final[worst]))


def ranked_scenes(
    recordings: Iterable[tuple[str, Sequence[SceneError]]], predictor: str, count: int = 1
) -> list[dict[str, object]]:
    """The `count` best, median and worst scenes of a predictor, no two of one recording in a rank where that can be.

    `recordings` are names with the errors in their scenes; all of one dataset.
    """
    found = [(error, name) for name, errors in recordings for error in errors if error.predictor == predictor]
    found.sort(key=lambda each: (each[0].min_fde_m, each[1], each[0].at_s))
    middle = sorted(range(len(found)), key=lambda index: (abs(index - 0.5 * (len(found) - 1)), index))
    orders = (found, [found[index] for index in middle], found[::-1])
    return [
        {"predictor": predictor, "rank": rank, "recording": name, **_fields(error)}
        for rank, order in zip(RANKS, orders, strict=True)
        for error, name in _of_several_recordings(order, count)
    ]


def _of_several_recordings(order: Sequence[tuple[SceneError, str]], count: int) -> list[tuple[SceneError, str]]:
    first = list({name: (error, name) for error, name in reversed(order)}.values())
    first.sort(key=order.index)
    return (first + [each for each in order if each not in first])[:count]


def _fields(error: SceneError) -> dict[str, object]:
    return {key: value for key, value in vars(error).items() if key != "predictor"}
