"""The parameters of the learned predictor."""

from __future__ import annotations

from dataclasses import dataclass, field

from zoox_prediction.prediction.mode_selection import ModeSelectionConfig


@dataclass(frozen=True)
class LearnedConfig:
    """Which weights, how the network runs, and how its proposals become modes."""

    weights: str = "default"  # default, research (trained on data that forbids other use), or a file .onnx or .pt
    num_threads: int = 2  # that one run of the network may use
    spinning: bool = False  # whether they keep a core busy while they wait for work: faster, at others' expense
    memory_arena: bool = True  # whether memory of one run is kept for the next
    selection: ModeSelectionConfig = field(default_factory=ModeSelectionConfig)

    def __post_init__(self) -> None:
        if not self.weights:
            raise ValueError("weights must be default, research or a file")
        if not 1 <= self.num_threads <= 64:
            raise ValueError(f"num_threads must be 1 to 64, got {self.num_threads}")
