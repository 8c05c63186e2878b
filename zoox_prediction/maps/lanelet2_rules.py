"""What the tags and regulatory elements of a Lanelet2 map mean for its lanes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.osm_file import OsmFile, members, tags
from zoox_prediction.maps.records import PositiveIds
from zoox_prediction.maps.road_network import NO_ID, BoundaryType, LaneType, RightOfWay, Turn

_MPS = {"": 1 / 3.6, "km/h": 1 / 3.6, "kmh": 1 / 3.6, "kph": 1 / 3.6, "mph": 0.44704, "m/s": 1.0, "mps": 1.0}
_TURNS = {"left": Turn.LEFT, "right": Turn.RIGHT, "straight": Turn.STRAIGHT, "u_turn": Turn.U, "uturn": Turn.U}
_LANE_TYPES = {
    "road": LaneType.VEHICLE,
    "highway": LaneType.VEHICLE,
    "play_street": LaneType.VEHICLE,
    "bus_lane": LaneType.BUS,
    "bicycle_lane": LaneType.BICYCLE,
    "bikelane": LaneType.BICYCLE,
    "road_shoulder": LaneType.RESTRICTED,
    "emergency_lane": LaneType.RESTRICTED,
    "exit": LaneType.RESTRICTED,
    "parking": LaneType.PARKING,
}
_WALKWAYS = frozenset({"walkway", "shared_walkway", "stairs", "pedestrian_lane"})
_NOT_FOR_US = frozenset({"rail", "keepout", "building", "vegetation", "traffic_island"})
# Roads of plain OpenStreetMap, for lanelets that have no subtype.
_OSM_WALKWAYS = frozenset({"footway", "path", "pedestrian", "steps"})
_ROAD_EDGES = frozenset(
    {"road_border", "curbstone", "curbestone", "guard_rail", "wall", "fence", "jersey_barrier", "gate"}
)
_STOP_SIGNS = re.compile(r"stop|de206|usR1-1$", re.IGNORECASE)


@dataclass(frozen=True)
class LaneKind:
    """What a lanelet is: a lane of some type, a crosswalk, a walkway; or none of them."""

    lane_type: LaneType | None = None
    crosswalk: bool = False
    walkway: bool = False
    one_way: bool = True


def lane_kind(attributes: Mapping[str, str]) -> LaneKind:
    """From the tags of a lanelet: subtype and participant overrides of Lanelet2, or highway of OpenStreetMap."""
    subtype, highway = attributes.get("subtype", ""), attributes.get("highway", "")
    one_way = attributes.get("one_way", attributes.get("oneway", "yes")).lower() not in ("no", "false", "0")
    if subtype == "crosswalk":
        return LaneKind(crosswalk=True)
    if subtype in _WALKWAYS or (not subtype and highway in _OSM_WALKWAYS):
        return LaneKind(walkway=True)
    if subtype in _NOT_FOR_US:
        return LaneKind()
    lane_type = LaneType.BICYCLE if highway == "cycleway" else _LANE_TYPES.get(subtype, LaneType.VEHICLE)
    allowed = {
        key.removeprefix("participant:")
        for key, value in attributes.items()
        if key.startswith("participant:") and value.lower() in ("yes", "true", "1")
    }
    if lane_type == LaneType.VEHICLE and allowed:
        if allowed <= {"pedestrian"}:
            return LaneKind(walkway=True)
        if allowed <= {"pedestrian", "bicycle"}:
            return LaneKind(LaneType.BICYCLE, walkway="pedestrian" in allowed, one_way=one_way)
        if allowed <= {"vehicle:bus", "vehicle:emergency", "vehicle:taxi", "bicycle"}:
            lane_type = LaneType.BUS
    return LaneKind(lane_type, one_way=one_way)


def turn_of(attributes: Mapping[str, str]) -> Turn:
    return _TURNS.get(attributes.get("turn_direction", ""), Turn.NONE)


def speed_mps(text: str) -> float:
    """A speed with its unit (km/h when there is none) in m/s; NaN when it is no positive number."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z/]*)\s*", text.lower())
    if not match or match[2] not in _MPS or float(match[1]) <= 0.0:
        return float("nan")
    return float(match[1]) * _MPS[match[2]]


class SpeedLimits:
    """Speed limits of lanelets for cars."""

    def __init__(self) -> None:
        from lanelet2 import traffic_rules

        self._german = traffic_rules.create(traffic_rules.Locations.Germany, traffic_rules.Participants.VehicleCar)

    def of(self, lanelet: Any, attributes: Mapping[str, str]) -> float:
        """[m/s]: the lanelet's own tag, then its regulatory elements and the rules of its country; NaN for none.

        The library knows the rules of Germany only, so they hold for lanelets with region=de and no others.
        """
        for key in ("speed_limit", "maxspeed"):
            limit = speed_mps(attributes.get(key, ""))
            if np.isfinite(limit):
                return limit
        if not lanelet.speedLimits() and attributes.get("region") != "de":
            return float("nan")
        limit = float(self._german.speedLimit(lanelet).speedLimit) / 3.6
        return limit if limit > 0.0 else float("nan")


