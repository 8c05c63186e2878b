"""What a cluster is: a small network on its features, whose weights `zoox-prediction train-lidar` makes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.lidar.features import FEATURES
from zoox_prediction.errors import InputError
from zoox_prediction.resources import resource_path
from zoox_prediction.scene import NUM_CLASSES, AgentClass

FloatArray = NDArray[np.float64]

CLASSIFIER_FILE = "config/lidar_classifier.json"
# The columns of the network's output; background is everything that is no road user, or not all or more than one.
OUTPUTS: tuple[AgentClass | str, ...] = (*(AgentClass(number) for number in range(NUM_CLASSES - 1)), "background")
_FARTHEST = 4.0  # features are clipped to this many deviations from their mean
_UNKNOWN = 0.02  # share of the class that nobody trained


@dataclass(frozen=True)
class Classifier:
    """A perceptron of fully connected layers with rectifiers between."""

    mean: FloatArray  # (F,) of the features
    deviation: FloatArray  # (F,)
    weights: tuple[FloatArray, ...]  # of each layer (inputs, outputs)
    biases: tuple[FloatArray, ...]

    def classify(self, features: FloatArray, plausible: FloatArray | float = 1.0) -> tuple[FloatArray, FloatArray]:
        """Class probabilities (K, 8) in the order of AgentClass, and probabilities of existence (K,).

        `plausible` (K, 7) are factors on the classes; what they take away goes to the background.
        """
        shares = softmax(self.logits(features))[:, :-1] * plausible
        existence = shares.sum(axis=1)
        classes = np.full((len(features), NUM_CLASSES), _UNKNOWN)
        classes[:, :-1] = (1.0 - _UNKNOWN) * (shares + 1e-12) / (existence + 1e-9)[:, None]
        return classes / classes.sum(axis=1, keepdims=True), existence

    def logits(self, features: FloatArray) -> FloatArray:
        """(K, 8) in the order of OUTPUTS."""
        values = normalised(features, self.mean, self.deviation)
        for layer, (weights, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            values = values @ weights + bias
            if layer + 1 < len(self.weights):
                values = np.maximum(values, 0.0)
        return values


def normalised(features: FloatArray, mean: FloatArray, deviation: FloatArray) -> FloatArray:
    return np.clip((features - mean) / deviation, -_FARTHEST, _FARTHEST)


def softmax(logits: FloatArray) -> FloatArray:
    """Shares (K, n) that sum to 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    shares: FloatArray = powers / powers.sum(axis=1, keepdims=True)
    return shares


def load_classifier(path: Path | str | None = None) -> Classifier:
    """The classifier of a file, or the package's own.

    Raises InputError when it cannot be read, or is of other features or outputs.
    """
    path = resource_path(CLASSIFIER_FILE) if path is None else Path(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; give a file of 'train-lidar'") from error
    except ValueError as error:
        raise InputError(f"{path}: is not JSON: {error}; make it again with 'train-lidar'") from error
    try:
        return _classifier(document)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: is no classifier of this version ({error}); make it again with 'train-lidar'"
        ) from error


def classifier_document(classifier: Classifier, provenance: dict[str, Any]) -> dict[str, Any]:
    """What a file holds."""
    return {
        **provenance,
        "features": list(FEATURES),
        "outputs": [_name(each) for each in OUTPUTS],
        "mean": _rounded(classifier.mean),
        "deviation": _rounded(classifier.deviation),
        "weights": [_rounded(each) for each in classifier.weights],
        "biases": [_rounded(each) for each in classifier.biases],
    }


def _classifier(document: Any) -> Classifier:
    """Raises KeyError, TypeError or ValueError with what is wrong."""
    if tuple(document["features"]) != FEATURES:
        raise ValueError("other features")
    if document["outputs"] != [_name(each) for each in OUTPUTS]:
        raise ValueError("other outputs")
    mean, deviation = (np.array(document[name], dtype=np.float64) for name in ("mean", "deviation"))
    weights = tuple(np.array(each, dtype=np.float64) for each in document["weights"])
    biases = tuple(np.array(each, dtype=np.float64) for each in document["biases"])
    width = len(FEATURES)
    if not weights or mean.shape != (width,) or deviation.shape != (width,) or not (deviation > 0.0).all():
        raise ValueError("bad normalisation")
    for layer, bias in zip(weights, biases, strict=True):
        if layer.ndim != 2 or layer.shape[0] != width or bias.shape != (layer.shape[1],):
            raise ValueError("layers that do not fit")
        width = layer.shape[1]
    if width != len(OUTPUTS) or not all(np.isfinite(each).all() for each in (mean, deviation, *weights, *biases)):
        raise ValueError("layers that do not fit or are not finite")
    return Classifier(mean, deviation, weights, biases)


def _name(output: AgentClass | str) -> str:
    return output.name.lower() if isinstance(output, AgentClass) else output


def _rounded(values: FloatArray) -> Any:
    return np.round(values, 5).tolist()
