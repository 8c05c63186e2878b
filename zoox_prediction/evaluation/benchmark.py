"""Times pieces of work, each beside a reference measured in the same breath, so that runs on busy machines compare."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

REFERENCE = "numpy.einsum product of two 320 x 320 float64 matrices, one thread"


@dataclass(frozen=True)
class BenchmarkCase:
    """A piece of work for `agents` agents (0 where agents play no part); `run` does it once and keeps nothing."""

    name: str
    agents: int
    run: Callable[[], object]
    most_repeats: int | None = None  # of work that takes seconds, and needs no warming up


@dataclass(frozen=True)
class BenchmarkConfig:
    """How often every case runs."""

    repeats: int = 200
    warm_ups: int = 3
    max_seconds: float = 30.0  # a case ends early after this, but never before `min_repeats`
    min_repeats: int = 20

    def __post_init__(self) -> None:
        if min(self.repeats, self.min_repeats) < 1 or self.warm_ups < 0 or self.max_seconds <= 0.0:
            raise ValueError("repeats and min_repeats must be >= 1, warm_ups >= 0 and max_seconds > 0")


def measure(
    case: BenchmarkCase,
    config: BenchmarkConfig | None = None,
    clock: Callable[[], int] = time.perf_counter_ns,
    progress: Callable[[], None] = lambda: None,
    reference: Callable[[], object] | None = None,
    reference_name: str = REFERENCE,
) -> dict[str, object]:
    """The row of a case: median and 99th percentile of its wall time [ms], and its median in units of the reference.

    The reference runs before every repetition: what slows the machine down slows both.
    """
    config = config or BenchmarkConfig()
    reference = reference or _reference()
    for _ in range(config.warm_ups if case.most_repeats is None else 0):
        reference()
        case.run()
    case_ms: list[float] = []
    reference_ms: list[float] = []
    for repeat in range(min(config.repeats, case.most_repeats or config.repeats)):
        if repeat >= config.min_repeats and sum(case_ms) > 1e3 * config.max_seconds:
            break
        reference_ms.append(_duration_ms(reference, clock))
        case_ms.append(_duration_ms(case.run, clock))
        progress()
    return {"name": case.name, "agents": case.agents, **statistics(case_ms, reference_ms, reference_name)}


def measure_reference(repeats: int = 30, clock: Callable[[], int] = time.perf_counter_ns) -> list[float]:
    """Durations [ms] of the reference alone, for what cannot be interleaved with it."""
    reference = _reference()
    return [_duration_ms(reference, clock) for _ in range(repeats)]


def statistics(
    case_ms: Sequence[float], reference_ms: Sequence[float], reference_name: str = REFERENCE
) -> dict[str, object]:
    """The columns of a row: percentiles of the case [ms] and its median in units of the reference's."""
    median = float(np.median(case_ms))
    return {
        "p50_ms": median,
        "p99_ms": float(np.percentile(case_ms, 99)),
        "ratio": median / max(float(np.median(reference_ms)), 1e-9),
        "ratio_to": reference_name,
        "repeats": len(case_ms),
    }


def _duration_ms(work: Callable[[], object], clock: Callable[[], int]) -> float:
    start = clock()
    work()
    return (clock() - start) * 1e-6


def _reference() -> Callable[[], object]:
    first, second = np.random.default_rng(0).random((2, 320, 320))
    return lambda: np.einsum("ij,jk->ik", first, second, optimize=False)
