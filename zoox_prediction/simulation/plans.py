"""Candidate plans of the ego that matter for what the others do: go, yield, creep, stop, brake hard, cut in, and so on.

A plan is driven by the body of a vehicle along a way through the lanes, so that it is as smooth and feasible as the
motion of everybody else. Plans know nothing of the others but the vehicle ahead: what comes of them is for forks to
find out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.maps.road_network import NO_ID
from zoox_prediction.simulation.ego_ways import SPACING_M, EgoWay, chain, route_lanes, turn_across, way_along
from zoox_prediction.simulation.vehicle_motion import STEP_S, VehicleBodies
from zoox_prediction.simulation.world import EGO_SIZE_M, World

FloatArray = NDArray[np.float64]
# Wanted acceleration [m/s^2] at a place along the way [m], a speed [m/s] and a time from the beginning [s].
Profile = Callable[[float, float, float], float]

KINDS = ("go", "yield", "creep", "stop", "hard_brake", "change_lane", "cut_in", "turn_across")

_GO_MPS2, _EASY_MPS2, _HARD_MPS2 = 1.8, 2.0, 7.0
_CREEP_MPS, _CUT_IN_SLOWER_MPS = 1.5, 3.0
_CHANGE_S, _CUT_IN_S, _SHORTEST_CHANGE_M = 4.0, 2.2, 8.0
_STOP_BEFORE_M = 1.0  # the line
_HEADWAY_S, _GAP_M = 1.2, 2.5
_SIDE_M = 1.6  # others this near to the way are ahead in it
_SLOW_MPS, _FAST_ENOUGH_MPS = 2.0, 3.0  # to change lanes, to brake hard


@dataclass(frozen=True)
class Plan:
    """One plan over T steps of STEP_S; step t is at now + (t + 1) * STEP_S."""

    kind: str  # of KINDS
    poses: FloatArray  # (T, 4) x, y, yaw, speed of base_link


def candidate_plans(world: World, steps: int = 80) -> list[Plan]:
    """One plan of each of KINDS that is possible where the ego is now, `go` first; none off the road."""
    rows = route_lanes(world)
    if not len(rows):
        return []
    own, speed = way_along(world, rows), _ego_speed(world)
    free = _free(own, _vehicle_ahead(world, own))
    wanted: list[tuple[str, EgoWay, Profile]] = [("go", own, free)]
    if np.isfinite(own.yield_m):
        wanted.append(("yield", own, _stopping_at(own.yield_m - _STOP_BEFORE_M, free)))
        wanted.append(("creep", own, _slow_before(own.yield_m, free)))
    wanted.append(("stop", own, lambda place, now, time_s: -_EASY_MPS2))
    if speed > _FAST_ENOUGH_MPS:
        wanted.append(("hard_brake", own, lambda place, now, time_s: -_HARD_MPS2))
    if speed > _SLOW_MPS and min(own.yield_m, own.red_m) > _CHANGE_S * speed + 10.0:
        wanted += _lane_changes(world, int(rows[0]), speed)
    across = turn_across(world, rows)
    if across is not None:
        way = way_along(world, across)
        wanted.append(("turn_across", way, _free(way, _vehicle_ahead(world, way))))
    return [Plan(kind, _driven(world, way, profile, steps)) for kind, way, profile in wanted]


def _lane_changes(world: World, row: int, speed: float) -> list[tuple[str, EgoWay, Profile]]:
    """To a neighbouring lane, at ease, and sharply with less speed in front of whoever is there."""
    lanes = world.road_network.lanes
    for allowed, neighbor in (
        (lanes.left_change[row], lanes.left_neighbor[row]),
        (lanes.right_change[row], lanes.right_neighbor[row]),
    ):
        if allowed and neighbor != NO_ID:
            onward = chain(lanes, lanes.rows([neighbor]))
            ways = [
                way_along(world, onward, max(duration_s * speed, _SHORTEST_CHANGE_M))
                for duration_s in (_CHANGE_S, _CUT_IN_S)
            ]
            return [
                ("change_lane", ways[0], _held(speed, ways[0])),
                ("cut_in", ways[1], _held(max(speed - _CUT_IN_SLOWER_MPS, 1.0), ways[1])),
            ]
    return []


def _driven(world: World, way: EgoWay, profile: Profile, steps: int) -> FloatArray:
    """(T, 4) poses of base_link of a body that goes after a point on the way."""
    bodies, row = world.vehicles.bodies, world.vehicles.ego_row
    assert row is not None
    one = slice(row, row + 1)
    body = VehicleBodies.empty()
    body.add([0], bodies.agent_class[one], [EGO_SIZE_M], bodies.center[one], bodies.yaw[one], bodies.speed[one])
    body.steering[:] = bodies.steering[one]
    place, speed, rows = 0.0, float(bodies.speed[row]), np.array([0])
    poses = np.zeros((steps, 4))
    for step in range(steps):
        then = max(speed + STEP_S * profile(place, speed, step * STEP_S), 0.0)
        place = min(place + 0.5 * STEP_S * (speed + then), way.length_m)
        speed = then
        body.follow(rows, way.at(place)[None], np.array([speed]))
        poses[step] = [*body.rear[0], body.yaw[0], body.speed[0]]
    return poses


def _free(way: EgoWay, ahead: tuple[float, float] | None) -> Profile:
    """As fast as the rules and the bends allow, behind the vehicle ahead if that goes on as it does, not over red."""
    squared = way.limit_mps**2

    def profile(place: float, now: float, time_s: float) -> float:
        row = int(np.clip(place / SPACING_M, 0, len(squared) - 1))
        coming = squared[row:] + 2.0 * _EASY_MPS2 * SPACING_M * np.arange(len(squared) - row)
        acceleration = float(np.clip(1.5 * (np.sqrt(coming.min()) - now), -_EASY_MPS2, _GO_MPS2))
        if place - 1.0 < way.red_m < np.inf:
            acceleration = min(acceleration, _to_stop(way.red_m - _STOP_BEFORE_M - place, now))
        if ahead is not None:
            gap = ahead[0] + ahead[1] * time_s - place - _GAP_M
            acceleration = min(acceleration, 0.8 * (ahead[1] - now) + 0.3 * (gap - _HEADWAY_S * now))
        return max(acceleration, -_HARD_MPS2)

    return profile


def _held(speed: float, way: EgoWay) -> Profile:
    """Comes to a speed and keeps it, slower in bends."""
    return lambda place, now, time_s: float(
        np.clip(1.5 * (min(speed, way.limit_at(place)) - now), -_EASY_MPS2, _GO_MPS2)
    )


def _stopping_at(place_m: float, otherwise: Profile) -> Profile:
    return lambda place, now, time_s: min(otherwise(place, now, time_s), _to_stop(place_m - place, now))


def _slow_before(place_m: float, otherwise: Profile) -> Profile:
    """At walking pace from the line on."""

    def profile(place: float, now: float, time_s: float) -> float:
        room = max(place_m - place, 0.0)
        wanted = np.sqrt(_CREEP_MPS**2 + 2.0 * _EASY_MPS2 * room)
        return min(otherwise(place, now, time_s), float(np.clip(2.0 * (wanted - now), -_HARD_MPS2, _GO_MPS2)))

    return profile


def _to_stop(room_m: float, now: float) -> float:
    """[m/s^2] for a stop within the room that is left, at ease where that is enough; inf while there is time."""
    if room_m <= 0.2:
        return -_HARD_MPS2 if now > 0.0 else 0.0
    needed = now**2 / (2.0 * room_m)
    return -min(needed, _HARD_MPS2) if needed > 0.7 * _EASY_MPS2 else np.inf


def _vehicle_ahead(world: World, way: EgoWay) -> tuple[float, float] | None:
    """Place of the rear of the nearest vehicle in the way [m], and its speed [m/s]."""
    bodies, ego = world.vehicles.bodies, world.vehicles.ego_row
    line, points = shapely.LineString(way.line), shapely.points(bodies.center)
    place = shapely.line_locate_point(line, points)
    near = (shapely.distance(line, points) < _SIDE_M) & (place > 0.5) & (np.arange(len(bodies)) != ego)
    if not near.any():
        return None
    rear = np.where(near, place - 0.5 * bodies.size[:, 0], np.inf)
    row = int(np.argmin(rear))
    return float(rear[row]), float(max(bodies.speed[row], 0.0))


def _ego_speed(world: World) -> float:
    row = world.vehicles.ego_row
    assert row is not None
    return float(world.vehicles.bodies.speed[row])
