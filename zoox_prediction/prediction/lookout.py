"""What agents see of the ego at one instant, and where their own courses enter the ground that it is about to sweep."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.prediction.plans import EgoFutures

_STILL_M = 1e-6


@dataclass(frozen=True)
class SeenEgo:
    """The ego at one instant, for each of R courses (R,)."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    cos: NDArray[np.float64]
    sin: NDArray[np.float64]
    speed: NDArray[np.float64]
    curvature: NDArray[np.float64]
    braking: NDArray[np.float64]  # [m/s^2] >= 0
    ahead_m: NDArray[np.float64]  # how far it will come within the lookahead

    def select(self, rows: NDArray[np.int64]) -> SeenEgo:
        return SeenEgo(*(getattr(self, each.name)[rows] for each in fields(self)))


@dataclass(frozen=True)
class Entry:
    """Where R courses first enter the ground that the ego is about to sweep; meaningless where not `found`."""

    found: NDArray[np.bool_]
    in_s: NDArray[np.float64]  # on the course's own clock
    out_s: NDArray[np.float64]
    in_m: NDArray[np.float64]  # arc length from the beginning of the course
    out_m: NDArray[np.float64]
    ego_x: NDArray[np.float64]  # [m] ahead of the ego's centre
    extent_x: NDArray[np.float64]  # half extent of the agent's box along the ego's heading
    cos: NDArray[np.float64]  # of the angle between the headings


@dataclass(frozen=True)
class Samples:
    """The courses at S instants, `interval_s` apart.

    Places are from `origin` on in float32: near the ego that is a tenth of a millimetre, in half of the memory.
    """

    interval_s: float
    origin: NDArray[np.float64]  # (2,)
    x: NDArray[np.float32]  # (R, S)
    y: NDArray[np.float32]
    cos: NDArray[np.float32]  # (R, S) of the box's yaw
    sin: NDArray[np.float32]
    arc_m: NDArray[np.float64]  # (R, S)
    speed: NDArray[np.float64]  # (R, S)
    size: NDArray[np.float64]  # (R, 2)
    low: NDArray[np.float64]  # (R, 2) corners of the map-aligned box around the whole course with the agent's box
    high: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        position: NDArray,
        yaw: NDArray,
        speed: NDArray,
        size: NDArray,
        stride: int,
        step_s: float,
        origin: NDArray,
    ) -> Samples:
        """Of courses at every step: position (R, T + 1, 2), yaw and speed (R, T + 1), size (R, 2)."""
        position, yaw = position[:, ::stride], yaw[:, ::stride]
        way = np.diff(position, axis=1)
        length = np.hypot(way[..., 0], way[..., 1])
        arc = np.concatenate([np.zeros((len(position), 1)), np.cumsum(length, axis=1)], axis=1)
        reach = np.linalg.norm(size, axis=1, keepdims=True)  # over the half extents in any axes
        return cls(
            interval_s=stride * step_s,
            origin=origin,
            x=(position[..., 0] - origin[0]).astype(np.float32),
            y=(position[..., 1] - origin[1]).astype(np.float32),
            cos=np.cos(yaw).astype(np.float32),
            sin=np.sin(yaw).astype(np.float32),
            arc_m=arc,
            speed=speed[:, ::stride],
            size=size,
            low=position.min(axis=1) - reach,
            high=position.max(axis=1) + reach,
        )

    def select(self, rows: NDArray[np.int64]) -> Samples:
        rest = (getattr(self, each.name)[rows] for each in fields(self)[2:])
        return Samples(self.interval_s, self.origin, *rest)

    def at(self, values: NDArray[np.float64], clock: NDArray[np.float64]) -> NDArray[np.float64]:
        """(R,) `values` (R, S) at times (R,), linear."""
        place = clock / self.interval_s
        before = np.clip(place.astype(np.int64), 0, values.shape[1] - 2)
        row = np.arange(len(values))
        first = values[row, before]
        at: NDArray[np.float64] = first + (place - before) * (values[row, before + 1] - first)
        return at


