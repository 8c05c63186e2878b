"""The demo's observer: keeps what is predicted, asks what-if half-way, reports on stdout, a line of JSON at a time."""

from __future__ import annotations

import struct
import sys
import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from rclpy.client import Client
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.serialization import serialize_message
from rclpy.task import Future

from zoox_prediction.demo.chain import DETECTIONS_TOPIC, TRACKS_TOPIC
from zoox_prediction.demo.session import DemoConfig, DemoSession
from zoox_prediction.errors import InputError
from zoox_prediction.msg import DetectionArray, PredictedTrajectoryArray, TrackedAgentArray
from zoox_prediction.recording.log import load_log
from zoox_prediction.recording.messages import (
    answer_from_response,
    candidate_plans_to_request,
    predictions_from_message,
    tracked_agents_from_message,
)
from zoox_prediction.ros.lifecycle import run_node
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.ros.parameters import declare_and_load
from zoox_prediction.ros.qos import INPUT, MANY_INPUTS
from zoox_prediction.scene import CandidatePlans, EgoState
from zoox_prediction.srv import PredictConditional

# Where the stamp of a message that begins with a header stands in its CDR bytes.
_CDR_HEADER_BYTES, _HEADER_STAMP = 4, struct.Struct("<iI")
_ANSWER_TIMEOUT_S = 3.0  # an answer that was sent before the two had found each other never comes: ask again


class DemoNode(Node):
    """Hands everything to the session."""

    def __init__(self) -> None:
        super().__init__("demo_node")
        config = declare_and_load(self, DemoConfig)
        self._telling = threading.Lock()
        self._session = DemoSession(load_log(config.recording), config)
        self._ready = False  # the prediction node is active, and each has found the other: it has answered
        self._asking: Future | None = None
        self._asked_s = 0.0
        self._lifecycle: Client = self.create_client(GetState, "/prediction_node/get_state")
        self._client: Client = self.create_client(PredictConditional, "/prediction_node/predict_conditional")
        self.create_subscription(PredictedTrajectoryArray, "/predictions", self._on_predictions, INPUT)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, INPUT)
        if config.from_tracker:
            self.create_subscription(TrackedAgentArray, TRACKS_TOPIC, self._on_tracks, MANY_INPUTS)
            self.create_subscription(DetectionArray, DETECTIONS_TOPIC, self._on_detections, MANY_INPUTS, raw=True)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # the recording's time stands still at its end
        self.create_timer(config.report_period_s, self._report, clock=steady)

    def _on_predictions(self, message: PredictedTrajectoryArray) -> None:
        predictions = predictions_from_message(message)
        self._session.add(predictions, serialize_message(message), message.scene_age, time.monotonic())
        question = self._session.question(predictions.stamp_ns)
        if question is not None:
            plans, ego = question
            future = self._client.call_async(candidate_plans_to_request(plans, ROS_TYPES))
            future.add_done_callback(lambda done: self._on_answer(plans, ego, done.result()))

    def _on_tracks(self, message: TrackedAgentArray) -> None:
        self._session.add_tracks(tracked_agents_from_message(message), serialize_message(message))

    def _on_detections(self, serialized: bytes) -> None:
        seconds, nanoseconds = _HEADER_STAMP.unpack_from(serialized, _CDR_HEADER_BYTES)
        self._session.add_detections(seconds * 1_000_000_000 + nanoseconds, serialized)

    def _on_answer(self, plans: CandidatePlans, ego: EgoState, response: Any) -> None:
        try:
            self._tell(self._session.answered(plans, ego, answer_from_response(response)))
        except InputError as error:
            self.get_logger().error(f"the what-if question was not answered: {error}")

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            values = {each.key: each.value for each in status.values}
            self._session.add_diagnostics(status.name, status.level[0], status.message, values)

    def _report(self) -> None:
        if not self._ready:
            self._ask_for_readiness()
        self._tell(self._session.account(ready=self._ready))

    def _ask_for_readiness(self) -> None:
        if self._asking is not None and self._asking.done():
            answer: Any = self._asking.result()
            self._ready = answer.current_state.id == State.PRIMARY_STATE_ACTIVE
            self._asking = None
        elif self._asking is not None and time.monotonic() > self._asked_s + _ANSWER_TIMEOUT_S:
            self._lifecycle.remove_pending_request(self._asking)
            self._asking = None
        ready = self._lifecycle.service_is_ready() and self._client.service_is_ready()
        if not self._ready and self._asking is None and ready:
            self._asking, self._asked_s = self._lifecycle.call_async(GetState.Request()), time.monotonic()

    def _tell(self, line: str) -> None:
        with self._telling:  # an answer comes outside of the callback groups, perhaps amid another line
            print(line, flush=True)

    def destroy_node(self) -> None:
        self._tell(self._session.account(finished=True))
        self._session.close()
        super().destroy_node()


def main(args: list[str] | None = None) -> int:
    return run_node(DemoNode, args)


if __name__ == "__main__":
    sys.exit(main())
