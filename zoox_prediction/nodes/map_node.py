"""One road map file in, the latched road network out; another map at run time by a service."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from visualization_msgs.msg import MarkerArray

from zoox_prediction.errors import InputError
from zoox_prediction.maps.loading import LoadedMap, MapConfig, load_map
from zoox_prediction.msg import RoadNetwork
from zoox_prediction.recording.messages import road_network_to_message
from zoox_prediction.ros.diagnostics import ERROR, Diagnostics
from zoox_prediction.ros.lifecycle import ManagedNode, run_node
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.ros.parameters import declare_and_load
from zoox_prediction.ros.qos import LATCHED
from zoox_prediction.srv import LoadRoadNetwork
from zoox_prediction.visualization.map_markers import map_markers


class MapNode(ManagedNode):
    """Loading has a callback group of its own, so that the node goes on reporting meanwhile."""

    def __init__(self) -> None:
        super().__init__("map_node")
        self._config = declare_and_load(self, MapConfig)
        self._diagnostics = Diagnostics(self, callback_group=MutuallyExclusiveCallbackGroup())
        self._loading = MutuallyExclusiveCallbackGroup()
        self._publishing = threading.Lock()  # a transition may come while a map is loading
        self._map: LoadedMap | None = None
        self._outputs: tuple[Any, ...] = ()  # publishers of the road network and of its markers

    def setup(self) -> None:
        self._outputs = (
            self.create_lifecycle_publisher(RoadNetwork, "road_network", LATCHED),
            self.create_lifecycle_publisher(MarkerArray, "~/markers", LATCHED),
        )
        self._drawing = self.create_guard_condition(self._draw, callback_group=MutuallyExclusiveCallbackGroup())
        self._service = self.create_service(
            LoadRoadNetwork, "~/load_map", self._on_load_map, callback_group=self._loading
        )
        if not self._config.map_path:
            self._diagnostics.value("map", "none; name one in map_path or by ~/load_map")
            return
        try:
            self._load(self._config.map_path, self._config.origin)
        except InputError as error:  # the node stays: ~/load_map may give it a better one
            self._diagnostics.value("map", f"none; {error}", ERROR)
            self._diagnostics.problem("map_path", f"map_path: {error}", ERROR)

    def start(self) -> None:
        self._publish()

    def teardown(self) -> None:
        if not self._outputs:
            return
        self.destroy_service(self._service)
        self.destroy_guard_condition(self._drawing)
        with self._publishing:
            for publisher in self._outputs:
                self.destroy_lifecycle_publisher(publisher)
            self._outputs, self._map = (), None

    def _on_load_map(self, request: Any, response: Any) -> Any:
        origin = (request.origin_latitude, request.origin_longitude) if request.has_origin else None
        try:
            loaded = self._load(request.path, origin)
        except InputError as error:
            response.success, response.message = False, str(error)
            self._diagnostics.problem("load_map", f"load_map: {error}; the map stays as it is", ERROR)
            return response
        self._publish()
        response.success, response.message = True, loaded.summary
        response.repairs = list(loaded.network.repairs)
        return response

    def _load(self, path: str, origin: tuple[float, float] | None) -> LoadedMap:
        """Loads a map and says so in the log and the diagnostics; raises InputError and keeps the old one."""
        started_s = time.monotonic()
        loaded = load_map(path, origin, self._config)
        took_s, how = time.monotonic() - started_s, "from its cache" if loaded.from_cache else "read"
        with self._publishing:
            self._map = loaded
        details = {
            "path": str(loaded.path),
            "lanes": str(len(loaded.network.lanes)),
            "repairs": str(len(loaded.network.repairs)),
            "loading_s": f"{took_s:.3f}",
            "from_cache": str(loaded.from_cache).lower(),
            "note": loaded.note,
        }
        self._diagnostics.value("map", f"{loaded.summary}, {how} in {took_s:.2f} s", details=details)
        self.get_logger().info(f"{loaded.summary}, {how} in {took_s:.2f} s")
        for repair in loaded.network.repairs:
            self.get_logger().warning(f"{loaded.path}: {repair}")
        return loaded

    def _publish(self) -> None:
        """What is loaded; silent until the node is active."""
        with self._publishing:
            if self._map is not None and self._outputs:
                stamp_ns = self.get_clock().now().nanoseconds
                self._outputs[0].publish(road_network_to_message(self._map.network, ROS_TYPES, stamp_ns))
                self._drawing.trigger()

    def _draw(self) -> None:
        """The markers of a large map take longer than the map, and nobody drives by them."""
        loaded = self._map
        if loaded is None or not (self._outputs and self._outputs[1].is_activated):
            return
        markers = map_markers(loaded.network, ROS_TYPES, self.get_clock().now().nanoseconds)
        with self._publishing:
            if loaded is self._map and self._outputs:  # else another map came meanwhile
                self._outputs[1].publish(markers)


def main(args: list[str] | None = None) -> int:
    return run_node(MapNode, args)


if __name__ == "__main__":
    sys.exit(main())
