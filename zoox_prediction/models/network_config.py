"""The size of the learned network, and which of its sources of information it uses."""

from __future__ import annotations

from dataclasses import dataclass

from zoox_prediction.config import check_positive


@dataclass(frozen=True)
class NetworkConfig:
    """Widths are numbers of channels. What a switch turns off is cut inside the network: its inputs stay the same."""

    width: int = 96  # of the codes of agents and paths
    edge_width: int = 64  # of relative poses and static elements
    plan_width: int = 32  # of the tokens of a candidate plan
    decoder_width: int = 128
    raster_widths: tuple[int, ...] = (48, 64, 96)  # at strides 4, 8 and 16 of the raster
    raster_learns_in_bfloat16: bool = True  # less than half the time on processors that have it
    num_heads: int = 4
    num_rounds: int = 2  # of messages between agents
    num_styles: int = 3  # ways to drive each path
    use_raster: bool = True
    use_graph: bool = True  # other agents and static elements
    use_attributes: bool = True  # lights, gestures, doors, front wheels
    use_signals: bool = True  # what traffic lights show
    max_residual_lateral_mps2: float = 2.5  # by which an agent may leave its path
    max_free_acceleration_mps2: float = 1.5  # of agents that are no vehicles, in any direction

    def __post_init__(self) -> None:
        check_positive(
            self, "width", "edge_width", "plan_width", "decoder_width", "num_heads", "num_styles",
            "max_residual_lateral_mps2", "max_free_acceleration_mps2",
        )  # fmt: skip
        if len(self.raster_widths) != 3 or min(self.raster_widths) < 1:
            raise ValueError(f"raster_widths must be 3 positive numbers, got {self.raster_widths}")
        if self.num_rounds < 0:
            raise ValueError(f"num_rounds must not be negative, got {self.num_rounds}")
        if self.width % self.num_heads:
            raise ValueError(f"width must be a multiple of num_heads, got {self.width} and {self.num_heads}")
