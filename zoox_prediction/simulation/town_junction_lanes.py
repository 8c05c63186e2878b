"""Lanes within junctions that meet the lanes before and after them without a step or a bend.

netconvert draws ways straight across as chords, and leaves a step to the side where a bicycle lane goes on as a wider
lane.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_STEP_M = 0.02
_BEND_RAD = np.radians(1.5)
_STRAIGHT_RAD = np.radians(35.0)
_SPACING_M = 1.0
_EARLIER_M = 3.0  # than netconvert has vehicles wait within a junction, which is beside those who pass
_SHORTEST_M = 0.1  # as netconvert has it


def smooth_junction_lanes(net: Element) -> None:
    """Changes shapes and lengths of lanes in a network, in place."""
    lanes = {lane.get("id", ""): lane for edge in net.iter("edge") for lane in edge.iter("lane")}
    onward: dict[str, str] = {}
    entries: list[tuple[str, str]] = []  # a lane before the junction, and one within
    for connection in net.iter("connection"):
        start, end = (f"{connection.get(key)}_{connection.get(key + 'Lane')}" for key in ("from", "to"))
        via = connection.get("via")
        if start.startswith(":"):
            onward[start] = via or end
        elif via:
            entries.append((start, via))
    for before, lane in entries:
        chain = [lane]
        while onward[chain[-1]].startswith(":"):
            chain.append(onward[chain[-1]])
        _smooth_chain([lanes[each] for each in chain], _line(lanes[before]), _line(lanes[onward[chain[-1]]]))


def _smooth_chain(pieces: list[Element], before: FloatArray, after: FloatArray) -> None:
    """The pieces of one way across a junction, which are cut anew at the same shares of its length."""
    lines = [_line(each) for each in pieces]
    joined = np.concatenate([lines[0], *(line[1:] for line in lines[1:])])
    smooth = _smooth(joined, before, after)
    if smooth is None and len(pieces) == 1:
        return
    smooth = joined if smooth is None else smooth
    cuts = np.cumsum([0.0, *(_lengths(line)[-1] for line in lines)])
    along = _lengths(smooth)
    places = along[-1] * cuts / cuts[-1]
    places[1:-1] = np.maximum(places[1:-1] - _EARLIER_M, 0.5 * places[1:-1])
    for piece, begin, end in zip(pieces, places[:-1], places[1:], strict=True):
        inside = along[(along > begin + _STEP_M) & (along < end - _STEP_M)]
        at = np.concatenate([[begin], inside, [end]])
        shape = np.column_stack([np.interp(at, along, smooth[:, axis]) for axis in (0, 1)])
        piece.set("shape", " ".join(f"{x:.3f},{y:.3f}" for x, y in shape))
        piece.set("length", f"{max(end - begin, _SHORTEST_M):.3f}")


def _smooth(line: FloatArray, before: FloatArray, after: FloatArray) -> FloatArray | None:
    """From the end of the lane before to the beginning of the one after; None where `line` is good as it is."""
    first, last = before[-1], after[0]
    ahead, onward = _direction(before[-2:]), _direction(after[:2])
    bends = _angle(ahead, _direction(line[:2])), _angle(_direction(line[-2:]), onward)
    straight = _angle(ahead, onward) < _STRAIGHT_RAD
    if straight and max(bends) > _BEND_RAD:
        return _hermite(first, ahead, last, onward)
    steps = first - line[0], last - line[-1]
    if max(np.linalg.norm(steps, axis=1)) <= _STEP_M:
        return None
    along = _lengths(line)
    count = max(int(np.ceil(along[-1] / _SPACING_M)) + 1, len(line))
    share = np.linspace(0.0, 1.0, count)
    dense = np.column_stack([np.interp(share * along[-1], along, line[:, axis]) for axis in (0, 1)])
    fading = (share**2 * (3.0 - 2.0 * share))[:, None]
    moved: FloatArray = dense + (1.0 - fading) * steps[0] + fading * steps[1]
    return moved


def _hermite(start: FloatArray, along: FloatArray, end: FloatArray, onward: FloatArray) -> FloatArray:
    length = float(np.linalg.norm(end - start))
    t = np.linspace(0.0, 1.0, max(int(np.ceil(length / _SPACING_M)) + 1, 5))[:, None]
    curve: FloatArray = (
        (2.0 * t**3 - 3.0 * t**2 + 1.0) * start
        + length * (t**3 - 2.0 * t**2 + t) * along
        + (3.0 * t**2 - 2.0 * t**3) * end
        + length * (t**3 - t**2) * onward
    )
    return curve


def _line(lane: Element) -> FloatArray:
    points = [[float(value) for value in point.split(",")[:2]] for point in lane.get("shape", "").split()]
    return np.array(points, dtype=np.float64).reshape(-1, 2)


def _direction(points: FloatArray) -> FloatArray:
    step = points[1] - points[0]
    unit: FloatArray = step / max(float(np.linalg.norm(step)), 1e-9)
    return unit


def _angle(one: FloatArray, other: FloatArray) -> float:
    return float(np.arccos(np.clip(one @ other, -1.0, 1.0)))


def _lengths(line: FloatArray) -> FloatArray:
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
