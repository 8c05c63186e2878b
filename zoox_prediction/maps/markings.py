"""What is painted on roads, as lines: the dashes of broken lines and the stripes of crosswalks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from zoox_prediction.maps.areas import polygon_of
from zoox_prediction.maps.road_network import Ragged

STRIPE_M = 0.5  # width of the stripes of a crosswalk
_STRIPE_PERIOD_M = 1.0
_MAX_STRIPES = 100  # of a crosswalk that is absurdly long
_DASH_M, _DASH_GAP_M = 3.0, 4.5
_SAME_LINE_M = 0.02  # two lanes' common boundary is one line although their files round differently


def once(lines: Sequence[NDArray]) -> Ragged:
    """The lines without those that are there already, be it from the other end."""
    found: dict[tuple[int, ...], NDArray] = {}
    for line in lines:
        if len(line):
            ends = np.round(line[[0, -1]] / _SAME_LINE_M).astype(np.int64).tolist()
            first, last = sorted(map(tuple, ends))
            found.setdefault((*first, *last), line)
    return Ragged.points(found.values())


def dashes(lines: Ragged) -> Ragged:
    """Pieces of two points: the lines with gaps."""
    starts, ends, owner = segments(lines)
    length = np.linalg.norm(ends - starts, axis=1)
    travelled = np.concatenate([[0.0], np.cumsum(length)])
    first = np.searchsorted(owner, owner)  # the first segment of the same line
    begin = travelled[:-1] - travelled[first]
    period = _DASH_M + _DASH_GAP_M
    number = np.floor(begin / period)  # of the first dash that the segment may hold a part of
    count = (np.floor((begin + length) / period) - number).astype(np.int64) + 1
    segment = np.repeat(np.arange(len(length)), count)
    dash = number[segment] + np.arange(len(segment)) - np.repeat(np.cumsum(count) - count, count)
    low = np.maximum(dash * period - begin[segment], 0.0)
    high = np.minimum(dash * period + _DASH_M - begin[segment], length[segment])
    keep = high > low
    segment, low, high = segment[keep], low[keep, None], high[keep, None]
    along = (ends - starts)[segment] / np.maximum(length[segment, None], 1e-9)
    return _pairs(starts[segment] + low * along, starts[segment] + high * along)


def stripes(crosswalks: Ragged) -> Ragged:
    """Pieces of two points across the way of those who walk, which is the longer side of the crosswalk."""
    areas = [polygon_of(ring[np.isfinite(ring).all(axis=1)]) for ring in crosswalks]
    lines, crossed = [], []
    for area in areas:  # a few dozen in a town
        box = shapely.get_coordinates(shapely.minimum_rotated_rectangle(area))
        if len(box) < 5:
            continue
        sides = box[1:3] - box[:2]
        way, across = sides if np.linalg.norm(sides[0]) >= np.linalg.norm(sides[1]) else sides[::-1]
        count = int(np.clip(np.linalg.norm(way) / _STRIPE_PERIOD_M, 1, _MAX_STRIPES))
        share = (np.arange(count) + 0.5)[:, None] / count - 0.5
        middle = box[:4].mean(axis=0) + share * way
        lines += list(np.stack([middle - across, middle + across], axis=1))
        crossed += [area] * count
    cut = shapely.intersection(shapely.linestrings(lines), np.array(crossed)) if lines else np.zeros(0, dtype=object)
    pieces = shapely.get_parts(cut)
    pieces = pieces[shapely.length(pieces) > STRIPE_M]
    lengths = shapely.length(pieces)
    inset = 0.5 * STRIPE_M  # pictures round the ends
    first, second = (shapely.line_interpolate_point(pieces, at) for at in (inset, lengths - inset))
    return _pairs(shapely.get_coordinates(first), shapely.get_coordinates(second))


def segments(lines: Ragged) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Starts and ends (S, 2) of all segments, and the row of the line that each belongs to (S,), rising."""
    owner = np.repeat(np.arange(len(lines)), np.diff(lines.offsets))
    inside = owner[1:] == owner[:-1]
    return lines.values[:-1][inside], lines.values[1:][inside], owner[:-1][inside]


def _pairs(first: NDArray[np.float64], second: NDArray[np.float64]) -> Ragged:
    return Ragged(np.stack([first, second], axis=1).reshape(-1, 2), 2 * np.arange(len(first) + 1))
