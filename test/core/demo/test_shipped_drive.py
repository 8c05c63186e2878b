"""The drive that the demo plays: small, with every kind of sensor, from the seed that the Makefile gives."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from zoox_prediction.demo.command import SHIPPED_RECORDINGS
from zoox_prediction.recording.bag import BagReader
from zoox_prediction.recording.log import RecordedLog, load_log
from zoox_prediction.recording.messages import point_cloud_from_message
from zoox_prediction.recording.sources import BAG, find_one_recording
from zoox_prediction.resources import resource_path
from zoox_prediction.scene import AgentClass

_ROOT = Path(__file__).resolve().parents[3]
_MAX_BYTES = 10_000_000
_CORNERS = ("front_left", "front_right", "rear_left", "rear_right")


@pytest.fixture(scope="module")
def bag() -> Path:
    found = find_one_recording(resource_path(SHIPPED_RECORDINGS))
    assert found.format_name == BAG
    return found.path


@pytest.fixture(scope="module")
def log(bag: Path) -> RecordedLog:
    return load_log(bag)


def test_it_is_small(bag: Path) -> None:
    assert sum(path.stat().st_size for path in bag.rglob("*")) <= _MAX_BYTES


def test_it_is_what_the_makefile_makes(bag: Path, log: RecordedLog) -> None:
    line = re.search(r"simulate (.+) --out recordings", (_ROOT / "Makefile").read_text(encoding="utf-8"))
    assert line is not None
    options = dict(re.findall(r"--(\w+) (\S+)", line[1]))
    seed, seconds, range_m = (float(options[name]) for name in ("seed", "seconds", "range"))
    assert log.metadata["seed"] == f"{seed:.0f}" and bag.name == log.name == f"scene_{seed:06.0f}"
    assert re.fullmatch(r"zoox_prediction \d+\.\d+\.\d+", log.metadata["simulator"])
    assert (log.stamps_ns[-1] - log.stamps_ns[0]) * 1e-9 == pytest.approx(seconds) and seconds >= 10.0
    away_m = np.linalg.norm(log.agents[0].position[:, :2] - log.ego[0].position, axis=1)
    assert 0.5 * range_m < away_m.max() <= range_m


def test_clouds_and_images_of_all_corners_come_all_the_time(bag: Path, log: RecordedLog) -> None:
    with BagReader(bag) as reader:
        assert not reader.problems
        for corner in _CORNERS:
            for kind in ("lidar", "radar"):
                clouds = [each.message for each in reader.messages([f"/sensors/{kind}_{corner}/points"])]
                points = [point_cloud_from_message(cloud) for cloud in clouds]
                assert len(points) >= 5.0 * reader.duration_s
                assert np.mean([len(each) > 0 for each in points]) > 0.9
                assert all((each.radial_speed is not None) == (kind == "radar") for each in points)
            for kind, dtype, dimensions in (("camera", np.uint8, 3), ("thermal", np.uint16, 2)):
                name = f"/sensors/{kind}_{corner}"
                infos = [each.message for each in reader.messages([f"{name}/camera_info"])]
                images = [each.message for each in reader.messages([f"{name}/image/compressed"])]
                assert len(images) == len(infos) >= 5.0 * reader.duration_s
                for image, info in zip(images, infos, strict=True):
                    assert image.header.stamp == info.header.stamp
                    pixels = cv2.imdecode(image.data, cv2.IMREAD_UNCHANGED)
                    assert pixels.shape[:2] == (info.height, info.width)
                    assert pixels.dtype == dtype and pixels.ndim == dimensions and pixels.std() > 0.0


def test_it_has_everything_else_that_nodes_take(bag: Path, log: RecordedLog) -> None:
    with BagReader(bag) as reader:
        counts = {name: topic.message_count for name, topic in reader.topics.items()}
        static = next(iter(reader.messages(["/tf_static"]))).message
    assert counts["/road_network"] == 1 and len(log.road_network.lanes) > 50
    for topic in ("/ground_truth/agents", "/odometry", "/tf", "/traffic_signals"):
        assert counts[topic] == len(log.stamps_ns)
    mounted = {each.child_frame_id for each in static.transforms}
    assert {f"{kind}_{corner}" for kind in ("lidar", "radar", "camera", "thermal") for corner in _CORNERS} <= mounted


def test_something_happens_in_it(log: RecordedLog) -> None:
    speed = np.array([np.linalg.norm(ego.velocity) for ego in log.ego])
    assert np.mean(speed > 0.5) > 0.5
    assert np.ptp(np.unwrap([ego.yaw for ego in log.ego])) > np.radians(45.0)  # it turns
    moving_near: set[AgentClass] = set()
    for agents, ego in zip(log.agents, log.ego, strict=True):
        near = np.linalg.norm(agents.position[:, :2] - ego.position, axis=1) < 35.0
        moving_near |= {AgentClass(int(each)) for each in agents.agent_class[near & (agents.speed > 0.5)]}
    assert moving_near >= {AgentClass.CAR, AgentClass.CYCLIST, AgentClass.PEDESTRIAN}
    states = np.stack([signals.state for signals in log.signals])
    assert (states[1:] != states[:-1]).any()
