"""Lanes of generated towns can be driven: no steps, no bends, no turns tighter than cars and buses can make."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from town_checks import Network, generated, smallest_radius_m

pytest.importorskip("sumo", reason="needs SUMO: pip install 'zoox_prediction[sim]'")


@pytest.fixture(params=[(1, False), (2, True), (3, False), (6, False), (10, False), (11, False)])
def network(request: pytest.FixtureRequest) -> Network:
    return generated(*request.param)


def test_lanes_follow_each_other_without_steps_and_bends(network: Network) -> None:
    joints = list(network.joints())
    assert len(joints) > 250
    assert not [joint for joint in joints if joint.gap_m > 0.05]
    assert not [joint for joint in joints if joint.bend_rad > np.radians(8.0)]


def test_turns_are_wide_enough(network: Network) -> None:
    net = network.file.net
    for name, line in network.lines.items():
        lane, radius = net.getLane(name), smallest_radius_m(line)
        if not name.startswith(":"):
            assert radius > (18.0 if net.getEdge(name.rpartition("_")[0]).getPriority() == 5 else 60.0), name
        elif lane.allows("bus"):
            assert radius > 7.0, name
        else:
            assert radius > (5.5 if lane.allows("passenger") else 4.0), name


def test_every_lane_leads_on(network: Network) -> None:
    ends = {*network.town.exit_edges, *network.town.disconnected_edges}
    onward = {lane for way in network.ways for lane in way[:-1]}
    stuck = {name for name in network.lines if name not in onward and name.rpartition("_")[0] not in ends}
    assert stuck <= {"motorway3_0"}  # the lane for accelerating ends


def test_cars_can_take_every_turn_that_lanes_for_them_come_to(network: Network) -> None:
    """No lane for cars has a way on for bicycles only."""
    net = network.file.net
    for edge in net.getEdges(withInternal=False):
        for lane in edge.getLanes():
            if lane.allows("passenger") and lane.getOutgoing():
                assert any(each.getToLane().allows("passenger") for each in lane.getOutgoing()), lane.getID()


def test_lanes_between_junctions_do_not_overlap(network: Network) -> None:
    """Turn lanes of both directions take the same strip, one after the other."""
    lanes = [
        shapely.LineString(line).buffer(0.5 * network.file.net.getLane(name).getWidth() - 0.1, cap_style="flat")
        for name, line in network.lines.items()
        if not name.startswith((":", "motorway", "onramp", "offramp"))
    ]
    one, other = shapely.STRtree(lanes).query(lanes, predicate="intersects")
    overlaps = shapely.area(shapely.intersection(np.array(lanes)[one], np.array(lanes)[other]))
    assert overlaps[one != other].max(initial=0.0) < 0.1


def test_junctions_do_not_overlap(network: Network) -> None:
    nodes = [node for node in network.file.net.getNodes() if len(node.getShape()) > 2]
    shapes = [shapely.Polygon(np.array(node.getShape())[:, :2]) for node in nodes]
    assert len(shapes) > 10
    tree = shapely.STRtree(shapes)
    for one, other in zip(*tree.query(shapes, predicate="intersects"), strict=True):
        if one < other:
            assert shapes[one].buffer(0).intersection(shapes[other].buffer(0)).area < 0.5, (
                f"{nodes[one].getID()} and {nodes[other].getID()}"
            )


def test_roads_read_well(network: Network) -> None:
    roads = network.town.road_network
    assert roads.repairs == ()
    assert len(roads.stop_line_ids) > 20
    assert len(roads.signal_ids) > 20
    for areas in (roads.walkways, roads.drivable_areas, roads.road_edges, roads.intersections, roads.parking_areas):
        assert len(areas) > 0
