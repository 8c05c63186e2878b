"""Repairs of lanes: what is mended, what is reported, what is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.maps.records import LaneRecord
from zoox_prediction.maps.repair import MAX_GAP_M, lanes_against_traffic, repair_records
from zoox_prediction.maps.road_network import BoundaryType, LaneType


def lane(lane_id: int, start: tuple[float, float], end: tuple[float, float], *successors: int) -> LaneRecord:
    """A straight lane 4 m wide with a point every 5 m or so."""
    count = max(2, round(float(np.hypot(end[0] - start[0], end[1] - start[1])) / 5.0) + 1)
    center = np.linspace(start, end, count)
    along = np.subtract(end, start) / np.hypot(*np.subtract(end, start))
    left = center + 2.0 * np.array([-along[1], along[0]])
    right = center - 2.0 * np.array([-along[1], along[0]])
    return LaneRecord(lane_id, center, left, right, successors=list(successors))


def test_sound_lanes_are_left_alone() -> None:
    records = [lane(1, (0, 0), (20, 0), 2), lane(2, (20, 0), (40, 5)), lane(3, (40, 4), (0, 4))]
    before = [record.centerline.copy() for record in records]
    assert repair_records(records) == ()
    for record, centerline in zip(records, before, strict=True):
        np.testing.assert_array_equal(record.centerline, centerline)
    assert repair_records([]) == ()


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_boundary_that_runs_against_its_lane_is_reversed(side: str) -> None:
    record = lane(7, (0, 0), (20, 10))
    sound = getattr(record, f"{side}_boundary")
    setattr(record, f"{side}_boundary", sound[::-1])
    assert repair_records([record]) == (f"lane 7: its {side} boundary ran against the lane; reversed it",)
    np.testing.assert_array_equal(getattr(record, f"{side}_boundary"), sound)


def test_swapped_boundaries_are_exchanged_with_their_types() -> None:
    record = lane(7, (0, 0), (20, 10))
    left, right = record.left_boundary, record.right_boundary
    record.left_boundary, record.right_boundary = right[::-1], left
    record.left_boundary_type, record.right_boundary_type = BoundaryType.SOLID, BoundaryType.DASHED
    first, second = repair_records([record])
    assert first == "lane 7: its left boundary ran against the lane; reversed it"
    assert second == "lane 7: its left and right boundaries were swapped; exchanged them"
    np.testing.assert_array_equal(record.left_boundary, left)
    np.testing.assert_array_equal(record.right_boundary, right)
    assert (record.left_boundary_type, record.right_boundary_type) == (BoundaryType.DASHED, BoundaryType.SOLID)


def test_a_closed_lane_keeps_its_direction() -> None:
    angle = np.linspace(0.0, 2.0 * np.pi, 40)
    ring = np.column_stack([np.cos(angle), np.sin(angle)])
    record = LaneRecord(1, 20.0 * ring, 18.0 * ring, 22.0 * ring)
    assert repair_records([record]) == ()


def test_a_gap_is_closed_half_way_in_all_three_lines() -> None:
    records = [lane(1, (0, 0), (20, 0), 2), lane(2, (20.4, 0.1), (40.4, 0.1))]
    (sentence,) = repair_records(records)
    assert sentence == "lane 1: its end was 0.41 m from the start of its successor, lane 2; joined them"
    np.testing.assert_allclose(records[0].centerline[-1], [20.2, 0.05])
    for side in ("centerline", "left_boundary", "right_boundary"):
        np.testing.assert_array_equal(getattr(records[0], side)[-1], getattr(records[1], side)[0])
    assert repair_records(records) == ()


def test_lanes_at_one_place_move_together() -> None:
    """A fork and a neighbour that shares the boundary: whatever met before the repair meets after it."""
    records = [
        lane(1, (0, 0), (20, 0), 2, 3),
        lane(2, (20.3, 0), (40, 0)),
        lane(3, (20, 0), (40, 5)),
        lane(4, (0, 4), (20, 4), 5),
        lane(5, (20.3, 4), (40, 4)),
    ]
    assert len(repair_records(records)) == 2
    np.testing.assert_array_equal(records[0].centerline[-1], records[1].centerline[0])
    np.testing.assert_array_equal(records[0].centerline[-1], records[2].centerline[0])
    np.testing.assert_array_equal(records[0].left_boundary[-1], records[3].right_boundary[-1])
    np.testing.assert_array_equal(records[1].left_boundary[0], records[4].right_boundary[0])


def test_an_overlap_does_not_make_a_line_turn_back() -> None:
    dense = LaneRecord(1, np.column_stack([np.linspace(0.0, 10.0, 101), np.zeros(101)]), successors=[2])
    records = [dense, lane(2, (9.6, 0.0), (30.0, 0.0))]
    assert len(repair_records(records)) == 1
    assert np.all(np.diff(dense.centerline[:, 0]) > 0.0)
    np.testing.assert_allclose(dense.centerline[-1], [9.8, 0.0])


def test_a_lane_shorter_than_the_gap_keeps_its_length() -> None:
    records = [lane(1, (0, 0), (10, 0), 2), lane(2, (10.2, 0), (10.3, 0), 3), lane(3, (10.5, 0), (20, 0))]
    repair_records(records)
    for record in records:
        assert np.linalg.norm(record.centerline[-1] - record.centerline[0]) > 0.05


@pytest.mark.parametrize(
    ("start", "end", "kind", "linked"),
    [
        ((20.4, 0.0), (40, 0), LaneType.VEHICLE, True),
        ((20.6, 0.0), (40, 0), LaneType.VEHICLE, False),  # too far
        ((20.4, 0.0), (20.4, 20), LaneType.VEHICLE, False),  # another way
        ((20.4, 0.0), (40, 0), LaneType.BICYCLE, False),  # nothing for a car
    ],
)
def test_a_missed_successor_is_linked(
    start: tuple[float, float], end: tuple[float, float], kind: LaneType, linked: bool
) -> None:
    records = [lane(1, (0, 0), (20, 0)), lane(2, start, end)]
    records[1].type = kind
    repairs = repair_records(records)
    assert records[0].successors == ([2] if linked else [])
    if linked:
        assert repairs[0].startswith("lane 1: lane 2 starts 0.40 m from its end")
        np.testing.assert_array_equal(records[0].centerline[-1], records[1].centerline[0])
    else:
        assert repairs == ()


def test_a_link_that_the_map_left_out_on_purpose_stays_out() -> None:
    """Both lanes are joined to others already, so the map says where one may go."""
    records = [
        lane(1, (0, 0), (20, 0), 3),
        lane(2, (20.1, 0), (40, 0)),
        lane(3, (20, 0), (40, 3)),
        lane(4, (0, 2), (20.1, 0), 2),
    ]
    repair_records(records)
    assert records[0].successors == [3]


def test_a_lane_against_traffic_is_found() -> None:
    sound = [
        lane(1, (0, 0), (20, 0)),
        lane(2, (20, 0), (40, 0)),
        lane(3, (40, 0), (60, 0), 4),
        lane(4, (60, 0), (80, 0)),
    ]
    wrong = [sound[0], lane(2, (40, 0), (20, 0)), *sound[2:]]
    assert lanes_against_traffic(wrong) == [1]
    sound[0].successors, sound[1].successors = [2], [3]
    assert lanes_against_traffic(sound) == []
    both_ways = [*sound, lane(5, (40, 0), (20, 0))]
    assert lanes_against_traffic(both_ways) == []
    assert lanes_against_traffic([]) == []


def test_the_gap_is_that_of_the_manual() -> None:
    assert MAX_GAP_M == 0.5
