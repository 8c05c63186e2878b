"""RViz markers of the map: one marker a kind, in place, in the colours of the pictures."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_maps import everything, lane

from zoox_prediction.maps.records import lanes_from_records
from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.recording.typestore import RosbagsTypes, typestore
from zoox_prediction.scene import SignalState, TrafficSignals
from zoox_prediction.visualization import palette
from zoox_prediction.visualization.map_features import map_features
from zoox_prediction.visualization.map_markers import map_markers, signal_markers

TYPES = RosbagsTypes()
DELETE_ALL, LINE_LIST, SPHERE_LIST = 3, 5, 7


def by_namespace(message) -> dict[str, object]:
    """The only marker of each namespace."""
    found = {marker.ns: marker for marker in message.markers}
    assert len(found) == len(message.markers)
    return found


def color_of(marker) -> tuple[int, ...]:
    return tuple(round(255 * value) for value in (marker.color.r, marker.color.g, marker.color.b))


def signals(**states: SignalState) -> TrafficSignals:
    ids = np.array([int(name[1:]) for name in states])
    return TrafficSignals(
        0, ids, np.array(list(states.values()), dtype=np.uint8), np.zeros(len(ids), dtype=np.int64), np.ones(len(ids))
    )


def test_each_kind_is_one_marker_in_its_color_and_above_the_one_below():
    markers = by_namespace(map_markers(everything(), TYPES))
    heights = []
    for feature in map_features(everything()):
        if feature.name == "lanes":
            assert feature.name not in markers
            continue
        marker = markers[feature.name]
        assert marker.type == LINE_LIST and color_of(marker) == feature.color
        heights.append(marker.points[0].z)
    assert heights == sorted(set(heights))


def test_lines_are_segments_and_areas_are_closed():
    markers = by_namespace(map_markers(everything(), TYPES))
    parking = [(point.x, point.y) for point in markers["parking_areas"].points]
    corners = [(-20.0, 0.0), (-10.0, 0.0), (-10.0, 5.0), (-20.0, 5.0)]
    sides = {frozenset(side) for side in zip(corners, [*corners[1:], corners[0]], strict=True)}
    assert {frozenset(side) for side in zip(parking[::2], parking[1::2], strict=True)} == sides
    centerlines = [(point.x, point.y) for point in markers["centerlines"].points]
    assert centerlines[:4] == [(0.0, 1.5), (60.0, 1.5), (0.0, 4.5), (60.0, 4.5)]


def test_the_number_of_markers_does_not_grow_with_the_map_and_the_message_serializes():
    many = RoadNetwork(lanes=lanes_from_records([lane(row, 3.0 * row, 3.0 * row + 3.0) for row in range(1, 500)]))
    message = map_markers(many, TYPES, 5_000_000_000)
    assert len(message.markers) < 10
    data = typestore().serialize_cdr(message, "visualization_msgs/msg/MarkerArray")
    again = typestore().deserialize_cdr(data, "visualization_msgs/msg/MarkerArray")
    assert [len(marker.points) for marker in again.markers] == [len(marker.points) for marker in message.markers]
    assert again.markers[-1].header.stamp.sec == 5 and again.markers[-1].header.frame_id == "map"


def test_an_empty_map_only_clears():
    assert [marker.action for marker in map_markers(RoadNetwork(), TYPES).markers] == [DELETE_ALL]


def test_signals_are_grey_in_the_map_and_those_without_a_place_are_left_out():
    marker = by_namespace(map_markers(everything(), TYPES))["signals"]
    assert marker.type == SPHERE_LIST and color_of(marker) == palette.SIGNAL[SignalState.UNKNOWN]
    assert [(point.x, point.y) for point in marker.points] == [(61.0, 13.0)]


def test_observed_signals_have_their_color_at_their_place_and_where_traffic_waits():
    markers = by_namespace(signal_markers(everything(), signals(s9=SignalState.RED, s77=SignalState.GREEN), TYPES, 0))
    assert [(point.x, point.y) for point in markers["signals"].points] == [(61.0, 13.0)]
    assert [(point.x, point.y) for point in markers["controlled_lanes"].points] == [(60.0, 1.5), (60.0, -18.5)]
    assert color_of(markers["signals"]) == color_of(markers["controlled_lanes"]) == palette.SIGNAL[SignalState.RED]


@pytest.mark.parametrize("observed", [signals(), signals(s10=SignalState.RED), signals(s77=SignalState.RED)])
def test_signals_that_are_nowhere_are_no_markers(observed):
    assert [marker.action for marker in signal_markers(everything(), observed, TYPES, 0).markers] == [DELETE_ALL]
