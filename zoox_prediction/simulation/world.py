"""The reactive world: a town, its traffic, and an ego that the others see; one step at a time."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.road_network import NO_ID, RoadNetwork
from zoox_prediction.recording.datasets.source import START_NS
from zoox_prediction.scene import EgoState, TrackedAgents, TrafficSignals
from zoox_prediction.simulation.boarding import draw_boarders
from zoox_prediction.simulation.busy_streets import BusyStreets
from zoox_prediction.simulation.cast import draw_crossers, draw_ego, draw_parked
from zoox_prediction.simulation.config import TrafficConfig
from zoox_prediction.simulation.demand import draw_demand, ego_trip, vehicle_type
from zoox_prediction.simulation.people import People
from zoox_prediction.simulation.places import Places
from zoox_prediction.simulation.signals import SignalHeads
from zoox_prediction.simulation.sumo import EGO, SumoTraffic, SumoVehicles
from zoox_prediction.simulation.town import Town
from zoox_prediction.simulation.vehicle_motion import STEP_S
from zoox_prediction.simulation.vehicles import EGO_NUMBER, Vehicles

EGO_SIZE_M = (4.6, 1.9, 1.6)
_SETTLING_S = 6.0  # of the warm-up, with bodies


@dataclass(frozen=True)
class Truth:
    """Everything at one instant, in the map frame."""

    agents: TrackedAgents  # the ego not among them
    ego: EgoState
    signals: TrafficSignals
    lanes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))  # (N,) ids, NO_ID: on none

    def __post_init__(self) -> None:
        if not len(self.lanes):  # nobody's is known
            object.__setattr__(self, "lanes", np.full(len(self.agents), NO_ID, dtype=np.int64))

    def select(self, rows: NDArray) -> Truth:
        """With the agents of `rows` alone, an index or boolean array."""
        return Truth(self.agents.select(rows), self.ego, self.signals, self.lanes[rows])


def stamp_ns(steps: int) -> int:
    """Of the instant `steps` steps after time 0."""
    return START_NS + round(steps * STEP_S * 1e9)


class World:
    """A town of one seed. Time is 0 when the recording may begin, with the ego on its way.

    One world per process at a time: SUMO lives in it. A context manager, or `close` it.
    """

    def __init__(self, town: Town, seed: int, config: TrafficConfig, duration_s: float) -> None:
        """`duration_s` from time 0 on, for which traffic is planned. Raises InputError when SUMO is missing."""
        self.town, self.seed, self.config = town, seed, config
        self._steps = -round(config.warm_up_s / STEP_S)
        total_s = config.warm_up_s + duration_s
        places = Places(town.net_path)
        driver, depart_s, edges = draw_ego(town, places, seed, config, duration_s, EGO_SIZE_M)
        busy = BusyStreets(places, edges, config.warm_up_s - depart_s)
        demand = draw_demand(town, places, seed, config, total_s, busy)
        parked = draw_parked(town, places, seed, config, duration_s)
        types = [vehicle_type(EGO, driver), *(vehicle_type(str(each.id), each.driver) for each in parked.values())]
        demand.elements.append((depart_s, ego_trip(depart_s, edges)))
        self.vehicles = Vehicles(seed, {**demand.drivers, EGO_NUMBER: driver}, parked, town.left_hand)
        crossers = draw_crossers(places, parked.values(), busy, seed, config, duration_s)
        boarders = draw_boarders(places, parked.values(), seed)
        self.people = People(seed, demand.walkers, [*crossers, *boarders])
        with tempfile.TemporaryDirectory(prefix="zoox_prediction_") as folder:
            routes = demand.write(Path(folder) / "traffic.rou.xml", types)
            self.traffic = SumoTraffic(town.net_path, routes)
        self._heads = SignalHeads(town.road_network, self.traffic)
        self._plan_moves_ego = False
        while self._steps < -round(_SETTLING_S / STEP_S):
            self.traffic.step()
            self._steps += 1
        while self._steps < 0 or self.vehicles.ego_row is None:
            self.step()

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.traffic.close()

    @property
    def time_s(self) -> float:
        return self._steps * STEP_S

    @property
    def road_network(self) -> RoadNetwork:
        return self.town.road_network

    @property
    def ego_center_offset_m(self) -> float:
        """From base_link, the middle of the rear axle, forward to the centre of the box."""
        row = self.vehicles.ego_row
        assert row is not None
        return float(self.vehicles.bodies.center_m[row])

    def step(self, ego_pose: NDArray[np.float64] | None = None) -> None:
        """On to STEP_S later; `ego_pose` (4,) x, y, yaw, speed of base_link is where a plan has the ego then.

        Without a plan the ego drives by itself, on from where it is.
        """
        ego = self.vehicles.ego_row
        on_road, beside_road = self.people.on_road(), self.people.beside_road()
        self.vehicles.look_out(self.traffic, on_road, beside_road, self.time_s, ego_pose is not None)
        if ego_pose is not None and ego is not None:
            self._impose(ego, np.asarray(ego_pose, dtype=np.float64))
        self.traffic.step()
        self._steps += 1
        found = self.traffic.vehicles()
        if ego_pose is None:
            found = self._with_ego(found)
        self.vehicles.follow(found)
        self.vehicles.step_parked(self.traffic, self.time_s)
        boxes, ego = self.vehicles.boxes(), self.vehicles.ego_row
        self.people.step_crossers(self.time_s, boxes, ego)
        self.people.follow(self.traffic.walkers(), self.traffic, boxes, ego)

    def truth(self) -> Truth:
        """The world now."""
        stamp = stamp_ns(self._steps)
        others = self.vehicles.lanes[self.vehicles.bodies.ids != EGO_NUMBER]
        lanes = np.concatenate([others, np.full(len(self.people.bodies), NO_ID, dtype=np.int64)])
        return Truth(self._agents(stamp), self._ego_state(stamp), self._heads.states(stamp), lanes)

    def _impose(self, row: int, pose: NDArray[np.float64]) -> None:
        rows, bodies = np.array([row]), self.vehicles.bodies
        ahead = np.array([np.cos(pose[2]), np.sin(pose[2])])
        bodies.place(rows, (pose[:2] + bodies.center_m[row] * ahead)[None], pose[2:3], pose[3:4])
        self.traffic.move_ego(pose[:2] + bodies.front_m[row] * ahead, float(pose[2]), float(pose[3]))
        self._plan_moves_ego = True

    def _with_ego(self, found: SumoVehicles) -> SumoVehicles:
        """The ego as one of the vehicles that SUMO drives."""
        ego = self.traffic.ego()
        if ego is None:
            return found
        front, yaw, speed = ego
        if self._plan_moves_ego:
            self.vehicles.bodies.begin_way(np.array([self.vehicles.ego_row]), front[None], np.array([yaw]))
            self._plan_moves_ego = False
        return found.with_vehicle(EGO_NUMBER, front, yaw, speed)

    def _agents(self, stamp: int) -> TrackedAgents:
        cars, walkers = self.vehicles.bodies, self.people.bodies
        others = cars.ids != EGO_NUMBER
        ahead = cars.heading
        left = np.stack([-ahead[:, 1], ahead[:, 0]], axis=-1)
        turning = (cars.speed * cars.yaw_rate)[:, None] * left
        (on, has), (on_foot, has_foot) = self.vehicles.attributes(self.time_s), self.people.attributes()
        size = np.concatenate([cars.size[others], walkers.size])
        center = np.concatenate([cars.center[others], walkers.center])
        return TrackedAgents.from_states(
            stamp,
            np.concatenate([cars.ids[others], walkers.ids]),
            np.concatenate([cars.agent_class[others], walkers.agent_class]),
            np.column_stack([center, 0.5 * size[:, 2]]),
            np.concatenate([cars.yaw[others], walkers.yaw]),
            np.concatenate([cars.velocity[others], walkers.velocity]),
            size,
            yaw_rate=np.concatenate([cars.yaw_rate[others], walkers.yaw_rate]),
            acceleration=np.concatenate([(cars.acceleration[:, None] * ahead + turning)[others], walkers.acceleration]),
            attributes=np.concatenate([on[others], on_foot]),
            attributes_valid=np.concatenate([has[others], has_foot]),
            front_wheel_angle=np.concatenate([cars.steering[others], np.full(len(walkers), np.nan)]),
        )

    def _ego_state(self, stamp: int) -> EgoState:
        row = self.vehicles.ego_row
        assert row is not None
        bodies = self.vehicles.bodies
        velocity = bodies.speed[row] * bodies.heading[row]
        return EgoState(stamp, bodies.rear[row].copy(), float(bodies.yaw[row]), velocity, float(bodies.yaw_rate[row]))
