"""`zoox-prediction demo`: the real nodes, a recording in real time, a live table, pictures and figures at the end."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from zoox_prediction.config import load_yaml
from zoox_prediction.demo.chain import chain_of
from zoox_prediction.demo.monitor import failures_of
from zoox_prediction.demo.play import play
from zoox_prediction.demo.processes import require_ros
from zoox_prediction.demo.report import write_report
from zoox_prediction.errors import InputError
from zoox_prediction.prediction.config import PredictionConfig
from zoox_prediction.progress import progress_bar
from zoox_prediction.recording.convert import convert
from zoox_prediction.recording.formats import ConvertOptions
from zoox_prediction.recording.log import load_log
from zoox_prediction.recording.sources import BAG, find_one_recording
from zoox_prediction.resources import resource_path

SHIPPED_RECORDINGS = "recordings"  # the folder of the one drive that is installed with the package
DESCRIPTION = """\
Plays a recording through the real nodes, in real time where the machine can, as processes that talk over DDS on a
private domain of this machine, and shows what they predict: a live table, a what-if question half-way, and at the end
a folder with
  scene.png      bird's-eye picture, predictions in green over what really happened in blue
  what_if.png    how the agents would respond to three plans of the ego
  sensors.png    what lidars, radars, cameras and thermal cameras saw at that moment, where they were recorded
  film.webm      the whole recording
  metrics.json   messages, latencies, accuracy
  predictions/   bag of every prediction that was published, and of detections and tracks
  recording/     bag that was played, where it was converted
  log/           what the nodes wrote

A recording with sensors is predicted from these: a detection node for each, and the tracker. Another one, and any with
--from-tracks, is predicted from its own tracks.
"""
EPILOG = """\
examples:
  zoox-prediction demo                                      the simulated drive that comes with the package
  zoox-prediction demo --from-tracks                        the same from its true tracks, without detectors and tracker
  zoox-prediction demo --recording my_drive                 a rosbag2 recording
  zoox-prediction demo --recording vehicle_tracks_000.csv   anything that `zoox-prediction convert` reads
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument("--recording", type=Path, help="bag, or a dataset's own files (default: the simulated drive)")
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder for the results (default: ./demo)")
    parser.add_argument(
        "--rate",
        type=float,
        help="speed of playing (default: 1.0, real time, or less for more sensors than processors)",
    )
    parser.add_argument("--from-tracks", action="store_true", help="predict from recorded tracks, not from sensors")
    parser.add_argument("--sensor-suite", type=Path, metavar="FILE", help="sensors to use and their parameters (YAML)")
    parser.add_argument("--config", type=Path, help="parameters of prediction_node (default: the installed YAML)")
    parser.add_argument("--no-film", action="store_true", help="do not draw the film, which takes the longest")


def run(arguments: argparse.Namespace) -> int:
    """Returns 0 when every scene was predicted and every agent had a path, else 1."""
    require_ros()
    if arguments.rate is not None and not arguments.rate > 0.0:
        raise InputError(f"--rate {arguments.rate}: must be positive")
    console = Console()
    output: Path = arguments.output.resolve()
    config_path: Path = arguments.config or resource_path("config/prediction_node.yaml")
    config = load_yaml(PredictionConfig, config_path, "prediction_node")  # before a process stumbles over it
    bag = _recording_bag(arguments, output)
    chain = chain_of(bag, from_tracks=arguments.from_tracks, sensor_suite=arguments.sensor_suite)
    rate = chain.fitting_rate if arguments.rate is None else arguments.rate
    if arguments.rate is None and rate < 1.0:
        sensors = f"{len(chain.sensors)} sensors are many for {os.cpu_count()} processors"
        console.print(f"{sensors}: playing at {rate:.2g} of real time; --rate 1 or --from-tracks for all of it")
    final = play(bag, chain, output, config_path, rate, console)
    log = load_log(bag)
    for problem in log.problems:
        console.print(f"[yellow]{escape(problem)}[/yellow]")
    paths = write_report(bag, log, output, final, config, film=not arguments.no_film)
    for path in paths:
        console.print(f"  {escape(str(path))}")
    failures = failures_of(final)
    for failure in failures:
        console.print(f"[red]{escape(failure)}[/red]")
    return 1 if failures else 0


def _recording_bag(arguments: argparse.Namespace, output: Path) -> Path:
    """The bag to play: the one given, one made beside the results from another format, or that of the package."""
    bag = output / "recording"  # rosbags takes a name in .bag for a ROS 1 file
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{output}: cannot be made ({error.strerror}); give another folder by --output") from error
    recording = find_one_recording(arguments.recording or resource_path(SHIPPED_RECORDINGS))
    if recording.format_name == BAG:
        return recording.path.resolve()
    with progress_bar(f"converting {recording.name}") as progress:
        convert(
            recording.format_name,
            recording.path,
            bag,
            ConvertOptions(sequence=recording.sequence),
            overwrite=True,
            progress=lambda done, total: progress(done / total),
        )
    return bag
