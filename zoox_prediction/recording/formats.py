"""The dataset layouts that can be converted; their readers are imported when used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoox_prediction.recording.datasets.source import SourceRecording


@dataclass(frozen=True)
class ConvertOptions:
    """What some formats need beside their source."""

    map_path: Path | None = None  # interaction
    sequence: str = "0000"  # kitti-tracking


@dataclass(frozen=True)
class Format:
    """A dataset layout: what it is, and what reads it."""

    layout: str  # for people, several lines
    read: Callable[[Path, ConvertOptions], SourceRecording]


def _read_argoverse_sensor(source: Path, _: ConvertOptions) -> SourceRecording:
    from zoox_prediction.recording.datasets.argoverse import read_sensor_log

    return read_sensor_log(source)


def _read_argoverse_forecasting(source: Path, _: ConvertOptions) -> SourceRecording:
    from zoox_prediction.recording.datasets.argoverse import read_forecasting_scenario

    return read_forecasting_scenario(source)


def _read_scenarionet(source: Path, _: ConvertOptions) -> SourceRecording:
    from zoox_prediction.recording.datasets.scenarionet import read_scenario

    return read_scenario(source)


def _read_interaction(source: Path, options: ConvertOptions) -> SourceRecording:
    from zoox_prediction.recording.datasets.interaction import read_tracks

    return read_tracks(source, options.map_path)


def _read_kitti(source: Path, options: ConvertOptions) -> SourceRecording:
    from zoox_prediction.recording.datasets.kitti import read_sequence

    return read_sequence(source, options.sequence)


def _read_kitti_raw(source: Path, _: ConvertOptions) -> SourceRecording:
    from zoox_prediction.recording.datasets.kitti_raw import read_drive

    return read_drive(source)


def _read_radiate(source: Path, _: ConvertOptions) -> SourceRecording:
    from zoox_prediction.recording.datasets.radiate import read_sequence

    return read_sequence(source)


def _read_eth_ucy(source: Path, _: ConvertOptions) -> SourceRecording:
    from zoox_prediction.recording.datasets.eth_ucy import read_trajectories

    return read_trajectories(source)


FORMATS: dict[str, Format] = {
    "argoverse2-sensor": Format(
        "SOURCE is the folder of one log:\n"
        "  annotations.feather or annotations_with_ego.feather\n"
        "  city_SE3_egovehicle.feather\n"
        "  map/log_map_archive_*.json\n"
        "  sensors/lidar/STAMP.feather                       where present\n"
        "  sensors/cameras/NAME/STAMP.jpg                    where present, with\n"
        "  calibration/{egovehicle_SE3_sensor,intrinsics}.feather",
        _read_argoverse_sensor,
    ),
    "argoverse2-forecasting": Format(
        "SOURCE is the folder of one scenario; its AV becomes the ego:\n  scenario_*.parquet\n  log_map_archive_*.json",
        _read_argoverse_forecasting,
    ),
    "scenarionet": Format(
        "SOURCE is one sd_*.pkl, made from nuScenes, Waymo or nuPlan. A pickle that names\n"
        "anything but numpy arrays and plain values is refused.",
        _read_scenarionet,
    ),
    "interaction": Format(
        "SOURCE is one vehicle_tracks_NNN.csv of INTERACTION or TAF-BW; beside it, where present:\n"
        "  pedestrian_tracks_NNN.csv, signal_phases_NNN.csv, meta_data.csv, *.kml (signals)\n"
        "The Lanelet2 map is maps/FOLDER.osm in a folder above, or --map MAP.osm.\n"
        "There is no ego.",
        _read_interaction,
    ),
    "kitti-tracking": Format(
        "SOURCE is tracking/training, with --sequence 0000:\n"
        "  calib/0000.txt, oxts/0000.txt, label_02/0000.txt\n"
        "  velodyne/0000/NNNNNN.bin, image_02/0000/NNNNNN.png  where present",
        _read_kitti,
    ),
    "kitti-raw": Format(
        "SOURCE is the folder of one drive, synchronised and rectified:\n"
        "  velodyne_points/data/NNNNNNNNNN.bin               or velodyne/NNNNNN.npz\n"
        "  velodyne_points/timestamps.txt                    10 Hz without\n"
        "  image_02/data/NNNNNNNNNN.png or .jpg              where present\n"
        "  oxts/data/NNNNNNNNNN.txt                          else the lidar tells the ego's pose\n"
        "  calib.txt as of the tracking data, or in the folder above\n"
        "  calib_{cam_to_cam,velo_to_cam,imu_to_velo}.txt",
        _read_kitti_raw,
    ),
    "radiate": Format(
        "SOURCE is the folder of one sequence:\n"
        "  Navtech_Polar.txt, Navtech_Polar/NNNNNN.png\n"
        "  GPS_IMU_Twist.txt, GPS_IMU_Twist/NNNNNN.txt\n"
        "  config/default-calib.yaml                         or in the folder above\n"
        "  annotations/annotations.json                      where present\n"
        "  velo_lidar.txt, velo_lidar/NNNNNN.csv or .npz     where present\n"
        "  zed_left.txt, zed_left/NNNNNN.png, zed_right      where present\n"
        "The radar's polar images become /sensors/navtech/image, a row for every direction.",
        _read_radiate,
    ),
    "eth-ucy": Format(
        "SOURCE is one text file with lines 'frame id x y' [m] at 2.5 Hz, pedestrians only.\n"
        "There is no ego and no map.",
        _read_eth_ucy,
    ),
}
