"""How much the radar finds, how often it is wrong, and how sure it is, on simulated traffic and on a real recording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from radar_scenes import measurement, simulated

from zoox_prediction.detection.ego_motion import EgoMotion
from zoox_prediction.detection.radar import RadarDetector, ScanningRadarDetector
from zoox_prediction.detections import Detections
from zoox_prediction.geometry import box_distance, compose_poses, invert_pose
from zoox_prediction.recording.datasets.radiate import read_sequence
from zoox_prediction.recording.typestore import RosbagsTypes
from zoox_prediction.scene import DEFAULT_SIZE_M, AgentClass, TrackedAgents

CAR, BUS, CYCLIST, PERSON = AgentClass.CAR, AgentClass.BUS, AgentClass.CYCLIST, AgentClass.PEDESTRIAN


def _near(found: Detections, place: NDArray, yaw: NDArray, size: NDArray) -> NDArray[np.bool_]:
    """(D, N) whether the centre of a detection is in the box of an agent or 1.5 m around it."""
    assert found.center is not None
    point = np.full(2, 1e-3)
    return box_distance(found.center[:, None, :2], np.zeros(1), point, place[None], yaw[None], size[None]) < 1.5


@pytest.fixture(scope="module")
def scans() -> list[tuple[Detections, NDArray, NDArray, NDArray]]:
    """80 scans of two lanes of cars and a bus, cyclists and people on the sides; with clutter and mirror images."""
    kinds = [CAR] * 5 + [BUS] + [CYCLIST] * 2 + [PERSON] * 4
    result = []
    for seed in range(80):
        random = np.random.default_rng(seed)
        along = 12.0 + 13.0 * np.arange(6) + random.uniform(-2.0, 2.0, 6)
        lane = np.column_stack([along, np.tile([1.8, -1.8], 3)])
        side = np.column_stack([random.uniform(8.0, 60.0, 6), random.choice([-6.0, 6.0], 6)])
        speed = [*((v, 0.0) for v in np.tile([9.0, -11.0], 3)), (5.0, 0.0), (-5.0, 0.0), *[(1.4, 0.0)] * 3, (0.0, 0.0)]
        places = np.vstack([lane, side])
        cloud, owner = simulated(kinds, [tuple(p) for p in places], speed, own_speed=8.0, seed=seed)
        found = RadarDetector().detect(measurement((8.0, 0.0)), cloud)
        near = _near(found, places, np.zeros(len(kinds)), DEFAULT_SIZE_M[np.array(kinds), :2])
        heard = np.isin(np.arange(len(kinds)), owner)
        result.append((found, near, heard, np.array(kinds)))
    return result


def test_most_of_what_was_heard_is_found(scans: list) -> None:
    heard = np.concatenate([each for _, _, each, _ in scans])
    hit = np.concatenate([near.any(axis=0) for _, near, _, _ in scans])
    kinds = np.concatenate([each for *_, each in scans])
    recall = {kind: hit[heard & (kinds == kind)].mean() for kind in (CAR, BUS, CYCLIST, PERSON)}
    assert recall[CAR] > 0.95 and recall[BUS] > 0.95
    assert recall[CYCLIST] > 0.85 and recall[PERSON] > 0.75


def test_few_detections_are_nothing_and_these_are_not_sure(scans: list) -> None:
    false = [~near.any(axis=1) for _, near, _, _ in scans]
    assert np.mean([each.sum() for each in false]) < 5.0
    existence = np.concatenate([found.existence_probability for found, *_ in scans])
    wrong = np.concatenate(false)
    assert existence[wrong].mean() < 0.45
    assert existence[~wrong].mean() > 0.75
    sure = existence > 0.8
    assert sure.sum() > 300 and wrong[sure].mean() < 0.06


def _radar_frame(agents: TrackedAgents, pose: NDArray) -> NDArray:
    """(N, 3) poses of the agents from the radar straight above base_link at `pose` (3,)."""
    own = np.column_stack([agents.position[:, :2], agents.yaw])
    return compose_poses(invert_pose(pose), own)


def _radiate(folder: Path) -> Iterator[tuple[Detections, NDArray]]:
    """Detections of every image of RADIATE, and near which labels they are."""
    recording = read_sequence(folder)
    assert recording.ego is not None
    states = recording.ego.states()
    mount = next(each.matrix for each in recording.static_transforms if each.child == "navtech")
    labels = {frame.stamp_ns: frame for frame in recording.agents}
    detector, types = ScanningRadarDetector(), RosbagsTypes()
    for each in recording.sensors:
        if each.topic != "/sensors/navtech/image":
            continue
        message = each.build(types)
        image = np.asarray(message.data, dtype=np.uint8).reshape(message.height, message.width)
        motion = EgoMotion()
        for state in states:
            if abs(state.stamp_ns - each.stamp_ns) < 0.2e9:
                motion.add(state)
        taken = motion.measurement(each.stamp_ns, "navtech", "navtech", mount)
        found = detector.detect(taken, image)
        nearest = min(states, key=lambda state, at=each.stamp_ns: abs(state.stamp_ns - at))
        step = (each.stamp_ns - nearest.stamp_ns) * 1e-9
        pose = np.array([*(nearest.position + step * nearest.velocity), nearest.yaw])
        frame = labels[each.stamp_ns]
        place = _radar_frame(frame, pose)
        yield found, _near(found, place[:, :2], place[:, 2], frame.size[:, :2])


def test_labelled_vehicles_in_fog_are_found(recordings: Path) -> None:
    """Radar alone cannot tell vehicles from fences and walls: it finds nearly all of them, among much else."""
    results = list(_radiate(recordings / "radiate_tiny_foggy"))
    hits = np.concatenate([near.any(axis=0) for _, near in results])
    assert len(hits) == 42
    assert hits.mean() >= 0.85
    assert np.mean([len(found) for found, _ in results]) < 130.0
    assert max(found.existence_probability.max() for found, _ in results) < 0.25
