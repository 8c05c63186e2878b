"""The bird's-eye picture: map, agents, predictions in green, what really happened in blue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoox_prediction.geometry import box_corners
from zoox_prediction.recording.tracks import Future
from zoox_prediction.scene import AgentClass, CandidatePlans, PredictedTrajectories, Scene, Source
from zoox_prediction.visualization import palette
from zoox_prediction.visualization.canvas import Canvas
from zoox_prediction.visualization.map_layer import draw_road_network

_MOVING_MPS = 0.5

Entry = tuple[str, palette.Color]  # of the key
Layer = Callable[[Canvas], list[Entry]]  # draws something more, and says what stands in the key for it


@dataclass(frozen=True)
class ViewConfig:
    """What a picture shows."""

    width_m: float = 100.0
    width_px: int = 1280
    height_px: int = 960
    min_probability: float = 0.03  # modes below are not drawn
    labels: bool = True

    def __post_init__(self) -> None:
        if not (self.width_m > 0.0 and self.width_px > 0 and self.height_px > 0):
            raise ValueError(f"a picture of {self.width_px} x {self.height_px} px over {self.width_m} m has no area")


def draw_scene(
    scene: Scene,
    predictions: PredictedTrajectories | None = None,
    truth: Future | None = None,
    plans: CandidatePlans | None = None,
    *,
    config: ViewConfig | None = None,
    center: ArrayLike | None = None,
    title: str = "",
    under: Sequence[Layer] = (),
    over: Sequence[Layer] = (),
) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB picture of a scene, north up, centred on `center` (2,), else the ego, else the agents.

    `truth` is what really happened, of any agents. `under` and `over` are drawn below and above all but map and labels.
    """
    config = config or ViewConfig()
    canvas = Canvas(
        _default_center(scene) if center is None else center, config.width_m, (config.width_px, config.height_px)
    )
    draw_road_network(canvas, scene.road_network, scene.signals)
    entries = [entry for layer in under for entry in layer(canvas)]
    if truth is not None:
        canvas.polylines(
            [path[valid] for path, valid in zip(truth.position, truth.valid, strict=True)], palette.TRUTH, 6, alpha=0.6
        )
    if predictions is not None:
        _draw_predictions(canvas, predictions, config)
    _draw_agents(canvas, scene)
    _draw_ego(canvas, scene, plans)
    entries += [entry for layer in over for entry in layer(canvas)]
    if config.labels:
        _draw_labels(canvas, scene, predictions)
    canvas.legend([*_entries(scene, predictions, truth, plans), *entries])
    canvas.scale_bar()
    if title:
        canvas.text_px(title, (14, 26), scale=0.6)
    return canvas.image


def _default_center(scene: Scene) -> NDArray[np.float64]:
    if scene.ego is not None:
        return scene.ego.position
    if len(scene):
        return np.median(scene.agents.position[:, :2], axis=0)
    return np.zeros(2)


def _draw_predictions(canvas: Canvas, predictions: PredictedTrajectories, config: ViewConfig) -> None:
    """The likely modes' paths, more opaque when more probable; of the likeliest the one-sigma ellipse at its end."""
    likeliest = np.argmax(predictions.probability, axis=1)
    order = np.argsort(predictions.probability, axis=None)  # the most probable on top
    for agent, mode in zip(*np.unravel_index(order, predictions.probability.shape), strict=True):
        probability = float(predictions.probability[agent, mode])
        if probability < config.min_probability:
            continue
        fallback = predictions.source[agent] == Source.HEURISTIC_FALLBACK
        color = palette.FALLBACK if fallback else palette.PREDICTION
        alpha = 0.25 + 0.75 * probability
        path = predictions.position[agent, mode]
        canvas.polylines([path], color, thickness_px=2, alpha=alpha)
        if mode == likeliest[agent]:
            ellipse = _ellipse(path[-1], predictions.covariance[agent, mode, -1])
            canvas.polylines([ellipse], color, alpha=alpha * 0.8, closed=True)
        canvas.discs(path[9::10], 2.0, color, alpha=alpha)  # a dot a second


