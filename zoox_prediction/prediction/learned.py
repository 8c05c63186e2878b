"""The learned predictor: features of the scene, one run of the network, and the six modes of every agent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.models.baselines.modes import NUM_MODES, NUM_STEPS, TIME_STEP_S
from zoox_prediction.models.scene_features import AGENT_COLUMNS, SceneFeatures
from zoox_prediction.prediction.calibration import apply_calibration
from zoox_prediction.prediction.config import PredictionConfig
from zoox_prediction.prediction.features import FeatureExtractor
from zoox_prediction.prediction.mode_selection import ModeSelectionConfig, SelectedModes, select_modes
from zoox_prediction.prediction.network_runtime import Proposals, open_network
from zoox_prediction.scene import PredictedTrajectories, Scene, Source

_SPEED, _LATERAL_SPEED = AGENT_COLUMNS.index("speed"), AGENT_COLUMNS.index("lateral_speed")


class LearnedPredictor:
    """Every agent of a scene in one batch; K = 6 modes of 80 steps of 0.1 s. One call at a time."""

    name = "learned"

    def __init__(self, config: PredictionConfig | None = None) -> None:
        """Raises InputError, naming the file, when the weights of `config.learned` cannot be used with `config`."""
        config = config or PredictionConfig()
        self.network = open_network(config.learned)
        self.card = self.network.card
        self.version = self.card.version
        self.card.check_raster(config.raster, f"weights {config.learned.weights}")
        self._selection = config.learned.selection
        self.extract = FeatureExtractor(config.raster, self.card.features, config.baselines)

    def predict(self, scene: Scene) -> PredictedTrajectories:
        """Futures of all N agents of `scene`. What the network says is not checked here; GuardedPredictor does."""
        if not len(scene):
            return self._nobody(scene)
        features = self.extract(scene)
        proposals = self.network(features.network_inputs())
        return self.predictions(features, proposals)

    def prepare(self, scene: Scene) -> None:
        """Looks at a scene on a new map without predicting: the network itself has nothing to prepare."""
        self.extract(scene)

    def predictions(self, features: SceneFeatures, proposals: Proposals) -> PredictedTrajectories:
        """What `proposals` say of the agents of one scene, calibrated, in the map frame."""
        modes = select(features, proposals, self._selection)
        predictions = in_map(features, proposals, modes, self.name, self.version)
        return predictions if self.card.calibration is None else apply_calibration(predictions, self.card.calibration)

    def _nobody(self, scene: Scene) -> PredictedTrajectories:
        shape = (0, NUM_MODES, NUM_STEPS)
        return PredictedTrajectories(
            stamp_ns=scene.stamp_ns,
            time_step_s=TIME_STEP_S,
            ids=scene.agents.ids,
            agent_class=scene.agents.agent_class,
            probability=np.zeros((0, NUM_MODES)),
            position=np.zeros((*shape, 2)),
            yaw=np.zeros(shape),
            speed=np.zeros(shape),
            covariance=np.zeros((*shape, 2, 2)),
            source=np.zeros(0, dtype=np.uint8),
            predictor_name=self.name,
            predictor_version=self.version,
        )


def select(features: SceneFeatures, proposals: Proposals, config: ModeSelectionConfig | None = None) -> SelectedModes:
    """The modes of all agents of a batch of scenes, as the predictor chooses them."""
    speed = np.hypot(features.agent_state[:, _SPEED], features.agent_state[:, _LATERAL_SPEED])
    return select_modes(proposals.logits, proposals.position, features.path_agent, features.agent_class, speed, config)


def in_map(
    features: SceneFeatures, proposals: Proposals, modes: SelectedModes, name: str, version: str
) -> PredictedTrajectories:
    """The chosen proposals of the N agents of one scene, turned from each agent's frame into that of the map."""
    rows = modes.proposal.reshape(-1)
    shape = (*modes.proposal.shape, proposals.position.shape[2])
    cos, sin = (turn(features.heading)[:, None, None] for turn in (np.cos, np.sin))

    def chosen(array: NDArray[np.float32], *last: int) -> NDArray[np.float64]:
        flat = array.reshape(-1, *array.shape[2:])
        return flat[rows].astype(np.float64).reshape(*shape, *last)

    local, covariance = chosen(proposals.position, 2), chosen(proposals.covariance, 3)
    position = np.empty_like(local)
    position[..., 0] = features.origin[:, 0, None, None] + cos * local[..., 0] - sin * local[..., 1]
    position[..., 1] = features.origin[:, 1, None, None] + sin * local[..., 0] + cos * local[..., 1]
    return PredictedTrajectories(
        stamp_ns=int(features.stamp_ns[0]),
        time_step_s=TIME_STEP_S,
        ids=features.ids,
        agent_class=features.agent_class,
        probability=modes.probability,
        position=position,
        yaw=wrap_angle(chosen(proposals.yaw) + features.heading[:, None, None]),
        speed=chosen(proposals.speed),
        covariance=_turned(covariance, cos, sin),
        source=np.full(len(modes.proposal), int(Source.LEARNED), dtype=np.uint8),
        predictor_name=name,
        predictor_version=version,
    )


def _turned(covariance: NDArray[np.float64], cos: NDArray, sin: NDArray) -> NDArray[np.float64]:
    """Covariances (..., 2, 2) of (..., 3) xx, xy, yy seen from a frame turned back by the angle of `cos`, `sin`."""
    xx, xy, yy = (covariance[..., column] for column in range(3))
    turned = np.empty((*xx.shape, 2, 2))
    turned[..., 0, 0] = cos * cos * xx - 2.0 * cos * sin * xy + sin * sin * yy
    turned[..., 1, 1] = sin * sin * xx + 2.0 * cos * sin * xy + cos * cos * yy
    turned[..., 0, 1] = turned[..., 1, 0] = cos * sin * (xx - yy) + (cos * cos - sin * sin) * xy
    return turned
