"""Always an answer: what a predictor does wrong, or too late, is replaced by what a simpler one says, and said."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.prediction.predictor import Predictor
from zoox_prediction.prediction.sanitize import name_ids
from zoox_prediction.scene import PredictedTrajectories, Scene, Source

_PER_AGENT = ("agent_class", "probability", "position", "yaw", "speed", "covariance", "source")
_FALLBACK_SHARE = 0.5  # of the deadline: after a failure that took longer, no other predictor is asked


@dataclass(frozen=True)
class GuardConfig:
    """When an answer is not accepted, and the shape and spread of what stands in for it."""

    deadline_s: float = 0.08  # per scene; 0: wait for ever, for offline use
    max_speed_mps: float = 150.0  # a future that leaves the present position faster is not believed
    num_modes: int = 6
    num_steps: int = 80
    time_step_s: float = 0.1
    position_deviation_m: float = 0.3  # of the constant-velocity stand-in: 1 sigma now,
    velocity_deviation_mps: float = 0.5  # growing with the time,
    acceleration_deviation_mps2: float = 0.5  # and with half its square

    def __post_init__(self) -> None:
        if not (self.deadline_s >= 0.0 and self.max_speed_mps > 0.0 and self.time_step_s > 0.0):
            raise ValueError("deadline_s must be >= 0, max_speed_mps and time_step_s > 0")
        if self.num_modes < 1 or self.num_steps < 1:
            raise ValueError(f"num_modes and num_steps must be >= 1, got {self.num_modes} and {self.num_steps}")
        if not self.position_deviation_m > 0.0:
            raise ValueError(f"position_deviation_m must be > 0, got {self.position_deviation_m}")


class GuardedPredictor:
    """A predictor that cannot fail: the one it wraps, with a stand-in where that one has no usable answer.

    With a deadline the wrapped predictor works in a thread of its own. A scene that it has not finished by then is
    answered by constant velocity; while it is still busy, later scenes are too, so a queue never builds up. Of what it
    gets wrong in time, the `fallback` predictor makes a second try; constant velocity needs neither time nor luck.
    `problems` tells what was replaced in the last call and why.
    """

    def __init__(
        self, predictor: Predictor, config: GuardConfig | None = None, fallback: Predictor | None = None
    ) -> None:
        self._predictor = predictor
        self._config = config or GuardConfig()
        self._fallback = fallback
        self.name, self.version = predictor.name, predictor.version
        self.problems: tuple[str, ...] = ()
        self._worker = _Worker(predictor) if self._config.deadline_s > 0.0 else None

    def close(self) -> None:
        """Ends the thread once it is idle; further scenes are answered by the stand-in."""
        if self._worker is not None:
            self._worker.close()

    def predict(self, scene: Scene) -> PredictedTrajectories:
        """The futures of all agents of `scene`, finite whatever the wrapped predictor does."""
        self.problems = ()
        started_s, config = time.monotonic(), self._config
        try:
            if self._worker is None:
                predictions = self._predictor.predict(scene)
            else:
                predictions = self._worker.predict(scene, config.deadline_s)
            return self._mend(scene, predictions, started_s)
        except Exception as error:  # whatever it is, the vehicle needs an answer in this cycle
            is_late = isinstance(error, _LateError)
            reason = str(error) if is_late else f"failed: {type(error).__name__}: {error}"
            shape = (len(scene), config.num_modes, config.num_steps)
            stand_in = self._stand_in(scene, shape, config.time_step_s, not is_late and self._has_time(started_s))
            words = f"{' '.join(reason.split())}; {_words(stand_in)} stands in for all agents"
            self.problems = (f"{self.name} {words}",)
            return replace(stand_in, predictor_name=self.name, predictor_version=self.version)

    def _has_time(self, started_s: float) -> bool:
        deadline_s = self._config.deadline_s
        return deadline_s == 0.0 or time.monotonic() - started_s <= _FALLBACK_SHARE * deadline_s

    def _stand_in(
        self, scene: Scene, shape: tuple[int, int, int], time_step_s: float, has_time: bool
    ) -> PredictedTrajectories:
        """What the fallback says, if there is time to ask it and its answer is of `shape`; else constant velocity."""
        if self._fallback is not None and has_time:
            with contextlib.suppress(Exception):  # then constant velocity
                found = self._fallback.predict(scene)
                fits = found.yaw.shape == shape and abs(found.time_step_s - time_step_s) < 1e-9
                if fits and np.array_equal(found.ids, scene.agents.ids) and self._usable(scene, found).all():
                    source = np.full(len(scene), Source.HEURISTIC_FALLBACK, dtype=np.uint8)
                    return replace(found, source=source)
        _, modes, steps = shape
        return constant_velocity(scene, self._config, modes, steps, time_step_s)

    def _mend(self, scene: Scene, predictions: PredictedTrajectories, started_s: float) -> PredictedTrajectories:
        """`predictions` in the order of the scene's agents; the stand-in for those that are missing or unusable."""
        count, modes = predictions.probability.shape
        steps = predictions.position.shape[2]
        expected = {
            "ids": (count,),
            "position": (count, modes, steps, 2),
            "yaw": (count, modes, steps),
            "speed": (count, modes, steps),
            "covariance": (count, modes, steps, 2, 2),
            "source": (count,),
            "agent_class": (count,),
        }
        for name, shape in expected.items():
            if getattr(predictions, name).shape != shape:
                raise ValueError(f"{name} has the shape {getattr(predictions, name).shape}, expected {shape}")
        order, present = _find(scene.agents.ids, predictions.ids)
        usable = present.copy()
        usable[present] = self._usable(scene, predictions)[order[present]] if count else False
        probability = predictions.probability
        if usable.all() and np.array_equal(predictions.ids, scene.agents.ids):
            return replace(predictions, probability=probability / probability.sum(axis=1, keepdims=True))
        bad = ~usable
        if bad.any():
            shape = (len(scene), modes, steps)
            stand_in = self._stand_in(scene, shape, predictions.time_step_s, self._has_time(started_s))
            words = f"gave no usable answer for {name_ids(scene.agents.ids[bad])}; {_words(stand_in)} stands in"
            self.problems = (f"{self.name} {words}",)
        else:
            stand_in = constant_velocity(scene, self._config, modes, steps, predictions.time_step_s)
        mended: dict[str, Any] = {name: np.array(getattr(stand_in, name)) for name in _PER_AGENT}
        for name, array in mended.items():
            array[usable] = getattr(predictions, name)[order[usable]]
        mended["probability"] /= mended["probability"].sum(axis=1, keepdims=True)
        return replace(stand_in, predictor_name=self.name, predictor_version=self.version, **mended)

    def _usable(self, scene: Scene, predictions: PredictedTrajectories) -> NDArray[np.bool_]:
        """(M,) rows of `predictions` that are finite, proper distributions and start near their agent."""
        with np.errstate(all="ignore"):
            usable: NDArray[np.bool_] = np.abs(predictions.probability.sum(axis=1) - 1.0) < 1e-3  # false for NaN
            usable &= (predictions.probability >= 0.0).all(axis=1)
            for name in ("position", "yaw", "speed", "covariance"):
                array = getattr(predictions, name)
                # What is not finite makes the sum not finite: one pass, and no array of booleans in between.
                usable &= np.isfinite(array.reshape(len(array), int(np.prod(array.shape[1:]))).sum(axis=1))
            xx, yy = predictions.covariance[..., 0, 0], predictions.covariance[..., 1, 1]
            xy = predictions.covariance[..., 0, 1]
            determinant = xx * yy * 1.001 - xy * xy
            for array, low in ((xx, 0.0), (yy, 0.0), (determinant, -1e-9)):
                usable &= array.min(axis=(1, 2), initial=0.0) >= low
            rows, found = _find(predictions.ids, scene.agents.ids)
            start = scene.agents.position[np.where(found, rows, 0), :2] if len(scene) else np.zeros((len(rows), 2))
            # Axis by axis: a maximum over an innermost axis of two is several times slower.
            x, y = (np.abs(predictions.position[..., axis] - start[:, None, None, axis]) for axis in (0, 1))
            away = np.maximum(x, y).max(axis=1, initial=0.0)  # (M, T)
            times = (np.arange(away.shape[1]) + 1) * predictions.time_step_s
            usable &= (away <= self._config.max_speed_mps * times + 5.0).all(axis=1)
        return usable


