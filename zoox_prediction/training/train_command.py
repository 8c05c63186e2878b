"""`zoox-prediction train`: trains the learned predictor on mined samples."""

from __future__ import annotations

import argparse
import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoox_prediction import __version__
from zoox_prediction.config import ConfigError, from_mapping
from zoox_prediction.errors import InputError
from zoox_prediction.progress import progress_bar
from zoox_prediction.training.train_config import TrainConfig, load_train_config

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from zoox_prediction.prediction.model_card import ModelCard
    from zoox_prediction.training.samples import Sample, SampleDataset

_EPILOG = """\
Needs torch, lightning-fabric and tensorboard (pip install '.[train]'). The folder of --out gets
  latest.pt    from which the same command goes on, whatever ended it; SIGTERM makes it write it and end
  best.pt      the averaged weights with the least error on the validation samples; at the end also their calibration
  metrics.csv  and tensorboard/ with the same numbers ('tensorboard --logdir runs')
'zoox-prediction export' turns best.pt into what the prediction node runs.

On several GPUs or hosts, torchrun starts a process for each; batch_size is that of all of them together, and two
processes learn what one learns, up to rounding:
  torchrun --nproc-per-node 8 -m zoox_prediction.cli train config/training/default.yaml

example: zoox-prediction train config/training/default.yaml --samples samples/train --validation samples/validation
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = _EPILOG
    parser.add_argument("config", type=Path, metavar="CONFIG", help="YAML file, as in config/training/")
    parser.add_argument("--samples", nargs="+", metavar="FOLDER", help="to learn from, instead of data.train")
    parser.add_argument("--validation", nargs="+", metavar="FOLDER", help="instead of data.validation")
    parser.add_argument("--out", metavar="FOLDER", help="instead of output")
    parser.add_argument("--steps", type=int, metavar="N", help="instead of optimization.steps")
    parser.add_argument("--max-minutes", type=float, metavar="M", help="instead of optimization.max_minutes")
    parser.add_argument("--workers", type=int, metavar="N", help="instead of data.workers")
    parser.add_argument("--init-from", metavar="FILE", help="checkpoint to fine-tune, instead of init_from")
    parser.add_argument("--threads", type=int, metavar="N", help="of torch in each process, default as many as cores")


def run(arguments: argparse.Namespace) -> int:
    """Trains to the end; raises InputError for what the user can mend."""
    if arguments.threads is not None and arguments.threads < 1:
        raise InputError(f"--threads {arguments.threads}: must be at least 1")
    config = _overridden(load_train_config(arguments.config), arguments)
    import torch

    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    fabric = make_fabric(config)
    if fabric.is_global_zero:
        with progress_bar("training") as bar:
            train(config, fabric, bar)
    else:
        train(config, fabric, lambda share, text=None: None)
    return 0


def make_fabric(config: TrainConfig) -> Fabric:
    """One process on the best device that there is, or this one of those that torchrun started."""
    import torch
    from lightning_fabric import Fabric

    world = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    on_gpu = torch.cuda.is_available()
    if config.optimization.precision != "32-true" and not on_gpu:
        raise InputError(
            f"optimization.precision {config.optimization.precision}: there is no GPU; only 32-true works without one"
        )
    precision: Any = config.optimization.precision
    fabric = Fabric(
        accelerator="cuda" if on_gpu else "cpu",
        devices=local,
        num_nodes=max(world // local, 1),
        strategy="ddp" if world > 1 else "auto",
        precision=precision,
    )
    fabric.launch()
    return fabric


def train(config: TrainConfig, fabric: Fabric, bar: Callable[..., None]) -> None:
    """Opens the samples, trains or goes on, and calibrates the best weights; InputError for what can be mended."""
    from zoox_prediction.prediction.checkpoint import load_checkpoint
    from zoox_prediction.training.loop import LATEST, Training
    from zoox_prediction.training.samples import SampleDataset

    samples = SampleDataset(config.data.train)
    validation = _validation_samples(config, samples)
    folder = Path(config.output)
    if fabric.is_global_zero:
        folder.mkdir(parents=True, exist_ok=True)
    fabric.barrier()

    def show(share: float, text: str) -> None:
        bar(share, text)
        if fabric.is_global_zero:
            print(text, flush=True)

    training = Training(config, samples, validation, card_of(samples, config), fabric, folder, show)
    latest = folder / LATEST
    if latest.exists():
        training.state.resume(load_checkpoint(latest), str(latest))
        show(0.0, f"{latest}: goes on from step {training.state.step}")
    elif config.init_from is not None:
        training.state.start_from(load_checkpoint(Path(config.init_from)), config.init_from)
    before = signal.signal(signal.SIGTERM, lambda number, frame: training.stop())
    try:
        ended = training.run()
    finally:
        signal.signal(signal.SIGTERM, before)
    if not ended:
        show(1.0, f"{latest}: stopped after step {training.state.step}; the same command goes on from there")
    elif fabric.is_global_zero:
        _finish(folder, validation, fabric, show)
    fabric.barrier()  # a process that ends breaks the connections of the others


def card_of(samples: SampleDataset, config: TrainConfig) -> ModelCard:
    """What weights that are trained on these samples are made for and from."""
    from zoox_prediction.models.scene_features import FeatureConfig
    from zoox_prediction.prediction.model_card import ModelCard
    from zoox_prediction.raster.config import RasterConfig

    counts = Counter(entry.meta.dataset for entry in samples.entries)
    recordings = samples.recordings
    return ModelCard(
        version=config.name,
        features=from_mapping(FeatureConfig, samples.settings["features"], "features."),
        raster=from_mapping(RasterConfig, samples.settings["raster"], "raster."),
        package_version=__version__,
        licence=config.licence,
        training_data=tuple(
            {"name": name, "licence": licence, "recordings": len(recordings[name]), "scenes": counts[name]}
            for name, licence in samples.licences.items()
        ),
        network=asdict(config.network),
    )


def _validation_samples(config: TrainConfig, samples: SampleDataset) -> Sequence[Sample]:
    """The validation samples, or evenly spaced ones of them; InputError when they are not like those of training."""
    from zoox_prediction.training.samples import SampleDataset, difference_of, meaning

    if not config.data.validation:
        return ()
    found = SampleDataset(config.data.validation)
    if difference := difference_of(meaning(samples.settings), meaning(found.settings)):
        raise InputError(f"{found.folders[0]}: its samples are not like those of {samples.folders[0]}: {difference}")
    most = config.data.validation_scenes or len(found)
    if most < len(found):
        found.entries = [found.entries[row * len(found) // most] for row in range(most)]
    return found


def _finish(folder: Path, validation: Sequence[Any], fabric: Fabric, show: Callable[[float, str], None]) -> None:
    """Calibrates the best weights on the validation samples."""
    from zoox_prediction.prediction.checkpoint import load_checkpoint, save_checkpoint, trained_network
    from zoox_prediction.training.fit_calibration import calibrated
    from zoox_prediction.training.loop import BEST

    best = folder / BEST
    checkpoint = load_checkpoint(best)
    network = fabric.to_device(trained_network(checkpoint, str(best)))
    calibration = calibrated(network, validation, fabric.device)
    save_checkpoint(best, replace(checkpoint, card=replace(checkpoint.card, calibration=calibration), resume=None))
    show(1.0, f"{best}: {checkpoint.card.version}{'' if calibration is None else ', calibrated'}")


def _overridden(config: TrainConfig, arguments: argparse.Namespace) -> TrainConfig:
    """The configuration with the options of the command line in it."""

    def given(**options: Any) -> dict[str, Any]:
        return {name: value for name, value in options.items() if value is not None}

    folders = {"train": arguments.samples, "validation": arguments.validation}
    data = {name: None if value is None else tuple(value) for name, value in folders.items()}
    try:
        return replace(
            config,
            data=replace(config.data, **given(**data, workers=arguments.workers)),
            optimization=replace(
                config.optimization,
                **given(steps=arguments.steps, max_minutes=arguments.max_minutes),
            ),
            **given(output=arguments.out, init_from=arguments.init_from),
        )
    except ValueError as error:
        raise ConfigError(str(error)) from error
