"""The truth around a time, interpolated between frames and only there."""

from __future__ import annotations

import numpy as np
from recording_samples import START_NS as START
from recording_samples import agents_at

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.scene import TrackedAgents

SECOND = 1_000_000_000


def log_of(*frames: TrackedAgents) -> RecordedLog:
    return RecordedLog("test", "generated", frames, ())


def test_the_future_is_interpolated_between_frames():
    log = log_of(
        agents_at(0.0, {7: (0, 0, 0, 10, 0), 3: (0, 5, 0, 0, 0)}),
        agents_at(0.4, {7: (4, 0, 0.4, 8, 0)}),
        agents_at(0.8, {7: (8, 2, 0.4, 0, 6)}),
    )
    future = log.future(np.array([3, 7, 99]), START, 0.2, 5)
    np.testing.assert_array_equal(future.valid, [[False] * 5, [True] * 4 + [False], [False] * 5])
    np.testing.assert_allclose(future.position[1, :4], [[2, 0], [4, 0], [6, 1], [8, 2]])
    np.testing.assert_allclose(future.yaw[1, :4], [0.2, 0.4, 0.4, 0.4])
    np.testing.assert_allclose(future.speed[1, :4], [9, 8, 7, 6])
    assert not future.position[0].any() and not future.position[1, 4].any()


def test_the_past_ends_at_the_stamp():
    log = log_of(*[agents_at(0.1 * step, {1: (step, 0, 0, 10, 0)}) for step in range(11)])
    past = log.past(np.array([1]), START + SECOND // 2, 0.1, 4)
    assert past.valid.all()
    np.testing.assert_allclose(past.position[0, :, 0], [2, 3, 4, 5])


def test_frames_far_apart_are_not_interpolated_between():
    log = log_of(*[agents_at(seconds, {1: (seconds, 0, 0, 1, 0)}) for seconds in (0.0, 0.5, 1.01, 1.5)])
    future = log.future(np.array([1]), START, 0.25, 7)
    #                                          0.25  0.5   0.75   1.0    1.25  1.5   1.75
    np.testing.assert_array_equal(future.valid, [[True, True, False, False, True, True, False]])
    np.testing.assert_allclose(future.position[0, [0, 1, 4, 5], 0], [0.25, 0.5, 1.25, 1.5])


def test_an_agent_that_was_hidden_for_a_frame_is_interpolated_and_for_longer_is_not():
    seen = {0: True, 1: False, 2: True, 3: False, 4: False, 5: False, 6: False, 7: False, 8: True}
    frames = [
        agents_at(0.1 * step, {2: (0, 0, 0, 0, 0), **({1: (step, 0, 0, 10, 0)} if there else {})})
        for step, there in seen.items()
    ]
    future = log_of(*frames).future(np.array([1]), START, 0.1, 8)
    np.testing.assert_array_equal(future.valid, [[True, True, False, False, False, False, False, True]])


def test_yaw_goes_the_shorter_way_round():
    log = log_of(agents_at(0.0, {1: (0, 0, 3.0, 0, 0)}), agents_at(0.2, {1: (0, 0, -3.0, 0, 0)}))
    yaw = log.future(np.array([1]), START, 0.05, 4).yaw[0]
    np.testing.assert_allclose(yaw, wrap_angle(3.0 + (2 * np.pi - 6.0) * np.array([0.25, 0.5, 0.75, 1.0])))


def test_stamps_that_jitter_still_hit_the_last_frame():
    log = log_of(agents_at(0.0, {1: (0, 0, 0, 1, 0)}), agents_at(0.0999996, {1: (1, 0, 0, 1, 0)}))
    future = log.future(np.array([1]), START, 0.1, 2)
    np.testing.assert_array_equal(future.valid, [[True, False]])
    np.testing.assert_allclose(future.position[0, 0, 0], 1.0)


def test_odd_states_in_the_truth_do_no_harm():
    frames = [
        agents_at(0.0, {1: (0, 0, 0, 1, 0)}),
        agents_at(0.1, {1: (np.nan, 0, 0, 1, 0), 2: (0, 0, np.inf, 1, 0)}),
        agents_at(0.2, {1: (2, 0, 0, 1, 0)}),
    ]
    doubled = TrackedAgents.from_states(
        START + 3 * SECOND // 10,
        np.array([1, 1]),
        np.zeros(2),
        np.array([[3.0, 0], [9, 9]]),
        np.zeros(2),
        np.ones((2, 2)),
    )
    future = log_of(*frames, doubled).future(np.array([1, 2, 1]), START, 0.1, 3)
    np.testing.assert_array_equal(future.valid, [[True] * 3, [False] * 3, [True] * 3])
    np.testing.assert_allclose(future.position[0, :, 0], [1, 2, 3])
    np.testing.assert_array_equal(future.position[0], future.position[2])


def test_the_future_agrees_with_a_plain_loop_on_random_tracks():
    random = np.random.default_rng(0)
    seconds = np.cumsum(random.uniform(0.02, 0.4, 40))
    frames = [
        agents_at(
            time, {int(i): tuple(random.normal(size=5)) for i in random.permutation(12)[: random.integers(0, 12)]}
        )
        for time in seconds
    ]
    log, ids = log_of(*frames), np.array([11, 0, 5, 40, 7])
    stamp = frames[3].stamp_ns
    future = log.future(ids, stamp, 0.07, 60)
    for row, agent in enumerate(ids):
        track = [(f.stamp_ns, f.position[list(f.ids).index(agent), :2]) for f in frames if agent in f.ids]
        for step in range(60):
            time = stamp + round((step + 1) * 0.07 * SECOND)
            before = [each for each in track if each[0] <= time]
            after = [each for each in track if each[0] > time]
            near = before and (time - before[-1][0] <= 1_000_000)
            joined = before and after and after[0][0] - before[-1][0] <= SECOND // 2
            if not near and after and after[0][0] - time <= 1_000_000:
                continue  # within the tolerance of the next frame
            assert future.valid[row, step] == bool(near or joined)
            if joined:
                share = (time - before[-1][0]) / (after[0][0] - before[-1][0])
                expected = before[-1][1] + share * (after[0][1] - before[-1][1])
                np.testing.assert_allclose(future.position[row, step], expected, atol=1e-9)
