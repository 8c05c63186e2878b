"""What the nodes say of themselves on /diagnostics while a recording plays: latencies, dropped frames, problems."""

from __future__ import annotations

import math
import threading
from dataclasses import asdict, dataclass

import numpy as np

_SENSOR_TO_TRACKS = "tracking_node: sensor to tracks"
_PREDICTION = "prediction_node: prediction"


@dataclass
class _Node:
    """Of the newest diagnostics; a latency is of the last ten seconds, the worst one stays."""

    p50_ms: float = math.nan
    p99_ms: float = math.nan
    worst_p99_ms: float = math.nan
    received: int = 0
    dropped: int = 0
    waiting: int = 0  # messages, at most


class NodeHealth:
    """Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._nodes: dict[str, _Node] = {}
        self._problems: dict[str, str] = {}

    def add(self, name: str, level: int, message: str, values: dict[str, str]) -> None:
        """One status; `name` is NODE: WHAT."""
        node, _, what = name.partition(": ")
        with self._lock:
            if what == "problems":
                self._problems[node] = message if level else ""
            elif what == "frames" and "dropped" in values:
                entry = self._nodes.setdefault(node, _Node())
                entry.received, entry.dropped = int(values["received"]), int(values["dropped"])
            elif what == "tracks" and "waiting" in values:
                entry = self._nodes.setdefault(node, _Node())
                entry.waiting = max(entry.waiting, int(values["waiting"]))
            elif what in ("detection", "tracking", "prediction", "sensor to tracks") and "p50_ms" in values:
                entry = self._nodes.setdefault(name if what == "sensor to tracks" else node, _Node())
                entry.p50_ms, entry.p99_ms = float(values["p50_ms"]), float(values["p99_ms"])
                entry.worst_p99_ms = float(np.nanmax([entry.worst_p99_ms, entry.p99_ms]))

    def as_dict(self) -> dict[str, object]:
        """`p50_ms` and `p99_ms` of predictions, `health` in words, and of all `nodes` what is known."""
        with self._lock:
            prediction = self._nodes.get(_PREDICTION.partition(":")[0], _Node())
            told = [f"{node}: {text}" for node, text in sorted(self._problems.items()) if text]
            health = "; ".join(told) or ("ok" if "prediction_node" in self._problems else "")
            return {
                "p50_ms": prediction.p50_ms,
                "p99_ms": prediction.p99_ms,
                "sensor_to_tracks_p99_ms": self._nodes.get(_SENSOR_TO_TRACKS, _Node()).p99_ms,
                "health": health,
                "nodes": {name: asdict(node) for name, node in sorted(self._nodes.items())},
            }
