"""What is derived from positions: velocities, accelerations, turning, headings."""

from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.recording.datasets.kinematics import (
    UNKNOWN_VELOCITY_VARIANCE,
    EgoTrajectory,
    Observations,
    derivatives,
    frame_stamps,
    tracked_agents,
)
from zoox_prediction.scene import AgentClass

STEP = 100_000_000


def observations(stamps, ids, xy, yaw=None, **more) -> Observations:
    count = len(stamps)
    return Observations(
        stamp_ns=np.asarray(stamps, dtype=np.int64),
        ids=np.asarray(ids, dtype=np.int64),
        agent_class=np.full(count, int(AgentClass.PEDESTRIAN)),
        position=np.column_stack([np.asarray(xy, dtype=float), np.zeros(count)]),
        yaw=np.full(count, np.nan) if yaw is None else np.asarray(yaw, dtype=float),
        size=np.ones((count, 3)),
        **more,
    )


def circle(steps: int, radius: float = 20.0, speed: float = 8.0) -> tuple[np.ndarray, np.ndarray]:
    angle = speed / radius * 0.1 * np.arange(steps)
    return STEP * np.arange(steps), radius * np.column_stack([np.cos(angle), np.sin(angle)])


def test_circle_has_its_speed_turning_and_centripetal_acceleration() -> None:
    stamps, xy = circle(60)
    frames = tracked_agents(observations(stamps, np.zeros(60), xy), stamps)
    middle = frames[30]
    assert middle.speed[0] == pytest.approx(8.0, abs=0.05)
    assert middle.yaw_rate[0] == pytest.approx(8.0 / 20.0, abs=0.01)
    np.testing.assert_allclose(middle.acceleration[0], -xy[30] / 20.0 * 8.0**2 / 20.0, atol=0.05)
    heading = np.arctan2(xy[30, 0], -xy[30, 1])  # a quarter turn to the left of the radius
    assert middle.yaw[0] == pytest.approx(heading, abs=0.01)
    np.testing.assert_array_equal(middle.position[0, :2], xy[30])  # positions are never smoothed


def test_jitter_of_boxes_is_smoothed_and_jitter_of_the_clock_does_not_matter() -> None:
    random = np.random.default_rng(3)
    time_s = 0.1 * np.arange(50) + random.uniform(-0.004, 0.004, 50)
    rate, second = derivatives(time_s, (5.0 * time_s + random.normal(0.0, 0.03, 50))[:, None])
    assert np.abs(rate[5:-5] - 5.0).max() < 0.3  # single differences are off by more than 0.4
    assert np.abs(np.diff(5.0 * time_s) / 0.1 - 5.0).max() > 0.3
    assert np.abs(second).max() < 3.0


def test_three_samples_give_the_central_difference() -> None:
    rate, second = derivatives(np.array([0.0, 0.4, 0.8]), np.array([[0.0], [1.0], [4.0]]))
    assert rate[1, 0] == pytest.approx(5.0)
    assert second[1, 0] == pytest.approx((4.0 - 2.0 + 0.0) / 0.16)


@pytest.mark.parametrize("count", [1, 2])
def test_short_tracks(count: int) -> None:
    stamps, xy = circle(count)
    frames = tracked_agents(observations(stamps, np.zeros(count), xy), stamps)
    assert np.isfinite(frames[0].velocity).all()
    assert frames[0].velocity_covariance[0, 0, 0] == (UNKNOWN_VELOCITY_VARIANCE if count == 1 else 0.0)
    assert frames[-1].speed[0] == pytest.approx(8.0 * (count - 1), abs=0.1)


def test_gaps_stay_gaps_and_separate_the_motion() -> None:
    stamps = STEP * np.concatenate([np.arange(10), np.arange(30, 40)])
    xy = np.column_stack([np.concatenate([np.arange(10.0), 500.0 - np.arange(10.0)]), np.zeros(20)])
    frames = tracked_agents(observations(stamps, np.zeros(20), xy), STEP * np.arange(40))
    assert [len(frame) for frame in frames] == [1] * 10 + [0] * 20 + [1] * 10
    np.testing.assert_allclose(frames[9].velocity[0], [10.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(frames[30].velocity[0], [-10.0, 0.0], atol=1e-6)
    assert frames[30].age_s[0] == pytest.approx(3.0)


def test_heading_of_a_standing_agent_is_the_last_one_it_moved_in() -> None:
    y = np.concatenate([np.arange(20) * 0.15, np.full(20, 19 * 0.15)])
    stamps = STEP * np.arange(40)
    frames = tracked_agents(observations(stamps, np.zeros(40), np.column_stack([np.zeros(40), y])), stamps)
    assert frames[39].yaw[0] == pytest.approx(np.pi / 2.0, abs=1e-3)
    assert frames[39].speed[0] == pytest.approx(0.0, abs=1e-6)


def test_rows_in_any_order_find_their_agent_and_stamp() -> None:
    stamps, xy = circle(20)
    order = np.random.default_rng(0).permutation(40)
    both = observations(
        np.tile(stamps, 2)[order], np.repeat([7, 3], 20)[order], np.concatenate([xy, xy + 100.0])[order]
    )
    frame = tracked_agents(both, stamps)[11]
    assert frame.ids.tolist() == [3, 7]
    np.testing.assert_array_equal(frame.position[:, :2], [xy[11] + 100.0, xy[11]])


def test_velocities_of_the_source_are_kept() -> None:
    stamps, xy = circle(5)
    given = np.full((5, 2), 3.0)
    frames = tracked_agents(observations(stamps, np.zeros(5), xy, velocity=given), stamps)
    np.testing.assert_array_equal(frames[2].velocity[0], [3.0, 3.0])


def test_regular_clocks_get_the_frames_with_nobody() -> None:
    np.testing.assert_array_equal(frame_stamps(STEP * np.array([5, 2, 3, 2])), STEP * np.arange(2, 6))
    irregular = np.array([0, 100, 207, 300])
    np.testing.assert_array_equal(frame_stamps(irregular), irregular)


def test_ego_states_follow_the_poses() -> None:
    stamps, xy = circle(60)
    yaw = np.arctan2(xy[:, 0], -xy[:, 1])
    quaternion = np.column_stack([np.zeros((60, 2)), np.sin(yaw / 2.0), np.cos(yaw / 2.0)])
    state = EgoTrajectory(stamps, np.column_stack([xy, np.full(60, 2.0)]), quaternion).states()[30]
    assert state.yaw == pytest.approx(yaw[30])
    assert np.hypot(*state.velocity) == pytest.approx(8.0, abs=0.05)
    assert state.yaw_rate == pytest.approx(0.4, abs=0.01)
    assert state.z == 2.0
