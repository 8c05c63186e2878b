"""One picture of a raster that a person can read: what the network sees, in the colours of the other pictures."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.raster.channels import ChannelTable, Kind
from zoox_prediction.scene import AgentClass, SignalState
from zoox_prediction.visualization import palette
from zoox_prediction.visualization.canvas import Canvas
from zoox_prediction.visualization.palette import Color


@dataclass(frozen=True)
class Layer:
    """A channel as the composite shows it: every pixel that is not 0, or only those that equal `pixel`."""

    channel: str
    color: Color
    alpha: float = 1.0
    pixel: int | None = None


_CAR, _PEDESTRIAN = palette.AGENT[AgentClass.CAR], palette.AGENT[AgentClass.PEDESTRIAN]
_AGES = ("2_0", "1_5", "1_0", "0_5")  # seconds ago, the oldest below the others and the palest

# From below to above.
LAYERS = (
    Layer("walkway", palette.WALKWAY),
    Layer("drivable_area", palette.DRIVABLE_AREA),
    Layer("lane_direction_cos", (200, 204, 212)),
    Layer("intersection", palette.CENTERLINE, 0.35),
    Layer("parking", (196, 208, 230), 0.8),
    Layer("bicycle_lane", (190, 222, 196), 0.8),
    Layer("restricted_lane", (226, 204, 190), 0.8),
    Layer("signal_unknown", palette.SIGNAL[SignalState.UNKNOWN], 0.35),
    Layer("signal_red", palette.SIGNAL[SignalState.RED], 0.45),
    Layer("signal_yellow", palette.SIGNAL[SignalState.YELLOW], 0.45),
    Layer("signal_green", palette.SIGNAL[SignalState.GREEN], 0.45),
    Layer("crosswalk", (252, 243, 176), 0.85),
    Layer("crosswalk_walk", palette.SIGNAL[SignalState.RED], 0.25, pixel=128),
    Layer("crosswalk_walk", palette.SIGNAL[SignalState.GREEN], 0.35, pixel=255),
    Layer("dashed_boundary", palette.BOUNDARY, 0.4),
    Layer("solid_boundary", palette.BOUNDARY),
    Layer("road_edge", palette.ROAD_EDGE),
    Layer("stop_line", palette.STOP_LINE),
    Layer("signal_position", palette.SIGNAL[SignalState.DARK]),
    Layer("route", palette.PLAN, 0.45),
    Layer("ego_past", palette.EGO, 0.35),
    *(Layer(f"vehicles_{age}_s_ago", _CAR, 0.15 + 0.1 * step) for step, age in enumerate(_AGES)),
    *(Layer(f"vulnerable_{age}_s_ago", _PEDESTRIAN, 0.2 + 0.1 * step) for step, age in enumerate(_AGES)),
    Layer("unknown_agent", palette.AGENT[AgentClass.UNKNOWN]),
    Layer("large_vehicle", palette.AGENT[AgentClass.TRUCK]),
    Layer("car", _CAR),
    Layer("two_wheeler", palette.AGENT[AgentClass.CYCLIST]),
    Layer("animal", palette.AGENT[AgentClass.ANIMAL]),
    Layer("pedestrian", _PEDESTRIAN),
    Layer("ego", palette.EGO),
)

# Where lanes of several signals cross, the first of these is seen alone: red and green together would be a brown.
_SIGNALS = ("signal_green", "signal_yellow", "signal_red", "signal_unknown")

_LEGEND = {
    "walkway": "walkway",
    "crosswalk": "crosswalk",
    "parking": "parking",
    "bicycle_lane": "bicycle lane",
    "restricted_lane": "restricted lane",
    "signal_red": "lane with red signal",
    "signal_yellow": "lane with yellow signal",
    "signal_green": "lane with green signal",
    "signal_unknown": "lane with unknown signal",
    "signal_position": "signal",
    "stop_line": "stop line",
    "route": "route",
    "car": "car; its past is paler",
    "large_vehicle": "truck, bus",
    "two_wheeler": "cyclist, motorcyclist",
    "pedestrian": "pedestrian",
    "animal": "animal",
    "unknown_agent": "unknown agent",
    "ego": "ego",
}


def draw_composite(raster: NDArray[np.uint8], table: ChannelTable, scale: int = 1) -> NDArray[np.uint8]:
    """(scale H, scale W, 3) uint8 RGB picture of a raster (C, H, W) of the channels of `table`."""
    height, width = raster.shape[1] * scale, raster.shape[2] * scale
    image: NDArray[np.uint8] = np.full((height, width, 3), palette.BACKGROUND, dtype=np.uint8)
    signals = _one_signal_each(raster, table)
    for layer in LAYERS:
        pixels = signals.get(layer.channel, raster[table.index(layer.channel)])
        shares = pixels if table[layer.channel].kind == Kind.MASK else _selected(pixels, layer.pixel)
        if not shares.any():  # of the channel only other values are drawn
            continue
        if scale > 1:
            shares = cv2.resize(shares, (width, height), interpolation=cv2.INTER_LINEAR)
        _blend(image, shares, layer)
    return image


def draw_labelled_composite(
    raster: NDArray[np.uint8], table: ChannelTable, resolution_m: float, title: str, scale: int
) -> NDArray[np.uint8]:
    """The composite with a title, a bar of a round number of metres, and a key of what is in it."""
    image = draw_composite(raster, table, scale)
    canvas = Canvas((0.0, 0.0), raster.shape[2] * resolution_m, (image.shape[1], image.shape[0]))
    canvas.image[:] = image
    colors = {layer.channel: layer.color for layer in LAYERS}
    canvas.legend([(label, colors[name]) for name, label in _LEGEND.items() if raster[table.index(name)].any()])
    canvas.scale_bar()
    canvas.text_px(title, (14, 26), scale=0.6)
    return canvas.image


def _one_signal_each(raster: NDArray[np.uint8], table: ChannelTable) -> dict[str, NDArray[np.uint8]]:
    """(H, W) of each of _SIGNALS, zero where one before it is drawn."""
    free = np.ones(raster.shape[1:], dtype=bool)
    seen = {}
    for name in _SIGNALS:
        seen[name] = raster[table.index(name)] * free
        free &= seen[name] == 0
    return seen


def _selected(pixels: NDArray[np.uint8], pixel: int | None) -> NDArray[np.uint8]:
    """255 where something is drawn, of a channel that is no mask."""
    chosen = pixels != 0 if pixel is None else pixels == pixel
    selected: NDArray[np.uint8] = chosen.view(np.uint8) * np.uint8(255)
    return selected


def _blend(image: NDArray[np.uint8], shares: NDArray[np.uint8], layer: Layer) -> None:
    """Lays the layer's colour over the part of the image that it covers."""
    left, top, width, height = cv2.boundingRect(shares)
    part = image[top : top + height, left : left + width]
    weight = shares[top : top + height, left : left + width].astype(np.float32) * np.float32(layer.alpha / 255.0)
    color = np.empty_like(part)
    color[:] = layer.color
    part[:] = cv2.blendLinear(color, part, weight, np.float32(1.0) - weight)
