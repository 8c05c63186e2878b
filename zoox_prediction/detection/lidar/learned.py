"""A learned 3D detector in the ONNX format in place of clusters.

The model takes one input, points float32 (N, 4) of any N: x, y, z on base_link [m] and the intensity as the sensor
scales it (0 where it gives none). It gives three outputs by these names: `boxes` float32 (M, 7), centre x, y, z,
length, width, height [m] and yaw about z, on base_link; `scores` float32 (M,), probabilities of existence; `labels`
integer (M,), in the order of AgentClass. Anchors, thresholds and suppression of doubles belong into the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.geometry import wrap_angle
from zoox_prediction.scene import NUM_CLASSES

FloatArray = NDArray[np.float64]

_OUTPUTS = ("boxes", "scores", "labels")
_CLASS_SHARE = 0.9  # what a label says of the class; the rest is shared by the others


@dataclass(frozen=True)
class LearnedBoxes:
    """M boxes on base_link."""

    center: FloatArray  # (M, 3)
    size: FloatArray  # (M, 3)
    yaw: FloatArray  # (M,)
    class_probabilities: FloatArray  # (M, 8)
    existence_probability: FloatArray  # (M,)


class LearnedDetector:
    """A model of the module's interface. Raises InputError when it cannot be loaded or has another one."""

    def __init__(self, path: Path | str, num_threads: int = 1) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise InputError(
                f"{path}: needs onnxruntime, which is not installed; 'pip install onnxruntime' or leave onnx_file empty"
            ) from None
        self._path = Path(path)
        if not self._path.is_file():
            raise InputError(f"onnx_file {path}: does not exist; give an ONNX model or leave it empty")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = num_threads, 1
        try:
            self._session = onnxruntime.InferenceSession(
                str(self._path), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the package has no common class for what a file can be wrong in
            raise InputError(f"{path}: cannot be loaded: {' '.join(str(error).split())[:200]}") from error
        inputs = self._session.get_inputs()
        names = [output.name for output in self._session.get_outputs()]
        if (
            len(inputs) != 1
            or len(inputs[0].shape) != 2
            or inputs[0].shape[1] != 4
            or inputs[0].type != "tensor(float)"
        ):
            raise InputError(f"{path}: must have one float32 input (N, 4), has {[each.shape for each in inputs]}")
        missing = [name for name in _OUTPUTS if name not in names]
        if missing:
            raise InputError(f"{path}: has no output '{missing[0]}', only {', '.join(names)}")
        self._input = inputs[0].name

    def detect(self, points: NDArray[np.float32]) -> LearnedBoxes:
        """The boxes of points (N, 4); raises InputError when the model gives something else than its interface says."""
        try:
            boxes, scores, labels = self._session.run(list(_OUTPUTS), {self._input: points})
        except Exception as error:
            raise InputError(
                f"{self._path}: failed on {len(points)} points: {' '.join(str(error).split())[:200]}"
            ) from error
        boxes, scores = np.asarray(boxes, dtype=np.float64), np.asarray(scores, dtype=np.float64)
        labels = np.asarray(labels).astype(np.int64)
        count = len(scores)
        if boxes.shape != (count, 7) or scores.shape != (count,) or labels.shape != (count,):
            shapes = ", ".join(
                f"{name} {each.shape}" for name, each in zip(_OUTPUTS, (boxes, scores, labels), strict=True)
            )
            raise InputError(f"{self._path}: gives {shapes}; must be (M, 7), (M,), (M,)")
        good = np.isfinite(boxes).all(axis=1) & np.isfinite(scores) & (boxes[:, 3:6] > 0.0).all(axis=1)
        good &= (labels >= 0) & (labels < NUM_CLASSES)
        boxes, scores, labels = boxes[good], scores[good], labels[good]
        classes = np.full((len(scores), NUM_CLASSES), (1.0 - _CLASS_SHARE) / (NUM_CLASSES - 1))
        classes[np.arange(len(scores)), labels] = _CLASS_SHARE
        return LearnedBoxes(boxes[:, :3], boxes[:, 3:6], wrap_angle(boxes[:, 6]), classes, np.clip(scores, 0.0, 1.0))
