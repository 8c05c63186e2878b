"""The map is where it is, in the ego's frame, with the values of its lanes."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import shapely
from raster_scenes import ego_at, pixel, scene_of, signals_of, value

from zoox_prediction.maps.records import LaneRecord, lanes_from_records
from zoox_prediction.maps.road_network import BoundaryType, LaneType, Ragged, RightOfWay, RoadNetwork, Turn
from zoox_prediction.raster.config import RasterConfig
from zoox_prediction.raster.rasterizer import Rasterizer
from zoox_prediction.recording.generated_crossroads import crossroads
from zoox_prediction.scene import Scene, SignalState

RASTERIZER = Rasterizer()
TABLE = RASTERIZER.table
EGO = ego_at(5.0, -3.0, yaw=0.6)
SQUARE = np.array([[10.0, 10.0], [30.0, 10.0], [30.0, 25.0], [10.0, 25.0]])
LINE = np.array([[-40.0, -30.0], [0.0, -10.0], [50.0, 30.0]])


def straight_lane(identifier: int = 1, y: float = 0.0, start: float = -40.0, end: float = 40.0, **more) -> LaneRecord:
    """4 m wide, from x = start to x = end."""
    x = np.linspace(start, end, 9)
    middle, left, right = (
        np.column_stack([x, np.full(9, y + side * np.sign(end - start))]) for side in (0.0, 2.0, -2.0)
    )
    return LaneRecord(identifier, middle, left, right, **more)


def network_of(*records: LaneRecord, **more) -> RoadNetwork:
    return RoadNetwork(lanes=lanes_from_records(records), **more)


def drawn(network: RoadNetwork, states: dict[int, int] | None = None, ego=EGO) -> tuple[Scene, np.ndarray]:
    scene = scene_of(ego=ego, road_network=network, signals=signals_of(states or {}))
    return scene, RASTERIZER.rasterize(scene)


def channel(raster: np.ndarray, name: str) -> np.ndarray:
    return raster[TABLE.index(name)]


def drawn_channels(raster: np.ndarray) -> set[str]:
    return {each.name for each in TABLE.groups["map"] if channel(raster, each.name).any()}


def assert_covers(mask: np.ndarray, scene: Scene, shape: shapely.Geometry, tolerance_px: float = 1.0) -> None:
    """The mask is the shape of map points, but for pixels this near to its rim."""
    pixels = shapely.transform(shape, RASTERIZER.frame(scene).pixels_from_map)
    rows, columns = np.mgrid[: mask.shape[0], : mask.shape[1]]
    inside = shapely.contains_xy(pixels.buffer(-tolerance_px), columns, rows)
    outside = ~shapely.contains_xy(pixels.buffer(tolerance_px), columns, rows)
    assert np.all(mask[inside] == 255)
    assert not mask[outside].any()
    assert mask.any()


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("drivable_areas", "drivable_area"),
        ("intersections", "intersection"),
        ("walkways", "walkway"),
        ("parking_areas", "parking"),
        ("crosswalks", "crosswalk"),
    ],
)
def test_areas(field: str, name: str) -> None:
    ids = {"crosswalk_ids": np.array([1]), "crosswalk_signal": np.array([-1])} if name == "crosswalk" else {}
    scene, raster = drawn(RoadNetwork(**{field: Ragged.points([SQUARE])}, **ids))
    assert drawn_channels(raster) == {name}
    assert_covers(channel(raster, name), scene, shapely.Polygon(SQUARE))


def test_areas_are_whole_and_alone_across_the_rims_of_tiles_and_of_the_raster() -> None:
    random = np.random.default_rng(0)
    for _ in range(60):
        angle, middle = random.uniform(0.0, 2.0 * np.pi), random.uniform(-15.0, 15.0, 2)  # four tiles meet in (0, 0)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        area = (SQUARE - SQUARE.mean(axis=0)) * random.uniform(0.2, 2.0, 2) @ turn + middle
        network = RoadNetwork(
            walkways=Ragged.points([area]),
            crosswalk_ids=np.array([1]),
            crosswalks=Ragged.points([area]),
            crosswalk_signal=np.array([3]),
        )
        scene = scene_of(ego=ego_at(*random.uniform(-25.0, 25.0, 2)), road_network=network, signals=signals_of({3: 3}))
        rasterizer = Rasterizer(RasterConfig(size_px=64, draw_ahead=False))
        raster = rasterizer.rasterize(scene)
        pixels = shapely.Polygon(rasterizer.frame(scene).pixels_from_map(area))
        rows, columns = np.mgrid[:64, :64]
        for name in ("walkway", "crosswalk_walk"):
            mask = channel(raster, name) == 255
            assert mask[shapely.contains_xy(pixels.buffer(-1.0), columns, rows)].all(), name
            assert not mask[~shapely.contains_xy(pixels.buffer(1.5), columns, rows)].any(), name


@pytest.mark.parametrize(("field", "name"), [("road_edges", "road_edge"), ("stop_lines", "stop_line")])
def test_lines(field: str, name: str) -> None:
    scene, raster = drawn(RoadNetwork(**{field: Ragged.points([LINE])}))
    assert drawn_channels(raster) == {name}
    assert_line(channel(raster, name), scene)


def assert_line(mask: np.ndarray, scene: Scene) -> None:
    pixels = RASTERIZER.frame(scene).pixels_from_map(LINE)
    rows, columns = np.nonzero(mask)
    line = shapely.LineString(pixels)
    assert np.all(shapely.distance(shapely.points(columns, rows), line) <= 1.5)
    assert cv2.connectedComponents(mask, connectivity=8)[0] == 2  # the ground and one line in one piece
    for end in pixels:
        assert np.min(np.hypot(columns - end[0], rows - end[1])) <= 1.5


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (BoundaryType.SOLID, "solid_boundary"),
        (BoundaryType.DASHED, "dashed_boundary"),
        (BoundaryType.ROAD_EDGE, "road_edge"),
        (BoundaryType.VIRTUAL, None),
        (BoundaryType.UNKNOWN, None),
    ],
)
def test_boundaries(kind: BoundaryType, name: str | None) -> None:
    lane = LaneRecord(1, LINE - [1.0, 0.0], LINE, LINE - [2.0, 0.0], left_boundary_type=kind)
    scene, raster = drawn(network_of(lane))
    assert drawn_channels(raster) & {"solid_boundary", "dashed_boundary", "road_edge"} == ({name} if name else set())
    if name:
        assert_line(channel(raster, name), scene)


def test_lines_never_break_whatever_way_they_and_the_ego_lie() -> None:
    random = np.random.default_rng(0)
    for oversampling in (1, 2, 3):
        rasterizer = Rasterizer(RasterConfig(size_px=64, oversampling=oversampling))
        for _ in range(40):
            angle, way = random.uniform(0.0, 2.0 * np.pi), random.uniform(-3.0, 3.0, 2)
            line = way + np.array([[-15.0], [15.0]]) * [np.cos(angle), np.sin(angle)]
            network = RoadNetwork(road_edges=Ragged.points([line]))
            scene = scene_of(ego=ego_at(*random.uniform(-3, 3, 2), random.uniform(-4, 4)), road_network=network)
            mask = channel(rasterizer.rasterize(scene), "road_edge")
            assert cv2.connectedComponents(mask, connectivity=8)[0] == 2


LANE_CHANNELS = {"drivable_area", "lane_direction_cos", "lane_direction_sin"}


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({}, LANE_CHANNELS),
        ({"type": LaneType.BICYCLE}, (LANE_CHANNELS - {"drivable_area"}) | {"bicycle_lane"}),
        ({"type": LaneType.BUS}, LANE_CHANNELS | {"restricted_lane"}),
        ({"type": LaneType.RESTRICTED}, (LANE_CHANNELS - {"drivable_area"}) | {"restricted_lane"}),
        ({"type": LaneType.PARKING}, (LANE_CHANNELS - {"drivable_area"}) | {"parking"}),
        ({"turn": Turn.LEFT}, LANE_CHANNELS | {"turn_left"}),
        ({"turn": Turn.U}, LANE_CHANNELS | {"turn_left"}),
        ({"turn": Turn.RIGHT}, LANE_CHANNELS | {"turn_right"}),
        ({"turn": Turn.STRAIGHT}, LANE_CHANNELS | {"turn_straight"}),
        ({"right_of_way": RightOfWay.YIELD}, LANE_CHANNELS | {"give_way_lane"}),
        ({"right_of_way": RightOfWay.STOP}, LANE_CHANNELS | {"give_way_lane"}),
        ({"right_of_way": RightOfWay.PRIORITY}, LANE_CHANNELS),
        ({"yields_to": [7]}, LANE_CHANNELS | {"give_way_lane"}),
        ({"in_intersection": True}, LANE_CHANNELS | {"intersection"}),
        ({"speed_limit_mps": 13.9}, LANE_CHANNELS | {"speed_limit"}),
        ({"signal": 5}, LANE_CHANNELS | {"signal_unknown"}),
    ],
)
def test_lanes(fields: dict, names: set[str]) -> None:
    scene, raster = drawn(network_of(straight_lane(**fields)))
    assert drawn_channels(raster) == names
    for name in names:
        shown = (channel(raster, name) > 0) * np.uint8(255)
        assert_covers(shown, scene, shapely.box(-40.0, -2.0, 40.0, 2.0))


@pytest.mark.parametrize("heading", np.linspace(-3.0, 3.0, 9))
def test_direction_and_speed_limit_are_read_back_within_a_step(heading: float) -> None:
    along = np.array([np.cos(heading), np.sin(heading)])
    middle = np.array([[-30.0], [30.0]]) * along
    side = 2.0 * np.array([-along[1], along[0]])
    lane = LaneRecord(1, middle, middle + side, middle - side, speed_limit_mps=8.33)
    scene, raster = drawn(network_of(lane))
    for name, truth in (
        ("lane_direction_cos", np.cos(heading - EGO.yaw)),
        ("lane_direction_sin", np.sin(heading - EGO.yaw)),
        ("speed_limit", 8.33),
    ):
        found = TABLE.decode(name, channel(raster, name))
        assert np.nanmax(np.abs(found - truth)) <= TABLE[name].step, name
        assert abs(value(RASTERIZER, raster, scene, name, 10.0 * along) - truth) <= TABLE[name].step


def test_a_bend_turns_the_direction_with_it() -> None:
    angle = np.linspace(0.0, np.pi / 2.0, 60)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    lane = LaneRecord(1, 20.0 * circle, 18.0 * circle, 22.0 * circle)
    scene, raster = drawn(network_of(lane))
    for at in np.linspace(0.1, 1.45, 10):
        place = 20.0 * np.array([np.cos(at), np.sin(at)])
        cos, sin = (value(RASTERIZER, raster, scene, f"lane_direction_{each}", place) for each in ("cos", "sin"))
        assert abs(np.angle(np.exp(1j * (np.arctan2(sin, cos) + EGO.yaw - (at + np.pi / 2.0))))) < 0.06


def test_where_lanes_overlap_the_rule_decides_and_not_their_order() -> None:
    """From the most to the least important; all of them lie over the origin."""

    def lane(identifier: int, angle: float, **more) -> LaneRecord:
        along = np.array([np.cos(angle), np.sin(angle)])
        middle, side = np.array([[-30.0], [30.0]]) * along, 2.0 * np.array([-along[1], along[0]])
        return LaneRecord(identifier, middle, middle + side, middle - side, **more)

    lanes = [
        lane(7, 0.0, turn=Turn.STRAIGHT, speed_limit_mps=10.0),
        lane(9, 0.5, speed_limit_mps=20.0),
        lane(1, 1.0, turn=Turn.LEFT),  # of no speed limit: what lies below does not show through
        lane(2, 1.5, type=LaneType.BUS, speed_limit_mps=30.0),
        lane(3, 2.0, type=LaneType.BICYCLE, speed_limit_mps=5.0),
        lane(4, 2.5, type=LaneType.RESTRICTED),
        lane(5, 2.8, type=LaneType.PARKING),
    ]
    random = np.random.default_rng(0)
    for first in range(len(lanes)):
        left = lanes[first:]
        rasters = [drawn(network_of(*(left[row] for row in random.permutation(len(left)))))[1] for _ in range(3)]
        assert all(np.array_equal(rasters[0], other) for other in rasters)
        scene, raster = drawn(network_of(*left))
        along = lanes[first].centerline[1] - lanes[first].centerline[0]
        cos = value(RASTERIZER, raster, scene, "lane_direction_cos", [0.0, 0.0])
        assert abs(cos - np.cos(np.arctan2(along[1], along[0]) - EGO.yaw)) <= TABLE["lane_direction_cos"].step
        limit = value(RASTERIZER, raster, scene, "speed_limit", [0.0, 0.0])
        np.testing.assert_allclose(limit, lanes[first].speed_limit_mps, atol=TABLE["speed_limit"].step)


@pytest.mark.parametrize(
    ("state", "name"),
    [
        (SignalState.RED, "signal_red"),
        (SignalState.YELLOW, "signal_yellow"),
        (SignalState.GREEN, "signal_green"),
        (SignalState.UNKNOWN, "signal_unknown"),
        (SignalState.FLASHING, "signal_unknown"),
        (SignalState.DARK, "signal_unknown"),
        (None, "signal_unknown"),
    ],
)
def test_signals_colour_their_lanes(state: SignalState | None, name: str) -> None:
    network = network_of(straight_lane(1, signal=5), straight_lane(2, y=20.0, signal=6), straight_lane(3, y=-20.0))
    scene, raster = drawn(network, {5: state, 6: SignalState.RED} if state is not None else {6: SignalState.RED})
    assert pixel(RASTERIZER, raster, scene, name, [0.0, 0.0]) == 255
    assert pixel(RASTERIZER, raster, scene, "signal_red", [0.0, 20.0]) == 255
    kinds = ("signal_red", "signal_yellow", "signal_green", "signal_unknown")
    assert sum(pixel(RASTERIZER, raster, scene, kind, [0.0, 0.0]) > 0 for kind in kinds) == 1
    assert not any(pixel(RASTERIZER, raster, scene, kind, [0.0, -20.0]) for kind in kinds)
    if name != "signal_red":
        assert_covers(channel(raster, name), scene, shapely.box(-40.0, -2.0, 40.0, 2.0))


@pytest.mark.parametrize(
    ("state", "expected"),
    [(SignalState.GREEN, 255), (SignalState.RED, 128), (SignalState.YELLOW, 128), (SignalState.DARK, 0), (None, 0)],
)
def test_walk_state(state: SignalState | None, expected: int) -> None:
    network = RoadNetwork(
        crosswalk_ids=np.array([1, 2]),
        crosswalks=Ragged.points([SQUARE, SQUARE - 50.0]),
        crosswalk_signal=np.array([8, -1]),
    )
    scene, raster = drawn(network, {} if state is None else {8: state})
    assert pixel(RASTERIZER, raster, scene, "crosswalk_walk", [20.0, 18.0]) == expected
    assert pixel(RASTERIZER, raster, scene, "crosswalk", [20.0, 18.0]) == 255
    assert pixel(RASTERIZER, raster, scene, "crosswalk_walk", [-30.0, -32.0]) == 0
    if expected:
        assert_covers((channel(raster, "crosswalk_walk") == expected) * np.uint8(255), scene, shapely.Polygon(SQUARE))


def test_signals_stand_where_they_stand() -> None:
    positions = np.array([[10.0, 5.0], [np.nan, np.nan], [-20.0, 8.0]])
    scene, raster = drawn(RoadNetwork(signal_ids=np.array([1, 2, 3]), signal_positions=positions))
    assert drawn_channels(raster) == {"signal_position"}
    assert cv2.connectedComponents(channel(raster, "signal_position"))[0] == 3
    for at in positions[[0, 2]]:
        assert pixel(RASTERIZER, raster, scene, "signal_position", at) == 255


def test_a_lane_without_boundaries_has_a_usual_width() -> None:
    lane = replace(straight_lane(), left_boundary=np.zeros((0, 2)), right_boundary=np.zeros((0, 2)))
    scene, raster = drawn(network_of(lane))
    assert_covers(channel(raster, "drivable_area"), scene, shapely.box(-40.0, -1.75, 40.0, 1.75))
    assert value(RASTERIZER, raster, scene, "lane_direction_cos", [0.0, 0.0]) == pytest.approx(np.cos(0.6), abs=0.008)


def test_what_is_broken_in_a_map_is_left_out() -> None:
    nowhere = np.full((2, 2), np.nan)
    point = np.zeros((3, 2))
    lanes = (
        straight_lane(1),
        LaneRecord(2, nowhere, nowhere, nowhere),
        LaneRecord(3, point, point, point, signal=4),
        LaneRecord(4, np.zeros((0, 2))),
    )
    _, expected = drawn(network_of(lanes[0]))
    broken = network_of(
        *lanes, walkways=Ragged.points([nowhere, SQUARE[:2]]), road_edges=Ragged.points([nowhere, point])
    )
    _, raster = drawn(broken)
    np.testing.assert_array_equal(raster, expected)


def test_the_map_lies_the_same_under_every_size_and_resolution() -> None:
    scene = scene_of(ego=ego_at(-30.0, -5.0, 0.2), road_network=crossroads())
    for size, resolution in ((64, 1.6), (200, 0.5), (101, 0.8), (512, 0.3)):
        rasterizer = Rasterizer(RasterConfig(size_px=size, resolution_m=resolution))
        raster = rasterizer.rasterize(scene)
        assert raster.shape == (len(TABLE), size, size)
        share = (channel(raster, "drivable_area") > 0).mean()
        square = shapely.Polygon(rasterizer.frame(scene).map_from_pixels(
            np.array([[0, 0], [0, size], [size, size], [size, 0]]) - 0.5
        ))  # fmt: skip
        area = shapely.Polygon(crossroads().drivable_areas[0]).buffer(0.25 * resolution)  # half a cell of the tiles
        true_share = area.intersection(square).area / square.area
        assert share == pytest.approx(true_share, rel=0.015)