@dataclass(frozen=True)
class SeenPlans:
    """What is seen of C plans at D decisions: eight tables of (D, C), in the order of SeenEgo."""

    values: NDArray[np.float64]  # (8, D, C)
    ego_size: NDArray[np.float64]  # (2,) [m]

    @classmethod
    def of(cls, ego: EgoFutures, stride: int, lookahead_s: float) -> SeenPlans:
        """The ego every `stride` steps, its curvature and braking from what it did since the last decision."""
        step = np.arange(0, ego.yaw.shape[1] - 1, stride)
        earlier = np.maximum(step - stride, 0)
        span_s = np.maximum(step - earlier, 1)[:, None] * ego.time_step_s
        yaw, speed = ego.yaw[:, step].T, ego.speed[:, step].T
        turned = np.sin(yaw - ego.yaw[:, earlier].T)  # < 90 degrees in one interval
        curvature = np.clip(turned / span_s / np.maximum(np.abs(speed), 1.0), -0.2, 0.2)
        braking = np.clip((ego.speed[:, earlier].T - speed) / span_s, 0.0, 9.0)
        forward = np.maximum(speed, 0.0)
        stops_after = np.where(braking > 0.3, forward**2 / (2.0 * np.maximum(braking, 0.3)), np.inf)
        ahead = np.minimum(forward * lookahead_s, stops_after)
        x, y = ego.center[:, step, 0].T, ego.center[:, step, 1].T
        return cls(np.stack([x, y, np.cos(yaw), np.sin(yaw), forward, curvature, braking, ahead]), ego.size)

    def at(self, decision: int, plan: NDArray[np.int64]) -> SeenEgo:
        """The ego of plans (R,) at one decision."""
        return SeenEgo(*self.values[:, decision, plan])

    def corners(self, margin_m: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Low and high corners (D, C, 2) of map-aligned boxes around all that the egos are about to sweep.

        A course whose own bounding box, with the agent's box around it, meets none of them has nothing to react to.
        """
        each = SeenEgo(*self.values)
        bend = 0.5 * np.abs(each.curvature) * (each.ahead_m + self.ego_size[0]) ** 2
        reach = (bend + 0.5 * np.linalg.norm(self.ego_size) + margin_m)[..., None]
        start = np.stack([each.x, each.y], axis=-1)
        end = start + each.ahead_m[..., None] * np.stack([each.cos, each.sin], axis=-1)
        return np.minimum(start, end) - reach, np.maximum(start, end) + reach


def find_entry(
    samples: Samples, ego: SeenEgo, ego_size: NDArray[np.float64], clock: NDArray[np.float64], margin_m: float
) -> Entry:
    """First piece of each course, from its clock on, that touches the ego's band: from its tail to `ahead_m` before it.

    The band is bent by the ego's curvature (parabola) and widened by half of the agent's box as it lies to the ego.
    """
    first = int(clock.min() / samples.interval_s)  # pieces before every clock need no look

    def column(values: NDArray[np.float64]) -> NDArray[np.float32]:
        return values[:, None].astype(np.float32)

    dx = samples.x[:, first:] - column(ego.x - samples.origin[0])
    dy = samples.y[:, first:] - column(ego.y - samples.origin[1])
    ego_cos, ego_sin = column(ego.cos), column(ego.sin)
    x, y = ego_cos * dx + ego_sin * dy, ego_cos * dy - ego_sin * dx
    y -= column(0.5 * ego.curvature) * np.maximum(x, 0.0) ** 2
    cos = samples.cos[:, first:] * ego_cos + samples.sin[:, first:] * ego_sin
    sin = samples.sin[:, first:] * ego_cos - samples.cos[:, first:] * ego_sin
    length, width = column(0.5 * samples.size[:, 0]), column(0.5 * samples.size[:, 1])
    abs_cos, abs_sin = np.abs(cos), np.abs(sin)
    half_x = length * abs_cos + width * abs_sin
    half_y = length * abs_sin + width * abs_cos + np.float32(0.5 * ego_size[1] + margin_m)
    reach_x = half_x[:, :-1] + np.float32(0.5 * ego_size[0])

    low, high = _crossing(y, -half_y[:, :-1], half_y[:, :-1])
    low_x, high_x = _crossing(x, -reach_x, reach_x + column(ego.ahead_m))
    low, high = np.maximum(low, low_x), np.minimum(high, high_x)
    piece = np.arange(first, first + low.shape[1])
    touches = (low <= high) & ((piece + 1) * samples.interval_s > clock[:, None])

    row = np.arange(len(clock))
    entered = np.argmax(touches, axis=1)
    pieces = np.arange(low.shape[1])
    left = np.where(~touches & (pieces > entered[:, None]), pieces, low.shape[1]).min(axis=1)
    part = low[row, entered].astype(np.float64)

    def at(values: NDArray) -> NDArray[np.float64]:
        start = values[row, entered]
        return np.asarray(start + part * (values[row, entered + 1] - start))

    return Entry(
        found=touches[row, entered],
        in_s=(first + entered + part) * samples.interval_s,
        out_s=(first + left) * samples.interval_s,
        in_m=at(samples.arc_m[:, first:]),
        out_m=samples.arc_m[row, first + left],
        ego_x=at(x),
        extent_x=half_x[row, entered].astype(np.float64),
        cos=cos[row, entered].astype(np.float64),
    )


def _crossing(
    values: NDArray[np.float32], low: NDArray[np.float32], high: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Part of each piece of `values` (R, S) within [low, high] (R, S - 1): from, to in [0, 1], from > to: none."""
    start, change = values[:, :-1], np.diff(values, axis=1)
    # A piece that stands still is all inside or all outside: in the limit, so is one that hardly moves.
    change[np.abs(change) < _STILL_M] = _STILL_M
    one, other = (low - start) / change, (high - start) / change
    return np.maximum(np.minimum(one, other), 0.0), np.minimum(np.maximum(one, other), 1.0)
