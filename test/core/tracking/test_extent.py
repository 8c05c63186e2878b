"""Boxes of which one side was seen: where the centre is, and what they say of size and heading."""

from __future__ import annotations

import numpy as np
import pytest
from simulated import START_NS

from zoox_prediction.detections import Detections, Modality
from zoox_prediction.scene import NUM_CLASSES
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


def _anchored(frame: SensorFrame, length: float, width: float = 1.9, yaw_variance: float = 0.01) -> AnchoredBoxes:
    size = np.array([[length, width, 1.6]])
    return anchor_boxes(
        frame, np.zeros(1, dtype=int), np.zeros(1), np.full(1, yaw_variance), size, np.full((1, 3), 0.0025), _CONFIG
    )


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
