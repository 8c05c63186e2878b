"""Writes small Lanelet2 files for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import quoteattr


@dataclass
class OsmText:
    """Nodes are (x, y) metres as local_x, local_y, or (lat, lon) when geodetic; members are (type, role, ref)."""

    nodes: dict[int, tuple[float, float]] = field(default_factory=dict)
    ways: dict[int, tuple[Sequence[int], Mapping[str, str]]] = field(default_factory=dict)
    relations: dict[int, tuple[Sequence[tuple[str, str, int]], Mapping[str, str]]] = field(default_factory=dict)
    geodetic: bool = False

    def lanelet(self, lanelet_id: int, left: int, right: int, *rules: int, **tags: str) -> None:
        members = [("way", "left", left), ("way", "right", right)]
        members += [("relation", "regulatory_element", rule) for rule in rules]
        self.relations[lanelet_id] = (members, {"type": "lanelet", **tags})

    def write(self, path: Path) -> Path:
        lines = ["<?xml version='1.0' encoding='UTF-8'?>", "<osm version='0.6'>"]
        for node_id, (first, second) in self.nodes.items():
            if self.geodetic:
                lines.append(f"<node id='{node_id}' lat='{first!r}' lon='{second!r}'/>")
            else:
                tags = _tags({"local_x": repr(first), "local_y": repr(second)})
                lines.append(f"<node id='{node_id}' lat='' lon=''>{tags}</node>")
        for way_id, (refs, tags) in self.ways.items():
            lines.append(f"<way id='{way_id}'>{''.join(f'<nd ref={chr(39)}{ref}{chr(39)}/>' for ref in refs)}")
            lines.append(f"{_tags(tags)}</way>")
        for relation_id, (members, tags) in self.relations.items():
            lines.append(f"<relation id='{relation_id}'>")
            lines += [f"<member type='{kind}' role='{role}' ref='{ref}'/>" for kind, role, ref in members]
            lines.append(f"{_tags(tags)}</relation>")
        path.write_text("\n".join([*lines, "</osm>"]))
        return path


def _tags(tags: Mapping[str, str]) -> str:
    return "".join(f"<tag k={quoteattr(key)} v={quoteattr(value)}/>" for key, value in tags.items())


def street() -> OsmText:
    """A street along +x with two lanes eastwards (1 then 2; 3 to the left of 1), one westwards (4), a crosswalk (5), a
    walkway (6), a bicycle path for both ways (7); a signal (90) and right of way (91) at the end of 1 and 3.

    y:  9 ------- 11   4 (westwards)    node ids are 100 + 10 * column + row, columns at x = 0, 50, 100
        6 ------- 12   3, only x < 50
        3 ------- 13   1, 2
        0 ------- 14
    """
    text = OsmText()
    for column, x in enumerate((0.0, 50.0, 100.0)):
        for row, y in enumerate((0.0, 3.0, 6.0, 9.0)):
            text.nodes[100 + 10 * column + row] = (x, y)
    edge, dashed = {"type": "road_border"}, {"type": "line_thin", "subtype": "dashed"}
    text.ways = {
        14: ((100, 110), edge),
        13: ((101, 111), dashed),
        12: ((102, 112), {"type": "line_thin", "subtype": "solid"}),
        11: ((103, 113), edge),
        24: ((110, 120), edge),
        23: ((111, 121), {"type": "virtual"}),
        30: ((110, 112), {"type": "stop_line"}),
        31: ((140, 141), {"type": "traffic_light", "subtype": "red_yellow_green"}),
        40: ((150, 152), {"type": "pedestrian_marking"}),
        41: ((151, 153), {"type": "pedestrian_marking"}),
        42: ((100, 120), edge),
        43: ((154, 155), edge),
    }
    text.nodes.update({140: (51.0, 10.0), 141: (53.0, 10.0)})
    text.nodes.update({150: (60.0, 0.0), 151: (64.0, 0.0), 152: (60.0, 9.0), 153: (64.0, 9.0)})
    text.nodes.update({154: (0.0, -3.0), 155: (100.0, -3.0)})
    road = {"subtype": "road", "location": "urban"}
    text.lanelet(1, 13, 14, 90, 91, speed_limit="36", turn_direction="straight", **road)
    text.lanelet(2, 23, 24, speed_limit="20 mph", **road)
    text.lanelet(3, 12, 13, 90, 91, **road)
    text.lanelet(4, 12, 11, **road)
    text.lanelet(5, 40, 41, subtype="crosswalk")
    text.lanelet(6, 42, 43, subtype="walkway")
    text.lanelet(7, 42, 43, subtype="bicycle_lane", one_way="no")
    text.relations[90] = (
        [("way", "refers", 31), ("way", "ref_line", 30)],
        {"type": "regulatory_element", "subtype": "traffic_light"},
    )
    text.relations[91] = (
        [("relation", "yield", 1), ("relation", "right_of_way", 3)],
        {"type": "regulatory_element", "subtype": "right_of_way"},
    )
    return text
