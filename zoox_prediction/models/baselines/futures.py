"""What a fit learns from: a scene and what its agents did afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.scene import Scene


@dataclass(frozen=True)
class RecordedFuture:
    """A scene and what its N agents did afterwards."""

    scene: Scene
    position: NDArray[np.float64]  # (N, T, 2) [m] at the steps of the predictors, T = 80
    valid: NDArray[np.bool_]  # (N, T)
    weight: float = 1.0  # of its agents in the fit, e.g. to balance datasets
