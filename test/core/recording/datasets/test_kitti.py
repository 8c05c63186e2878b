"""KITTI tracking sequences."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import source_samples as samples
from scipy.spatial.transform import Rotation

from zoox_prediction.geometry import rotation_matrix
from zoox_prediction.recording.datasets.kitti import read_sequence
from zoox_prediction.recording.datasets.source import START_NS, SourceError
from zoox_prediction.recording.typestore import RosbagsTypes
from zoox_prediction.scene import AgentClass

SWEEPS = (0, 40, 100)


@pytest.fixture(scope="session")
def training(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real sequence 0000 with three of its sweeps, in KITTI's own layout."""
    source, folder = recordings / "kitti_tracking_0000", tmp_path_factory.mktemp("training")
    (folder / "velodyne" / "0000").mkdir(parents=True)
    for name, short in (("label_02", "label"), ("oxts", "oxts"), ("calib", "calib")):
        (folder / name).mkdir()
        shutil.copy(source / f"{short}_0000.txt", folder / name / "0000.txt")
    for frame in SWEEPS:
        with np.load(source / "velodyne" / f"{frame:06d}.npz") as sweep:
            points = np.column_stack(
                [np.cumsum(sweep["dxyz_cm"].astype(np.int64), axis=1).T * 0.01, sweep["i"] / 255.0]
            )
        points.astype(np.float32).tofile(folder / "velodyne" / "0000" / f"{frame:06d}.bin")
    return folder


