"""Checkpoints: weights with the card of what they were made for and from, and what their training needs to go on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zoox_prediction.config import ConfigError, from_mapping
from zoox_prediction.errors import InputError
from zoox_prediction.models.network import PredictionNetwork
from zoox_prediction.models.network_config import NetworkConfig
from zoox_prediction.prediction.model_card import ModelCard

_FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds; `resume` only where a training can go on from it."""

    card: ModelCard
    state_dict: Mapping[str, Tensor]
    resume: Mapping[str, Any] | None = None


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes the file whole or not at all: a training that is killed meanwhile leaves the one before."""
    content = {
        "format": _FORMAT,
        "card": checkpoint.card.to_json(),
        "state_dict": dict(checkpoint.state_dict),
        "resume": checkpoint.resume,
    }
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint; its tensors are on the CPU.

    Raises InputError that names the file, and both values where something does not fit: it is no checkpoint, or one of
    other features, raster channels or settings of the network than this version has.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        version, card = content["format"], content["card"]
        state_dict, resume = content["state_dict"], content["resume"]
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; give a checkpoint of 'train'") from error
    except Exception as error:  # torch raises many kinds for what is no file of its own
        raise InputError(f"{path}: is no checkpoint of 'train'; give another file or remove it") from error
    if version != _FORMAT:
        raise InputError(f"{path}: is a checkpoint of format {version}, this version reads {_FORMAT}; train it anew")
    checkpoint = Checkpoint(ModelCard.from_json(card, str(path)), state_dict, resume)
    network_config(checkpoint.card, str(path))
    return checkpoint


def network_config(card: ModelCard, source: str) -> NetworkConfig:
    """The settings of the network of the file `source`; InputError, naming the key, where this version has others."""
    try:
        return from_mapping(NetworkConfig, card.network, "network.")
    except ConfigError as error:
        raise InputError(f"{source}: is of another network: {error}; train it anew") from error


def make_network(card: ModelCard, source: str) -> PredictionNetwork:
    """The network that the card describes, with new weights."""
    return PredictionNetwork(network_config(card, source), card.features, card.raster)


def trained_network(checkpoint: Checkpoint, source: str) -> PredictionNetwork:
    """The network with the checkpoint's weights, in evaluation mode; InputError as `load_weights`."""
    network = make_network(checkpoint.card, source)
    load_weights(network, checkpoint.state_dict, source)
    return network.eval()


def load_weights(network: nn.Module, state_dict: Mapping[str, Tensor], source: str) -> None:
    """Puts the weights into the network; InputError, naming the weight and both shapes, where they do not fit."""
    own = network.state_dict()
    for name in sorted(own.keys() | state_dict.keys()):
        found = tuple(state_dict[name].shape) if name in state_dict else None
        wanted = tuple(own[name].shape) if name in own else None
        if found != wanted:
            raise InputError(f"{source}: its weight '{name}' has the shape {found}, that of this network {wanted}")
    network.load_state_dict(dict(state_dict))


def check_same_network(card: ModelCard, wanted: NetworkConfig, source: str) -> None:
    """Raises InputError, naming the key and both values, unless the card is of such a network."""
    found = asdict(network_config(card, source))
    for key, value in asdict(wanted).items():
        if json.dumps(found[key]) != json.dumps(value):
            raise InputError(
                f"{source}: was trained with network.{key} {found[key]}, the configuration has {value}; "
                "make them the same"
            )
