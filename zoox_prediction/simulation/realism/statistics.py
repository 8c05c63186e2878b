"""Distributions of traffic: what any recording is reduced to, and how far apart two of them are.

Vehicles that stay where they are in the whole recording are parked and do not count, in any source. Rates of change
are those over one second (`Courses`), so that the jitter of boxes and of interpolation counts for as little in recorded
as in simulated traffic.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp, wasserstein_distance

from zoox_prediction.maps.lane_graph import LaneGraph
from zoox_prediction.scene import AgentClass
from zoox_prediction.simulation.realism.courses import MOVES_MPS, Courses
from zoox_prediction.simulation.realism.crossings import accepted_gaps, crossings
from zoox_prediction.simulation.realism.following import following

FloatArray = NDArray[np.float64]

FOLLOWS_S = 6.0  # who is farther behind drives as it likes (Highway Capacity Manual, 2010, chapter 14: 3 s for queues)
_FOLLOWS_ABOVE_MPS = 3.0
_QUEUE_M = 6.0  # gaps between standing vehicles beyond this are no queue
_TURNS_RADPS, _TURNS_ABOVE_MPS = 0.12, 2.0
LEAST = 5  # samples for a distance or a histogram
LONGEST_GAP_S = 15.0  # later vehicles have nothing to do with the one who crosses

GROUPS: Mapping[str, tuple[AgentClass, ...]] = {
    "car": (AgentClass.CAR,),
    "truck, bus": (AgentClass.TRUCK, AgentClass.BUS),
    "motorcyclist": (AgentClass.MOTORCYCLIST,),
    "cyclist": (AgentClass.CYCLIST,),
    "pedestrian": (AgentClass.PEDESTRIAN,),
}


@dataclass(frozen=True)
class Quantity:
    """Something that is measured: its name in rows, what people read, and the range of its histogram."""

    key: str
    title: str
    low: float
    high: float
    groups: tuple[str, ...]
    is_drawn: bool = True  # of a share there is nothing to draw


_DRIVEN = ("car", "truck, bus", "motorcyclist", "cyclist")
QUANTITIES = (
    Quantity("speed_mps", "speed while moving [m/s]", 0.0, 25.0, _DRIVEN),
    Quantity("standing", "standing (share of the time)", 0.0, 1.0, _DRIVEN, is_drawn=False),
    Quantity("acceleration_mps2", "speeding up, mean over 1 s [m/s²]", 0.0, 4.0, _DRIVEN),
    Quantity("braking_mps2", "slowing down, mean over 1 s [m/s²]", 0.0, 6.0, _DRIVEN),
    Quantity("lateral_mps2", "lateral acceleration in turns [m/s²]", 0.0, 5.0, _DRIVEN),
    Quantity("time_gap_s", "time gap to the vehicle ahead [s]", 0.0, FOLLOWS_S, ("car", "truck, bus")),
    Quantity("queue_gap_m", "gap between standing vehicles [m]", 0.0, _QUEUE_M, ("car", "truck, bus")),
    Quantity("walking_mps", "walking speed, mean over 1 s [m/s]", 0.0, 3.0, ("pedestrian",)),
    Quantity("crossing_gap_s", "gap before which people cross [s]", 0.0, LONGEST_GAP_S, ("pedestrian",)),
)

Samples = dict[tuple[str, str], FloatArray]  # by quantity and group of classes

_RATES_ABOVE_MPS2 = 0.2  # less is keeping one's speed


def samples_of(courses: Courses, lanes: LaneGraph | None) -> Samples:
    """All samples of one recording, for every quantity and group; empty where there are none.

    speed_mps, every 0.1 s: of moving vehicles (> 0.3 m/s).
    standing, every 0.1 s: 1 where a vehicle stands, 0 where it moves.
    acceleration_mps2, braking_mps2, every 0.1 s: mean over 1 s of moving vehicles, where the speed changes by more than
    0.2 m/s^2; both are >= 0.
    lateral_mps2, every 0.1 s: |speed x yaw rate| where the vehicle turns faster than 0.12 rad/s at more than 2 m/s.
    time_gap_s, every 1 s: gap to the vehicle ahead over one's own speed, where that is more than 3 m/s, up to 6 s; the
    vehicle ahead in its lane and those after it, or straight ahead where `lanes` is None.
    queue_gap_m, every 1 s: gap between two standing vehicles in a lane, up to 6 m.
    walking_mps, every 0.1 s: displacement of moving pedestrians over 1 s.
    crossing_gap_s, once per road and pedestrian: from its crossing of a vehicle's way until the next vehicle comes
    there, up to 15 s.
    """
    samples: Samples = {}
    for group, classes in GROUPS.items():
        rows = np.isin(courses.agent_class, classes)
        values = _of_walkers(courses, rows) if group == "pedestrian" else _of_drivers(courses, rows & courses.travels)
        samples |= {(key, group): value for key, value in values.items()}
    return samples | _of_followers(courses, lanes) | _of_crossings(courses)


def merge(parts: Iterable[Samples]) -> Samples:
    """The samples of several recordings together."""
    lists: dict[tuple[str, str], list[FloatArray]] = {}
    for part in parts:
        for key, values in part.items():
            lists.setdefault(key, []).append(values)
    return {key: np.concatenate(values) for key, values in lists.items()}


@dataclass(frozen=True)
class Distance:
    """Between two distributions, of which `wasserstein` has the unit of the quantity."""

    wasserstein: float  # how far the one must be shifted on average to become the other
    kolmogorov_smirnov: float  # largest difference between both cumulative shares, 0 to 1


def distance(first: FloatArray, second: FloatArray) -> Distance | None:
    """The first Wasserstein distance (Y. Rubner et al., "The earth mover's distance", 2000) and the statistic of the
    two-sample test of Kolmogorov and Smirnov; None when one of them has less than LEAST samples."""
    if min(len(first), len(second)) < LEAST:
        return None
    return Distance(
        float(wasserstein_distance(first, second)), float(ks_2samp(first, second, method="asymp").statistic)
    )


def hard_braking_share(courses: Courses, beyond_mps2: float) -> tuple[int, int]:
    """Vehicle-instants with braking beyond this by the recording's own accelerations, and all of moving vehicles."""
    rows = courses.is_vehicle & courses.travels
    driving = courses.moves[rows] & np.isfinite(courses.acceleration[rows])
    hard = driving & (np.nan_to_num(courses.acceleration[rows]) < -beyond_mps2)
    return int(hard.sum()), int(driving.sum())


