"""Signals, stop lines and right of way of a Lanelet2 map, from its regulatory elements and those of Autoware."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.maps.osm_file import OsmFile, Relation
from zoox_prediction.maps.records import PositiveIds
from zoox_prediction.maps.road_network import NO_ID, RightOfWay

_STOP_SIGNS = re.compile(r"stop|de206|usR1-1$", re.IGNORECASE)
_YIELD_SIGNS = re.compile(r"yield|give_?way|de205|usR1-2$", re.IGNORECASE)
_SIGNS = frozenset({"traffic_sign", "all_way_stop"})

FloatArray = NDArray[np.float64]


class Junctions:
    """What the regulatory elements say of lanelets, by the lanelet's id in the file.

    `points` gives the (n, 2) points [m] of a way. The roles are those of Lanelet2 (RegulatoryElementTagging) and of
    Autoware's lanelet2 format extension: traffic_light, right_of_way, all_way_stop, traffic_sign, crosswalk (its stop
    line and its exact polygon) and road_marking (a stop line).
    """

    def __init__(self, osm: OsmFile, points: Callable[[int], FloatArray]) -> None:
        self._osm, self._points = osm, points
        self._line_ids = PositiveIds({way for way in osm.ways if way > 0})
        self._rule_ids = PositiveIds({relation for relation in osm.relations if relation > 0})
        self.signals: dict[int, FloatArray] = {}  # id -> x, y [m]
        self.stop_lines: dict[int, FloatArray] = {}  # id -> (n, 2) [m]
        self.crosswalk_polygons: dict[int, FloatArray] = {}  # lanelet -> (n, 2) [m]
        self._yields_to: dict[int, set[int]] = defaultdict(set)
        self._roles: dict[int, set[str]] = defaultdict(set)  # of lanelets in right_of_way elements
        for way in sorted(osm.ways, key=abs):
            if osm.ways[way].tags.get("type") == "stop_line" and len(osm.ways[way].nodes) > 1:
                self._add_stop_line(way)
        for _, rule in self._rules(osm.relations):
            self._read_rule(rule)

    def signal_of(self, lanelet: int) -> int:
        """The id of the first traffic light that controls the lanelet, or NO_ID."""
        for rule_id, rule in self._rules_of(lanelet):
            lights = [self._points(way) for way in self._ways(rule, "refers")]
            if rule.tags.get("subtype") != "traffic_light" or not lights:
                continue
            signal = self._rule_ids.of(rule_id)
            if signal not in self.signals:
                self.signals[signal] = self._place(rule, lights)
            return signal
        return NO_ID

    def _place(self, rule: Relation, lights: list[FloatArray]) -> FloatArray:
        """The centre of a light; of several lights the one nearest to the stop line, else the first."""
        centers = np.array([0.5 * (light.min(axis=0) + light.max(axis=0)) for light in lights])
        lines = [self._points(way) for way in self._ways(rule, "ref_line")]
        if not lines:
            return centers[0]
        return centers[np.argmin(np.linalg.norm(centers - lines[0].mean(axis=0), axis=1))]

    def stop_line_of(self, lanelet: int) -> int:
        """The id of the stop line of its signal, right of way, signs, crosswalk or road markings; or NO_ID."""
        lines: dict[str, list[int]] = defaultdict(list)
        for _, rule in self._rules_of(lanelet):
            kind = rule.tags.get("subtype", "")
            if kind == "right_of_way" and lanelet not in rule.refs("yield"):
                continue
            lines[kind] += self._ways(rule, "refers" if kind == "road_marking" else "ref_line")
        for kind in ("traffic_light", "right_of_way", "all_way_stop", "traffic_sign", "crosswalk", "road_marking"):
            for way in lines[kind]:
                if len(self._osm.ways[way].nodes) > 1:
                    return self._add_stop_line(way)
        return NO_ID

    def right_of_way_of(self, lanelet: int) -> RightOfWay:
        signs = [sign for _, rule in self._rules_of(lanelet) for sign in self._sign_types(rule)]
        if "all_way_stop" in signs or any(_STOP_SIGNS.match(sign) for sign in signs):
            return RightOfWay.STOP
        roles = self._roles.get(lanelet, set())
        mutual_only = "right_of_way" in roles and not self.yields_to(lanelet)
        if ("yield" in roles and not mutual_only) or any(_YIELD_SIGNS.match(sign) for sign in signs):
            return RightOfWay.YIELD
        if "right_of_way" in roles and "yield" not in roles:
            return RightOfWay.PRIORITY
        return RightOfWay.UNKNOWN

    def yields_to(self, lanelet: int) -> list[int]:
        """Lanelets whose traffic goes first.

        Two that yield to each other are left out: for Autoware they are the ones that never have green together.
        At an all-way stop the order of arrival decides, so nobody is named there.
        """
        others = self._yields_to.get(lanelet, set())
        return sorted(other for other in others if lanelet not in self._yields_to.get(other, set()))

    def _read_rule(self, rule: Relation) -> None:
        kind = rule.tags.get("subtype")
        if kind == "right_of_way":
            first = rule.refs("right_of_way")
            for role in ("yield", "right_of_way"):
                for lanelet in rule.refs(role):
                    self._roles[lanelet].add(role)
            for lanelet in rule.refs("yield"):
                self._yields_to[lanelet].update(other for other in first if other != lanelet)
        elif kind == "crosswalk":
            polygons = [self._points(way) for way in self._ways(rule, "crosswalk_polygon")]
            for lanelet in rule.refs("refers"):
                for polygon in polygons:
                    self.crosswalk_polygons.setdefault(lanelet, polygon)

    def _sign_types(self, rule: Relation) -> list[str]:
        """Of traffic signs, as Lanelet2 finds them: the element's own sign_type or the subtypes of its signs."""
        kind = rule.tags.get("subtype", "")
        if kind not in _SIGNS:
            return []
        if kind == "all_way_stop":
            return [kind]
        own = rule.tags.get("sign_type")
        return [own] if own else [self._osm.ways[way].tags.get("subtype", "") for way in self._ways(rule, "refers")]

    def _rules_of(self, lanelet: int) -> Iterator[tuple[int, Relation]]:
        yield from self._rules(self._osm.relations[lanelet].refs("regulatory_element"))

    def _rules(self, relations: Iterable[int]) -> Iterator[tuple[int, Relation]]:
        for relation in relations:
            rule = self._osm.relations.get(relation)
            if rule is not None and rule.tags.get("type") == "regulatory_element":
                yield relation, rule

    def _ways(self, rule: Relation, role: str) -> list[int]:
        return [way for way in rule.refs(role) if way in self._osm.ways]

    def _add_stop_line(self, way: int) -> int:
        stop_line = self._line_ids.of(way)
        self.stop_lines[stop_line] = self._points(way)
        return stop_line
