"""Sources as bags: what is written, and that nothing is left where a source cannot be used."""

from __future__ import annotations

import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent / "datasets"))
import radiate_samples
import source_samples as samples

from zoox_prediction.errors import InputError
from zoox_prediction.recording.bag import BagReader
from zoox_prediction.recording.convert import convert
from zoox_prediction.recording.formats import FORMATS, ConvertOptions
from zoox_prediction.recording.log import load_log

_MOST_TRUNCATED = 12  # files of one source


def source_of(name: str, folder: Path) -> tuple[Path, ConvertOptions]:
    """A source of the format."""
    if name == "argoverse2-sensor":
        log = samples.argoverse_log(folder / "log")
        samples.argoverse_sensors(log)
        return log, ConvertOptions()
    if name == "interaction":
        tracks = samples.taf_bw(folder / "taf")
        samples.taf_bw_signals(tracks)
        return tracks, ConvertOptions(folder / "taf" / "maps" / "k1.osm")
    if name == "eth-ucy":
        text = folder / "people.txt"
        text.write_text("0 1 0 0\n10 1 0.5 0\n20 1 1 0\n")
        return text, ConvertOptions()
    if name == "argoverse2-forecasting":
        (folder / "scenario").mkdir()
        return samples.argoverse_scenario(folder / "scenario"), ConvertOptions()
    made: dict[str, tuple[Callable[[], Path], ConvertOptions]] = {
        "scenarionet": (lambda: samples.write_scenario(folder / "sd.pkl", samples.scenario()), ConvertOptions()),
        "kitti-tracking": (lambda: samples.kitti(folder / "kitti"), ConvertOptions(sequence="0001")),
        "kitti-raw": (lambda: samples.kitti_raw(folder / "2011_09_26_drive_0001_sync"), ConvertOptions()),
        "radiate": (lambda: radiate_samples.radiate(folder / "fog_1"), ConvertOptions()),
    }
    make, options = made[name]
    return make(), options


@pytest.mark.parametrize("name", list(FORMATS))
def test_what_is_read_comes_back_from_the_bag(tmp_path: Path, name: str) -> None:
    source, options = source_of(name, tmp_path)
    calls: list[tuple[int, int]] = []
    out = tmp_path / "out.bag"
    recording = convert(name, source, out, options, progress=lambda count, total: calls.append((count, total)))
    with BagReader(out) as reader:
        total = sum(topic.message_count for topic in reader.topics.values())
        assert reader.metadata["dataset"] == recording.dataset
    assert calls == [(count, total) for count in range(1, total + 1)]
    log = load_log(out)
    assert log.problems == ()
    assert [len(frame) for frame in log.agents] == [len(frame) for frame in recording.agents]
    for loaded, read in zip(log.agents, recording.agents, strict=True):
        np.testing.assert_allclose(loaded.position, read.position)
        np.testing.assert_allclose(loaded.velocity, read.velocity, atol=1e-12)
        np.testing.assert_array_equal(loaded.ids, read.ids)
    assert len(log.road_network.lanes) == (0 if recording.road_network is None else len(recording.road_network.lanes))
    assert len(log.signals) == len(recording.signals)
    if recording.ego is None:
        assert log.ego == ()
        assert set(log.metadata) >= {"roadside_x", "roadside_y", "roadside_yaw"}
        return
    assert log.ego_center_offset_m == pytest.approx(recording.ego_center_offset_m)
    assert log.ego_size == pytest.approx(recording.ego_size)
    for loaded, state in zip(log.ego, recording.ego.states(), strict=True):
        np.testing.assert_allclose(loaded.position, state.position)
        np.testing.assert_allclose(loaded.velocity, state.velocity, atol=1e-9)
        assert loaded.yaw == pytest.approx(state.yaw)


