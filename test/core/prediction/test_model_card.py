"""What weights say about themselves survives the file, and what does not fit is told with both values."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from zoox_prediction.errors import InputError
from zoox_prediction.models.scene_features import NETWORK_INPUTS, FeatureConfig
from zoox_prediction.prediction.calibration import MixtureCalibration
from zoox_prediction.prediction.model_card import ModelCard
from zoox_prediction.raster.config import RasterConfig


def card() -> ModelCard:
    calibration = MixtureCalibration(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 8.0]), np.full((4, 2), 1.5))
    return ModelCard(
        version="7",
        features=FeatureConfig(num_neighbors=5),
        raster=RasterConfig(size_px=128),
        licence="Apache-2.0",
        training_data=({"name": "drives", "licence": "Apache-2.0"},),
        network={"width": 96},
        metrics={"min_fde_m": 1.25},
        calibration=calibration,
        conformal_radius_m={"vehicle": {"0.9": [1.0, 2.0]}},
    )


def test_a_card_comes_back_from_json_as_it_was():
    written, read = card(), ModelCard.from_json(card().to_json(), "x.onnx")
    assert replace(read, calibration=None) == replace(written, calibration=None)
    for name in ("temperature", "knots_s", "covariance_scale"):
        assert np.array_equal(getattr(read.calibration, name), getattr(written.calibration, name))


def test_every_input_of_the_network_has_its_shape():
    shapes = card().input_shapes()
    assert tuple(shapes) == NETWORK_INPUTS
    assert shapes["neighbor"] == (None, 5)
    assert shapes["raster"][1:] == (60, 128, 128)


def changed(**values: object) -> str:
    return json.dumps(json.loads(card().to_json()) | values)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "is no mapping"),
        ("{}", "has no 'version'"),
        (changed(feature_version=99), "feature_version 99, this version has "),
        (changed(channel_digest="abc"), "channel_digest abc, this version has "),
        (changed(features={"num_neighbours": 3}), "did you mean 'features.num_neighbors'"),
        (changed(calibration={"knots_s": [1.0]}), "'temperature'"),
        (changed(calibration=3), "cannot be used"),
    ],
)
def test_what_does_not_fit_is_one_sentence_that_names_the_file(text, words):
    with pytest.raises(InputError) as caught:
        ModelCard.from_json(text, "x.onnx")
    assert str(caught.value).startswith("x.onnx: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_raster_is_refused_with_both_values():
    card().check_raster(RasterConfig(size_px=128, tile_cache_mb=100.0), "x.onnx")
    with pytest.raises(InputError, match=r"raster\.size_px 128, this version has 256"):
        card().check_raster(RasterConfig(), "x.onnx")


def test_a_later_version_may_say_more():
    assert ModelCard.from_json(changed(hours=3.0), "x.onnx").version == "7"
