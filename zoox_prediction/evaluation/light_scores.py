"""How right tracks are about the lights of the vehicles that they are of."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

import numpy as np

from zoox_prediction.evaluation.tracking_run import TrackedFrame
from zoox_prediction.scene import AgentClass, Attribute

LIGHTS = MappingProxyType(
    {
        "brake light": Attribute.BRAKE_LIGHT,
        "left indicator": Attribute.LEFT_INDICATOR,
        "right indicator": Attribute.RIGHT_INDICATOR,
        "hazard lights": Attribute.HAZARD,
    }
)
_CLASSES = (AgentClass.CAR, AgentClass.TRUCK, AgentClass.BUS)
_SAME_M = 2.0  # between the centres of a vehicle and of its track
_SEEN_POINTS = 10  # of the lidars on a vehicle that counts


def score_lights(frames: Iterable[TrackedFrame], radius_m: float = 30.0) -> list[dict[str, object]]:
    """A row for every light, over the tracked vehicles within the radius of the ego at all instants.

    `shown` and `told` are how often the truth and the tracks have it on, `known` the share of vehicles of which the
    tracks say whether it is on; `recall_known` is over these alone. Shares of nothing are NaN.
    """
    truth, told, known = [], [], []
    for frame in frames:
        rows, tracks = _pairs(frame, radius_m)
        truth.append(frame.truth.attributes[rows])
        told.append(frame.tracks.attributes[tracks])
        known.append(frame.tracks.attributes_valid[tracks])
    bits = [np.concatenate([*each, []]).astype(np.uint32) for each in (truth, told, known)]
    return [{"light": name, **_score(*((each & bit) > 0 for each in bits))} for name, bit in LIGHTS.items()]


def _pairs(frame: TrackedFrame, radius_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the truth that count, and of their tracks."""
    truth, tracks = frame.truth, frame.tracks
    near = np.linalg.norm(truth.position[:, :2] - frame.ego_position, axis=1) <= radius_m
    rows = np.flatnonzero(near & np.isin(truth.agent_class, _CLASSES) & (frame.lidar_points >= _SEEN_POINTS))
    if not len(tracks):
        return rows[:0], rows[:0]
    apart = np.linalg.norm(truth.position[rows, None, :2] - tracks.position[None, :, :2], axis=2)
    nearest = apart.argmin(axis=1)
    same = apart[np.arange(len(rows)), nearest] <= _SAME_M
    return rows[same], nearest[same]


def _score(shown: np.ndarray, told: np.ndarray, known: np.ndarray) -> dict[str, float]:
    told = told & known
    right = int((shown & told).sum())
    return {
        "vehicles": len(shown),
        "shown": int(shown.sum()),
        "told": int(told.sum()),
        "known": _share(int(known.sum()), len(known)),
        "precision": _share(right, int(told.sum())),
        "recall": _share(right, int(shown.sum())),
        "recall_known": _share(right, int((shown & known).sum())),
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
