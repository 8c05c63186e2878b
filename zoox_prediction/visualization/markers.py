"""RViz markers of a scene, its predictions and the truth, as visualization_msgs/MarkerArray.

The messages are made through `MessageTypes`, so nothing here needs ROS. Topics and namespaces are those that
config/prediction.rviz shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoox_prediction.geometry import quaternion_from_yaw
from zoox_prediction.maps.road_network import Ragged
from zoox_prediction.recording.messages import MessageTypes, stamp_to_message
from zoox_prediction.recording.tracks import Future
from zoox_prediction.scene import AgentClass, PredictedTrajectories, Source, TrackedAgents
from zoox_prediction.visualization import palette
from zoox_prediction.visualization.palette import Color

# visualization_msgs/Marker constants
_CUBE, _LINE_STRIP, _LINE_LIST, _SPHERE_LIST, _TEXT = 1, 4, 5, 7, 9
_ADD, _DELETE_ALL = 0, 3


@dataclass(frozen=True)
class MarkerConfig:
    """What the markers show of the predictions."""

    min_probability: float = 0.05  # modes below are not shown
    path_step: int = 4  # every how many steps a path has a point
    box_step: int = 20  # every how many steps the most likely mode has a box
    lifetime_s: float = 0.5  # markers vanish when nothing new comes

    def __post_init__(self) -> None:
        if min(self.path_step, self.box_step) < 1:
            raise ValueError("path_step and box_step must be at least 1")


@dataclass(frozen=True)
class VisualizationConfig:
    """The parameters of the visualization node."""

    recording: str = ""  # bag that is being played; from it comes what really happened; empty: nothing blue
    markers: MarkerConfig = field(default_factory=MarkerConfig)


class MarkerBuilder:
    """Collects the markers of one MarkerArray, all with one stamp."""

    def __init__(self, types: MessageTypes, stamp_ns: int, frame_id: str, lifetime_s: float = 0.0):
        self._types = types
        self._stamp = stamp_to_message(stamp_ns, types)
        self.use_frame(frame_id)
        self._lifetime = types["builtin_interfaces/msg/Duration"](
            sec=int(lifetime_s), nanosec=int(lifetime_s % 1.0 * 1e9)
        )
        self._point = types["geometry_msgs/msg/Point"]
        self._markers: list[Any] = []
        self._add("", _CUBE, action=_DELETE_ALL)

    def use_frame(self, frame_id: str) -> None:
        """The frame of the markers that follow."""
        self._header = self._types["std_msgs/msg/Header"](stamp=self._stamp, frame_id=frame_id)

    def message(self) -> Any:
        """The visualization_msgs/MarkerArray; it first deletes what the previous one showed."""
        return self._types["visualization_msgs/msg/MarkerArray"](markers=self._markers)

    def box(
        self, namespace: str, center: ArrayLike, yaw: float, size: ArrayLike, color: Color, alpha: float = 1.0
    ) -> None:
        """A cuboid at centre (3,) [m] with size (3,) length, width, height [m]."""
        self._add(namespace, _CUBE, center=center, yaw=yaw, scale=size, color=color, alpha=alpha)

    def spheres(self, namespace: str, centers: NDArray, z: float, diameter_m: float, color: Color) -> None:
        """Spheres at (n, 2) [m], all at height z, in one marker."""
        if len(centers):
            self._add(namespace, _SPHERE_LIST, scale=[diameter_m] * 3, color=color, points=self._points(centers, z))

    def path(
        self, namespace: str, points: NDArray, z: float, color: Color, alpha: float = 1.0, width_m: float = 0.15
    ) -> None:
        """A line through (n, 2) points [m] at height z."""
        if len(points) >= 2:
            self._add(
                namespace,
                _LINE_STRIP,
                scale=[width_m, 0.0, 0.0],
                color=color,
                alpha=alpha,
                points=self._points(points, z),
            )

    def lines(
        self, namespace: str, sequences: Ragged, z: float, color: Color, width_m: float, closed: bool = False
    ) -> None:
        """All segments of many polylines, or outlines of polygons if `closed`, of (n, 2) points [m] in one marker."""
        count = np.diff(sequences.offsets)
        owner = np.repeat(np.arange(len(sequences)), count)
        first = np.arange(len(owner))
        second = first + 1
        last = sequences.offsets[1:][count > 0] - 1
        second[last] = sequences.offsets[:-1][count > 0]
        if not closed:
            first, second = np.delete(first, last), np.delete(second, last)
        if len(first):
            vertices = self._points(sequences.values, z)  # each made once, although two segments share it
            points = [vertices[each] for each in np.column_stack([first, second]).ravel().tolist()]
            self._add(namespace, _LINE_LIST, scale=[width_m, 0.0, 0.0], color=color, points=points)

    def text(
        self, namespace: str, at: ArrayLike, text: str, height_m: float = 0.8, color: Color = palette.TEXT
    ) -> None:
        """Text that faces the viewer, centred at (3,) [m]."""
        self._add(namespace, _TEXT, center=at, scale=[0.0, 0.0, height_m], color=color, text=text)

    def _points(self, points: NDArray, z: float) -> list[Any]:
        return [self._point(x=x, y=y, z=z) for x, y in points.tolist()]

    def _add(
        self,
        namespace: str,
        kind: int,
        *,
        action: int = _ADD,
        center: ArrayLike = (0.0, 0.0, 0.0),
        yaw: float = 0.0,
        scale: ArrayLike = (1.0, 1.0, 1.0),
        color: Color = (0, 0, 0),
        alpha: float = 1.0,
        points: Sequence[Any] = (),
        text: str = "",
    ) -> None:
        marker = self._types.new("visualization_msgs/msg/Marker")
        marker.header, marker.lifetime = self._header, self._lifetime
        marker.ns, marker.id, marker.type, marker.action = namespace, len(self._markers), kind, action
        position, orientation = marker.pose.position, marker.pose.orientation
        position.x, position.y, position.z = np.asarray(center, dtype=np.float64).tolist()
        _, _, orientation.z, orientation.w = quaternion_from_yaw(yaw).tolist()
        marker.scale.x, marker.scale.y, marker.scale.z = np.asarray(scale, dtype=np.float64).tolist()
        marker.color.r, marker.color.g, marker.color.b = (value / 255.0 for value in color)
        marker.color.a = float(alpha)
        marker.points = list(points)
        marker.text = text
        self._markers.append(marker)


def agent_markers(
    agents: TrackedAgents,
    predictions: PredictedTrajectories | None,
    truth: Future | None,
    types: MessageTypes,
    config: MarkerConfig,
) -> Any:
    """Boxes by class with id and speed, predicted paths and boxes in green with likelihood, true paths in blue."""
    builder = MarkerBuilder(types, agents.stamp_ns, agents.frame_id, config.lifetime_s)
    classes = agents.agent_class
    for row in range(len(agents)):
        agent_class = AgentClass(int(classes[row]))
        center, size = agents.position[row], np.maximum(agents.size[row], 0.1)
        builder.box("agents", center, float(agents.yaw[row]), size, palette.AGENT[agent_class], alpha=0.8)
        label = f"{agent_class.name.lower()} {agents.ids[row] % 100_000}\n{agents.speed[row]:.1f} m/s"
        builder.text("labels", np.add(center, [0.0, 0.0, size[2] / 2.0 + 1.0]), label)
    if predictions is not None:
        builder.use_frame(predictions.frame_id)
        _add_predictions(builder, agents, predictions, config)
    if truth is not None:
        for path, valid in zip(truth.position, truth.valid, strict=True):
            builder.path("truth", path[valid][:: config.path_step], 0.3, palette.TRUTH, alpha=0.9)
    return builder.message()


def _add_predictions(
    builder: MarkerBuilder, agents: TrackedAgents, predictions: PredictedTrajectories, config: MarkerConfig
) -> None:
    sizes = {int(each): size for each, size in zip(agents.ids, agents.size, strict=True)}
    for row in range(len(predictions)):
        color = palette.FALLBACK if predictions.source[row] == Source.HEURISTIC_FALLBACK else palette.PREDICTION
        probability = predictions.probability[row]
        for mode in np.flatnonzero(probability >= config.min_probability):
            path = predictions.position[row, mode]
            alpha = 0.2 + 0.8 * float(probability[mode])
            builder.path("predicted_paths", path[:: config.path_step], 0.2, color, alpha)
            builder.text("likelihood", [*path[-1], 1.0], f"{probability[mode]:.2f}", 0.6, color)
        best = int(np.argmax(probability))
        size = sizes.get(int(predictions.ids[row]))
        if size is None:
            continue
        for step in range(config.box_step - 1, predictions.num_steps, config.box_step):
            center = [*predictions.position[row, best, step], size[2] / 2.0]
            fade = 0.5 * (1.0 - step / predictions.num_steps) + 0.1
            builder.box("predicted_boxes", center, float(predictions.yaw[row, best, step]), size, color, fade)
