"""The command `render`, from its command line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from zoox_prediction.cli import main
from zoox_prediction.recording.generated import generate_recording
from zoox_prediction.recording.sources import open_recording
from zoox_prediction.visualization import raster_command


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


def test_a_raster_becomes_a_picture_in_colors_and_a_sheet(bag: Path, tmp_path: Path) -> None:
    output = tmp_path / "new" / "seen.png"
    assert main(["render", "raster", str(bag), "--at", "0.5", "--output", str(output)]) == 0
    composite, sheet = cv2.imread(str(output)), cv2.imread(str(output.with_name("seen_channels.png")))
    assert composite.shape == (1024, 1024, 3) and composite.std() > 5.0
    assert sheet.shape[1] > 8 * 256 and sheet.shape[0] > 9 * 256 and sheet.std() > 5.0


def test_size_and_resolution_of_a_raster(bag: Path, tmp_path: Path) -> None:
    output = tmp_path / "seen.png"
    near = ["--size-px", "300", "--resolution-m", "0.2"]
    assert main(["render", "raster", str(bag), "--at", "0.5", *near, "--output", str(output)]) == 0
    assert cv2.imread(str(output)).shape == (1200, 1200, 3)


def test_a_raster_without_an_ego_lies_amid_the_traffic_or_where_it_is_told(
    bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raster_command, "open_recording", lambda source: replace(open_recording(source), ego=()))
    near, far = tmp_path / "near.png", tmp_path / "far.png"
    assert main(["render", "raster", str(bag), "--at", "0.5", "--output", str(near)]) == 0
    options = ["--center", "5000", "0", "1.5", "--output", str(far)]
    assert main(["render", "raster", str(bag), "--at", "0.5", *options]) == 0
    assert cv2.imread(str(near)).std() > 2.0 * cv2.imread(str(far)).std()  # there, only title and bar are drawn


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--at", "7.5"], "--at 7.5: the recording has agents from 0 to 1.0 s"),
        (["--at", "0.5", "--size-px", "3"], "size_px must be 8 to 4096, got 3"),
        (["--at", "0.5", "--resolution-m", "nan"], "resolution_m must be"),
        (["--at", "0.5", "--output", "seen.jpg"], "seen.jpg: is written as PNG"),
    ],
)
def test_mistakes_about_a_raster_are_told_in_one_sentence(
    bag: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["render", "raster", str(bag), *arguments]) == 2
    errors = capsys.readouterr().err
    assert words in errors and len(errors.splitlines()) == 1
