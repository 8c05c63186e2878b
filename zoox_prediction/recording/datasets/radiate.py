"""RADIATE (M. Sheeny et al., "RADIATE: A Radar Dataset for Automotive Perception in Bad Weather", ICRA 2021).

A scanning radar without Doppler, a 32-ring lidar, a stereo camera, GPS/IMU, and boxes on the radar's images. The map
frame has its origin where GPS/IMU begins, x to the east, and the ground is flat. base_link is on the ground straight
below the radar.

The radar turns clockwise from straight ahead, and a file's stamp is when its image came. Laid over the lidar's
sweeps, every sector of the images fits best if the turn ended RADAR_LATENCY_S before; messages and labels carry that
stamp, and labels are moved from the instant their direction was measured to the end of the turn.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from zoox_prediction.geometry import wrap_angle
from zoox_prediction.recording.datasets.kinematics import EgoTrajectory, Observations, derivatives, tracked_agents
from zoox_prediction.recording.datasets.radiate_calibration import (
    CAMERAS,
    RANGE_CELLS,
    RANGE_RESOLUTION_M,
    RadiateCalibration,
    read_calibration,
)
from zoox_prediction.recording.datasets.radiate_odometry import (
    GpsImu,
    clock_offset_ns,
    ego_trajectory,
    radar_speeds,
    read_gps_imu,
)
from zoox_prediction.recording.datasets.radiate_sensors import (
    camera_messages,
    gps_messages,
    lidar_messages,
    radar_messages,
    read_radar_image,
    read_stamps,
    static_transforms,
)
from zoox_prediction.recording.datasets.source import SensorMessage, SourceError, SourceRecording
from zoox_prediction.recording.datasets.sweep_files import numbered_files
from zoox_prediction.scene import DEFAULT_SIZE_M, AgentClass

FloatArray = NDArray[np.float64]

RADAR_LATENCY_S = 0.14
TURN_S = 0.245

LABEL_CLASSES = {
    "car": AgentClass.CAR,
    "van": AgentClass.CAR,
    "truck": AgentClass.TRUCK,
    "bus": AgentClass.BUS,
    "motorbike": AgentClass.MOTORCYCLIST,
    "bicycle": AgentClass.CYCLIST,
    "pedestrian": AgentClass.PEDESTRIAN,
    "group_of_pedestrians": AgentClass.PEDESTRIAN,
}
_EGO_SIZE_M = (4.8, 1.9)  # not told
_MIN_SPEED_MPS = 1.0  # slower, motion does not tell front from rear
_LATENCY_NS = round(RADAR_LATENCY_S * 1e9)


def read_sequence(folder: Path) -> SourceRecording:
    """The sequence in `folder`; raises SourceError naming the file that is bad."""
    calibration = read_calibration(_calibration_path(folder))
    stamps = read_stamps(folder / "Navtech_Polar.txt")
    gps = read_gps_imu(folder / "GPS_IMU_Twist", read_stamps(folder / "GPS_IMU_Twist.txt"))
    images = numbered_files(folder / "Navtech_Polar", (".png",))
    frames = sorted(images.keys() & stamps.keys())
    if not frames:
        raise SourceError(f"{folder / 'Navtech_Polar'}: holds no image with a time in Navtech_Polar.txt")
    offset = _clock_offset(folder, [images[frame] for frame in frames], [stamps[frame] for frame in frames], gps)
    ego = ego_trajectory(gps, offset)
    radar_stamps = np.array([stamps[frame] for frame in frames], dtype=np.int64) - _LATENCY_NS
    observations = _observations(folder / "annotations" / "annotations.json", frames, radar_stamps, ego)
    return SourceRecording(
        dataset="radiate",
        name=folder.resolve().name,
        agents=tracked_agents(observations, radar_stamps),
        ego=ego,
        ego_size=_EGO_SIZE_M,
        static_transforms=static_transforms(calibration),
        sensors=tuple(_sensors(folder, stamps, gps, offset, calibration)),
        notes={
            "radar_range_resolution_m": f"{RANGE_RESOLUTION_M:g}",
            "radar_rows": "clockwise from straight ahead, stamped at the end of the turn",
            "gps_clock_offset_s": f"{offset * 1e-9:.2f}",
            "velocities": "derived from the positions",
            "heights": "those of the classes: labels are plane",
        },
    )


def _calibration_path(folder: Path) -> Path:
    """That of the sequence, or the one that the development kit has for all of them."""
    places = (folder / "config", folder.parent / "config", folder)
    paths = [place / "default-calib.yaml" for place in places]
    return next((path for path in paths if path.is_file()), paths[0])


def _clock_offset(folder: Path, images: list[Path], stamps: list[int], gps: GpsImu) -> int:
    """By how much [ns] the clock of GPS/IMU is ahead."""
    times = np.array(stamps, dtype=np.int64)
    middle, speeds = radar_speeds(lambda row: read_radar_image(images[row]), times, RANGE_RESOLUTION_M)
    middle_of_turn = middle - _LATENCY_NS - round(0.5e9 * TURN_S)
    return clock_offset_ns(gps, middle_of_turn, speeds, folder / "GPS_IMU_Twist")


def _sensors(
    folder: Path, stamps: dict[int, int], gps: GpsImu, offset: int, calibration: RadiateCalibration
) -> list[SensorMessage]:
    messages = radar_messages(folder / "Navtech_Polar", stamps, _LATENCY_NS)
    if (folder / "velo_lidar.txt").is_file():
        messages += lidar_messages(folder / "velo_lidar", read_stamps(folder / "velo_lidar.txt"))
    for name in CAMERAS:
        if (folder / f"{name}.txt").is_file():
            times = read_stamps(folder / f"{name}.txt")
            messages += camera_messages(folder / name, times, name, calibration.cameras[name])
    messages += gps_messages(gps, offset)
    return sorted(messages, key=lambda message: message.stamp_ns)


def _observations(path: Path, frames: list[int], stamps: NDArray[np.int64], ego: EgoTrajectory) -> Observations:
    """The labelled boxes of the frames in the map frame at the frames' stamps; none where there is no such file."""
    if not path.is_file():
        return Observations.empty()
    rows, ids, kinds, boxes = _labels(path, frames)
    if not len(rows):
        return Observations.empty()
    place, yaw, length_width = _in_radar(boxes)
    # A direction was measured when the beam was there, and the box is where the object was then.
    share = np.mod(-np.arctan2(place[:, 1], place[:, 0]), 2.0 * np.pi) / (2.0 * np.pi)
    lag_ns = np.round((1.0 - share) * TURN_S * 1e9).astype(np.int64)
    position, heading = _in_map(place, yaw, stamps[rows] - lag_ns, ego)
    height = DEFAULT_SIZE_M[kinds, 2]
    seen = Observations(
        stamp_ns=stamps[rows] - lag_ns,
        ids=ids,
        agent_class=kinds,
        position=np.column_stack([position, 0.5 * height]),
        yaw=heading,
        size=np.column_stack([length_width, height]),
    )
    return _moved_to(stamps[rows], seen)


