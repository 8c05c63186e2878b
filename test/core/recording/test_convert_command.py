"""`zoox-prediction convert` from the outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoox_prediction.cli import main
from zoox_prediction.recording.formats import FORMATS


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.txt"
    path.write_text("0 1 0 0\n10 1 0.5 0\n20 2 1 0\n")
    return path


def test_converts_and_says_what(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a.bag"
    assert main(["convert", "eth-ucy", str(people), str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: 3 frames, 2 agents, without ego, 0 sensor messages\n"
    assert (out / "metadata.yaml").is_file()


def test_mistakes_are_one_sentence_and_exit_code_two(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people.write_text("0 1 0\n")
    assert main(["convert", "eth-ucy", str(people), str(tmp_path / "a.bag")]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith(f"zoox-prediction: {people}: has 3 columns")
    assert not (tmp_path / "a.bag").exists()


@pytest.mark.parametrize(("option", "owner"), [("--map", "interaction"), ("--sequence", "kitti-tracking")])
def test_options_of_other_formats_are_refused(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, owner: str
) -> None:
    assert main(["convert", "eth-ucy", str(people), str(tmp_path / "a.bag"), option, "x"]) == 2
    assert f"{option} belongs to the format {owner}, not to eth-ucy" in capsys.readouterr().err


def test_help_teaches_every_layout(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["convert", "--help"])
    text = capsys.readouterr().out
    for name in FORMATS:
        assert f"\n{name}:\n  SOURCE is " in text
    for file in ("city_SE3_egovehicle.feather", "scenario_*.parquet", "sd_*.pkl", "meta_data.csv", "velodyne/0000"):
        assert file in text
