"""All people on foot and animals of the world: those that SUMO walks, and those who cross where nobody expects it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.scene import AgentClass, Attribute
from zoox_prediction.simulation.caution import Boxes, blocked
from zoox_prediction.simulation.crossers import Crosser, Crossers
from zoox_prediction.simulation.step_aside import step_aside
from zoox_prediction.simulation.sumo import SumoTraffic, SumoWalkers
from zoox_prediction.simulation.temperament import Stream, Walker, generator
from zoox_prediction.simulation.walker_motion import STEP_S, WalkerBodies

FloatArray = NDArray[np.float64]

_STANDS_S = 0.8  # who has stood so long has waited for something
_MOVES_MPS = 0.1
_HELD_MPS = 0.02  # SUMO loses the place of who is held at 0
_SEES_EGO_M = 30.0
_LETS_PASS_S, _LETS_PASS_MPS = 4.5, 2.0  # a vehicle that comes to the crosswalk so soon, so fast
_AT_KERB_M, _PATIENCE_S = 2.0, 8.0
_LOOKS_ON_ROAD = 0.35  # of those who look before they step out, look while they cross
_VEHICLE_NEAR_M = 25.0
_SEES_S, _ROOM_M, _STOPS_S = 0.6, 0.5, 0.3  # of vehicles that one would walk into
_HESITATES_S = (0.5, 1.3)


class People:
    """Bodies and minds of all walkers, one row each."""

    def __init__(self, seed: int, walkers: Mapping[int, Walker], crossers: Sequence[Crosser]) -> None:
        self.bodies = WalkerBodies.empty()
        self.walkers = dict(walkers)
        self.crossers = Crossers(crossers)
        self._seed = seed
        self._on_road: dict[int, bool] = {}
        self._stood_s: dict[int, float] = {}
        self._held_s: dict[int, float] = {}  # time left that SUMO's walker is held back
        self._decided: dict[tuple[int, str], NDArray] = {}  # draws for one crossing of one walker
        self._looks: set[int] = set()

    def on_road(self) -> Boxes:
        """Those in the way of vehicles: on crosswalks or crossing elsewhere."""
        return self._boxes(True)

    def beside_road(self) -> Boxes:
        """All others: on sidewalks, and waiting to cross."""
        return self._boxes(False)

    def _boxes(self, on_road: bool) -> Boxes:
        rows = np.array([self._on_road.get(each, False) == on_road for each in self.bodies.ids.tolist()], dtype=bool)
        bodies = self.bodies
        return Boxes(
            bodies.center[rows],
            bodies.yaw[rows],
            bodies.velocity[rows],
            np.zeros(int(rows.sum())),
            bodies.size[rows, :2],
        )

    def step_crossers(self, time_s: float, vehicles: Boxes, ego: int | None) -> None:
        """Those with ways of their own take a step; their bodies follow."""
        for crosser in self.crossers.step(time_s, vehicles, ego):
            yaw = float(np.arctan2(*crosser.direction[::-1]))
            self.bodies.add([crosser.id], [int(crosser.agent_class)], [crosser.size], [crosser.position], [yaw])
        present = self.crossers.present
        if not present:
            return
        rows = self._rows(np.array([each.id for each in present]))
        velocity = np.array([each.speed * each.direction for each in present])
        self.bodies.follow(rows, np.array([each.position for each in present]), velocity)
        for each in present:
            self._on_road[each.id] = each.crossing

    def follow(self, found: SumoWalkers, traffic: SumoTraffic, vehicles: Boxes, ego: int | None) -> None:
        """Bodies come, go, and move after what SUMO has done; some are held back for the next step."""
        here = np.concatenate([found.ids, np.array([each.id for each in self.crossers.present], dtype=np.int64)])
        stays = np.isin(self.bodies.ids, here)
        for number in self.bodies.ids[~stays].tolist():
            self._forget(number)
        self.bodies.keep(stays)
        new = np.flatnonzero(~np.isin(found.ids, self.bodies.ids))
        if len(new):
            size = np.array([self.walkers[number].size for number in found.ids[new].tolist()])
            classes = np.full(len(new), int(AgentClass.PEDESTRIAN))
            self.bodies.add(found.ids[new], classes, size, found.position[new], found.yaw[new])
        if len(found.ids):
            ahead = np.stack([np.cos(found.yaw), np.sin(found.yaw)], axis=-1)
            target = found.position + self._steps_aside(found, vehicles)
            self.bodies.follow(self._rows(found.ids), target, found.speed[:, None] * ahead)
        self._wait_for_vehicles(found.ids, vehicles)
        self._think(found, traffic, vehicles, ego)

    def attributes(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """(N,) Attribute bits that are on, and those that such a walker has."""
        crossers = {each.id: each for each in self.crossers.present}
        on, has = [], []
        for number, agent_class in zip(self.bodies.ids.tolist(), self.bodies.agent_class.tolist(), strict=True):
            crosser, walker = crossers.get(number), self.walkers.get(number)
            phone = crosser.phone if crosser else walker is not None and walker.phone
            child = crosser.child if crosser else walker is not None and walker.child
            looks = crosser.sees_ego if crosser else number in self._looks
            bits = Attribute.HOLDING_PHONE if phone else Attribute(0)
            bits |= Attribute.CHILD if child else Attribute(0)
            bits |= Attribute.HEAD_TURNED_TO_EGO if looks else Attribute(0)
            animal = agent_class == AgentClass.ANIMAL
            on.append(0 if animal else int(bits))
            has.append(0 if animal else _OF_PEOPLE)
        return np.array(on, dtype=np.uint32), np.array(has, dtype=np.uint32)

    def _steps_aside(self, found: SumoWalkers, vehicles: Boxes) -> FloatArray:
        """(n, 2) of those beside the road; drivers look out for those who are on it."""
        rows = self._rows(found.ids)
        aside = step_aside(found.position, 0.5 * self.bodies.size[rows, 1], vehicles)
        walks_on_road = np.array([_is_crossing(edge) for edge in found.edge], dtype=bool) & (found.speed > _MOVES_MPS)
        aside[walks_on_road] = 0.0
        return aside

    def _wait_for_vehicles(self, ids: NDArray[np.int64], vehicles: Boxes) -> None:
        """Nobody walks into a vehicle that he sees before him."""
        rows = self._rows(ids)
        bodies = self.bodies
        walkers = Boxes(bodies.center[rows], bodies.yaw[rows], bodies.velocity[rows], bodies.yaw_rate[rows],
                        bodies.size[rows, :2])  # fmt: skip
        for number in ids[blocked(walkers, vehicles, _SEES_S, _ROOM_M)].tolist():
            self._held_s[number] = max(self._held_s.get(number, 0.0), _STOPS_S)

    def _think(self, found: SumoWalkers, traffic: SumoTraffic, vehicles: Boxes, ego: int | None) -> None:
        """Who starts late, who hesitates, who looks at the ego and lets it pass; a few people, each on his own."""
        moving = np.linalg.norm(vehicles.velocity, axis=-1) > 1.0
        for index, number in enumerate(found.ids.tolist()):
            walker, edge, onward = self.walkers[number], found.edge[index], found.next_edge[index]
            crossing, about_to = _is_crossing(edge), _is_crossing(onward)
            self._on_road[number] = crossing
            self._looks.discard(number)
            stood_s = self._stood_s.get(number, 0.0)
            moves = found.speed[index] > _MOVES_MPS
            if (crossing or about_to) and ego is not None:
                self._look(number, walker, edge if crossing else onward, found.position[index], vehicles, ego)
            if about_to and not crossing:
                self._let_pass(number, walker, onward, found.position[index], traffic, vehicles)
            if crossing and moves and stood_s >= _STANDS_S:
                self._held_s[number] = walker.late_s
            elif crossing and walker.hesitant and number not in self._held_s:
                self._hesitate(number, edge, found.position[index], vehicles.center[moving])
            waits = not moves and number not in self._held_s  # for something, not by itself
            self._stood_s[number] = stood_s + STEP_S if waits else 0.0
            self._hold(number, walker, traffic)

    def _draws(self, number: int, edge: str) -> NDArray:
        """Of one walker on one crosswalk: three random numbers for whether it looks, whether and how long it hesitates;
        and how long it has let vehicles pass [s]."""
        if (number, edge) not in self._decided:
            count = sum(1 for known, _ in self._decided if known == number)
            own = generator(self._seed, Stream.ATTRIBUTES, number * 64 + count)
            self._decided[number, edge] = np.append(own.random(3), 0.0)
        return self._decided[number, edge]

    def _look(self, number: int, walker: Walker, edge: str, position: FloatArray, vehicles: Boxes, ego: int) -> None:
        to_ego = vehicles.center[ego] - position
        comes = float(vehicles.velocity[ego] @ to_ego) < 0.5  # towards the walker, or it stands
        near = float(np.linalg.norm(to_ego)) < _SEES_EGO_M
        often = _LOOKS_ON_ROAD if self._on_road[number] else 1.0
        if near and comes and self._draws(number, edge)[0] < often * walker.attentive:
            self._looks.add(number)

    def _let_pass(
        self, number: int, walker: Walker, edge: str, position: FloatArray, traffic: SumoTraffic, vehicles: Boxes
    ) -> None:
        """Who looks waits at the kerb while a vehicle comes fast, but not for ever."""
        draws = self._draws(number, edge)
        if draws[0] >= walker.attentive or draws[3] > _PATIENCE_S:
            return
        crosswalk = traffic.walkway(edge)
        if min(np.linalg.norm(end - position) for end in crosswalk) < _AT_KERB_M and _is_driven_to(crosswalk, vehicles):
            self._held_s[number] = max(self._held_s.get(number, 0.0), _STOPS_S)
            draws[3] += STEP_S

    def _hesitate(self, number: int, edge: str, position: FloatArray, moving: FloatArray) -> None:
        """Once on a crosswalk, where a vehicle comes near."""
        draws = self._draws(number, edge)
        if draws[1] > 0.6 or not len(moving) or np.linalg.norm(moving - position, axis=-1).min() > _VEHICLE_NEAR_M:
            return
        draws[1] = 1.0  # not again
        self._held_s[number] = _HESITATES_S[0] + (_HESITATES_S[1] - _HESITATES_S[0]) * float(draws[2])

    def _hold(self, number: int, walker: Walker, traffic: SumoTraffic) -> None:
        left_s = self._held_s.get(number)
        if left_s is None:
            return
        traffic.limit_walker(number, _HELD_MPS if left_s > 0.0 else walker.speed_mps)
        if left_s > 0.0:
            self._held_s[number] = left_s - STEP_S
        else:
            del self._held_s[number]

    def _rows(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        order = np.argsort(self.bodies.ids)
        return order[np.searchsorted(self.bodies.ids, ids, sorter=order)]

    def _forget(self, number: int) -> None:
        for table in (self._on_road, self._stood_s, self._held_s):
            table.pop(number, None)
        self._looks.discard(number)


_OF_PEOPLE = int(Attribute.HOLDING_PHONE | Attribute.CHILD | Attribute.HEAD_TURNED_TO_EGO)


def _is_driven_to(crosswalk: FloatArray, vehicles: Boxes) -> bool:
    """Whether a vehicle will soon cross the line (n, 2), if it keeps speed and turning."""
    coming = vehicles.select(np.flatnonzero(vehicles.speed > _LETS_PASS_MPS))
    middle = coming.yaw + 0.5 * _LETS_PASS_S * coming.yaw_rate
    way_m = _LETS_PASS_S * coming.speed + 0.5 * coming.size[:, 0]
    then = coming.center + way_m[:, None] * np.stack([np.cos(middle), np.sin(middle)], axis=-1)
    ways = shapely.linestrings(np.stack([coming.center, then], axis=1)) if len(coming) else []
    return bool(np.any(shapely.intersects(ways, shapely.LineString(crosswalk))))


def _is_crossing(edge: str) -> bool:
    """SUMO names the crosswalks of a junction :JUNCTION_cNUMBER."""
    return edge.startswith(":") and edge.rpartition("_")[2].startswith("c")
