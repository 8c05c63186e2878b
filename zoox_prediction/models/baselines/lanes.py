"""The paths that agents may take along the lanes of the scene's road network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.geometry import wrap_angle
from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.maps.road_network import LaneType, RoadNetwork
from zoox_prediction.models.baselines.classes import Group
from zoox_prediction.models.baselines.crosswalks import Crosswalks
from zoox_prediction.models.baselines.lane_changes import LaneChangeConfig, change_paths, permitted_neighbors
from zoox_prediction.models.baselines.modes import NUM_STEPS, TIME_STEP_S
from zoox_prediction.models.baselines.motion import Motion
from zoox_prediction.models.baselines.paths import Paths, endless_paths
from zoox_prediction.models.baselines.right_of_way import Rules
from zoox_prediction.models.baselines.signals import stop_points
from zoox_prediction.scene import TrackedAgents

ALLOWED_TYPES = np.zeros((len(Group), len(LaneType)), dtype=bool)  # on which lanes agents of a group drive
ALLOWED_TYPES[Group.VEHICLE, [LaneType.VEHICLE, LaneType.BUS, LaneType.RESTRICTED]] = True
ALLOWED_TYPES[Group.CYCLIST, [LaneType.VEHICLE, LaneType.BUS, LaneType.BICYCLE]] = True
_COURSE_SPEED_MPS = 1.5  # from here on the direction of motion is a better heading than the body's yaw


@dataclass(frozen=True)
class RoadUseConfig:
    """Which agents follow lanes, and how far their paths are looked up."""

    max_paths: int = 4
    spacing_m: float = 1.0
    max_distance_m: float = 250.0
    speed_reserve_mps: float = 5.0  # paths reach as far as an agent that is so much faster than now
    max_offset_m: float = 2.5  # farther from the centreline an agent follows no lane
    standing_offset_m: float = 1.3  # and a standing one waits on no lane

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"{name} must be positive, got {value}")


@dataclass(frozen=True)
class Road:
    """A road network prepared for lane following."""

    network: RoadNetwork
    graph: LaneGraph | None  # None: no lanes, or lanes that make no graph
    stop_points: NDArray[np.float64]  # (L, 2)
    crosswalks: Crosswalks
    right_of_way: Rules
    neighbors: NDArray[np.int64]  # (2, L) rows of the left and right lanes that may be changed to, -1 none

    def paths(self, motion: Motion, config: RoadUseConfig) -> Paths | None:
        """The lane paths of the vehicles and cyclists that are on a lane; None when nobody is."""
        if self.graph is None:
            return None
        drives = (motion.group == Group.VEHICLE) | (motion.group == Group.CYCLIST)
        agents = np.flatnonzero(drives & ~motion.reversing & ~motion.parked)
        if not len(agents):
            return None
        heading = np.where(motion.speed > _COURSE_SPEED_MPS, motion.course, motion.yaw)[agents]
        speed = motion.speed[agents] + config.speed_reserve_mps
        distance = np.minimum(speed * NUM_STEPS * TIME_STEP_S, config.max_distance_m)
        found = self.graph.paths(
            motion.position[agents],
            heading,
            distance,
            max_paths=config.max_paths,
            spacing_m=config.spacing_m,
            allowed_types=ALLOWED_TYPES[motion.group[agents]],
        )
        if not len(found):
            return None
        paths = endless_paths(found, agents, motion)
        away = np.abs(wrap_angle(paths.heading_error_rad))
        limit = np.where(motion.standing[paths.agent], config.standing_offset_m, config.max_offset_m)
        keep = (np.hypot(paths.offset_m[:, 0], paths.offset_m[:, 1]) < limit) & (away < 0.5 * np.pi)
        return paths.select(keep) if keep.any() else None

    def change_paths(
        self, main: Paths, motion: Motion, agents: TrackedAgents, config: LaneChangeConfig
    ) -> Paths | None:
        """As `lane_changes.change_paths`, on this road."""
        return None if self.graph is None else change_paths(self.graph, self.neighbors, main, motion, agents, config)


class RoadLookup:
    """The Road of a network; the last one is kept, for networks are immutable and seldom change."""

    def __init__(self) -> None:
        self._last: Road | None = None

    def of(self, network: RoadNetwork) -> Road:
        """Prepared lanes of `network`; a network whose lanes make no graph gives a Road without paths."""
        last = self._last  # one read: another thread may replace it
        if last is None or last.network is not network:
            last = Road(
                network=network,
                graph=_graph_of(network),
                stop_points=stop_points(network, network.lanes.signal >= 0),
                crosswalks=Crosswalks.of(network),
                right_of_way=Rules.of(network),
                neighbors=permitted_neighbors(network.lanes),
            )
            self._last = last
        return last


def _graph_of(network: RoadNetwork) -> LaneGraph | None:
    if not len(network.lanes):
        return None
    try:
        return LaneGraph(network)
    except InputError:  # the map's own reader has told the user; prediction goes on without lanes
        return None
