"""From frame to frame modes keep their columns, the likeliest one does not flicker, and news is not held back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from zoox_prediction.prediction.consistency import (
    ConsistencyConfig,
    ConsistentPredictor,
    TemporalConsistency,
    _best_orders,
    match_modes,
)
from zoox_prediction.scene import PredictedTrajectories, Source

FRAME_NS = 100_000_000
LEFT, AHEAD, RIGHT = 0.3, 0.0, -0.3


def frame(number: float, modes: list[tuple[float, float]], ids: tuple[int, ...] = (1,), speed: float = 10.0):
    """Agents that come from x = 0 at 10 m/s; modes of (direction, probability), the rest of six unused."""
    times = (np.arange(80) + 1) * 0.1
    headings = np.array([direction for direction, _ in modes] + [modes[0][0]] * (6 - len(modes)))
    probability = np.array([each for _, each in modes] + [0.0] * (6 - len(modes)))
    count, start = len(ids), 10.0 * number * 0.1
    # All modes branch off at the same place, x = 10, whenever the frame is.
    along = start + speed * times
    beyond = np.maximum(along - 10.0, 0.0)
    x = np.minimum(along, 10.0) + np.cos(headings)[:, None] * beyond
    y = np.sin(headings)[:, None] * beyond
    position = np.broadcast_to(np.stack([x, y], axis=-1), (count, 6, 80, 2)).copy()
    position[..., 1] += 50.0 * np.asarray(ids)[:, None, None]
    shape = (count, 6, 80)
    return PredictedTrajectories(
        stamp_ns=round(1e9 + number * FRAME_NS),
        time_step_s=0.1,
        ids=np.asarray(ids),
        agent_class=np.zeros(count, dtype=np.int64),
        probability=np.tile(probability, (count, 1)),
        position=position,
        yaw=np.broadcast_to(headings[:, None], shape).copy(),
        speed=np.broadcast_to(headings[:, None] + 5.0, shape).copy(),
        covariance=np.broadcast_to((headings[:, None, None, None] + 2.0) * np.eye(2), (*shape, 2, 2)).copy(),
        source=np.full(count, Source.LEARNED, dtype=np.uint8),
    )


def directions(predictions: PredictedTrajectories, row: int = 0) -> list[float]:
    return predictions.yaw[row, :, 0].tolist()


def test_modes_keep_the_columns_of_the_frame_before():
    consistency = TemporalConsistency()
    consistency(frame(0, [(AHEAD, 0.6), (LEFT, 0.3), (RIGHT, 0.1)]))
    new = frame(1, [(RIGHT, 0.2), (AHEAD, 0.5), (LEFT, 0.3)])
    answer = consistency(new)
    assert directions(answer)[:3] == [AHEAD, LEFT, RIGHT]
    for name in ("position", "yaw", "speed", "covariance"):
        np.testing.assert_array_equal(getattr(answer, name)[0, :3], getattr(new, name)[0, [1, 2, 0]])
    assert answer.probability.sum() == pytest.approx(1.0)
    assert directions(consistency(frame(2, [(LEFT, 0.4), (AHEAD, 0.4), (RIGHT, 0.2)])))[:3] == [AHEAD, LEFT, RIGHT]


def test_probabilities_approach_the_new_ones_at_the_configured_pace():
    consistency = TemporalConsistency(ConsistencyConfig(probability_time_s=0.3, top_margin=0.0))
    consistency(frame(0, [(AHEAD, 0.9), (LEFT, 0.1)]))
    said = [consistency(frame(number, [(AHEAD, 0.1), (LEFT, 0.9)])).probability[0, 0] for number in range(1, 31)]
    expected = 0.1 + 0.8 * np.exp(-0.1 / 0.3 * np.arange(1, 31))
    np.testing.assert_allclose(said, expected, atol=1e-5)


def test_the_likeliest_mode_stays_until_another_is_clearly_likelier():
    consistency = TemporalConsistency(ConsistencyConfig(probability_time_s=0.0, top_margin=0.2))
    raw, told = [], []
    for number, share in enumerate([0.55, 0.47, 0.54, 0.46, 0.30]):
        new = frame(number, [(AHEAD, share), (LEFT, 1.0 - share)])
        answer = consistency(new)
        raw.append(int(new.probability[0].argmax()))
        told.append(int(answer.probability[0].argmax()))
        assert answer.probability[0].sum() == pytest.approx(1.0)
        np.testing.assert_allclose(answer.probability[0], new.probability[0], atol=0.05)
    assert raw == [0, 1, 0, 1, 1]
    assert told == [0, 0, 0, 0, 1]


def test_a_mode_that_is_new_is_there_at_once_and_one_that_is_gone_is_not():
    consistency = TemporalConsistency()
    consistency(frame(0, [(AHEAD, 0.5), (LEFT, 0.5)]))
    answer = consistency(frame(1, [(AHEAD, 0.4), (RIGHT, 0.6)]))
    assert {direction for direction, used in zip(directions(answer), answer.probability[0], strict=True) if used} == {
        AHEAD,
        RIGHT,
    }
    fresh = TemporalConsistency()
    fresh(frame(0, [(LEFT, 1.0)]))
    new = frame(1, [(RIGHT, 0.7), (AHEAD, 0.3)])  # nothing of what was said before
    np.testing.assert_allclose(np.sort(fresh(new).probability), np.sort(new.probability), atol=1e-9)


def test_the_same_frame_again_is_the_same_answer_again():
    consistency = TemporalConsistency()
    consistency(frame(0, [(AHEAD, 0.9), (LEFT, 0.1)]))
    first = consistency(frame(1, [(LEFT, 0.6), (AHEAD, 0.4)]))
    second = consistency(frame(1, [(LEFT, 0.6), (AHEAD, 0.4)]))
    assert directions(first) == directions(second)
    np.testing.assert_allclose(first.probability, second.probability, atol=1e-9)


@pytest.mark.parametrize("number", [-1.0, -50.0, 6.0])
def test_time_that_jumps_starts_anew(number):
    consistency = TemporalConsistency()
    consistency(frame(0, [(AHEAD, 0.9), (LEFT, 0.1)]))
    new = frame(number, [(LEFT, 0.6), (AHEAD, 0.4)])
    assert consistency(new) is new


def test_reset_starts_anew_and_disabled_does_nothing():
    consistency, off = TemporalConsistency(), TemporalConsistency(ConsistencyConfig(enabled=False))
    for each in (consistency, off):
        each(frame(0, [(AHEAD, 0.9), (LEFT, 0.1)]))
    consistency.reset()
    new = frame(1, [(LEFT, 0.6), (AHEAD, 0.4)])
    assert consistency(new) is new
    assert off(new) is new


def test_agents_come_go_and_change_their_rows():
    consistency = TemporalConsistency()
    consistency(frame(0, [(AHEAD, 0.9), (LEFT, 0.1)], ids=(1, 2, 3)))
    answer = consistency(frame(1, [(LEFT, 0.6), (AHEAD, 0.4)], ids=(3, 7, 1)))
    assert answer.ids.tolist() == [3, 7, 1]
    assert [directions(answer, row)[0] for row in range(3)] == [AHEAD, LEFT, AHEAD]
    assert answer.probability[1, 0] == 0.6
    assert answer.probability[0, 0] == answer.probability[2, 0] > 0.6
    assert len(consistency(frame(2, [(AHEAD, 1.0)], ids=()))) == 0
    back = frame(3, [(LEFT, 0.6), (AHEAD, 0.4)], ids=(1,))
    np.testing.assert_array_equal(consistency(back).probability, back.probability)


def test_what_a_stand_in_said_neither_changes_nor_counts():
    consistency = TemporalConsistency()
    consistency(frame(0, [(AHEAD, 0.9), (LEFT, 0.1)]))
    fallback = replace(frame(1, [(LEFT, 0.6), (AHEAD, 0.4)]), source=np.array([2], dtype=np.uint8))
    assert directions(consistency(fallback))[:2] == [LEFT, AHEAD]
    new = frame(2, [(AHEAD, 0.3), (LEFT, 0.7)])
    np.testing.assert_array_equal(consistency(new).probability, new.probability)


def test_blending_draws_positions_to_those_before_within_its_bound():
    config = ConsistencyConfig(blending_time_s=0.2, max_shift_mps=0.1)
    consistency = TemporalConsistency(config)
    before = frame(0, [(AHEAD, 1.0)])
    consistency(before)
    new = frame(1, [(AHEAD, 1.0)])
    shifted = replace(new, position=new.position + np.array([0.0, 0.02]))
    answer = consistency(shifted)
    drawn = np.exp(-0.1 / 0.2) * 0.02
    limit = 0.1 * (np.arange(80) + 1) * 0.1
    expected = new.position[0, 0, :, 1] + 0.02 - np.minimum(drawn, limit)
    np.testing.assert_allclose(answer.position[0, 0, :, 1], expected, atol=1e-9)
    np.testing.assert_allclose(answer.position[0, 0, :, 0], new.position[0, 0, :, 0], atol=1e-9)


def test_times_between_the_steps_are_compared_where_agents_are_then():
    """Two frames of one straight way at any distance in time agree; along a way at 10 m/s, 1 m is 0.1 s."""
    config = ConsistencyConfig(match_distance_m=0.05, match_growth_mps=0.0)
    for number in (0.3, 1.0, 1.7):
        consistency = TemporalConsistency(config)
        consistency(frame(0, [(AHEAD, 0.9), (LEFT, 0.1)]))
        assert directions(consistency(frame(number, [(LEFT, 0.6), (AHEAD, 0.4)])))[:2] == [AHEAD, LEFT]


def ends(*places: float) -> np.ndarray:
    """Modes of one agent at places along one line, at one instant."""
    return np.array([[[place, 0.0]] for place in places])[None]


def test_matches_have_the_least_sum_of_distances_within_the_gate():
    old, new = ends(0.0, 3.0, 20.0), ends(2.6, 0.5, 26.0)
    used = np.full((1, 3), 1 / 3)
    order, matched = match_modes(new, used, old, used, np.array([5.0]))
    assert order.tolist() == [[1, 0, 2]]
    assert matched.tolist() == [[True, True, False]]
    unused = np.array([[1.0, 0.0, 0.0]])
    assert match_modes(new, unused, old, used, np.array([5.0]))[1].sum() == 1


def test_modes_that_all_move_one_way_are_not_taken_for_each_other():
    """An agent that slows down: the nearest pair is of two different modes."""
    old, new = ends(6.6, 5.9), ends(6.2, 5.3)
    used = np.full((1, 2), 0.5)
    assert match_modes(new, used, old, used, np.array([5.0]))[0].tolist() == [[0, 1]]


def test_of_modes_in_between_the_probabilities_decide():
    old, new = ends(0.0, 1.0), ends(0.5, 0.5)
    before, now = np.array([[0.8, 0.2]]), np.array([[0.2, 0.8]])
    assert match_modes(new, now, old, before, np.array([5.0]), 0.5)[0].tolist() == [[1, 0]]


def test_orders_are_the_best_of_all():
    cost = np.random.default_rng(3).random((50, 6, 6))
    expected = [linear_sum_assignment(each)[1].tolist() for each in cost]
    assert _best_orders(cost).tolist() == expected


def test_a_predictor_made_consistent_is_asked_once_a_scene():
    class Two:
        name, version = "two", "1"

        def __init__(self):
            self.frames = iter([frame(0, [(AHEAD, 0.9), (LEFT, 0.1)]), frame(1, [(LEFT, 0.6), (AHEAD, 0.4)])])

        def predict(self, scene):
            return next(self.frames)

    predictor = ConsistentPredictor(Two())
    assert (predictor.name, predictor.version) == ("two", "1")
    predictor.predict(None)
    assert directions(predictor.predict(None))[:2] == [AHEAD, LEFT]


@pytest.mark.parametrize(
    "wrong", [{"compared_s": ()}, {"match_distance_m": 0.0}, {"top_margin": -0.1}, {"probability_time_s": np.nan}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError):
        ConsistencyConfig(**wrong)
