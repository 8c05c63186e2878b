"""Points as they would be seen from where the sensor was at the stamp, though it moved while it measured them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def compensate_motion(
    position: NDArray[np.float32], time_s: NDArray[np.float32], velocity: NDArray, angular_velocity: NDArray
) -> NDArray[np.float32]:
    """Points (N, 3) in the sensor's frame at their own times (N,) after the stamp, in its frame at the stamp.

    `velocity` (3,) and `angular_velocity` (3,) of the sensor over ground along its axes are constant over the sweep.
    Rotation and arc are taken to the second order in the angle turned: at 1 rad/s and 0.1 s that leaves 2e-4 of the
    range.
    """
    omega = np.asarray(angular_velocity, dtype=np.float32)
    speed = np.asarray(velocity, dtype=np.float32)
    time = time_s[:, None]
    moved: NDArray[np.float32] = position + time * speed
    if np.any(omega):
        turn = time * np.cross(omega, position) + 0.5 * time * time * np.cross(omega, np.cross(omega, position))
        moved = moved + turn + 0.5 * time * time * np.cross(omega, speed)
    return moved
