"""`zoox-prediction convert`: a recording of a public dataset becomes a bag."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from zoox_prediction.errors import InputError
from zoox_prediction.progress import progress_bar
from zoox_prediction.recording.formats import FORMATS, ConvertOptions

if TYPE_CHECKING:
    from zoox_prediction.recording.datasets.source import SourceRecording

EXAMPLES = """\
examples:
  zoox-prediction convert interaction k733/vehicle_tracks_000.csv crossing --map k733.osm
  zoox-prediction convert argoverse2-sensor sensor/val/0aa4e8f5-2f9a-39a1-8f80-c2fdde4405a2 log
  zoox-prediction convert kitti-tracking tracking/training drive --sequence 0000
  zoox-prediction convert kitti-raw 2011_09_26/2011_09_26_drive_0060_sync junction
  zoox-prediction convert radiate radiate/fog_6_0 fog

"""
_OWNERS = {"map": "interaction", "sequence": "kitti-tracking"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command, with the layout of every format in the help."""
    parser.description = "Turns a recording of a public dataset into a rosbag2 bag (MCAP) that any node here can play."
    layouts = [f"{name}:\n" + _indented(each.layout) for name, each in FORMATS.items()]
    parser.epilog = EXAMPLES + "formats and what SOURCE must hold:\n\n" + "\n\n".join(layouts)
    parser.add_argument("format", metavar="FORMAT", choices=list(FORMATS), help=", ".join(FORMATS))
    parser.add_argument("source", metavar="SOURCE", type=Path, help="file or folder of the dataset, see below")
    parser.add_argument("out", metavar="OUT", type=Path, help="folder of the new bag")
    parser.add_argument("--map", metavar="MAP.osm", type=Path, help="Lanelet2 map (interaction)")
    parser.add_argument("--sequence", default=None, help="number of the sequence (kitti-tracking); default 0000")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT where it exists")


def run(arguments: argparse.Namespace) -> int:
    """Converts, with a progress bar on stderr. Raises InputError for what the user can mend."""
    from zoox_prediction.recording.convert import convert

    for option, owner in _OWNERS.items():
        if getattr(arguments, option) is not None and arguments.format != owner:
            raise InputError(f"--{option} belongs to the format {owner}, not to {arguments.format}; leave it out")
    options = ConvertOptions(arguments.map, arguments.sequence or "0000")
    with progress_bar(f"reading {arguments.source.name}") as bar:

        def show(count: int, total: int) -> None:
            bar(count / total, f"writing {arguments.out.name}")

        recording = convert(
            arguments.format, arguments.source, arguments.out, options, overwrite=arguments.overwrite, progress=show
        )
    print(f"{arguments.out}: {_summary(recording)}")
    return 0


def _summary(recording: SourceRecording) -> str:
    agents = len({int(track) for frame in recording.agents for track in frame.ids})
    ego = "with ego" if recording.ego else "without ego"
    return f"{len(recording.agents)} frames, {agents} agents, {ego}, {len(recording.sensors)} sensor messages"


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
