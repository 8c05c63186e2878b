"""All sensors of the vehicle together: the truth of an instant in, messages out.

Everything random belongs to the seed, the sensor's name and the stamp, so that the same truth gives the same bytes, and
a sensor that is left out changes nothing in the others. The images serve projection, synchronisation and fusion tests,
not the training of image detectors.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.recording.datasets.source import SensorMessage, StaticTransform
from zoox_prediction.recording.messages import odometry_to_message
from zoox_prediction.recording.sensor_messages import camera_info_message, encoded_image_message, point_cloud_message
from zoox_prediction.simulation.sensors.camera import camera_image
from zoox_prediction.simulation.sensors.config import (
    CameraConfig,
    ImageConfig,
    LidarConfig,
    RadarConfig,
    SensorConfig,
    SuiteConfig,
    ThermalConfig,
)
from zoox_prediction.simulation.sensors.ground import Ground
from zoox_prediction.simulation.sensors.lidar import lidar_sweep
from zoox_prediction.simulation.sensors.odometry import covariances, noisy_ego
from zoox_prediction.simulation.sensors.radar import radar_scan
from zoox_prediction.simulation.sensors.scenery import Scenery
from zoox_prediction.simulation.sensors.suite_file import load_suite_config
from zoox_prediction.simulation.sensors.thermal import thermal_image
from zoox_prediction.simulation.sensors.truth import SensorTruth
from zoox_prediction.simulation.sensors.visibility import Visibility, visibility

if TYPE_CHECKING:
    from zoox_prediction.recording.messages import MessageTypes

_BASE_FRAME = "base_link"
_ODOMETRY = "odometry"


class SensorSuite:
    """The sensors of a configuration."""

    def __init__(self, config: SuiteConfig) -> None:
        self.config = config
        self._ground: Ground | None = None

    @classmethod
    def load(cls, path: Path | str | None = None) -> SensorSuite:
        """The suite of a YAML file, or the package's own; raises ConfigError, see `load_suite_config`."""
        return cls(load_suite_config(path))

    def static_transforms(self) -> tuple[StaticTransform, ...]:
        """The mounting of every sensor's frame on base_link."""
        return tuple(
            StaticTransform(_BASE_FRAME, sensor.frame_id, sensor.base_from_frame) for sensor in self.config.sensors
        )

    def messages(self, truth: SensorTruth, seed: int) -> list[SensorMessage]:
        """The messages of all sensors that are due, in the order of the configuration.

        A sensor is due when a whole number of its periods has passed within the last `truth.step_s`. What takes time is
        done when a message is built, which may happen in any order and in several threads at once.
        """
        scenery = self.scenery(truth)
        messages: list[SensorMessage] = []
        for sensor in self.config.sensors:
            if _is_due(truth, sensor.period_ns):
                messages += _messages(sensor, scenery, seed)
        odometry = self.config.odometry
        if odometry.topic and _is_due(truth, odometry.period_ns):
            build = partial(_odometry, self.config, truth, seed)
            messages.append(SensorMessage(odometry.topic, truth.stamp_ns, build))
        return messages

    def visible_points(self, truth: SensorTruth) -> dict[str, Visibility]:
        """How much of every agent each sensor sees, by the sensor's name."""
        scenery = self.scenery(truth)
        return {sensor.name: visibility(sensor, scenery) for sensor in self.config.sensors}

    def scenery(self, truth: SensorTruth) -> Scenery:
        """What all sensors look at; the ground is kept from instant to instant."""
        if self._ground is None or self._ground.network is not truth.road_network:
            self._ground = Ground(truth.road_network)
        return Scenery(truth, self._ground)


def sensor_random(seed: int, name: str, stamp_ns: int) -> np.random.Generator:
    """The random numbers of one sensor at one instant."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), stamp_ns])


def _is_due(truth: SensorTruth, period_ns: int) -> bool:
    before = truth.stamp_ns - round(truth.step_s * 1e9)
    return truth.stamp_ns // period_ns != before // period_ns


def _messages(sensor: SensorConfig, scenery: Scenery, seed: int) -> list[SensorMessage]:
    stamp = scenery.truth.stamp_ns
    builders: dict[type[SensorConfig], Callable[..., Any]] = {
        LidarConfig: _lidar,
        RadarConfig: _radar,
        CameraConfig: _camera,
        ThermalConfig: _thermal,
    }
    build = partial(builders[type(sensor)], sensor, scenery, seed)
    messages = [SensorMessage(sensor.topic, stamp, build)]
    if isinstance(sensor, ImageConfig):
        messages.insert(0, SensorMessage(sensor.info_topic, stamp, partial(_camera_info, sensor, stamp)))
    return messages


def _random(sensor: SensorConfig, scenery: Scenery, seed: int) -> np.random.Generator:
    return sensor_random(seed, sensor.name, scenery.truth.stamp_ns)


def _lidar(sensor: LidarConfig, scenery: Scenery, seed: int, types: MessageTypes) -> Any:
    points, _ = lidar_sweep(sensor, scenery, _random(sensor, scenery, seed))
    return point_cloud_message(points, scenery.truth.stamp_ns, sensor.frame_id, types)


def _radar(sensor: RadarConfig, scenery: Scenery, seed: int, types: MessageTypes) -> Any:
    detections, _ = radar_scan(sensor, scenery, _random(sensor, scenery, seed))
    return point_cloud_message(detections, scenery.truth.stamp_ns, sensor.frame_id, types)


def _camera(sensor: CameraConfig, scenery: Scenery, seed: int, types: MessageTypes) -> Any:
    image = camera_image(sensor, scenery, _random(sensor, scenery, seed))
    stamp = scenery.truth.stamp_ns
    return encoded_image_message(image, "jpeg", stamp, sensor.frame_id, types, jpeg_quality=sensor.jpeg_quality)


def _thermal(sensor: ThermalConfig, scenery: Scenery, seed: int, types: MessageTypes) -> Any:
    pattern = np.random.default_rng([seed, zlib.crc32(sensor.name.encode())])
    image = thermal_image(sensor, scenery, _random(sensor, scenery, seed), pattern)
    return encoded_image_message(image, "png", scenery.truth.stamp_ns, sensor.frame_id, types)


def _camera_info(sensor: ImageConfig, stamp_ns: int, types: MessageTypes) -> Any:
    size = (sensor.height_px, sensor.width_px)
    return camera_info_message(sensor.camera_matrix, _NO_DISTORTION, size, stamp_ns, sensor.frame_id, types)


def _odometry(config: SuiteConfig, truth: SensorTruth, seed: int, types: MessageTypes) -> Any:
    random = sensor_random(seed, _ODOMETRY, truth.stamp_ns)
    message = odometry_to_message(noisy_ego(config.odometry, truth.ego, seed, random), types)
    message.pose.covariance, message.twist.covariance = covariances(config.odometry)
    return message


_NO_DISTORTION: NDArray[np.float64] = np.zeros(5)
