"""ETH/UCY text files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zoox_prediction.recording.datasets.eth_ucy import is_whole_scene, read_trajectories
from zoox_prediction.recording.datasets.source import START_NS, SourceError


def test_frames_are_two_fifths_of_a_second(tmp_path: Path) -> None:
    path = tmp_path / "scene.txt"
    path.write_text("780\t1.0\t0.0\t0.0\n790\t1.0\t0.5\t0.0\n800\t1.0\t1.0\t0.0\n830\t2.0\t5.0\t5.0\n")
    recording = read_trajectories(path)
    assert [frame.ids.tolist() for frame in recording.agents] == [[1], [1], [1], [], [], [2]]
    assert recording.agents[1].stamp_ns == START_NS + 400_000_000
    np.testing.assert_allclose(recording.agents[1].velocity, [[1.25, 0.0]])
    assert recording.ego is None
    assert recording.metadata()["has_ego"] == "false"
    assert recording.metadata()["roadside_x"] == "0.750"


def test_scenes_of_the_drone_dataset_are_told_by_their_names(tmp_path: Path) -> None:
    path = tmp_path / "test" / "quad_1.txt"
    path.parent.mkdir()
    path.write_text("0 3.0 0.0 0.0\n12 3.0 0.5 0.0\n")
    assert read_trajectories(path).dataset == "sdd"
    assert is_whole_scene(path)
    assert not is_whole_scene(tmp_path / "test" / "quad.txt")
    assert not is_whole_scene(tmp_path / "train" / "biwi_hotel_train.txt")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 3\n", "3 columns"),
        ("", "0 lines"),
        ("1 2 3 four\n", "not a table of numbers"),
        ("1 2 3 4\n1 2 3\n", "not a table of numbers"),
        ("1 2 3 4\n2 2 nan 4\n", "line 2"),
        ("1 1.5 3 4\n", "whole"),
        ("1 2 3 4\n1 2 5 6\n", "twice"),
    ],
)
def test_damaged_files(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "scene.txt"
    path.write_text(text)
    with pytest.raises(SourceError, match=rf"scene\.txt: .*{message}"):
        read_trajectories(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none\.txt: cannot be read \(No such file"):
        read_trajectories(tmp_path / "none.txt")


def test_real_scene(recordings: Path) -> None:
    path = recordings / "eth_ucy" / "raw" / "zara1" / "test" / "crowds_zara01.txt"
    recording = read_trajectories(path)
    assert sum(len(frame) for frame in recording.agents) == 5153
    assert len({int(track) for frame in recording.agents for track in frame.ids}) == 148
    np.testing.assert_allclose(recording.agents[0].position[0, :2], [13.4487205051, 3.93788669527])
    assert 0.9 < np.median(np.concatenate([frame.speed for frame in recording.agents])) < 1.4  # people walk