def boundary_type(line: Any, left_of_lane: bool) -> BoundaryType:
    """Of a boundary; of a double line the part that is nearer to the lane."""
    attributes = dict(line.attributes.items())
    kind, subtype = attributes.get("type", ""), attributes.get("subtype", "")
    if kind in _ROAD_EDGES:
        return BoundaryType.ROAD_EDGE
    if kind == "virtual":
        return BoundaryType.VIRTUAL
    if not kind.startswith("line_"):
        return BoundaryType.UNKNOWN
    parts = subtype.split("_")  # from left to right in the direction of the line
    nearer = parts[-1] if left_of_lane != line.inverted() else parts[0]
    return {"solid": BoundaryType.SOLID, "dashed": BoundaryType.DASHED}.get(nearer, BoundaryType.UNKNOWN)


class Junctions:
    """Signals, stop lines and right of way, from regulatory elements."""

    def __init__(self, osm: OsmFile, library_map: Any) -> None:
        self._lines = {line.id: _points(line) for line in library_map.lineStringLayer}
        self._line_ids = PositiveIds({line for line in self._lines if line > 0})
        self._rule_ids = PositiveIds({rule.id for rule in library_map.regulatoryElementLayer if rule.id > 0})
        self.signals: dict[int, tuple[float, float]] = {}  # id -> x, y [m]
        self.stop_lines: dict[int, NDArray[np.float64]] = {}  # id -> (n, 2) [m]
        self._marked = self._road_markings(osm)
        for line in sorted(library_map.lineStringLayer, key=lambda line: abs(line.id)):
            if dict(line.attributes.items()).get("type") == "stop_line":
                self._add_stop_line(line.id)

    def signal_of(self, lanelet: Any) -> int:
        """The id of the first traffic light that controls the lanelet, or NO_ID."""
        for light in lanelet.trafficLights():
            signal = self._rule_ids.of(light.id)
            bulbs = [_points(line) for line in light.trafficLights]
            points = np.concatenate(bulbs) if bulbs else np.zeros((0, 2))
            middle = points.mean(axis=0) if len(points) else np.full(2, np.nan)
            self.signals[signal] = (float(middle[0]), float(middle[1]))
            return signal
        return NO_ID

    def stop_line_of(self, lanelet: Any) -> int:
        """The id of the stop line of its signal, its right of way, its signs or its road markings; or NO_ID."""
        rules = [*lanelet.trafficLights(), *lanelet.rightOfWay()]
        candidates = [rule.stopLine.id for rule in rules if rule.stopLine is not None]
        candidates += [line.id for sign in lanelet.trafficSigns() for line in sign.refLines()]
        candidates += self._marked.get(lanelet.id, [])
        return next((self._add_stop_line(line) for line in candidates if len(self._lines.get(line, ())) > 1), NO_ID)

    def right_of_way(self, lanelet: Any) -> RightOfWay:
        from lanelet2.core import ManeuverType

        if lanelet.allWayStop() or any(_STOP_SIGNS.match(sign.type()) for sign in lanelet.trafficSigns()):
            return RightOfWay.STOP
        for rule in lanelet.rightOfWay():
            maneuver = rule.getManeuver(lanelet)
            if maneuver == ManeuverType.Yield:
                return RightOfWay.YIELD
            if maneuver == ManeuverType.RightOfWay:
                return RightOfWay.PRIORITY
        return RightOfWay.UNKNOWN

    def _add_stop_line(self, line_id: int) -> int:
        stop_line = self._line_ids.of(line_id)
        self.stop_lines[stop_line] = self._lines[line_id]
        return stop_line

    @staticmethod
    def _road_markings(osm: OsmFile) -> dict[int, list[int]]:
        """Stop lines by lanelet id of Autoware's road_marking elements, which the library does not know."""
        marked: dict[int, list[int]] = {}
        for relation_id, relation in osm.relations.items():
            if tags(relation).get("type") != "lanelet":
                continue
            for kind, rule_id in members(relation, "regulatory_element"):
                rule = osm.relations.get(rule_id) if kind == "relation" else None
                if rule is not None and tags(rule).get("subtype") == "road_marking":
                    marked.setdefault(relation_id, []).extend(ref for _, ref in members(rule, "refers"))
        return marked


def _points(line: Any) -> NDArray[np.float64]:
    return np.array([(point.x, point.y) for point in line], dtype=np.float64).reshape(-1, 2)