def _ellipse(center: NDArray, covariance: NDArray, points: int = 24) -> NDArray[np.float64]:
    """(points, 2) of the one-sigma contour of a 2-D normal distribution."""
    values, vectors = np.linalg.eigh(covariance)
    angle = np.linspace(0.0, 2.0 * np.pi, points, endpoint=False)
    unit = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    outline: NDArray[np.float64] = center + (unit * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return outline


def _draw_agents(canvas: Canvas, scene: Scene) -> None:
    agents = scene.agents
    if not len(agents):
        return
    boxes = box_corners(agents.position[:, :2], agents.yaw, agents.size[:, :2])
    past = np.where(scene.past_valid[..., None], scene.past_position, np.nan)
    for agent_class in np.unique(agents.agent_class):
        rows = np.flatnonzero(agents.agent_class == agent_class)
        color = palette.AGENT[AgentClass(int(agent_class))]
        canvas.polylines(list(past[rows]), color, alpha=0.6)
        canvas.polygons(list(boxes[rows]), color, alpha=0.85)
        noses = [np.stack([agents.position[row, :2], boxes[row][[0, 3]].mean(axis=0)]) for row in rows]
        canvas.polylines(noses, palette.BACKGROUND)
        canvas.discs(agents.position[rows, :2], 2.5, color)  # keeps a pedestrian visible from afar


def _draw_ego(canvas: Canvas, scene: Scene, plans: CandidatePlans | None) -> None:
    if plans is not None:
        lines = [path[valid] for path, valid in zip(plans.position, plans.valid, strict=True)]
        canvas.polylines(lines, palette.PLAN, thickness_px=2, alpha=0.8)
    if scene.ego is None:
        return
    forward = np.array([np.cos(scene.ego.yaw), np.sin(scene.ego.yaw)])
    center = scene.ego.position + scene.ego_center_offset_m * forward
    corners = box_corners(center, np.asarray(scene.ego.yaw), scene.ego_size)
    if scene.ego_past is not None and scene.ego_past_valid is not None:
        canvas.polylines([scene.ego_past[scene.ego_past_valid, :2]], palette.EGO)
    canvas.polygons([corners], palette.EGO)
    canvas.polylines([np.stack([center, corners[[0, 3]].mean(axis=0)])], palette.BACKGROUND, thickness_px=2)


def _draw_labels(canvas: Canvas, scene: Scene, predictions: PredictedTrajectories | None) -> None:
    """Id and speed of moving agents; the probabilities of their likelier modes at the modes' ends."""
    agents = scene.agents
    for row in np.flatnonzero(agents.speed > _MOVING_MPS):
        label = f"{agents.ids[row] % 100_000} {agents.speed[row]:.1f} m/s"
        canvas.text(label, agents.position[row, :2] + [1.2, 1.2], scale=0.36)
    if predictions is None:
        return
    moving_ids = agents.ids[agents.speed > _MOVING_MPS]
    for agent in np.flatnonzero(np.isin(predictions.ids, moving_ids)):
        for mode in np.flatnonzero(predictions.probability[agent] >= 0.1):
            end = predictions.position[agent, mode, -1]
            canvas.text(f"{predictions.probability[agent, mode]:.2f}", end, palette.PREDICTION, scale=0.36)


def _entries(
    scene: Scene, predictions: PredictedTrajectories | None, truth: Future | None, plans: CandidatePlans | None
) -> list[Entry]:
    present = [AgentClass(int(each)) for each in np.unique(scene.agents.agent_class)]
    entries = [(each.name.lower(), palette.AGENT[each]) for each in present]
    if scene.ego is not None:
        entries.append(("ego", palette.EGO))
    if predictions is not None:
        entries.append((f"predicted, {predictions.horizon_s:.0f} s ({predictions.predictor_name})", palette.PREDICTION))
    if truth is not None:
        entries.append(("what really happened", palette.TRUTH))
    if plans is not None:
        entries.append(("candidate plan", palette.PLAN))
    return entries
