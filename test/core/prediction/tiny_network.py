"""A network of the real one's interface, small enough to be written by a test: everybody goes straight on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from zoox_prediction.models.scene_features import NETWORK_INPUTS
from zoox_prediction.prediction.model_card import METADATA_KEY, ModelCard

LOGITS = (2.0, 1.0, 0.0)  # of the styles
SPEED_SHARES = (1.0, 0.5, 1.5)  # of today's speed, in each style
VARIANCES = (4.0, 0.5, 1.0)  # xx, xy, yy [m^2] of the covariance at the first step; growing with the time

_TYPES = {
    "raster": TensorProto.UINT8,
    **dict.fromkeys(("agent_scene", "neighbor", "element_scene", "agent_element", "path_agent", "path_kind"), 7),
    **dict.fromkeys(
        ("neighbor_valid", "ego_valid", "plan_valid", "agent_element_valid", "is_vehicle"), TensorProto.BOOL
    ),
}
_TIMES = np.arange(1, 81) * 0.1
_OUTPUTS: dict[str, list[int | str]] = {
    "logits": ["R", 3],
    "position": ["R", 3, 80, 2],
    "yaw": ["R", 3, 80],
    "speed": ["R", 3, 80],
    "covariance": ["R", 3, 80, 3],
}


def write_network(
    path: Path,
    card: ModelCard | None = None,
    *,
    shapes: Mapping[str, tuple[int | None, ...]] | None = None,
    leave_out: str = "",
    logits: tuple[float, ...] = LOGITS,
) -> Path:
    """A file at `path` with `card`; `shapes` of inputs that differ, and an output to `leave_out`."""
    card = card or ModelCard(version="tiny-1")
    wanted = {**card.input_shapes(), **(shapes or {})}
    inputs = [
        helper.make_tensor_value_info(
            name, _TYPES.get(name, TensorProto.FLOAT), [f"{name}_{i}" if s is None else s for i, s in enumerate(shape)]
        )
        for name, shape in wanted.items()
    ]
    assert set(NETWORK_INPUTS) <= set(wanted)
    outputs = {name: shape for name, shape in _OUTPUTS.items() if name != leave_out}
    graph = helper.make_graph(_nodes(), "tiny", inputs, [_value(*each) for each in outputs.items()], _constants(logits))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, card.to_json()
    onnx.save(model, str(path))
    return path


def _value(name: str, shape: list[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _nodes() -> list[onnx.NodeProto]:
    make = helper.make_node
    return [
        make("Reshape", ["path_start_speed", "one_column"], ["v"]),
        make("Mul", ["v", "zero"], ["nothing"]),
        make("Add", ["nothing", "style_logits"], ["logits"]),
        make("Reshape", ["path_start_speed", "two_columns"], ["v3"]),
        make("Mul", ["v3", "times"], ["x"]),
        make("Mul", ["v3", "shares"], ["speed"]),
        make("Mul", ["x", "zero"], ["yaw"]),
        make("Unsqueeze", ["x", "last"], ["x4"]),
        make("Unsqueeze", ["yaw", "last"], ["y4"]),
        make("Concat", ["x4", "y4"], ["position"], axis=3),
        make("Add", ["y4", "variances"], ["covariance"]),
    ]


def _constants(logits: tuple[float, ...]) -> list[onnx.TensorProto]:
    shares = np.asarray(SPEED_SHARES)[None, :, None]
    arrays = {
        "zero": np.float32(0.0),
        "style_logits": np.array([logits], dtype=np.float32),
        "times": (shares * _TIMES).astype(np.float32),
        "shares": np.broadcast_to(shares, (1, 3, 80)).astype(np.float32),
        "variances": (_TIMES[:, None] / _TIMES[0] * np.asarray(VARIANCES)).astype(np.float32),
        "one_column": np.array([-1, 1]),
        "two_columns": np.array([-1, 1, 1]),
        "last": np.array([3]),
    }
    return [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]


def some_inputs(card: ModelCard, paths: int = 4) -> dict[str, np.ndarray]:
    """Arrays of the right shapes and types, one row each but `paths` paths at 1, 2, 3 ... m/s."""
    numpy_types = {TensorProto.UINT8: np.uint8, TensorProto.INT64: np.int64, TensorProto.BOOL: np.bool_}
    arrays = {
        name: np.zeros(
            [1 if size is None else size for size in shape], numpy_types.get(_TYPES.get(name, 1), np.float32)
        )
        for name, shape in card.input_shapes().items()
    }
    for name in ("path_agent", "path_kind", "path_spacing", "path_points", "path_state"):
        arrays[name] = np.zeros((paths, *arrays[name].shape[1:]), arrays[name].dtype)
    return arrays | {"path_start_speed": np.arange(1.0, paths + 1.0, dtype=np.float32)}