def constant_velocity(
    scene: Scene, config: GuardConfig, num_modes: int, num_steps: int, time_step_s: float
) -> PredictedTrajectories:
    """All agents going straight on in mode 0; arithmetic only, finite whatever the scene holds."""
    count = len(scene)
    times = (np.arange(num_steps) + 1) * time_step_s
    start = np.nan_to_num(scene.agents.position[:, :2], posinf=0.0, neginf=0.0)
    velocity = np.clip(np.nan_to_num(scene.agents.velocity), -config.max_speed_mps, config.max_speed_mps)
    path = start[:, None] + velocity[:, None] * times[:, None]  # (N, T, 2)
    variance = (
        config.position_deviation_m**2
        + (config.velocity_deviation_mps * times) ** 2
        + (0.5 * config.acceleration_deviation_mps2 * times**2) ** 2
    )
    shape = (count, num_modes, num_steps)
    probability = np.zeros((count, num_modes))
    probability[:, 0] = 1.0
    yaw = np.nan_to_num(scene.agents.yaw, posinf=0.0, neginf=0.0)
    return PredictedTrajectories(
        stamp_ns=scene.stamp_ns,
        time_step_s=time_step_s,
        ids=scene.agents.ids,
        agent_class=scene.agents.agent_class,
        probability=probability,
        position=np.broadcast_to(path[:, None], (*shape, 2)).copy(),
        yaw=np.broadcast_to(yaw[:, None, None], shape).copy(),
        speed=np.broadcast_to(np.linalg.norm(velocity, axis=1)[:, None, None], shape).copy(),
        covariance=np.broadcast_to(variance[:, None, None] * np.eye(2), (*shape, 2, 2)).copy(),
        source=np.full(count, Source.HEURISTIC_FALLBACK, dtype=np.uint8),
        predictor_name="constant_velocity",
    )


