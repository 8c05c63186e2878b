"""Argoverse 2 sensor logs and forecasting scenarios."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import source_samples as samples
from scipy.spatial.transform import Rotation

from zoox_prediction.geometry import rotation_matrix
from zoox_prediction.recording.datasets.argoverse import read_forecasting_scenario, read_sensor_log
from zoox_prediction.recording.datasets.source import SourceError, stable_ids
from zoox_prediction.recording.typestore import RosbagsTypes
from zoox_prediction.scene import AgentClass

POINTS_LOG = "av2/sensor_logs/adcf7d18-0510-35b0-a2fa-b4cea13a6d76"
EGO_LOG = "av2/sensor_logs/3b3570b4-7b0b-3268-a571-b0889dbf40b6"
SCENARIO = "av2/motion_forecasting/0a1e6f0a-1817-4a98-b02e-db8c9327d151"


def test_boxes_of_the_ego_frame_are_placed_on_the_map(tmp_path: Path) -> None:
    recording = read_sensor_log(samples.argoverse_log(tmp_path / "log"))
    ids = stable_ids(["car-uuid", "dog-uuid"])
    frame = recording.agents[4]  # the ego is at (100, 2), heading north
    assert set(frame.ids) == set(ids.values())  # no cone, no ego
    car, dog = (frame.ids.tolist().index(ids[name]) for name in ("car-uuid", "dog-uuid"))
    np.testing.assert_allclose(frame.position[car], [100.0, 12.0, 1.5], atol=1e-9)
    np.testing.assert_allclose(frame.position[dog], [98.0, 2.0, 1.5], atol=1e-9)
    np.testing.assert_allclose(frame.yaw, np.pi / 2.0)
    np.testing.assert_allclose(frame.velocity, [[0.0, 5.0]] * 2, atol=1e-6)
    assert frame.agent_class[[car, dog]].tolist() == [AgentClass.CAR, AgentClass.ANIMAL]
    np.testing.assert_allclose(frame.size[car], [4.0, 1.8, 1.5])


def test_ego_is_at_every_annotated_stamp_and_has_the_annotated_size(tmp_path: Path) -> None:
    recording = read_sensor_log(samples.argoverse_log(tmp_path / "log"))
    assert recording.ego is not None
    assert recording.ego_size == (4.9, 2.1)
    assert [frame.stamp_ns for frame in recording.agents] == recording.ego.stamp_ns.tolist()  # not those 2 ns apart
    state = recording.ego.states()[6]
    np.testing.assert_allclose(
        [*state.position, state.yaw, *state.velocity], [100.0, 3.0, np.pi / 2.0, 0.0, 5.0], atol=1e-6
    )
    assert recording.road_network is not None
    assert recording.road_network.lanes.ids.tolist() == [7]


def test_sweep_picture_and_calibration(tmp_path: Path) -> None:
    folder = samples.argoverse_log(tmp_path / "log")
    samples.argoverse_sensors(folder)
    recording = read_sensor_log(folder)
    messages = {message.topic: message.build(RosbagsTypes()) for message in recording.sensors}
    cloud = messages["/sensors/lidar/points"]
    assert [field.name for field in cloud.fields] == ["x", "y", "z", "intensity", "ring", "time"]
    channels = {"names": [f.name for f in cloud.fields], "offsets": [f.offset for f in cloud.fields]}
    formats = ["<f4", "<f4", "<f4", "<f4", "<u2", "<f4"]
    points = cloud.data.view(np.dtype({**channels, "formats": formats, "itemsize": cloud.point_step}))
    assert points["z"].tolist() == [5.0, 6.0]
    assert points["ring"].tolist() == [9, 10]
    np.testing.assert_allclose(points["time"], [0.0, 0.05])
    assert (cloud.header.frame_id, cloud.width, cloud.is_dense) == ("base_link", 2, True)
    info = messages["/sensors/ring_front_center/camera_info"]
    np.testing.assert_allclose(info.k, [1000, 0, 500, 0, 1001, 400, 0, 0, 1])
    assert (info.height, info.width, info.d[4]) == (800, 1000, 0.001)
    assert messages["/sensors/ring_front_center/image/compressed"].format == "jpeg"
    (mounting,) = recording.static_transforms
    assert (mounting.parent, mounting.child) == ("base_link", "ring_front_center")
    np.testing.assert_allclose(mounting.matrix[:3, 3], [1.6, 0.0, 1.4])


def test_av_of_a_scenario_is_the_ego(tmp_path: Path) -> None:
    recording = read_forecasting_scenario(samples.argoverse_scenario(tmp_path))
    assert len(recording.agents) == 11
    assert {int(track) for frame in recording.agents for track in frame.ids} == {42}
    np.testing.assert_allclose(np.diff([frame.stamp_ns for frame in recording.agents]), samples.STEP, atol=100)
    assert recording.ego is not None
    np.testing.assert_allclose(recording.ego.position[10], [100.0, 3.0, 0.0])
    assert recording.agents[0].agent_class.tolist() == [AgentClass.CYCLIST]


@pytest.mark.parametrize("name", ["annotations_with_ego.feather", "city_SE3_egovehicle.feather"])
def test_damaged_tables_are_named(tmp_path: Path, name: str) -> None:
    folder = samples.argoverse_log(tmp_path / "log")
    path = folder / name
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(SourceError, match=name):
        read_sensor_log(folder)
    pd.DataFrame({"wrong": [1]}).to_feather(path)
    with pytest.raises(SourceError, match=f"{name}: has no column"):
        read_sensor_log(folder)


def test_numbers_that_are_none_are_named(tmp_path: Path) -> None:
    folder = samples.argoverse_log(tmp_path / "log")
    path = folder / "city_SE3_egovehicle.feather"
    poses = pd.read_feather(path)
    poses.assign(tx_m=np.nan).to_feather(path)
    with pytest.raises(SourceError, match=r"city_SE3_egovehicle\.feather: has numbers that are not finite in tx_m"):
        read_sensor_log(folder)
    for broken in (poses.assign(qw=0.0, qx=0.0, qy=0.0, qz=0.0), poses.iloc[:1]):
        broken.reset_index(drop=True).to_feather(path)
        with pytest.raises(SourceError, match="fewer than two poses, or a quaternion that is no rotation"):
            read_sensor_log(folder)


def test_a_log_of_things_only_has_empty_frames(tmp_path: Path) -> None:
    folder = samples.argoverse_log(tmp_path / "log")
    path = folder / "annotations_with_ego.feather"
    boxes = pd.read_feather(path)
    boxes[boxes["category"] == "CONSTRUCTION_CONE"].reset_index(drop=True).to_feather(path)
    assert [len(frame) for frame in read_sensor_log(folder).agents] == [0] * 12


def test_missing_map_folder_and_av(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such folder"):
        read_sensor_log(tmp_path / "nowhere")
    folder = samples.argoverse_log(tmp_path / "log")
    (folder / "map" / "log_map_archive_x.json").unlink()
    with pytest.raises(SourceError, match=r"log_map_archive_\*\.json"):
        read_sensor_log(folder)
    scenario = samples.argoverse_scenario(tmp_path)
    table = pd.read_parquet(scenario / "scenario_a.parquet")
    table[table["track_id"] != "AV"].to_parquet(scenario / "scenario_a.parquet")
    with pytest.raises(SourceError, match="no track 'AV'"):
        read_forecasting_scenario(scenario)


def test_real_boxes_hold_the_points_that_the_data_set_counts(recordings: Path) -> None:
    recording = read_sensor_log(recordings / POINTS_LOG)
    assert len(recording.agents) == 156
    assert len({int(track) for frame in recording.agents for track in frame.ids}) == 92
    assert recording.ego is not None
    (sweep,) = recording.sensors
    cloud = sweep.build(RosbagsTypes())
    points = cloud.data.view(np.uint8).reshape(-1, cloud.point_step)[:, :12].copy().view("<f4")
    row = recording.ego.stamp_ns.tolist().index(sweep.stamp_ns)
    on_map = Rotation.from_quat(recording.ego.quaternion[row]).apply(points) + recording.ego.position[row]
    frame = next(frame for frame in recording.agents if frame.stamp_ns == sweep.stamp_ns)
    boxes = pd.read_feather(recordings / POINTS_LOG / "annotations.feather")
    boxes = boxes[boxes["timestamp_ns"] == sweep.stamp_ns]
    counts = dict(zip(stable_ids(boxes["track_uuid"]).values(), boxes["num_interior_pts"], strict=True))
    for i, track in enumerate(frame.ids):
        offset = on_map - frame.position[i]
        plane = offset[:, :2] @ rotation_matrix(frame.yaw[i])
        inside = (np.abs(np.column_stack([plane, offset[:, 2]])) < frame.size[i] / 2.0 + 0.02).all(axis=1).sum()
        # The data set counts before it rounds points to half floats; the ego's roll tilts its boxes a little.
        assert inside == pytest.approx(counts[int(track)], rel=0.35, abs=6)


def test_real_ego_is_not_among_the_agents(recordings: Path) -> None:
    recording = read_sensor_log(recordings / EGO_LOG)
    assert recording.ego is not None
    states = {state.stamp_ns: state for state in recording.ego.states()}
    assert len(recording.agents) == 157
    for frame in recording.agents:
        distance = np.linalg.norm(frame.position[:, :2] - states[frame.stamp_ns].position, axis=1)
        assert distance.min() > 1.0
        assert frame.speed.max() < 25.0


def test_real_scenario(recordings: Path) -> None:
    recording = read_forecasting_scenario(recordings / SCENARIO)
    assert len(recording.agents) == 110
    assert recording.ego is not None
    np.testing.assert_allclose(recording.ego.position[0, :2], [-433.710315, 1326.422980], atol=1e-6)
    tracks = {int(track) for frame in recording.agents for track in frame.ids}
    assert len(tracks) == 43  # of 31 vehicles without the AV and 12 pedestrians
    assert 138951 in tracks
