"""The command `render`, from its command line."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from zoox_prediction.cli import main
from zoox_prediction.recording.generated import generate_recording


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recordings") / "crossroads"
    generate_recording(path, duration_s=1.0)
    return path


def test_a_scene_becomes_a_picture_in_a_new_folder(bag: Path, tmp_path: Path) -> None:
    output = tmp_path / "new" / "scene.png"
    assert main(["render", "scene", str(bag), "--at", "0.5", "--output", str(output)]) == 0
    picture = cv2.imread(str(output))
    assert picture.shape == (960, 1280, 3) and picture.std() > 5.0


def test_a_film_has_a_frame_for_every_scene(bag: Path, tmp_path: Path) -> None:
    output = tmp_path / "film.webm"
    assert main(["render", "film", str(bag), "--predictor", "standing_still", "--output", str(output)]) == 0
    film = cv2.VideoCapture(str(output))
    frames = 0
    while film.read()[0]:
        frames += 1
    assert frames == 10  # 11 frames of agents; nothing is known after the last


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["scene", "--at", "7.5"], "--at 7.5: the recording has agents from 0 to 1.0 s"),
        (["scene", "--at", "0.5", "--width-m", "0"], "--width-m 0.0: must be positive"),
        (["scene", "--at", "0.5", "--output", "scene.jpg"], "scene.jpg: is written as PNG"),
        (["film", "--output", "film.mp4"], "film.mp4: is written as WEBM"),
        (["film", "--predictor", "crystal_ball"], "unknown predictor 'crystal_ball'"),
    ],
)
def test_mistakes_are_told_in_one_sentence(
    bag: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kind, *options = arguments
    assert main(["render", kind, str(bag), *options]) == 2
    errors = capsys.readouterr().err
    assert words in errors and len(errors.splitlines()) == 1


def test_output_below_a_file_is_told(bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    for kind, name in (("scene", "a.png"), ("film", "a.webm")):
        options = ["--at", "0.5"] if kind == "scene" else []
        assert main(["render", kind, str(bag), *options, "--output", str(tmp_path / "file" / name)]) == 2
        assert f"{name}: cannot be written" in capsys.readouterr().err


def test_what_is_lost_of_a_damaged_bag_is_told(bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (whole,) = bag.glob("*.mcap")
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert main(["render", "scene", str(cut), "--at", "0", "--output", str(tmp_path / "scene.png")]) == 0
    assert "the end is missing" in capsys.readouterr().err
