"""The same scene drawn by nuscenes-devkit's own rasterizers, to compare with.

`StaticLayerRasterizer` (drivable area, crosswalks, walkways, lanes) and `AgentBoxesWithFadedHistory` (agents now and
2 s of past) draw three channels each. They want a map in nuScenes' map expansion format and annotations in its tables;
both are made here from a Scene, and everything after that is the package's own code.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.geometry import quaternion_from_yaw
from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.scene import AgentClass, EgoState, Scene

NAME = "nuscenes-devkit"
CHANNELS = 6  # three of either rasterizer

_LOCATION = "boston-seaport"  # the package only takes maps of its own places, and loads all of them
_LOCATIONS = (_LOCATION, "singapore-onenorth", "singapore-hollandvillage", "singapore-queenstown")
_HISTORY_STEP_S, _HISTORY_STEPS = 0.5, 4  # nuScenes' key frames, and the rasterizer's default 2 s
_ARC_TOLERANCE_M = 0.1  # its lanes are a few arcs each, not many short pieces
_CATEGORIES = {
    AgentClass.CAR: "vehicle.car",
    AgentClass.TRUCK: "vehicle.truck",
    AgentClass.BUS: "vehicle.bus.rigid",
    AgentClass.MOTORCYCLIST: "vehicle.motorcycle",
    AgentClass.CYCLIST: "vehicle.bicycle",
    AgentClass.PEDESTRIAN: "human.pedestrian.adult",
    AgentClass.ANIMAL: "animal",
    AgentClass.UNKNOWN: "movable_object.debris",
}
_LAYERS = (
    *("polygon", "line", "node", "drivable_area", "road_segment", "road_block", "lane", "ped_crossing", "walkway"),
    *("stop_line", "carpark_area", "road_divider", "lane_divider", "traffic_light", "lane_connector"),
)
_EGO, _SAMPLE = "ego", "sample_0"

Draw = Callable[[], NDArray[np.uint8]]


def devkit_rasterizers(scene: Scene, folder: Path, size_px: int, resolution_m: float) -> dict[str, Draw]:
    """What draws the (size_px, size_px, 3) picture of each of the package's rasterizers, ego in the centre and up.

    The map is written into `folder`. Raises InputError when the package cannot be imported or the scene has no ego.
    """
    modules = import_devkit()
    if scene.ego is None:
        raise InputError(f"{NAME} draws around an agent; give a scene with an ego")
    _write_maps(scene.road_network, folder)
    helper = modules["helper"].PredictHelper(_Tables(scene, scene.ego, folder))
    half_m = 0.5 * size_px * resolution_m
    extent = dict.fromkeys(("meters_ahead", "meters_behind", "meters_left", "meters_right"), half_m)
    return {
        name: _draw(getattr(modules[module], name)(helper, resolution=resolution_m, **extent))
        for module, name in (("static_layers", "StaticLayerRasterizer"), ("agents", "AgentBoxesWithFadedHistory"))
    }


def import_devkit() -> dict[str, Any]:
    """The modules of the package that are used; raises InputError when there is no such package."""
    prefix = "nuscenes.prediction"
    names = {"helper": "helper", **{each: f"input_representation.{each}" for each in ("static_layers", "agents")}}
    try:
        return {key: importlib.import_module(f"{prefix}.{name}") for key, name in names.items()}
    except ImportError as error:
        raise InputError(
            f"{NAME} cannot be imported ({error}); pip install nuscenes-devkit==1.2.0 into an environment with "
            "numpy below 2 and opencv-python-headless below 5, or leave --against out"
        ) from error


def _draw(rasterizer: Any) -> Draw:
    def draw() -> NDArray[np.uint8]:
        picture: NDArray[np.uint8] = rasterizer.make_representation(_EGO, _SAMPLE)
        return picture

    return draw


class _Tables:
    """Serves annotations, samples, scene and log as the class NuScenes does, one sample every 0.5 s."""

    def __init__(self, scene: Scene, ego: EgoState, dataroot: Path):
        self.dataroot = str(dataroot)
        self.sample_annotation = list(_annotations(scene, ego))
        samples = [
            {
                "token": f"sample_{age}",
                "timestamp": scene.stamp_ns / 1e3 - age * _HISTORY_STEP_S * 1e6,
                "scene_token": "scene",
                "anns": [],
            }
            for age in range(_HISTORY_STEPS + 1)
        ]
        self._records: dict[str, dict[str, Any]] = {
            "sample_annotation": {each["token"]: each for each in self.sample_annotation},
            "sample": {str(each["token"]): each for each in samples},
            "scene": {"scene": {"log_token": "log"}},
            "log": {"log": {"location": _LOCATION}},
        }
        for each in self.sample_annotation:
            self.get("sample", each["sample_token"])["anns"].append(each["token"])

    def get(self, table: str, token: str) -> Any:
        return self._records[table][token]


def _annotations(scene: Scene, ego: EgoState) -> Iterator[dict[str, Any]]:
    """Records of every agent and of the ego, now and at each step of the past where they were seen."""
    step = round(_HISTORY_STEP_S / scene.time_step_s)
    columns = [scene.past_position.shape[1] - 1 - age * step for age in range(_HISTORY_STEPS + 1)]
    agents = scene.agents
    for row in range(len(agents)):
        poses = np.column_stack([scene.past_position[row], scene.past_yaw[row]])
        category = _CATEGORIES[AgentClass(int(agents.agent_class[row]))]
        yield from _track(str(agents.ids[row]), poses, scene.past_valid[row], columns, agents.size[row], category)
    if scene.ego_past is None or scene.ego_past_valid is None:
        poses, seen = np.array([[*ego.position, ego.yaw]]), np.array([True])
        columns = [0]
    else:
        poses, seen = scene.ego_past, scene.ego_past_valid
    yield from _track(_EGO, poses, seen, columns, np.array([*scene.ego_size, 1.6]), "vehicle.car")


def _track(
    name: str, poses: NDArray, seen: NDArray, columns: Iterable[int], size: NDArray, category: str
) -> Iterator[dict[str, Any]]:
    """The records of one agent, each naming the one before; poses (P, 3), seen (P,), the newest column first."""
    ages = [age for age, column in enumerate(columns) if column >= 0 and seen[column]]
    column_of = dict(enumerate(columns))
    for age, before in zip(ages, [*ages[1:], None], strict=True):
        x, y, yaw = (float(each) for each in poses[column_of[age]])
        quaternion = quaternion_from_yaw(yaw)
        yield {
            "token": f"{name}_{age}",
            "sample_token": f"sample_{age}",
            "instance_token": name,
            "translation": [x, y, 0.0],
            "rotation": [float(each) for each in quaternion[[3, 0, 1, 2]]],  # w first
            "size": [float(each) for each in size[[1, 0, 2]]],  # width first
            "category_name": category,
            "prev": "" if before is None else f"{name}_{before}",
            "next": "",
        }


def _write_maps(network: RoadNetwork, folder: Path) -> None:
    """The road network in the map expansion's JSON, and empty maps of the other places."""
    target = folder / "maps" / "expansion"
    target.mkdir(parents=True, exist_ok=True)
    for location in _LOCATIONS:
        document: dict[str, Any] = {
            "version": "1.3",
            "canvas_edge": [1000.0, 1000.0],
            **{layer: [] for layer in _LAYERS},
            "arcline_path_3": {},
            "connectivity": {},
        }
        if location == _LOCATION:
            _fill_map(document, network)
        (target / f"{location}.json").write_text(json.dumps(document), encoding="utf-8")


