"""Collisions of a simulated drive, read off the true boxes: who, from when to when, and how fast they met.

Every pair of agents, the ego included, whose boxes overlap in a frame is in collision there; nothing else tells. A
contact that ends and begins again counts anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import box_distance
from zoox_prediction.simulation.vehicles import EGO_NUMBER
from zoox_prediction.simulation.world import Truth

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Collision:
    """One contact of two agents; the ego has the id EGO_NUMBER."""

    ids: tuple[int, int]  # rising
    first_ns: int  # stamps of the first and the last frame in which they overlap
    last_ns: int
    speed_mps: tuple[float, float]  # of each in the first of them
    relative_speed_mps: float  # of one from the other, then


@dataclass(frozen=True)
class _Bodies:
    """All boxes of one frame, the ego's the last."""

    ids: NDArray[np.int64]  # (N,)
    center: FloatArray  # (N, 2) [m]
    yaw: FloatArray
    size: FloatArray  # (N, 2) length, width [m]
    velocity: FloatArray  # (N, 2) [m/s]


def collisions(
    frames: Sequence[Truth], ego_size: tuple[float, float], ego_center_offset_m: float
) -> tuple[Collision, ...]:
    """All contacts in consecutive frames, in the order in which they begin."""
    found: list[Collision] = []
    lasting: dict[tuple[int, int], tuple[int, Collision]] = {}  # place in `found`
    for frame in frames:
        stamp, now = frame.ego.stamp_ns, {}
        for contact in _contacts(_bodies(frame, ego_size, ego_center_offset_m), stamp):
            place, begun = lasting.get(contact.ids, (len(found), contact))
            whole = Collision(begun.ids, begun.first_ns, stamp, begun.speed_mps, begun.relative_speed_mps)
            if place == len(found):
                found.append(whole)
            found[place] = whole
            now[contact.ids] = place, whole
        lasting = now
    return tuple(found)


def as_lists(found: Sequence[Collision]) -> dict[str, list]:
    """A column for each field, for JSON."""
    return {
        "ids": [list(each.ids) for each in found],
        "first_ns": [each.first_ns for each in found],
        "last_ns": [each.last_ns for each in found],
        "speed_mps": [[round(speed, 2) for speed in each.speed_mps] for each in found],
        "relative_speed_mps": [round(each.relative_speed_mps, 2) for each in found],
    }


def _bodies(frame: Truth, ego_size: tuple[float, float], ego_center_offset_m: float) -> _Bodies:
    agents, ego = frame.agents, frame.ego
    ahead = np.array([np.cos(ego.yaw), np.sin(ego.yaw)])
    return _Bodies(
        np.append(agents.ids, EGO_NUMBER),
        np.vstack([agents.position[:, :2], ego.position + ego_center_offset_m * ahead]),
        np.append(agents.yaw, ego.yaw),
        np.vstack([agents.size[:, :2], ego_size]),
        np.vstack([agents.velocity, ego.velocity]),
    )


def _contacts(bodies: _Bodies, stamp_ns: int) -> list[Collision]:
    """One for each pair of boxes that overlap."""
    reach = 0.5 * np.linalg.norm(bodies.size, axis=-1)
    apart = np.linalg.norm(bodies.center[:, None] - bodies.center, axis=-1)
    first, second = np.nonzero(np.triu(apart < reach[:, None] + reach, k=1))
    distance = box_distance(
        *(each[first] for each in (bodies.center, bodies.yaw, bodies.size)),
        *(each[second] for each in (bodies.center, bodies.yaw, bodies.size)),
    )
    contacts = []
    for pair in np.stack([first, second], axis=-1)[distance <= 0.0]:
        one, other = pair[np.argsort(bodies.ids[pair])].tolist()
        velocity = bodies.velocity[[one, other]]
        speed = np.linalg.norm(velocity, axis=-1).tolist()
        contacts.append(
            Collision(
                ids=(int(bodies.ids[one]), int(bodies.ids[other])),
                first_ns=stamp_ns,
                last_ns=stamp_ns,
                speed_mps=(speed[0], speed[1]),
                relative_speed_mps=float(np.linalg.norm(velocity[0] - velocity[1])),
            )
        )
    return contacts
