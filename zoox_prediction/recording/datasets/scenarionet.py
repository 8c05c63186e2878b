"""ScenarioNet's unified scenarios (Q. Li et al., NeurIPS 2023): nuScenes, Waymo Open Motion and nuPlan in one pickle.

The map frame is the one of the file. The track `sdc_id` becomes the ego and is not among the agents; cones and barriers
are left out. Traffic lights are keyed by the lane that they control, so a signal has the id of its lane.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.geometry import quaternion_from_yaw
from zoox_prediction.recording.datasets.kinematics import EgoTrajectory, Observations, tracked_agents
from zoox_prediction.recording.datasets.restricted_pickle import load_restricted
from zoox_prediction.recording.datasets.scenarionet_signals import read_signals
from zoox_prediction.recording.datasets.source import START_NS, SourceError, SourceRecording, stable_ids
from zoox_prediction.scene import DEFAULT_SIZE_M, AgentClass, Attribute

# ScenarioNet's own types; those that are not listed are things, not road users.
TYPE_CLASSES = {
    "VEHICLE": AgentClass.CAR,
    "PEDESTRIAN": AgentClass.PEDESTRIAN,
    "CYCLIST": AgentClass.CYCLIST,
    "OTHER": AgentClass.UNKNOWN,
    "UNSET": AgentClass.UNKNOWN,
}
# The category of the source data set, kept in a track's metadata, by its beginning; it is finer than ScenarioNet's.
CATEGORY_CLASSES = {
    "vehicle.truck": AgentClass.TRUCK,
    "vehicle.trailer": AgentClass.TRUCK,
    "vehicle.construction": AgentClass.TRUCK,
    "vehicle.bus": AgentClass.BUS,
    "vehicle.motorcycle": AgentClass.MOTORCYCLIST,
    "vehicle.bicycle": AgentClass.CYCLIST,
    "human.pedestrian.personal_mobility": AgentClass.CYCLIST,  # scooters and the like: the speed of bicycles
    "animal": AgentClass.ANIMAL,
}
# ScenarioNet's nuScenes and nuPlan converters take velocities from single steps of jittering or interpolated positions,
# and the last one is zero; only Waymo's are measurements.
MEASURED_VELOCITIES = ("waymo",)
_SIZES = ("length", "width", "height")

# nuScenes gives the ego's pose at the centre of the rear axle (H. Caesar et al., CVPR 2020); the middle of the 2.588 m
# wheelbase of its Renault Zoe lies this far ahead. The other sources give the centre of the box.
EGO_CENTER_OFFSET_M = {"nuscenes": 1.294}


def read_scenario(path: Path) -> SourceRecording:
    """The scenario of one pickle; raises SourceError when it is refused, damaged, or not a ScenarioNet scenario."""
    scenario = load_restricted(path)
    try:
        return _recording(scenario, path)
    except SourceError:
        raise
    except InputError as error:  # of the map, which knows no file
        raise SourceError(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise SourceError(
            f"{path}: is not a whole ScenarioNet scenario ({type(error).__name__}: {error}); fetch the file again"
        ) from error


def _recording(scenario: Mapping[str, Any], path: Path) -> SourceRecording:
    from zoox_prediction.maps.scenarionet import road_network_from_features

    metadata, tracks = scenario["metadata"], scenario["tracks"]
    stamps = _stamps(scenario)
    ego_name = str(metadata["sdc_id"])
    dataset = str(metadata.get("dataset", "scenarionet")).lower()
    ids = stable_ids(name for name in tracks if str(name) != ego_name)
    road_network = road_network_from_features(scenario["map_features"], str(metadata.get("map") or path.stem))
    signals, road_network = read_signals(
        scenario.get("dynamic_map_states", {}), scenario["map_features"], stamps, road_network
    )
    observations = _concatenated(
        [
            _track_observations(track, ids[str(name)], stamps, path)
            for name, track in tracks.items()
            if str(name) != ego_name and _agent_class(track) is not None
        ]
    )
    ego = _ego_trajectory(tracks[ego_name], stamps)
    if dataset not in MEASURED_VELOCITIES:
        observations = dataclasses.replace(observations, velocity=None)
        ego = dataclasses.replace(ego, velocity=None)
    return SourceRecording(
        dataset=f"scenarionet-{dataset}",
        name=str(scenario["id"]),
        agents=tracked_agents(observations, stamps),
        ego=ego,
        ego_size=_ego_size(tracks[ego_name]),
        ego_center_offset_m=EGO_CENTER_OFFSET_M.get(dataset, 0.0),
        road_network=road_network,
        signals=signals,
        notes={
            "velocities": "of the source" if dataset in MEASURED_VELOCITIES else "derived from the positions",
            "left_out": ", ".join(sorted({str(t["type"]) for t in tracks.values() if _agent_class(t) is None})),
        },
    )


def _stamps(scenario: Mapping[str, Any]) -> NDArray[np.int64]:
    """(T,) of the steps: the scenario's own times, counted from START_NS."""
    length = int(scenario["length"])
    times_s = scenario["metadata"].get("ts")
    times_s = scenario["metadata"].get("timestep") if times_s is None else times_s
    seconds = np.asarray(times_s, dtype=np.float64) if times_s is not None else 0.1 * np.arange(length)
    if seconds.shape != (length,) or not np.isfinite(seconds).all() or np.any(np.diff(seconds) <= 0.0):
        raise ValueError(f"{length} steps need {length} rising times")
    return np.asarray(START_NS + np.round((seconds - seconds[0]) * 1e9), dtype=np.int64)