def _of_drivers(courses: Courses, rows: NDArray[np.bool_]) -> dict[str, FloatArray]:
    valid, moves, speed = courses.valid[rows], courses.moves[rows], courses.speed[rows]
    rate = np.where(moves, courses.mean_acceleration()[rows], np.nan)
    turning = np.abs(courses.mean_yaw_rate()[rows])
    turns = (turning > _TURNS_RADPS) & moves & (speed > _TURNS_ABOVE_MPS)
    return {
        "speed_mps": speed[moves],
        "standing": (~moves[valid]).astype(np.float64),
        "acceleration_mps2": rate[rate > _RATES_ABOVE_MPS2],
        "braking_mps2": -rate[rate < -_RATES_ABOVE_MPS2],
        "lateral_mps2": (speed * turning)[turns],
    }


def _of_walkers(courses: Courses, rows: NDArray[np.bool_]) -> dict[str, FloatArray]:
    walking = courses.mean_speed()[rows]
    return {"walking_mps": walking[walking > MOVES_MPS]}


def _of_followers(courses: Courses, lanes: LaneGraph | None) -> Samples:
    found = following(courses, lanes)
    speed, ahead = courses.speed[found.row, found.step], courses.speed[found.leader, found.step]
    gap_s = found.time_gap(courses)
    follows = (speed > _FOLLOWS_ABOVE_MPS) & (gap_s < FOLLOWS_S)
    queues = (speed < MOVES_MPS) & (ahead < MOVES_MPS) & (found.gap_m < _QUEUE_M)
    samples: Samples = {}
    for group in ("car", "truck, bus"):
        own = np.isin(courses.agent_class[found.row], GROUPS[group])
        samples["time_gap_s", group] = gap_s[follows & own]
        samples["queue_gap_m", group] = found.gap_m[queues & own]
    return samples


def _of_crossings(courses: Courses) -> Samples:
    gaps = accepted_gaps(crossings(courses)).gap_s
    return {("crossing_gap_s", "pedestrian"): gaps[gaps <= LONGEST_GAP_S]}


def described(samples: FloatArray) -> Iterator[tuple[str, float]]:
    """Names and values: mean and quartiles; NaN without samples."""
    yield "mean", float(samples.mean()) if len(samples) else float("nan")
    quartiles = np.quantile(samples, (0.25, 0.5, 0.75)) if len(samples) else np.full(3, np.nan)
    yield from zip(("lower_quartile", "median", "upper_quartile"), quartiles.tolist(), strict=True)
