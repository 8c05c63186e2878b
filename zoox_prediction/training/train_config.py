"""The YAML file of `zoox-prediction train`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from zoox_prediction.config import (
    ConfigError,
    check_not_negative,
    check_positive,
    check_share,
    from_mapping,
    read_yaml_mapping,
)
from zoox_prediction.models.network_config import NetworkConfig
from zoox_prediction.training.augmentation import AugmentationConfig
from zoox_prediction.training.balance import BalanceConfig
from zoox_prediction.training.loss_config import LossConfig

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")


@dataclass(frozen=True)
class DataConfig:
    """Folders that `zoox-prediction mine` wrote, relative to where the command is run, and how they are read."""

    train: tuple[str, ...] = ("samples/train",)
    validation: tuple[str, ...] = ("samples/validation",)
    validation_scenes: int = 400  # at most, evenly over all; 0 is all of them
    batch_size: int = 4  # scenes per step, over all processes
    workers: int = 1  # processes per training process that read ahead; 0 reads in the training process

    def __post_init__(self) -> None:
        if not self.train:
            raise ValueError("train must name at least one folder of samples")
        if self.batch_size < 1 or self.workers < 0 or self.validation_scenes < 0:
            raise ValueError("batch_size must be at least 1, workers and validation_scenes at least 0")


@dataclass(frozen=True)
class OptimizationConfig:
    """AdamW with warm-up and a cosine to `final_share` of the learning rate, over the steps or the time given.

    Whichever of `steps` and `max_minutes` ends first ends the training, and the cosine with it. With `max_minutes` the
    learning rates, and with them the weights, depend on how fast the machine is.
    """

    steps: int = 20000
    max_minutes: float | None = None  # of training, without what was lost by interruptions
    learning_rate: float = 1e-3
    final_share: float = 0.01
    warmup_steps: int = 300
    weight_decay: float = 0.01
    gradient_norm: float = 5.0  # larger gradients are scaled down to it
    averaging: float = 0.998  # of the weights that are kept, from step to step
    precision: str = "32-true"  # 16 bits only where there is a GPU

    def __post_init__(self) -> None:
        if self.steps < 1 or self.warmup_steps < 0:
            raise ValueError("steps must be at least 1, warmup_steps at least 0")
        if self.max_minutes is not None:
            check_positive(self, "max_minutes")
        check_positive(self, "learning_rate", "gradient_norm")
        check_not_negative(self, "weight_decay")
        check_share(self, "final_share", "averaging")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got '{self.precision}'")


@dataclass(frozen=True)
class LoggingConfig:
    """How often what is written."""

    log_steps: int = 50
    checkpoint_minutes: float = 3.0
    checkpoint_steps: int | None = None  # also every so many steps
    validation_minutes: float = 15.0  # and once at the end

    def __post_init__(self) -> None:
        if self.log_steps < 1 or (self.checkpoint_steps is not None and self.checkpoint_steps < 1):
            raise ValueError("log_steps and checkpoint_steps must be at least 1")
        check_positive(self, "checkpoint_minutes", "validation_minutes")


@dataclass(frozen=True)
class TrainConfig:
    """All of a training."""

    name: str = "default"  # of the weights
    licence: str = ""  # of the weights, as their training data allow
    output: str = "runs/default"  # folder: checkpoints, metrics.csv, TensorBoard's files
    init_from: str | None = None  # checkpoint whose weights are fine-tuned
    seed: int = 0
    data: DataConfig = field(default_factory=DataConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    balance: BalanceConfig = field(default_factory=BalanceConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    optimization: OptimizationConfig = field(default_factory=OptimizationConfig)
    logging: LoggingConfig = field(default_factory=LoggingConfig)

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, got {self.seed}")
        if not self.name:
            raise ValueError("name must not be empty")


def load_train_config(path: Path) -> TrainConfig:
    """Raises ConfigError that names the file and the key when it cannot be read, or a key is unknown or ill-typed."""
    document = read_yaml_mapping(path, "a training's configuration, such as config/training/default.yaml")
    if not document:
        raise ConfigError(f"{path}: expected a mapping, as in config/training/default.yaml")
    try:
        return from_mapping(TrainConfig, document)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