def _agent_class(track: Mapping[str, Any]) -> AgentClass | None:
    """None for things."""
    if track["type"] not in TYPE_CLASSES:
        return None
    category = str(track.get("metadata", {}).get("type", ""))
    return next(
        (value for start, value in CATEGORY_CLASSES.items() if category.startswith(start)), TYPE_CLASSES[track["type"]]
    )


def _track_observations(track: Mapping[str, Any], track_id: int, stamps: NDArray[np.int64], path: Path) -> Observations:
    state = track["state"]
    valid = np.asarray(state["valid"]) > 0
    agent_class = _agent_class(track)
    position = np.asarray(state["position"], dtype=np.float64)[valid]
    velocity = np.asarray(state["velocity"], dtype=np.float64)[valid, :2]
    if not np.isfinite(position).all():
        raise SourceError(f"{path}: track {track_id} has positions that are not finite; fetch the file again")
    if position.shape[1] == 2:
        position = np.column_stack([position, np.zeros(len(position))])
    on, observed = _attributes(str(track.get("metadata", {}).get("type", "")))
    count = len(position)
    return Observations(
        stamp_ns=stamps[valid],
        ids=np.full(count, track_id, dtype=np.int64),
        agent_class=np.full(count, int(agent_class or 0)),
        position=position,
        yaw=np.asarray(state["heading"], dtype=np.float64).reshape(-1)[valid],
        size=_sizes(state, valid, int(agent_class or 0)),
        velocity=np.nan_to_num(velocity),
        attributes=np.full(count, on, dtype=np.uint32),
        attributes_valid=np.full(count, observed, dtype=np.uint32),
    )


def _sizes(state: Mapping[str, Any], valid: NDArray[np.bool_], agent_class: int) -> NDArray[np.float64]:
    """(M, 3) length, width, height; the class's own where the file has no positive number."""
    columns = [
        np.asarray(state.get(name, np.zeros(len(valid))), dtype=np.float64).reshape(-1)[valid] for name in _SIZES
    ]
    size = np.column_stack(columns)
    return np.where(np.isfinite(size) & (size > 0.0), size, DEFAULT_SIZE_M[agent_class])


def _attributes(category: str) -> tuple[int, int]:
    """Attribute bits that are on and that were observed: nuScenes tells children and emergency vehicles apart."""
    if category.startswith("human.pedestrian."):
        return (Attribute.CHILD if category.endswith(".child") else 0), Attribute.CHILD
    if category.startswith("vehicle."):
        return (Attribute.EMERGENCY if ".emergency" in category else 0), Attribute.EMERGENCY
    return 0, 0


def _concatenated(parts: Iterable[Observations]) -> Observations:
    parts = list(parts)
    if not parts:
        return Observations.empty()
    names = [field.name for field in dataclasses.fields(Observations)]
    columns: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Observations(**columns)


def _ego_trajectory(track: Mapping[str, Any], stamps: NDArray[np.int64]) -> EgoTrajectory:
    state = track["state"]
    valid = np.asarray(state["valid"]) > 0
    position = np.asarray(state["position"], dtype=np.float64)[valid]
    if not len(position):
        raise ValueError("the ego has no valid state")
    if position.shape[1] == 2:
        position = np.column_stack([position, np.zeros(len(position))])
    heading = np.asarray(state["heading"], dtype=np.float64).reshape(-1)[valid]
    velocity = np.asarray(state["velocity"], dtype=np.float64)[valid, :2]
    return EgoTrajectory(stamps[valid], position, quaternion_from_yaw(heading), velocity)


def _ego_size(track: Mapping[str, Any]) -> tuple[float, float]:
    """Length and width; ScenarioNet's nuScenes converter writes the two of the ego the wrong way round."""
    valid = np.asarray(track["state"]["valid"]) > 0
    length, width, _ = _sizes(track["state"], valid, int(AgentClass.CAR))[0]
    return float(max(length, width)), float(min(length, width))
