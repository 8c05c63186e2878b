"""Small road maps in files (Argoverse 2 JSON) for tests of the nodes, and a client of the map node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from numpy.typing import ArrayLike, NDArray
from rclpy.node import Node
from visualization_msgs.msg import MarkerArray

from zoox_prediction.msg import RoadNetwork as RoadNetworkMessage
from zoox_prediction.ros.qos import INPUT, LATCHED
from zoox_prediction.srv import LoadRoadNetwork

HALF_WIDTH_M = 1.75


def write_map(path: Path, *centerlines: ArrayLike) -> Path:
    """A map of one lane per centreline (n, 2) [m]; the first has id 1."""
    segments = {str(row + 1): _segment(row + 1, np.asarray(line, float)) for row, line in enumerate(centerlines)}
    document = {"lane_segments": segments, "pedestrian_crossings": {}, "drivable_areas": {}}
    path.write_text(json.dumps(document))
    return path


def straight(length_m: float = 300.0) -> NDArray:
    """Along +x."""
    x = np.linspace(-50.0, length_m, 36)
    return np.column_stack([x, np.zeros_like(x)])


def left_turn(radius_m: float = 40.0) -> NDArray:
    """Along +x to the origin, then a half circle to the left."""
    angle = np.linspace(0.0, np.pi, 60)
    curve = radius_m * np.column_stack([np.sin(angle), 1.0 - np.cos(angle)])
    return np.concatenate([[[-50.0, 0.0], [-25.0, 0.0]], curve])


def far_away(count: int) -> list[NDArray]:
    """Lanes that only make a map large."""
    return [np.add(straight(), [0.0, 1000.0 + 10.0 * row]) for row in range(count)]


class MapClient(Node):
    """Hears what the map node publishes, and asks it for other maps."""

    def __init__(self) -> None:
        super().__init__("map_client")
        self.networks: list[RoadNetworkMessage] = []
        self.markers: list[MarkerArray] = []
        self.statuses: dict[str, Any] = {}
        self.create_subscription(RoadNetworkMessage, "/road_network", self.networks.append, LATCHED)
        self.create_subscription(MarkerArray, "/map_node/markers", self.markers.append, LATCHED)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, INPUT)
        self.load_map = self.create_client(LoadRoadNetwork, "/map_node/load_map")

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        self.statuses.update({each.name: each for each in message.status})

    def status(self, name: str) -> str:
        """The message of a status of the map node; empty while it has none."""
        found = self.statuses.get(f"map_node: {name}")
        return found.message if found else ""


def _segment(lane: int, line: NDArray) -> dict[str, Any]:
    along = np.gradient(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    left = line + HALF_WIDTH_M * np.column_stack([-along[:, 1], along[:, 0]])
    return {
        "id": lane,
        "is_intersection": False,
        "lane_type": "VEHICLE",
        "left_lane_boundary": _points(left),
        "left_lane_mark_type": "DASHED_WHITE",
        "right_lane_boundary": _points(2.0 * line - left),
        "right_lane_mark_type": "SOLID_WHITE",
        "successors": [],
        "predecessors": [],
        "left_neighbor_id": None,
        "right_neighbor_id": None,
    }


def _points(line: NDArray) -> list[dict[str, float]]:
    return [{"x": x, "y": y, "z": 0.0} for x, y in line.tolist()]
