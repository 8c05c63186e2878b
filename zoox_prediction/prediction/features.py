"""From a scene to what the network is given: the only way there, in training and online alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.models.baselines.classes import Group
from zoox_prediction.models.baselines.config import BaselinesConfig
from zoox_prediction.models.baselines.lanes import Road, RoadLookup
from zoox_prediction.models.baselines.modes import TIME_STEP_S
from zoox_prediction.models.baselines.motion import Motion, estimate_motion
from zoox_prediction.models.scene_features import (
    KNOT_STEPS,
    KNOT_TIMES_S,
    NUM_PLAN_KNOTS,
    PLAN_COLUMNS,
    FeatureConfig,
    PathKind,
    SceneFeatures,
)
from zoox_prediction.prediction.feature_agents import (
    AgentFrames,
    agent_states,
    ego_features,
    histories,
    nearest_agents,
    poses_in,
)
from zoox_prediction.prediction.feature_elements import MapElements
from zoox_prediction.prediction.feature_free_paths import crossing_paths, free_paths
from zoox_prediction.prediction.feature_lane_changes import lanes_beside
from zoox_prediction.prediction.feature_lane_paths import lane_paths
from zoox_prediction.prediction.feature_path_state import LaneTable, path_states
from zoox_prediction.prediction.feature_paths import CandidatePaths
from zoox_prediction.prediction.plans import EgoFutures
from zoox_prediction.raster.config import RasterConfig
from zoox_prediction.raster.frame import RasterFrame
from zoox_prediction.raster.rasterizer import Rasterizer
from zoox_prediction.scene import Scene

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class _PreparedMap:
    """A road network as the features need it."""

    road: Road
    lanes: LaneTable
    beside: NDArray[np.int64]  # as of lanes_beside
    elements: MapElements


class FeatureExtractor:
    """Scene in, SceneFeatures out: a function of the scene and the configs alone, to the bit.

    What is prepared of the last road network is kept; a network is known again as an object.
    """

    def __init__(
        self,
        raster: RasterConfig | None = None,
        features: FeatureConfig | None = None,
        baselines: BaselinesConfig | None = None,
    ) -> None:
        self.config = features or FeatureConfig()
        self.rasterizer = Rasterizer(raster)
        self._baselines = baselines or BaselinesConfig()
        self._roads = RoadLookup()
        self._last: _PreparedMap | None = None

    def __call__(self, scene: Scene) -> SceneFeatures:
        """Features of one scene, without a plan. Raises InputError when the ego's pose is not finite."""
        frame = self.rasterizer.frame(scene)
        prepared = self._map_of(scene.road_network)
        motion = estimate_motion(scene, self._baselines.motion, self._baselines.limits)
        frames = AgentFrames.of(motion)
        paths = self._paths(scene, motion, frames, prepared)
        ego_pose, ego_state = ego_features(scene, frame)
        neighbor, neighbor_valid = nearest_agents(frames.origin, self.config)
        limits = motion.limits
        return SceneFeatures(
            raster=self.rasterizer.rasterize(scene)[None],
            agent_scene=np.zeros(len(motion), dtype=np.int64),
            agent_pose=poses_in(frame, frames.origin, frames.heading),
            agent_state=agent_states(scene, motion, frames),
            history=histories(scene, frames, self.config),
            neighbor=neighbor,
            neighbor_valid=neighbor_valid,
            ego_pose=ego_pose,
            ego_state=ego_state,
            ego_valid=np.array([scene.ego is not None]),
            plan=np.zeros((1, NUM_PLAN_KNOTS, len(PLAN_COLUMNS)), dtype=np.float32),
            plan_valid=np.zeros((1, NUM_PLAN_KNOTS), dtype=bool),
            **self._elements(scene, motion, frames, prepared.elements, frame),
            path_agent=paths.agent,
            path_kind=paths.kind,
            path_points=paths.points,
            path_spacing=paths.spacing_m.astype(np.float32),
            path_state=path_states(paths, frames, prepared.lanes, prepared.road.crosswalks, scene.signals),
            path_start_speed=_start_speed(paths, motion, frames).astype(np.float32),
            limits=np.stack(
                [limits.speed_mps, limits.acceleration_mps2, limits.deceleration_mps2, limits.curvature_per_m], axis=1
            ).astype(np.float32),
            is_vehicle=motion.group == Group.VEHICLE,
            frame_center=np.array([frame.center], dtype=np.float64),
            frame_yaw=np.array([frame.yaw], dtype=np.float64),
            stamp_ns=np.array([scene.stamp_ns], dtype=np.int64),
            origin=frames.origin,
            heading=frames.heading,
            ids=np.asarray(scene.agents.ids, dtype=np.int64),
            agent_class=np.asarray(motion.agent_class, dtype=np.int64),
        )

    def _map_of(self, network: RoadNetwork) -> _PreparedMap:
        last = self._last  # one read: another thread may replace it
        if last is None or last.road.network is not network:
            road = self._roads.of(network)
            elements = MapElements.of(network, road.crosswalks, self.config)
            last = _PreparedMap(road, LaneTable.of(road), lanes_beside(network.lanes), elements)
            self._last = last
        return last

    def _paths(self, scene: Scene, motion: Motion, frames: AgentFrames, prepared: _PreparedMap) -> CandidatePaths:
        config, baselines = self.config, self._baselines
        along_lanes = lane_paths(motion, prepared.road, prepared.beside, frames, config, baselines)
        on_lane, placed = np.zeros(len(motion), dtype=bool), np.zeros(len(motion), dtype=bool)
        if along_lanes is not None:
            placed[along_lanes.agent] = True
            on_lane[along_lanes.agent[along_lanes.kind == PathKind.LANE]] = True
        wheel = scene.agents.front_wheel_angle
        free = free_paths(motion, wheel, on_lane, placed, frames, config, baselines)
        crossing = crossing_paths(motion, prepared.road.crosswalks, frames, config)
        return CandidatePaths.sorted([part for part in (along_lanes, free, crossing) if part is not None])

    def _elements(
        self, scene: Scene, motion: Motion, frames: AgentFrames, elements: MapElements, frame: RasterFrame
    ) -> dict[str, NDArray]:
        """The fields of the static elements: only those near to some agent."""
        ahead = (self.config.element_lookahead_s * motion.speed)[:, None]
        direction = np.stack([np.cos(motion.course), np.sin(motion.course)], axis=1)
        near, valid = elements.near(frames.origin + ahead * direction, self.config)
        used, place = np.unique(near[valid], return_inverse=True)
        near[valid] = place.reshape(-1)
        return {
            "element_scene": np.zeros(len(used), dtype=np.int64),
            "element_pose": poses_in(frame, elements.position[used], elements.heading[used]),
            "element_points": elements.points[used],
            "element_state": elements.states(used, scene.signals),
            "agent_element": near,
            "agent_element_valid": valid,
        }


