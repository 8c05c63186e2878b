"""The boxes of all agents, now and in the past, as OpenCV takes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import box_corners
from zoox_prediction.raster.drawing import fixed_point
from zoox_prediction.raster.frame import RasterFrame
from zoox_prediction.scene import DEFAULT_SIZE_M, Scene

FloatArray = NDArray[np.float64]

PAST_S = (0.5, 1.0, 1.5, 2.0)  # the steps of the past that have channels

_MAX_SIZE_M = 60.0  # a longer side is a mistake
_RIM_PX = 0.5  # OpenCV's filling adds this to each side; boxes are made smaller by it before, so that none is gained


@dataclass(frozen=True)
class DrawnBoxes:
    """B boxes that meet the raster."""

    step: NDArray[np.int64]  # (B,) 0 for now, i + 1 for PAST_S[i] ago
    agent: NDArray[np.int64]  # (B,) row of the agent
    corners: NDArray[np.int32]  # (B, 4, 2) fixed-point pixels
    center: FloatArray  # (B, 2) column and row

    def of_step(self, step: int) -> NDArray[np.int64]:
        rows: NDArray[np.int64] = np.flatnonzero(self.step == step)
        return rows


def agent_boxes(scene: Scene, frame: RasterFrame) -> DrawnBoxes:
    """Boxes of the agents now and PAST_S ago where they are known; those without a finite position are left out.

    Sizes that are not finite, not positive or beyond 60 m are the class's DEFAULT_SIZE_M. An unknown heading is 0.
    """
    position, yaw, known = _states(scene)
    with np.errstate(invalid="ignore", over="ignore"):  # NaN and huge numbers end as boxes out of sight
        center = frame.pixels_from_map(position)
        half = 0.5 * usable_sizes(scene) / frame.resolution_m
        reach = np.hypot(half[:, 0], half[:, 1]) + 1.0
        seen = known & np.all(
            (center > -0.5 - reach[:, None]) & (center < frame.size_px - 0.5 + reach[:, None]), axis=-1
        )
    step, agent = np.nonzero(seen)
    return boxes_in_pixels(step, agent, center[seen], yaw[seen] - frame.yaw, half[agent])


def boxes_in_pixels(
    step: NDArray[np.int64], agent: NDArray[np.int64], center: FloatArray, yaw: FloatArray, half: FloatArray
) -> DrawnBoxes:
    """Boxes around `center` (B, 2), heading `yaw` (B,) relative to the raster, `half` (B, 2) as long and wide [px]."""
    inner = 2.0 * np.maximum(half - _RIM_PX, 0.0)
    # Columns grow to the right and rows downwards: an agent's forward, at yaw 0, is up.
    drawn_yaw = -0.5 * np.pi - np.where(np.isfinite(yaw), yaw, 0.0)
    return DrawnBoxes(step, agent, fixed_point(box_corners(center, drawn_yaw, inner)), center)


def usable_sizes(scene: Scene) -> FloatArray:
    """(N, 2) length and width of the agents [m]."""
    given = np.asarray(scene.agents.size, dtype=np.float64)[:, :2]
    usable = (given > 0.0) & (given <= _MAX_SIZE_M)  # false for NaN
    sizes: FloatArray = np.where(usable, given, DEFAULT_SIZE_M[scene.agents.agent_class][:, :2])
    return sizes


def _states(scene: Scene) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Positions (S, N, 2), yaws (S, N) and whether they are known (S, N), now and at the steps of PAST_S."""
    num_past = scene.past_position.shape[1]
    back = np.rint(np.array(PAST_S) / scene.time_step_s).astype(np.int64)
    there = back < num_past
    column = np.where(there, num_past - 1 - back, 0)
    position, yaw = scene.agents.position[None, :, :2], scene.agents.yaw[None]
    known = np.ones((1, len(scene)), dtype=bool)
    if num_past:
        position = np.concatenate([position, scene.past_position[:, column].swapaxes(0, 1)])
        yaw = np.concatenate([yaw, scene.past_yaw[:, column].T])
        known = np.concatenate([known, (scene.past_valid[:, column] & there).T])
    return position, yaw, known & np.isfinite(position).all(axis=-1)
