"""`zoox-prediction train-thermal`: makes the network of the thermal detector from HIT-UAV."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from zoox_prediction import __version__
from zoox_prediction.detection.image.config import ThermalConfig
from zoox_prediction.errors import InputError
from zoox_prediction.progress import progress_bar
from zoox_prediction.recording.datasets.hit_uav import read_hit_uav, read_split
from zoox_prediction.resources import resource_path
from zoox_prediction.training.thermal_calibration import calibrate_scores
from zoox_prediction.training.thermal_network import (
    ThermalTrainingConfig,
    export_thermal_network,
    train_thermal_network,
)
from zoox_prediction.training.thermal_samples import ThermalSamples

_EPILOG = """\
Only the pictures of the part `train` of the split are learnt from; those of the part `validation` tell how probable it
is that a box of a score is right. Needs torch and onnx (pip install '.[train]'). A
node uses the file by its parameter thermal.model_file; 'zoox-prediction evaluate-images --thermal-model' judges it on
the other parts.

example: zoox-prediction train-thermal --data hit_uav/ --out thermal.onnx
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    defaults = ThermalTrainingConfig()
    parser.epilog = _EPILOG
    parser.add_argument(
        "--data", required=True, type=Path, metavar="FOLDER", help="HIT-UAV: annotations.json and images/"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="ONNX file to write")
    parser.add_argument("--split", type=Path, metavar="FILE", help="YAML, default config/splits/hit_uav.yaml")
    parser.add_argument("--steps", type=int, default=defaults.steps, metavar="N", help="default %(default)s")
    parser.add_argument("--seed", type=int, default=defaults.seed, metavar="K", help="default %(default)s")
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="written now and then, and gone on from when it exists"
    )
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of torch, default %(default)s")


def run(arguments: argparse.Namespace) -> int:
    """Trains and writes; raises InputError for what the user can mend."""
    if not arguments.out.absolute().parent.is_dir():
        raise InputError(f"--out {arguments.out}: its folder does not exist; make it first")
    if arguments.threads < 1 or arguments.steps < 1 or arguments.seed < 0:
        raise InputError("--threads and --steps must be at least 1, --seed at least 0")
    pictures = read_hit_uav(arguments.data)
    split = read_split(arguments.split or resource_path("config/splits/hit_uav.yaml"))
    names, others = split["train"], split["validation"]
    if arguments.checkpoint is not None and not arguments.checkpoint.absolute().parent.is_dir():
        raise InputError(f"--checkpoint {arguments.checkpoint}: its folder does not exist; make it first")
    missing = [name for name in (*names, *others) if name not in pictures]
    if missing:
        raise InputError(f"{arguments.data}: has no picture {missing[0]}, which the split names; fetch all of HIT-UAV")
    import torch

    torch.set_num_threads(arguments.threads)
    config = ThermalTrainingConfig(steps=arguments.steps, seed=arguments.seed)
    random = np.random.default_rng(config.seed)
    samples = ThermalSamples([pictures[name] for name in names], config.size_px, random)
    with progress_bar("training") as bar:
        network = train_thermal_network(
            samples,
            config,
            lambda step, loss: bar(step / config.steps, f"step {step}, loss {loss:.2f}"),
            arguments.checkpoint,
        )
    network = calibrate_scores(network, [pictures[name] for name in others], ThermalConfig().zoom)
    made_by = f"zoox-prediction {__version__} train-thermal --steps {config.steps} --seed {config.seed}"
    export_thermal_network(network, arguments.out, made_by)
    print(f"{arguments.out}: trained on {len(names)} pictures, {arguments.out.stat().st_size / 1e6:.1f} MB")
    return 0