def _labels(
    path: Path, frames: list[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """(M,) rows of `frames`, ids, classes, and boxes (M, 5): left, top, width, height [px], rotation [deg]."""
    row_of = {frame - 1: row for row, frame in enumerate(frames)}  # frame 1 has the first entry
    found = []
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        for agent in document:
            kind = LABEL_CLASSES[agent["class_name"]]
            for index, box in enumerate(agent["bboxes"]):
                if box and index in row_of:
                    numbers = [float(value) for value in (*box["position"], box["rotation"])]
                    found.append((row_of[index], int(agent["id"]), int(kind), *numbers))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}); fetch the file again") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{path}: is not the annotation file of RADIATE ({error!r}); fetch it again") from error
    if len({len(row) for row in found}) > 1 or (found and len(found[0]) != 8):
        raise SourceError(f"{path}: a box has not four numbers as its position; fetch the file again")
    table = np.array(found, dtype=np.float64).reshape(-1, 8)
    whole = table[:, :3].astype(np.int64)
    return whole[:, 0], whole[:, 1], whole[:, 2], table[:, 3:]


def _in_radar(boxes: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Centres (M, 2), yaws (M,), lengths and widths (M, 2) in the radar's frame, of boxes in its cartesian images.

    These are twice as wide as the range has cells, the radar in the middle, ahead is up; heights lie along the heading.
    """
    middle = boxes[:, :2] + 0.5 * boxes[:, 2:4]
    radar = RANGE_CELLS - 0.5
    place = (radar - middle[:, ::-1]) * RANGE_RESOLUTION_M
    return place, wrap_angle(np.radians(boxes[:, 4])), boxes[:, [3, 2]] * RANGE_RESOLUTION_M


def _in_map(
    place: FloatArray, yaw: FloatArray, stamps: NDArray[np.int64], ego: EgoTrajectory
) -> tuple[FloatArray, FloatArray]:
    """Places (M, 2) and yaws (M,) of the radar's frame in the map, with the ego where it was at the stamps (M,)."""
    start = ego.stamp_ns[0]
    own_s = (ego.stamp_ns - start) * 1e-9
    at_s = np.clip((stamps - start) * 1e-9, own_s[0], own_s[-1])
    base = np.column_stack([np.interp(at_s, own_s, ego.position[:, axis]) for axis in range(2)])
    turn = Slerp(own_s, Rotation.from_quat(ego.quaternion))(at_s)
    turned = turn.apply(np.column_stack([place, np.zeros(len(place))]))[:, :2]
    return base + turned, wrap_angle(yaw + turn.as_euler("ZYX")[:, 0])


def _moved_to(stamps: NDArray[np.int64], seen: Observations) -> Observations:
    """The observations where they are at `stamps` (M,), by their own motion; headings point the way they move."""
    position, yaw = seen.position.copy(), seen.yaw.copy()
    for track in np.unique(seen.ids):  # tracks have different lengths, and this runs once per recording
        rows = np.flatnonzero(seen.ids == track)
        rows = rows[np.argsort(seen.stamp_ns[rows])]
        rate = derivatives((seen.stamp_ns[rows] - seen.stamp_ns[rows[0]]) * 1e-9, position[rows, :2])[0]
        along = rate[:, 0] * np.cos(yaw[rows]) + rate[:, 1] * np.sin(yaw[rows])
        if np.median(along) < -_MIN_SPEED_MPS:
            yaw[rows] = wrap_angle(yaw[rows] + np.pi)
        position[rows, :2] += rate * ((stamps[rows] - seen.stamp_ns[rows]) * 1e-9)[:, None]
    return replace(seen, stamp_ns=stamps, position=position, yaw=yaw)
