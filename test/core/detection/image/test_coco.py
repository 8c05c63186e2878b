"""Classes of COCO as agents: riders, phones, animals, things that are none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from zoox_prediction.detection.image.coco import COCO_NAMES, AgentMapping, Found
from zoox_prediction.detection.image.config import CameraNetworkConfig
from zoox_prediction.scene import AgentClass, Attribute

CONFIG = CameraNetworkConfig()


def _agents(*things: tuple[str, float, list[float]], names: tuple[str, ...] = COCO_NAMES) -> Found:
    boxes = np.array([box for *_, box in things], dtype=float).reshape(-1, 4)
    scores = np.zeros((len(things), len(names)))
    for row, (name, score, _) in enumerate(things):
        scores[row, names.index(name)] = score
    return AgentMapping(names, CONFIG).agents(boxes, scores, 0.45)


def _classes(found: Found) -> list[int]:
    return found.class_probabilities.argmax(axis=1).tolist()


@pytest.mark.parametrize(
    ("name", "agent"),
    [
        ("person", AgentClass.PEDESTRIAN), ("car", AgentClass.CAR), ("truck", AgentClass.TRUCK),
        ("bus", AgentClass.BUS), ("dog", AgentClass.ANIMAL), ("cow", AgentClass.ANIMAL), ("bear", AgentClass.ANIMAL),
        ("train", AgentClass.UNKNOWN), ("bicycle", AgentClass.UNKNOWN), ("motorcycle", AgentClass.UNKNOWN),
    ],
)  # fmt: skip
def test_one_thing_alone(name: str, agent: AgentClass) -> None:
    found = _agents((name, 0.8, [10, 10, 60, 90]))
    assert _classes(found) == [agent]
    np.testing.assert_allclose(found.class_probabilities.sum(axis=1), 1.0)
    assert found.existence[0] == pytest.approx(0.8)


def test_a_bicycle_without_a_rider_may_still_be_ridden() -> None:
    found = _agents(("bicycle", 0.8, [10, 10, 60, 90]))
    assert found.class_probabilities[0, AgentClass.CYCLIST] > 0.2
    assert found.class_probabilities[0, AgentClass.MOTORCYCLIST] < 0.05


@pytest.mark.parametrize(
    ("ridden", "agent"), [("bicycle", AgentClass.CYCLIST), ("motorcycle", AgentClass.MOTORCYCLIST)]
)
def test_a_person_on_a_thing_is_a_rider(ridden: str, agent: AgentClass) -> None:
    found = _agents(("person", 0.7, [100, 50, 150, 180]), (ridden, 0.6, [80, 110, 170, 200]))
    assert _classes(found) == [agent]
    np.testing.assert_array_equal(found.boxes, [[80, 50, 170, 200]])
    assert found.existence[0] == pytest.approx(1.0 - 0.3 * 0.4)


@pytest.mark.parametrize("person", [[300, 50, 350, 180], [160, 50, 215, 180], [100, 150, 150, 260]])
def test_a_person_beside_or_below_a_bicycle_is_none(person: list[float]) -> None:
    found = _agents(("person", 0.7, person), ("bicycle", 0.6, [80, 110, 170, 200]))
    assert sorted(_classes(found)) == [AgentClass.PEDESTRIAN, AgentClass.UNKNOWN]


def test_everybody_rides_one_thing() -> None:
    found = _agents(
        ("person", 0.7, [100, 50, 150, 180]),
        ("person", 0.6, [130, 60, 190, 185]),
        ("bicycle", 0.6, [80, 110, 170, 200]),
    )
    assert sorted(_classes(found)) == [AgentClass.CYCLIST, AgentClass.PEDESTRIAN]


PERSON = [100.0, 100.0, 200.0, 400.0]


def test_a_phone_on_the_upper_half_is_held() -> None:
    found = _agents(("person", 0.9, PERSON), ("cell phone", 0.25, [180, 180, 196, 200]))
    assert found.attributes.tolist() == [Attribute.HOLDING_PHONE]
    assert found.attributes_valid.tolist() == [Attribute.HOLDING_PHONE]
    assert found.attribute_confidence[0] == pytest.approx(0.25)


@pytest.mark.parametrize("phone", [[180, 330, 196, 350], [300, 180, 316, 200]])
def test_a_phone_elsewhere_is_not(phone: list[float]) -> None:
    found = _agents(("person", 0.9, PERSON), ("cell phone", 0.5, phone))
    assert found.attributes.tolist() == [0]
    assert found.attributes_valid.tolist() == [Attribute.HOLDING_PHONE]  # so tall that it would have been seen
    assert 0.0 < found.attribute_confidence[0] < 0.5


def test_on_a_far_person_a_phone_would_not_be_seen() -> None:
    found = _agents(("person", 0.9, [100, 100, 120, 160]))
    assert found.attributes_valid.tolist() == [0]


def test_networks_that_do_not_know_phones_tell_nothing_about_them() -> None:
    found = _agents(("person", 0.9, PERSON), names=("person", "car"))
    assert found.attributes_valid.tolist() == [0]


def test_two_names_for_one_vehicle_are_one() -> None:
    found = _agents(
        ("car", 0.5, [10, 10, 100, 60]), ("truck", 0.6, [12, 10, 102, 62]), ("person", 0.5, [12, 10, 102, 62])
    )
    assert sorted(_classes(found)) == [AgentClass.TRUCK, AgentClass.PEDESTRIAN]


def test_what_is_no_agent_is_left_out() -> None:
    assert len(_agents(("chair", 0.9, [10, 10, 60, 90])).boxes) == 0
    assert len(_agents(("person", 0.1, [10, 10, 60, 90])).boxes) == 0
    assert len(_agents().boxes) == 0


def test_the_likeness_of_two_classes_is_kept() -> None:
    scores: NDArray = np.zeros((1, len(COCO_NAMES)))
    scores[0, [COCO_NAMES.index("car"), COCO_NAMES.index("truck")]] = 0.6, 0.3
    found = AgentMapping(COCO_NAMES, CONFIG).agents(np.array([[0.0, 0.0, 50.0, 40.0]]), scores, 0.45)
    car, truck = found.class_probabilities[0, [AgentClass.CAR, AgentClass.TRUCK]]
    assert 1.7 < car / truck < 2.1


def test_names_of_other_data_sets() -> None:
    mapping = AgentMapping(("Pedestrian", "Cyclist", "Van"), CONFIG)
    found = mapping.agents(
        np.array([[0.0, 0.0, 9.0, 9.0], [50.0, 0.0, 59.0, 9.0]]), np.array([[0, 0.9, 0], [0, 0, 0.8]]), 0.5
    )
    assert _classes(found) == [AgentClass.CYCLIST, AgentClass.CAR]
    assert not AgentMapping(("helmet", "vest"), CONFIG).knows_agents