def _words(stand_in: PredictedTrajectories) -> str:
    return stand_in.predictor_name.replace("_", " ")


class _LateError(Exception):
    """The answer was not there in time."""


class _Worker:
    """One thread that predicts one scene at a time.

    A thread of its own, kept: libraries with per-thread state (OpenMP in torch) would set that up anew in every cycle.
    Daemonic, so that a predictor that hangs for ever does not keep the process alive.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._scenes: queue.SimpleQueue[tuple[Scene, queue.SimpleQueue] | None] = queue.SimpleQueue()
        self._idle = threading.Event()
        self._idle.set()
        self._closed = False
        threading.Thread(target=self._run, name="predictor", daemon=True).start()

    def close(self) -> None:
        self._closed = True
        self._scenes.put(None)

    def predict(self, scene: Scene, deadline_s: float) -> PredictedTrajectories:
        if self._closed:
            raise _LateError("is closed")
        if not self._idle.is_set():
            raise _LateError("is still busy with an earlier scene")
        self._idle.clear()
        answer: queue.SimpleQueue = queue.SimpleQueue()
        self._scenes.put((scene, answer))
        try:
            result = answer.get(timeout=deadline_s)
        except queue.Empty:
            raise _LateError(f"took longer than {1e3 * deadline_s:.0f} ms") from None
        if isinstance(result, BaseException):
            raise result
        return result

    def _run(self) -> None:
        while (job := self._scenes.get()) is not None:
            scene, answer = job
            result: PredictedTrajectories | BaseException
            try:
                result = self._predictor.predict(scene)
            except BaseException as error:  # handed over to the caller's thread
                result = error
            self._idle.set()
            answer.put(result)


def _find(ids: NDArray[np.int64], table: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Row (N,) of each id in `table`, and whether it is there; the first one of duplicates."""
    if not len(table):
        return np.zeros(len(ids), dtype=np.int64), np.zeros(len(ids), dtype=bool)
    order = np.argsort(table, kind="stable")
    rows = order[np.minimum(np.searchsorted(table, ids, sorter=order), len(table) - 1)]
    return rows, table[rows] == ids
