"""What every predictor, heuristic or learned, looks like from outside."""

from __future__ import annotations

from typing import Protocol

from zoox_prediction.scene import PredictedTrajectories, Scene


class Predictor(Protocol):
    """A scene in, the possible futures of every agent out.

    `name` and `version` go into every message, so that a recording tells what made it.
    """

    name: str
    version: str

    def predict(self, scene: Scene) -> PredictedTrajectories:
        """The futures of all N agents of `scene`, in its order and in the map frame.

        Finite everywhere, with rows of `probability` that sum to 1, for 0 agents as well.
        """
        ...