def plan_features(features: SceneFeatures, futures: EgoFutures) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Plans (C, 16, 5) and where they are valid (C, 16), of C candidate plans in the one scene of `features`.

    `futures` are on the predictions' grid, 0.1 s apart from the scene on. Raises ValueError for another one.
    """
    if features.num_scenes != 1:
        raise ValueError(f"plans are for one scene, got features of {features.num_scenes}")
    if futures.center.shape[1] <= NUM_PLAN_KNOTS * KNOT_STEPS or abs(futures.time_step_s - TIME_STEP_S) > 1e-9:
        raise ValueError(f"plans must reach {KNOT_TIMES_S[-1]:g} s in steps of {TIME_STEP_S} s")
    knots = np.arange(1, NUM_PLAN_KNOTS + 1) * KNOT_STEPS
    center, yaw, valid = futures.center[:, knots], futures.yaw[:, knots], futures.valid[:, knots]
    frame_yaw = float(features.frame_yaw[0])
    offset = center - features.frame_center[0]
    cos, sin = np.cos(frame_yaw), np.sin(frame_yaw)
    x, y = offset[..., 0], offset[..., 1]
    relative = yaw - frame_yaw
    columns = [cos * x + sin * y, cos * y - sin * x, np.cos(relative), np.sin(relative), futures.speed[:, knots]]
    plan = np.where(valid[..., None], np.stack(columns, axis=-1), 0.0)
    return plan.astype(np.float32), valid


def _start_speed(paths: CandidatePaths, motion: Motion, frames: AgentFrames) -> FloatArray:
    """(R,) the agents' speeds along the starts of their paths, at least 0."""
    relative = (motion.course - frames.heading)[paths.agent] - paths.points[:, 0, 2]
    return np.maximum(motion.speed[paths.agent] * np.cos(relative), 0.0)
