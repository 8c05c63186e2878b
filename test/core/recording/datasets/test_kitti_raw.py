"""Drives of the KITTI raw data, with and without GPS/IMU."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import source_samples as samples

from zoox_prediction.recording.bag import BagReader
from zoox_prediction.recording.convert import convert
from zoox_prediction.recording.datasets.kitti_raw import read_drive
from zoox_prediction.recording.datasets.source import START_NS, SourceError
from zoox_prediction.recording.messages.point_cloud import point_cloud_from_message
from zoox_prediction.recording.typestore import RosbagsTypes

STEPS = 6
SPEED_MPS = 8.0


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """Straight ahead at 8 m/s past posts."""
    return samples.kitti_raw(tmp_path / "2011_09_26_drive_0001_sync", STEPS, SPEED_MPS)


def _add_oxts(drive: Path, count: int = STEPS) -> None:
    (drive / "oxts" / "data").mkdir(parents=True)
    for frame in range(count):
        row = np.zeros(30)
        row[:6] = 49.0, 8.4, 110.0, 0.0, 0.0, np.pi / 2.0
        np.savetxt(drive / "oxts" / "data" / f"{frame:010d}.txt", row[None])


def test_without_gps_the_lidar_tells_where_the_ego_drove(drive: Path) -> None:
    recording = read_drive(drive)
    assert recording.ego is not None and recording.agents == ()
    assert recording.notes["ego_pose"] == "by fitting the lidar's sweeps together"
    expected = 0.1 * SPEED_MPS * np.arange(STEPS)
    np.testing.assert_allclose(recording.ego.position[:, 0], expected, atol=0.05)
    np.testing.assert_allclose(recording.ego.position[:, 1:], 0.0, atol=0.05)
    assert recording.ego.states()[3].velocity == pytest.approx([SPEED_MPS, 0.0], abs=0.3)
    assert recording.ego.stamp_ns.tolist() == [START_NS + 100_000_000 * frame for frame in range(STEPS)]


def test_with_gps_the_ego_is_where_that_says(drive: Path) -> None:
    _add_oxts(drive)
    recording = read_drive(drive)
    assert recording.ego is not None and recording.notes["ego_pose"] == "GPS/IMU"
    np.testing.assert_allclose(recording.ego.position, np.tile([0.0, -0.76, -1.73], (STEPS, 1)), atol=1e-9)
    assert [message.topic for message in recording.sensors].count("/imu") == STEPS


def test_the_bag_has_lidar_and_camera(drive: Path, tmp_path: Path) -> None:
    convert("kitti-raw", drive, tmp_path / "bag")
    with BagReader(tmp_path / "bag") as reader:
        counts = dict.fromkeys(reader.topics, 0)
        for each in reader.messages():
            counts[each.topic] += 1
    assert counts["/sensors/velodyne/points"] == counts["/sensors/image_02/image/compressed"] == STEPS
    assert counts["/odometry"] == counts["/sensors/image_02/camera_info"] == STEPS
    assert "/ground_truth/agents" not in counts


def test_times_of_the_drive_are_kept(drive: Path) -> None:
    lines = [f"2011-09-26 13:02:2{frame}.594360375" for frame in range(STEPS)]
    (drive / "velodyne_points" / "timestamps.txt").write_text("\n".join(lines))
    recording = read_drive(drive)
    assert recording.sensors[0].stamp_ns == 1_317_042_140_594_360_375
    assert recording.ego is not None and np.diff(recording.ego.stamp_ns).tolist() == [1_000_000_000] * (STEPS - 1)


def test_calibration_of_a_day_is_read_from_its_three_files(drive: Path) -> None:
    (drive / "calib.txt").unlink()
    (drive.parent / "calib_cam_to_cam.txt").write_text(
        "calib_time: 09-Jan-2012 13:57:47\nR_rect_00: 1 0 0 0 1 0 0 0 1\nP_rect_02: 700 0 600 70 0 700 170 0 0 0 1 0\n"
    )
    (drive.parent / "calib_velo_to_cam.txt").write_text("R: 0 -1 0 0 0 -1 1 0 0\nT: 0.1 0.2 0.3\n")
    (drive.parent / "calib_imu_to_velo.txt").write_text("R: 1 0 0 0 1 0 0 0 1\nT: -0.8 0.3 -0.8\n")
    mounting = {each.child: each.matrix for each in read_drive(drive).static_transforms}
    np.testing.assert_allclose(mounting["imu_link"][:3, 3], [0.76 - 0.8, 0.3, 1.73 - 0.8])
    # A point of camera 2 is K^-1 (70, 0, 0) = 0.1 m to the left of camera 0, which is at -R^T T of the lidar.
    np.testing.assert_allclose(mounting["image_02"][:3, 3], [-0.3, 0.2, 0.2])


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda drive: shutil.rmtree(drive / "velodyne_points"), "velodyne_points/data: holds no sweep"),
        (lambda drive: (drive / "calib.txt").unlink(), "has no calib_cam_to_cam.txt or calib.txt"),
        (lambda drive: _truncate(drive / "velodyne_points" / "data" / f"{2:010d}.bin"), "no whole number of points"),
        (lambda drive: (drive / "velodyne_points" / "timestamps.txt").write_text("noon\n"), "'noon' is no time"),
        (
            lambda drive: (drive / "velodyne_points" / "timestamps.txt").write_text("2011-09-26 13:02:25.5\n"),
            "has 1 rising times where 6 frames are",
        ),
        (lambda drive: _add_oxts(drive, STEPS - 1), "has no file of frame 5"),
        (lambda drive: (drive.parent / "calib_cam_to_cam.txt").write_text("P_rect_02: 1 2\n"), "calib_velo_to_cam"),
    ],
)
def test_damaged_drives_are_one_sentence(drive: Path, damage: object, text: str) -> None:
    damage(drive)
    with pytest.raises(SourceError, match=text) as caught:
        read_drive(drive)
    assert "\n" not in str(caught.value)


def test_the_compact_sweeps_of_a_real_drive(recordings: Path, tmp_path: Path) -> None:
    source = recordings / "kitti_cam_lidar_78"
    for name in ("velodyne", "image_02"):
        (tmp_path / name).mkdir()
    for frame in range(4):
        shutil.copy(source / "velodyne" / f"{frame:06d}.npz", tmp_path / "velodyne")
        shutil.copy(source / "image_02" / f"{frame:06d}.jpg", tmp_path / "image_02")
    shutil.copy(source / "calib_2011_09_26.txt", tmp_path)
    recording = read_drive(tmp_path)
    assert recording.ego is not None
    assert np.linalg.norm(np.diff(recording.ego.position[:, :2], axis=0), axis=1) == pytest.approx(
        np.full(3, 0.23), abs=0.04
    )
    sweep = next(message for message in recording.sensors if message.topic.endswith("points"))
    cloud = point_cloud_from_message(sweep.build(RosbagsTypes()))
    assert len(cloud) == 114_278 and cloud.intensity is not None and cloud.intensity.max() <= 1.0
