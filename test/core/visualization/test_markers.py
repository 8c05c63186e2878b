"""RViz markers say the same as the arrays they are made from, and serialize."""

from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.recording.tracks import Future
from zoox_prediction.recording.typestore import RosbagsTypes, typestore
from zoox_prediction.scene import AgentClass, PredictedTrajectories, Source, TrackedAgents
from zoox_prediction.visualization import palette
from zoox_prediction.visualization.markers import MarkerConfig, agent_markers

TYPES = RosbagsTypes()
DELETE_ALL = 3


def agents() -> TrackedAgents:
    return TrackedAgents.from_states(
        1_500_000_000,
        [3, 100_007],
        [AgentClass.CAR, AgentClass.PEDESTRIAN],
        [[1.0, 2.0, 0.8], [5.0, 6.0, 0.9]],
        [np.pi / 2, 0.0],
        [[0.0, 4.0], [1.0, 0.0]],
    )


def predictions() -> PredictedTrajectories:
    shape = (2, 2, 80)
    steps = np.arange(1, 81) * 0.1
    return PredictedTrajectories(
        stamp_ns=1_500_000_000,
        time_step_s=0.1,
        ids=agents().ids,
        agent_class=agents().agent_class,
        probability=np.array([[0.7, 0.3], [0.99, 0.01]]),
        position=agents().position[:, None, None, :2]
        + np.stack([steps, 2 * steps], axis=-1)[None, None] * np.ones((2, 2, 1, 1)),
        yaw=np.zeros(shape),
        speed=np.ones(shape),
        covariance=np.broadcast_to(np.eye(2), (*shape, 2, 2)),
        source=np.array([Source.HEURISTIC, Source.HEURISTIC_FALLBACK], dtype=np.uint8),
    )


def by_namespace(message) -> dict[str, list]:
    found: dict[str, list] = {}
    for marker in message.markers:
        found.setdefault(marker.ns, []).append(marker)
    return found


def test_agents_are_boxes_in_their_class_color_with_id_and_speed():
    markers = by_namespace(agent_markers(agents(), None, None, TYPES, MarkerConfig()))
    car, pedestrian = markers["agents"]
    assert (car.pose.position.x, car.pose.position.y, car.pose.position.z) == (1.0, 2.0, 0.8)
    assert car.pose.orientation.z == pytest.approx(np.sin(np.pi / 4))
    assert car.scale.x == 4.6 and pedestrian.scale.x == 0.6
    assert car.color.r * 255 == pytest.approx(palette.AGENT[AgentClass.CAR][0])
    assert [label.text for label in markers["labels"]] == ["car 3\n4.0 m/s", "pedestrian 7\n1.0 m/s"]
    assert car.header.stamp.sec == 1 and car.header.stamp.nanosec == 500_000_000
    assert markers[""][0].action == DELETE_ALL


def test_predictions_are_paths_with_likelihood_more_opaque_when_likelier():
    markers = by_namespace(agent_markers(agents(), predictions(), None, TYPES, MarkerConfig()))
    likelier, less, fallback = markers["predicted_paths"]  # the mode of 1% is not shown
    assert likelier.color.a > less.color.a
    assert [text.text for text in markers["likelihood"]] == ["0.70", "0.30", "0.99"]
    assert likelier.color.g > likelier.color.r and fallback.color.r > fallback.color.g
    assert likelier.points[0].x == pytest.approx(1.1) and likelier.points[1].x == pytest.approx(1.5)
    assert len(markers["predicted_boxes"]) == 2 * 4  # every 2 s of 8 s, of the likeliest mode


def test_truth_is_blue_and_only_where_known():
    valid = np.zeros((2, 80), dtype=bool)
    valid[0, :40] = True
    truth = Future(np.ones((2, 80, 2)), np.zeros((2, 80)), np.zeros((2, 80)), valid)
    (path,) = by_namespace(agent_markers(agents(), None, truth, TYPES, MarkerConfig()))["truth"]
    assert path.color.b > path.color.r and len(path.points) == 10


def test_ids_are_unique_and_the_message_serializes():
    message = agent_markers(agents(), predictions(), None, TYPES, MarkerConfig())
    assert len({marker.id for marker in message.markers}) == len(message.markers)
    data = typestore().serialize_cdr(message, "visualization_msgs/msg/MarkerArray")
    again = typestore().deserialize_cdr(data, "visualization_msgs/msg/MarkerArray")
    assert len(again.markers) == len(message.markers)
