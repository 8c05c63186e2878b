"""SUMO network files: what `sumolib` reads of them, what it leaves out, and what is broken in them, by element."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NoReturn, cast
from xml.sax import SAXException, handler, parse

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.records import checked_line
from zoox_prediction.maps.road_network import MapError

_REQUIRED = {
    "net": ("version",),
    "location": ("netOffset", "convBoundary", "origBoundary", "projParameter"),
    "edge": ("id",),
    "lane": ("id", "index", "speed", "length", "shape"),
    "junction": ("id", "type", "x", "y", "incLanes", "intLanes"),
    "request": ("index", "response", "foes"),
    "connection": ("from", "to", "fromLane", "toLane", "dir", "state"),
    "tlLogic": ("id", "type", "programID", "offset"),
    "phase": ("duration", "state"),
}
_PARENT = {"lane": "edge", "request": "junction", "phase": "tlLogic"}
_UNIQUE = frozenset({"edge", "lane", "junction"})
_NUMBERS = frozenset({"speed", "length", "width", "x", "y", "duration", "offset"})
_OBSOLETE = frozenset({"succ", "lanes", "ROWLogic", "row-logic"})
_GZIP = b"\x1f\x8b"
FARTHEST_M = 2.1e7  # half-way around the Earth


@dataclass
class SumoFile:
    """A network as `sumolib` has it, with internal edges, programmes of traffic lights, and what it drops."""

    path: Path
    net: Any  # sumolib.net.Net
    left_hand_traffic: bool = False
    projection: str = "!"  # projParameter; "!" for none
    net_offset_m: tuple[float, float] = (0.0, 0.0)  # what was added to projected coordinates
    lane_attributes: dict[str, dict[str, str]] = field(default_factory=dict)  # by SUMO's id of the lane
    responses: dict[str, dict[int, str]] = field(default_factory=dict)  # junction -> link index -> who goes first
    foes: dict[str, dict[int, str]] = field(default_factory=dict)  # junction -> link index -> who is met


def read_sumo_file(path: Path) -> SumoFile:
    """Reads and checks a `.net.xml`, plain or gzipped; raises MapError naming the element and its defect."""
    try:
        from sumolib.net import Net, NetReader
    except ImportError as error:
        raise MapError(
            f"{path}: reading SUMO networks needs the Python package sumolib ({error}); pip install sumolib"
        ) from error
    file = SumoFile(path, Net())
    reader = NetReader(net=file.net, withInternal=True, withPedestrianConnections=True, withPrograms=True)
    try:
        with _opened(path) as stream:
            parse(stream, _CheckedHandler(file, reader))
    except SAXException as error:
        raise MapError(f"{path}: not well-formed XML: {' '.join(str(error).split())}") from error
    except (OSError, EOFError, zlib.error, UnicodeError, LookupError) as error:  # LookupError: an unknown encoding
        raise MapError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return file


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as stream:
        packed = stream.read(2) == _GZIP
    return cast("IO[bytes]", gzip.open(path)) if packed else path.open("rb")


class _CheckedHandler(handler.ContentHandler):
    """Checks every element before `sumolib`'s own handler gets it, and keeps what that one drops."""

    def __init__(self, file: SumoFile, reader: handler.ContentHandler) -> None:
        super().__init__()
        self._file, self._reader = file, reader
        self._open: list[tuple[str, str]] = []  # tag and id of the elements around
        self._seen: set[tuple[str, str]] = set()
        self._lanes_of_edge = 0
        self._junctions_needed: dict[str, str] = {}  # what needs them, by id

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: N802, as xml.sax has it
        attributes: dict[str, str] = dict(attrs.items())
        element = attributes.get("id", "")
        if not self._open and name != "net":
            raise MapError(f"{self._file.path}: the root element is <{name}>, not <net>; a SUMO network is .net.xml")
        where = self._where(name, attributes)
        if name in _OBSOLETE:
            self._refuse(where, "was written by SUMO before 0.13; convert the file with netconvert of today")
        self._check(name, attributes, where)
        self._keep(name, attributes)
        self._open.append((name, element))
        try:
            self._reader.startElement(name, attrs)
        except KeyError as error:
            self._refuse(where, f"refers to {error}, which the file does not have")
        except IndexError:
            self._refuse(where, "refers to a lane that its edge does not have")
        except (ValueError, TypeError, AttributeError) as error:
            self._refuse(where, f"has a value that cannot be read ({error})")

    def endElement(self, name: str) -> None:  # noqa: N802
        self._open.pop()
        try:
            self._reader.endElement(name)
        except KeyError as error:
            self._refuse(name, f"refers to the edge {error}, which the file does not have")

    def endDocument(self) -> None:  # noqa: N802
        for junction, edge in self._junctions_needed.items():
            if ("junction", junction) not in self._seen:
                self._refuse(edge, f"refers to the junction {junction!r}, which the file does not have")
        try:
            self._reader.endDocument()
        except KeyError as error:
            self._refuse("a crossing", f"crosses the edge {error}, which the file does not have")

    def _refuse(self, where: str, what: str) -> NoReturn:
        raise MapError(f"{self._file.path}: {where} {what}; mend the map")

    def _where(self, name: str, attributes: Mapping[str, str]) -> str:
        if name == "connection":
            return f"the connection from {attributes.get('from')!r} to {attributes.get('to')!r}"
        if name in ("request", "phase", "neigh", "param") and self._open:
            return f"a {name} of {' '.join(self._open[-1])}"
        return f"{name} {attributes.get('id', '')}".strip()

    def _check(self, name: str, attributes: Mapping[str, str], where: str) -> None:
        for key in _REQUIRED.get(name, ()):
            if key not in attributes:
                self._refuse(where, f"has no attribute {key!r}")
        if name in _PARENT and (not self._open or self._open[-1][0] != _PARENT[name]):
            self._refuse(where, f"is not inside a {_PARENT[name]}")
        if name in _UNIQUE:
            unique = (name, attributes["id"])
            if not attributes["id"] or unique in self._seen:
                self._refuse(where, "appears twice; ids must be unique" if attributes["id"] else "has an empty id")
            self._seen.add(unique)
        for key in _NUMBERS & attributes.keys():
            self._check_number(name, key, attributes[key], where)
        check = {
            "edge": self._check_edge,
            "lane": self._check_lane,
            "junction": self._check_junction,
            "request": self._check_request,
            "connection": self._check_connection,
        }.get(name)
        if check is not None:
            check(attributes, where)

    def _check_number(self, name: str, key: str, text: str, where: str) -> None:
        if name in ("lane", "junction", "phase"):
            try:
                number = float(text)
            except ValueError:
                number = np.nan
            if not np.isfinite(number) or (key == "width" and number <= 0.0) or (key == "speed" and number < 0.0):
                self._refuse(where, f"has the {key} {text!r}")

    def _check_edge(self, attributes: Mapping[str, str], where: str) -> None:
        self._lanes_of_edge = 0
        needed = {"": ("from", "to"), "crossing": ("crossingEdges",)}.get(attributes.get("function", ""), ())
        for key in needed:
            if not attributes.get(key):
                self._refuse(where, f"has no attribute {key!r}")
            if key in ("from", "to"):
                self._junctions_needed[attributes[key]] = where

    def _check_junction(self, attributes: Mapping[str, str], where: str) -> None:
        shape_points(attributes.get("shape", ""), f"{self._file.path}: {where}")

    def _check_request(self, attributes: Mapping[str, str], where: str) -> None:
        if not attributes["index"].isdecimal():
            self._refuse(where, f"has the index {attributes['index']!r}")
        if not attributes["response"].strip("01") == "" == attributes["foes"].strip("01"):
            self._refuse(where, "has a response or foes of other digits than 0 and 1")

    def _check_connection(self, attributes: Mapping[str, str], where: str) -> None:
        if attributes.get("tl") and "linkIndex" not in attributes:
            self._refuse(where, "has a traffic light but no attribute 'linkIndex'")

    def _check_lane(self, attributes: Mapping[str, str], where: str) -> None:
        edge = self._open[-1][1]
        if attributes["id"] != f"{edge}_{self._lanes_of_edge}":
            self._refuse(where, f"is out of order: lane number {self._lanes_of_edge} of edge {edge} comes here")
        self._lanes_of_edge += 1
        if not edge.startswith(":"):  # internal lanes may be points
            checked_line(
                shape_points(attributes["shape"], f"{self._file.path}: {where}"), f"{self._file.path}: {where}"
            )
        else:
            shape_points(attributes["shape"], f"{self._file.path}: {where}")

    def _keep(self, name: str, attributes: dict[str, str]) -> None:
        """What sumolib has no place for."""
        file = self._file
        if name == "net":
            file.left_hand_traffic = attributes.get("lefthand", "") in ("true", "1")
        elif name == "location":
            file.projection = attributes["projParameter"]
            offset = shape_points(attributes["netOffset"], f"{file.path}: netOffset of location")
            file.net_offset_m = (float(offset[0, 0]), float(offset[0, 1])) if len(offset) else (0.0, 0.0)
        elif name == "lane":
            file.lane_attributes[attributes["id"]] = attributes
        elif name == "request":
            junction = self._open[-1][1]
            index = int(attributes["index"])
            file.responses.setdefault(junction, {})[index] = attributes["response"]
            file.foes.setdefault(junction, {})[index] = attributes["foes"]


def shape_points(text: str, where: str) -> NDArray[np.float64]:
    """(n, 2) points [m] of a shape "x,y x,y,z ..."; raises MapError when a part of it is no point."""
    points = []
    for point in text.split():
        parts = point.split(",")
        try:
            points.append((float(parts[0]), float(parts[1])))
        except (ValueError, IndexError):
            points.append((np.nan, np.nan))
        if not all(abs(value) <= FARTHEST_M for value in points[-1]):
            raise MapError(f"{where} has the point {point!r}, which is no x,y in metres; mend the map")
    return np.array(points, dtype=np.float64).reshape(-1, 2)
