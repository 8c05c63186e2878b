"""How many labelled boxes are found at which number of false ones: detections and tracks judged alike, from above."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from zoox_prediction.evaluation.footprints import Footprints, footprint_overlaps

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class MatchingRule:
    """A box is of a label when it covers it by `min_iou`, or its centre is in the label or as near as this to it.

    Of a long vehicle sensors see one end, whose centre is far from the label's.
    """

    max_distance_m: float = 1.5
    min_iou: float = 0.3


@dataclass(frozen=True)
class FoundBoxes:
    """N boxes that were found, and how sure each is."""

    boxes: Footprints
    existence: FloatArray  # (N,)

    def __len__(self) -> int:
        return len(self.existence)

    def select(self, rows: NDArray) -> FoundBoxes:
        """The boxes of `rows`, an index or boolean array."""
        return FoundBoxes(self.boxes.select(rows), self.existence[rows])


@dataclass(frozen=True)
class JudgedFrame:
    """The labels of an instant and what was found, in one frame of reference."""

    labels: Footprints
    counts: NDArray[np.bool_]  # (L,) others are neither missed nor found, nor is what was found there false
    found: FoundBoxes


@dataclass(frozen=True)
class DetectionScores:
    """Of a recording or more; NaN where nothing is there to be found, or nothing was found."""

    num_frames: int
    num_labels: int
    recall: float
    precision: float
    false_per_frame: float
    recall_at_false: float  # with so sure boxes only that false ones are not more than was asked


def score_frames(frames: Sequence[JudgedFrame], rule: MatchingRule, false_per_frame: float) -> DetectionScores:
    """The scores of frames; every label is given to one box at most, the surest box chooses first."""
    number = sum(int(frame.counts.sum()) for frame in frames)
    outcomes = np.concatenate([_outcomes(frame, rule) for frame in frames] or [np.zeros(0, dtype=np.int64)])
    existence = np.concatenate([frame.found.existence for frame in frames] or [np.zeros(0)])
    judged = outcomes >= 0
    hits = outcomes[judged][np.argsort(-existence[judged], kind="stable")] == 1
    true, false = np.cumsum(hits), np.cumsum(~hits)
    few = np.flatnonzero(false <= false_per_frame * len(frames))
    found = int(true[-1]) if len(true) else 0
    return DetectionScores(
        num_frames=len(frames),
        num_labels=number,
        recall=found / number if number else float("nan"),
        precision=found / len(hits) if len(hits) else float("nan"),
        false_per_frame=(len(hits) - found) / len(frames) if frames else float("nan"),
        recall_at_false=(int(true[few[-1]]) if len(few) else 0) / number if number else float("nan"),
    )


def _outcomes(frame: JudgedFrame, rule: MatchingRule) -> NDArray[np.int64]:
    """(N,) 1 a hit, 0 a false box, -1 not to be judged."""
    outcomes = np.zeros(len(frame.found), dtype=np.int64)
    value = pair_values(frame.found.boxes, frame.labels, rule)
    free = np.ones(len(frame.labels), dtype=bool)
    # Whoever is surer chooses first: one after the other by its nature.
    for row in np.argsort(-frame.found.existence, kind="stable"):
        left = np.where(free, value[row], -np.inf)
        if left.size and np.isfinite(left.max()):
            label = int(left.argmax())
            free[label] = False
            outcomes[row] = 1 if frame.counts[label] else -1
    near_others = np.isfinite(value[:, ~frame.counts]).any(axis=1)
    outcomes[(outcomes == 0) & near_others] = -1
    return outcomes


def pair_values(ours: Footprints, theirs: Footprints, rule: MatchingRule) -> FloatArray:
    """(N, M) how well pairs fit, -inf where they do not."""
    overlap = footprint_overlaps(ours, theirs)
    off = shapely.distance(shapely.points(ours.position)[:, None], theirs.polygons()[None, :])
    fits = (overlap >= rule.min_iou) | (off <= rule.max_distance_m)
    return np.where(fits, overlap - 0.01 * cdist(ours.position, theirs.position), -np.inf)


def union(parts: Sequence[FoundBoxes], rule: MatchingRule) -> FoundBoxes:
    """What several sensors found together, each thing once: the box of the first that saw it, the existence of all.

    The sensor that measures places best comes first.
    """
    together = parts[0]
    for part in parts[1:]:
        value = pair_values(part.boxes, together.boxes, rule)
        existence = together.existence.copy()
        alone = np.ones(len(part), dtype=bool)
        while value.size and np.isfinite(value.max()):
            theirs, ours = np.unravel_index(int(value.argmax()), value.shape)
            value[theirs], value[:, ours] = -np.inf, -np.inf
            alone[theirs] = False
            existence[ours] = 1.0 - (1.0 - existence[ours]) * (1.0 - part.existence[theirs])
        rest = part.select(alone)
        boxes = [
            np.concatenate([getattr(each.boxes, name) for each in (together, rest)])
            for name in ("position", "yaw", "size")
        ]
        together = FoundBoxes(Footprints(*boxes), np.concatenate([existence, rest.existence]))
    return together
