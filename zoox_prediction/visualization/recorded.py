"""Draws the scenes of a recording: the same view throughout, predictions over what really happened."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.prediction.recorded_scenes import recorded_scenes
from zoox_prediction.prediction.scene_history import SceneHistoryConfig
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.scene import PredictedTrajectories, Scene
from zoox_prediction.visualization.birds_eye import ViewConfig, draw_scene

FRAMES_PER_S = 10.0  # of films; recordings have ten frames a second
_SMALLEST_STEP_S = 0.01


def every_scene(log: RecordedLog, history: SceneHistoryConfig | None = None) -> Iterator[Scene]:
    """The scene at every frame of the recording but the last, each as it was known then."""
    return recorded_scenes(log, history or SceneHistoryConfig(), 0.0, _SMALLEST_STEP_S, _SMALLEST_STEP_S)


def scene_at(log: RecordedLog, seconds: float) -> Scene:
    """The last scene not later than `seconds` into the recording. Raises InputError when there is none."""
    duration_s = (log.stamps_ns[-1] - log.stamps_ns[0]) * 1e-9 if len(log.stamps_ns) else 0.0
    if not 0.0 <= seconds <= duration_s:
        raise InputError(f"--at {seconds:g}: the recording has agents from 0 to {duration_s:.1f} s; choose within")
    found = None
    for scene in every_scene(log):
        if found is not None and scene.stamp_ns - log.stamps_ns[0] > round(seconds * 1e9):
            break
        found = scene
    if found is None:
        raise InputError("the recording has no scene; it holds fewer than two frames of agents")
    return found


def still_center(log: RecordedLog) -> NDArray[np.float64] | None:
    """(2,) amid the traffic of a recording without an ego [m]; None when there is an ego, or no traffic."""
    frames = [agents for agents in log.agents if len(agents)]
    if log.ego or not frames:
        return None
    center: NDArray[np.float64] = np.median(np.concatenate([agents.position[:, :2] for agents in frames]), axis=0)
    return center


class RecordingView:
    """Draws scenes of one recording from above: around the ego, or still over the traffic where there is none."""

    def __init__(self, log: RecordedLog, width_m: float | None = None):
        """`width_m` of the picture; by default it fits the speeds of the recording."""
        self._log = log
        frames = [agents for agents in log.agents if len(agents)]
        speeds = np.concatenate([agents.speed for agents in frames] or [np.zeros(1)])
        self._config = ViewConfig(width_m=width_m or _fitting_width_m(speeds))
        self._center = still_center(log)

    def draw(self, scene: Scene, predictions: PredictedTrajectories | None) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB picture with the time into the recording as its title."""
        seconds = (scene.stamp_ns - self._log.stamps_ns[0]) * 1e-9
        truth = None
        if predictions is not None:
            truth = self._log.future(predictions.ids, scene.stamp_ns, predictions.time_step_s, predictions.num_steps)
        title = f"{self._log.name}, {seconds:.1f} s"
        return draw_scene(scene, predictions, truth, config=self._config, center=self._center, title=title)


def _fitting_width_m(speeds: NDArray) -> float:
    """Wide enough for what the fast agents do in 8 s, close enough to see pedestrians."""
    return float(np.clip(12.0 * np.percentile(speeds, 95) + 40.0, 60.0, 160.0))
