"""Boxes of other detectors as detections."""

from __future__ import annotations

from types import SimpleNamespace as Message

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from zoox_prediction.detections import Modality
from zoox_prediction.errors import InputError
from zoox_prediction.recording.messages import detections_from_vision
from zoox_prediction.scene import AgentClass


def box(rotation: Rotation, *results: tuple[str, float], covariance: np.ndarray | None = None) -> Message:
    x, y, z, w = rotation.as_quat()
    center = Message(position=Message(x=10.0, y=2.0, z=0.5), orientation=Message(x=x, y=y, z=z, w=w))
    told = np.zeros(36) if covariance is None else covariance.reshape(-1)
    hypotheses = [
        Message(hypothesis=Message(class_id=name, score=score), pose=Message(covariance=told))
        for name, score in results
    ]
    return Message(bbox=Message(center=center, size=Message(x=4.0, y=2.0, z=1.5)), results=hypotheses)


def array(*boxes: Message) -> Message:
    return Message(header=Message(stamp=Message(sec=5, nanosec=7), frame_id="roof"), detections=list(boxes))


def turned(yaw: float) -> Rotation:
    return Rotation.from_euler("z", yaw)


def test_place_heading_size_and_stamp_are_those_of_the_box():
    found = detections_from_vision(array(box(turned(0.7), ("car", 0.8))))
    assert (found.stamp_ns, found.frame_id, found.sensor_name) == (5_000_000_007, "roof", "roof")
    assert found.modality == Modality.LIDAR
    np.testing.assert_allclose(found.center, [[10.0, 2.0, 0.5]])
    np.testing.assert_allclose(found.size, [[4.0, 2.0, 1.5]])
    np.testing.assert_allclose(found.yaw, [0.7])


@pytest.mark.parametrize(
    ("results", "expected", "existence"),
    [
        ([("car", 0.6), ("Truck", 0.2)], {AgentClass.CAR: 0.75, AgentClass.TRUCK: 0.25}, 0.8),
        ([("human.pedestrian.adult", 0.5)], {AgentClass.PEDESTRIAN: 1.0}, 0.5),
        ([("Large Vehicle", 0.9), ("bus", 0.9)], {AgentClass.TRUCK: 0.5, AgentClass.BUS: 0.5}, 1.0),
        ([("traffic_cone", 0.7)], {AgentClass.UNKNOWN: 1.0}, 0.7),
        ([], {AgentClass.UNKNOWN: 1.0}, 0.0),
    ],
)
def test_scores_become_classes_and_existence(results, expected, existence):
    found = detections_from_vision(array(box(turned(0.0), *results)))
    assert found.existence_probability[0] == pytest.approx(existence)
    assert {AgentClass(row): p for row, p in enumerate(found.class_probabilities[0]) if p} == pytest.approx(expected)


def test_the_covariance_is_that_of_the_likeliest_where_it_is_told():
    told = np.diag([0.04, 0.09, 0.16, 1.0, 1.0, 0.01])
    told[0, 5] = told[5, 0] = 0.005
    found = detections_from_vision(
        array(box(turned(0.0), ("car", 0.8), covariance=told), box(turned(0.0), ("car", 0.8)))
    )
    np.testing.assert_allclose(np.diag(found.covariance[0]), [0.04, 0.09, 0.16, 0.01])
    assert found.covariance[0, 0, 3] == pytest.approx(0.005)
    np.testing.assert_allclose(found.covariance[1], np.diag([0.09, 0.09, 0.09, 0.0225]))


def test_an_empty_message_is_a_look_that_saw_nothing():
    found = detections_from_vision(array())
    assert len(found) == 0 and found.center.shape == (0, 3) and found.covariance.shape == (0, 4, 4)


def test_boxes_of_an_optical_frame_are_refused():
    with pytest.raises(InputError, match="does not stand upright in 'roof'"):
        detections_from_vision(array(box(Rotation.from_euler("x", -np.pi / 2.0), ("car", 0.8))))
