"""Tiny ONNX networks that give a fixed output, whatever the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper


def constant_network(
    path: Path,
    output: NDArray,
    size: tuple[int | str, int | str] = ("width", "height"),
    channels: int = 3,
    names: list[str] | None = None,
) -> Path:
    """A file whose output is `output` plus nothing of a picture (1, channels, height, width)."""
    shape: list[int | str] = [1, channels, size[1], size[0]]
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
        helper.make_node("Conv", ["mean", "nothing", "constant"], ["flat"], kernel_shape=[1, 1]),
        helper.make_node("Reshape", ["flat", "shape"], ["output"]),
    ]
    constants = [
        numpy_helper.from_array(np.zeros((output.size, channels, 1, 1), dtype=np.float32), "nothing"),
        numpy_helper.from_array(output.astype(np.float32).reshape(-1), "constant"),
        numpy_helper.from_array(np.array(output.shape, dtype=np.int64), "shape"),
    ]
    graph = helper.make_graph(
        nodes,
        "constant",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, list(output.shape))],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    if names is not None:
        entry = model.metadata_props.add()
        entry.key, entry.value = "names", str(dict(enumerate(names)))
    onnx.save(model, str(path))
    return path
