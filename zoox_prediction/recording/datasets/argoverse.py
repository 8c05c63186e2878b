"""Argoverse 2 (B. Wilson et al., NeurIPS 2021): sensor logs and motion-forecasting scenarios.

The map frame is the city frame. Boxes of sensor logs are in the ego frame and are placed by the ego's pose of the same
stamp. Cones, signs and other things, and bicycles, motorcycles and scooters without a rider, are not road users and are
left out: somebody who pushes one is annotated as a pedestrian.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from zoox_prediction.geometry import quaternion_from_yaw, yaw_from_quaternion
from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.recording.datasets import argoverse_sensors
from zoox_prediction.recording.datasets.kinematics import EgoTrajectory, Observations, tracked_agents
from zoox_prediction.recording.datasets.source import (
    SourceError,
    SourceRecording,
    columns,
    only_match,
    read_table,
    stable_ids,
)
from zoox_prediction.scene import DEFAULT_SIZE_M, AgentClass

if TYPE_CHECKING:
    import pandas as pd

# Categories of the sensor data set that are road users.
SENSOR_CLASSES = {
    "REGULAR_VEHICLE": AgentClass.CAR,
    "LARGE_VEHICLE": AgentClass.TRUCK,
    "BOX_TRUCK": AgentClass.TRUCK,
    "TRUCK": AgentClass.TRUCK,
    "TRUCK_CAB": AgentClass.TRUCK,
    "VEHICULAR_TRAILER": AgentClass.TRUCK,
    "BUS": AgentClass.BUS,
    "SCHOOL_BUS": AgentClass.BUS,
    "ARTICULATED_BUS": AgentClass.BUS,
    "RAILED_VEHICLE": AgentClass.BUS,  # trams: the nearest in size and motion
    "MOTORCYCLIST": AgentClass.MOTORCYCLIST,
    "BICYCLIST": AgentClass.CYCLIST,
    "WHEELED_RIDER": AgentClass.CYCLIST,  # on scooters and skateboards: the speed of bicycles
    "PEDESTRIAN": AgentClass.PEDESTRIAN,
    "STROLLER": AgentClass.PEDESTRIAN,
    "WHEELCHAIR": AgentClass.PEDESTRIAN,
    "OFFICIAL_SIGNALER": AgentClass.PEDESTRIAN,
    "DOG": AgentClass.ANIMAL,
    "ANIMAL": AgentClass.ANIMAL,
}
EGO_CATEGORY = "EGO_VEHICLE"

FORECASTING_CLASSES = {
    "vehicle": AgentClass.CAR,
    "bus": AgentClass.BUS,
    "motorcyclist": AgentClass.MOTORCYCLIST,
    "cyclist": AgentClass.CYCLIST,
    "pedestrian": AgentClass.PEDESTRIAN,
    "unknown": AgentClass.UNKNOWN,
}
AV_TRACK = "AV"

# The vehicle of both data sets is a Ford Fusion Hybrid: size as annotated for EGO_VEHICLE. Its frame is the centre of
# the rear axle; 1.42 m before it is the middle of the 2.85 m wheelbase.
EGO_SIZE_M = (4.877, 2.0)
EGO_CENTER_OFFSET_M = 1.42

ODOMETRY_SPACING_NS = 20_000_000  # poses come at every stamp of every sensor, some 2 ns apart: 50 Hz are kept

_POSE = ("timestamp_ns", "qw", "qx", "qy", "qz", "tx_m", "ty_m", "tz_m")
_BOX = (*_POSE, "track_uuid", "category", "length_m", "width_m", "height_m")
_STATE = ("track_id", "object_type", "timestep", "position_x", "position_y", "heading", "velocity_x", "velocity_y")
_SCENARIO = (*_STATE, "scenario_id", "start_timestamp", "end_timestamp", "num_timestamps")


def read_sensor_log(folder: Path) -> SourceRecording:
    """A log of the sensor data set; raises SourceError naming the file that is missing or damaged."""
    import pandas as pd

    boxes = read_table(pd.read_feather, _annotations_file(folder), _BOX, finite=True)
    poses = _read_poses(folder / "city_SE3_egovehicle.feather")
    stamps = np.unique(boxes["timestamp_ns"].to_numpy(dtype=np.int64))
    sensors = argoverse_sensors.read_sensors(folder)
    wanted = np.union1d(stamps, np.array([message.stamp_ns for message in sensors], dtype=np.int64))
    agents = boxes[boxes["category"].isin(SENSOR_CLASSES)]
    return SourceRecording(
        dataset="argoverse2-sensor",
        name=folder.resolve().name,
        agents=tracked_agents(_box_observations(agents, poses), stamps),
        ego=_ego_trajectory(poses, wanted),
        ego_size=_ego_size(boxes),
        ego_center_offset_m=EGO_CENTER_OFFSET_M,
        road_network=_road_network(folder / "map"),
        static_transforms=argoverse_sensors.read_static_transforms(folder),
        sensors=sensors,
        notes={
            "velocities": "derived from the positions",
            "left_out": ", ".join(sorted(set(boxes["category"]) - set(SENSOR_CLASSES) - {EGO_CATEGORY})),
        },
    )


def read_forecasting_scenario(folder: Path) -> SourceRecording:
    """A scenario of the motion-forecasting data set, its AV as the ego; raises SourceError naming the bad file.

    The data set has no sizes: those of the class are used. The AV's track gives the centre of its box, and base_link is
    put there.
    """
    import pandas as pd

    path = only_match(folder, "scenario_*.parquet")
    states = read_table(pd.read_parquet, path, _SCENARIO, finite=True)
    first = states.iloc[0]
    duration_ns = float(first["end_timestamp"]) - float(first["start_timestamp"])
    step_ns = duration_ns / max(int(first["num_timestamps"]) - 1, 1)
    states = states.assign(
        stamp_ns=np.int64(first["start_timestamp"]) + np.round(states["timestep"] * step_ns).astype(np.int64)
    )
    ego = states[states["track_id"] == AV_TRACK].sort_values("timestep")
    if not len(ego):
        raise SourceError(f"{path}: has no track '{AV_TRACK}'; is it a scenario of the motion-forecasting data set?")
    agents = states[states["object_type"].isin(FORECASTING_CLASSES) & (states["track_id"] != AV_TRACK)]
    return SourceRecording(
        dataset="argoverse2-forecasting",
        name=str(first["scenario_id"]),
        agents=tracked_agents(_state_observations(agents), np.unique(states["stamp_ns"].to_numpy(dtype=np.int64))),
        ego=_av_trajectory(ego),
        ego_size=EGO_SIZE_M,
        ego_center_offset_m=0.0,
        road_network=_road_network(folder),
        notes={"sizes": "of the class: the source has none"},
    )


def _ego_size(boxes: pd.DataFrame) -> tuple[float, float]:
    """Length and width [m] of the ego, from its own box where the log has one."""
    own = columns(boxes[boxes["category"] == EGO_CATEGORY], "length_m", "width_m")
    return (float(own[0, 0]), float(own[0, 1])) if len(own) else EGO_SIZE_M


def _read_poses(path: Path) -> pd.DataFrame:
    """The ego's poses in the city frame, strictly rising in time."""
    import pandas as pd

    poses = read_table(pd.read_feather, path, _POSE, finite=True)
    poses = poses.drop_duplicates("timestamp_ns").sort_values("timestamp_ns")
    if len(poses) < 2 or np.linalg.norm(_quaternions(poses), axis=1).min() < 0.5:
        raise SourceError(f"{path}: holds fewer than two poses, or a quaternion that is no rotation; fetch it again")
    return poses


