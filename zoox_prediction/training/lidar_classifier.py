"""Fits the lidar's classifier: a perceptron, by Adam (D. P. Kingma and J. Ba, ICLR 2015) on the cross-entropy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.lidar.classifier import OUTPUTS, Classifier, normalised, softmax
from zoox_prediction.training.lidar_samples import Samples

FloatArray = NDArray[np.float64]

# What road users together weigh among all clusters, as in a street that has houses, trees and poles: it decides how
# much is needed for a cluster to be one.
ROAD_USER_SHARE = 0.3


@dataclass(frozen=True)
class FitConfig:
    hidden: tuple[int, ...] = (48, 32)
    epochs: int = 30
    batch: int = 1024
    learning_rate: float = 4e-3  # falls to zero over the epochs
    weight_decay: float = 1e-4
    noise: float = 0.4  # 1 sigma that is added to the normalised features: real sweeps are not quite like made-up ones
    smoothing: float = 0.01  # share of every label that is spread over all outputs
    seed: int = 0


def fit_classifier(
    samples: Samples, config: FitConfig | None = None, progress: Callable[[float], None] = lambda share: None
) -> Classifier:
    """The classifier of the samples; the same samples and settings give the same one."""
    config = config or FitConfig()
    random = np.random.default_rng(config.seed)
    mean, deviation = samples.features.mean(axis=0), samples.features.std(axis=0) + 1e-3
    inputs = normalised(samples.features, mean, deviation)
    widths = [inputs.shape[1], *config.hidden, len(OUTPUTS)]
    parameters: list[FloatArray] = []
    for width, following in pairwise(widths):
        parameters += [random.normal(0.0, np.sqrt(2.0 / width), (width, following)), np.zeros(following)]
    targets = np.eye(len(OUTPUTS))[samples.label] * (1.0 - config.smoothing) + config.smoothing / len(OUTPUTS)
    weight = _weights(samples.label)
    first, second = ([np.zeros_like(each) for each in parameters] for _ in range(2))  # moments of the gradients
    steps = config.epochs * max(len(samples) // config.batch, 1)
    for step in range(steps):
        rows = random.integers(0, len(samples), config.batch)
        noisy = inputs[rows] + random.normal(0.0, config.noise, (config.batch, inputs.shape[1]))
        gradients = _gradients(parameters, noisy, targets[rows], weight[rows])
        rate = config.learning_rate * (1.0 - step / steps)
        for number, gradient in enumerate(gradients):
            first[number] += 0.1 * (gradient - first[number])
            second[number] += 0.001 * (gradient**2 - second[number])
            scale = np.sqrt(second[number] / (1.0 - 0.999 ** (step + 1))) + 1e-8
            move = first[number] / (1.0 - 0.9 ** (step + 1)) / scale
            parameters[number] = parameters[number] - rate * (move + config.weight_decay * parameters[number])
        if step % 100 == 0:
            progress(step / steps)
    return Classifier(mean, deviation, tuple(parameters[0::2]), tuple(parameters[1::2]))


def _weights(label: NDArray[np.int64]) -> FloatArray:
    """(S,) rare classes count more among road users, by the root of their rarity."""
    count = np.bincount(label, minlength=len(OUTPUTS)).astype(np.float64)
    share = np.sqrt(np.maximum(count, 1.0))
    share[:-1] *= ROAD_USER_SHARE / share[:-1].sum()
    share[-1] = 1.0 - ROAD_USER_SHARE
    weight = (share / np.maximum(count, 1.0))[label]
    scaled: FloatArray = weight / weight.mean()
    return scaled


def _gradients(
    parameters: list[FloatArray], inputs: FloatArray, targets: FloatArray, weight: FloatArray
) -> list[FloatArray]:
    """Of the weighted mean cross-entropy, in the order of the parameters."""
    values = [inputs]
    layers = len(parameters) // 2
    for layer in range(layers):
        out = values[-1] @ parameters[2 * layer] + parameters[2 * layer + 1]
        values.append(out if layer + 1 == layers else np.maximum(out, 0.0))
    back = (softmax(values[-1]) - targets) * weight[:, None] / len(inputs)
    gradients: list[FloatArray] = []
    for layer in reversed(range(layers)):
        gradients = [values[layer].T @ back, back.sum(axis=0), *gradients]
        back = (back @ parameters[2 * layer].T) * (values[layer] > 0.0)
    return gradients
