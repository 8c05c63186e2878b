"""The command line `zoox-prediction COMMAND`: every command is a module with `add_arguments` and `run`."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from zoox_prediction import __version__
from zoox_prediction.errors import InputError


@dataclass(frozen=True)
class Command:
    """A command of the table below; its module is imported only when the command is used."""

    module: str
    help: str


COMMANDS = {
    "demo": Command("zoox_prediction.demo.command", "play a recording through the real nodes and watch them"),
    "simulate": Command("zoox_prediction.simulation.simulate_command", "make drives through made-up towns, as bags"),
    "convert": Command("zoox_prediction.recording.convert_command", "turn a public dataset's recording into a bag"),
    "replay": Command("zoox_prediction.demo.replay_command", "play a bag with /clock, as `ros2 bag play` would"),
    "evaluate": Command("zoox_prediction.evaluation.evaluate_command", "score predictors on recordings"),
    "results": Command("zoox_prediction.evaluation.results_command", "make the page of results from files of scores"),
    "calibrate": Command("zoox_prediction.training.calibrate_command", "fit the heuristic predictors to recordings"),
    "mine": Command("zoox_prediction.training.mine_command", "turn recordings into training samples"),
    "train": Command("zoox_prediction.training.train_command", "train the learned predictor on samples"),
    "export": Command("zoox_prediction.training.export_command", "turn a trained network into ONNX"),
    "train-lidar": Command("zoox_prediction.training.lidar_command", "train the lidar detector's classifier"),
    "train-thermal": Command("zoox_prediction.training.thermal_command", "train the thermal detector's network"),
    "evaluate-images": Command(
        "zoox_prediction.evaluation.evaluate_images_command", "score image detectors on labelled pictures"
    ),
    "evaluate-detections": Command(
        "zoox_prediction.evaluation.evaluate_detections_command", "score each kind of sensors alone and all together"
    ),
    "evaluate-association": Command(
        "zoox_prediction.evaluation.evaluate_association_command", "judge which lidar box is taken for which camera box"
    ),
    "evaluate-tracking": Command(
        "zoox_prediction.evaluation.evaluate_tracking_command", "score the detectors and the tracker on recordings"
    ),
    "benchmark": Command("zoox_prediction.evaluation.benchmark_command", "measure how long the parts take"),
    "render": Command("zoox_prediction.visualization.render_command", "draw a recording and its predictions"),
}

EXIT_INPUT_ERROR = 2
EXIT_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code. What a person can mend ends in one sentence on stderr."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    try:
        parsed = _parser(arguments).parse_args(arguments)
        return int(parsed.run(parsed) or 0)
    except InputError as error:
        print(f"zoox-prediction: {error}", file=sys.stderr)
        return EXIT_INPUT_ERROR
    except ModuleNotFoundError as error:
        name = error.name or str(error)
        if name.partition(".")[0] == "zoox_prediction":
            raise
        print(f"zoox-prediction: this needs the Python module '{name}', which is not installed", file=sys.stderr)
        return EXIT_INPUT_ERROR
    except KeyboardInterrupt:
        print("zoox-prediction: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a full disk, a file that vanished: nothing of ours, wherever it is met
        if error.strerror is None:
            raise
        print(f"zoox-prediction: {error.filename or 'the system'}: {error.strerror}", file=sys.stderr)
        return EXIT_INPUT_ERROR


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser with the one command in use filled in, so that `--help` needs none of the heavy libraries."""
    parser = argparse.ArgumentParser(
        prog="zoox-prediction",
        description="What every road user around the vehicle will do in the next 8 seconds.",
        epilog="`zoox-prediction COMMAND --help` teaches a command.",
    )
    parser.add_argument("--version", action="version", version=f"zoox_prediction {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    used = next((word for word in arguments if not word.startswith("-")), None)
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(
            name, help=command.help, description=command.help, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if name == used:
            module = importlib.import_module(command.module)
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
