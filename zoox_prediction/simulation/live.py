"""A world that somebody else steps: it follows the newest plan of the ego, and after a drive's end begins another."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.recording.datasets.source import SensorMessage, StaticTransform
from zoox_prediction.scene import EgoState
from zoox_prediction.simulation.config import SimulationConfig
from zoox_prediction.simulation.ego_plan import EgoPlan, PlanFollower
from zoox_prediction.simulation.recorded import sensor_truth
from zoox_prediction.simulation.scenes import weather
from zoox_prediction.simulation.sensors.suite import SensorSuite
from zoox_prediction.simulation.town import generate_town, real_network_town
from zoox_prediction.simulation.vehicle_motion import STEP_S
from zoox_prediction.simulation.world import Truth, World

STEP_NS = round(STEP_S * 1e9)
_BEYOND_M = 30.0  # the outermost lane: an ego there has left the network
_BRAKING_MPS2 = 4.0  # of an ego that has lost its lane


class LiveWorld:
    """One drive after another; every drive begins at the same time, stamp START_NS of recordings.

    Where no plan is in force (`PlanFollower` says when) the ego goes on by itself from where it is, as SUMO's drivers
    do; where a plan has left it on no lane it brakes and stands. Belongs to one thread, from its construction to
    `close`, for SUMO lives in it. A context manager.
    """

    world: World  # of this drive
    seed: int  # of this drive
    truth: Truth  # now

    def __init__(self, config: SimulationConfig) -> None:
        """Begins the first drive. Raises InputError when SUMO is missing, or it cannot use network or sensor suite."""
        self._config = config
        self._suite = SensorSuite.load(config.sensors) if config.sensors else None
        self._plans = PlanFollower(config.plan)
        self._resources = ExitStack()
        self._was_moved = self._strands = False  # the ego, by a plan; to where SUMO cannot drive it on
        self._begin(config.seed)

    def __enter__(self) -> LiveWorld:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._resources.close()

    def restart(self) -> None:
        """Ends this drive and begins the next one; takes some seconds. Raises InputError as the constructor."""
        self.close()
        self._begin(self.next_seed)

    @property
    def next_seed(self) -> int:
        """Of the next drive."""
        return self.seed + 1 if self._config.next_seed else self.seed

    def step(self) -> None:
        """On to STEP_S later, the ego where its plan has it then; not when the drive is `over`."""
        pose = self._plan_pose()
        self._strands = pose is None and self._was_moved and not self.world.traffic.ego_can_drive()
        if self._strands:
            pose = _braked(self.truth.ego)
        elif pose is None and self._was_moved:
            self.world.traffic.lead_ego_on(self.world.town.exit_edges)
        self.world.step(pose)
        self._was_moved = pose is not None
        self.truth = self.world.truth()

    def offer(self, plan: EgoPlan) -> None:
        """The ego follows this plan from the next step on; raises InputError when it is implausible."""
        self._plans.offer(plan, self.truth.ego)

    @property
    def plan_status(self) -> str:
        """Which plan moves the ego in the next step, for people."""
        status = self._plans.status(self.truth.ego.stamp_ns)
        if self._plan_pose() is not None:
            return status
        return f"{status}; the ego " + ("stands, for it is on no lane" if self._strands else "drives by itself")

    @property
    def over(self) -> str:
        """Why the drive is over; empty while it is not."""
        if self.world.time_s > self._config.duration_s - 0.5 * STEP_S:
            return f"its {self._config.duration_s:g} s are over"
        position, (low, high) = self.truth.ego.position, self._bounds
        outside = bool(((position < low - _BEYOND_M) | (position > high + _BEYOND_M)).any())
        return "the ego has left the network" if outside or self.world.traffic.ego() is None else ""

    @property
    def road_network(self) -> RoadNetwork:
        return self.world.road_network

    def static_transforms(self) -> tuple[StaticTransform, ...]:
        """The mounting of the sensors."""
        return self._suite.static_transforms() if self._suite is not None else ()

    def sensor_messages(self) -> list[SensorMessage]:
        """Of the sensors that are due now; they take their time when they are built."""
        if self._suite is None:
            return []
        light, visibility_m = weather(self.seed)
        offset_m = self.world.ego_center_offset_m
        return self._suite.messages(
            sensor_truth(self.truth, self.road_network, offset_m, light, visibility_m), self.seed
        )

    def _plan_pose(self) -> NDArray[np.float64] | None:
        return self._plans.pose(self.truth.ego.stamp_ns + STEP_NS)

    def _begin(self, seed: int) -> None:
        config = self._config
        with ExitStack() as stack:
            if config.network:
                town = real_network_town(Path(config.network))
            else:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="zoox_prediction_town_")))
                town = generate_town(seed, folder, config.town)
            self.world = stack.enter_context(World(town, seed, config.traffic, config.duration_s))
            self._resources = stack.pop_all()
        points = self.road_network.lanes.centerline.values
        self._bounds = np.min(points, axis=0), np.max(points, axis=0)
        self.seed = seed
        self.truth = self.world.truth()
        self._plans.clear()
        self._was_moved = self._strands = False


def _braked(ego: EgoState) -> NDArray[np.float64]:
    """(4,) pose and speed, STEP_S later, of an ego that brakes straight on."""
    ahead = np.array([np.cos(ego.yaw), np.sin(ego.yaw)])
    speed = float(ego.velocity @ ahead)
    then = np.sign(speed) * max(abs(speed) - _BRAKING_MPS2 * STEP_S, 0.0)
    return np.array([*(ego.position + 0.5 * (speed + then) * STEP_S * ahead), ego.yaw, then])
