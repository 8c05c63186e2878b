"""`zoox-prediction render`: pictures and films of a recording, what a predictor makes of it and sees, without ROS."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from zoox_prediction.errors import InputError
from zoox_prediction.prediction.config import PredictionConfig
from zoox_prediction.prediction.predictor import Predictor
from zoox_prediction.prediction.registry import LEARNED, PREDICTORS, create_predictor
from zoox_prediction.progress import progress_bar
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.recording.sources import find_one_recording, open_recording
from zoox_prediction.visualization.film import FilmWriter
from zoox_prediction.visualization.output import prepare_output
from zoox_prediction.visualization.picture import write_png
from zoox_prediction.visualization.raster_command import add_raster_arguments, print_channels, render_raster
from zoox_prediction.visualization.recorded import FRAMES_PER_S, RecordingView, every_scene, scene_at
from zoox_prediction.visualization.scored_scenes import EPILOG as SCORED_EPILOG
from zoox_prediction.visualization.scored_scenes import add_scored_arguments, render_scored

EPILOG = """\
examples:
  zoox-prediction render scene my_drive --at 7.5 --output crossing.png
  zoox-prediction render film vehicle_tracks_000.csv --predictor lane_following
  zoox-prediction render raster my_drive --at 7.5 --output seen.png
  zoox-prediction render scored scores.json --recordings drives/ --rank worst --out worst
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    scene = kinds.add_parser("scene", help="a bird's-eye picture: predictions in green, what really happened in blue")
    scene.add_argument("--at", type=float, required=True, metavar="SECONDS", help="time into the recording")
    film = kinds.add_parser("film", help="the same as a film of the whole recording")
    for kind, name in ((scene, "scene.png"), (film, "film.webm")):
        kind.epilog, kind.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
        kind.add_argument("recording", type=Path, help="bag, or anything that `zoox-prediction convert` reads")
        kind.add_argument("--output", type=Path, default=Path(name), help=f"file to write (default: {name})")
        kind.add_argument(
            "--predictor",
            default=PredictionConfig().predictor,
            help=f"one of {', '.join(PREDICTORS)}, {LEARNED}, {LEARNED}:WEIGHTS (default: %(default)s)",
        )
        kind.add_argument("--width-m", type=float, help="what the picture's width shows (default: fits the speeds)")
    raster = kinds.add_parser("raster", help="what the network sees: a picture in colours and a sheet of all channels")
    raster.epilog, raster.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    add_raster_arguments(raster)
    scored = kinds.add_parser("scored", help="the best, median and worst scenes of an evaluation")
    scored.epilog, scored.formatter_class = SCORED_EPILOG, argparse.RawDescriptionHelpFormatter
    add_scored_arguments(scored)
    kinds.add_parser("channels", help="print the documentation of the raster's channels")


def run(arguments: argparse.Namespace) -> int:
    if arguments.kind == "channels":
        return print_channels()
    if arguments.kind == "raster":
        return render_raster(arguments)
    if arguments.kind == "scored":
        return render_scored(arguments)
    predictor = create_predictor(arguments.predictor)
    if arguments.width_m is not None and not arguments.width_m > 0.0:
        raise InputError(f"--width-m {arguments.width_m}: must be positive")
    prepare_output(arguments.output, ".png" if arguments.kind == "scene" else ".webm")  # before the long reading
    log = open_recording(find_one_recording(arguments.recording))
    for problem in log.problems:
        print(f"zoox-prediction: {problem}", file=sys.stderr)
    view = RecordingView(log, arguments.width_m)
    if arguments.kind == "scene":
        scene = scene_at(log, arguments.at)
        write_png(arguments.output, view.draw(scene, predictor.predict(scene)))
    else:
        _write_film(log, view, predictor, arguments.output)
    print(arguments.output)
    return 0


def _write_film(log: RecordedLog, view: RecordingView, predictor: Predictor, path: Path) -> None:
    with progress_bar("drawing the film") as progress, FilmWriter(path, FRAMES_PER_S) as film:
        for number, scene in enumerate(every_scene(log), start=1):
            film.write(view.draw(scene, predictor.predict(scene)))
            progress(number / len(log.stamps_ns))
