"""What `zoox-prediction benchmark map` measures: queries on the largest real map, and loading 2,000 lanelets."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from zoox_prediction.evaluation.benchmark import BenchmarkCase
from zoox_prediction.evaluation.benchmark_map_file import write_town_map
from zoox_prediction.evaluation.benchmark_scenes import scene_on
from zoox_prediction.evaluation.benchmark_town import town
from zoox_prediction.maps.cache import cached_road_network
from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.maps.map_index import MapIndex
from zoox_prediction.maps.readers import read_road_network
from zoox_prediction.maps.road_network import RoadNetwork

_REAL_MAP = Path("maps", "lanelet2_autoware", "test_map_road_shoulder_lanelet2_map.osm")  # 371 lanelets
_TOWN_FILE, _LANELETS = "town.osm", 2000  # to load
_LOADS = 5
_PATHS_M, _RADIUS_M = 150.0, 50.0


def map_cases(agents: int) -> list[BenchmarkCase]:
    """Queries for one agent and for `agents`, what they need built, and loading a generated Lanelet2 map."""
    file = real_map()
    network = town() if file is None else _read(file)
    return [
        BenchmarkCase(f"map: lane graph of {len(network.lanes)} lanes", 0, partial(LaneGraph, network)),
        BenchmarkCase("map: index of all elements", 0, partial(MapIndex, network)),
        *(case for count in (1, agents) for case in _queries(network, count)),
        *_loading(),
    ]


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


def _loading() -> list[BenchmarkCase]:
    path = Path(_town_folder().name) / _TOWN_FILE
    network = cached_road_network(path)
    count = len(network.lanes) + len(network.crosswalks)
    return [
        BenchmarkCase(f"map: reading {count} lanelets", 0, partial(read_road_network, path), most_repeats=_LOADS),
        BenchmarkCase(f"map: {count} lanelets from the cache", 0, partial(cached_road_network, path)),
    ]


@lru_cache(maxsize=1)
def _read(file: Path) -> RoadNetwork:
    return read_road_network(file)


@lru_cache(maxsize=1)
def _town_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder with the generated map, kept until the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="zoox_prediction_benchmark_")
    write_town_map(Path(folder.name) / _TOWN_FILE, _LANELETS)
    return folder
