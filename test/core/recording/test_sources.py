"""Finding and opening recordings: bags, datasets, folders of either, and things that are none."""

from pathlib import Path

import numpy as np
import pytest
from recording_samples import agents_at

from zoox_prediction.errors import InputError
from zoox_prediction.recording.convert import write_recording
from zoox_prediction.recording.datasets.source import SourceRecording
from zoox_prediction.recording.sources import BAG, RecordingSource, find_recordings, open_recording

LAYOUTS = {
    "av2/log/annotations.feather": ("av2/log", "argoverse2-sensor"),
    "av2/scenario/scenario_0a.parquet": ("av2/scenario", "argoverse2-forecasting"),
    "eth/raw/eth/test/biwi_eth.txt": ("eth/raw/eth/test/biwi_eth.txt", "eth-ucy"),
    "nuscenes/sd_scene-1.pkl": ("nuscenes/sd_scene-1.pkl", "scenarionet"),
    "taf/k1/vehicle_tracks_000.csv": ("taf/k1/vehicle_tracks_000.csv", "interaction"),
    "drive/velodyne_points/data/0000000000.bin": ("drive", "kitti-raw"),
    "weather/Navtech_Polar.txt": ("weather", "radiate"),
    "bags/db3/metadata.yaml": ("bags/db3", BAG),
    "bags/lone.mcap": ("bags/lone.mcap", BAG),
}
OTHERS = ["eth/raw/eth/train/biwi_hotel_train.txt", "eth/maps/H.txt", "taf/k1/meta_data.csv", "README.md", "a.png"]


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_every_layout_is_found_below_a_folder_and_nothing_else(tmp_path):
    for name in (*LAYOUTS, *OTHERS):
        _touch(tmp_path / name)
    _touch(tmp_path / "kitti/training/label_02/0000.txt")
    _touch(tmp_path / "kitti/training/label_02/0003.txt")
    _touch(tmp_path / "city/velodyne/000000.npz")
    _touch(tmp_path / "city/calib_2011_09_26.txt")
    found, problems = find_recordings([tmp_path])
    expected = {RecordingSource(tmp_path / path, layout) for path, layout in LAYOUTS.values()}
    expected |= {RecordingSource(tmp_path / "kitti/training", "kitti-tracking", each) for each in ("0000", "0003")}
    expected.add(RecordingSource(tmp_path / "city", "kitti-raw"))
    assert set(found) == expected
    assert len(found) == len(expected)
    assert problems == []


def test_a_recording_is_taken_once_in_the_order_given(tmp_path):
    for name in ("b.mcap", "a.mcap"):
        _touch(tmp_path / name)
    found, _ = find_recordings([tmp_path / "b.mcap", tmp_path])
    assert [each.name for each in found] == ["b", "a"]


def test_a_text_file_named_by_hand_is_taken_wherever_it_lies(tmp_path):
    _touch(tmp_path / "mine.txt")
    assert [each.format_name for each in find_recordings([tmp_path / "mine.txt"])[0]] == ["eth-ucy"]
    assert find_recordings([tmp_path])[0] == []


def test_what_is_no_recording_is_named(tmp_path):
    _, problems = find_recordings([tmp_path / "missing.bag", tmp_path])
    assert len(problems) == 2
    assert "missing.bag: no such file" in problems[0]
    assert "holds no recording" in problems[1]


def test_a_bag_and_its_source_are_the_same_recording(tmp_path):
    frames = tuple(
        agents_at(0.1 * step, {7: (step, 0.0, 0.0, 10.0, 0.0), 8: (0.0, 0.1 * step, 1.57, 0.0, 1.0)})
        for step in range(20)
    )
    write_recording(SourceRecording(dataset="made-up", name="test", agents=frames), tmp_path / "test.bag")
    (source,) = find_recordings([tmp_path / "test.bag"])[0]
    log = open_recording(source)
    assert (log.name, log.dataset) == ("test", "made-up")
    for frame, expected in zip(log.agents, frames, strict=True):
        np.testing.assert_array_equal(frame.ids, expected.ids)
        np.testing.assert_allclose(frame.position, expected.position, atol=1e-4)


def test_a_dataset_is_read_without_a_bag(tmp_path):
    rows = [f"{10 * step} {agent} {0.5 * step + agent} {agent}" for step in range(30) for agent in (1, 2)]
    path = tmp_path / "biwi_eth.txt"
    path.write_text("\n".join(rows))
    log = open_recording(RecordingSource(path, "eth-ucy"))
    assert log.dataset == "eth-ucy"
    assert log.name == "biwi_eth"
    assert len(log.agents) == 30


@pytest.mark.parametrize("name", ["broken.mcap", "broken.pkl", "broken.txt"])
def test_damaged_files_are_input_errors(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"\x89MCAP0\r\n" + bytes(range(256)))
    (source,) = find_recordings([path])[0]
    with pytest.raises(InputError, match="broken"):
        open_recording(source)
