"""The channels of the agents: where they are and were, how they move, what is known of them.

Masks show every agent. Motion and attributes can show one agent per pixel. Where boxes overlap it is, in this order:
a vulnerable road user (pedestrian, animal, cyclist, motorcyclist) before a vehicle or an unknown agent; one that moves
faster than 0.5 m/s before one that stands; the one nearer to the centre of the raster; the one with the lower id. The
pixel that holds the centre of a box always belongs to it, unless a more important agent covers it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.raster.agent_boxes import PAST_S, DrawnBoxes, agent_boxes
from zoox_prediction.raster.channels import ChannelTable
from zoox_prediction.raster.drawing import fill_convex
from zoox_prediction.raster.frame import RasterFrame
from zoox_prediction.scene import AgentClass, Attribute, Scene

_CLASS_CHANNEL = {
    AgentClass.CAR: "car",
    AgentClass.TRUCK: "large_vehicle",
    AgentClass.BUS: "large_vehicle",
    AgentClass.MOTORCYCLIST: "two_wheeler",
    AgentClass.CYCLIST: "two_wheeler",
    AgentClass.PEDESTRIAN: "pedestrian",
    AgentClass.ANIMAL: "animal",
    AgentClass.UNKNOWN: "unknown_agent",
}
_VULNERABLE = (AgentClass.MOTORCYCLIST, AgentClass.CYCLIST, AgentClass.PEDESTRIAN, AgentClass.ANIMAL)
_PAST = tuple(f"{seconds:.1f}_s_ago".replace(".", "_") for seconds in PAST_S)
_PAST_VEHICLES = tuple(f"vehicles_{past}" for past in _PAST)
_PAST_VULNERABLE = tuple(f"vulnerable_{past}" for past in _PAST)
_FLAGS = {attribute: attribute.name.lower() for attribute in Attribute if attribute.name}
_SHARED = (
    "speed", "heading_cos", "heading_sin", "acceleration", "yaw_rate", *_FLAGS.values(), "front_wheel_angle",
    "existence_probability", "time_since_seen",
)  # fmt: skip

CHANNELS = (*dict.fromkeys(_CLASS_CHANNEL.values()), *_PAST_VEHICLES, *_PAST_VULNERABLE, *_SHARED)

_STANDING_MPS = 0.5


def draw_agents(scene: Scene, frame: RasterFrame, table: ChannelTable, raster: NDArray[np.uint8]) -> None:
    """Writes the agents' channels of a raster (C, H, W) that is zero."""
    boxes = agent_boxes(scene, frame)
    _draw_masks(scene, boxes, table, raster)
    now = boxes.of_step(0)
    # Most important last. Here, and nowhere else, agents hide each other.
    now = now[_importance(scene, boxes, now, frame)]
    rank_of = _winners(boxes, now, frame.size_px)
    covered = np.flatnonzero(rank_of)
    rows = np.array([table.index(name) for name in _SHARED])
    pixels = _shared_pixels(scene, boxes.agent[now], frame, table)
    raster.reshape(len(raster), -1)[rows[:, None], covered] = pixels[:, rank_of.reshape(-1)[covered] - 1]


def _draw_masks(scene: Scene, boxes: DrawnBoxes, table: ChannelTable, raster: NDArray[np.uint8]) -> None:
    agent_class = scene.agents.agent_class
    channel_now = np.array([table.index(_CLASS_CHANNEL[each]) for each in AgentClass])
    channel_past = np.array([[table.index(name) for name in names] for names in (_PAST_VEHICLES, _PAST_VULNERABLE)])
    vulnerable = np.isin(agent_class, _VULNERABLE)[boxes.agent].astype(int)
    channel = np.where(
        boxes.step == 0, channel_now[agent_class[boxes.agent]], channel_past[vulnerable, np.maximum(boxes.step - 1, 0)]
    )
    for index in np.unique(channel):
        rows = np.flatnonzero(channel == index)
        fill_convex(raster[index], boxes.corners[rows], [255] * len(rows))
    column, row, inside = _center_pixels(boxes.center, raster.shape[-1])
    raster[channel[inside], row, column] = 255


def _importance(scene: Scene, boxes: DrawnBoxes, rows: NDArray[np.int64], frame: RasterFrame) -> NDArray[np.int64]:
    """The order of the boxes `rows` by the rule above, the most important last."""
    agents = boxes.agent[rows]
    vulnerable = np.isin(scene.agents.agent_class[agents], _VULNERABLE)
    with np.errstate(over="ignore", invalid="ignore"):
        moving = _speed(scene)[agents] > _STANDING_MPS
    middle = 0.5 * frame.size_px - 0.5
    distance = np.hypot(*(boxes.center[rows] - middle).T)
    order: NDArray[np.int64] = np.lexsort((-scene.agents.ids[agents], -distance, moving, vulnerable))
    return order


def _winners(boxes: DrawnBoxes, rows: NDArray[np.int64], size_px: int) -> NDArray[np.int32]:
    """(H, W) 1 + place in `rows` of the last box that covers a pixel, 0 for none."""
    place = np.zeros((size_px, size_px), dtype=np.int32)
    fill_convex(place, boxes.corners[rows], range(1, len(rows) + 1))
    column, row, inside = _center_pixels(boxes.center[rows], size_px)
    np.maximum.at(place, (row, column), (1 + np.flatnonzero(inside)).astype(np.int32))
    return place


def _center_pixels(
    center: NDArray[np.float64], size_px: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Column and row of the pixels that hold centres (B, 2), of those in the raster, and which these are (B,)."""
    pixel = np.floor(center + 0.5)
    inside = np.all((pixel >= 0) & (pixel < size_px), axis=1)
    column, row = pixel[inside].astype(np.int64).T
    return column, row, inside


def _speed(scene: Scene) -> NDArray[np.float64]:
    return np.hypot(scene.agents.velocity[:, 0], scene.agents.velocity[:, 1])


def _shared_pixels(
    scene: Scene, agents: NDArray[np.int64], frame: RasterFrame, table: ChannelTable
) -> NDArray[np.uint8]:
    """(channels of _SHARED, M) pixels of the agents (M,)."""
    chosen = scene.agents
    velocity, yaw = chosen.velocity[agents], chosen.yaw[agents]
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite in the scene is clipped, or 0 for NaN
        speed = _speed(scene)[agents]
        # Where an agent goes; one that stands goes nowhere, and looks where it is turned to.
        direction = np.where(speed > _STANDING_MPS, np.arctan2(velocity[:, 1], velocity[:, 0]), yaw) - frame.yaw
        ahead = np.column_stack([np.cos(yaw), np.sin(yaw)])
        values = {
            "speed": speed,
            "heading_cos": np.cos(direction),
            "heading_sin": np.sin(direction),
            "acceleration": (chosen.acceleration[agents] * ahead).sum(axis=1),
            "yaw_rate": chosen.yaw_rate[agents],
            "front_wheel_angle": chosen.front_wheel_angle[agents],
            "existence_probability": chosen.existence_probability[agents],
            "time_since_seen": chosen.time_since_seen_s[agents],
        }
    on, observed = chosen.attributes[agents], chosen.attributes_valid[agents]
    for attribute, name in _FLAGS.items():
        values[name] = np.where(observed & attribute, (on & attribute) > 0, np.nan)
    return np.stack([table.encode(name, values[name]) for name in _SHARED])
