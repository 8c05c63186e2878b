"""Tracked agents, odometry, road network and signals in; the futures of every agent out; what-if questions answered."""

from __future__ import annotations

import sys
import time
from typing import Any

from nav_msgs.msg import Odometry
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup

from zoox_prediction.errors import InputError
from zoox_prediction.msg import PredictedTrajectoryArray, RoadNetwork, TrackedAgentArray, TrafficSignalArray
from zoox_prediction.prediction.config import PredictionConfig
from zoox_prediction.prediction.memory import keep_freed_memory
from zoox_prediction.prediction.pipeline import Cycle, PredictionPipeline
from zoox_prediction.recording import messages
from zoox_prediction.ros.debug_raster import DebugRaster
from zoox_prediction.ros.diagnostics import OK, WARN, Diagnostics
from zoox_prediction.ros.inputs import Inputs
from zoox_prediction.ros.lifecycle import ManagedNode, run_node
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.ros.parameters import declare_and_load
from zoox_prediction.ros.qos import INPUT, LATCHED, OUTPUT
from zoox_prediction.ros.transforms import FrameTransformer
from zoox_prediction.scene import EgoState, TrackedAgents
from zoox_prediction.srv import PredictConditional


class PredictionNode(ManagedNode):
    """Inputs, predictions, queries, debugging and diagnostics each have a callback group: none waits for another."""

    def __init__(self) -> None:
        super().__init__("prediction_node")
        self._config = declare_and_load(self, PredictionConfig)
        self._diagnostics = Diagnostics(self, callback_group=MutuallyExclusiveCallbackGroup())
        self._inputs = Inputs(self, self._diagnostics, MutuallyExclusiveCallbackGroup())
        self._predicting = MutuallyExclusiveCallbackGroup()
        self._queries = MutuallyExclusiveCallbackGroup()
        self._maps = MutuallyExclusiveCallbackGroup()  # a map takes long to prepare
        self._pipeline: PredictionPipeline | None = None
        self._received_s = 0.0  # steady time at which the newest agents came

    def setup(self) -> None:
        runtime = self._config.runtime
        self._pipeline = PredictionPipeline(self._config)
        self._frames = FrameTransformer(self, self._config.history.frame_id)
        self._diagnostics.expect_latency("prediction", runtime.max_latency_s)
        self._diagnostics.expect_latency("query", runtime.max_query_latency_s)
        self._tell_predictor(self._pipeline)
        self._publisher = self.create_lifecycle_publisher(PredictedTrajectoryArray, "predictions", OUTPUT)
        self._debug_raster = DebugRaster(self, self._diagnostics, self._config.raster)
        self._new_agents = self.create_guard_condition(self._on_new_agents, callback_group=self._predicting)
        self._repeat = self.create_timer(runtime.repeat_after_s, self._on_silence, self._predicting)
        self._service = self.create_service(
            PredictConditional, "~/predict_conditional", self._on_query, callback_group=self._queries
        )
        self._subscribe(self._pipeline)

    def teardown(self) -> None:
        if self._pipeline is None:
            return
        self._inputs.close()
        self.destroy_service(self._service)
        self.destroy_timer(self._repeat)
        self.destroy_guard_condition(self._new_agents)
        self.destroy_lifecycle_publisher(self._publisher)
        self._debug_raster.close()
        self._frames.close()
        self._pipeline.close()
        self._pipeline = None

    def reset(self) -> None:
        if self._pipeline is not None:
            self._pipeline.reset()
            self._frames.reset()
        self._diagnostics.reset()

    def _subscribe(self, pipeline: PredictionPipeline) -> None:
        ages, subscribe = self._config.runtime, self._inputs.subscribe
        agents, ego = (self._agents, self._add_agents), (self._ego, pipeline.add_ego)
        signals = (messages.traffic_signals_from_message, pipeline.add_signals)
        road_network = (messages.road_network_from_message, pipeline.set_road_network)
        subscribe(RoadNetwork, "road_network", *road_network, LATCHED, callback_group=self._maps)
        subscribe(Odometry, "odometry", *ego, INPUT, max_age_s=ages.max_odometry_age_s, gathered=True)
        subscribe(TrafficSignalArray, "traffic_signals", *signals, INPUT, max_age_s=ages.max_signals_age_s)
        subscribe(TrackedAgentArray, "tracked_agents", *agents, INPUT, max_age_s=ages.max_agents_age_s, required=True)

    def _tell_predictor(self, pipeline: PredictionPipeline) -> None:
        level, details = (WARN if pipeline.unusable else OK), {"version": pipeline.predictor_version}
        self._diagnostics.value("predictor", pipeline.predictor_name, level, details)
        if pipeline.unusable:
            self._diagnostics.problem("prediction", f"prediction: {pipeline.unusable}")

    def _agents(self, message: TrackedAgentArray) -> TrackedAgents:
        return self._frames.agents_in_map(messages.tracked_agents_from_message(message))

    def _ego(self, message: Odometry) -> EgoState:
        return self._frames.ego_in_map(messages.ego_from_odometry(message), message.header.frame_id)

    def _add_agents(self, agents: TrackedAgents) -> list[str]:
        self._received_s = time.monotonic()
        problems = self._pipeline.add_agents(agents) if self._pipeline else []
        self._new_agents.trigger()
        return problems

    def _on_new_agents(self) -> None:
        received_s = self._received_s
        if self._publisher.is_activated and self._pipeline and (cycle := self._pipeline.predict()):
            self._publish(cycle)
            self._diagnostics.latency("prediction", time.monotonic() - received_s)

    def _on_silence(self) -> None:
        now_ns = self.get_clock().now().nanoseconds
        if self._publisher.is_activated and self._pipeline and (cycle := self._pipeline.repeat(now_ns)):
            self._publish(cycle)

    def _publish(self, cycle: Cycle) -> None:
        self._repeat.reset()
        scene_age_s = (self.get_clock().now().nanoseconds - cycle.predictions.stamp_ns) * 1e-9
        self._publisher.publish(messages.predictions_to_message(cycle.predictions, ROS_TYPES, scene_age_s))
        for problem in cycle.problems:
            self._diagnostics.problem("prediction", f"prediction: {problem}")
        self._debug_raster.offer(cycle.scene)

    def _on_query(self, request: Any, response: Any) -> Any:
        started = time.monotonic()
        try:
            if self._pipeline is None:
                raise InputError("the node is not configured")
            plans = messages.candidate_plans_from_request(request, self._pipeline.newest_stamp_ns or 0)
            answer = self._pipeline.answer(plans, request.agent_ids)
            response = messages.answer_to_response(answer, ROS_TYPES)
        except InputError as error:
            response.success, response.message = False, str(error)
            self._diagnostics.problem("query", f"predict_conditional: {error}")
        self._diagnostics.latency("query", time.monotonic() - started)
        return response


def main(args: list[str] | None = None) -> int:
    keep_freed_memory()
    return run_node(PredictionNode, args)


if __name__ == "__main__":
    sys.exit(main())