def _fill_map(document: dict[str, Any], network: RoadNetwork) -> None:
    lanes = network.lanes
    outlines = [
        np.concatenate([left, right[::-1]])
        for left, right in zip(lanes.left_boundary, lanes.right_boundary, strict=True)
    ]
    areas = _valid_polygons(network.drivable_areas) or _valid_polygons(outlines)
    for polygon in _parts(shapely.union_all(areas)):
        token = f"drivable_area_{len(document['drivable_area'])}"
        document["drivable_area"].append({"token": token, "polygon_tokens": [_add(document, polygon)]})
    for layer, polygons in (("ped_crossing", network.crosswalks), ("walkway", network.walkways)):
        for polygon in _valid_polygons(polygons):
            token = f"{layer}_{len(document[layer])}"
            document[layer].append({"token": token, "polygon_token": _add(document, polygon)})
    for row, outline in enumerate(outlines):
        for polygon in _valid_polygons([outline])[:1]:
            token = f"lane_{row}"
            document["lane"].append(
                {
                    "token": token,
                    "polygon_token": _add(document, polygon),
                    "left_lane_divider_segments": [],
                    "right_lane_divider_segments": [],
                }
            )
            document["arcline_path_3"][token] = list(_arcs(lanes.centerline[row]))


def _valid_polygons(rings: Iterable[NDArray]) -> list[shapely.Polygon]:
    """The polygons of rings of points (n, 2), mended where they cross themselves."""
    rings = [ring for ring in rings if len(ring) >= 3 and np.isfinite(ring).all()]
    return [part for ring in rings for part in _parts(shapely.make_valid(shapely.Polygon(ring)))]


def _parts(geometry: Any) -> list[shapely.Polygon]:
    return [part for part in shapely.get_parts(geometry) if isinstance(part, shapely.Polygon) and not part.is_empty]


def _add(document: dict[str, Any], polygon: shapely.Polygon) -> str:
    """Adds the polygon and its nodes; returns its token."""
    token = f"polygon_{len(document['polygon'])}"
    exterior, *holes = [_add_nodes(document, ring) for ring in (polygon.exterior, *polygon.interiors)]
    rings = [{"node_tokens": hole} for hole in holes]
    document["polygon"].append({"token": token, "exterior_node_tokens": exterior, "holes": rings})
    return token


def _add_nodes(document: dict[str, Any], ring: Any) -> list[str]:
    tokens = []
    for x, y in list(ring.coords)[:-1]:
        tokens.append(f"node_{len(document['node'])}")
        document["node"].append({"token": tokens[-1], "x": x, "y": y})
    return tokens


def _arcs(line: NDArray) -> Iterator[dict[str, Any]]:
    """The centreline as straight arcline paths: a turn of no length, a straight, a turn of no length."""
    if len(line) < 2 or not np.isfinite(line).all():
        return
    points = shapely.get_coordinates(shapely.simplify(shapely.LineString(line), _ARC_TOLERANCE_M))
    for start, end in pairwise(points):
        offset = end - start
        yaw = float(np.arctan2(offset[1], offset[0]))
        yield {
            "start_pose": [float(start[0]), float(start[1]), yaw],
            "end_pose": [float(end[0]), float(end[1]), yaw],
            "shape": "LSL",
            "radius": 999.999,
            "segment_length": [0.0, float(np.hypot(*offset)), 0.0],
        }
