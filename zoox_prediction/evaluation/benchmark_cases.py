"""What `zoox-prediction benchmark` measures, by group; every group makes its cases for a number of agents."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from zoox_prediction.evaluation.benchmark import BenchmarkCase
from zoox_prediction.evaluation.benchmark_image_detection import image_detection_cases
from zoox_prediction.evaluation.benchmark_lidar_detection import lidar_detection_cases
from zoox_prediction.evaluation.benchmark_map import map_cases
from zoox_prediction.evaluation.benchmark_predict import predict_cases
from zoox_prediction.evaluation.benchmark_radar_detection import radar_detection_cases
from zoox_prediction.evaluation.benchmark_scenes import plans_for, scene_on
from zoox_prediction.evaluation.benchmark_town import town
from zoox_prediction.evaluation.benchmark_tracking import tracking_cases
from zoox_prediction.prediction.conditional import answer_plans
from zoox_prediction.prediction.config import PredictionConfig
from zoox_prediction.prediction.registry import create_predictor
from zoox_prediction.recording.messages import predictions_from_message, predictions_to_message
from zoox_prediction.recording.typestore import RosbagsTypes
from zoox_prediction.scene import PredictedTrajectories

Group = Callable[[int], Sequence[BenchmarkCase]]

NUM_PLANS = 8
_PREDICTIONS = "zoox_prediction/msg/PredictedTrajectoryArray"
_ROS_CASES, _ROS_NODE = "zoox_prediction.ros.benchmark", "zoox_prediction.ros.benchmark_node"


def messages(agents: int) -> list[BenchmarkCase]:
    """Predictions (6 modes, 80 steps) from arrays to CDR bytes and back: with rclpy where it is, and with rosbags."""
    types = RosbagsTypes()
    predictions = create_predictor("heuristic_mixture").predict(scene_on(town(), agents))

    def write() -> memoryview:
        return types.store.serialize_cdr(predictions_to_message(predictions, types), _PREDICTIONS)

    data = bytes(write())

    def read() -> PredictedTrajectories:
        return predictions_from_message(types.store.deserialize_cdr(data, _PREDICTIONS))

    cases = [("rosbags: arrays to bytes", write), ("rosbags: bytes to arrays", read)]
    if ros_problem() is None:
        cases = [*importlib.import_module(_ROS_CASES).benchmark_cases(agents), *cases]
    return [BenchmarkCase(f"messages: {name}", agents, run) for name, run in cases]


def ros_problem() -> str | None:
    """Why rclpy's messages cannot be measured; None when they can."""
    try:
        importlib.import_module(_ROS_CASES)  # by name, since it sits above this module
    except ImportError as error:
        return str(error)
    return None


def node(agents: int, seconds: float) -> list[dict[str, object]]:
    """Rows of the prediction node as a process on the town, for `seconds` without and as long with queries.

    Raises InputError when it does not start, and ImportError where there is no ROS.
    """
    rows: list[dict[str, object]] = importlib.import_module(_ROS_NODE).measure_node(town(), agents, seconds)
    return rows


def conditional(agents: int) -> list[BenchmarkCase]:
    """The answer about 8 candidate plans of 8 s, on top of the predictions of the scene."""
    scene = scene_on(town(), agents)
    plans = plans_for(scene, NUM_PLANS)
    predictor = create_predictor(PredictionConfig().predictor)
    unconditional = predictor.predict(scene)
    run = partial(answer_plans, scene, plans, predictor, unconditional=unconditional)
    return [BenchmarkCase(f"conditional: {NUM_PLANS} plans", agents, run)]


GROUPS: Mapping[str, Group] = {
    "messages": messages,
    "predict": predict_cases,
    "conditional": conditional,
    "map": map_cases,
    "radar_detection": radar_detection_cases,
    "lidar_detection": lidar_detection_cases,
    "image_detection": image_detection_cases,
    "tracking": tracking_cases,
}
