"""A contact sheet: every channel of a raster as a small labelled picture, group by group."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.raster.channels import Channel, ChannelTable, Kind
from zoox_prediction.visualization.canvas import Canvas
from zoox_prediction.visualization.palette import TEXT, Color

_COLUMNS = 8
_TILE_PX = 256  # rasters of another size are scaled to it
_GAP_PX = 12
_LABEL_PX = 42  # above each tile
_GROUP_PX = 34  # above each group
_KEY_PX = 84  # below everything
_TITLE_PX = 44

_NOTHING: Color = (22, 22, 28)
_OFF: Color = (88, 124, 214)
_ON: Color = (255, 158, 40)
_FAINT: Color = (120, 120, 128)


def draw_sheet(raster: NDArray[np.uint8], table: ChannelTable, title: str) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB sheet of a raster (C, h, w): name, unit and range above each channel, one key below all."""
    rows = sum(-(-len(channels) // _COLUMNS) for channels in table.groups.values())
    width = _GAP_PX + _COLUMNS * (_TILE_PX + _GAP_PX)
    height = _TITLE_PX + rows * (_LABEL_PX + _TILE_PX) + len(table.groups) * _GROUP_PX + _KEY_PX
    page = Canvas((0.0, 0.0), float(width), (width, height))
    page.text_px(title, (_GAP_PX, 30), scale=0.8)
    top = _TITLE_PX
    for group, channels in table.groups.items():
        cv2.line(page.image, (_GAP_PX, top + 6), (width - _GAP_PX, top + 6), _FAINT, 1)
        page.text_px(group, (_GAP_PX, top + 28), scale=0.7)
        top += _GROUP_PX
        for place, channel in enumerate(channels):
            left = _GAP_PX + place % _COLUMNS * (_TILE_PX + _GAP_PX)
            row_top = top + place // _COLUMNS * (_LABEL_PX + _TILE_PX)
            _draw_tile(page, raster[table.index(channel.name)], channel, table.index(channel.name), left, row_top)
        top += -(-len(channels) // _COLUMNS) * (_LABEL_PX + _TILE_PX)
    _draw_key(page, top + 30)
    return page.image


def _draw_tile(page: Canvas, pixels: NDArray[np.uint8], channel: Channel, index: int, left: int, top: int) -> None:
    page.text_px(f"{index} {channel.name}", (left, top + 20), scale=0.5)
    page.text_px(_scale_text(channel), (left, top + 36), _FAINT, scale=0.42)
    # A nearest pixel never shows a value that is not there; where pixels must be left out, the larger ones stay.
    thickened = np.ones((-(-max(pixels.shape) // _TILE_PX),) * 2, dtype=np.uint8)
    small = cv2.resize(cv2.dilate(pixels, thickened), (_TILE_PX, _TILE_PX), interpolation=cv2.INTER_NEAREST_EXACT)
    tile = _colors(channel.kind, channel.low < 0.0 < channel.high)[small]
    page.image[top + _LABEL_PX : top + _LABEL_PX + _TILE_PX, left : left + _TILE_PX] = tile
    if not pixels.any():
        at = (left + _TILE_PX // 2 - 24, top + _LABEL_PX + _TILE_PX // 2)
        cv2.putText(page.image, "nothing", at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, _FAINT, 1, cv2.LINE_AA)


def _scale_text(channel: Channel) -> str:
    """What stands for its unit: the range of a value, else the kind."""
    if channel.kind == Kind.VALUE:
        return f"{channel.low:g} to {channel.high:g}" + (f" {channel.unit}" if channel.unit != "1" else "")
    return str(channel.kind)


@lru_cache(maxsize=8)
def _colors(kind: str, signed: bool) -> NDArray[np.uint8]:
    """(256, 3) RGB of every pixel of a channel of that kind; of a value, whether its range has both signs."""
    share = np.arange(256) / 255.0
    if kind == Kind.MASK:
        stops: list[Color] = [_NOTHING, (255, 255, 255)]
    elif kind == Kind.FLAG:
        stops = [_OFF, _ON]
        share = np.round(2.0 * share - 1.0)  # 128 is off and 255 on
    elif signed:
        stops = [(70, 130, 255), (150, 190, 245), (225, 225, 225), (250, 165, 130), (245, 60, 50)]
    else:
        stops = [(96, 88, 226), (40, 140, 190), (60, 190, 110), (200, 225, 60), (255, 245, 160)]
    at = np.linspace(0.0, 1.0, len(stops))
    colors = np.stack([np.interp(share, at, [stop[channel] for stop in stops]) for channel in range(3)], axis=-1)
    colors[0] = _NOTHING
    table: NDArray[np.uint8] = np.round(colors).astype(np.uint8)
    return table


def _draw_key(page: Canvas, top: int) -> None:
    """What the colours of each kind mean, in one line."""
    bars = (
        ("mask: not there, there", Kind.MASK, False),
        ("value: lowest to highest", Kind.VALUE, False),
        ("value with sign: lowest, 0, highest", Kind.VALUE, True),
        ("flag: unknown, off, on", Kind.FLAG, False),
    )
    step = (page.width_px - _GAP_PX) // len(bars)
    for number, (text, kind, signed) in enumerate(bars):
        left = _GAP_PX + number * step
        pixels = np.linspace(1, 255, 160).astype(np.uint8)
        if kind == Kind.FLAG:
            pixels = np.repeat(np.array([0, 128, 255], dtype=np.uint8), [54, 53, 53])
        elif kind == Kind.MASK:
            pixels = np.repeat(np.array([0, 255], dtype=np.uint8), 80)
        page.image[top : top + 18, left : left + 160] = _colors(kind, signed)[pixels][None]
        cv2.rectangle(page.image, (left, top), (left + 159, top + 17), TEXT, 1)
        page.text_px(text, (left + 170, top + 14), scale=0.5)
