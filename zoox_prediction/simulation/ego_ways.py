"""Ways of the ego through the lanes: along its route, into a neighbouring lane, or by another turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from zoox_prediction.maps.road_network import Lanes, Turn
from zoox_prediction.maps.sumo_rules import stable_id
from zoox_prediction.scene import SignalState
from zoox_prediction.simulation.world import World

FloatArray = NDArray[np.float64]

SPACING_M = 0.5
_SMOOTHING_M = 1.5
_AHEAD_M = 200.0
_JOINING_M = 12.0  # within which a way leaves where the ego is for the middle of its lane
_LATERAL_MPS2 = 2.5  # accepted in bends
_NEAR_M = 60.0  # a junction farther away is none to wait at yet
_USUAL_LIMIT_MPS = 13.9
_FEWEST_POINTS = 4


@dataclass(frozen=True)
class EgoWay:
    """A way of the ego's front bumper."""

    line: FloatArray  # (n, 2) every SPACING_M, from where the bumper is
    limit_mps: FloatArray  # (n,) by the rules and the bends
    yield_m: float  # where one can wait for others; inf: nowhere near
    red_m: float  # where a signal makes one wait now; inf: nowhere

    @property
    def length_m(self) -> float:
        return SPACING_M * (len(self.line) - 1)

    def at(self, place_m: float) -> FloatArray:
        """(2,) point."""
        place = float(np.clip(place_m / SPACING_M, 0.0, len(self.line) - 1.001))
        row = int(place)
        point: FloatArray = self.line[row] + (place - row) * (self.line[row + 1] - self.line[row])
        return point

    def limit_at(self, place_m: float) -> float:
        return float(self.limit_mps[int(np.clip(place_m / SPACING_M, 0, len(self.limit_mps) - 1))])


def route_lanes(world: World) -> NDArray[np.int64]:
    """Rows of the lanes that the ego's route leads along, the one that it is in first; empty where it is in none."""
    lanes = world.road_network.lanes
    names = [stable_id(name) for name in world.traffic.ego_lanes()]
    return chain(lanes, lanes.rows(np.array(names, dtype=np.int64)))


def chain(lanes: Lanes, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Lanes that follow each other: with those between that a route leaves out, and straight on to 200 m."""
    found: list[int] = []
    for row in (int(each) for each in rows if each >= 0):
        if found and row not in lanes.successor_rows[found[-1]]:
            between = [each for each in lanes.successor_rows[found[-1]] if row in lanes.successor_rows[each]]
            if not between:
                break
            found.append(int(between[0]))
        found.append(row)
    while found and sum(_length_m(lanes.centerline[row]) for row in found[1:]) < _AHEAD_M:
        onward = lanes.successor_rows[found[-1]]
        straight = [each for each in onward if lanes.turn[each] in (Turn.NONE, Turn.STRAIGHT)] or list(onward)
        if not straight:
            break
        found.append(int(straight[0]))
    return np.array(found, dtype=np.int64)


def turn_across(world: World, rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The lanes of a turn across the oncoming traffic at the next junction; None where the route `rows` makes it, or
    there is none."""
    lanes = world.road_network.lanes
    across = Turn.RIGHT if world.road_network.left_hand_traffic else Turn.LEFT
    place = next((place for place, lane in enumerate(rows) if place and lanes.in_intersection[lane]), None)
    if place is None or lanes.turn[rows[place]] == across:
        return None
    others = [each for each in lanes.successor_rows[rows[place - 1]] if lanes.turn[each] == across]
    return chain(lanes, np.array([*rows[:place], others[0]])) if others else None


def way_along(world: World, rows: NDArray[np.int64], joining_m: float = _JOINING_M) -> EgoWay:
    """From where the ego is along the lanes of `rows`, of which it is in the middle after joining_m."""
    lanes, row = world.road_network.lanes, world.vehicles.ego_row
    assert row is not None
    front = world.vehicles.bodies.front[row]
    corners, limits = _corners(lanes, rows)
    middle = shapely.LineString(corners)
    begin_m = middle.project(shapely.Point(front))
    count = max(int(min(_AHEAD_M, middle.length - begin_m) / SPACING_M), _FEWEST_POINTS)
    places = begin_m + SPACING_M * np.arange(count)
    points = shapely.get_coordinates(shapely.line_interpolate_point(middle, np.minimum(places, middle.length)))
    points = gaussian_filter1d(points, _SMOOTHING_M / SPACING_M, axis=0, mode="nearest")
    tangent = np.gradient(points, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=-1, keepdims=True), 1e-9)
    left = np.stack([-tangent[:, 1], tangent[:, 0]], axis=-1)
    beside = float((front - points[0]) @ left[0]) * _eased((places - begin_m) / joining_m)
    line = points + beside[:, None] * left
    rules = np.interp(places, np.concatenate([[0.0], np.cumsum(_steps_m(corners))]), limits)
    yield_m, red_m = _waiting_places(world, rows, begin_m)
    return EgoWay(line, np.minimum(rules, _bend_limit(line)), yield_m, red_m)


def _corners(lanes: Lanes, rows: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Points (n, 2) of all centrelines, one after the other, and the speed limits (n,) there."""
    lines = [lanes.centerline[lane] if not place else lanes.centerline[lane][1:] for place, lane in enumerate(rows)]
    limits = np.repeat(lanes.speed_limit_mps[rows], [len(line) for line in lines])
    return np.concatenate(lines), np.nan_to_num(limits, nan=_USUAL_LIMIT_MPS)


def _bend_limit(line: FloatArray) -> FloatArray:
    heading = np.unwrap(np.arctan2(*np.gradient(line, axis=0).T[::-1]))
    bend = np.abs(gaussian_filter1d(np.gradient(heading, SPACING_M), 4.0))
    limit: FloatArray = np.sqrt(_LATERAL_MPS2 / np.maximum(bend, 1e-4))
    return limit


def _eased(share: FloatArray) -> FloatArray:
    """From 1 at 0 to 0 at 1 and beyond, with even slopes at both ends."""
    at = np.clip(share, 0.0, 1.0)
    eased: FloatArray = 1.0 - at**3 * (10.0 - 15.0 * at + 6.0 * at**2)
    return eased


def _waiting_places(world: World, rows: NDArray[np.int64], begin_m: float) -> tuple[float, float]:
    """Where the next junction begins, and where the next signal stops the ego, along the way [m]; inf: nowhere."""
    lanes, signals = world.road_network.lanes, world.truth().signals
    stops = signals.ids[np.isin(signals.state, (SignalState.RED, SignalState.YELLOW))]
    starts = np.concatenate([[0.0], np.cumsum([_length_m(lanes.centerline[lane]) for lane in rows])])[:-1] - begin_m
    junctions = lanes.in_intersection[rows] & (starts >= 0.0)
    red = junctions & np.isin(lanes.signal[rows], stops)
    yield_m, red_m = (float(np.min(starts[where], initial=np.inf)) for where in (junctions, red))
    return yield_m if yield_m < _NEAR_M else np.inf, red_m


def _steps_m(line: FloatArray) -> FloatArray:
    steps: FloatArray = np.linalg.norm(np.diff(line, axis=0), axis=-1)
    return steps


def _length_m(line: FloatArray) -> float:
    return float(_steps_m(line).sum())
