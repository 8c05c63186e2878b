"""Counterfactuals: the world as it is now, continued once for every plan of the ego.

A fork of the process is an exact copy of the world, SUMO included, down to the last bit of its state; what happens in
it leaves the original alone. All agents bring their own random numbers, so the futures differ only through the ego.
"""

from __future__ import annotations

import os
import pickle
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.simulation.world import Truth, World


class ForkError(RuntimeError):
    """A fork died; the message holds its traceback."""


@dataclass(frozen=True)
class Fork:
    """What happened under one plan; frame 0 is the instant of the fork."""

    plan: NDArray[np.float64] | None  # (T, 4) x, y, yaw, speed of base_link at each step; None: the ego drove by itself
    frames: tuple[Truth, ...]  # T + 1


def run_forks(
    world: World, plans: Sequence[NDArray[np.float64] | None], steps: int, *, processes: int = 1
) -> Iterator[Fork]:
    """The futures of `steps` steps under each plan, in their order; `world` itself stays where it is.

    A plan shorter than `steps` holds the ego at its last pose. Up to `processes` futures run at once. Raises ForkError
    when one fails.
    """
    running: list[tuple[int, BinaryIO]] = []
    waiting = list(range(len(plans)))
    for plan in plans:
        while waiting and len(running) < processes:
            running.append(_start(world, plans[waiting.pop(0)], steps))
        child, stream = running.pop(0)
        yield Fork(plan, _result(child, stream))


def future(world: World, plan: NDArray[np.float64] | None, steps: int) -> tuple[Truth, ...]:
    """Steps the world itself, and returns what happened, the present first."""
    frames = [world.truth()]
    for step in range(steps):
        pose = None if plan is None else plan[min(step, len(plan) - 1)]
        if pose is not None and plan is not None and step >= len(plan):
            pose = np.array([*pose[:3], 0.0])
        world.step(pose)
        frames.append(world.truth())
    return tuple(frames)


def _start(world: World, plan: NDArray[np.float64] | None, steps: int) -> tuple[int, BinaryIO]:
    """Process number of a copy of this process, and the stream on which its result comes."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        os.close(writer)
        return child, os.fdopen(reader, "rb")
    # From here on in the copy, which must end without running anything that belongs to the original.
    try:
        os.close(reader)
        with os.fdopen(writer, "wb") as stream:
            try:
                result: object = future(world, plan, steps)
            except BaseException:
                result = traceback.format_exc()
            pickle.dump(result, stream, protocol=pickle.HIGHEST_PROTOCOL)
    finally:
        os._exit(0)


def _result(child: int, stream: BinaryIO) -> tuple[Truth, ...]:
    with stream:
        data = stream.read()
    os.waitpid(child, 0)
    if not data:
        raise ForkError(f"the fork in process {child} ended without a result")
    result = pickle.loads(data)
    if isinstance(result, str):
        raise ForkError(result)
    frames: tuple[Truth, ...] = result
    return frames
