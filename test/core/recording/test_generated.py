"""The generated recording: its map holds together, its traffic is plausible."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely

from zoox_prediction.errors import InputError
from zoox_prediction.geometry import box_corners
from zoox_prediction.maps.road_network import Turn
from zoox_prediction.recording.generated import generate_recording, generated_log
from zoox_prediction.recording.generated_crossroads import crossroads, signal_state
from zoox_prediction.recording.log import RecordedLog, load_log
from zoox_prediction.scene import VEHICLE_CLASSES, AgentClass, SignalState

SEEDS = (0, 1, 5)


@pytest.fixture(scope="module", params=SEEDS)
def log(request: pytest.FixtureRequest) -> RecordedLog:
    return generated_log(request.param, 40.0)


def tracks(log: RecordedLog) -> dict[int, dict[str, np.ndarray]]:
    """By id: position (T, 2), yaw, velocity, acceleration, class, size of every frame that it is in."""
    found: dict[int, list] = {}
    for frame in log.agents:
        states = (frame.position[:, :2], frame.yaw, frame.velocity, frame.acceleration, frame.agent_class, frame.size)
        rows = zip(frame.ids, *states, strict=True)
        for track, *state in rows:
            found.setdefault(int(track), []).append([frame.stamp_ns, *state])
    names = ("stamp", "position", "yaw", "velocity", "acceleration", "agent_class", "size")
    return {
        track: {name: np.array(column) for name, column in zip(names, zip(*states, strict=True), strict=True)}
        for track, states in found.items()
    }


def test_everybody_is_there(log: RecordedLog) -> None:
    assert len(log.agents) == len(log.ego) == len(log.signals) == 401
    np.testing.assert_array_equal(np.diff(log.stamps_ns), 100_000_000)
    count = np.bincount(log.agents[0].agent_class, minlength=8)
    assert count[list(VEHICLE_CLASSES)].sum() >= 7
    assert count[AgentClass.TRUCK] + count[AgentClass.BUS] >= 1
    assert count[AgentClass.CYCLIST] >= 1
    assert count[AgentClass.PEDESTRIAN] >= 6
    assert count[AgentClass.ANIMAL] == 1


def test_boxes_never_overlap(log: RecordedLog) -> None:
    for frame, ego in zip(log.agents, log.ego, strict=True):
        middle = ego.position + log.ego_center_offset_m * np.array([np.cos(ego.yaw), np.sin(ego.yaw)])
        boxes = box_corners(
            np.vstack([frame.position[:, :2], middle]),
            np.append(frame.yaw, ego.yaw),
            np.vstack([frame.size[:, :2], log.ego_size]),
        )
        polygons = shapely.polygons(boxes)
        distance = shapely.distance(polygons[:, None], polygons[None])
        assert distance[~np.eye(len(polygons), dtype=bool)].min() > 0.1


def test_motion_is_smooth_and_agrees_with_the_velocities(log: RecordedLog) -> None:
    for track in tracks(log).values():
        if len(track["stamp"]) < 5:
            continue
        derived = np.gradient(track["position"], 0.1, axis=0)
        assert np.abs(derived - track["velocity"])[1:-1].max() < 0.35
        speed = np.linalg.norm(track["velocity"], axis=1)
        assert np.abs(np.diff(speed)).max() <= 0.61  # 6 m/s^2
        assert np.abs(np.diff(np.unwrap(track["yaw"]))).max() < 0.2
        assert speed.max() < 13.9


def test_accelerations_are_the_change_of_the_velocities(log: RecordedLog) -> None:
    errors, sizes = [], []
    for track in tracks(log).values():
        if len(track["stamp"]) >= 5:
            derived = np.gradient(track["velocity"], 0.1, axis=0)[1:-1]
            errors.append(np.linalg.norm(derived - track["acceleration"][1:-1], axis=1))
            sizes.append(np.linalg.norm(derived, axis=1))
    error, hard = np.concatenate(errors), np.concatenate(sizes) > 1.5  # in bends too
    assert hard.sum() > 100
    assert np.quantile(error[hard], 0.9) < 0.1
    assert np.quantile(error, 0.95) < 0.05


def test_nobody_enters_at_red(log: RecordedLog) -> None:
    network = crossroads()
    entries = 0
    for track in tracks(log).values():
        if track["agent_class"][0] not in (*VEHICLE_CLASSES, AgentClass.CYCLIST):
            continue
        for arm in range(4):
            out = np.array([np.cos(arm * np.pi / 2), np.sin(arm * np.pi / 2)])
            front = track["position"] + track["size"][:, :1] / 2 * np.column_stack(
                [np.cos(track["yaw"]), np.sin(track["yaw"])]
            )
            to_line = front @ out - 18.5
            towards = track["velocity"] @ out < 0.0
            lateral = track["position"] @ [out[1], -out[0]]  # negative: on the lanes that lead in
            crossed = (
                (to_line[:-1] > 0.0) & (to_line[1:] <= 0.0) & towards[1:] & (lateral[1:] < 0.0) & (lateral[1:] > -7.0)
            )
            for index in np.flatnonzero(crossed):
                kind = 2 if lateral[index + 1] > -3.5 else 1
                time_s = (track["stamp"][index] - log.stamps_ns[0]) * 1e-9
                assert signal_state(arm, kind, time_s) != SignalState.RED
                entries += 1
    assert entries >= 5
    assert len(network.lanes) == 28


def test_ego_waits_at_red_and_crosses(log: RecordedLog) -> None:
    speed = np.array([np.hypot(*state.velocity) for state in log.ego])
    x = np.array([state.position[0] for state in log.ego])
    assert speed[:30].min() > 5.0
    assert speed[110] < 0.3
    assert x[0] < -80.0
    assert x[-1] > 60.0
    assert np.abs([state.yaw for state in log.ego]).max() < 0.01


def test_vehicles_are_on_lanes(log: RecordedLog) -> None:
    centerlines = log.road_network.lanes.centerline
    lines = shapely.union_all([shapely.LineString(centerlines[row]) for row in range(len(centerlines))])
    for frame in log.agents[::10]:
        vehicles = frame.select(np.isin(frame.agent_class, VEHICLE_CLASSES))
        assert shapely.distance(shapely.points(vehicles.position[:, :2]), lines).max() < 0.25


def test_map_holds_together() -> None:
    network = crossroads()
    lanes = network.lanes
    assert set(lanes.successors.values.tolist()) <= set(lanes.ids.tolist())
    for row in range(len(lanes)):
        for successor in lanes.successor_rows[row]:
            np.testing.assert_allclose(lanes.centerline[row][-1], lanes.centerline[successor][0], atol=1e-9)
            np.testing.assert_allclose(lanes.left_boundary[row][-1], lanes.left_boundary[successor][0], atol=1e-9)
        heading = np.diff(lanes.centerline[row], axis=0)[0]
        to_left = lanes.left_boundary[row][0] - lanes.centerline[row][0]
        assert heading[0] * to_left[1] - heading[1] * to_left[0] > 0.0
    road = shapely.Polygon(network.drivable_areas[0])
    middle = shapely.Polygon(network.intersections[0])
    assert road.is_valid
    assert middle.is_valid
    assert road.buffer(1e-6).covers(middle)
    for row in range(len(lanes)):
        assert road.buffer(0.05).covers(shapely.LineString(lanes.right_boundary[row]))
        assert bool(lanes.in_intersection[row]) == (lanes.turn[row] != Turn.NONE)
    for row in range(len(network.walkways)):
        assert shapely.Polygon(network.walkways[row]).intersection(road).area < 1e-6
    assert set(lanes.signal.tolist()) - {-1} <= set(network.signal_ids.tolist())
    assert set(lanes.stop_line.tolist()) - {-1} == set(network.stop_line_ids.tolist())


def test_conflicting_signals_are_never_green_together() -> None:
    for time_s in np.arange(0.0, 70.0, 0.1):
        green = {
            (arm, kind) for arm in range(4) for kind in (1, 2, 3) if signal_state(arm, kind, time_s) != SignalState.RED
        }
        assert not ({(0, 1), (2, 1)} & green and {(1, 1), (3, 1)} & green)
        assert len({kind for _, kind in green if kind != 3}) <= 1
        for arm in range(4):
            assert not ((arm, 3) in green and {(arm, 1), (arm, 2)} & green)


def test_the_same_seed_gives_the_same_bag(tmp_path: Path) -> None:
    generate_recording(tmp_path / "a.bag", seed=4, duration_s=3.0)
    generate_recording(tmp_path / "b.bag", seed=5, duration_s=3.0)
    log, first, other = generated_log(4, 3.0), load_log(tmp_path / "a.bag"), load_log(tmp_path / "b.bag")
    assert (first.dataset, first.name, len(first.agents)) == ("generated", "crossroads-4", 31)
    np.testing.assert_allclose(first.agents[-1].position, log.agents[-1].position)
    np.testing.assert_array_equal(first.agents[-1].attributes, log.agents[-1].attributes)
    assert np.abs(first.agents[-1].position[:5] - other.agents[-1].position[:5]).max() > 0.1
    assert first.ego_center_offset_m == 1.4


@pytest.mark.parametrize("duration_s", [0.0, -1.0, float("nan"), 1e9])
def test_durations_out_of_range(tmp_path: Path, duration_s: float) -> None:
    with pytest.raises(InputError, match="duration"):
        generate_recording(tmp_path / "a.bag", 0, duration_s)
