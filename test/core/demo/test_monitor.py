"""The account of the demo counts what is lost, missing, improper and wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zoox_prediction.demo.monitor import DemoMonitor, failures_of
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.scene import AgentClass, PredictedTrajectories, Source, TrackedAgents

STEP_NS = 100_000_000


def log(frames: int = 21) -> RecordedLog:
    """Two cars at 2 m/s along x."""
    agents = tuple(
        TrackedAgents.from_states(
            step * STEP_NS,
            [1, 2],
            [AgentClass.CAR] * 2,
            [[0.2 * step, 0.0], [0.2 * step, 5.0]],
            [0.0, 0.0],
            [[2.0, 0.0]] * 2,
        )
        for step in range(frames)
    )
    return RecordedLog(name="two cars", dataset="test", agents=agents, ego=())


def predictions(stamp_ns: int, ids: tuple[int, ...] = (1, 2), lateral_m: float = 0.0) -> PredictedTrajectories:
    """Mode 0 beside the truth by `lateral_m`, mode 1 unused and perfect."""
    times = np.arange(1, 11) * 0.1
    x = 2.0 * (stamp_ns * 1e-9 + times)
    count = len(ids)
    position = np.zeros((count, 2, 10, 2))
    position[..., 0] = x
    position[..., 1] = 5.0 * (np.array(ids)[:, None, None] - 1)
    position[:, 0, :, 1] += lateral_m
    shape = (count, 2, 10)
    return PredictedTrajectories(
        stamp_ns=stamp_ns,
        time_step_s=0.1,
        ids=np.array(ids),
        agent_class=np.zeros(count, dtype=np.int64),
        probability=np.tile([1.0, 0.0], (count, 1)),
        position=position,
        yaw=np.zeros(shape),
        speed=np.zeros(shape),
        covariance=np.broadcast_to(np.eye(2), (*shape, 2, 2)),
        source=np.full(count, Source.HEURISTIC, dtype=np.uint8),
    )


def test_nothing_yet():
    state = DemoMonitor(log()).state()
    assert (state.scenes_played, state.predictions, state.lost) == (0, 0, 0)
    assert np.isnan(state.min_ade_m)


def test_error_is_that_of_the_used_modes():
    monitor = DemoMonitor(log())
    monitor.add(predictions(0, lateral_m=1.5), 0.02, 0.0)
    assert monitor.state().min_ade_m == pytest.approx(1.5)


def test_scenes_without_prediction_are_lost_also_at_both_ends():
    monitor = DemoMonitor(log(frames=10))
    for step in (2, 3, 5):
        monitor.add(predictions(step * STEP_NS), 0.02, 0.1 * step)
    assert monitor.state().scenes_played == 6
    assert monitor.state().lost == 3  # 0, 1, 4
    assert monitor.state(finished=True).lost == 7  # and 6, 7, 8, 9


def test_agents_without_a_path_and_improper_probabilities_are_counted():
    monitor = DemoMonitor(log())
    monitor.add(predictions(0, ids=(2,)), 0.02, 0.0)
    broken = predictions(STEP_NS)
    broken.position[0, 1, 3, 0] = np.nan
    broken.probability[1] = [0.5, 0.4]
    monitor.add(broken, 0.02, 0.1)
    state = monitor.state()
    assert state.without_path == 2
    assert state.improper == 1


def test_rate_and_ages():
    monitor = DemoMonitor(log())
    for step in range(5):
        monitor.add(predictions(step * STEP_NS), 0.01 * (step + 1), 0.2 * step)
    state = monitor.state()
    assert state.rate_hz == pytest.approx(5.0)
    assert state.scene_age_p50_ms == pytest.approx(30.0)
    assert state.agents == 2


def test_a_repeated_prediction_is_a_message_but_does_not_count_in_the_rate():
    monitor = DemoMonitor(log())
    for step in range(5):
        monitor.add(predictions(step * STEP_NS), 0.01, 0.1 * step)
    monitor.add(predictions(4 * STEP_NS), 0.3, 0.9)
    state = monitor.state()
    assert state.rate_hz == pytest.approx(10.0)
    assert (state.predictions, state.scenes_played) == (6, 5)


def tracks(step: int, ids: tuple[int, ...] = (7, 9), shift_m: float = 0.3) -> TrackedAgents:
    """What a tracker makes of the two cars, with ids of its own."""
    position = [[0.2 * step + shift_m, 5.0 * row] for row in range(len(ids))]
    count = len(ids)
    return TrackedAgents.from_states(
        step * STEP_NS, ids, [AgentClass.CAR] * count, position, [0.0] * count, [[2.0, 0.0]] * count
    )


def predictions_of(agents: TrackedAgents) -> PredictedTrajectories:
    """Perfect ones of the two cars, under the tracks' ids."""
    perfect = predictions(agents.stamp_ns)
    rows = np.round(agents.position[:, 1] / 5.0).astype(int)
    chosen = {name: getattr(perfect, name)[rows] for name in ("position", "yaw", "speed", "covariance", "probability")}
    return replace(
        perfect, ids=agents.ids, agent_class=perfect.agent_class[rows], source=perfect.source[rows], **chosen
    )


@pytest.mark.parametrize("tracks_first", [True, False])
def test_of_a_tracker_scenes_are_its_messages_and_errors_those_of_the_agents_that_its_tracks_are_of(tracks_first):
    monitor = DemoMonitor(log(), from_tracker=True)
    for step in (2, 4, 6):
        agents = tracks(step)
        sequence = [lambda each=agents: monitor.add_tracks(each)]
        if step != 4:
            predicted = predictions_of(agents)
            sequence.append(lambda each=predicted: monitor.add(each, 0.01, 0.0))
        for call in sequence if tracks_first else reversed(sequence):
            call()
    state = monitor.state(finished=True)
    assert (state.scenes_played, state.predictions, state.lost, state.without_path) == (3, 2, 1, 0)
    assert state.min_ade_m == pytest.approx(0.0, abs=1e-9)


def test_a_track_without_a_path_is_counted_and_one_of_nobody_has_no_error():
    monitor = DemoMonitor(log(), from_tracker=True)
    agents = tracks(2, ids=(7, 9), shift_m=50.0)
    monitor.add_tracks(agents)
    monitor.add(predictions_of(agents.select(np.array([0]))), 0.01, 0.0)
    state = monitor.state(finished=True)
    assert state.without_path == 1 and np.isnan(state.min_ade_m)


def test_tracks_that_come_sooner_than_predictions_are_made_are_not_lost():
    monitor = DemoMonitor(log(), from_tracker=True)
    for stamp_ns in (200_000_000, 260_000_000, 350_000_000):
        monitor.add_tracks(replace(tracks(2), stamp_ns=stamp_ns))
    for stamp_ns in (200_000_000, 350_000_000):
        monitor.add(predictions_of(replace(tracks(2), stamp_ns=stamp_ns)), 0.01, 0.0)
    assert monitor.state(finished=True).lost == 0
    monitor.add_tracks(replace(tracks(2), stamp_ns=450_000_000))
    assert monitor.state(finished=True).lost == 1


def test_what_must_not_happen_is_counted_in_words():
    account = {"predictions": 60, "lost": 1, "without_path": 0, "improper": 2}
    assert failures_of(account) == [
        "1 scene had no prediction",
        "2 agents had mode probabilities that do not sum to 1",
    ]
    assert failures_of({"predictions": 61, "lost": 0, "without_path": 0, "improper": 0}) == []
    assert failures_of({}) == ["no prediction arrived"]
