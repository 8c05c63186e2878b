"""Which samples make up which batch: a function of the seed and the step alone, so that a training goes on exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SampleOrder:
    """Every epoch is another permutation of the samples; batches go on across the ends of epochs."""

    num_samples: int
    batch_size: int  # over all processes
    seed: int
    rank: int = 0  # of this process
    num_processes: int = 1

    def __post_init__(self) -> None:
        if self.num_samples < 1:
            raise ValueError("there are no samples")
        if self.batch_size % self.num_processes:
            raise ValueError(f"batch_size {self.batch_size} must be a multiple of the {self.num_processes} processes")

    def batch(self, step: int) -> list[tuple[int, int]]:
        """(position, sample) of this process's part of the batch of a step; positions count all samples ever drawn."""
        positions = range(step * self.batch_size + self.rank, (step + 1) * self.batch_size, self.num_processes)
        return [(position, self._sample(position)) for position in positions]

    def batches(self, first_step: int) -> Iterator[list[tuple[int, int]]]:
        """The batches of `first_step` and all that follow it, without end."""
        step = first_step
        while True:
            yield self.batch(step)
            step += 1

    def epoch(self, step: int) -> float:
        """How often all samples were seen before this step."""
        return step * self.batch_size / self.num_samples

    def random(self, position: int) -> np.random.Generator:
        """The generator of what is random about the sample at a position."""
        return np.random.default_rng([self.seed, 1, position])

    def _sample(self, position: int) -> int:
        epoch, within = divmod(position, self.num_samples)
        return int(_permutation(self.seed, epoch, self.num_samples)[within])


@lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, 0, epoch]).permutation(count)
