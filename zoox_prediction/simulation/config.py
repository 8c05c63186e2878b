"""What a simulated world is like: how much traffic of which kind, and how long it runs before it counts."""

from __future__ import annotations

from dataclasses import dataclass, field

from zoox_prediction.simulation.ego_plan import PlanConfig
from zoox_prediction.simulation.town import TownConfig


@dataclass(frozen=True)
class TrafficMix:
    """Shares of the vehicles, of any sum."""

    car: float = 0.74
    truck: float = 0.06
    bus: float = 0.03
    motorcyclist: float = 0.05
    cyclist: float = 0.12

    def __post_init__(self) -> None:
        shares = (self.car, self.truck, self.bus, self.motorcyclist, self.cyclist)
        if not all(share >= 0.0 for share in shares) or not sum(shares) > 0.0:
            raise ValueError(f"shares must be >= 0 and not all 0, got {shares}")


@dataclass(frozen=True)
class TrafficConfig:
    """How many agents there are at once, on average over seeds."""

    vehicles: int = 55  # that drive
    walkers: int = 55
    density_range: tuple[float, ...] = (0.5, 1.3)  # a factor on both, drawn for each scene
    parked_share: float = 0.6  # of the parking places that are taken
    leaving_share: float = 0.25  # of the parked cars that pull out while the world runs
    jaywalkers_per_minute: float = 18.0
    animals_per_minute: float = 1.5
    near_ego_share: float = 0.6  # of walkers, jaywalkers and animals, who come where the ego is expected
    warm_up_s: float = 70.0  # before the recording begins, from an empty town
    mix: TrafficMix = field(default_factory=TrafficMix)

    def __post_init__(self) -> None:
        for name in ("vehicles", "walkers", "jaywalkers_per_minute", "animals_per_minute"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be >= 0, got {getattr(self, name)}")
        for name in ("parked_share", "leaving_share", "near_ego_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be in [0, 1], got {getattr(self, name)}")
        if len(self.density_range) != 2 or not 0.0 < self.density_range[0] <= self.density_range[1]:
            raise ValueError(f"density_range must be two rising numbers > 0, got {self.density_range}")
        if not 20.0 <= self.warm_up_s <= 600.0:
            raise ValueError(f"warm_up_s must be in [20, 600], got {self.warm_up_s}")


@dataclass(frozen=True)
class SimulationConfig:
    """Everything about made-up worlds, as simulation_node has it for parameters.

    `zoox-prediction simulate` takes `town` and `traffic` from it; for the rest that counts there it has options.
    """

    seed: int = 0  # of the first drive, from which all is drawn: town, traffic, weather
    duration_s: float = 120.0  # of a drive; then, or when the ego has left the network, the next one begins [s]
    loop: bool = True  # go on with another drive after a drive's end; else the node ends
    next_seed: bool = True  # each drive has the seed after that of the drive before; else all have the same
    network: str = ""  # a SUMO network (.net.xml) to drive in; empty: a town drawn from the seed
    sensors: str = ""  # a sensor suite (YAML), whose messages are published too; empty: no sensors
    rate: float = 1.0  # simulated seconds per second; where the machine is too slow, time goes slower
    tracks_range_m: float = 150.0  # around the ego, of the truth on tracked_agents; 0: a tracker publishes them [m]
    plan: PlanConfig = field(default_factory=PlanConfig)
    town: TownConfig = field(default_factory=TownConfig)
    traffic: TrafficConfig = field(default_factory=TrafficConfig)

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed must be >= 0, got {self.seed}")
        if not 1.0 <= self.duration_s <= 3600.0:
            raise ValueError(f"duration_s must be in [1, 3600], got {self.duration_s}")
        if not 0.0 < self.rate <= 1000.0:
            raise ValueError(f"rate must be in (0, 1000], got {self.rate}")
        if not self.tracks_range_m >= 0.0:
            raise ValueError(f"tracks_range_m must be >= 0, got {self.tracks_range_m}")
