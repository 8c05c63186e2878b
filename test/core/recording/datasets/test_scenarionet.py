"""ScenarioNet scenarios of nuScenes, Waymo and nuPlan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import source_samples as samples

from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.recording.datasets.scenarionet import read_scenario
from zoox_prediction.recording.datasets.source import START_NS, SourceError
from zoox_prediction.scene import AgentClass, Attribute, SignalState

SCENE = "scenarionet_nuscenes/sd_nuscenes_v1.0-mini_scene-{}.pkl"


def read(tmp_path: Path, **changes):
    return read_scenario(samples.write_scenario(tmp_path / "sd.pkl", {**samples.scenario("waymo"), **changes}))


def test_waymo_tracks(tmp_path: Path) -> None:
    recording = read(tmp_path)
    assert (recording.dataset, recording.name) == ("scenarionet-waymo", "abc")
    assert [len(frame) for frame in recording.agents] == [1] * 5 + [0] + [1] * 14  # no ego, no cone, the gap kept
    assert recording.agents[3].ids.tolist() == [2]
    np.testing.assert_allclose(recording.agents[3].position[0], [31.2, 0.0, 1.0], atol=1e-5)
    np.testing.assert_allclose(recording.agents[3].velocity[0], [4.0, 0.0])
    assert recording.agents[3].stamp_ns == START_NS + 300_000_000
    assert recording.ego is not None
    np.testing.assert_allclose(recording.ego.position[10], [4.0, 0.0, 1.0], atol=1e-5)
    assert recording.ego_size == pytest.approx((4.6, 1.9))  # written the wrong way round in the file
    assert recording.ego_center_offset_m == 0.0


def test_waymo_signals_control_their_lane(tmp_path: Path) -> None:
    recording = read(tmp_path)
    network = recording.road_network
    assert network is not None
    assert network.lanes.signal.tolist() == [-1, 8]
    assert network.signal_ids.tolist() == [8]
    row = network.stop_line_ids.tolist().index(network.lanes.stop_line[1])
    np.testing.assert_allclose(network.stop_lines[row], [[21.0, 1.75], [21.0, -1.75]])
    states = [signals.state.tolist() for signals in recording.signals]
    assert states[8:11] == [[SignalState.RED], [], [SignalState.GREEN]]  # unobserved is not a state
    assert recording.signals[10].state_stamp_ns.tolist() == [START_NS + 1_000_000_000]


def test_nuplan_stop_points_lie_where_the_lane_begins(tmp_path: Path) -> None:
    content = samples.scenario("nuplan")
    content["dynamic_map_states"]["8"]["state"]["object_state"] = ["TRAFFIC_LIGHT_YELLOW"] * 20
    recording = read_scenario(samples.write_scenario(tmp_path / "sd.pkl", content))
    assert recording.road_network is not None
    np.testing.assert_allclose(recording.road_network.stop_lines[0][:, 0], 20.0)
    assert recording.signals[0].state.tolist() == [SignalState.YELLOW]


def test_nuscenes_categories_and_derived_velocities(tmp_path: Path) -> None:
    content = samples.scenario("nuscenes")
    content["tracks"]["2"]["state"]["velocity"][:] = 99.0
    child = {**content["tracks"]["2"], "type": "PEDESTRIAN", "metadata": {"type": "human.pedestrian.child"}}
    content["tracks"]["27a7104589f44c41"] = child
    recording = read_scenario(samples.write_scenario(tmp_path / "sd.pkl", content))
    frame = recording.agents[2]
    assert sorted(frame.agent_class) == [AgentClass.BUS, AgentClass.PEDESTRIAN]
    np.testing.assert_allclose(frame.velocity, [[4.0, 0.0]] * 2, atol=1e-4)
    attributes = dict(zip(frame.agent_class, zip(frame.attributes, frame.attributes_valid, strict=True), strict=True))
    assert attributes[AgentClass.PEDESTRIAN] == (Attribute.CHILD, Attribute.CHILD)
    assert attributes[AgentClass.BUS] == (0, Attribute.EMERGENCY)


@pytest.mark.parametrize("key", ["metadata", "tracks", "map_features", "length"])
def test_missing_parts_are_one_sentence(tmp_path: Path, key: str) -> None:
    content = samples.scenario()
    del content[key]
    with pytest.raises(SourceError, match=rf"sd\.pkl: is not a whole ScenarioNet scenario.*{key}"):
        read_scenario(samples.write_scenario(tmp_path / "sd.pkl", content))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["metadata"].update(sdc_id="99"), "99"),
        (lambda s: s["metadata"].update(ts=np.zeros(20)), "rising times"),
        (lambda s: s["tracks"]["1"]["state"]["valid"].fill(False), "the ego has no valid state"),
        (lambda s: s["tracks"]["2"]["state"]["position"].fill(np.nan), "not finite"),
        (lambda s: s["map_features"]["7"].update(polyline=np.zeros((0, 3))), "7"),
    ],
)
def test_broken_scenarios_name_the_file(tmp_path: Path, change, message: str) -> None:
    content = samples.scenario()
    change(content)
    with pytest.raises(SourceError, match=rf"sd\.pkl: .*{message}"):
        read_scenario(samples.write_scenario(tmp_path / "sd.pkl", content))


def test_a_pickled_list_is_no_scenario(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not a whole ScenarioNet scenario"):
        read_scenario(samples.write_scenario(tmp_path / "sd.pkl", [1, 2]))


def test_real_nuscenes_scene(recordings: Path) -> None:
    recording = read_scenario(recordings / SCENE.format("0061"))
    assert len(recording.agents) == 191
    assert recording.agents[0].stamp_ns == START_NS
    classes = np.concatenate([frame.agent_class for frame in recording.agents])
    # 226 tracks without 71 cones, 65 barriers and the ego.
    assert len({int(track) for frame in recording.agents for track in frame.ids}) == 89
    assert set(classes) == {0, 1, 2, 3, 4, 5}
    assert recording.ego is not None
    np.testing.assert_allclose(recording.ego.position[0], [411.24948141, 1180.74320966, 0.0], atol=1e-6)
    assert recording.ego_size == (4.08, 1.73)
    assert recording.road_network is not None
    assert len(recording.road_network.lanes) == 460


def test_real_ego_drives_on_lanes(recordings: Path) -> None:
    recording = read_scenario(recordings / SCENE.format("0103"))
    assert recording.ego is not None
    assert recording.road_network is not None
    states = recording.ego.states()
    position = np.array([state.position for state in states])
    yaw = np.array([state.yaw for state in states])
    lanes = LaneGraph(recording.road_network).assign(position, yaw)
    assert np.mean(lanes.lane[:, 0] >= 0) > 0.95
    assert max(np.hypot(*state.velocity) for state in states) < 10.0  # single steps of the file reach 18.5