def _annotations_file(folder: Path) -> Path:
    if not folder.is_dir():
        raise SourceError(f"{folder}: no such folder; give the folder of one log")
    with_ego = folder / "annotations_with_ego.feather"
    return with_ego if with_ego.is_file() else folder / "annotations.feather"


def _road_network(folder: Path) -> RoadNetwork:
    from zoox_prediction.maps.argoverse import read_argoverse

    return read_argoverse(only_match(folder, "log_map_archive_*.json"))


def _quaternions(table: pd.DataFrame) -> NDArray[np.float64]:
    """(M, 4) in x, y, z, w order."""
    return columns(table, "qx", "qy", "qz", "qw")


def _translations(table: pd.DataFrame) -> NDArray[np.float64]:
    return columns(table, "tx_m", "ty_m", "tz_m")


def _poses_at(poses: pd.DataFrame, stamps: NDArray[np.int64]) -> tuple[Rotation, NDArray[np.float64]]:
    """The ego's rotations and positions (M, 3) at stamps within the log, interpolated where no pose has that stamp."""
    times = poses["timestamp_ns"].to_numpy(dtype=np.int64)
    seconds = (times - times[0]) * 1e-9
    at = np.clip((stamps - times[0]) * 1e-9, 0.0, seconds[-1])
    rotations = Slerp(seconds, Rotation.from_quat(_quaternions(poses)))(at)
    positions = np.column_stack([np.interp(at, seconds, column) for column in _translations(poses).T])
    return rotations, positions


