"""`zoox-prediction render`: pictures and films of a recording and what a predictor makes of it, without ROS."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from zoox_prediction.errors import InputError
from zoox_prediction.prediction.predictor import Predictor
from zoox_prediction.prediction.registry import PREDICTORS, create_predictor
from zoox_prediction.progress import progress_bar
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.recording.sources import find_one_recording, open_recording
from zoox_prediction.scene import Scene
from zoox_prediction.visualization.film import FilmWriter
from zoox_prediction.visualization.output import prepare_output
from zoox_prediction.visualization.picture import write_png
from zoox_prediction.visualization.recorded import FRAMES_PER_S, RecordingView, every_scene

EPILOG = """\
examples:
  zoox-prediction render scene my_drive --at 7.5 --output crossing.png
  zoox-prediction render film vehicle_tracks_000.csv --predictor lane_following
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
            "--predictor", default="heuristic_mixture", help=f"one of {', '.join(PREDICTORS)} (default: %(default)s)"
        )
        kind.add_argument("--width-m", type=float, help="what the picture's width shows (default: fits the speeds)")


def run(arguments: argparse.Namespace) -> int:
    predictor = create_predictor(arguments.predictor)
    if arguments.width_m is not None and not arguments.width_m > 0.0:
        raise InputError(f"--width-m {arguments.width_m}: must be positive")
    prepare_output(arguments.output, ".png" if arguments.kind == "scene" else ".webm")  # before the long reading
    log = open_recording(find_one_recording(arguments.recording))
    for problem in log.problems:
        print(f"zoox-prediction: {problem}", file=sys.stderr)
    view = RecordingView(log, arguments.width_m)
    if arguments.kind == "scene":
        scene = _scene_at(log, arguments.at)
        write_png(arguments.output, view.draw(scene, predictor.predict(scene)))
    else:
        _write_film(log, view, predictor, arguments.output)
    print(arguments.output)
    return 0


def _scene_at(log: RecordedLog, seconds: float) -> Scene:
    """The last scene not later than `seconds` into the recording."""
    duration_s = (log.stamps_ns[-1] - log.stamps_ns[0]) * 1e-9 if len(log.stamps_ns) else 0.0
    if not 0.0 <= seconds <= duration_s:
        raise InputError(f"--at {seconds:g}: the recording has agents from 0 to {duration_s:.1f} s; choose within")
    found = None
    for scene in every_scene(log):
        if found is not None and (scene.stamp_ns - log.stamps_ns[0]) * 1e-9 > seconds:
            break
        found = scene
    if found is None:
        raise InputError("the recording has no scene; it holds fewer than two frames of agents")
    return found


def _write_film(log: RecordedLog, view: RecordingView, predictor: Predictor, path: Path) -> None:
    with progress_bar("drawing the film") as progress, FilmWriter(path, FRAMES_PER_S) as film:
        for number, scene in enumerate(every_scene(log), start=1):
            film.write(view.draw(scene, predictor.predict(scene)))
            progress(number / len(log.stamps_ns))
