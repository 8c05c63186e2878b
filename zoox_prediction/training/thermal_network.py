"""The thermal network in torch, its training, and its export to ONNX. torch is imported when it is used."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from zoox_prediction.detection.image.thermal_input import INPUT_CHANNELS, MULTIPLE
from zoox_prediction.errors import InputError
from zoox_prediction.recording.datasets.hit_uav import ThermalClass
from zoox_prediction.training.thermal_samples import Sample, ThermalSamples

_WIDTHS = (16, 24, 48, 96)  # channels at strides 2, 4, 8, 16
_FIRST_HEAT = -3.0  # bias before training: centres are rare
_SIZE_WEIGHT, _OFFSET_WEIGHT = 1.0, 0.5  # beside the heat's loss
_AVERAGING = 0.998  # of the weights that are kept, from step to step
_SAVE_EVERY = 100  # steps between checkpoints


@dataclass(frozen=True)
class ThermalTrainingConfig:
    """How long and on what the thermal network learns."""

    steps: int = 2000
    batch_size: int = 8
    size_px: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch_size < 1:
            raise ValueError("steps and batch_size must be at least 1")
        if self.size_px < MULTIPLE or self.size_px % MULTIPLE:
            raise ValueError(f"size_px must be a multiple of {MULTIPLE}, got {self.size_px}")


def thermal_network() -> Any:
    """torch.nn.Module from (B, 2, H, W) to (B, classes + 4, H / 4, W / 4): heat, then log size and offset in cells."""
    import torch
    from torch import nn

    def layer(inputs: int, outputs: int, stride: int = 1, size: int = 3) -> nn.Module:
        convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))

    class Residual(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.layers = nn.Sequential(layer(width, width), layer(width, width))

        def forward(self, x: Any) -> Any:
            return x + self.layers(x)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            half, quarter, eighth, sixteenth = _WIDTHS
            self.quarter = nn.Sequential(layer(INPUT_CHANNELS, half, 2), layer(half, quarter, 2), Residual(quarter))
            self.eighth = nn.Sequential(layer(quarter, eighth, 2), Residual(eighth))
            self.sixteenth = nn.Sequential(layer(eighth, sixteenth, 2), Residual(sixteenth))
            self.to_eighth, self.to_quarter = layer(sixteenth, eighth, size=1), layer(eighth, quarter, size=1)
            self.join_eighth, self.join_quarter = layer(eighth, eighth), layer(quarter, quarter)
            self.heat = nn.Sequential(layer(quarter, quarter), nn.Conv2d(quarter, len(ThermalClass), 1))
            self.box = nn.Sequential(layer(quarter, quarter), nn.Conv2d(quarter, 4, 1))
            bias: Any = self.heat[-1].bias
            nn.init.constant_(bias, _FIRST_HEAT)

        def forward(self, x: Any) -> Any:
            quarter = self.quarter(x)
            eighth = self.eighth(quarter)
            up = nn.functional.interpolate(self.to_eighth(self.sixteenth(eighth)), scale_factor=2.0, mode="nearest")
            up = self.join_eighth(eighth + up)
            up = nn.functional.interpolate(self.to_quarter(up), scale_factor=2.0, mode="nearest")
            up = self.join_quarter(quarter + up)
            return torch.cat([torch.sigmoid(self.heat(up)), self.box(up)], dim=1)

    return Network()


def train_thermal_network(
    samples: ThermalSamples,
    config: ThermalTrainingConfig,
    progress: Callable[[int, float], None] = lambda step, loss: None,
    checkpoint: Path | None = None,
) -> Any:
    """The trained network with averaged weights, in evaluation mode; `progress` gets the step and the mean loss.

    A training that was interrupted goes on from `checkpoint` to what it would have become without the interruption;
    with another number of steps, by the learning rates of that number. Raises InputError when that file is no
    checkpoint of such a training.
    """
    import torch

    torch.manual_seed(config.seed)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # its threads and torch's wait for each other, which takes ten times as long
    # Channels last: half the time on a CPU.
    network = thermal_network().to(memory_format=torch.channels_last)
    averaged = copy.deepcopy(network).eval()
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=config.steps)
    state = _State(config, samples, network, averaged, optimizer)
    first, mean_loss = (0, float("nan")) if checkpoint is None else state.load(checkpoint)
    schedule.last_epoch = first
    for step in range(first, config.steps):
        batch = [samples.draw() for _ in range(config.batch_size)]
        images = torch.from_numpy(np.stack([each.image for each in batch]))
        loss = _loss(network(images.to(memory_format=torch.channels_last)), batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        _average(averaged, network, min(_AVERAGING, (1 + step) / (10 + step)))
        latest = float(loss.detach())
        mean_loss = latest if step == 0 else 0.98 * mean_loss + 0.02 * latest
        if checkpoint is not None and (step + 1) % _SAVE_EVERY == 0:
            state.save(checkpoint, step + 1, mean_loss)
        progress(step + 1, mean_loss)
    cv2.setNumThreads(threads)
    return averaged


@dataclass(frozen=True)
class _State:
    """What a training is at a step, to be written and read."""

    config: ThermalTrainingConfig
    samples: ThermalSamples
    network: Any
    averaged: Any
    optimizer: Any

    def save(self, path: Path, step: int, mean_loss: float) -> None:
        import torch

        modules = (self.network, self.averaged, self.optimizer)
        state = {
            "config": self._settings(),
            "step": step,
            "mean_loss": mean_loss,
            "modules": [each.state_dict() for each in modules],
            "random": self.samples.random.bit_generator.state,
        }
        partial = path.with_name(f"{path.name}.partial")
        torch.save(state, partial)
        partial.replace(path)

    def _settings(self) -> dict[str, Any]:
        """What a training that goes on must have in common."""
        return {name: value for name, value in asdict(self.config).items() if name != "steps"}

    def load(self, path: Path) -> tuple[int, float]:
        """The step to go on from and the mean loss so far; the beginning when there is no such file yet."""
        import torch

        if not path.exists():
            return 0, float("nan")
        try:
            state = torch.load(path, weights_only=True)
            if state["config"] != self._settings():
                raise InputError(
                    f"{path}: is of a training with other settings; give another file or the same settings"
                )
            if int(state["step"]) > self.config.steps:
                raise InputError(f"{path}: is of step {state['step']} already; give more steps or remove it")
            modules = (self.network, self.averaged, self.optimizer)
            for module, values in zip(modules, state["modules"], strict=True):
                module.load_state_dict(values)
            self.samples.random.bit_generator.state = state["random"]
            return int(state["step"]), float(state["mean_loss"])
        except InputError:
            raise
        except Exception as error:  # torch raises many kinds for what is no file of its own
            raise InputError(f"{path}: is no checkpoint of such a training; give another file or remove it") from error


def _average(averaged: Any, network: Any, share: float) -> None:
    import torch

    with torch.no_grad():
        for kept, new in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
            if kept.is_floating_point():
                kept.lerp_(new, 1.0 - share)
            else:
                kept.copy_(new)


def _loss(output: Any, batch: list[Sample]) -> Any:
    """Focal loss of the heat (Zhou et al. 2019, equation 1) and L1 of the boxes in the centres."""
    import torch

    def stacked(name: str) -> Any:
        return torch.from_numpy(np.stack([getattr(each, name) for each in batch]))

    heat, box, weight, counts = (stacked(name) for name in ("heat", "box", "box_weight", "counts"))
    found = output[:, : len(ThermalClass)].clamp(1e-4, 1.0 - 1e-4)
    positive = (heat > 0.999).float()
    miss = positive * (1.0 - found) ** 2 * torch.log(found)
    false_alarm = (1.0 - positive) * (1.0 - heat) ** 4 * found**2 * torch.log(1.0 - found)
    number = positive.sum().clamp(min=1.0)
    heat_loss = -((miss + false_alarm) * counts[:, None]).sum() / number
    error = (output[:, len(ThermalClass) :] - box).abs() * weight[:, None]
    box_loss = _SIZE_WEIGHT * error[:, :2].sum() + _OFFSET_WEIGHT * error[:, 2:].sum()
    return heat_loss + box_loss / weight.sum().clamp(min=1.0)


def export_thermal_network(network: Any, path: Path, made_by: str) -> None:
    """Writes ONNX with free sides (multiples of MULTIPLE); its metadata tell the classes and who made it of what."""
    import onnx
    import torch

    names: Any = {"input_names": ["image"], "output_names": ["heat_and_boxes"]}
    sides = {"image": {2: "height", 3: "width"}, "heat_and_boxes": {2: "rows", 3: "columns"}}
    with tempfile.TemporaryDirectory() as folder:
        partial = Path(folder) / "network.onnx"
        example = torch.zeros(1, INPUT_CHANNELS, 512, 640)
        # The exporter by tracing: OpenCV reads its operators.
        torch.onnx.export(
            network.eval(), (example,), str(partial), dynamic_axes=sides, opset_version=13, dynamo=False, **names
        )
        model = onnx.load(str(partial))
    classes = ",".join(each.name.lower() for each in ThermalClass)
    for key, value in (("classes", classes), ("made_by", made_by), ("training_data", "HIT-UAV (CC BY 4.0)")):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.save(model, str(path))
