"""How the prediction runs online: how often, on what, and what counts as old."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RuntimeConfig:
    """Parameters of prediction_node that no offline use needs."""

    max_rate_hz: float = 10.0  # tracked agents that come faster are gathered, not each predicted
    repeat_after_s: float = 0.25  # without new agents for this long, the last scene is predicted again
    max_agents_age_s: float = 1.0  # and no longer once its agents are older than this
    max_odometry_age_s: float = 0.5  # older input is an error in the diagnostics
    max_signals_age_s: float = 5.0
    max_latency_s: float = 0.06  # from tracked agents received to predictions published; diagnostics warn above
    max_query_latency_s: float = 0.2  # of an answer to candidate plans; diagnostics warn above

    def __post_init__(self) -> None:
        for name in ("max_rate_hz", "repeat_after_s", "max_agents_age_s", "max_latency_s", "max_query_latency_s"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be > 0, got {getattr(self, name)}")