def test_topics_of_a_sensor_log_and_their_order(tmp_path: Path) -> None:
    convert("argoverse2-sensor", source_of("argoverse2-sensor", tmp_path)[0], tmp_path / "out.bag")
    with BagReader(tmp_path / "out.bag") as reader:
        topics = {name: topic.type for name, topic in reader.topics.items()}
        recorded = [(message.stamp_ns, message.topic) for message in reader.messages()]
        transform = next(iter(reader.messages(["/tf"]))).message.transforms[0]
        latched = {name for name, topic in reader.topics.items() if topic.latched}
    assert topics == {
        "/tf_static": "tf2_msgs/msg/TFMessage",
        "/road_network": "zoox_prediction/msg/RoadNetwork",
        "/ground_truth/agents": "zoox_prediction/msg/TrackedAgentArray",
        "/tf": "tf2_msgs/msg/TFMessage",
        "/odometry": "nav_msgs/msg/Odometry",
        "/sensors/lidar/points": "sensor_msgs/msg/PointCloud2",
        "/sensors/ring_front_center/camera_info": "sensor_msgs/msg/CameraInfo",
        "/sensors/ring_front_center/image/compressed": "sensor_msgs/msg/CompressedImage",
    }
    stamps, names = [stamp for stamp, _ in recorded], [topic for _, topic in recorded]
    assert stamps == sorted(stamps)
    assert names[:2] == ["/tf_static", "/road_network"]
    assert names[2 : names.index("/ground_truth/agents")].count("/odometry") == 1  # agents come last of their stamp
    assert latched == {"/tf_static", "/road_network"}
    assert (transform.header.frame_id, transform.child_frame_id) == ("map", "base_link")
    place = transform.transform.translation
    assert (place.x, place.y, place.z) == (100.0, 0.0, 1.0)
    assert transform.transform.rotation.z == pytest.approx(np.sqrt(0.5))


def test_orientation_keeps_roll_and_pitch(tmp_path: Path) -> None:
    import pandas as pd
    from scipy.spatial.transform import Rotation

    folder = samples.argoverse_log(tmp_path / "log")
    tilted = Rotation.from_euler("xyz", [0.05, -0.1, 0.7]).as_quat()
    poses = pd.read_feather(folder / "city_SE3_egovehicle.feather")
    poses = poses.assign(**dict(zip(("qx", "qy", "qz", "qw"), tilted, strict=True)))
    poses.to_feather(folder / "city_SE3_egovehicle.feather")
    convert("argoverse2-sensor", folder, tmp_path / "out.bag")
    with BagReader(tmp_path / "out.bag") as reader:
        pose = next(iter(reader.messages(["/odometry"]))).message.pose.pose.orientation
    np.testing.assert_allclose([pose.x, pose.y, pose.z, pose.w], tilted, atol=1e-9)
    assert load_log(tmp_path / "out.bag").ego[5].velocity == pytest.approx([0.0, 5.0], abs=1e-6)


def test_nothing_is_left_of_a_source_that_breaks_off(tmp_path: Path) -> None:
    folder = samples.kitti(tmp_path / "kitti")
    sweep = folder / "velodyne" / "0001" / "000003.bin"
    sweep.write_bytes(b"123")  # found only when the bag is half written
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match=r"000003\.bin"):
        convert("kitti-tracking", folder, tmp_path / "out" / "a.bag", ConvertOptions(sequence="0001"))
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("name", list(FORMATS))
@pytest.mark.parametrize("share", [0.0, 0.4, 0.95])
def test_a_truncated_file_of_any_source_is_one_sentence(tmp_path: Path, name: str, share: float) -> None:
    source, options = source_of(name, tmp_path)
    folder = source if source.is_dir() else source.parent
    refused = 0
    paths = sorted(each for each in folder.rglob("*") if each.is_file() and (source.is_dir() or each == source))
    for path in paths[:: -(-len(paths) // _MOST_TRUNCATED)]:
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])
        try:
            convert(name, source, tmp_path / "out.bag", options, overwrite=True)
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)
            assert str(tmp_path) in str(error)
        path.write_bytes(whole)
    assert refused > 0 or share > 0.0  # text may break off at a place where it is still right
    assert not (tmp_path / "out.bag.partial").exists()


def test_an_existing_bag_is_kept_unless_asked(tmp_path: Path) -> None:
    text, out = source_of("eth-ucy", tmp_path)[0], tmp_path / "a.bag"
    convert("eth-ucy", text, out)
    before = sorted(path.read_bytes() for path in out.iterdir())
    with pytest.raises(InputError, match=r"a\.bag: exists already"):
        convert("eth-ucy", text, out)
    text.write_text("0 1 7 7\n")
    text_broken = tmp_path / "broken.txt"
    text_broken.write_text("0 1 7\n")
    with pytest.raises(InputError, match="broken"):
        convert("eth-ucy", text_broken, out, overwrite=True)
    assert sorted(path.read_bytes() for path in out.iterdir()) == before
    convert("eth-ucy", text, out, overwrite=True)
    assert len(load_log(out).agents) == 1


def test_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown format 'waymo'; known are argoverse2-sensor"):
        convert("waymo", tmp_path, tmp_path / "a.bag")


def test_malicious_pickle_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "sd.pkl"
    path.write_bytes(pickle.dumps(shutil.rmtree))
    with pytest.raises(InputError, match=r"sd\.pkl: refused.*shutil.*rmtree"):
        convert("scenarionet", path, tmp_path / "a.bag")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["sd.pkl"]
