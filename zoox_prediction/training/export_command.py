"""`zoox-prediction export`: turns a checkpoint into the ONNX file that the prediction node runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoox_prediction.errors import InputError
from zoox_prediction.progress import progress_bar

if TYPE_CHECKING:
    from zoox_prediction.prediction.checkpoint import Checkpoint
    from zoox_prediction.training.samples import Sample

_LARGEST_DIFFERENCE_M = 1e-3
_COMPARED_SCENES = 8

_EPILOG = """\
The file carries what it was made for, from and with, and the calibration, as JSON under the metadata key
`zoox_prediction`. A node uses it by its parameter learned.weights. Needs torch and onnx (pip install '.[train]').

With --samples, the file is run on some of them by ONNX Runtime, and must give what the checkpoint gives; with
--calibrate too, the calibration is fitted to all of them, which should be samples that were not learnt from.

example: zoox-prediction export runs/default/best.pt --out default.onnx --samples samples/validation
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = _EPILOG
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="best.pt of a training")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="ONNX file to write")
    parser.add_argument("--decoder", type=Path, metavar="FILE", help="ONNX file of the decoder alone, for many plans")
    parser.add_argument("--samples", nargs="+", default=(), metavar="FOLDER", help="to compare on")
    parser.add_argument("--calibrate", action="store_true", help="fit the calibration to the samples")


def run(arguments: argparse.Namespace) -> int:
    """Exports; raises InputError for what the user can mend."""
    for name, path in (("--out", arguments.out), ("--decoder", arguments.decoder)):
        if path is not None and not path.absolute().parent.is_dir():
            raise InputError(f"{name} {path}: its folder does not exist; make it first")
    if arguments.calibrate and not arguments.samples:
        raise InputError("--calibrate needs --samples")
    from zoox_prediction.prediction.checkpoint import load_checkpoint
    from zoox_prediction.training.samples import SampleDataset

    checkpoint = load_checkpoint(arguments.checkpoint)
    samples = SampleDataset(arguments.samples) if arguments.samples else ()
    if arguments.calibrate:
        checkpoint = _calibrated(checkpoint, samples, str(arguments.checkpoint))
    export_checkpoint(checkpoint, arguments.out, str(arguments.checkpoint), arguments.decoder)
    done = f"{arguments.out}: {checkpoint.card.version}, {arguments.out.stat().st_size / 1e6:.1f} MB"
    if len(samples):
        compared = [samples[row * len(samples) // _COMPARED_SCENES] for row in range(_COMPARED_SCENES)]
        difference = largest_difference_m(checkpoint, arguments.out, compared)
        if not difference < _LARGEST_DIFFERENCE_M:
            raise InputError(
                f"{arguments.out}: its positions are {difference:.2g} m from the checkpoint's; "
                "use the versions of torch and onnxruntime that requirements/ names"
            )
        done += f", within {difference:.1e} m of the checkpoint"
    print(done)
    return 0


def export_checkpoint(checkpoint: Checkpoint, path: Path, source: str, decoder: Path | None = None) -> None:
    """Writes the network of the checkpoint `source` as ONNX with its card, and its decoder alone where wanted."""
    from zoox_prediction.models.export import export_decoder, export_network
    from zoox_prediction.prediction.checkpoint import trained_network
    from zoox_prediction.prediction.model_card import METADATA_KEY

    network, card = trained_network(checkpoint, source), checkpoint.card
    metadata = {METADATA_KEY: card.to_json()}
    export_network(network, card.input_shapes(), path, metadata)
    if decoder is not None:
        export_decoder(network, card.input_shapes(), decoder, metadata)


def largest_difference_m(checkpoint: Checkpoint, path: Path, samples: Sequence[Sample]) -> float:
    """Between positions of the ONNX file at `path` and of the checkpoint on some samples; infinite if one is NaN."""
    import torch

    from zoox_prediction.prediction.checkpoint import trained_network
    from zoox_prediction.prediction.network_runtime import OnnxNetwork

    network, exported = trained_network(checkpoint, str(path)), OnnxNetwork(path, num_threads=1)
    largest = 0.0
    for sample in samples:
        inputs = sample.features.network_inputs()
        with torch.no_grad():
            expected = network(**{name: torch.from_numpy(value) for name, value in inputs.items()})["position"].numpy()
        difference = np.abs(exported(inputs).position - expected).max(initial=0.0)
        largest = max(largest, float(difference)) if np.isfinite(difference) else np.inf
    return largest


def _calibrated(checkpoint: Checkpoint, samples: Sequence[Sample], source: str) -> Checkpoint:
    import torch

    from zoox_prediction.prediction.checkpoint import trained_network
    from zoox_prediction.training.fit_calibration import calibrated

    network = trained_network(checkpoint, source)
    with progress_bar("calibrating") as bar:
        calibration = calibrated(network, samples, torch.device("cpu"), bar)
    return replace(checkpoint, card=replace(checkpoint.card, calibration=calibration))
