"""The page about the channels says what the table says."""

from __future__ import annotations

from pathlib import Path

from zoox_prediction.cli import main
from zoox_prediction.raster.channels import load_channel_table

_PAGE = Path(__file__).resolve().parents[3] / "docs" / "raster_channels.md"


def test_the_page_is_what_the_command_prints(capsys):
    assert main(["render", "channels"]) == 0
    hint = "run `zoox-prediction render channels > docs/raster_channels.md`"
    assert _PAGE.read_text(encoding="utf-8") == capsys.readouterr().out, hint


def test_the_page_has_every_channel_with_its_scale():
    lines = _PAGE.read_text(encoding="utf-8").splitlines()
    for row, channel in enumerate(load_channel_table().channels):
        (line,) = [line for line in lines if line.startswith(f"| {row} | `{channel.name}` |")]
        assert channel.description in line
        if channel.kind == "value":
            assert f"| {channel.unit} | {channel.low:g} | {channel.high:g} |" in line
