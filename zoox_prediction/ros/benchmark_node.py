"""What `zoox-prediction benchmark node` measures: the prediction node as a process, tracks sent to predictions here.

The node runs alone on a private ROS domain. This process stands for the rest of the vehicle: tracked agents at 10 Hz,
odometry at 50 Hz; in the second third a planner that asks about 8 candidate plans again and again, and in the last one
somebody who looks at ~/debug/raster.
"""

from __future__ import annotations

import os
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from nav_msgs.msg import Odometry
from rclpy.client import Client
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.serialization import serialize_message
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image

from zoox_prediction.demo.processes import ProcessGroup, local_environment, node_command, private_domain
from zoox_prediction.errors import InputError
from zoox_prediction.evaluation.benchmark import measure_reference, statistics
from zoox_prediction.evaluation.benchmark_scenes import plans_for, scene_on, traffic
from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.msg import PredictedTrajectoryArray, TrackedAgentArray
from zoox_prediction.msg import RoadNetwork as RoadNetworkMessage
from zoox_prediction.recording.messages import (
    candidate_plans_to_request,
    odometry_to_message,
    road_network_to_message,
    tracked_agents_to_message,
)
from zoox_prediction.recording.typestore import RosbagsTypes
from zoox_prediction.ros.messages import ROS_TYPES
from zoox_prediction.ros.middleware import use_default_profile
from zoox_prediction.ros.qos import INPUT, LATCHED
from zoox_prediction.scene import EgoState, Scene, Source
from zoox_prediction.srv import PredictConditional

NUM_PLANS = 8
_ASKED, _WATCHED = f", while asked about {NUM_PLANS} plans", ", while ~/debug/raster is watched"
_PHASES = ("", _ASKED, _WATCHED)
_PERIOD_NS = 100_000_000
_ODOMETRY_PER_FRAME = 5
_QUERY_PERIOD_S = 0.13  # no multiple of the cycle, so that queries come at every phase of it
_START_TIMEOUT_S, _ANSWER_TIMEOUT_S = 30.0, 5.0
_TYPE = "zoox_prediction/msg/PredictedTrajectoryArray"


@dataclass
class _Times:
    """What was sent and received, in steady time [s]."""

    sent: dict[int, float] = field(default_factory=dict)  # by stamp [ns]
    predicted: dict[int, float] = field(default_factory=dict)
    queries: list[float] = field(default_factory=list)  # durations
    refusal: str = ""  # of the last query that was refused
    pictures: int = 0  # of the raster that came
    fallbacks: int = 0  # predictions in which the stand-in answered for an agent


def measure_node(
    network: RoadNetwork,
    agents: int,
    seconds: float = 10.0,
    warm_up_s: float = 3.0,
    progress: Callable[[], None] = lambda: None,
) -> list[dict[str, object]]:
    """Rows of latencies [ms] with `agents` agents on `network`: `seconds` alone, as long with queries, as long watched.

    Beside the columns of every benchmark, `unanswered` counts tracks without predictions, `fallbacks` predictions
    that the stand-in made, and `cpu_ms` is the processor time of the node per cycle, which a busy machine hardly
    changes. Raises InputError when the node does not start or gives no answers.
    """
    reference_ms = measure_reference()
    frames = traffic(network, agents, warm_up_s + len(_PHASES) * seconds + 2.0)
    messages = [bytearray(serialize_message(tracked_agents_to_message(each, ROS_TYPES))) for each in frames]
    scene = scene_on(network, agents)
    with (
        private_domain() as domain,
        tempfile.TemporaryDirectory() as logs,
        ProcessGroup(local_environment(domain), Path(logs)) as processes,
    ):
        node = processes.start("prediction_node", node_command("prediction_node", {}))
        with _Vehicle(domain, network, scene) as vehicle:
            vehicle.wait(processes)
            vehicle.drive(messages[: round(10 * warm_up_s)], _Times())
            rows, count = [], round(10 * seconds)
            for number, phase in enumerate(_PHASES):
                times, before_ms = _Times(), _cpu_ms(node.pid)
                start = len(messages) - (len(_PHASES) - number) * count
                vehicle.drive(messages[start : start + count], times, ask=phase == _ASKED, watch=phase == _WATCHED)
                cpu = {"cpu_ms": (_cpu_ms(node.pid) - before_ms) / count}
                rows += [{**row, **cpu} for row in _rows(times, agents, reference_ms, phase)]
                progress()
    return rows


def _rows(times: _Times, agents: int, reference_ms: Sequence[float], phase: str) -> list[dict[str, object]]:
    latencies = [1e3 * (at - times.sent[stamp]) for stamp, at in times.predicted.items() if stamp in times.sent]
    if not latencies:
        raise InputError("the prediction node gave no predictions; see what it says when you start it by hand")
    lost = {"unanswered": len(times.sent) - len(latencies), "fallbacks": times.fallbacks}
    name = f"node: tracks sent to predictions received{phase}"
    rows = [{"name": name, "agents": agents, **statistics(latencies, reference_ms), **lost}]
    if phase == _WATCHED:
        rows[0]["pictures"] = times.pictures
    if phase == _ASKED:
        if not times.queries:
            raise InputError(f"the prediction node answered no query: {times.refusal or 'it was silent'}")
        queries_ms = [1e3 * each for each in times.queries]
        name = f"node: {NUM_PLANS} plans asked to answer received"
        rows.append({"name": name, "agents": agents, **statistics(queries_ms, reference_ms)})
    return rows


