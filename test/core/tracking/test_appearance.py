"""Class by Bayesian accumulation, attributes that fade, and settings that make no sense."""

from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.config import ConfigError, flatten, from_mapping, unflatten
from zoox_prediction.detections import TrackAttributes
from zoox_prediction.scene import AgentClass, Attribute
from zoox_prediction.tracking.appearance import (
    attribute_bits,
    faded_attributes,
    updated_attributes,
    updated_classes,
    with_attributes_of_tracks,
)
from zoox_prediction.tracking.config import AppearanceConfig, TrackingConfig

_CONFIG = AppearanceConfig()


def _told(kind: AgentClass, sure: float) -> np.ndarray:
    told = np.full((1, 8), (1.0 - sure) / 7.0)
    told[0, kind] = sure
    return told


def test_many_weak_hints_outweigh_one_strong_error() -> None:
    log = updated_classes(np.zeros((1, 8)), _told(AgentClass.PEDESTRIAN, 0.99), _CONFIG)
    assert log.argmax() == AgentClass.PEDESTRIAN
    for _ in range(12):
        log = updated_classes(log, _told(AgentClass.CYCLIST, 0.5), _CONFIG)
    assert log.argmax() == AgentClass.CYCLIST
    np.testing.assert_allclose(np.exp(log).sum(), 1.0)


def test_a_sensor_that_cannot_tell_changes_nothing() -> None:
    log = updated_classes(np.zeros((1, 8)), _told(AgentClass.BUS, 0.8), _CONFIG)
    np.testing.assert_allclose(updated_classes(log, np.full((1, 8), 0.125), _CONFIG), log)


def _observe(log_odds: np.ndarray, on: Attribute | int, valid: Attribute | int, confidence: float = 0.9) -> np.ndarray:
    bits = (np.array([int(on)], dtype=np.uint32), np.array([int(valid)], dtype=np.uint32))
    return updated_attributes(log_odds, *bits, np.array([confidence]), _CONFIG)


def test_attributes_that_were_not_observed_stay_unknown() -> None:
    on, known = attribute_bits(
        _observe(np.zeros((1, 11)), Attribute.PARKED, Attribute.PARKED | Attribute.CHILD), _CONFIG
    )
    assert on[0] == Attribute.PARKED
    assert known[0] == Attribute.PARKED | Attribute.CHILD


def test_an_indicator_is_on_while_it_blinks_and_a_brake_light_is_not() -> None:
    both = Attribute.LEFT_INDICATOR | Attribute.BRAKE_LIGHT
    log_odds = np.zeros((1, 11))
    for step in range(30):
        log_odds = faded_attributes(log_odds, 0.1, _CONFIG)
        log_odds = _observe(log_odds, both if step % 6 < 2 else 0, both)
    on, _ = attribute_bits(log_odds, _CONFIG)
    assert on[0] == Attribute.LEFT_INDICATOR


def test_observations_fade_and_chance_says_nothing() -> None:
    log_odds = _observe(np.zeros((1, 11)), Attribute.HAZARD, Attribute.HAZARD)
    assert attribute_bits(faded_attributes(log_odds, 0.5, _CONFIG), _CONFIG)[1][0] == Attribute.HAZARD
    assert attribute_bits(faded_attributes(log_odds, 10.0, _CONFIG), _CONFIG)[1][0] == 0
    assert not _observe(np.zeros((1, 11)), 2047, 2047, confidence=0.5).any()


def test_what_is_told_of_tracks_goes_to_these_alone() -> None:
    ids = np.array([9, 4, 30])
    told = TrackAttributes(
        np.array([30, 9, 30, 5, 4]),  # the fifth is gone
        np.array([8, 8, 16, 8, 8], dtype=np.uint32),
        np.array([8, 8, 48, 8, 8], dtype=np.uint32),
        np.array([0.9, 0.5, 0.9, 0.9, np.nan]),
    )
    log_odds = with_attributes_of_tracks(np.zeros((3, 11)), ids, told, _CONFIG)
    on, known = attribute_bits(log_odds, _CONFIG)
    assert on.tolist() == [0, 0, Attribute.BRAKE_LIGHT | Attribute.LEFT_INDICATOR]
    assert known.tolist() == [0, 0, 8 | 48]
    once = _observe(np.zeros((1, 11)), Attribute.BRAKE_LIGHT, Attribute.BRAKE_LIGHT)
    np.testing.assert_allclose(log_odds[2, 3], once[0, 3])
    nobody = with_attributes_of_tracks(np.zeros((0, 11)), ids[:0], told, _CONFIG)
    assert nobody.shape == (0, 11)


def test_settings_go_through_parameters_unchanged() -> None:
    config = TrackingConfig()
    assert from_mapping(TrackingConfig, unflatten(flatten(config))) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_tracks": 0}, "max_tracks"),
        ({"ego_front_m": -2.0}, "ego_front_m"),
        ({"motion": {"mode_probabilities": [0.5, 0.2, 0.2]}}, "mode_probabilities"),
        ({"motion": {"acceleration_noise": [1.0]}}, "acceleration_noise"),
        ({"association": {"clutter_density": [1.0, 1.0, 0.0, 1.0]}}, "clutter_density"),
        ({"association": {"gate_probability": 1.0}}, "gate_probability"),
        ({"existence": {"birth_share": [0.2, 0.2, 0.2]}}, "birth_share"),
        ({"existence": {"most_log_odds": [1.0, 1.0, -1.0, 1.0]}}, "most_log_odds"),
        ({"existence": {"confirm_hits": 0}}, "confirm_hits"),
        ({"appearance": {"flip_distance_m": 0.0}}, "flip_distance_m"),
        ({"calibration": {"min_boxes": 0}}, "min_boxes"),
        ({"existence": {"birth_shares": [0.2]}}, "birth_share"),
    ],
)
def test_settings_out_of_range_are_refused(values: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_mapping(TrackingConfig, values)
