"""Classes of COCO as those of agents: riders on what they ride, phones in hands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detection.image.boxes import share_of_smaller, without_duplicates
from zoox_prediction.detection.image.config import CameraNetworkConfig
from zoox_prediction.scene import NUM_CLASSES, AgentClass, Attribute

FloatArray = NDArray[np.float64]

# fmt: off
COCO_NAMES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)
# fmt: on

# Names of other data sets and of older lists are here too: a network trained on them works by its class names.
_AGENT_OF = {
    "person": AgentClass.PEDESTRIAN, "pedestrian": AgentClass.PEDESTRIAN, "people": AgentClass.PEDESTRIAN,
    **dict.fromkeys(("rider", "cyclist", "bicycle", "bike"), AgentClass.CYCLIST),
    **dict.fromkeys(("motorcyclist", "motorcycle", "motorbike"), AgentClass.MOTORCYCLIST),
    "car": AgentClass.CAR, "van": AgentClass.CAR, "truck": AgentClass.TRUCK, "bus": AgentClass.BUS,
    "train": AgentClass.UNKNOWN, "tram": AgentClass.UNKNOWN, "trailer": AgentClass.TRUCK,
    "animal": AgentClass.ANIMAL, "deer": AgentClass.ANIMAL,
    **dict.fromkeys(
        ("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"), AgentClass.ANIMAL
    ),
}  # fmt: skip
_WITHOUT_RIDER = ("bicycle", "bike", "motorcycle", "motorbike")  # a thing that is ridden, which may stand alone
_PHONES = ("cell phone", "mobile phone", "phone")

# A bicycle without a rider is parked: of no class, unless its rider was overlooked.
_UNSEEN_RIDER = 0.3
_OTHER = 0.02  # probability that is left to each class that the network gave no score
_NO_PHONE_CONFIDENCE = 0.3  # small phones are overlooked
# Groups within which boxes that overlap are one thing.
_GROUP = {AgentClass.TRUCK: AgentClass.CAR, AgentClass.BUS: AgentClass.CAR, AgentClass.UNKNOWN: AgentClass.CAR}


@dataclass(frozen=True)
class Found:
    """N things in a picture."""

    boxes: FloatArray  # (N, 4) pixels: left, top, right, bottom
    class_probabilities: FloatArray  # (N, 8)
    existence: FloatArray  # (N,)
    attributes: NDArray[np.uint32]  # (N,)
    attributes_valid: NDArray[np.uint32]  # (N,)
    attribute_confidence: FloatArray  # (N,)

    @classmethod
    def of(cls, boxes: FloatArray, class_probabilities: FloatArray, existence: FloatArray) -> Found:
        """Things without attributes."""
        bits = np.zeros(len(boxes), dtype=np.uint32)
        return cls(boxes, class_probabilities, existence, bits, bits, np.zeros(len(boxes)))


class AgentMapping:
    """From a network's classes, by their names, to agents."""

    def __init__(self, names: Sequence[str], config: CameraNetworkConfig) -> None:
        self._config = config
        lower = [name.lower() for name in names]
        agent = [_AGENT_OF.get(name) for name in lower]
        self._columns = np.flatnonzero([each is not None for each in agent])
        self._agent = np.array([each for each in agent if each is not None], dtype=np.int64)
        self._ridden = np.isin([lower[column] for column in self._columns], _WITHOUT_RIDER)
        self._phones = np.flatnonzero(np.isin(lower, _PHONES))
        self.knows_agents = len(self._columns) > 0

    @property
    def min_score(self) -> float:
        """Of what is worth looking at."""
        phones = self._config.min_phone_score if len(self._phones) else 1.0
        return min(self._config.min_score, phones)

    def agents(self, boxes: FloatArray, scores: FloatArray, max_overlap: float) -> Found:
        """The agents among boxes (N, 4) with scores (N, classes) of the network."""
        phones, phone_scores = self._phones_in(boxes, scores, max_overlap)
        known = scores[:, self._columns]
        likely = known.max(axis=1, initial=0.0) >= self._config.min_score
        # What looks more like something that is no agent is none.
        likely &= known.max(axis=1, initial=0.0) >= scores.max(axis=1, initial=0.0)
        boxes, known = boxes[likely], known[likely]
        best = known.argmax(axis=1) if len(known) else np.zeros(0, dtype=np.int64)
        groups = np.array(
            [_GROUP.get(AgentClass(each), AgentClass(each)) for each in self._agent[best]], dtype=np.int64
        )
        groups[self._ridden[best]] += NUM_CLASSES
        kept = without_duplicates(boxes, known.max(axis=1, initial=0.0), groups, max_overlap)
        boxes, known, best = boxes[kept], known[kept], best[kept]
        found = Found.of(boxes, self._probabilities(known), known.max(axis=1, initial=0.0))
        is_person = self._agent[best] == AgentClass.PEDESTRIAN
        found, is_person = _join_riders(found, is_person, self._ridden[best], self._config.rider_overlap)
        return self._with_phones(found, is_person, phones, phone_scores)

    def _probabilities(self, known: FloatArray) -> FloatArray:
        """(N, 8) of scores (N, known classes); those of one class of agents are one."""
        by_agent = np.zeros((len(known), NUM_CLASSES))
        for agent in np.unique(self._agent):
            by_agent[:, agent] = known[:, self._agent == agent].max(axis=1, initial=0.0)
        ridden = known[:, self._ridden].max(axis=1, initial=0.0)
        alone = (ridden > 0.0) & (ridden >= known.max(axis=1, initial=0.0))
        seen = by_agent[alone][:, [AgentClass.MOTORCYCLIST, AgentClass.CYCLIST]]
        by_agent[np.ix_(alone, [AgentClass.MOTORCYCLIST, AgentClass.CYCLIST])] = seen * _UNSEEN_RIDER
        by_agent[alone, AgentClass.UNKNOWN] += seen.sum(axis=1) * (1.0 - _UNSEEN_RIDER)
        return normalized(by_agent)

    def _phones_in(self, boxes: FloatArray, scores: FloatArray, max_overlap: float) -> tuple[FloatArray, FloatArray]:
        score = scores[:, self._phones].max(axis=1, initial=0.0)
        rows = (
            np.flatnonzero(score >= self._config.min_phone_score) if len(self._phones) else np.zeros(0, dtype=np.int64)
        )
        kept = rows[without_duplicates(boxes[rows], score[rows], np.zeros(len(rows), dtype=np.int64), max_overlap)]
        return boxes[kept], score[kept]

    def _with_phones(self, found: Found, is_person: NDArray[np.bool_], phones: FloatArray, scores: FloatArray) -> Found:
        """Phones whose centre is in a person's upper half are held by it; of tall persons without one it is known."""
        upper = found.boxes.copy()
        upper[:, 3] = (upper[:, 1] + upper[:, 3]) / 2.0
        center = (phones[:, :2] + phones[:, 2:]) / 2.0
        inside = ((center >= upper[:, None, :2]) & (center <= upper[:, None, 2:])).all(axis=-1) & is_person[:, None]
        confidence = np.where(inside, scores, 0.0).max(axis=1, initial=0.0)
        holds = confidence > 0.0
        tall = is_person & (found.boxes[:, 3] - found.boxes[:, 1] >= self._config.phone_visible_px)
        tall &= len(self._phones) > 0
        bit = np.uint32(Attribute.HOLDING_PHONE)
        return Found(
            found.boxes,
            found.class_probabilities,
            found.existence,
            np.where(holds, bit, np.uint32(0)),
            np.where(holds | tall, bit, np.uint32(0)),
            np.where(holds, confidence, np.where(tall, _NO_PHONE_CONFIDENCE, 0.0)),
        )