def _cpu_ms(pid: int) -> float:
    """Processor time [ms] that the process has used, all its threads together; NaN where /proc does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return 1e3 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class _Vehicle:
    """Publishers, subscription and client in a context of their own; a context manager that ends them."""

    def __init__(self, domain: int, network: RoadNetwork, scene: Scene) -> None:
        os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
        use_default_profile()
        self._context = Context()
        rclpy.init(args=[], context=self._context, domain_id=domain, signal_handler_options=SignalHandlerOptions.NO)
        self._node = Node("benchmark_vehicle", context=self._context)
        self._scene = scene
        self._decode = RosbagsTypes().deserialize
        self._times = _Times()
        self._answered = threading.Event()
        self._agents = self._node.create_publisher(TrackedAgentArray, "/tracked_agents", INPUT)
        self._odometry = self._node.create_publisher(Odometry, "/odometry", INPUT)
        self._map = self._node.create_publisher(RoadNetworkMessage, "/road_network", LATCHED)
        self._map.publish(road_network_to_message(network, ROS_TYPES))
        received: Any = self._on_predictions  # bytes, which rclpy's types do not foresee
        self._node.create_subscription(PredictedTrajectoryArray, "/predictions", received, INPUT, raw=True)
        self._client: Client = self._node.create_client(PredictConditional, "/prediction_node/predict_conditional")
        plans = replace(plans_for(scene, NUM_PLANS), start_ns=0)  # from the newest scene on, whenever that is
        self._request = candidate_plans_to_request(plans, ROS_TYPES)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._executor.spin, name="executor", daemon=True)

    def __enter__(self) -> _Vehicle:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._executor.shutdown()
        self._thread.join()
        self._node.destroy_node()
        self._context.try_shutdown()

    def wait(self, processes: ProcessGroup) -> None:
        """Until the node is there; raises InputError when it is not."""
        end = time.monotonic() + _START_TIMEOUT_S
        while not (self._client.service_is_ready() and self._agents.get_subscription_count()):
            if (failure := processes.failed()) is not None:
                raise InputError(failure)
            if time.monotonic() > end:
                raise InputError(f"the prediction node did not start within {_START_TIMEOUT_S:g} s")
            time.sleep(0.05)

    def drive(self, frames: Sequence[bytearray], times: _Times, *, ask: bool = False, watch: bool = False) -> None:
        """Sends frames at 10 Hz and the odometry; fills `times`, and returns when the last predictions had time."""
        self._times = times
        if watch:
            seen: Any = self._on_picture
            self._node.create_subscription(Image, "/prediction_node/debug/raster", seen, INPUT, raw=True)
        done = threading.Event()
        asking = threading.Thread(target=self._ask, args=(times, done), name="planner")
        if ask:
            asking.start()
        next_s = time.monotonic()
        for frame in frames:
            for part in range(_ODOMETRY_PER_FRAME):
                self._publish_odometry()
                if part == 0:
                    self._publish_agents(frame, times)
                next_s += 1e-9 * _PERIOD_NS / _ODOMETRY_PER_FRAME
                time.sleep(max(next_s - time.monotonic(), 0.0))
        time.sleep(0.5)
        done.set()
        if ask:
            asking.join()

    def _publish_agents(self, frame: bytearray, times: _Times) -> None:
        stamp_ns = self._node.get_clock().now().nanoseconds
        # CDR: 4 bytes of encoding, then the header's stamp. Written into the bytes, so that nothing is converted here.
        struct.pack_into("<iI", frame, 4, *divmod(stamp_ns, 1_000_000_000))
        times.sent[stamp_ns] = time.monotonic()
        self._agents.publish(bytes(frame))

    def _publish_odometry(self) -> None:
        ego = self._scene.ego
        if ego is not None:
            now = EgoState(self._node.get_clock().now().nanoseconds, ego.position, ego.yaw, ego.velocity)
            self._odometry.publish(odometry_to_message(now, ROS_TYPES))

    def _on_predictions(self, data: bytes) -> None:
        now = time.monotonic()
        seconds, nanoseconds = struct.unpack_from("<iI", data, 4)
        self._times.predicted.setdefault(seconds * 1_000_000_000 + nanoseconds, now)
        source = self._decode(data, _TYPE).source
        self._times.fallbacks += int(np.any(source == Source.HEURISTIC_FALLBACK))

    def _on_picture(self, _data: bytes) -> None:
        self._times.pictures += 1

    def _ask(self, times: _Times, done: threading.Event) -> None:
        while not done.wait(_QUERY_PERIOD_S):
            started = time.monotonic()
            future = self._client.call_async(self._request)
            future.add_done_callback(lambda answer, since=started: self._on_answer(answer.result(), since))  # type: ignore[misc]
            self._answered.wait(_ANSWER_TIMEOUT_S)
            self._answered.clear()

    def _on_answer(self, response: Any, since_s: float) -> None:
        if response.success:
            self._times.queries.append(time.monotonic() - since_s)
        else:
            self._times.refusal = response.message
        self._answered.set()
