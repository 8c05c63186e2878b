"""The map node as a process: what it publishes, what it refuses, and that it stays up without a map."""

from __future__ import annotations

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from map_files import MapClient, left_turn, straight, write_map

from zoox_prediction.maps.readers import read_road_network
from zoox_prediction.recording.messages import road_network_from_message
from zoox_prediction.srv import LoadRoadNetwork


@pytest.fixture
def start_map_node(start_process, spin, wait_for):
    """start_map_node(**parameters) starts the map node; returns a client that the node has found."""

    def start(**parameters) -> MapClient:
        assignments = [word for key, value in parameters.items() for word in ("-p", f"{key}:={value}")]
        process = start_process("-m", "zoox_prediction.nodes.map_node", "--ros-args", *assignments)
        client = spin(MapClient())
        client.process = process
        wait_for(
            lambda: client.load_map.service_is_ready() or "autostart" in parameters,
            timeout_s=60.0,
            what=f"the service of the node, which wrote: {process.output}",
        )
        return client

    return start


@pytest.fixture
def ask(wait_for):
    """ask(client, path, **fields) calls ~/load_map and returns the answer."""

    def call(client: MapClient, path: object, **fields: object) -> LoadRoadNetwork.Response:
        answers: list[LoadRoadNetwork.Response] = []
        request = LoadRoadNetwork.Request(path=str(path), **fields)
        client.load_map.call_async(request).add_done_callback(lambda done: answers.append(done.result()))
        wait_for(lambda: answers, what=f"the answer about {path}")
        return answers[0]

    return call


@pytest.fixture
def maps(tmp_path):
    return write_map(tmp_path / "straight.json", straight()), write_map(tmp_path / "turn.json", left_turn(), straight())


def test_the_map_and_its_markers_are_latched_and_the_diagnostics_describe_it(start_map_node, wait_for, maps):
    client = start_map_node(map_path=maps[0])
    wait_for(lambda: client.networks and client.markers, what="the map")
    network, expected = road_network_from_message(client.networks[0]), read_road_network(maps[0])
    np.testing.assert_array_equal(network.lanes.centerline.values, expected.lanes.centerline.values)
    np.testing.assert_array_equal(network.lanes.left_boundary.values, expected.lanes.left_boundary.values)
    assert client.networks[0].header.frame_id == "map" and client.networks[0].header.stamp.sec > 0
    assert {each.header.frame_id for each in client.markers[0].markers} == {"map"}
    assert sum(len(each.points) for each in client.markers[0].markers) > 0
    wait_for(lambda: "1 lane" in client.status("map"), what="the diagnostics")
    values = {each.key: each.value for each in client.statuses["map_node: map"].values}
    assert values["path"] == str(maps[0]) and values["lanes"] == "1" and values["repairs"] == "0"
    assert 0.0 < float(values["loading_s"]) < 10.0


def test_another_map_at_run_time_takes_the_place_of_the_first(start_map_node, ask, spin, wait_for, maps):
    client = start_map_node(map_path=maps[0])
    wait_for(lambda: client.networks and client.markers, what="the first map")
    answer = ask(client, maps[1])
    assert answer.success and "2 lanes" in answer.message and str(maps[1]) in answer.message
    wait_for(lambda: len(client.networks) == 2 and len(client.markers) == 2, what="the second map")
    assert len(client.networks[1].lane_id) == 2
    late = spin(MapClient())
    wait_for(lambda: late.networks, what="the map that is latched")
    assert [len(each.lane_id) for each in late.networks] == [2]


def test_a_map_that_cannot_be_read_leaves_the_old_one(start_map_node, ask, spin, wait_for, maps, tmp_path):
    client = start_map_node(map_path=maps[0])
    wait_for(lambda: client.networks, what="the first map")
    malformed = tmp_path / "malformed.json"
    malformed.write_text('{"lane_segments": {"1": {')
    for path, words in ((tmp_path / "none.osm", "does not exist"), (malformed, "malformed.json"), ("", "empty")):
        answer = ask(client, path)
        assert not answer.success and words in answer.message
    nowhere = ask(client, tmp_path / "none.osm", has_origin=True, origin_latitude=91.0, origin_longitude=0.0)
    assert not nowhere.success and "91.0" in nowhere.message
    wait_for(lambda: "none.osm" in client.status("problems"), what="the diagnostics")
    assert "1 lane" in client.status("map")
    late = spin(MapClient())
    wait_for(lambda: late.networks, what="the old map")
    assert len(late.networks[0].lane_id) == 1
    assert ask(client, maps[1]).success
    assert client.process.end() == 0
    assert "Traceback" not in client.process.output


@pytest.mark.parametrize(("path", "level"), [("", DiagnosticStatus.OK), ("/no/such.osm", DiagnosticStatus.ERROR)])
def test_without_a_map_the_node_stays_and_takes_one_from_the_service(start_map_node, ask, wait_for, maps, path, level):
    client = start_map_node(**({"map_path": path} if path else {}))
    wait_for(lambda: client.status("map").startswith("none"), what="the diagnostics")
    assert client.statuses["map_node: map"].level == level
    assert path in client.status("map") and not client.networks
    assert client.process.output.count("/no/such.osm: does not exist") == bool(path)
    assert ask(client, maps[0]).success
    wait_for(lambda: client.networks, what="the map")
    wait_for(lambda: client.statuses["map_node: map"].level == DiagnosticStatus.OK, what="better diagnostics")


def test_an_inactive_node_loads_and_publishes_once_it_is_active(start_map_node, ask, wait_for, maps):
    client = start_map_node(autostart="false", map_path=maps[0], frame_id="town")
    change = client.create_client(ChangeState, "/map_node/change_state")
    assert change.wait_for_service(60.0)

    def transition(identifier: int) -> None:
        done = change.call_async(ChangeState.Request(transition=Transition(id=identifier)))
        wait_for(done.done, what="the transition")
        assert done.result().success

    transition(Transition.TRANSITION_CONFIGURE)
    wait_for(client.load_map.service_is_ready, what="the service")
    assert ask(client, maps[1]).success
    assert not client.networks
    transition(Transition.TRANSITION_ACTIVATE)
    wait_for(lambda: client.networks and client.markers, what="the map")
    assert [len(each.lane_id) for each in client.networks] == [2]
    assert client.networks[0].header.frame_id == client.markers[0].markers[-1].header.frame_id == "town"
    transition(Transition.TRANSITION_DEACTIVATE)
    transition(Transition.TRANSITION_CLEANUP)
    transition(Transition.TRANSITION_CONFIGURE)
    transition(Transition.TRANSITION_ACTIVATE)
    wait_for(lambda: len(client.networks) == 2, what="the map of map_path again")
    assert len(client.networks[1].lane_id) == 1


def test_half_an_origin_ends_the_node_with_one_sentence(start_process):
    process = start_process("-m", "zoox_prediction.nodes.map_node", "--ros-args", "-p", "origin_latitude:=49.0")
    assert process.wait() != 0
    assert "origin_longitude" in process.output and "Traceback" not in process.output
