"""Smoothing takes noise away and leaves motion; a track ends where another agent takes its id over."""

from __future__ import annotations

import numpy as np
import pytest
from made_up_tracks import START_NS, Agent, along, recording

from zoox_prediction.recording.log import RecordedLog, log_of
from zoox_prediction.scene import AgentClass
from zoox_prediction.training.track_cleaning import CleanTracks, measured_noise


def _braking(t: float) -> tuple[float, ...]:
    """12 m/s, from 4 s on less by 3 m/s^2, until it stands at 8 s; along x."""
    slowing = min(max(t - 4.0, 0.0), 4.0)
    x = 12.0 * min(t, 8.0) - 1.5 * slowing**2
    return (x, 0.0, 0.0, 12.0 - 3.0 * slowing, 0.0)


def _states(log: RecordedLog, tracks: CleanTracks, number: int, times: np.ndarray) -> tuple[np.ndarray, ...]:
    """Position, speed and validity of the agent that had the id in the first frame in which it was."""
    first = next(frame for frame in log.agents if number in frame.ids)
    found = tracks.at(tracks.pieces([number], first.stamp_ns), START_NS + np.round(times * 1e9).astype(np.int64))
    return found.position[0], found.speed[0], found.valid[0]


def test_noise_is_smoothed_out_and_braking_stays() -> None:
    noisy = log_of(recording({1: Agent(_braking, noise_m=0.1)}))
    times = np.arange(0.0, 12.01, 0.1)
    truth = np.array([_braking(t) for t in times])
    raw = np.concatenate([frame.position[:, :2] for frame in noisy.agents])
    position, speed, valid = _states(noisy, CleanTracks(noisy), 1, times)
    assert valid.all()
    error = np.sqrt(np.mean((position - truth[:, :2]) ** 2))
    assert error < 0.6 * np.sqrt(np.mean((raw - truth[:, :2]) ** 2))
    assert np.sqrt(np.mean((speed - truth[:, 3]) ** 2)) < 0.3
    stopping = (times > 7.0) & (times < 8.0)
    assert np.abs(speed - truth[:, 3])[stopping].max() < 0.8, "the end of braking is not smeared out"


@pytest.mark.parametrize("dataset", ["simulation", "made-up"])
def test_what_has_no_noise_is_left_as_it_is(dataset: str) -> None:
    log = log_of(
        recording({1: Agent(_braking), 2: Agent(along(0.0, 30.0, 1.2), AgentClass.PEDESTRIAN)}, dataset=dataset)
    )
    times = np.arange(0.0, 12.01, 0.1)
    position, speed, _ = _states(log, CleanTracks(log), 1, times)
    truth = np.array([_braking(t) for t in times])
    np.testing.assert_allclose(position, truth[:, :2], atol=1e-12)
    np.testing.assert_allclose(speed, truth[:, 3], atol=1e-12)


def test_the_truth_of_a_simulation_is_left_as_it_is_even_where_it_looks_noisy() -> None:
    log = log_of(recording({1: Agent(_braking, noise_m=0.1)}, dataset="simulation"))
    raw = np.concatenate([frame.position[:, :2] for frame in log.agents])
    position, _, _ = _states(log, CleanTracks(log), 1, np.arange(0.0, 12.01, 0.1))
    np.testing.assert_array_equal(position, raw)


def test_noise_is_measured_whatever_the_motion() -> None:
    times = np.arange(200) * 0.1
    random = np.random.default_rng(1)
    motion = np.column_stack([10.0 * times - 0.5 * times**2, 20.0 * np.sin(0.3 * times)])
    noisy = motion + random.normal(0.0, 0.07, motion.shape)
    track = np.zeros(len(times), dtype=np.int64)
    assert measured_noise(times, noisy, track) == pytest.approx(0.07, rel=0.25)
    assert measured_noise(times, motion, track) < 1e-3


def test_nothing_is_known_in_a_gap_and_all_is_after_it() -> None:
    log = log_of(recording({1: Agent(along(0.0, 0.0, 8.0), seen=lambda t: not 3.05 < t < 4.45)}))
    times = np.arange(0.0, 12.01, 0.1)
    position, _, valid = _states(log, CleanTracks(log), 1, times)
    np.testing.assert_array_equal(valid, (times < 3.05) | (times > 4.45))
    np.testing.assert_allclose(position[valid, 0], 8.0 * times[valid], atol=1e-9)


