"""What the tags of a Lanelet2 map mean for its lanes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoox_prediction.maps.road_network import BoundaryType, LaneType, Turn

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
_YES = frozenset({"yes", "true", "1"})
_BUS_LANE_USERS = frozenset({"vehicle:bus", "vehicle:emergency", "vehicle:taxi", "bicycle"})
_NO_ACCESS = frozenset({"no", "private", "forestry", "agricultural", "delivery"})  # of OpenStreetMap
_NOT_FOR_US = frozenset({"rail", "keepout", "building", "vegetation", "traffic_island"})
# Roads of plain OpenStreetMap, for lanelets that have no subtype.
_OSM_WALKWAYS = frozenset({"footway", "path", "pedestrian", "steps"})
ROAD_EDGES = frozenset(
    {"road_border", "curbstone", "curbestone", "guard_rail", "wall", "fence", "jersey_barrier", "gate"}
)


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
    allowed, denied = _participants(attributes)
    if lane_type == LaneType.VEHICLE and allowed and allowed <= {"pedestrian", "bicycle"}:
        bicycle = LaneType.BICYCLE if "bicycle" in allowed else None
        return LaneKind(bicycle, walkway="pedestrian" in allowed, one_way=one_way)
    if lane_type in (LaneType.VEHICLE, LaneType.BUS) and not _open_to_vehicles(attributes, allowed, denied):
        lane_type = LaneType.RESTRICTED
    elif lane_type == LaneType.VEHICLE and allowed and allowed <= _BUS_LANE_USERS:
        lane_type = LaneType.BUS
    return LaneKind(lane_type, one_way=one_way)


def _participants(attributes: Mapping[str, str]) -> tuple[set[str], set[str]]:
    """Who is allowed and who is denied by the lanelet's participant overrides."""
    allowed: set[str] = set()
    denied: set[str] = set()
    for key, value in attributes.items():
        if key.startswith("participant:"):
            (allowed if value.lower() in _YES else denied).add(key.removeprefix("participant:"))
    return allowed, denied


def _open_to_vehicles(attributes: Mapping[str, str], allowed: set[str], denied: set[str]) -> bool:
    """Whether the public may drive there; lanes for pedestrians and cyclists are judged elsewhere."""
    if allowed and allowed <= {"vehicle:emergency"}:
        return False
    if attributes.get("access") in _NO_ACCESS:
        return False
    return bool(allowed) or not denied & {"vehicle", "vehicle:car"}


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


def boundary_type(attributes: Mapping[str, str], left_of_lane: bool, inverted: bool) -> BoundaryType:
    """Of a boundary; of a double line the part that is nearer to the lane. `inverted`: drawn against the lane."""
    kind, subtype = attributes.get("type", ""), attributes.get("subtype", "")
    if kind in ROAD_EDGES:
        return BoundaryType.ROAD_EDGE
    if kind == "virtual":
        return BoundaryType.VIRTUAL
    if not kind.startswith("line_"):
        return BoundaryType.UNKNOWN
    parts = subtype.split("_")  # from left to right in the direction of the line
    nearer = parts[-1] if left_of_lane != inverted else parts[0]
    return {"solid": BoundaryType.SOLID, "dashed": BoundaryType.DASHED}.get(nearer, BoundaryType.UNKNOWN)
