"""What all heuristic predictors share: motion from the past, modes from the subclass, K calibrated columns."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.models.baselines.assembly import assemble
from zoox_prediction.models.baselines.calibration import (
    Calibration,
    load_calibrations,
    motion_state,
    prior_calibration,
)
from zoox_prediction.models.baselines.config import BaselinesConfig
from zoox_prediction.models.baselines.lanes import RoadLookup
from zoox_prediction.models.baselines.modes import Modes
from zoox_prediction.models.baselines.motion import Motion, estimate_motion
from zoox_prediction.scene import PredictedTrajectories, Scene


class HeuristicPredictor(ABC):
    """A predictor whose subclass says which futures are possible; K = 6 modes of 80 steps of 0.1 s for every agent."""

    name = "heuristic"
    version = "1"

    def __init__(self, config: BaselinesConfig | None = None, calibration: Calibration | None = None) -> None:
        """`calibration` defaults to the file of the config. Raises ConfigError when that cannot be used."""
        self.config = config or BaselinesConfig()
        known = load_calibrations(self.config.calibration_file) if calibration is None else {}
        self.calibration = calibration or known.get(self.name) or prior_calibration()
        self._roads = RoadLookup()

    def predict(self, scene: Scene) -> PredictedTrajectories:
        """Futures of all N agents of `scene`, from its stamp on; finite whatever the scene holds."""
        return self.assemble(scene, *self.candidates(scene))

    def assemble(self, scene: Scene, motion: Motion, state: NDArray[np.int64], modes: Modes) -> PredictedTrajectories:
        """The prediction that the `candidates` of `scene` make with the calibration."""
        return assemble(scene, motion, state, modes, self.calibration, self.config.merging, self.name, self.version)

    def candidates(self, scene: Scene) -> tuple[Motion, NDArray[np.int64], Modes]:
        """The agents' motion, their MotionState (N,), and every candidate future before merging."""
        motion = estimate_motion(scene, self.config.motion, self.config.limits)
        modes, on_lane = self.modes(scene, motion)
        return motion, motion_state(motion, on_lane), modes

    @abstractmethod
    def modes(self, scene: Scene, motion: Motion) -> tuple[Modes, NDArray[np.bool_]]:
        """Candidate futures, at least one of each agent, and which agents (N,) are known to be on a lane."""
