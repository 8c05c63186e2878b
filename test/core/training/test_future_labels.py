"""Labels against tracks that are known by heart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_up_tracks import START_NS, Agent, along, recording

from zoox_prediction.models.baselines.modes import STEP_TIMES_S
from zoox_prediction.models.scene_features import KNOT_TIMES_S, SceneFeatures
from zoox_prediction.prediction.features import FeatureExtractor
from zoox_prediction.prediction.recorded_scenes import recorded_scenes
from zoox_prediction.prediction.scene_history import SceneHistoryConfig
from zoox_prediction.raster.config import RasterConfig
from zoox_prediction.recording.log import RecordedLog, log_of
from zoox_prediction.scene import AgentClass
from zoox_prediction.training.future_labels import FutureLabels, ScoringConfig, future_labels
from zoox_prediction.training.track_cleaning import CleanTracks

_SMALL = RasterConfig(size_px=32, resolution_m=6.4)
TURN_RATE = 0.2  # of the car of `_turning`


def _turning(t: float) -> tuple[float, ...]:
    """A car at 6 m/s on a circle to the left, at heading 1 rad in the beginning."""
    yaw = 1.0 + TURN_RATE * t
    x, y = 6.0 / TURN_RATE * (np.sin(yaw) - np.sin(1.0)), -6.0 / TURN_RATE * (np.cos(yaw) - np.cos(1.0))
    return (x, y, yaw, 6.0 * np.cos(yaw), 6.0 * np.sin(yaw))


def _labels(
    log: RecordedLog, after_s: float, config: ScoringConfig | None = None
) -> tuple[FutureLabels, SceneFeatures]:
    """Of the scene so long after the first frame."""
    scene = next(iter(recorded_scenes(log, SceneHistoryConfig(), after_s, 1.0, 0.0)))
    assert scene.stamp_ns == START_NS + round(after_s * 1e9)
    features = FeatureExtractor(_SMALL)(scene)
    return future_labels(log, CleanTracks(log), scene, features, config or ScoringConfig()), features


def test_futures_are_in_the_agents_own_frames() -> None:
    log = log_of(recording({4: Agent(_turning)}))
    labels, _ = _labels(log, 2.0)
    turned = TURN_RATE * STEP_TIMES_S
    circle = 6.0 / TURN_RATE * np.stack([np.sin(turned), 1.0 - np.cos(turned)], axis=-1)
    np.testing.assert_allclose(labels.future_position[0], circle, atol=2e-2)
    np.testing.assert_allclose(labels.future_yaw[0], turned, atol=1e-3)
    np.testing.assert_allclose(labels.future_speed[0], 6.0, atol=1e-3)
    assert labels.future_valid.all()
    assert labels.future_position.dtype == np.float32


def test_a_future_ends_with_the_recording() -> None:
    labels, _ = _labels(log_of(recording({4: Agent(_turning)})), 6.5)
    np.testing.assert_array_equal(labels.future_valid[0], STEP_TIMES_S < 5.55)
    assert not labels.future_position[0, ~labels.future_valid[0]].any()


def test_a_parked_car_stays() -> None:
    labels, _ = _labels(log_of(recording({4: Agent(along(3.0, 4.0, 0.0, 0.7))})), 2.0)
    np.testing.assert_allclose(labels.future_position, 0.0, atol=1e-6)
    np.testing.assert_allclose(labels.future_yaw, 0.0, atol=1e-6)
    assert labels.future_valid.all()
    assert labels.scored.all()


def test_nothing_is_made_up_in_a_gap() -> None:
    log = log_of(recording({4: Agent(_turning, seen=lambda t: not 4.05 < t < 5.95)}))
    labels, _ = _labels(log, 2.0)
    np.testing.assert_array_equal(labels.future_valid[0], (STEP_TIMES_S < 2.05) | (STEP_TIMES_S > 3.95))


def test_who_takes_over_an_id_is_not_followed() -> None:
    def switched(t: float) -> tuple[float, ...]:
        return (1.2 * t, 0.0 if t < 5.0 else 3.0, 0.0, 1.2, 0.0)

    log = log_of(recording({4: Agent(switched, AgentClass.PEDESTRIAN)}))
    labels, _ = _labels(log, 3.0)
    np.testing.assert_array_equal(labels.future_valid[0], STEP_TIMES_S < 1.95)
    for after_s, scored in ((3.0, True), (5.5, False), (7.0, True)):
        assert _labels(log, after_s)[0].scored.tolist() == [scored], "the past must be of the same person"


def test_agents_that_are_new_or_far_away_do_not_count() -> None:
    agents = {
        1: Agent(along(0.0, 10.0, 1.0), AgentClass.PEDESTRIAN),
        2: Agent(along(0.0, 20.0, 1.0), AgentClass.PEDESTRIAN, seen=lambda t: t > 1.45),
        3: Agent(along(30.0, 90.0, 1.0), AgentClass.PEDESTRIAN),
        4: Agent(along(0.0, 30.0, 1.0), AgentClass.PEDESTRIAN, seen=lambda t: not 1.15 < t < 1.95),
    }
    log = log_of(recording(agents, ego=along(0.0, 0.0, 0.0)))
    assert _labels(log, 2.0)[0].scored.tolist() == [True, False, True, False]
    assert _labels(log, 3.0)[0].scored.tolist() == [True, True, True, True]
    near = ScoringConfig(max_distance_m=80.0)
    assert _labels(log, 2.0, near)[0].scored.tolist() == [True, False, False, False]
    assert _labels(log, 2.0)[0].future_valid[3].all()


def test_what_the_ego_did_is_a_plan() -> None:
    log = log_of(recording({4: Agent(along(0.0, 9.0, 1.0))}, ego=_turning))
    log = replace(log, ego_center_offset_m=1.5)
    labels, features = _labels(log, 5.0)
    valid = KNOT_TIMES_S < 7.05
    np.testing.assert_array_equal(labels.ego_future_valid[0], valid)
    turned = TURN_RATE * KNOT_TIMES_S[valid]
    x, y = 30.0 * np.sin(turned) + 1.5 * np.cos(turned), 30.0 * (1.0 - np.cos(turned)) + 1.5 * np.sin(turned)
    wanted = np.stack([x, y, np.cos(turned), np.sin(turned), np.full(len(x), 6.0)], axis=-1)
    np.testing.assert_allclose(labels.ego_future[0][valid], wanted, atol=2e-2)
    assert not labels.ego_future[0][~valid].any()
    assert features.with_plan(labels.ego_future, labels.ego_future_valid).plan.shape == features.plan.shape


def test_without_an_ego_there_is_no_plan() -> None:
    labels, _ = _labels(log_of(recording({4: Agent(_turning)})), 2.0)
    assert not labels.ego_future_valid.any()
    assert not labels.ego_future.any()


@pytest.mark.parametrize("step_s", [0.1, 0.4])
def test_rarer_frames_are_interpolated(step_s: float) -> None:
    log = log_of(recording({4: Agent(along(0.0, 0.0, 1.5), AgentClass.PEDESTRIAN)}, step_s=step_s))
    labels, _ = _labels(log, 2.0)
    np.testing.assert_allclose(labels.future_position[0, :, 0], 1.5 * STEP_TIMES_S, atol=1e-4)
    assert labels.future_valid.all()
