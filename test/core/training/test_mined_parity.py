"""What training sees is, to the bit, what the node sees: the same bag mined, and fed message by message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from zoox_prediction.models.scene_features import SceneFeatures
from zoox_prediction.prediction.config import PredictionConfig
from zoox_prediction.prediction.features import FeatureExtractor
from zoox_prediction.prediction.pipeline import PredictionPipeline
from zoox_prediction.prediction.scene_history import EgoConfig
from zoox_prediction.recording import messages
from zoox_prediction.recording.bag import BagReader
from zoox_prediction.recording.convert import convert
from zoox_prediction.recording.generated import generate_recording
from zoox_prediction.recording.sources import find_recordings
from zoox_prediction.scene import Scene
from zoox_prediction.training.mining import MiningConfig, MiningTask, mine_recording
from zoox_prediction.training.samples import SampleDataset, write_document

_SCENE = "scenarionet_nuscenes/sd_nuscenes_v1.0-mini_scene-0553.pkl"


def _generated(bag: Path, request: pytest.FixtureRequest) -> None:
    generate_recording(bag, duration_s=9.0)


def _nuscenes(bag: Path, request: pytest.FixtureRequest) -> None:
    convert("scenarionet", request.getfixturevalue("recordings") / _SCENE, bag)


@pytest.mark.parametrize("make", [_generated, _nuscenes])
def test_mined_features_are_those_of_the_node(make, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    bag, out = tmp_path / "bag", tmp_path / "samples"
    make(bag, request)
    config = MiningConfig(interval_s=1.7)
    (source,), _ = find_recordings([bag])
    mine_recording(MiningTask(source, out, config))
    write_document(out / "index.json", {"settings": config.settings()})
    mined = {sample.meta.stamp_ns: sample.features for sample in SampleDataset([out])}
    assert len(mined) >= 4
    extractor = FeatureExtractor()
    seen = []
    for scene in _scenes_of_the_node(bag, set(mined)):
        online = extractor(scene)
        seen.append(scene.stamp_ns)
        for each in fields(SceneFeatures):
            one, other = getattr(mined[scene.stamp_ns], each.name), getattr(online, each.name)
            assert one.dtype == other.dtype, each.name
            np.testing.assert_array_equal(one, other, err_msg=each.name)
    assert seen == sorted(mined)


def _scenes_of_the_node(bag: Path, stamps: set[int]) -> Iterator[Scene]:
    """The scenes that the prediction node makes of the bag's messages in the order in which they were recorded."""
    with BagReader(bag) as reader:
        number = {name: float(value) for name, value in reader.metadata.items() if name.startswith("ego_")}
        ego = EgoConfig(number["ego_length_m"], number["ego_width_m"], number["ego_center_offset_m"])
        pipeline = PredictionPipeline(PredictionConfig(predictor="constant_velocity", ego=ego))
        take = {
            "/road_network": (messages.road_network_from_message, pipeline.set_road_network),
            "/odometry": (messages.ego_from_odometry, pipeline.add_ego),
            "/traffic_signals": (messages.traffic_signals_from_message, pipeline.add_signals),
            "/ground_truth/agents": (messages.tracked_agents_from_message, pipeline.add_agents),
        }
        for topic, _, message in reader.messages([name for name in take if name in reader.topics]):
            convert_message, add = take[topic]
            add(convert_message(message))
            if topic == "/ground_truth/agents" and (cycle := pipeline.predict()) and cycle.scene.stamp_ns in stamps:
                yield cycle.scene
        pipeline.close()
