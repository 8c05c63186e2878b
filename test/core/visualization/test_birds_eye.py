"""The bird's-eye picture shows agents, predictions and truth in their places and colours."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from zoox_prediction.maps.records import LaneRecord, lanes_from_records
from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.recording.tracks import Future
from zoox_prediction.scene import (
    AgentClass,
    EgoState,
    PredictedTrajectories,
    Scene,
    SignalState,
    Source,
    TrackedAgents,
    TrafficSignals,
)
from zoox_prediction.visualization import palette
from zoox_prediction.visualization.birds_eye import ViewConfig, draw_scene

VIEW = ViewConfig(width_m=100.0, width_px=400, height_px=400, labels=False)
STEPS = np.arange(1, 81) * 0.1


def scene_of(agents: TrackedAgents, ego: EgoState | None = None) -> Scene:
    shape = (len(agents), 21)
    return Scene(
        stamp_ns=0,
        agents=agents,
        past_position=np.repeat(agents.position[:, None, :2], 21, axis=1),
        past_yaw=np.repeat(agents.yaw[:, None], 21, axis=1),
        past_velocity=np.repeat(agents.velocity[:, None], 21, axis=1),
        past_valid=np.ones(shape, dtype=bool),
        ego=ego,
    )


def one_car(speed: float = 5.0) -> TrackedAgents:
    return TrackedAgents.from_states(0, [7], [AgentClass.CAR], [[0.0, 0.0]], [0.0], [[speed, 0.0]])


def straight(agents: TrackedAgents, source: Source = Source.HEURISTIC) -> PredictedTrajectories:
    path = agents.position[:, None, None, :2] + agents.velocity[:, None, None] * STEPS[:, None]
    shape = (len(agents), 1, 80)
    return PredictedTrajectories(
        stamp_ns=0,
        time_step_s=0.1,
        ids=agents.ids,
        agent_class=agents.agent_class,
        probability=np.ones(shape[:2]),
        position=path,
        yaw=np.zeros(shape),
        speed=np.zeros(shape),
        covariance=np.broadcast_to(0.01 * np.eye(2), (*shape, 2, 2)),
        source=np.full(len(agents), source, dtype=np.uint8),
        predictor_name="straight",
    )


def color_at(image: np.ndarray, x: float, y: float) -> np.ndarray:
    return image[round(200 - 4 * y), round(200 + 4 * x)]


def test_a_car_is_drawn_in_its_color_where_it_is():
    image = draw_scene(scene_of(one_car()), config=VIEW, center=[0.0, 0.0])
    painted = color_at(image, -1.5, 0.5)
    assert np.abs(painted.astype(int) - palette.AGENT[AgentClass.CAR]).max() < 45  # a little transparent
    np.testing.assert_array_equal(color_at(image, -30.0, 30.0), palette.BACKGROUND)


def future(position, valid):
    return Future(position, np.zeros(valid.shape), np.zeros(valid.shape), valid)


def test_predictions_are_green_fallbacks_amber_and_truth_blue():
    agents = one_car()
    truth = future(np.stack([np.full(80, 20.0), STEPS * 3.0], axis=-1)[None], np.ones((1, 80), dtype=bool))
    image = draw_scene(scene_of(agents), straight(agents), truth, config=VIEW, center=[0.0, 0.0])
    np.testing.assert_allclose(color_at(image, 27.0, 0.0), palette.PREDICTION, atol=3)
    blue = color_at(image, 20.0, 15.0).astype(int)
    assert blue[2] > blue[0] + 100
    image = draw_scene(scene_of(agents), straight(agents, Source.HEURISTIC_FALLBACK), config=VIEW, center=[0.0, 0.0])
    np.testing.assert_allclose(color_at(image, 27.0, 0.0), palette.FALLBACK, atol=3)


def test_invalid_truth_and_improbable_modes_are_not_drawn():
    agents = one_car()
    truth = future(np.full((1, 80, 2), 20.0), np.zeros((1, 80), dtype=bool))
    improbable = dataclasses.replace(straight(agents), probability=np.zeros((1, 1)))
    image = draw_scene(scene_of(agents), improbable, truth, config=VIEW, center=[0.0, 0.0])
    for point in ((20.0, 20.0), (27.0, 0.0)):
        np.testing.assert_array_equal(color_at(image, *point), palette.BACKGROUND)


def painted_near(image: np.ndarray, x: float, y: float) -> bool:
    """Whether a line passes within a pixel."""
    row, column = round(200 - 4 * y), round(200 + 4 * x)
    return bool(np.any(image[row - 1 : row + 2, column - 1 : column + 2] != np.array(palette.BACKGROUND)))


def test_the_likeliest_mode_ends_in_its_one_sigma_ellipse():
    agents = one_car()
    ahead = straight(agents)
    left = ahead.position[..., ::-1].copy()
    two = dataclasses.replace(
        ahead,
        probability=np.array([[0.7, 0.3]]),
        position=np.concatenate([ahead.position, left], axis=1),
        covariance=np.broadcast_to(np.diag([25.0, 4.0]), (1, 2, 80, 2, 2)),
    )
    image = draw_scene(scene_of(agents), two, config=VIEW, center=[0.0, 0.0])
    assert painted_near(image, 45.0, 0.0) and painted_near(image, 40.0, 2.0) and painted_near(image, 40.0, -2.0)
    assert not painted_near(image, 40.0, 4.0)
    assert painted_near(image, 0.0, 39.5) and not painted_near(image, 5.0, 40.0)


def test_moving_agents_are_labelled_and_standing_ones_not():
    with_labels = dataclasses.replace(VIEW, labels=True)
    for speed, labelled in ((5.0, True), (0.2, False)):
        scene = scene_of(one_car(speed))
        images = [draw_scene(scene, config=config, center=[0.0, 0.0]) for config in (VIEW, with_labels)]
        assert np.any(images[0] != images[1]) == labelled


def test_signals_are_shown_in_their_state_at_their_place_and_at_their_lane():
    before = LaneRecord(id=1, centerline=np.array([[10.0, 10.0], [40.0, 10.0]]), signal=5)
    across = LaneRecord(id=2, centerline=np.array([[10.0, -10.0], [40.0, -10.0]]), signal=5, in_intersection=True)
    network = RoadNetwork(
        lanes=lanes_from_records([before, across]), signal_ids=np.array([5]), signal_positions=np.array([[-20.0, 20.0]])
    )
    red = np.array([SignalState.RED], dtype=np.uint8)
    signals = TrafficSignals(0, np.array([5]), red, np.array([0]), np.array([1.0]))
    scene = dataclasses.replace(scene_of(TrackedAgents.empty(0)), signals=signals, road_network=network)
    image = draw_scene(scene, config=VIEW, center=[0.0, 0.0])
    for place in ((-20.0, 20.0), (40.0, 10.0), (10.0, -10.0)):
        np.testing.assert_array_equal(color_at(image, *place), palette.SIGNAL[SignalState.RED])


def test_the_ego_box_lies_ahead_of_base_link():
    ego = EgoState(0, np.array([0.0, 0.0]), 0.0, np.zeros(2))
    image = draw_scene(scene_of(TrackedAgents.empty(0), ego), config=VIEW)
    np.testing.assert_array_equal(color_at(image, -0.5, 0.5), palette.EGO)
    np.testing.assert_array_equal(color_at(image, 3.0, 0.7), palette.EGO)  # 1.4 m offset + 2.3 m half length
    np.testing.assert_array_equal(color_at(image, -2.0, 0.5), palette.BACKGROUND)


def test_nothing_at_all_is_a_picture_too():
    image = draw_scene(scene_of(TrackedAgents.empty(0)), config=VIEW)
    assert image.shape == (400, 400, 3)


def test_signals_that_the_map_does_not_know_do_not_matter():
    signals = TrafficSignals(0, np.array([5]), np.array([1], dtype=np.uint8), np.array([0]), np.array([1.0]))
    scene = dataclasses.replace(scene_of(one_car()), signals=signals, road_network=RoadNetwork())
    draw_scene(scene, config=VIEW)


def test_a_view_without_area_is_refused():
    with pytest.raises(ValueError, match="no area"):
        ViewConfig(width_m=0.0)
