"""Who an agent is: its size and its character, drawn from the seed and its own number, never from a shared stream.

Medians and spreads of drivers follow what is measured on roads: time gaps of 0.5 to 2.2 s that drivers wish for (M.
Treiber, A. Kesting, "Traffic Flow Dynamics", 2013, chapter 4), critical gaps at minor roads of 4 to 6.5 s (Highway
Capacity Manual, 2010, exhibit 19-10); walking speeds of 1.0 to 1.7 m/s, children and phone users off that (T. F. Fugger
et al., "Analysis of pedestrian gait and perception-reaction at signal-controlled crosswalk intersections", 2000; D. C.
Schwebel et al., "Distraction and pedestrian safety", 2012). Accelerations, wished speeds, gaps and walking speeds were
set so that what comes out is near to recorded traffic (docs/simulation.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from zoox_prediction.scene import AgentClass


class Stream(IntEnum):
    """What random numbers are for; each use of each agent has a generator of its own."""

    SCENE = 0
    CHARACTER = 1
    ROUTE = 2
    ATTRIBUTES = 3
    PARKED = 4
    CROSSER = 5
    EGO = 6


def generator(seed: int, stream: Stream, number: int = 0) -> np.random.Generator:
    return np.random.default_rng([seed, int(stream), number])


@dataclass(frozen=True)
class Driver:
    """Of a vehicle of any class, bicycles included."""

    agent_class: AgentClass
    size: tuple[float, float, float]  # length, width, height [m]
    speed_factor: float  # of the speed limit; what is wished for, and hardly reached in traffic
    top_speed_mps: float
    acceleration_mps2: float
    braking_mps2: float  # that is comfortable
    headway_s: float
    standstill_gap_m: float
    gap_s: float  # accepted at minor roads, beyond SUMO's own reckoning
    assertive: float  # in lane changes; 1 is average
    polite: bool  # stops for people who wait at crosswalks
    reaction_s: float  # to what no rule makes him expect
    lateral: float  # [-1, 1] where in the lane
    forgets_indicator: float  # probability, for each manoeuvre


@dataclass(frozen=True)
class Walker:
    """Of a person on foot."""

    size: tuple[float, float, float]
    speed_mps: float
    child: bool
    phone: bool
    hesitant: bool
    late_s: float  # between seeing that one can go, and going
    attentive: float  # probability of looking at a vehicle that comes


# Length, width, height [m], and the spread of the length.
_SIZES = {
    AgentClass.CAR: ((4.45, 1.82, 1.52), 0.35),
    AgentClass.TRUCK: ((8.2, 2.45, 3.2), 1.2),
    AgentClass.BUS: ((11.8, 2.52, 3.1), 0.5),
    AgentClass.MOTORCYCLIST: ((2.15, 0.8, 1.55), 0.08),
    AgentClass.CYCLIST: ((1.78, 0.62, 1.72), 0.06),
}
# Acceleration and comfortable braking [m/s^2], top speed [m/s].
_ABILITIES = {
    AgentClass.CAR: (1.6, 1.6, 55.0),
    AgentClass.TRUCK: (1.0, 1.4, 25.0),
    AgentClass.BUS: (1.1, 1.4, 25.0),
    AgentClass.MOTORCYCLIST: (1.9, 1.8, 60.0),
    AgentClass.CYCLIST: (1.0, 1.4, 5.2),
}
_PHONE_SHARE, _CHILD_SHARE, _HESITANT_SHARE = 0.25, 0.1, 0.2


def draw_driver(random: np.random.Generator, agent_class: AgentClass) -> Driver:
    """One driver or rider; the same generator gives the same one."""
    (length, width, height), spread = _SIZES[agent_class]
    acceleration, braking, top = _ABILITIES[agent_class]
    factor = float(np.exp(random.normal(0.0, 0.25)))
    brisk = float(np.clip(random.normal(0.0, 1.0), -2.0, 2.0))  # one trait that the others hang on
    cyclist = agent_class == AgentClass.CYCLIST
    return Driver(
        agent_class=agent_class,
        size=(
            round(max(length + spread * float(np.clip(random.normal(), -2.0, 2.0)), 0.7 * length), 2),
            round(width + 0.04 * float(np.clip(random.normal(), -2.0, 2.0)), 2),
            round(height + 0.06 * float(np.clip(random.normal(), -2.0, 2.0)), 2),
        ),
        speed_factor=round(float(np.clip(1.06 + 0.08 * brisk + 0.03 * random.normal(), 0.85, 1.3)), 3),
        top_speed_mps=round(top * (float(np.clip(random.normal(1.0, 0.15), 0.65, 1.4)) if cyclist else 1.0), 2),
        acceleration_mps2=round(acceleration * factor * (1.0 + 0.1 * brisk), 2),
        braking_mps2=round(braking * float(np.exp(random.normal(0.0, 0.25))), 2),
        headway_s=round(float(np.clip(0.95 - 0.25 * brisk + 0.2 * random.normal(), 0.5, 2.2)), 2),
        standstill_gap_m=round(float(np.clip(random.normal(1.7, 0.7), 0.7, 4.0)), 2),
        gap_s=round(float(np.clip(1.4 - 0.4 * brisk + 0.3 * random.normal(), 0.4, 3.0)), 2),
        assertive=round(float(np.exp(0.25 * brisk)), 2),
        polite=bool(random.random() < 0.75 - 0.1 * brisk),
        reaction_s=round(float(np.clip(random.lognormal(np.log(0.55), 0.3), 0.3, 1.4)), 1),
        lateral=round(float(np.clip(random.normal(0.0, 0.35), -1.0, 1.0)), 2),
        forgets_indicator=round(float(random.beta(1.0, 6.0)), 2),
    )


def draw_walker(random: np.random.Generator) -> Walker:
    """One person on foot; the same generator gives the same one."""
    child = bool(random.random() < _CHILD_SHARE)
    phone = bool(random.random() < _PHONE_SHARE) and not child
    height = float(
        np.clip(random.normal(1.2, 0.12), 0.95, 1.45) if child else np.clip(random.normal(1.72, 0.1), 1.5, 2)
    )
    speed = float(np.clip(random.normal(1.31, 0.18), 0.8, 2.0)) * (1.08 if child else 1.0) * (0.82 if phone else 1.0)
    width = 0.45 if child else 0.55
    return Walker(
        size=(width, width, round(height, 2)),
        speed_mps=round(speed, 2),
        child=child,
        phone=phone,
        hesitant=bool(random.random() < _HESITANT_SHARE) and not phone,
        late_s=round(float(random.gamma(4.0, 0.5) if phone else random.gamma(3.0, 0.15)), 1),
        attentive=round(float(random.beta(1.5, 6.0) if phone else random.beta(6.0, 2.0)), 2),
    )
