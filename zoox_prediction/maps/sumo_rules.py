"""What the permissions, links and traffic lights of a SUMO network mean for its lanes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from zoox_prediction.maps.road_network import LaneType, MapError, RightOfWay, Turn
from zoox_prediction.maps.sumo_file import SumoFile

TURNS = {
    "s": Turn.STRAIGHT,
    "l": Turn.LEFT,
    "L": Turn.LEFT,  # half left
    "r": Turn.RIGHT,
    "R": Turn.RIGHT,
    "t": Turn.U,
    "T": Turn.U,  # where traffic keeps to the left
}
_PEDESTRIANS = frozenset({"pedestrian", "wheelchair"})
_CYCLES = frozenset({"bicycle", "scooter"})
_BUSES = frozenset({"bus", "coach", "public_transport"})
_WITH_BUSES = _BUSES | _CYCLES | frozenset(
    {"taxi", "emergency", "authority", "public_emergency", "public_authority", "public_army", "army", "vip",
     "motorcycle", "moped"}
)  # fmt: skip
_NOT_ON_ROADS = frozenset(
    {"tram", "rail_urban", "rail", "rail_electric", "rail_fast", "rail_slow", "lightrail", "cityrail", "subway",
     "cable_car", "ship", "container", "aircraft", "drone"}
)  # fmt: skip
# The attribute `type` of lanes that netconvert imports from OpenDRIVE.
_TYPES = {
    "parking": LaneType.PARKING,
    "biking": LaneType.BICYCLE,
    "shoulder": LaneType.RESTRICTED,
    "border": LaneType.RESTRICTED,
    "stop": LaneType.RESTRICTED,
    "restricted": LaneType.RESTRICTED,
    "median": LaneType.RESTRICTED,
}
_MINOR = {"m": RightOfWay.YIELD, "o": RightOfWay.YIELD, "s": RightOfWay.STOP, "w": RightOfWay.STOP}
_GOES_AFTER, _GOES_FIRST = frozenset("gso"), frozenset("GgOo")  # states of a traffic light's link


def stable_id(name: str) -> int:
    """A positive 63-bit id of an element that SUMO names by text: the same for every file and every run."""
    return max(1, int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big") >> 1)


def signal_id(traffic_light: str, link_index: int) -> int:
    """The id of the signal that one link of a traffic light follows; SUMO's state string has it at `link_index`."""
    return stable_id(f"{traffic_light}#{link_index}")


class LaneKind(NamedTuple):
    """What a lane is: a lane of some type, a walkway, both (a shared path) or neither (rails)."""

    lane_type: LaneType | None
    walkway: bool


def lane_kind(allowed: frozenset[str], type_name: str) -> LaneKind:
    """From the vehicle classes that a lane admits, or from its type where the source gave it one."""
    if type_name in ("sidewalk", "walking"):
        return LaneKind(None, True)
    if type_name in _TYPES:
        return LaneKind(_TYPES[type_name], False)
    on_road = allowed - _NOT_ON_ROADS
    wheels, walkers = on_road - _PEDESTRIANS, bool(on_road & _PEDESTRIANS)
    if allowed and not wheels:
        return LaneKind(None, walkers)
    if wheels and wheels <= _CYCLES:
        return LaneKind(LaneType.BICYCLE, walkers)
    if "passenger" in wheels:
        return LaneKind(LaneType.VEHICLE, False)
    return LaneKind(LaneType.BUS if wheels & _BUSES and wheels <= _WITH_BUSES else LaneType.RESTRICTED, False)


def may_change(own: frozenset[str], other: frozenset[str], changes: str | None) -> bool:
    """Whether the vehicles of a lane may go over to its neighbour: `changes` lists the classes that may, None all.

    Asked for cars where the lane admits them.
    """
    who = own & {"passenger"} or own - _PEDESTRIANS
    may = who & other
    return bool(may) if changes is None else bool(may and (changes == "all" or may & set(changes.split())))


