"""From what arrives to predictions and answers: the one core call behind the node, safe to use from several threads."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.prediction.conditional import answer_plans
from zoox_prediction.prediction.config import PredictionConfig
from zoox_prediction.prediction.consistency import TemporalConsistency
from zoox_prediction.prediction.guarded import GuardedPredictor
from zoox_prediction.prediction.predictor import Predictor
from zoox_prediction.prediction.registry import FallbackPredictor, create_usable_predictor, is_learned
from zoox_prediction.prediction.scene_history import SceneHistory
from zoox_prediction.prediction.warm_up import PerMapPredictor
from zoox_prediction.scene import (
    CandidatePlans,
    ConditionalAnswer,
    EgoState,
    PredictedTrajectories,
    Scene,
    TrackedAgents,
    TrafficSignals,
)

_MAX_PAUSE_S = 0.1  # of a query in all, and of the preparation of a map at a time


@dataclass(frozen=True)
class Cycle:
    """The predictions of one scene, and what was wrong with the scene or the predictor, one sentence each."""

    scene: Scene
    predictions: PredictedTrajectories
    problems: tuple[str, ...]


class PredictionPipeline:
    """Scene history, guarded predictor and conditional answers under one lock that is held for the history only.

    Two predictor instances, so that no prediction waits for a query about candidate plans. What waits is the query: it
    pauses while a prediction is under way, for Python runs one of them at a time anyway.
    """

    def __init__(self, config: PredictionConfig):
        """Raises InputError for an unknown predictor; where weights cannot be used, heuristics take their place."""
        self._config = config
        self._lock = threading.Lock()
        self._history = SceneHistory(config.history, config.ego)
        self._unusable = ""
        self._per_map = PerMapPredictor(self._create)
        self._per_map.warm_up()
        has_fallback = is_learned(config.predictor) and not self._unusable
        self._fallback = PerMapPredictor(lambda: FallbackPredictor(config)) if has_fallback else None
        self._predictor = GuardedPredictor(self._per_map, config.guard, self._fallback)
        self._consistency = TemporalConsistency(config.consistency)
        self._predicted_ns: int | None = None
        self._latest: tuple[Scene, PredictedTrajectories] | None = None
        self._urgent = 0
        self._nothing_urgent = threading.Event()
        self._nothing_urgent.set()
        # A query has no deadline of its own: a late answer is worth more to the planner than a crude one.
        self._query_predictor = GuardedPredictor(
            self._create(),
            replace(config.guard, deadline_s=0.0),
            FallbackPredictor(config) if has_fallback else None,
        )

    @property
    def predictor_name(self) -> str:
        return self._predictor.name

    @property
    def predictor_version(self) -> str:
        return self._predictor.version

    @property
    def unusable(self) -> str:
        """Why another predictor than the config's is in use, one sentence; empty when that is not so."""
        return self._unusable

    @property
    def newest_stamp_ns(self) -> int | None:
        """Of the tracked agents."""
        with self._lock:
            return self._history.newest_stamp_ns

    def add_agents(self, agents: TrackedAgents) -> list[str]:
        """Each `add_*` returns the problems it found, one sentence each, and never raises."""
        with self._lock:
            return self._history.add_agents(agents)

    def add_ego(self, ego: EgoState) -> list[str]:
        with self._lock:
            return self._history.add_ego(ego)

    def add_signals(self, signals: TrafficSignals) -> list[str]:
        with self._lock:
            return self._history.add_signals(signals)

    def set_road_network(self, network: RoadNetwork) -> list[str]:
        """Takes a second or more for a large map, which is used when all is ready; predictions go on meanwhile."""
        scene, _ = self._scene()
        self._per_map.prepare(network, scene, self._give_way)
        if self._fallback is not None:
            self._fallback.prepare(network, scene, self._give_way)
        with self._lock:
            problems = self._history.set_road_network(network)
            self._latest = None
        # The predictor of the queries is not prepared: nearly all of them use the predictions of the cycle.
        return problems

    def reset(self) -> None:
        """Forgets everything but the map."""
        with self._lock:
            self._history.reset()
            self._consistency.reset()
            self._predicted_ns = self._latest = None

    def close(self) -> None:
        self._predictor.close()
        self._query_predictor.close()

    @contextlib.contextmanager
    def urgent(self) -> Iterator[None]:
        """While the block runs, queries pause at their next chance; for all that is on the way to a prediction."""
        with self._lock:
            self._urgent += 1
            self._nothing_urgent.clear()
        try:
            yield
        finally:
            with self._lock:
                self._urgent -= 1
                if not self._urgent:
                    self._nothing_urgent.set()

    def predict(self) -> Cycle | None:
        """Predictions of the newest scene; None when there is none or the last one was less than a period ago.

        `predict` and `repeat` are for one caller at a time.
        """
        scene, problems = self._scene()
        if scene is None or not self._is_due(scene.stamp_ns):
            return None
        self._predicted_ns = scene.stamp_ns
        return self._cycle(scene, problems)

    def repeat(self, now_ns: int) -> Cycle | None:
        """The newest scene predicted again, while its agents are not older than `max_agents_age_s`; else None."""
        scene, problems = self._scene()
        if scene is None or abs(now_ns - scene.stamp_ns) * 1e-9 > self._config.runtime.max_agents_age_s:
            return None
        return self._cycle(scene, problems)

    def answer(self, plans: CandidatePlans, agent_ids: NDArray[np.int64] | None = None) -> ConditionalAnswer:
        """How the agents (`agent_ids`, default all) respond to each plan in the newest scene. One caller at a time.

        Raises InputError when there is no scene yet, a plan is not usable, or an agent is not known.
        """
        give_way = self._patience()
        give_way()
        scene, known = self._newest()
        if scene is None:
            raise InputError("no tracked agents have arrived yet; ask again when there are predictions")
        if agent_ids is not None and len(agent_ids):
            unknown = np.setdiff1d(agent_ids, scene.agents.ids)
            if len(unknown):
                raise InputError(f"agent {unknown[0]} is not tracked now; leave agent_ids empty to ask about all")
        config = self._config.conditional
        answer = answer_plans(scene, plans, self._query_predictor, config, known, give_way)
        return answer if agent_ids is None or not len(agent_ids) else select_agents(answer, agent_ids)

    def _create(self) -> Predictor:
        predictor, self._unusable = create_usable_predictor(self._config.predictor, self._config)
        return predictor

    def _cycle(self, scene: Scene, problems: tuple[str, ...]) -> Cycle:
        with self.urgent():
            predictions = self._consistency(self._predictor.predict(scene))
        self._latest = scene, predictions
        unusable = (self._unusable,) if self._unusable else ()
        return Cycle(scene, predictions, (*problems, *unusable, *self._predictor.problems))

    def _is_due(self, stamp_ns: int) -> bool:
        """Whether a scene is new; a tenth of a period is left to the jitter of the tracker."""
        if self._predicted_ns is None or stamp_ns < self._predicted_ns:
            return True
        return (stamp_ns - self._predicted_ns) * 1e-9 >= 0.9 / self._config.runtime.max_rate_hz

    def _newest(self) -> tuple[Scene | None, PredictedTrajectories | None]:
        """The newest scene and, if they are at hand, its predictions: a query then needs no scene and no prediction."""
        latest, newest_ns = self._latest, self.newest_stamp_ns
        if latest is not None and latest[0].stamp_ns == newest_ns and latest[0].ego is not None:
            return latest
        scene, _ = self._scene()
        return scene, None

    def _give_way(self) -> None:
        self._nothing_urgent.wait(_MAX_PAUSE_S)

    def _patience(self) -> Callable[[], None]:
        """A pause for one query: all its pauses together take no longer than `_MAX_PAUSE_S`."""
        left_s = _MAX_PAUSE_S

        def give_way() -> None:
            nonlocal left_s
            if left_s > 0.0 and not self._nothing_urgent.is_set():
                started_s = time.monotonic()
                self._nothing_urgent.wait(left_s)
                left_s -= time.monotonic() - started_s

        return give_way

    def _scene(self) -> tuple[Scene | None, tuple[str, ...]]:
        with self._lock:
            return self._history.scene(), self._history.problems


def select_agents(answer: ConditionalAnswer, agent_ids: NDArray[np.int64]) -> ConditionalAnswer:
    """Only the columns of `agent_ids`, in the answer's own order."""
    keep = np.isin(answer.ids, agent_ids)
    per_agent = ("ids", "agent_class", "probability", "position", "yaw", "speed", "covariance", "source")
    predictions = tuple(
        replace(each, **{name: getattr(each, name)[keep] for name in per_agent}) for each in answer.predictions
    )
    columns = ("yield_probability", "collision_probability", "smallest_gap_m", "time_to_conflict_s", "shift_m")
    return replace(
        answer,
        predictions=predictions,
        ids=answer.ids[keep],
        **{name: getattr(answer, name)[:, keep] for name in columns},
    )
