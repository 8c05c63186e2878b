"""The fit of probabilities and spreads finds the figures behind made-up futures, and its file round-trips."""

from __future__ import annotations

import numpy as np
import pytest
from baseline_scenes import make_scene

from zoox_prediction.config import ConfigError
from zoox_prediction.models.baselines.calibrate import RecordedFuture, fit_predictor, write_calibration
from zoox_prediction.models.baselines.calibration import (
    KNOTS_S,
    Calibration,
    MotionState,
    load_calibrations,
    prior_calibration,
)
from zoox_prediction.models.baselines.classes import Group
from zoox_prediction.models.baselines.constant_velocity import ConstantVelocity
from zoox_prediction.models.baselines.mixture import HeuristicMixture
from zoox_prediction.models.baselines.modes import STEP_TIMES_S, ModeKind


def futures_of(along_mps, lateral_mps, count=400, seed=0):
    """Cars at 10 m/s whose errors grow linearly, with these standard deviations per second."""
    random = np.random.default_rng(seed)
    scene = make_scene(np.zeros((count, 2)), 0.0, 10.0)
    rate = random.normal(0.0, 1.0, (count, 1, 2)) * [along_mps, lateral_mps]
    truth = scene.agents.position[:, None, :2] + (np.array([10.0, 0.0]) + rate) * STEP_TIMES_S[:, None]
    return RecordedFuture(scene, truth, np.ones((count, 80), dtype=bool))


def test_spreads_of_one_mode_are_those_of_the_errors():
    future = futures_of(0.8, 0.2)
    fitted = fit_predictor(ConstantVelocity(calibration=prior_calibration()), [future])
    prediction = ConstantVelocity(calibration=fitted).predict(future.scene)
    for knot_s in KNOTS_S[1:]:
        covariance = prediction.covariance[0, 0, round(10 * knot_s) - 1]
        np.testing.assert_allclose(np.sqrt(np.diag(covariance)), [0.8 * knot_s, 0.2 * knot_s], rtol=0.15)
    error = future.position[:, 79] - prediction.position[:, 0, 79]
    squared = np.einsum("ni,nij,nj->n", error, np.linalg.inv(prediction.covariance[:, 0, 79]), error)
    for share in (0.5, 0.9):  # chi-square with two degrees of freedom
        assert np.mean(squared <= -2.0 * np.log(1.0 - share)) == pytest.approx(share, abs=0.05)


def test_probabilities_follow_what_happened():
    scene = make_scene(np.stack([np.arange(200) * 30.0, np.zeros(200)], axis=1), 0.0, 10.0)
    straight = ConstantVelocity(calibration=prior_calibration()).predict(scene).position[:, 0]
    predictor = HeuristicMixture(calibration=prior_calibration())
    _, _, modes = predictor.candidates(scene)
    stopping = modes.position[modes.kind == ModeKind.STAND]
    truth = np.where((np.arange(200) < 140)[:, None, None], straight, stopping)
    fitted = fit_predictor(predictor, [RecordedFuture(scene, truth, np.ones((200, 80), dtype=bool))])
    weight = fitted.weight[Group.VEHICLE, MotionState.CRUISING]
    assert weight[ModeKind.STAND] / weight.sum() == pytest.approx(0.3, abs=0.06)


def test_a_group_without_data_keeps_the_prior():
    fitted = fit_predictor(ConstantVelocity(calibration=prior_calibration()), [futures_of(0.8, 0.2, count=20)])
    prior = prior_calibration()
    np.testing.assert_array_equal(fitted.along_m[Group.PEDESTRIAN], prior.along_m[Group.PEDESTRIAN])
    np.testing.assert_array_equal(fitted.weight[Group.CYCLIST], prior.weight[Group.CYCLIST])


def test_the_file_round_trips(tmp_path):
    fitted = fit_predictor(ConstantVelocity(calibration=prior_calibration()), [futures_of(0.8, 0.2, count=50)])
    path = tmp_path / "calibration.yaml"
    write_calibration(path, {"constant_velocity": fitted}, ["made-up futures"])
    loaded = load_calibrations(str(path))["constant_velocity"]
    at = (Group.VEHICLE, MotionState.CRUISING, ModeKind.STRAIGHT)
    np.testing.assert_allclose(loaded.along_m[at], fitted.along_m[at], atol=1e-4)
    np.testing.assert_allclose(loaded.unrest[at], fitted.unrest[at], atol=1e-4)
    assert "made-up futures" in path.read_text()


def test_the_shipped_file_has_every_predictor():
    assert set(load_calibrations()) == {
        "constant_velocity",
        "constant_turn_rate_acceleration",
        "lane_following",
        "pedestrian",
        "standing_still",
        "heuristic_mixture",
    }


@pytest.mark.parametrize(
    ("mapping", "named"),
    [
        ({"boats": {}}, "boats"),
        ({"vehicle": {"flying": {}}}, "vehicle.flying"),
        ({"vehicle": {"cruising": {"straight": {"weight": 1}}}}, "vehicle.cruising.straight"),
        (
            {"vehicle": {"cruising": {"straight": {"weight": 1, "along_m": [1], "lateral_m": "x", "unrest": 0}}}},
            "lateral_m",
        ),
        (
            {"vehicle": {"cruising": {"straight": {"weight": -1, "along_m": 1, "lateral_m": 1, "unrest": 0}}}},
            "weight",
        ),
    ],
)
def test_a_wrong_entry_is_named(mapping, named):
    with pytest.raises(ConfigError, match=named):
        Calibration.from_mapping(mapping)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        load_calibrations(str(tmp_path / "nowhere.yaml"))