def test_a_short_gap_is_bridged() -> None:
    log = log_of(recording({1: Agent(along(0.0, 0.0, 8.0), seen=lambda t: not 3.05 < t < 3.35)}))
    position, _, valid = _states(log, CleanTracks(log), 1, np.array([3.1, 3.2, 3.3]))
    assert valid.all()
    np.testing.assert_allclose(position[:, 0], [24.8, 25.6, 26.4], atol=1e-9)


@pytest.mark.parametrize("aside_m", [1.5, 6.0])
def test_a_person_who_takes_over_the_id_of_another_is_not_followed(aside_m: float) -> None:
    def switched(t: float) -> tuple[float, ...]:
        return (1.3 * t, 0.0 if t < 5.0 else aside_m, 0.0, 1.3, 0.0)

    log = log_of(recording({1: Agent(switched, AgentClass.PEDESTRIAN)}))
    tracks = CleanTracks(log)
    times = np.arange(0.0, 12.01, 0.1)
    _, _, valid = _states(log, tracks, 1, times)
    np.testing.assert_array_equal(valid, times < 4.95)
    assert tracks.num_jumps == 1
    later = tracks.at(tracks.pieces([1], START_NS + 6_000_000_000), START_NS + np.array([4_000_000_000, 9_000_000_000]))
    np.testing.assert_array_equal(later.valid[0], [False, True])


def test_an_id_that_comes_back_far_away_after_a_gap_is_another_agent() -> None:
    def course(t: float) -> tuple[float, ...]:
        return (8.0 * t + (0.0 if t < 4.0 else 40.0), 0.0, 0.0, 8.0, 0.0)

    log = log_of(recording({1: Agent(course, seen=lambda t: not 3.05 < t < 4.45)}))
    _, _, valid = _states(log, CleanTracks(log), 1, np.array([2.0, 3.0, 5.0, 8.0]))
    np.testing.assert_array_equal(valid, [True, True, False, False])


def test_a_car_that_brakes_hard_and_one_with_noise_are_not_torn_apart() -> None:
    def hard(t: float) -> tuple[float, ...]:
        slowing = min(max(t - 4.0, 0.0), 2.0)
        return (16.0 * min(t, 6.0) - 4.0 * slowing**2, 0.0, 0.0, 16.0 - 8.0 * slowing, 0.0)

    agents = {1: Agent(hard), 2: Agent(along(0.0, 10.0, 20.0), noise_m=0.15)}
    assert CleanTracks(log_of(recording(agents))).num_jumps == 0


def test_the_noise_of_labels_that_were_interpolated_is_known_beforehand() -> None:
    """Straight pieces between key frames 0.5 s apart, which are off: no difference of neighbours shows that."""
    random = np.random.default_rng(2)
    off = random.normal(0.0, 0.1, 30)

    def course(t: float) -> tuple[float, ...]:
        return (6.0 * t, float(np.interp(t, np.arange(30) * 0.5, off)), 0.0, 6.0, 0.0)

    agents = {1: Agent(course)}
    times = np.arange(1.0, 11.0, 0.1)
    sideways = []
    for dataset in ("scenarionet-nuscenes", "made-up"):
        log = log_of(recording(agents, dataset=dataset))
        sideways.append(np.abs(np.diff(_states(log, CleanTracks(log), 1, times)[0][:, 1], n=2)).max())
    assert sideways[0] < 0.5 * sideways[1], "corners are rounded"


def test_sizes_are_those_of_the_whole_track() -> None:
    log = log_of(recording({1: Agent(along(0.0, 0.0, 5.0)), 2: Agent(along(0.0, 9.0, 1.0), AgentClass.PEDESTRIAN)}))
    for index, frame in enumerate(log.agents):
        frame.size[0, 0] = 1.0 if index % 3 == 0 else 4.8  # half hidden now and then
    tracks = CleanTracks(log)
    sizes = tracks.size(tracks.pieces([2, 1, 77], log.agents[0].stamp_ns))
    np.testing.assert_allclose(sizes, [[0.6, 0.6], [4.8, 1.9], [0.0, 0.0]])


def test_a_recording_of_nobody_has_no_tracks() -> None:
    tracks = CleanTracks(log_of(recording({1: Agent(along(0.0, 0.0, 5.0), seen=lambda t: False)})))
    assert tracks.pieces([1], START_NS).tolist() == [-1]
    assert not tracks.at([-1], [START_NS]).valid.any()