def _box_observations(boxes: pd.DataFrame, poses: pd.DataFrame) -> Observations:
    if not len(boxes):
        return Observations.empty()
    stamps = boxes["timestamp_ns"].to_numpy(dtype=np.int64)
    ids = stable_ids(boxes["track_uuid"])
    map_from_ego, ego_position = _poses_at(poses, stamps)
    orientation = map_from_ego * Rotation.from_quat(_quaternions(boxes))
    return Observations(
        stamp_ns=stamps,
        ids=np.array([ids[str(uuid)] for uuid in boxes["track_uuid"]], dtype=np.int64),
        agent_class=boxes["category"].map(SENSOR_CLASSES).to_numpy(dtype=np.int64),
        position=map_from_ego.apply(_translations(boxes)) + ego_position,
        yaw=yaw_from_quaternion(orientation.as_quat()),
        size=columns(boxes, "length_m", "width_m", "height_m"),
    )


def _ego_trajectory(poses: pd.DataFrame, wanted: NDArray[np.int64]) -> EgoTrajectory:
    """The poses at `wanted` stamps, and between them no closer than 50 Hz."""
    times = poses["timestamp_ns"].to_numpy(dtype=np.int64)
    cells = np.unique((times - times[0]) // ODOMETRY_SPACING_NS, return_index=True)[1]
    stamps = np.union1d(times[cells], wanted[(wanted >= times[0]) & (wanted <= times[-1])])
    close = np.diff(stamps, prepend=stamps[0] - ODOMETRY_SPACING_NS) < ODOMETRY_SPACING_NS // 2
    close |= np.diff(stamps, append=stamps[-1] + ODOMETRY_SPACING_NS) < ODOMETRY_SPACING_NS // 2
    stamps = stamps[~close | np.isin(stamps, wanted)]
    rotations, positions = _poses_at(poses, stamps)
    return EgoTrajectory(stamps, positions, rotations.as_quat())


def _state_observations(states: pd.DataFrame) -> Observations:
    ids = stable_ids(states["track_id"])
    agent_class = states["object_type"].map(FORECASTING_CLASSES).to_numpy(dtype=np.int64)
    position = columns(states, "position_x", "position_y")
    return Observations(
        stamp_ns=states["stamp_ns"].to_numpy(dtype=np.int64),
        ids=np.array([ids[str(name)] for name in states["track_id"]], dtype=np.int64),
        agent_class=agent_class,
        position=np.column_stack([position, np.zeros(len(position))]),
        yaw=states["heading"].to_numpy(dtype=np.float64),
        size=DEFAULT_SIZE_M[agent_class],
        velocity=columns(states, "velocity_x", "velocity_y"),
    )


def _av_trajectory(states: pd.DataFrame) -> EgoTrajectory:
    position = columns(states, "position_x", "position_y")
    return EgoTrajectory(
        stamp_ns=states["stamp_ns"].to_numpy(dtype=np.int64),
        position=np.column_stack([position, np.zeros(len(position))]),
        quaternion=quaternion_from_yaw(states["heading"].to_numpy(dtype=np.float64)),
        velocity=columns(states, "velocity_x", "velocity_y"),
    )
