"""What `zoox-prediction benchmark predict` measures: predictors, their way from message to message, and its stages."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from zoox_prediction.evaluation.benchmark import BenchmarkCase
from zoox_prediction.evaluation.benchmark_scenes import scene_on, traffic
from zoox_prediction.evaluation.benchmark_town import town
from zoox_prediction.prediction.config import PredictionConfig
from zoox_prediction.prediction.consistency import TemporalConsistency
from zoox_prediction.prediction.predictor import Predictor
from zoox_prediction.prediction.registry import PREDICTORS, create_predictor, usable_predictors
from zoox_prediction.prediction.scene_history import SceneHistory
from zoox_prediction.recording.messages import (
    predictions_to_message,
    tracked_agents_from_message,
    tracked_agents_to_message,
)
from zoox_prediction.recording.typestore import RosbagsTypes
from zoox_prediction.scene import EgoState, Scene

_TRACKS = "zoox_prediction/msg/TrackedAgentArray"
_COMPARED = ("constant_velocity", "heuristic_mixture")  # also from message to message
_TRAFFIC_S = 25.0  # then it starts anew
_EGO_MPS = 8.0


def predict_cases(agents: int, weights: str = "") -> list[BenchmarkCase]:
    """Every predictor on a scene, some from the bytes of tracks to those of predictions, and the learned one in stages.

    `weights` of the learned predictor, as LearnedConfig has them; empty: the default ones, if there are any. Raises
    InputError when they cannot be used.
    """
    scene = scene_on(town(), agents)
    learned = f"learned:{weights}" if weights else "learned"
    names = {name: name for name in PREDICTORS}
    if weights or learned in usable_predictors():
        names["learned"] = learned
    predictors = {label: create_predictor(name) for label, name in names.items()}
    cases = [
        BenchmarkCase(f"predict: {label}", agents, partial(each.predict, scene)) for label, each in predictors.items()
    ]
    for label in (*_COMPARED, "learned"):
        if label in predictors:
            run = _message_to_message(create_predictor(names[label]), agents)
            cases.append(BenchmarkCase(f"predict: {label}, tracks in to predictions out", agents, run))
    return [*cases, *_stages(names.get("learned"), scene)]


def _message_to_message(predictor: Predictor, agents: int) -> Callable[[], object]:
    """One cycle of the node without ROS, on the next frame of traffic at 10 Hz; what the guard does is left out."""
    config, types = PredictionConfig(), RosbagsTypes()
    frames = [types.serialize(tracked_agents_to_message(each, types)) for each in traffic(town(), agents, _TRAFFIC_S)]
    start = scene_on(town(), agents).ego
    history = SceneHistory(config.history, config.ego)
    history.set_road_network(town())
    consistency = TemporalConsistency(config.consistency)
    coming = itertools.cycle(frames)

    def cycle() -> object:
        tracks = tracked_agents_from_message(types.deserialize(next(coming), _TRACKS))
        if start is not None:
            history.add_ego(_ego_at(start, tracks.stamp_ns))
        history.add_agents(tracks)
        now = history.scene()
        return (
            None if now is None else types.serialize(predictions_to_message(consistency(predictor.predict(now)), types))
        )

    for _ in range(config.history.num_past_steps):  # until there is all of the past
        cycle()
    return cycle


def _ego_at(start: EgoState, stamp_ns: int) -> EgoState:
    """Straight on from `start`."""
    ahead_s = (stamp_ns - start.stamp_ns) * 1e-9
    heading = np.array([np.cos(start.yaw), np.sin(start.yaw)])
    return replace(start, stamp_ns=stamp_ns, position=start.position + _EGO_MPS * ahead_s * heading)


def _stages(learned: str | None, scene: Scene) -> list[BenchmarkCase]:
    """What a cycle with the network consists of, each stage by itself on what the one before it gave."""
    agents, types, config = len(scene), RosbagsTypes(), PredictionConfig()
    data = types.serialize(tracked_agents_to_message(scene.agents, types))
    predictions = create_predictor("heuristic_mixture").predict(scene)
    frames = traffic(town(), agents, config.history.past_s)
    history = SceneHistory(config.history, config.ego)
    for frame in frames:
        history.add_agents(frame)
    consistency, count = TemporalConsistency(config.consistency), itertools.count()

    def consistent() -> object:
        return consistency(replace(predictions, stamp_ns=next(count) * 100_000_000))

    stages: list[tuple[str, Callable[[], object]]] = [
        ("tracks from bytes", lambda: tracked_agents_from_message(types.deserialize(data, _TRACKS))),
        ("scene of the history", history.scene),
    ]
    if learned is not None:
        from zoox_prediction.prediction.learned import LearnedPredictor

        predictor = create_predictor(learned)
        if not isinstance(predictor, LearnedPredictor):
            raise AssertionError("a learned predictor is a LearnedPredictor")
        features = predictor.extract(scene)
        inputs = features.network_inputs()
        proposals = predictor.network(inputs)
        stages += [
            ("raster", partial(predictor.extract.rasterizer.rasterize, scene)),
            ("raster and all other features", partial(predictor.extract, scene)),
            ("network", partial(predictor.network, inputs)),
            ("modes chosen, in the map", partial(predictor.predictions, features, proposals)),
        ]
    stages += [
        ("consistency", consistent),
        ("predictions to bytes", lambda: types.serialize(predictions_to_message(predictions, types))),
    ]
    return [BenchmarkCase(f"predict, a stage: {name}", agents, run) for name, run in stages]
