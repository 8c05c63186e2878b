"""The network as ONNX: the whole of it, and its decoder alone, which answers many candidate plans of one scene."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from zoox_prediction.models.network import NETWORK_OUTPUTS, PredictionNetwork
from zoox_prediction.models.scene_features import NETWORK_INPUTS

CODE = "code"  # (R, width) of paths: given by the whole network, taken by the decoder alone
DECODER_INPUTS = (
    CODE, "agent_scene", "agent_pose", "plan", "plan_valid", "path_agent", "path_kind", "path_points", "path_spacing",
    "path_start_speed", "limits", "is_vehicle",
)  # fmt: skip
Shapes = Mapping[str, tuple[int | None, ...]]
_OPSET = 17
_INTEGERS = ("agent_scene", "neighbor", "element_scene", "agent_element", "path_agent", "path_kind")
_FLAGS = ("neighbor_valid", "ego_valid", "plan_valid", "agent_element_valid", "is_vehicle")
_ROWS = {"raster": "B", "plan": "B", "plan_valid": "B", "neighbor": "N", "neighbor_valid": "N", "history": "N"}
_ROWS |= {"limits": "N", "is_vehicle": "N", CODE: "R"}


class _Whole(nn.Module):
    def __init__(self, network: PredictionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        by_name = dict(zip(NETWORK_INPUTS, inputs, strict=True))
        code = self.network.encode(by_name)
        return (*self.network.decode(code, by_name).values(), code)


class _Decoder(nn.Module):
    def __init__(self, network: PredictionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, code: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network.decode(code, dict(zip(DECODER_INPUTS[1:], inputs, strict=True))).values())


def export_network(network: PredictionNetwork, shapes: Shapes, path: Path, metadata: Mapping[str, str]) -> None:
    """Writes ONNX from NETWORK_INPUTS to NETWORK_OUTPUTS and the codes of paths, for any numbers B, N, R and M.

    `shapes` of the inputs by name, None where they depend on the scene. `metadata` goes into the file. The network is
    put into evaluation mode.
    """
    _export(_Whole(network), NETWORK_INPUTS, (*NETWORK_OUTPUTS, CODE), shapes, path, metadata)


def export_decoder(network: PredictionNetwork, shapes: Shapes, path: Path, metadata: Mapping[str, str]) -> None:
    """As `export_network`, from DECODER_INPUTS: each of B plans is a scene, whose paths have the codes of the scene."""
    shapes = {**shapes, CODE: (None, network.config.width)}
    _export(_Decoder(network), DECODER_INPUTS, NETWORK_OUTPUTS, shapes, path, metadata)


def _export(
    module: nn.Module,
    inputs: Sequence[str],
    outputs: Sequence[str],
    shapes: Shapes,
    path: Path,
    metadata: Mapping[str, str],
) -> None:
    rows = {name: {0: _row(name)} for name in inputs} | {name: {0: "R"} for name in outputs}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing: about sizes that are constant
        file = str(Path(folder) / "network.onnx")
        # The exporter by tracing: the newer one makes no faster graph and needs another package.
        torch.onnx.export(
            module.eval(),
            tuple(_zeros(name, shapes[name]) for name in inputs),
            file,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes=rows,
            opset_version=_OPSET,
            dynamo=False,
        )
        model = onnx.load(file)
    for key, value in metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.save(model, str(path))


def _row(name: str) -> str:
    """What an input has a row for: B scenes, N agents, R paths or M elements."""
    return _ROWS.get(name) or {"agent": "N", "ego": "B", "element": "M", "path": "R"}[name.partition("_")[0]]


def _zeros(name: str, shape: tuple[int | None, ...]) -> Tensor:
    rows = {"B": 2, "N": 3, "R": 4, "M": 5}[_row(name)]  # none is 1, which would be taken as constant
    kind = torch.int64 if name in _INTEGERS else torch.bool if name in _FLAGS else torch.float32
    sizes = [rows, *(size for size in shape[1:] if size is not None)]
    return torch.zeros(sizes, dtype=torch.uint8 if name == "raster" else kind)
