"""The scenes that a predictor would have been shown while a recording was made."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zoox_prediction.prediction.scene_history import EgoConfig, SceneHistory, SceneHistoryConfig
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.scene import Scene


def recorded_scenes(
    log: RecordedLog, history_config: SceneHistoryConfig, start_s: float, interval_s: float, truth_s: float
) -> Iterator[Scene]:
    """Scenes every `interval_s` from `start_s` after the first frame to `truth_s` before the last, in time order.

    Each knows only what was recorded up to then.
    """
    history = SceneHistory(history_config, EgoConfig(*log.ego_size, log.ego_center_offset_m))
    history.set_road_network(log.road_network)
    egos, signals = iter(log.ego), iter(log.signals)
    next_ego, next_signals = next(egos, None), next(signals, None)
    stamps = np.asarray(log.stamps_ns, dtype=np.int64)
    due_ns = stamps[0] + round(start_s * 1e9) if len(stamps) else 0
    end_ns = stamps[-1] - round(truth_s * 1e9) if len(stamps) else 0
    for agents in log.agents:
        while next_ego is not None and next_ego.stamp_ns <= agents.stamp_ns:
            history.add_ego(next_ego)
            next_ego = next(egos, None)
        while next_signals is not None and next_signals.stamp_ns <= agents.stamp_ns:
            history.add_signals(next_signals)
            next_signals = next(signals, None)
        history.add_agents(agents)
        if agents.stamp_ns > end_ns:
            return
        if agents.stamp_ns >= due_ns:
            due_ns += round(interval_s * 1e9)
            scene = history.scene(agents.stamp_ns)
            if scene is not None:
                yield scene