def test_box_by_hand(tmp_path: Path) -> None:
    recording = read_sequence(samples.kitti(tmp_path), "0001")
    frame = recording.agents[4]
    # Camera x right 5, z forward 20, its bottom 1.73 below the lidar; the car looks north, so right is east. The origin
    # is at the GPS/IMU, here in the lidar.
    np.testing.assert_allclose(frame.position[0], [5.0, 20.0, -1.73 + 1.0], atol=1e-9)
    assert frame.yaw[0] == pytest.approx(0.0)  # rotation_y 0 is to the right
    np.testing.assert_allclose(frame.velocity[0], [5.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(frame.size[0], [5.0, 1.8, 2.0])
    assert (frame.ids.tolist(), frame.agent_class.tolist()) == ([4], [AgentClass.CAR])
    assert frame.stamp_ns == START_NS + 400_000_000


def test_base_link_is_the_rear_axle_on_the_ground(tmp_path: Path) -> None:
    recording = read_sequence(samples.kitti(tmp_path), "0001")
    assert recording.ego is not None
    np.testing.assert_allclose(recording.ego.position[0], [0.0, -0.76, -1.73], atol=1e-9)
    lidar = next(each for each in recording.static_transforms if each.child == "velodyne")
    np.testing.assert_allclose(lidar.matrix[:3, 3], [0.76, 0.0, 1.73])
    camera = next(each for each in recording.static_transforms if each.child == "image_02")
    np.testing.assert_allclose(camera.matrix @ [0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0], atol=1e-9)  # looks ahead
    np.testing.assert_allclose(camera.matrix[:3, 3], [0.0, 0.1, 0.0], atol=1e-9)  # P2: 70 / 700 to the left of camera 0


def test_a_turning_ego_swings_its_rear_axle(tmp_path: Path) -> None:
    folder = samples.kitti(tmp_path)
    oxts = np.loadtxt(folder / "oxts" / "0001.txt")
    oxts[:, 22] = 0.5  # [rad/s] to the left, about the GPS/IMU, which stands still
    np.savetxt(folder / "oxts" / "0001.txt", oxts)
    ego = read_sequence(folder, "0001").ego
    assert ego is not None
    # It looks north, the axle is 0.76 m to the south: that goes east.
    np.testing.assert_allclose(ego.states()[3].velocity, [0.38, 0.0], atol=1e-9)


def test_messages(tmp_path: Path) -> None:
    import cv2

    folder = samples.kitti(tmp_path)
    cv2.imwrite(str(folder / "image_02" / "0001" / "000000.png"), np.zeros((20, 30, 3), dtype=np.uint8))
    types = RosbagsTypes()
    first = {
        each.topic: each.build(types) for each in read_sequence(folder, "0001").sensors if each.stamp_ns == START_NS
    }
    assert first["/gps/fix"].latitude == 49.0
    assert first["/gps/fix"].position_covariance[0] == pytest.approx(0.05**2)
    assert first["/imu"].orientation.z == pytest.approx(np.sqrt(0.5))
    cloud = first["/sensors/velodyne/points"]
    np.testing.assert_allclose(cloud.data.view("<f4"), [20.0, -3.0, 0.0, 0.5])
    info = first["/sensors/image_02/camera_info"]
    assert (info.height, info.width, info.k[2]) == (20, 30, 600.0)
    np.testing.assert_allclose(info.p.reshape(3, 4), [[700, 0, 600, 0], [0, 700, 170, 0], [0, 0, 1, 0]])
    assert first["/sensors/image_02/image/compressed"].format == "png"


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("calib", lambda text: text.replace("Tr_velo_cam", "Tr_other"), "no matrix Tr_velo_cam"),
        ("calib", lambda text: text.replace("P2: 700 0", "P2: 700"), "P2 is not 3 x 4"),
        ("calib", lambda text: text.replace("R_rect 1 0", "R_rect nan 0"), "R_rect is singular or not finite"),
        ("oxts", lambda text: text[: len(text) - 300], "line 12 is not 30 numbers"),
        ("oxts", lambda text: "", "empty"),
        ("label_02", lambda text: text[:-20], "has not 17 values"),
        ("label_02", lambda text: text.replace("Van", "Horse"), "unknown type Horse"),
        ("label_02", lambda text: text.replace("11 4 Van", "99 4 Van"), "labels frame 99, but oxts has 12"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, name: str, damage, message: str) -> None:
    folder = samples.kitti(tmp_path)
    path = folder / name / "0001.txt"
    path.write_text(damage(path.read_text()))
    with pytest.raises(SourceError, match=f"{name}/0001.txt: .*{message}"):
        read_sequence(folder, "0001")


def test_missing_files_and_half_points(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"calib/0007\.txt: cannot be read"):
        read_sequence(tmp_path, "0007")
    folder = samples.kitti(tmp_path)
    sweep = folder / "velodyne" / "0001" / "000000.bin"
    sweep.write_bytes(sweep.read_bytes()[:-3])
    cloud = next(each for each in read_sequence(folder, "0001").sensors if "points" in each.topic)
    with pytest.raises(SourceError, match=r"000000\.bin: 13 bytes are no whole number"):
        cloud.build(RosbagsTypes())


def test_real_boxes_hold_lidar_points(training: Path) -> None:
    recording = read_sequence(training, "0000")
    assert len(recording.agents) == 154
    assert {int(track) for frame in recording.agents for track in frame.ids} == set(range(15))
    assert recording.ego is not None
    np.testing.assert_allclose(
        next(each.matrix for each in recording.static_transforms if each.child == "imu_link")[:3, 3],
        [-0.05, 0.32, 0.93],  # figure 3 of the data set's paper
        atol=0.01,
    )
    for sweep, index in zip([each for each in recording.sensors if "points" in each.topic], SWEEPS, strict=True):
        cloud = sweep.build(RosbagsTypes())
        points = cloud.data.view("<f4").reshape(-1, 4)[:, :3] + [0.76, 0.0, 1.73]
        on_map = Rotation.from_quat(recording.ego.quaternion[index]).apply(points) + recording.ego.position[index]
        frame = recording.agents[index]
        for i in range(len(frame)):
            offset = on_map - frame.position[i]
            plane = np.abs(offset[:, :2] @ rotation_matrix(frame.yaw[i]))
            near = (plane < frame.size[i, :2] / 2.0 + 0.8).all(axis=1) & (
                np.abs(offset[:, 2]) < frame.size[i, 2] / 2 - 0.3
            )
            inside = near & (plane < frame.size[i, :2] / 2.0 + 0.1).all(axis=1)
            assert inside.sum() >= 10
            if frame.agent_class[i] == AgentClass.CAR and frame.size[i, 0] > 3.0:
                assert inside.sum() > 0.6 * near.sum()  # nothing but the car stands there, above the ground


def test_real_ego_moves_as_the_gps_says(training: Path) -> None:
    ego = read_sequence(training, "0000").ego
    assert ego is not None
    states = ego.states()
    position = np.array([state.position for state in states])
    velocity = np.array([state.velocity for state in states])
    measured = np.gradient(position, 0.1, axis=0)
    assert np.linalg.norm(measured - velocity, axis=1).max() < 0.8
    assert np.dot(velocity[50], [np.cos(states[50].yaw), np.sin(states[50].yaw)]) > 4.0
