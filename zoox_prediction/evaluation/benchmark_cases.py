"""What `zoox-prediction benchmark` measures, by group; every group makes its cases for a number of agents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from zoox_prediction.evaluation.benchmark import BenchmarkCase
from zoox_prediction.evaluation.benchmark_scenes import observations, scene_on
from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.prediction.config import PredictionConfig
from zoox_prediction.prediction.registry import PREDICTORS, create_predictor
from zoox_prediction.prediction.scene_history import SceneHistory
from zoox_prediction.recording.generated import generated_road_network
from zoox_prediction.recording.messages import predictions_from_message, predictions_to_message
from zoox_prediction.recording.typestore import RosbagsTypes
from zoox_prediction.scene import PredictedTrajectories

Group = Callable[[int], Sequence[BenchmarkCase]]

NUM_PLANS = 8
_PREDICTIONS = "zoox_prediction/msg/PredictedTrajectoryArray"


@lru_cache(maxsize=1)
def town() -> RoadNetwork:
    """The map that all cases share."""
    return generated_road_network()


def messages(agents: int) -> list[BenchmarkCase]:
    """Predictions (6 modes, 80 steps) from arrays to CDR bytes and back, with the message types of `rosbags`."""
    types = RosbagsTypes()
    predictions = create_predictor("heuristic_mixture").predict(scene_on(town(), agents))

    def write() -> memoryview:
        return types.store.serialize_cdr(predictions_to_message(predictions, types), _PREDICTIONS)

    data = bytes(write())

    def read() -> PredictedTrajectories:
        return predictions_from_message(types.store.deserialize_cdr(data, _PREDICTIONS))

    return [
        BenchmarkCase("messages: arrays to bytes, rosbags", agents, write),
        BenchmarkCase("messages: bytes to arrays, rosbags", agents, read),
    ]


def predict(agents: int) -> list[BenchmarkCase]:
    """Every heuristic on a scene, and what a cycle of the node computes: history, scene and the default predictor."""
    scene = scene_on(town(), agents)
    cases = []
    for name in PREDICTORS:
        predictor = create_predictor(name)
        cases.append(BenchmarkCase(f"predict: {name}", agents, lambda made=predictor: made.predict(scene)))  # type: ignore[misc]
    config = PredictionConfig()
    frames = observations(town(), agents)
    default = create_predictor(config.predictor, config)

    def cycle() -> object:
        history = SceneHistory(config.history, config.ego)
        history.set_road_network(town())
        for frame in frames[-1:]:
            history.add_agents(frame)
        now = history.scene()
        return None if now is None else default.predict(now)

    return [*cases, BenchmarkCase("predict: scene history and default predictor", agents, cycle)]
