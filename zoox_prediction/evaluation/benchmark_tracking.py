"""What `zoox-prediction benchmark tracking` measures: a message of one of sixteen sensors, and a cycle of all."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.detections import Detections, Modality
from zoox_prediction.evaluation.benchmark import BenchmarkCase
from zoox_prediction.scene import DEFAULT_SIZE_M, NUM_CLASSES, AgentClass
from zoox_prediction.tracking.tracker import Tracker

FloatArray = NDArray[np.float64]

_STEP_NS = 100_000_000
_LOOP_STEPS = 32  # after which all agents are where they were
_SPACING_M = 8.0
_SWAY_M = 1.5
_KINDS = np.array([AgentClass.CAR, AgentClass.PEDESTRIAN, AgentClass.CYCLIST, AgentClass.CAR])
_FOV_RAD = {Modality.LIDAR: 4.7, Modality.RADAR: 2.6, Modality.CAMERA: 1.6, Modality.THERMAL: 1.2}
_OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def tracking_cases(agents: int) -> list[BenchmarkCase]:
    """Four lidars, radars, cameras and thermal cameras at 10 Hz, each with what it sees of the agents."""
    tracker = Tracker()
    messages = _messages(agents)

    def step() -> int:
        detections, pose = next(messages)
        tracker.add(detections, pose, np.zeros(3))
        tracker.advance(detections.stamp_ns + round(tracker.config.timing.wait_s * 1e9))
        return detections.stamp_ns

    def cycle() -> object:
        return tracker.tracks_at(max(step() for _ in range(4 * len(_FOV_RAD))))

    for _ in range(10):  # until all agents have tracks
        cycle()
    return [
        BenchmarkCase("tracking: a message of one sensor", agents, step),
        BenchmarkCase("tracking: 16 messages and the tracks", agents, cycle, most_repeats=60),
    ]


def _messages(agents: int) -> Iterator[tuple[Detections, FloatArray]]:
    """Without end, in the order of time."""
    side = math.ceil(math.sqrt(agents))
    row, column = np.divmod(np.arange(agents), side)
    home = (np.column_stack([row, column]) - 0.5 * (side - 1) + 0.21) * _SPACING_M
    kinds = _KINDS[np.arange(agents) % len(_KINDS)]
    loop = []
    for step in range(_LOOP_STEPS):
        phase = 2.0 * np.pi * step / _LOOP_STEPS + np.arange(agents)
        place = home + _SWAY_M * np.column_stack([np.cos(phase), np.sin(phase)])
        for modality, fov in _FOV_RAD.items():
            for corner in range(4):
                loop.append(_seen(place, kinds, modality, corner, fov, np.random.default_rng([step, modality, corner])))
    per_step = 4 * len(_FOV_RAD)
    for i in itertools.count():
        detections, pose = loop[i % len(loop)]
        yield replace(detections, stamp_ns=10**12 + i // per_step * _STEP_NS), pose


def _seen(
    place: FloatArray, kinds: NDArray, modality: Modality, corner: int, fov_rad: float, random: np.random.Generator
) -> tuple[Detections, FloatArray]:
    """Of agents at places (N, 2), standing on the ground, by a sensor at the corner of a vehicle at the origin."""
    yaw = (0.5 + corner) * 0.5 * np.pi
    azimuth = np.arctan2(place[:, 1], place[:, 0]) - yaw
    azimuth = np.arctan2(np.sin(azimuth), np.cos(azimuth))
    rows = np.flatnonzero((np.abs(azimuth) < 0.5 * fov_rad) & (random.random(len(place)) < 0.9))
    size, azimuth, count = DEFAULT_SIZE_M[kinds[rows]], azimuth[rows], len(rows)
    away = np.linalg.norm(place[rows], axis=1) * (1.0 + random.normal(0.0, 0.002, count))
    classes = np.full((count, NUM_CLASSES), 0.3 / (NUM_CLASSES - 1))
    classes[np.arange(count), kinds[rows]] = 0.7
    pose = np.eye(4)
    pose[:2, :2] = [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]
    pose[2, 3] = 1.7
    bits = np.zeros(count, dtype=np.uint32)
    name = f"{modality.name.lower()}_{corner}"
    common = (name, name, modality, classes, np.full(count, 0.8), bits, bits, np.zeros(count))
    if modality.is_image:
        pose[:3, :3] = pose[:3, :3] @ _OPTICAL
        half = 0.5 * size[:, :2].mean(axis=1) / away
        box = [azimuth + half, (size[:, 2] - 1.7) / away, azimuth - half, -1.7 / away]
        boxes = np.column_stack(box) + random.normal(0.0, 0.003, (count, 4))
        return Detections(0, *common, bearing_box=boxes, bearing_covariance=np.full((count, 4), 1e-5)), pose
    center = np.column_stack([away * np.cos(azimuth), away * np.sin(azimuth), 0.5 * size[:, 2] - 1.7])
    covariance = np.tile(np.diag([0.02, 0.02, 0.02, 0.01]), (count, 1, 1))
    speed = np.zeros(count) if modality == Modality.RADAR else None
    return Detections(
        0, *common, center=center, yaw=np.full(count, -yaw), size=size, covariance=covariance,
        radial_speed=speed, radial_speed_variance=None if speed is None else np.full(count, 4.0),
    ), pose  # fmt: skip
