"""What `zoox-prediction benchmark map` measures: queries on the largest real map, and loading six of it as one."""

from __future__ import annotations

import copy
import os
import tempfile
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from zoox_prediction.evaluation.benchmark import BenchmarkCase
from zoox_prediction.evaluation.benchmark_scenes import scene_on
from zoox_prediction.evaluation.benchmark_town import town
from zoox_prediction.maps.cache import cached_road_network
from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.maps.map_index import MapIndex
from zoox_prediction.maps.readers import read_road_network
from zoox_prediction.maps.road_network import RoadNetwork

_REAL_MAP = Path("maps", "lanelet2_autoware", "test_map_road_shoulder_lanelet2_map.osm")  # 371 lanelets
_COPIES = 6  # of it beside one another, to load: more than 2,000 lanelets
_LOADS = 5
_PATHS_M, _RADIUS_M = 150.0, 50.0


def map_cases(agents: int) -> list[BenchmarkCase]:
    """Queries for one agent and for `agents`, what they need built, and loading; the latter only of the real map."""
    file = real_map()
    network = town() if file is None else _read(file)
    cases = [
        BenchmarkCase(f"map: lane graph of {len(network.lanes)} lanes", 0, partial(LaneGraph, network)),
        BenchmarkCase("map: index of all elements", 0, partial(MapIndex, network)),
        *(case for count in (1, agents) for case in _queries(network, count)),
    ]
    return cases if file is None else [*cases, *_loading(file)]


def real_map() -> Path | None:
    """The largest real map among the recordings for tests, None without them."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    file = Path(os.environ.get("ZOOX_PREDICTION_DATA", beside)) / _REAL_MAP
    return file if file.is_file() else None


def _queries(network: RoadNetwork, agents: int) -> list[BenchmarkCase]:
    graph = LaneGraph(network)
    scene = scene_on(network, agents)
    position, yaw = scene.agents.position[:, :2], scene.agents.yaw
    runs: dict[str, Callable[[], object]] = {
        "lanes of the agents": partial(graph.assign, position, yaw),
        f"paths of the agents, {_PATHS_M:g} m": partial(graph.paths, position, yaw, np.full(agents, _PATHS_M)),
        f"elements within {_RADIUS_M:g} m": partial(network.index.within, position, _RADIUS_M),
    }
    return [BenchmarkCase(f"map: {name}", agents, run) for name, run in runs.items()]


def _loading(file: Path) -> list[BenchmarkCase]:
    folder = _copies_folder(file)
    path = Path(folder.name) / file.name
    count = len(cached_road_network(path).lanes)
    return [
        BenchmarkCase(f"map: reading {count} lanelets", 0, partial(read_road_network, path), most_repeats=_LOADS),
        BenchmarkCase(f"map: {count} lanelets from the cache", 0, partial(cached_road_network, path)),
    ]


@lru_cache(maxsize=1)
def _read(file: Path) -> RoadNetwork:
    return read_road_network(file)


@lru_cache(maxsize=1)
def _copies_folder(file: Path) -> tempfile.TemporaryDirectory[str]:
    """A folder with the enlarged map, kept until the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="zoox_prediction_benchmark_")
    write_copies(file, Path(folder.name) / file.name, _COPIES)
    return folder


def write_copies(file: Path, target: Path, copies: int) -> None:
    """Writes copies of a Lanelet2 map with local coordinates side by side, as one map whose ids are all different."""
    source = ElementTree.parse(file).getroot()
    elements = [each for each in source if each.tag in ("node", "way", "relation")]
    id_step = 10 ** len(str(max(int(each.get("id", "0")) for each in elements)))
    easting = [float(each.get("v", "0")) for each in source.iterfind("node/tag[@k='local_x']")]
    x_step = max(easting) - min(easting) + 100.0
    result = ElementTree.Element("osm", source.attrib)
    result.extend(each for each in source if each not in elements)
    for kind in ("node", "way", "relation"):
        originals = [each for each in elements if each.tag == kind]
        for number in range(copies):
            result.extend(_moved(each, number * id_step, number * x_step) for each in originals)
    ElementTree.ElementTree(result).write(target, encoding="UTF-8", xml_declaration=True)


def _moved(element: ElementTree.Element, id_step: int, x_step: float) -> ElementTree.Element:
    moved = copy.deepcopy(element)
    for each in moved.iter():
        for name in ("id", "ref"):
            if name in each.attrib:
                each.set(name, str(int(each.get(name, "0")) + id_step))
        if each.tag == "tag" and each.get("k") == "local_x":
            each.set("v", repr(float(each.get("v", "0")) + x_step))
    return moved
