"""The whole evaluation on real traffic: truths score as truths, and following lanes pays."""

from dataclasses import dataclass

import numpy as np
import pytest
from made_up import ConstantVelocity

from zoox_prediction.evaluation import eth_ucy
from zoox_prediction.evaluation.protocol import ProtocolConfig, evaluate_log
from zoox_prediction.evaluation.score_sums import MetricsConfig
from zoox_prediction.prediction.registry import create_predictor
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.recording.looking_back import observed_only
from zoox_prediction.recording.sources import find_recordings, open_recording
from zoox_prediction.scene import PredictedTrajectories, Source

CONFIG = ProtocolConfig(interval_s=3.0, metrics=MetricsConfig(num_modes=(1,), num_coverage_samples=50))
RECORDINGS = {
    "Argoverse 2": "av2/sensor_logs/3bffdcff-c3a7-38b6-a0f2-64196d130958",
    "nuScenes": "scenarionet_nuscenes/sd_nuscenes_v1.0-mini_scene-1094.pkl",
    "TAF-BW": "taf_bw/datasets/recorded_trackfiles/k733_2020-09-15/vehicle_tracks_000.csv",
}


@dataclass
class _Clairvoyant:
    """Predicts what really happens."""

    log: RecordedLog
    name: str = "clairvoyant"
    version: str = "1"

    def predict(self, scene):
        agents = scene.agents
        future = self.log.future(agents.ids, scene.stamp_ns, 0.1, 80)
        position = np.where(future.valid[..., None], future.position, agents.position[:, None, :2])
        shape = (len(scene), 1, 80)
        return PredictedTrajectories(
            scene.stamp_ns,
            0.1,
            agents.ids,
            agents.agent_class,
            np.ones((len(scene), 1)),
            position[:, None],
            future.yaw[:, None],
            future.speed[:, None],
            np.broadcast_to(0.01 * np.eye(2), (*shape, 2, 2)),
            np.full(len(scene), Source.HEURISTIC, dtype=np.uint8),
        )


@pytest.fixture(params=RECORDINGS)
def log(request, recordings):
    (source,) = find_recordings([recordings / RECORDINGS[request.param]])[0]
    return open_recording(source)


def test_the_truth_is_perfect_and_lanes_beat_constant_velocity(log):
    predictors = {name: create_predictor(name) for name in ("constant_velocity", "lane_following")}
    found = evaluate_log(log, {**predictors, "truth": _Clairvoyant(log)}, CONFIG)
    rows = {
        (name, row["agent_class"], row["horizon_s"]): row
        for name, sums in found.items()
        for row in sums.rows()
        if row["subset"] is None
    }
    for (name, _, _), row in rows.items():
        if name == "truth":
            assert row["min_ade_m"] == pytest.approx(0.0, abs=1e-9)
            assert row["miss_rate"] == 0.0
            assert row["coverage_50"] == 1.0
    vehicles = rows["truth", "vehicle", 8.0]
    assert vehicles["n"] >= 20
    assert vehicles["off_road_rate"] < 0.08  # maps lack lanes, and some vehicles turn into a drive
    assert vehicles["overlap_rate"] < 0.05
    assert rows["lane_following", "vehicle", 8.0]["min_fde_m"] < rows["constant_velocity", "vehicle", 8.0]["min_fde_m"]


def test_hotel_has_the_samples_of_the_benchmark(recordings):
    (source,) = find_recordings([recordings / "eth_ucy/raw/hotel/test"])[0]
    sums = evaluate_log(
        observed_only(open_recording(source)),
        {"constant_velocity": ConstantVelocity()},
        eth_ucy.protocol_config(num_modes=(1,)),
    )["constant_velocity"]
    row = next(row for row in sums.rows() if row["agent_class"] == "all")
    assert row["n"] == 1197  # the number of windows that the literature reports for this scene
    assert row["overlap_rate"] is None  # the source has no sizes
    assert row["min_ade_m"] < 0.32  # a linear fit to the observed steps has 0.39