def normalized(scores: FloatArray) -> FloatArray:
    """(N, 8) probabilities of scores (N, 8), none of them 0."""
    total = scores.sum(axis=1, keepdims=True)
    shares = np.divide(scores, total, out=np.full_like(scores, 1.0 / NUM_CLASSES), where=total > 0.0)
    probabilities: FloatArray = (1.0 - NUM_CLASSES * _OTHER) * shares + _OTHER
    return probabilities


def _join_riders(
    found: Found, is_person: NDArray[np.bool_], is_ridden: NDArray[np.bool_], min_overlap: float
) -> tuple[Found, NDArray[np.bool_]]:
    """A person over a bicycle or motorcycle and that become one rider; and which things are still persons (M,)."""
    persons, ridden = np.flatnonzero(is_person), np.flatnonzero(is_ridden)
    share = share_of_smaller(found.boxes[persons], found.boxes[ridden])
    middle = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2.0
    sits_above = middle[persons, None, 1] < middle[None, ridden, 1]
    feet_in = (middle[persons, None, 0] >= found.boxes[None, ridden, 0]) & (
        middle[persons, None, 0] <= found.boxes[None, ridden, 2]
    )
    share = np.where(sits_above & feet_in, share, 0.0)
    boxes, probabilities = found.boxes.copy(), found.class_probabilities.copy()
    existence, gone = found.existence.copy(), np.zeros(len(boxes), dtype=bool)
    # Pair by pair, the best first: everybody rides one thing. There are few of them.
    for flat in np.argsort(-share, axis=None, kind="stable"):
        row, column = np.unravel_index(flat, share.shape)
        if share[row, column] < min_overlap:
            break
        person, thing = persons[row], ridden[column]
        if gone[person] or gone[thing] or not is_ridden[thing]:
            continue
        gone[person] = True
        boxes[thing, :2] = np.minimum(boxes[person, :2], boxes[thing, :2])
        boxes[thing, 2:] = np.maximum(boxes[person, 2:], boxes[thing, 2:])
        riders = found.class_probabilities[thing, [AgentClass.MOTORCYCLIST, AgentClass.CYCLIST]]
        scores = 0.1 * found.class_probabilities[[person]]
        scores[0, [AgentClass.MOTORCYCLIST, AgentClass.CYCLIST]] = 0.9 * riders / riders.sum()
        probabilities[thing] = normalized(scores)[0]
        existence[thing] = 1.0 - (1.0 - existence[thing]) * (1.0 - existence[person])
        is_ridden = is_ridden & (np.arange(len(is_ridden)) != thing)
    joined = Found.of(boxes[~gone], probabilities[~gone], existence[~gone])
    return joined, is_person[~gone]
