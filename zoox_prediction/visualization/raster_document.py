"""The documentation of the raster's channels, written from their table."""

from __future__ import annotations

from zoox_prediction.raster.channels import CHANNELS_FILE, Channel, ChannelTable, Kind

_TITLES = {
    "map": "Map",
    "agents": "Agents now, by their most probable class",
    "past": "Agents' past: boxes of the present agents where they were then",
    "motion": "Motion of all agents",
    "attributes": "Attributes of all agents",
    "ego": "Ego",
}

_TEXT = """\
# The channels of the raster

A scene becomes one picture of {count} channels, `uint8`, with the shape (channels, height, width). This page is written
from `{file}` by `zoox-prediction render channels`; the rasterizer and the viewer read the same table.

## Axes

The ego (`base_link`) is in the centre and points up. Row 0 is the farthest ahead, column 0 the farthest to the left:
the centre of pixel (row, column) of a picture of height H and width W lies x = (H / 2 - row - 0.5) * resolution ahead
of the ego and y = (W / 2 - column - 0.5) * resolution to its left (REP-103). By default 256 x 256 pixels of 0.8 m,
204.8 m across; both are parameters. A scene without an ego is centred on a pose that is a parameter too. Directions and
angles of the channels are counter-clockwise from the ego's heading.

## Pixels

A pixel of 0 says that nothing is drawn, or that the value is not known (NaN, an attribute that nobody observed).

| kind | pixel | value |
|---|---|---|
| mask | 1 to 255 | share of the pixel that is covered: 255 inside, less at a rim |
| value | 1 to 255 | low + (pixel - 1) / 254 * (high - low); what is outside of low and high takes the nearer of them |
| flag | 128, 255 | observed and off, observed and on |

The step of a value, (high - low) / 254, is in the tables below; what is read back differs from what was drawn by half
of it at most. Every agent covers at least one whole pixel, so that even a small one has readable values.

## Where agents overlap

Motion and attributes share one channel among all agents. Where several agents cover a pixel, one of them has it, in all
of these channels, whatever the order in which the agents are listed:

1. vulnerable road users (pedestrians, animals, cyclists, motorcyclists) before all others,
2. then who moves (faster than 0.5 m/s) before who stands,
3. then who is nearer to the centre of the raster,
4. then the lower id.
"""


def channel_document(table: ChannelTable) -> str:
    """The page in Markdown: axes, encoding, the overlap rule, and a table of the channels of each group."""
    parts = [_TEXT.format(count=len(table), file=CHANNELS_FILE)]
    for group, channels in table.groups.items():
        parts.append(f"## {_TITLES.get(group, group.capitalize())}\n")
        parts.append("| # | channel | what | drawn as | kind | unit | low | high | step |")
        parts.append("|---|---|---|---|---|---|---|---|---|")
        parts.extend(_row(table.index(channel.name), channel) for channel in channels)
        parts.append("")
    return "\n".join(parts)


def _row(index: int, channel: Channel) -> str:
    scale = ["", "", "", ""]
    if channel.kind == Kind.VALUE:
        scale = [channel.unit, f"{channel.low:g}", f"{channel.high:g}", f"{channel.step:.3g}"]
    cells = [str(index), f"`{channel.name}`", channel.description, channel.draw, channel.kind, *scale]
    return "| " + " | ".join(cells) + " |"
