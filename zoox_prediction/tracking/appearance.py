"""Class and attributes of tracks, gathered over sensors and time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detections import TrackAttributes
from zoox_prediction.scene import NUM_CLASSES, Attribute
from zoox_prediction.tracking.config import AppearanceConfig
from zoox_prediction.tracking.track_table import NUM_ATTRIBUTES

FloatArray = NDArray[np.float64]

_LEAST_LOG = -8.0
_CLASS_FLOOR = 0.02  # of a detector's class probabilities: it may err
_MOST_LOG_ODDS = 4.0
_BITS = (1 << np.arange(NUM_ATTRIBUTES)).astype(np.uint32)
_BLINKS = np.isin(_BITS, [Attribute.LEFT_INDICATOR, Attribute.RIGHT_INDICATOR, Attribute.HAZARD])
_DARK_WEIGHT = 0.3  # of a light that blinks, when it is seen off: half of the time it is


def updated_classes(class_log: FloatArray, told: FloatArray, config: AppearanceConfig) -> FloatArray:
    """(K, 8) log probabilities after class probabilities (K, 8) of detectors, by Bayes' rule with equal priors."""
    told = (told + _CLASS_FLOOR) / (1.0 + NUM_CLASSES * _CLASS_FLOOR)
    log = class_log + config.class_weight * np.log(told)
    log = np.maximum(log - log.max(axis=1, keepdims=True), _LEAST_LOG)
    normalized: FloatArray = log - np.log(np.exp(log).sum(axis=1, keepdims=True))
    return normalized


def faded_attributes(log_odds: FloatArray, dt_s: float, config: AppearanceConfig) -> FloatArray:
    """(N, 11) what is left of observations after `dt_s`."""
    faded: FloatArray = log_odds * np.exp(-dt_s / config.attribute_time_s)
    return faded


def updated_attributes(
    log_odds: FloatArray,
    on: NDArray[np.uint32],
    observed: NDArray[np.uint32],
    confidence: FloatArray,
    config: AppearanceConfig,
) -> FloatArray:
    """(K, 11) log odds after observed bits (K,) with these confidences (K,); chance is a confidence of 0.5."""
    return _bounded(log_odds + _evidence(on, observed, confidence, config))


def with_attributes_of_tracks(
    log_odds: FloatArray, ids: NDArray[np.int64], told: TrackAttributes, config: AppearanceConfig
) -> FloatArray:
    """(N, 11) log odds of the tracks `ids` (N,) after what was told of some of them; of others nothing is taken."""
    order = np.argsort(ids)
    place = np.searchsorted(ids[order], told.ids)
    known = np.flatnonzero((place < len(ids)) & np.isfinite(told.confidence))
    row = order[place[known]]
    known, row = known[ids[row] == told.ids[known]], row[ids[row] == told.ids[known]]
    changed = log_odds.copy()
    evidence = _evidence(told.attributes[known], told.attributes_valid[known], told.confidence[known], config)
    np.add.at(changed, row, evidence)
    return _bounded(changed)


def _evidence(
    on: NDArray[np.uint32], observed: NDArray[np.uint32], confidence: FloatArray, config: AppearanceConfig
) -> FloatArray:
    """(K, 11) by which log odds change."""
    sure = np.clip(confidence, 0.5, 0.99)
    evidence = config.attribute_weight * np.log(sure / (1.0 - sure))[:, None]
    is_on, is_observed = (on[:, None] & _BITS) > 0, (observed[:, None] & _BITS) > 0
    step = np.where(is_on, evidence, np.where(_BLINKS, -_DARK_WEIGHT * evidence, -evidence))
    return np.where(is_observed, step, 0.0)


def _bounded(log_odds: FloatArray) -> FloatArray:
    bounded: FloatArray = np.clip(log_odds, -_MOST_LOG_ODDS, _MOST_LOG_ODDS)
    return bounded


def attribute_bits(log_odds: FloatArray, config: AppearanceConfig) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """(N,) bits that are on, and (N,) bits of which anything is known."""
    known = np.abs(log_odds) >= config.attribute_log_odds
    on = known & (log_odds > 0.0)
    return (on * _BITS).sum(axis=1).astype(np.uint32), (known * _BITS).sum(axis=1).astype(np.uint32)
