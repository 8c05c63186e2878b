"""Mirror images: what a radar sees in the side of a vehicle as if it were behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import rotation_matrix
from zoox_prediction.scene import AgentClass
from zoox_prediction.simulation.sensors.config import RadarConfig
from zoox_prediction.simulation.sensors.scenery import Scenery

FloatArray = NDArray[np.float64]

_REFLECTORS = (AgentClass.CAR, AgentClass.TRUCK, AgentClass.BUS)
_SIDES = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])  # outward normals in the vehicle's axes
_GHOST_DBSM = np.array([-4.0, 2.0, 2.0, -8.0, -12.0, -14.0, -18.0, -10.0])  # of each class, after two more bounces
_EGO_DBSM = 0.0  # the ego itself, in a side that faces it
_REACH_M = 60.0  # vehicles farther from the radar mirror nothing that would be heard


@dataclass(frozen=True)
class Ghosts:
    """N mirror images in the map frame."""

    position: FloatArray  # (N, 3) [m]
    velocity: FloatArray  # (N, 3) [m/s]
    rcs_dbsm: FloatArray  # (N,)
    mirrored: NDArray[np.int64]  # (N,) row of the agent that is mirrored, -1 for the ego
    mirror: NDArray[np.int64]  # (N,) row of the vehicle that mirrors


def ghosts_of(
    config: RadarConfig, scenery: Scenery, place: FloatArray, velocity: FloatArray, random: np.random.Generator
) -> Ghosts:
    """A draw of the mirror images that geometry allows for a radar at `place` (3,) moving with `velocity` (3,).

    The image of p in the plane of a side with outward normal n through q is p - 2 ((p - q) n) n, and moves with
    v_p - 2 ((v_p - v_q) n) n. It is there when radar and p are before the side and the line from the radar to the image
    goes through the side. What else stands in the way is not asked.
    """
    mirrors, normal, middle, half = _sides(scenery, place)
    agents, ego = scenery.truth.agents, scenery.truth.ego
    targets = np.vstack([agents.position[:, :2], place[:2]])
    speeds = np.vstack([agents.velocity, velocity[:2]])
    depth = np.einsum("si,sti->st", normal, targets[None] - middle[:, None])
    radar_depth = np.einsum("si,si->s", normal, place[:2] - middle)
    image = targets[None] - 2.0 * depth[..., None] * normal[:, None]
    # The line from radar to image meets the side's plane where the depths' shares say.
    total = np.maximum(radar_depth[:, None] + depth, 1e-9)
    foot = place[:2] + (radar_depth[:, None] / total)[..., None] * (image - place[:2])
    along = np.stack([-normal[:, 1], normal[:, 0]], axis=-1)
    off = np.abs(np.einsum("si,sti->st", along, foot - middle[:, None]))
    other = mirrors[:, None] != np.arange(len(targets))
    possible = (depth > 0.1) & (off < half[:, None]) & other
    drawn = random.random(possible.shape) < config.noise.ghost_probability
    side, target = np.nonzero(possible & drawn)
    mirror_velocity = agents.velocity[mirrors[side]]
    closing = np.einsum("ni,ni->n", speeds[target] - mirror_velocity, normal[side])
    moving = speeds[target] - 2.0 * closing[:, None] * normal[side]
    height = np.append(agents.position[:, 2], ego.z + place[2])[target]
    rcs = np.append(_GHOST_DBSM[agents.agent_class], _EGO_DBSM)[target]
    return Ghosts(
        np.column_stack([image[side, target], height]),
        np.column_stack([moving, np.zeros(len(moving))]),
        rcs,
        np.where(target < len(agents), target, -1),
        mirrors[side],
    )


def _sides(scenery: Scenery, place: FloatArray) -> tuple[NDArray[np.int64], FloatArray, FloatArray, FloatArray]:
    """Of the vehicles' sides that face `place`: row of the vehicle (S,), normal (S, 2), middle (S, 2), half width."""
    agents = scenery.truth.agents
    near = np.linalg.norm(agents.position[:, :2] - place[:2], axis=1) < _REACH_M
    rows = np.flatnonzero(near & np.isin(agents.agent_class, _REFLECTORS))
    normal = np.einsum("nij,sj->nsi", rotation_matrix(agents.yaw[rows]), _SIDES).reshape(-1, 2)
    length_width = 0.5 * agents.size[rows, :2]
    out = np.tile(length_width, (1, 2)).reshape(-1)  # front and rear are half a length away, the sides half a width
    half = np.tile(length_width[:, ::-1], (1, 2)).reshape(-1)
    mirrors = np.repeat(rows, 4)
    middle = agents.position[mirrors, :2] + out[:, None] * normal
    faces = np.einsum("si,si->s", normal, place[:2] - middle) > 0.0
    return mirrors[faces], normal[faces], middle[faces], half[faces]
