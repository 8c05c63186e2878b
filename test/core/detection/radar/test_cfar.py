"""Echoes in polar images, and detections from them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from radar_scenes import measurement

from zoox_prediction.detection.radar.cfar import polar_image_points
from zoox_prediction.detection.radar.config import CfarConfig, PolarImageConfig, ScanningRadarConfig
from zoox_prediction.detection.radar.scanning import ScanningRadarDetector
from zoox_prediction.errors import InputError
from zoox_prediction.sensor_data import PointCloud

RESOLUTION_M = 0.2
AZIMUTH = np.radians(np.arange(0.0, 360.0, 1.0))


def _noise(seed: int = 0, mean: float = 25.0) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(mean, 5.0, (360, 400))
    return np.clip(noise, 0, 255).astype(np.uint8)


def _echoes(image: NDArray, **changes: float) -> PointCloud:
    return polar_image_points(image, AZIMUTH, RESOLUTION_M, CfarConfig(**changes))


def test_an_echo_is_one_point_at_its_place_with_its_strength() -> None:
    image = np.full((360, 400), 20, dtype=np.uint8)
    image[90, 149:152] = 90, 120, 90
    points = _echoes(image)
    assert len(points) == 1 and points.intensity is not None
    assert points.position[0] == pytest.approx([0.0, 150.5 * RESOLUTION_M, 0.0], abs=1e-4)
    assert points.intensity[0] == 120.0
    assert points.radial_speed is None and points.rcs_dbsm is None


def test_false_echoes_are_as_rare_in_loud_as_in_quiet_surroundings() -> None:
    """What constant false alarm rate means: of noise with any mean and deviation the same share passes."""
    quiet, loud = _noise(), _noise(mean=140.0)
    loud[:] = np.clip((loud - 140.0) * 4.0 + 140.0, 0, 255)
    shares = [len(_echoes(image, threshold_deviations=3.0, min_contrast=0.0)) / image.size for image in (quiet, loud)]
    assert 1e-4 < shares[0] < 0.01
    assert shares[1] == pytest.approx(shares[0], rel=0.5)


def test_a_weak_echo_beside_a_strong_one_is_kept_by_the_guard_cells() -> None:
    image = np.full((360, 400), 20, dtype=np.uint8)
    image[10, 198:203] = 200
    image[10, 195] = 60
    positions = _echoes(image, guard_m=1.5).position
    assert np.isclose(np.linalg.norm(positions, axis=1), 195.5 * RESOLUTION_M, atol=0.01).any()


def test_two_echoes_in_one_direction_are_apart_from_the_separation_on() -> None:
    image = np.full((360, 400), 20, dtype=np.uint8)
    image[10, 200] = image[10, 205] = 120
    assert len(_echoes(image, separation_m=0.5)) == 2
    image[10, 205] = 110
    assert len(_echoes(image, separation_m=1.4)) == 1


def test_the_housing_is_left_out() -> None:
    image = np.full((360, 400), 20, dtype=np.uint8)
    image[:, 5] = 200
    assert len(_echoes(image, min_range_m=2.0)) == 0


def test_what_stands_is_moved_to_where_it_is_at_the_end_of_the_turn() -> None:
    """At 10 m/s, what was ahead when a turn of half a second began is 5 m nearer when it ends, what was last is not."""
    image = _noise()
    image[5:10, 148:151] = image[355:359, 198:201] = 140  # clockwise from ahead: first to the right, last to the left
    config = ScanningRadarConfig(PolarImageConfig(range_resolution_m=RESOLUTION_M, turn_s=0.5))
    still = ScanningRadarDetector(config).detect(measurement(), image)
    moved = ScanningRadarDetector(config).detect(measurement((10.0, 0.0)), image)
    assert still.center is not None and moved.center is not None
    for y, x_still, shift in ((-3.7, 30.0, 4.9), (3.0, 40.0, 0.1)):
        here, there = (
            each[np.argmin(np.linalg.norm(each[:, :2] - [x, y], axis=1))]
            for each, x in ((still.center, x_still), (moved.center, x_still - shift))
        )
        assert here[0] - there[0] == pytest.approx(shift, abs=0.3)
        assert here[:2] == pytest.approx([x_still, y], abs=2.5)


def test_rows_of_an_image_have_directions_and_times() -> None:
    config = PolarImageConfig(first_azimuth_rad=np.pi / 2.0, clockwise=False, turn_s=0.4)
    assert config.azimuth_rad(4) == pytest.approx(np.radians([135.0, -135.0, -45.0, 45.0]))
    assert config.time_s(4) == pytest.approx([-0.35, -0.25, -0.15, -0.05])
    assert PolarImageConfig().azimuth_rad(400)[0] == pytest.approx(-np.pi / 400.0)


@pytest.mark.parametrize(
    ("shape", "azimuths", "resolution", "text"),
    [((10, 50), 50, 0.2, "give one for every row"), ((10,), 10, 0.2, "rows first"), ((10, 50), 10, 0.0, "above 0")],
)
def test_arrays_that_do_not_fit_are_one_sentence(shape: tuple, azimuths: int, resolution: float, text: str) -> None:
    with pytest.raises(InputError, match=text):
        polar_image_points(np.zeros(shape), np.zeros(azimuths), resolution)


def test_a_vehicle_in_noise_is_a_detection_without_speed() -> None:
    image = _noise()
    image[8:13, 148:151] = 140  # 30 m ahead, 10 degrees to the left, 2.6 m wide
    found = ScanningRadarDetector().detect(measurement(), image, AZIMUTH, RESOLUTION_M)
    assert found.center is not None and found.radial_speed is not None
    azimuth = np.arctan2(found.center[:, 1], found.center[:, 0])
    near = np.flatnonzero(np.abs(np.hypot(*found.center[:, :2].T) - 31.0) < 2.0)
    assert len(near) == 1 and azimuth[near[0]] == pytest.approx(np.radians(10.0), abs=0.02)
    assert np.isnan(found.radial_speed).all()
    assert len(found) <= 3


def test_labelled_vehicles_of_a_real_recording_in_fog_are_seen(recordings: Path) -> None:
    """The bus ahead of frame 9 of RADIATE and the car before it; boxes in metres by hand from the annotation file."""
    path = recordings / "radiate_tiny_foggy" / "Navtech_Polar" / "000009.png"
    image = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)).T
    found = ScanningRadarDetector().detect(measurement(), image)
    assert found.center is not None
    for x, y, half_length in ((46.8, -5.7, 6.4), (28.9, -2.3, 2.5)):
        off = np.abs(found.center[:, :2] - [x, y])
        assert ((off[:, 0] < half_length + 1.0) & (off[:, 1] < 2.5)).any()
