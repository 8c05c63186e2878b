"""RViz markers: agents by class, predictions in green, what really happened in blue, map and signals."""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from visualization_msgs.msg import MarkerArray

from zoox_prediction.evaluation.tracked_log import true_ids_of
from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.msg import PredictedTrajectoryArray, TrackedAgentArray, TrafficSignalArray
from zoox_prediction.msg import RoadNetwork as RoadNetworkMessage
from zoox_prediction.recording.log import RecordedLog, load_log
from zoox_prediction.recording.messages import (
    predictions_from_message,
    road_network_from_message,
    tracked_agents_from_message,
    traffic_signals_from_message,
)
from zoox_prediction.recording.tracks import Future
from zoox_prediction.ros.diagnostics import Diagnostics
from zoox_prediction.ros.lifecycle import ManagedNode, run_node
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.ros.parameters import declare_and_load
from zoox_prediction.ros.qos import INPUT, LATCHED, OUTPUT
from zoox_prediction.scene import PredictedTrajectories, TrackedAgents
from zoox_prediction.visualization.map_markers import map_markers, signal_markers
from zoox_prediction.visualization.markers import VisualizationConfig, agent_markers

_KEPT_FRAMES = 20  # frames of agents that wait for their predictions


class VisualizationNode(ManagedNode):
    """Draws only what somebody looks at."""

    def __init__(self) -> None:
        super().__init__("visualization_node")
        self._config = declare_and_load(self, VisualizationConfig)
        self._diagnostics = Diagnostics(self)
        self._maps = MutuallyExclusiveCallbackGroup()
        self._log: RecordedLog | None = None
        self._network = RoadNetwork()
        self._agents: OrderedDict[int, TrackedAgents] = OrderedDict()
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def setup(self) -> None:
        if self._config.recording:
            self._log = load_log(self._config.recording)
        self._markers = self.create_lifecycle_publisher(MarkerArray, "~/markers", OUTPUT)
        self._signal_markers = self.create_lifecycle_publisher(MarkerArray, "~/signals", OUTPUT)
        self._map_markers = self.create_lifecycle_publisher(MarkerArray, "~/map", LATCHED)
        self._outputs = [self._markers, self._signal_markers, self._map_markers]
        self._inputs = [
            self.create_subscription(TrackedAgentArray, "tracked_agents", self._on_agents, INPUT),
            self.create_subscription(PredictedTrajectoryArray, "predictions", self._on_predictions, INPUT),
            self.create_subscription(TrafficSignalArray, "traffic_signals", self._on_signals, INPUT),
            # A group of its own: a large map takes a second, in which agents and signals go on being drawn.
            self.create_subscription(
                RoadNetworkMessage, "road_network", self._on_road_network, LATCHED, callback_group=self._maps
            ),
        ]

    def start(self) -> None:
        self._map_markers.publish(map_markers(self._network, ROS_TYPES))

    def teardown(self) -> None:
        while self._inputs:
            self.destroy_subscription(self._inputs.pop())
        while self._outputs:
            self.destroy_lifecycle_publisher(self._outputs.pop())
        self.reset()

    def reset(self) -> None:
        self._agents.clear()

    def _on_agents(self, message: TrackedAgentArray) -> None:
        agents = self._converted("tracked_agents", tracked_agents_from_message, message)
        if agents is None:
            return
        self._agents[agents.stamp_ns] = agents
        while len(self._agents) > _KEPT_FRAMES:
            self._agents.popitem(last=False)

    def _on_predictions(self, message: PredictedTrajectoryArray) -> None:
        if not self._markers.get_subscription_count():
            return
        predictions = self._converted("predictions", predictions_from_message, message)
        if predictions is None or not self._agents:
            return
        newest = next(reversed(self._agents.values()))
        agents = self._agents.get(predictions.stamp_ns, newest)
        truth = self._truth(agents, predictions)
        self._markers.publish(agent_markers(agents, predictions, truth, ROS_TYPES, self._config.markers))

    def _on_signals(self, message: TrafficSignalArray) -> None:
        signals = self._converted("traffic_signals", traffic_signals_from_message, message)
        if signals is not None and self._signal_markers.get_subscription_count():
            self._signal_markers.publish(signal_markers(self._network, signals, ROS_TYPES, signals.stamp_ns))

    def _on_road_network(self, message: RoadNetworkMessage) -> None:
        network = self._converted("road_network", road_network_from_message, message)
        if network is not None:
            self._network = network
            self._map_markers.publish(map_markers(network, ROS_TYPES))

    def _truth(self, agents: TrackedAgents, predictions: PredictedTrajectories) -> Future | None:
        """What the recorded agents did that the tracks are of: a tracker has ids of its own."""
        if self._log is None:
            return None
        ids = true_ids_of(self._log, agents, predictions.ids)
        return self._log.future(ids, predictions.stamp_ns, predictions.time_step_s, predictions.num_steps)

    def _converted(self, topic: str, convert: Any, message: Any) -> Any:
        """The message as a core type; None, with a line in the log and the diagnostics, when it is malformed."""
        try:
            return convert(message)
        except ValueError as error:
            self._diagnostics.problem(topic, f"{topic}: {error}")
            return None


def main(args: list[str] | None = None) -> int:
    return run_node(VisualizationNode, args)


if __name__ == "__main__":
    sys.exit(main())
