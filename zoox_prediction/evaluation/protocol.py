"""Which scenes and agents of a recording are scored, and with what: the same for every predictor, and repeatable."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.evaluation.compliance import DrivableArea
from zoox_prediction.evaluation.score_sums import MetricsConfig, ScoreSums
from zoox_prediction.evaluation.scores import Modes, Truth, score_scene
from zoox_prediction.evaluation.subsets import SubsetFinder
from zoox_prediction.geometry import wrap_angle
from zoox_prediction.prediction.predictor import Predictor
from zoox_prediction.prediction.recorded_scenes import recorded_scenes
from zoox_prediction.prediction.scene_history import SceneHistoryConfig
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.scene import AgentClass, PredictedTrajectories, Scene


@dataclass(frozen=True)
class ProtocolConfig:
    """Scenes are taken every `interval_s` from `start_s` after the first frame of a recording on.

    An agent is scored when it was seen throughout the last `min_past_s`, at every horizon at which its truth is known.
    The ego is not an agent. Parked agents count like all others.
    """

    start_s: float = 1.0
    interval_s: float = 1.0
    min_past_s: float = 1.0
    time_step_s: float = 0.1  # of the truth; a multiple of the predictors' time step
    whole_truth: bool = False  # score only agents whose truth is known at every step
    history: SceneHistoryConfig = field(default_factory=SceneHistoryConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)

    def __post_init__(self) -> None:
        if not (self.start_s >= 0.0 and self.interval_s > 0.0 and self.time_step_s > 0.0):
            raise ValueError("start_s must be >= 0, interval_s and time_step_s > 0")
        if not 0.0 <= self.min_past_s <= self.history.past_s:
            raise ValueError(f"min_past_s must be from 0 to history.past_s ({self.history.past_s})")
        for horizon_s in self.metrics.horizons_s:
            if abs(horizon_s / self.time_step_s - round(horizon_s / self.time_step_s)) > 1e-6:
                raise ValueError(f"the horizon {horizon_s} s is no multiple of time_step_s ({self.time_step_s} s)")

    @property
    def num_steps(self) -> int:
        return round(max(self.metrics.horizons_s) / self.time_step_s)


def evaluate_log(
    log: RecordedLog,
    predictors: Mapping[str, Predictor],
    config: ProtocolConfig | None = None,
    progress: Callable[[float], None] = lambda share: None,
    on_scene: Callable[[str, Scene, Modes, Truth], None] = lambda name, scene, modes, truth: None,
) -> dict[str, ScoreSums]:
    """The scores of each predictor, by name, on the scenes of one recording; `progress` is told the share done.

    `on_scene` is shown every scene with what a predictor said, of the agents that are scored, and what they did.
    Raises InputError when a predictor's answer cannot be scored (wrong agents, not finite, too short).
    """
    config = config or ProtocolConfig()
    sums = {name: ScoreSums(config.metrics) for name in predictors}
    area, subsets = DrivableArea(log.road_network), SubsetFinder()
    first, last = (log.stamps_ns[0], log.stamps_ns[-1]) if len(log.stamps_ns) else (0, 0)
    for scene in scenes(log, config):
        rows = _scored_rows(scene, config)
        if len(rows):
            truth = truth_of(log, scene, rows, config, subsets)
        if len(rows) and config.whole_truth:
            rows = rows[truth.valid.all(axis=1)]
            truth = truth_of(log, scene, rows, config, subsets)
        if len(rows):
            for name, predictor in predictors.items():
                modes = modes_of(predictor.predict(scene), scene, rows, config, name)
                score_scene(modes, truth, area, sums[name])
                on_scene(name, scene, modes, truth)
        progress((scene.stamp_ns - first) / max(last - first, 1))
    progress(1.0)
    return sums


def scenes(log: RecordedLog, config: ProtocolConfig) -> Iterator[Scene]:
    """The scenes to score, in time order; each knows only what was recorded up to then."""
    shortest_s = min(config.metrics.horizons_s)  # later no truth is left
    return recorded_scenes(log, config.history, config.start_s, config.interval_s, shortest_s)


def truth_of(
    log: RecordedLog, scene: Scene, rows: NDArray[np.int64], config: ProtocolConfig, subsets: SubsetFinder | None = None
) -> Truth:
    """What the agents `rows` of the scene will do, among all of its agents and the ego."""
    agents = scene.agents
    future = log.future(agents.ids, scene.stamp_ns, config.time_step_s, config.num_steps)
    ego_position, ego_yaw, ego_valid = _ego_future(log, scene, config)
    return Truth(
        time_step_s=config.time_step_s,
        agent_class=agents.agent_class[rows],
        position_now=agents.position[rows, :2],
        speed_now=agents.speed[rows],
        size=agents.size[rows, :2],
        position=future.position[rows],
        yaw=future.yaw[rows],
        valid=future.valid[rows],
        other_position=np.concatenate([future.position, ego_position[None]]),
        other_yaw=np.concatenate([future.yaw, ego_yaw[None]]),
        other_size=np.concatenate([agents.size[:, :2], [scene.ego_size]]),
        other_valid=np.concatenate([future.valid, ego_valid[None]]),
        own_row=rows,
        other_class=np.append(agents.agent_class, AgentClass.CAR),
        subsets=None if subsets is None else subsets.of(scene, future.position, future.valid)[rows],
    )


def modes_of(
    prediction: PredictedTrajectories, scene: Scene, rows: NDArray[np.int64], config: ProtocolConfig, name: str
) -> Modes:
    """The prediction for the agents `rows` of the scene, at the steps of the truth; InputError when it has none."""
    stride = config.time_step_s / prediction.time_step_s
    if abs(stride - round(stride)) > 1e-6 or round(stride) < 1:
        raise InputError(
            f"predictor '{name}' has steps of {prediction.time_step_s:g} s; {config.time_step_s:g} s must be a multiple"
        )
    steps = np.arange(1, config.num_steps + 1) * round(stride) - 1
    if prediction.num_steps <= steps[-1]:
        horizon_s = max(config.metrics.horizons_s)
        raise InputError(f"predictor '{name}' predicts {prediction.horizon_s:g} s; ask for less than {horizon_s:g} s")
    if not np.array_equal(prediction.ids, scene.agents.ids):
        raise InputError(f"predictor '{name}' did not answer for the agents of the scene, in their order; mend it")
    modes = Modes(
        prediction.probability[rows],
        prediction.position[rows][:, :, steps],
        prediction.yaw[rows][:, :, steps],
        prediction.covariance[rows][:, :, steps],
    )
    for array in (modes.probability, modes.position, modes.yaw, modes.covariance):
        bad = ~np.isfinite(array).all(axis=tuple(range(1, array.ndim)))
        if bad.any():
            agent = scene.agents.ids[rows[bad][0]]
            raise InputError(
                f"predictor '{name}' is not finite for agent {agent} at stamp {scene.stamp_ns} ns; mend the predictor"
            )
    return modes


def _scored_rows(scene: Scene, config: ProtocolConfig) -> NDArray[np.int64]:
    """Rows of the agents whose past reaches back far enough without a hole; the truth decides per horizon."""
    first = scene.past_valid.shape[1] - 1 - round(config.min_past_s / scene.time_step_s)
    return np.flatnonzero(scene.past_valid[:, first:].all(axis=1))


def _ego_future(log: RecordedLog, scene: Scene, config: ProtocolConfig) -> tuple[NDArray, NDArray, NDArray]:
    """Centre (T, 2), yaw (T,) and validity (T,) of the ego's true box; never valid without an ego."""
    count = config.num_steps
    if not log.ego:
        return np.zeros((count, 2)), np.zeros(count), np.zeros(count, dtype=bool)
    times = np.array([(ego.stamp_ns - scene.stamp_ns) * 1e-9 for ego in log.ego])
    wanted = (np.arange(count) + 1) * config.time_step_s
    poses = np.array([[*ego.position, ego.yaw] for ego in log.ego])
    yaw = wrap_angle(np.interp(wanted, times, np.unwrap(poses[:, 2])))
    position = np.column_stack([np.interp(wanted, times, poses[:, axis]) for axis in (0, 1)])
    center = position + scene.ego_center_offset_m * np.column_stack([np.cos(yaw), np.sin(yaw)])
    valid: NDArray = (wanted >= times[0] - 1e-6) & (wanted <= times[-1] + 1e-6)
    return center, yaw, valid
