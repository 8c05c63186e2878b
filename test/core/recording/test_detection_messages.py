"""Detections of every modality go to messages and over CDR and come back the same; malformed ones are told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from recording_samples import assert_same

from zoox_prediction.detections import Detections, Modality, TrackAttributes
from zoox_prediction.errors import InputError
from zoox_prediction.recording import messages
from zoox_prediction.recording.typestore import RosbagsTypes, typestore
from zoox_prediction.scene import Attribute

TYPES = RosbagsTypes()
FLOAT32 = 1e-6


def over_the_wire(message):
    name = message.__msgtype__
    return typestore().deserialize_cdr(typestore().serialize_cdr(message, name), name)


def detections(modality: Modality, count: int) -> Detections:
    random = np.random.default_rng(count)
    measured: dict = {}
    if modality.is_image:
        measured = {"bearing_box": random.normal(size=(count, 4)), "bearing_covariance": random.random((count, 4))}
    else:
        measured = {
            "center": random.normal(size=(count, 3)),
            "yaw": random.uniform(-3, 3, count),
            "size": random.random((count, 3)),
            "covariance": random.random((count, 4, 4)),
        }
    if modality == Modality.RADAR:
        measured |= {"radial_speed": random.normal(size=count), "radial_speed_variance": random.random(count)}
    if modality == Modality.THERMAL:
        measured |= {"apparent_temperature": random.uniform(280, 310, count)}
    probabilities = random.random((count, 8))
    return Detections(
        stamp_ns=17_000_000_001,
        frame_id="front",
        sensor_name="front_1",
        modality=modality,
        class_probabilities=probabilities / probabilities.sum(axis=1, keepdims=True),
        existence_probability=random.random(count),
        attributes=np.full(count, int(Attribute.BRAKE_LIGHT), dtype=np.uint32),
        attributes_valid=np.full(count, int(Attribute.BRAKE_LIGHT | Attribute.LEFT_INDICATOR), dtype=np.uint32),
        attribute_confidence=random.random(count),
        **measured,
    )


@pytest.mark.parametrize("modality", Modality)
@pytest.mark.parametrize("count", [1, 5])
def test_detections_come_back(modality, count):
    sent = detections(modality, count)
    message = over_the_wire(messages.detections_to_message(sent, TYPES))
    assert_same(messages.detections_from_message(message), sent, FLOAT32)


def test_what_was_seen_of_tracks_comes_back():
    bits = np.array([8, 48, 0], dtype=np.uint32)
    told = TrackAttributes(np.array([7, 7, 2**40]), bits, bits | 128, np.array([0.9, 0.5, 0.25]))
    sent = replace(detections(Modality.CAMERA, 2), of_tracks=told)
    message = over_the_wire(messages.detections_to_message(sent, TYPES))
    received = messages.detections_from_message(message)
    assert len(received) == 2 and received.of_tracks is not None
    assert_same(received.of_tracks, told, FLOAT32)
    message.track_attributes = message.track_attributes[:2]
    with pytest.raises(InputError, match="track_attributes has 2 values where 3 belong"):
        messages.detections_from_message(message)


@pytest.mark.parametrize("modality", Modality)
def test_a_sensor_that_saw_nothing_says_so(modality):
    message = over_the_wire(messages.detections_to_message(Detections.empty(5, "front", "a", modality), TYPES))
    received = messages.detections_from_message(message)
    assert len(received) == 0 and received.stamp_ns == 5
    assert (received.bearing_box is None) != modality.is_image
    assert (received.radial_speed is not None) == (modality == Modality.RADAR)


def test_selected_rows_are_those_of_every_array():
    chosen = detections(Modality.RADAR, 4).select(np.array([True, False, False, True]))
    assert len(chosen) == 2 and chosen.bearing_box is None
    np.testing.assert_array_equal(chosen.covariance, detections(Modality.RADAR, 4).covariance[[0, 3]])
    np.testing.assert_array_equal(chosen.attributes_valid, detections(Modality.RADAR, 4).attributes_valid[[0, 3]])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"size": np.zeros((3, 3))}, "DetectionArray.size has 9 values where 6 belong"),
        ({"radial_speed": None}, "DetectionArray.radial_speed has 0 values where 2 belong"),
        ({"attributes": np.zeros(1, np.uint32)}, "DetectionArray.attributes has 1 values where 2 belong"),
    ],
)
def test_a_malformed_message_is_told_by_its_field(change, sentence):
    message = messages.detections_to_message(replace(detections(Modality.RADAR, 2), **change), TYPES)
    with pytest.raises(InputError, match=sentence):
        messages.detections_from_message(message)


def test_an_unknown_modality_is_told():
    message = messages.detections_to_message(detections(Modality.LIDAR, 1), TYPES)
    message.modality = 9
    with pytest.raises(InputError, match="modality is 9"):
        messages.detections_from_message(message)
