"""What `zoox-prediction benchmark raster` measures: a raster of a driving ego among agents, warm and cold."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from zoox_prediction.evaluation.benchmark import BenchmarkCase, BenchmarkConfig, measure
from zoox_prediction.evaluation.benchmark_scenes import scene_on
from zoox_prediction.evaluation.benchmark_town import town
from zoox_prediction.evaluation.nuscenes_devkit import CHANNELS, NAME, devkit_rasterizers, import_devkit
from zoox_prediction.geometry import compose_poses, invert_pose
from zoox_prediction.maps.readers import read_road_network
from zoox_prediction.maps.road_network import Lanes, Ragged, RoadNetwork
from zoox_prediction.raster.config import RasterConfig
from zoox_prediction.raster.rasterizer import Rasterizer
from zoox_prediction.scene import Scene

REFERENCE = "copying an array of the raster's size"

_REAL_MAP = "maps/lanelet2_fzi/mapping_example.osm"  # the largest real one of the recordings for tests
_CROWD_M = 80.0  # from the ego at its start to the farthest agent
_POSES = 20  # of the ego, a metre apart: no raster is asked for twice in a row
_COLD_REPEATS, _DEVKIT_REPEATS = 20, 30

Row = dict[str, object]


def benchmark_map(path: Path | None = None) -> tuple[str, RoadNetwork]:
    """Name and road network of the file at `path`, else of the largest real map, else the generated town.

    Raises MapError when the file at `path` cannot be read.
    """
    checkout = Path(__file__).resolve().parents[2]
    recordings = Path(os.environ.get("ZOOX_PREDICTION_DATA", checkout.parent / "shared" / "data"))
    if path is None and not (recordings / _REAL_MAP).is_file():
        return "generated town", town()
    path = path or recordings / _REAL_MAP
    return path.name, read_road_network(path)


def crowded_scene(network: RoadNetwork, num_agents: int) -> Scene:
    """The ego where the map has the most lanes, and the agents on the lanes around it, so that the raster shows all."""
    lines = [_evenly(line) for line in network.lanes.centerline if len(line) >= 2]
    segments = np.concatenate([np.stack([line[:-1], line[1:]], axis=1) for line in lines])
    points, toward = segments[:, 0], segments[:, 1] - segments[:, 0]
    middle = int(np.argmax(cKDTree(points).query_ball_point(points, _CROWD_M, return_length=True)))
    near = segments[np.linalg.norm(segments - points[middle], axis=-1).max(axis=-1) < _CROWD_M]
    crowd = RoadNetwork(lanes=Lanes(ids=np.arange(len(near)), centerline=Ragged.points(near)))
    scene = scene_on(crowd, num_agents)
    if scene.ego is None or scene.ego_past is None:
        raise AssertionError("scenes for timing have an ego")
    yaw = float(np.arctan2(toward[middle, 1], toward[middle, 0]))
    ego = replace(scene.ego, position=points[middle], yaw=yaw)
    turned = compose_poses([*points[middle], yaw], compose_poses(invert_pose(scene.ego_past[-1]), scene.ego_past))
    return replace(scene, road_network=network, ego=ego, ego_past=turned)


def _evenly(line: NDArray) -> NDArray[np.float64]:
    """A line (n, 2) by points about five metres apart, and its ends."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.linspace(0.0, along[-1], max(round(along[-1] / 5.0), 1) + 1)
    return np.column_stack([np.interp(at, along, line[:, axis]) for axis in range(2)])


