"""The network of a checkpoint, run by torch: where ONNX Runtime is absent, and for weights that were not exported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from zoox_prediction.models.scene_features import NETWORK_INPUTS
from zoox_prediction.prediction.checkpoint import load_checkpoint, trained_network
from zoox_prediction.prediction.network_runtime import OUTPUTS, Proposals


class TorchNetwork:
    """A `network_runtime.Network` of a checkpoint's file."""

    def __init__(self, path: Path, num_threads: int) -> None:
        """Raises InputError, naming the file, when it is no checkpoint of this version; sets torch's threads."""
        checkpoint = load_checkpoint(path)
        self.card = checkpoint.card
        self._network = trained_network(checkpoint, str(path))
        torch.set_num_threads(num_threads)

    def __call__(self, inputs: Mapping[str, NDArray]) -> Proposals:
        with torch.inference_mode():
            given = {name: torch.from_numpy(np.ascontiguousarray(inputs[name])) for name in NETWORK_INPUTS}
            found = self._network(**given)
        return Proposals(*(found[name].numpy() for name in OUTPUTS))
