"""All that a training is after a step, to be written and gone on from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from zoox_prediction.errors import InputError
from zoox_prediction.models.network import PredictionNetwork
from zoox_prediction.prediction.checkpoint import Checkpoint, check_same_network, load_weights, make_network
from zoox_prediction.prediction.model_card import ModelCard
from zoox_prediction.training.optimization import make_optimizer, update_average
from zoox_prediction.training.train_config import TrainConfig

WORSE_THAN_ANY = 1e9
_FREE_DATA = ("workers", "validation_scenes", "train", "validation")  # may change when a training goes on
_FREE_OPTIMIZATION = ("steps", "max_minutes")


class ChosenProposals(nn.Module):
    """The network, of which only the proposals of some paths are wanted; the rest of the scene is seen all the same."""

    def __init__(self, network: PredictionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, rows: Tensor, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The outputs of the paths `rows` (Q,)."""
        code = self.network.encode(inputs)
        return self.network.decode(code[rows], chosen_paths(inputs, rows))


def chosen_paths(batch: Mapping[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
    """The batch with the paths `rows` only."""
    return {name: value[rows] if name.startswith("path_") else value for name, value in batch.items()}


class TrainingState:
    """Network, averaged weights, optimizer and counters."""

    def __init__(self, config: TrainConfig, card: ModelCard, fabric: Fabric) -> None:
        """New weights, drawn with the seed."""
        self._config, self._card = config, card
        torch.manual_seed(config.seed)
        self.plain = make_network(card, "the configuration")
        optimizer = make_optimizer(self.plain, config.optimization)
        self.network, self.optimizer = fabric.setup(ChosenProposals(self.plain), optimizer)
        self.step = 0  # how many are done
        self.elapsed_s = 0.0  # of training
        self.best = WORSE_THAN_ANY  # of the validations
        self.metrics: dict[str, float] = {}  # of the last validation
        self._reset_average()

    def average(self) -> None:
        """Moves the averaged weights towards those of the step that is just done, and counts it."""
        update_average(self.averaged, self.plain.state_dict(), self.step, self._config.optimization.averaging)
        self.step += 1

    def start_from(self, checkpoint: Checkpoint, source: str) -> None:
        """Takes the weights of another training; InputError where they are of another network."""
        check_same_network(checkpoint.card, self._config.network, source)
        load_weights(self.plain, checkpoint.state_dict, source)
        self._reset_average()

    def resume(self, checkpoint: Checkpoint, source: str) -> None:
        """Goes on from a checkpoint of this training; InputError, naming both values, when its settings differ.

        Samples may have been added or removed meanwhile: it then goes on with those that there are.
        """
        state = checkpoint.resume
        if state is None:
            raise InputError(f"{source}: holds weights only; name it as init_from to begin another training with them")
        check_same_network(checkpoint.card, self._config.network, source)
        before = json.loads(state["settings"])
        for key, value in self._settings().items():
            if before.get(key) != value:
                raise InputError(
                    f"{source}: is of a training with {key} {before.get(key)}, this one has {value}; "
                    "make them the same or give another output folder"
                )
        load_weights(self.plain, state["network"], source)
        self._reset_average()
        for name, value in self.averaged.items():
            value.copy_(checkpoint.state_dict[name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.elapsed_s = int(state["step"]), float(state["elapsed_s"])
        self.best, self.metrics = float(state["best"]), dict(state["metrics"])

    def checkpoint(self, *, with_resume: bool) -> Checkpoint:
        """The averaged weights, with or without what a training needs to go on."""
        resume: Mapping[str, Any] | None = None
        if with_resume:
            resume = {
                "settings": json.dumps(self._settings()),
                "network": dict(self.plain.state_dict()),
                "optimizer": self.optimizer.state_dict(),
                "step": self.step,
                "elapsed_s": self.elapsed_s,
                "best": self.best,
                "metrics": dict(self.metrics),
            }
        card = replace(
            self._card,
            version=f"{self._config.name}-{self.step}",
            metrics={"step": self.step, "minutes": round(self.elapsed_s / 60.0, 1), **self.metrics},
        )
        return Checkpoint(card, dict(self.averaged), resume)

    def _reset_average(self) -> None:
        self.averaged = {name: value.detach().clone() for name, value in self.plain.state_dict().items()}

    def _settings(self) -> dict[str, Any]:
        """What a training that goes on must have in common, by dotted name, as JSON gives it back."""
        config = asdict(self._config)
        free = {"output", "logging", "licence", "network", "init_from"}
        settings: dict[str, Any] = {}
        for section, values in config.items():
            if section in free:
                continue
            if not isinstance(values, dict):
                settings[section] = values
                continue
            left_out = {"data": _FREE_DATA, "optimization": _FREE_OPTIMIZATION}.get(section, ())
            settings |= {f"{section}.{key}": value for key, value in values.items() if key not in left_out}
        return dict(json.loads(json.dumps(settings)))
