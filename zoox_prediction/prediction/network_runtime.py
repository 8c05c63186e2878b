"""The trained network from its file, run by ONNX Runtime; by torch from a checkpoint."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.prediction.learned_config import LearnedConfig
from zoox_prediction.prediction.model_card import METADATA_KEY, ModelCard

_WEIGHTS = Path(__file__).parent / "weights"
_SHIPPED = ("default", "research")
_ONNX_TYPES = {
    "tensor(float)": np.float32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
    "tensor(uint8)": np.uint8,
}


@dataclass(frozen=True)
class Proposals:
    """R paths driven in C ways over T steps, in the frame of the path's agent; float32."""

    logits: NDArray[np.float32]  # (R, C)
    position: NDArray[np.float32]  # (R, C, T, 2) [m]
    yaw: NDArray[np.float32]  # (R, C, T)
    speed: NDArray[np.float32]  # (R, C, T) [m/s]
    covariance: NDArray[np.float32]  # (R, C, T, 3) xx, xy, yy [m^2]


OUTPUTS = tuple(each.name for each in fields(Proposals))


class Network(Protocol):
    """Inputs of a batch of scenes by name (NETWORK_INPUTS) in, proposals out; from any thread."""

    card: ModelCard

    def __call__(self, inputs: Mapping[str, NDArray]) -> Proposals: ...


def weights_file(weights: str) -> Path:
    """The file that `weights` of LearnedConfig means. Raises InputError when there is none."""
    if weights in _SHIPPED:
        suffixes = (".onnx", ".pt") if _is_installed("onnxruntime") else (".pt", ".onnx")
        for suffix in suffixes:
            if (path := _WEIGHTS / f"{weights}{suffix}").is_file():
                return path
        raise InputError(f"weights {weights}: this version ships none; give a file, or another predictor")
    path = Path(weights).expanduser()
    if path.suffix not in (".onnx", ".pt"):
        raise InputError(f"weights {weights}: must be {', '.join(_SHIPPED)} or a file .onnx or .pt")
    if not path.is_file():
        raise InputError(f"weights {weights}: there is no such file")
    return path


def open_network(config: LearnedConfig) -> Network:
    """The network of the config's weights; one that is open already is shared, until its file changes.

    Raises InputError, naming the file, when it cannot be run or is made for another layout of inputs.
    """
    path = weights_file(config.weights)
    return _open(path, path.stat().st_mtime_ns, config.num_threads, config.spinning, config.memory_arena)


@lru_cache(maxsize=4)
def _open(path: Path, changed_ns: int, num_threads: int, spinning: bool, memory_arena: bool) -> Network:
    del changed_ns  # a part of the key alone
    if path.suffix == ".pt":
        if not _is_installed("torch"):
            raise InputError(f"{path.name}: torch, which runs checkpoints, is not installed; give a network .onnx")
        from zoox_prediction.prediction.torch_network import TorchNetwork

        return TorchNetwork(path, num_threads)
    if not _is_installed("onnxruntime"):
        raise InputError(
            f"{path.name}: ONNX Runtime is not installed; pip install onnxruntime, or give a checkpoint .pt"
        )
    return OnnxNetwork(path, num_threads, spinning=spinning, memory_arena=memory_arena)


class OnnxNetwork:
    """A network that ONNX Runtime runs; its session is safe to use from several threads."""

    def __init__(self, path: Path, num_threads: int, *, spinning: bool = False, memory_arena: bool = True) -> None:
        """Raises InputError when the file cannot be read, or has other inputs or outputs than this version's."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.enable_cpu_mem_arena = memory_arena
        options.enable_mem_pattern = False  # a pattern is kept for every number of agents and paths that ever came
        options.log_severity_level = 3  # warnings tell about the exporter, not about the run
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the library has a class of its own for every reason, none public
            raise InputError(f"{path}: ONNX Runtime cannot read it ({_first_line(error)})") from error
        metadata = self._session.get_modelmeta().custom_metadata_map
        if METADATA_KEY not in metadata:
            raise InputError(f"{path}: has no metadata '{METADATA_KEY}'; give a network that 'train' exported")
        self.card = ModelCard.from_json(metadata[METADATA_KEY], str(path))
        self._types = _check_layout(self._session, self.card, str(path))

    def __call__(self, inputs: Mapping[str, NDArray]) -> Proposals:
        feeds = {name: np.ascontiguousarray(inputs[name], dtype=kind) for name, kind in self._types.items()}
        return Proposals(*self._session.run(OUTPUTS, feeds))


def _check_layout(session: Any, card: ModelCard, source: str) -> dict[str, Any]:
    """Type of each input by name, when names, shapes and types are those that scenes have; else InputError."""
    shapes = card.input_shapes()
    found: dict[str, Any] = {}
    for each in session.get_inputs():
        if each.name not in shapes:
            raise InputError(f"{source}: has an input '{each.name}' that no scene has; export it again")
        expected = shapes[each.name]
        fixed = [size if isinstance(size, int) else None for size in each.shape]
        fits = len(fixed) == len(expected) and all(
            size in (None, wanted) for size, wanted in zip(fixed, expected, strict=True)
        )
        if not fits:
            raise InputError(
                f"{source}: '{each.name}' is of shape {fixed}, scenes have {list(expected)}; export it again"
            )
        if each.type not in _ONNX_TYPES:
            raise InputError(f"{source}: '{each.name}' is a {each.type}; export it with the types of the features")
        found[each.name] = _ONNX_TYPES[each.type]
    names = [each.name for each in session.get_outputs()]
    if missing := [name for name in OUTPUTS if name not in names]:
        raise InputError(f"{source}: has no output '{missing[0]}', only {', '.join(names)}; export it again")
    return found


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200].rstrip(".") if lines else type(error).__name__
