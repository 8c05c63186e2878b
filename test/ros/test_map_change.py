"""A map that changes while agents are predicted: map node and prediction node as processes, no scene lost."""

from __future__ import annotations

import time

import numpy as np
import pytest
from map_files import MapClient, far_away, left_turn, straight, write_map
from prediction_peer import Peer

from zoox_prediction.scene import AgentClass, PredictedTrajectories, TrackedAgents
from zoox_prediction.srv import LoadRoadNetwork

PERIOD_S = 0.1
SPEED_MPS = 8.0
LAP_S = 4.0


def car_before_the_fork(stamp_ns: int) -> TrackedAgents:
    """Drives along both maps' lanes to where they part, again and again, each time as another car."""
    lap, way_s = divmod(stamp_ns * 1e-9, LAP_S)
    position = [SPEED_MPS * (way_s - LAP_S), 0.0]
    return TrackedAgents.from_states(stamp_ns, [int(lap)], [AgentClass.CAR], [position], [0.0], [[SPEED_MPS, 0.0]])


def turns(predictions: PredictedTrajectories) -> bool:
    """Whether the most probable future leaves the x axis to the left."""
    best = int(np.argmax(predictions.probability[0]))
    return bool(predictions.position[0, best, -1, 1] > 4.0)


@pytest.fixture
def drive(peer: Peer):
    """drive(until) publishes the car ten times a second until the condition holds; returns all that was sent."""

    def send(until, timeout_s: float = 40.0) -> list[TrackedAgents]:
        sent: list[TrackedAgents] = []
        end_s = time.monotonic() + timeout_s
        while not until():
            assert time.monotonic() < end_s, f"nothing changed; the diagnostics say {peer.problems()}"
            sent.append(car_before_the_fork(peer.now_ns()))
            peer.publish(sent[-1])
            time.sleep(PERIOD_S)
        return sent

    return send


def test_predictions_follow_the_new_map_and_no_scene_is_lost(peer, drive, start_process, spin, wait_for, tmp_path):
    first = write_map(tmp_path / "straight.json", straight())
    second = write_map(tmp_path / "turn.json", left_turn(), *far_away(300))
    map_node = start_process("-m", "zoox_prediction.nodes.map_node", "--ros-args", "-p", f"map_path:={first}")
    client = spin(MapClient())
    assert client.load_map.wait_for_service(60.0), map_node.output
    sent = drive(lambda: "age" in peer.statuses["input road_network"].message and len(peer.predictions) > 10)
    assert not turns(peer.predictions[-1])

    answer = client.load_map.call_async(LoadRoadNetwork.Request(path=str(second)))
    sent += drive(lambda: turns(peer.predictions[-1]))
    assert answer.done() and answer.result().success
    sent += drive(iter([False] * 10 + [True]).__next__)

    wait_for(lambda: peer.predictions_of(sent[-1]) is not None, what="the last prediction")
    predicted = {each.stamp_ns for each in peer.predictions}
    lost = [each.stamp_ns for each in sent if each.stamp_ns not in predicted]
    assert not lost, f"{len(lost)} of {len(sent)} scenes were not predicted"
    after = [turns(each) for each in peer.predictions]
    assert after == sorted(after), "predictions went back to the old map"


def test_an_invalid_map_keeps_nobody_from_predicting(peer, predicted, start_process, spin, wait_for, recordings):
    folder = recordings / "maps" / "lanelet2_autoware"
    process = start_process(
        "-m",
        "zoox_prediction.nodes.map_node",
        "--ros-args",
        "-p",
        f"map_path:={folder / 'sample_map_vm_01_10-12_invalid_01_lanelet2_map.osm'}",
    )
    client = spin(MapClient())
    wait_for(lambda: client.status("map"), timeout_s=60.0, what=f"the diagnostics of {process.output}")
    assert "invalid_01" in client.status("map")
    predicted(peer, car_before_the_fork(peer.now_ns()))