def measure_raster(
    agents: Sequence[int],
    config: BenchmarkConfig,
    *,
    map_path: Path | None = None,
    against_devkit: bool = False,
    progress: Callable[[str], None] = lambda case: None,
) -> list[Row]:
    """Rows of the raster for no agents and each number of `agents`; `channel_ms` is the median per channel.

    `cache_bytes` is what the drawn tiles of the map take. With `against_devkit`, rows of nuscenes-devkit's rasterizers
    at the same size follow, and `times_faster` of every raster's row is how much longer those take per channel.
    Raises InputError when the map cannot be read or that package not be imported.
    """
    if against_devkit:
        import_devkit()  # a package that is missing is told before anything is measured
    name, network = benchmark_map(map_path)
    raster_config = RasterConfig()
    rasterizer = Rasterizer(raster_config)
    raster = rasterizer.rasterize(crowded_scene(network, 0))
    timer = partial(_measure, copy=_copy_of(raster))
    shown = f"{name}, {len(network.lanes)} lanes"
    rows, devkit_rows = [], []
    for count in dict.fromkeys([0, *agents]):
        scenes = _driving(crowded_scene(network, count))
        for scene in scenes:
            rasterizer.rasterize(scene)
        next_scene = itertools.cycle(scenes).__next__
        progress(f"raster: {count} agents")
        case = BenchmarkCase(f"raster: {shown}", count, lambda each=next_scene: rasterizer.rasterize(each()))  # type: ignore[misc]
        rows.append(_per_channel(timer(case, config), len(raster)))
        rows[-1]["cache_bytes"] = rasterizer.cache_bytes
        if against_devkit:
            progress(f"{NAME}: {count} agents")
            devkit_rows += _devkit_rows(scenes[0], raster_config, timer, config)
            both_ms = sum(float(str(row["p50_ms"])) for row in devkit_rows[-2:])
            rows[-1]["times_faster"] = both_ms / CHANNELS / float(str(rows[-1]["channel_ms"]))
    progress("raster: first on a map")
    cold = BenchmarkCase(
        f"raster: the first on {shown}", 0, partial(_first_raster, raster_config, crowded_scene(network, 0))
    )
    rows.append(_per_channel(timer(cold, _fewer(config, _COLD_REPEATS)), len(raster)))
    return rows + devkit_rows


def summary(rows: Sequence[Row]) -> Iterator[str]:
    """Sentences about the rows of `measure_raster` that no column of the table shows."""
    sizes = [int(str(row["cache_bytes"])) for row in rows if "cache_bytes" in row]
    limit = RasterConfig().tile_cache_mb
    yield f"tiles of the map in memory: {max(sizes) / 2**20:.1f} MiB, bounded by tile_cache_mb at {limit:g} MiB"
    for row in rows:
        if "times_faster" in row:
            ours_us, times = 1e3 * float(str(row["channel_ms"])), float(str(row["times_faster"]))
            theirs = f"{NAME} {ours_us * times:.0f} us, {times:.0f} times that"
            yield f"{row['agents']} agents: {ours_us:.0f} us per channel, {theirs}"


def _measure(case: BenchmarkCase, config: BenchmarkConfig, copy: Callable[[], object]) -> Row:
    return measure(case, config, reference=copy, reference_name=REFERENCE)


def _per_channel(row: Row, channels: int) -> Row:
    return {**row, "channels": channels, "channel_ms": float(str(row["p50_ms"])) / channels}


def _fewer(config: BenchmarkConfig, repeats: int) -> BenchmarkConfig:
    repeats = min(config.repeats, repeats)
    return replace(config, repeats=repeats, min_repeats=min(config.min_repeats, repeats), warm_ups=1)


def _driving(scene: Scene) -> list[Scene]:
    """The scene with the ego ever a metre further along its heading."""
    ego = scene.ego
    if ego is None or scene.ego_past is None:
        raise AssertionError("scenes for timing have an ego")
    steps = np.arange(_POSES)[:, None] * [np.cos(ego.yaw), np.sin(ego.yaw)]
    return [
        replace(
            scene,
            ego=replace(ego, position=ego.position + step),
            ego_past=scene.ego_past + np.array([*step, 0.0]),
        )
        for step in steps
    ]


def _first_raster(config: RasterConfig, scene: Scene) -> NDArray[np.uint8]:
    return Rasterizer(config).rasterize(scene)


def _copy_of(array: NDArray) -> Callable[[], object]:
    target = np.empty_like(array)
    return lambda: np.copyto(target, array)


def _devkit_rows(
    scene: Scene, raster: RasterConfig, timer: Callable[[BenchmarkCase, BenchmarkConfig], Row], config: BenchmarkConfig
) -> list[Row]:
    count = len(scene)
    with tempfile.TemporaryDirectory() as folder:
        rasterizers = devkit_rasterizers(scene, Path(folder), raster.size_px, raster.resolution_m)
        few = _fewer(config, _DEVKIT_REPEATS)
        rows = [timer(BenchmarkCase(f"{NAME}: {name}", count, draw), few) for name, draw in rasterizers.items()]
    return [_per_channel(row, CHANNELS // len(rows)) for row in rows]
