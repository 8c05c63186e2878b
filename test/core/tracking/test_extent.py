"""Boxes of which one side was seen: where the centre is, and what they say of size and heading."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated import START_NS

from zoox_prediction.detections import Detections, Modality
from zoox_prediction.scene import DEFAULT_SIZE_M, NUM_CLASSES, AgentClass
from zoox_prediction.tracking.config import AssociationConfig
from zoox_prediction.tracking.extent import AnchoredBoxes, anchor_boxes, updated_size, updated_yaw
from zoox_prediction.tracking.sensor_frame import SensorFrame, sensor_frame

_CONFIG = AssociationConfig()


def _frame(center: tuple[float, float], size: tuple[float, float], deviation: tuple[float, float]) -> SensorFrame:
    """One box along +x, seen by a lidar at the origin; deviations of its centre along length and width."""
    bits = np.zeros(1, dtype=np.uint32)
    covariance = np.diag([deviation[0] ** 2, deviation[1] ** 2, 0.02, 0.01])[None]
    detections = Detections(
        START_NS, "lidar", "lidar", Modality.LIDAR, np.full((1, NUM_CLASSES), 1.0 / NUM_CLASSES), np.full(1, 0.9),
        bits, bits, np.zeros(1), np.array([[*center, 0.8]]), np.zeros(1), np.array([[*size, 1.6]]), covariance,
    )  # fmt: skip
    frame, problems = sensor_frame(detections, np.eye(4), np.zeros(3), 10)
    assert frame is not None and problems == []
    return frame


def _anchored(
    frame: SensorFrame, length: float, width: float = 1.9, yaw_variance: float = 0.01, kind: AgentClass | None = None
) -> AnchoredBoxes:
    """Against one track along +x; of any class where none is given."""
    size = np.array([[length, width, 1.6]])
    classes = np.full((1, NUM_CLASSES), 1.0 / NUM_CLASSES) if kind is None else np.eye(NUM_CLASSES)[[kind]]
    return anchor_boxes(
        frame, np.zeros(1, dtype=int), np.zeros(1), np.full(1, yaw_variance), size, np.full((1, 3), 0.0025), classes,
        _CONFIG,
    )  # fmt: skip


@pytest.mark.parametrize(("x", "length"), [(20.0, 12.0), (20.0, 3.5), (-20.0, 12.0)])
def test_the_near_side_holds_the_box(x: float, length: float) -> None:
    """A rear end at 20 - 2.3 m and a known length put the centre half of that length behind it."""
    boxes = _anchored(_frame((x, 0.0), (4.6, 1.9), (1.5, 0.08)), length)
    near_side = abs(x) - 2.3
    assert boxes.center[0, 0] == pytest.approx(np.sign(x) * (near_side + 0.5 * length))
    assert boxes.covariance[0, 0, 0] < 0.4**2
    assert not boxes.measured[0, 0] and boxes.measured[0, 1]


def test_a_box_seen_whole_stays_where_it_is() -> None:
    boxes = _anchored(_frame((20.0, 5.0), (4.2, 1.8), (0.08, 0.08)), 4.6)
    np.testing.assert_allclose(boxes.center[0], [20.0, 5.0])
    edge = _CONFIG.edge_deviation_m
    np.testing.assert_allclose(np.sqrt(np.diag(boxes.covariance[0])), edge, atol=0.02)
    assert boxes.measured.all()


def test_a_piece_of_a_car_that_is_told_to_be_whole_is_its_near_end() -> None:
    piece = _frame((18.6, 0.0), (1.8, 1.9), (0.1, 0.1))
    boxes = _anchored(piece, 4.6, kind=AgentClass.CAR)
    assert boxes.center[0, 0] == pytest.approx(18.6 - 0.9 + 2.3)
    assert not boxes.measured[0, 0] and boxes.measured[0, 1]
    assert boxes.covariance[0, 0, 0] > 1.0  # it might be another end
    # As long as cars may be it is the car that is shorter than was thought; and so it may be of what is of any class.
    short = _anchored(_frame((18.6, 0.0), (3.8, 1.9), (0.1, 0.1)), 5.4, kind=AgentClass.CAR)
    assert short.measured[0, 0] and short.center[0, 0] == pytest.approx(18.6)
    assert _anchored(piece, 4.6).measured[0, 0]


def _reflections(kinds: dict[AgentClass, float]) -> SensorFrame:
    """What a radar at the origin tells of reflections from 20 m on, of which it does not know which way they extend."""
    classes = np.zeros((1, NUM_CLASSES))
    for kind, share in kinds.items():
        classes[0, kind] = share
    half = 0.25 * (classes @ DEFAULT_SIZE_M[:, :2]).sum()
    bits = np.zeros(1, dtype=np.uint32)
    detections = Detections(
        START_NS, "radar", "radar", Modality.RADAR, classes, np.full(1, 0.9), bits, bits, np.zeros(1),
        np.array([[20.0 + half, 0.0, 0.8]]), np.zeros(1), np.array([[1.0, 1.0, 1.6]]),
        np.diag([0.8, 0.6, 0.5, np.pi**2 / 12.0])[None],
        radial_speed=np.zeros(1), radial_speed_variance=np.full(1, 0.01),
    )  # fmt: skip
    frame, problems = sensor_frame(detections, np.eye(4), np.zeros(3), 10)
    assert frame is not None and problems == []
    return frame


def test_a_track_is_as_far_behind_a_radars_reflections_as_it_is_deep() -> None:
    """The nearest reflection is a little behind the near end, by 6% of the depth on average."""
    doubtful = _reflections({AgentClass.CAR: 0.5, AgentClass.PEDESTRIAN: 0.5})
    person = _anchored(doubtful, 0.6, 0.6, yaw_variance=1.0, kind=AgentClass.PEDESTRIAN)
    assert person.center[0, 0] == pytest.approx(20.0 + 0.44 * 0.6)
    assert person.covariance[0, 0, 0] < 0.35**2
    bus = _anchored(doubtful, 12.0, 2.5, kind=AgentClass.BUS)
    assert bus.center[0, 0] == pytest.approx(20.0 + 0.44 * 12.0)
    turned = _anchored(doubtful, 12.0, 2.5, yaw_variance=1.0, kind=AgentClass.BUS)
    assert turned.center[0, 0] == pytest.approx(20.0 + 0.44 * 7.25)
    assert turned.covariance[0, 0, 0] > 1.0
    assert turned.covariance[0, 1, 1] == pytest.approx(0.6 + _CONFIG.radar_deviation_m**2)


def test_reflections_of_a_row_of_parked_cars_are_on_the_side_that_is_seen() -> None:
    frame = _reflections({AgentClass.CAR: 1.0})
    for lateral in (4.0, -4.0):
        center = np.array([[20.0, lateral, 0.8]])
        boxes = _anchored(replace(frame, center=center), 4.6, kind=AgentClass.CAR)
        assert 0.2 < np.sign(lateral) * boxes.center[0, 1] - 4.0 < 0.95  # farther from the sensor, within the car
    ahead = _anchored(replace(frame, center=np.array([[20.0, 0.0, 0.8]])), 4.6, kind=AgentClass.CAR)
    assert ahead.center[0, 1] == pytest.approx(0.0)


def test_without_a_heading_nothing_is_moved() -> None:
    boxes = _anchored(_frame((20.0, 0.0), (4.6, 1.9), (1.5, 0.08)), 12.0, yaw_variance=1.0)
    np.testing.assert_allclose(boxes.center[0], [20.0, 0.0])
    assert boxes.covariance[0, 0, 0] == pytest.approx(1.5**2, rel=0.1)


def test_beside_a_long_object_it_is_not_known_which_end_was_seen() -> None:
    boxes = _anchored(_frame((1.0, 4.0), (4.0, 2.5), (3.0, 0.08)), 12.0, 2.5)
    assert boxes.center[0, 0] == pytest.approx(1.0)
    assert boxes.covariance[0, 0, 0] > 2.0**2


def test_what_was_seen_in_part_lets_a_box_grow_and_never_shrink() -> None:
    size, variance = np.array([[4.6, 1.9, 1.6]]), np.full((1, 3), 0.25)
    none = np.full(1, np.nan)
    small = _anchored(_frame((20.0, 0.0), (1.5, 1.9), (1.5, 0.08)), 4.6)
    kept, _ = updated_size(size, variance, small, none)
    assert kept[0, 0] == 4.6
    large = _anchored(_frame((20.0, 0.0), (9.0, 1.9), (1.5, 0.08)), 4.6)
    grown, _ = updated_size(size, variance, large, none)
    assert 4.6 < grown[0, 0] < 9.0
    whole = _anchored(_frame((20.0, 5.0), (4.0, 1.8), (0.08, 0.08)), 4.6)
    shrunk, less = updated_size(size, variance, whole, np.array([1.4]))
    assert 4.0 < shrunk[0, 0] < 4.4 and shrunk[0, 2] < 1.6
    assert (less < variance).all()


def test_boxes_do_not_tell_front_from_rear() -> None:
    yaw, variance = np.array([0.3, 0.3]), np.full(2, 0.05)
    after, less = updated_yaw(yaw, variance, np.array([0.5, 0.5 - np.pi]), np.full(2, 0.05))
    np.testing.assert_allclose(after, [0.4, 0.4])
    np.testing.assert_allclose(less, 0.025)


def test_one_side_alone_does_not_turn_a_known_heading_by_a_right_angle() -> None:
    after, less = updated_yaw(np.array([0.3]), np.array([0.01]), np.array([0.3 + 0.5 * np.pi]), np.array([0.05]))
    assert after[0] == pytest.approx(0.3) and less[0] == pytest.approx(0.01)
