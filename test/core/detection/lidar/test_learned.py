"""A learned detector from an ONNX file in place of clusters."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from lidar_views import MEASUREMENT, on_base

from zoox_prediction.detection.lidar import LidarDetector, LidarDetectorConfig
from zoox_prediction.errors import InputError
from zoox_prediction.scene import AgentClass
from zoox_prediction.sensor_data import PointCloud

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

POINTS = np.array([[8.6, 3.0, -1.1], [0.0, -5.0, -1.9]], dtype=np.float32)


def _model(
    path: Path, *, width: int = 4, outputs: tuple[str, ...] = ("boxes", "scores", "labels"), rows: int = 2
) -> Path:
    """One that puts a car of 4 x 2 x 1.5 m, turned by 0.5, on every point; scores are the intensities."""
    helper, tensor = onnx.helper, onnx.TensorProto
    constant = {
        "start": np.array([0], dtype=np.int64),
        "three": np.array([3], dtype=np.int64),
        "four": np.array([4], dtype=np.int64),
        "axis": np.array([1], dtype=np.int64),
        "rest": np.tile(np.array([[4.0, 2.0, 1.5, 0.5]], dtype=np.float32), (rows, 1)),
        "zero": np.zeros((rows, 1), dtype=np.float32),
    }
    nodes = [
        helper.make_node("Slice", ["points", "start", "three", "axis"], ["place"]),
        helper.make_node("Concat", ["place", "rest"], [outputs[0]], axis=1),
        helper.make_node("Slice", ["points", "three", "four", "axis"], ["strength"]),
        helper.make_node("Squeeze", ["strength", "axis"], [outputs[1]]),
        helper.make_node("Mul", ["strength", "zero"], ["none"]),
        helper.make_node("Cast", ["none"], ["whole"], to=tensor.INT64),
        helper.make_node("Squeeze", ["whole", "axis"], [outputs[2]]),
    ]
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("points", tensor.FLOAT, ["n", width])],
        [
            helper.make_tensor_value_info(outputs[0], tensor.FLOAT, ["m", 7]),
            helper.make_tensor_value_info(outputs[1], tensor.FLOAT, ["m"]),
            helper.make_tensor_value_info(outputs[2], tensor.INT64, ["m"]),
        ],
        [onnx.numpy_helper.from_array(value, name) for name, value in constant.items()],
    )
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return path


def test_boxes_of_the_model_come_in_the_frame_of_the_sensor(tmp_path: Path) -> None:
    config = LidarDetectorConfig(onnx_file=str(_model(tmp_path / "model.onnx")))
    cloud = PointCloud(POINTS, intensity=np.array([0.9, 0.05], dtype=np.float32))
    detections = LidarDetector(config).detect(MEASUREMENT, cloud)
    assert len(detections) == 1  # the other one is less probable than min_existence
    np.testing.assert_allclose(on_base(detections)[0], POINTS[0] + MEASUREMENT.base_from_sensor[:3, 3], atol=1e-5)
    np.testing.assert_allclose(detections.center, POINTS[:1], atol=1e-5)
    np.testing.assert_allclose(detections.size, [[4.0, 2.0, 1.5]])
    np.testing.assert_allclose(detections.yaw, [0.5])
    np.testing.assert_allclose(detections.existence_probability, [0.9])
    assert detections.class_probabilities[0].argmax() == AgentClass.CAR
    assert detections.covariance is not None and (np.linalg.eigvalsh(detections.covariance) > 0.0).all()


def test_another_interface_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must have one float32 input \(N, 4\)"):
        LidarDetector(LidarDetectorConfig(onnx_file=str(_model(tmp_path / "wide.onnx", width=5))))
    named = _model(tmp_path / "named.onnx", outputs=("boxes", "confidence", "labels"))
    with pytest.raises(InputError, match="has no output 'scores', only boxes, confidence, labels"):
        LidarDetector(LidarDetectorConfig(onnx_file=str(named)))
    with pytest.raises(InputError, match="does not exist"):
        LidarDetector(LidarDetectorConfig(onnx_file=str(tmp_path / "nothing.onnx")))
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(InputError, match="cannot be loaded"):
        LidarDetector(LidarDetectorConfig(onnx_file=str(tmp_path / "bad.onnx")))
    few = LidarDetector(LidarDetectorConfig(onnx_file=str(_model(tmp_path / "few.onnx", rows=5))))
    with pytest.raises(InputError, match="failed on 2 points"):
        few.detect(MEASUREMENT, PointCloud(POINTS))


def test_without_the_runtime_the_sentence_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _model(tmp_path / "model.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match="needs onnxruntime, which is not installed"):
        LidarDetector(LidarDetectorConfig(onnx_file=str(path)))
    assert LidarDetector().config.onnx_file == ""
