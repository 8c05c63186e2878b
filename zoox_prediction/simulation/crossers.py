"""People and animals who cross the road where no crosswalk is: they look for a gap, or do not look at all.

SUMO's own pedestrians keep to sidewalks and crosswalks; these have ways of their own. Everything random about one of
them is drawn when it is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.scene import AgentClass
from zoox_prediction.simulation.caution import Boxes, blocked
from zoox_prediction.simulation.step_aside import meets_ahead
from zoox_prediction.simulation.walker_motion import STEP_S

FloatArray = NDArray[np.float64]

_SAFETY_M = 1.0  # room that a crosser wants to the sides of vehicles
_STANDS_MPS = 0.3  # who drives slower than this is taken to wait
_LOOKS_S = 1.0  # before the kerb and while waiting
_ACCELERATION_MPS2 = 1.5
_SOON_M = 0.3
_SEES_EGO_M = 60.0
_SEES_S, _ROOM_M = 0.6, 0.5  # of vehicles that one would walk into
_SOON_S = np.arange(0.0, 1.61, 0.2)
_BESIDE_ROAD_M = 2.0  # who is farther from it does not look out for vehicles
_HURRIES = 1.5  # times as fast, before a vehicle that comes


@dataclass
class Crosser:
    """One walker, its way and where it is along it."""

    id: int
    agent_class: AgentClass
    size: tuple[float, float, float]  # length, width, height [m]
    way: FloatArray  # (n, 2) [m]
    kerb_m: float  # along the way, where the road begins
    far_m: float  # and where it ends
    start_s: float  # when it appears
    walking_mps: float
    crossing_mps: float
    margin_s: float  # between its leaving a vehicle's lane and the vehicle's arrival
    looks: bool
    waits_s: float  # at the kerb, whatever comes
    late_s: float = 0.0  # between seeing a large enough gap and stepping out, without looking again
    hesitates_m: float = np.inf  # along the way, where it stops once
    hesitates_s: float = 0.0
    phone: bool = False
    child: bool = False
    place_m: float = 0.0
    speed: float = 0.0
    waited_s: float = 0.0
    hesitated_s: float = 0.0
    dawdled_s: float = 0.0  # of late_s
    time_s: float = 0.0  # now
    sees_ego: bool = False
    crossing: bool = False
    _lengths: FloatArray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        steps = np.linalg.norm(np.diff(self.way, axis=0), axis=-1)
        self._lengths = np.concatenate([[0.0], np.cumsum(steps)])

    @property
    def length_m(self) -> float:
        """Of its way."""
        return float(self._lengths[-1])

    @property
    def gone(self) -> bool:
        return self.place_m >= self.length_m - 0.1

    def can_appear(self, vehicles: Boxes) -> bool:
        """Whether nothing keeps it from coming when its time is."""
        return True

    @property
    def position(self) -> FloatArray:
        return self.at(self.place_m)

    @property
    def direction(self) -> FloatArray:
        """(2,) unit vector along the way."""
        step = self.at(self.place_m + 0.2) - self.at(self.place_m - 0.2)
        unit: FloatArray = step / max(float(np.linalg.norm(step)), 1e-6)
        return unit

    def at(self, place_m: float | FloatArray) -> FloatArray:
        """(2,) of the way, or (n, 2) of n places."""
        return np.stack([np.interp(place_m, self._lengths, self.way[:, axis]) for axis in (0, 1)], axis=-1)

    def step(self, vehicles: Boxes, ego: int | None) -> None:
        """One step among `vehicles`, of which row `ego` is the ego."""
        wanted = self.walking_mps if not self.crossing else self.crossing_mps
        self.sees_ego = False
        if not self.crossing and self.kerb_m - self.place_m < self.walking_mps * _LOOKS_S:
            wanted = self._at_kerb(vehicles, ego, wanted)
        elif self.crossing and self.place_m >= self.hesitates_m and self.hesitated_s < self.hesitates_s:
            self.hesitated_s += STEP_S
            wanted = 0.0
        if self.place_m > self.far_m:
            self.crossing = False
        if self.looks and self.kerb_m - _BESIDE_ROAD_M < self.place_m < self.far_m + _BESIDE_ROAD_M:
            wanted = self._beside(vehicles, wanted)
        self._walk(wanted)

    def _walk(self, wanted: float) -> None:
        """On along the way, at a speed as near to what is wanted as it can."""
        change = np.clip(wanted - self.speed, -2.0 * _ACCELERATION_MPS2 * STEP_S, _ACCELERATION_MPS2 * STEP_S)
        if self.agent_class == AgentClass.ANIMAL:
            change = np.clip(wanted - self.speed, -5.0 * STEP_S, 5.0 * STEP_S)
        self.speed = max(self.speed + float(change), 0.0)
        self.place_m += self.speed * STEP_S

    def _beside(self, vehicles: Boxes, wanted: float) -> float:
        """The speed among vehicles near by: nobody walks into one, or stays before one that comes."""
        times_s = _SOON_S[: len(_SOON_S) // 2] if self.phone else _SOON_S
        way = self.at(self.place_m + max(self.speed, 0.5) * times_s)
        stops, hurries = meets_ahead(way, times_s, _ROOM_M, vehicles)
        if stops or self._walks_into(vehicles.select(np.flatnonzero(vehicles.speed <= _STANDS_MPS))):
            return 0.0
        return _HURRIES * wanted if hurries and self.crossing else wanted

    def _walks_into(self, vehicles: Boxes) -> bool:
        """Whether a vehicle is just before it."""
        velocity = max(self.speed, 0.5) * self.direction
        own = Boxes(self.position[None], np.zeros(1), velocity[None], np.zeros(1), np.array([self.size[:2]]))
        return bool(blocked(own, vehicles, _SEES_S, _ROOM_M)[0])

    def _at_kerb(self, vehicles: Boxes, ego: int | None, wanted: float) -> float:
        """The speed with which to come to the kerb: on, when the gap is large enough or it does not look."""
        if self.place_m > self.kerb_m:  # only after it has crossed
            return wanted
        stop = float(np.sqrt(max(2.0 * _ACCELERATION_MPS2 * (self.kerb_m - self.place_m - _SOON_M), 0.0)))
        near = self.kerb_m - self.place_m < 2.0 * _SOON_M
        self.waited_s += STEP_S if near else 0.0
        if self.waited_s < self.waits_s:
            self.sees_ego = self.looks and ego is not None and self._is_in_sight(vehicles, ego)
            return min(wanted, stop)
        if self.dawdled_s == 0.0 and self.looks:
            blocked = self.blocked_by(vehicles)
            if blocked.any():
                self.sees_ego = ego is not None and bool(blocked[ego]) and self._is_in_sight(vehicles, ego)
                return min(wanted, stop)
        if near and self.dawdled_s < self.late_s:
            self.dawdled_s += STEP_S
            return min(wanted, stop)
        if near:
            self.crossing = True
        return self.crossing_mps if near else wanted

    def _is_in_sight(self, vehicles: Boxes, ego: int) -> bool:
        return float(np.linalg.norm(vehicles.center[ego] - self.position)) < _SEES_EGO_M

    def blocked_by(self, vehicles: Boxes) -> NDArray[np.bool_]:
        """(N,) whether a vehicle would come too near: it reaches the place where its way is crossed too soon."""
        start, end = self.at(self.kerb_m), self.at(self.far_m)
        across = end - start
        length = float(np.linalg.norm(across))
        unit = across / max(length, 1e-6)
        normal = np.array([-unit[1], unit[0]])
        offset = (vehicles.center - start) @ normal
        closing = vehicles.velocity @ normal
        half = 0.5 * vehicles.size[:, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            arrives = np.where(closing * offset < 0.0, (np.abs(offset) - half - _SAFETY_M) / np.abs(closing), np.inf)
        until = np.where(np.isfinite(arrives), np.maximum(arrives, 0.0), 0.0)
        meets = (vehicles.center - start) @ unit + (vehicles.velocity @ unit) * until
        lane = 0.5 * vehicles.size[:, 1] + _SAFETY_M
        on_way = (meets > -lane) & (meets < length + lane)
        leaves = np.clip(meets + lane, 0.0, length) / self.crossing_mps + 0.5
        level = (np.abs(offset) < half + _SAFETY_M) & on_way  # it stands across the way
        moves = np.linalg.norm(vehicles.velocity, axis=-1) > _STANDS_MPS
        blocked: NDArray[np.bool_] = (on_way & moves & (arrives < leaves + self.margin_s)) | level
        return blocked


class Crossers:
    """All of them: who is still to come, and who is there."""

    def __init__(self, crossers: Sequence[Crosser] = ()) -> None:
        self._later = sorted(crossers, key=lambda each: (each.start_s, each.id))
        self.present: list[Crosser] = []

    def add(self, crosser: Crosser) -> None:
        self._later = sorted([*self._later, crosser], key=lambda each: (each.start_s, each.id))

    def step(self, time_s: float, vehicles: Boxes, ego: int | None) -> list[Crosser]:
        """One step; returns those who have just appeared. They are few, and each has a mind of its own: a loop."""
        for crosser in self.present:
            crosser.time_s = time_s
            crosser.step(vehicles, ego)
        self.present = [each for each in self.present if not each.gone]
        come = [each for each in self._later if each.start_s <= time_s and each.can_appear(vehicles)]
        here = {each.id for each in come}
        self._later = [each for each in self._later if each.id not in here] if come else self._later
        self.present += come
        return come