@dataclass
class Link:
    """One way across a junction: a connection of two lanes and the internal lanes between them."""

    connection: Any  # sumolib.net.connection.Connection
    junction: str
    lanes: list[str]  # SUMO's ids of the internal lanes, in the order of travel
    index: int = -1  # in the junction's requests; -1 for none
    right_of_way: RightOfWay = RightOfWay.UNKNOWN
    yields_to: list[str] = field(default_factory=list)  # internal lanes whose traffic goes first

    @property
    def signal(self) -> tuple[str, int] | None:
        """Traffic light and link index."""
        light = self.connection.getTLSID()
        return (light, self.connection.getTLLinkIndex()) if light else None

    @property
    def needs_stop_line(self) -> bool:
        return self.signal is not None or self.right_of_way in (RightOfWay.YIELD, RightOfWay.STOP)


def links_of(file: SumoFile) -> list[Link]:
    """Every connection of two lanes that are not inside junctions, with who goes first there."""
    places = {
        lane: (node.getID(), index)
        for node in file.net.getNodes()
        for index, lane in enumerate(node.getInternal() or ())
        if lane
    }
    links = [_link(file, connection, places) for connection in _connections(file)]
    by_place = {(link.junction, link.index): link for link in links if link.index >= 0}
    for link in links:
        if link.index >= 0:
            _fill_right_of_way(file, link, by_place)
    return links


def has_conflicts(file: SumoFile, junction: str) -> bool:
    """Whether ways meet or cross there; at the others the road goes on, with more lanes or fewer."""
    return any("1" in foes for foes in file.foes.get(junction, {}).values())


def _connections(file: SumoFile) -> Iterator[Any]:
    for edge in file.net.getEdges(withInternal=False):
        for lane in edge.getLanes():
            for connection in lane.getOutgoing():
                if connection.getTo().getFunction() == "":
                    yield connection


def _link(file: SumoFile, connection: Any, places: dict[str, tuple[str, int]]) -> Link:
    lanes: list[str] = []
    via = connection.getViaLaneID()
    while via:
        if via not in file.lane_attributes or via in lanes:
            raise MapError(
                f"{file.path}: the connection from {connection.getFrom().getID()!r} to {connection.getTo().getID()!r} "
                f"goes via lane {via}, which {'it has passed already' if via in lanes else 'the file does not have'}; "
                "mend the map"
            )
        lanes.append(via)
        onward = file.net.getLane(via).getOutgoing()
        via = onward[0].getViaLaneID() if onward else ""
    index = next((places[lane][1] for lane in lanes if lane in places), -1)
    return Link(connection, connection.getFrom().getToNode().getID(), lanes, index)


def _fill_right_of_way(file: SumoFile, link: Link, by_place: dict[tuple[str, int], Link]) -> None:
    """From the junction's matrix: character j from the right of a link's response is 1 where link j goes first.

    At traffic lights only those go first that may show green while the link's own green is the one that gives way.
    """
    if not has_conflicts(file, link.junction):
        return
    response = file.responses.get(link.junction, {}).get(link.index, "")
    others = [
        by_place[link.junction, other]
        for other, digit in enumerate(reversed(response))
        if digit == "1" and (link.junction, other) in by_place
    ]
    if link.signal is not None:
        others = [other for other in others if _green_together(file, link, other)]
        link.right_of_way = RightOfWay.YIELD if others else RightOfWay.UNKNOWN
    else:
        state = link.connection.getState()
        equal = RightOfWay.YIELD if others else RightOfWay.PRIORITY
        link.right_of_way = _MINOR.get(state, equal if state in ("M", "O", "=") else RightOfWay.UNKNOWN)
    link.yields_to = [lane for other in others for lane in other.lanes]


def _green_together(file: SumoFile, link: Link, other: Link) -> bool:
    """Whether a phase lets `other` go first while `link` gives way; so it is where no programme tells."""
    if link.signal is None or other.signal is None or link.signal[0] != other.signal[0]:
        return True
    light = file.net.getTLS(link.signal[0])
    states = [phase.state for program in light.getPrograms().values() for phase in program.getPhases()]
    last = max(link.signal[1], other.signal[1])
    return not states or any(
        state[link.signal[1]] in _GOES_AFTER and state[other.signal[1]] in _GOES_FIRST
        for state in states
        if last < len(state)
    )
