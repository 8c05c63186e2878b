"""What is known of an agent can be read back from its pixels; who is seen where boxes overlap is a rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from raster_scenes import agents_at, ego_at, pixel, scene_of, value

from zoox_prediction.geometry import box_corners
from zoox_prediction.raster.rasterizer import Rasterizer
from zoox_prediction.scene import DEFAULT_SIZE_M, AgentClass, Attribute, Scene, TrackedAgents

RASTERIZER = Rasterizer()
TABLE = RASTERIZER.table
EGO = ego_at(50.0, -20.0, yaw=0.7, speed=3.0)
FLAGS = [each.name.lower() for each in Attribute]
PAST = ("0_5", "1_0", "1_5", "2_0")


def channel(raster: np.ndarray, name: str) -> np.ndarray:
    return raster[TABLE.index(name)]


def read(scene: Scene, name: str, at) -> float:
    return value(RASTERIZER, RASTERIZER.rasterize(scene), scene, name, at)


@pytest.mark.parametrize(
    ("agent_class", "name"),
    [
        (AgentClass.CAR, "car"),
        (AgentClass.TRUCK, "large_vehicle"),
        (AgentClass.BUS, "large_vehicle"),
        (AgentClass.MOTORCYCLIST, "two_wheeler"),
        (AgentClass.CYCLIST, "two_wheeler"),
        (AgentClass.PEDESTRIAN, "pedestrian"),
        (AgentClass.ANIMAL, "animal"),
        (AgentClass.UNKNOWN, "unknown_agent"),
    ],
)
def test_every_class_has_its_channel_now_and_before(agent_class: AgentClass, name: str) -> None:
    vulnerable = name in ("two_wheeler", "pedestrian", "animal")
    scene = scene_of(agents_at([60.0, -10.0], agent_class, velocity=(4.0, 0.0)), EGO)
    raster = RASTERIZER.rasterize(scene)
    drawn = {each.name for each in TABLE.channels if channel(raster, each.name).any()}
    past = {f"{'vulnerable' if vulnerable else 'vehicles'}_{ago}_s_ago" for ago in PAST}
    both = {each.name for group in ("agents", "past") for each in TABLE.groups[group]}
    assert drawn & both == {name} | past
    for ago in PAST:
        at = [60.0 - 4.0 * float(ago.replace("_", ".")), -10.0]
        assert pixel(RASTERIZER, raster, scene, f"{'vulnerable' if vulnerable else 'vehicles'}_{ago}_s_ago", at) == 255


MOVING = agents_at(
    [[60.0, -10.0], [40.0, -35.0]],
    yaw=[2.0, -1.0],
    velocity=[[6.0, -8.0], [0.1, 0.2]],  # the first goes where its box does not point, the second stands
    acceleration=[[-1.0, 2.0], [0.0, 0.0]],
    yaw_rate=[0.31, -0.2],
    front_wheel_angle=[-0.25, np.nan],
    existence_probability=[0.8, 1.0],
    time_since_seen_s=[0.35, 0.0],
)


def test_motion_is_read_back_within_a_step() -> None:
    scene = scene_of(MOVING, EGO)
    raster = RASTERIZER.rasterize(scene)
    directions = np.array([np.arctan2(-8.0, 6.0), -1.0]) - EGO.yaw
    acceleration = MOVING.acceleration[0] @ [np.cos(2.0), np.sin(2.0)]
    expected = {
        "speed": [10.0, np.hypot(0.1, 0.2)],
        "heading_cos": np.cos(directions),
        "heading_sin": np.sin(directions),
        "acceleration": [acceleration, 0.0],
        "yaw_rate": [0.31, -0.2],
        "front_wheel_angle": [-0.25, np.nan],
        "existence_probability": [0.8, 1.0],
        "time_since_seen": [0.35, 0.0],
    }
    for name, values in expected.items():
        for row, truth in enumerate(values):
            found = value(RASTERIZER, raster, scene, name, MOVING.position[row, :2])
            assert np.isnan(found) if np.isnan(truth) else abs(found - truth) <= TABLE[name].step, name


@pytest.mark.parametrize("attribute", list(Attribute))
def test_attributes_are_read_back_with_their_validity(attribute: Attribute) -> None:
    states = [(0, 0), (0, attribute), (attribute, attribute), (attribute, 0)]  # on, observed
    on, observed = np.array(states, dtype=np.uint32).T
    agents = agents_at(
        [[60.0, -10.0], [40.0, -10.0], [60.0, -30.0], [40.0, -30.0]], attributes=on, attributes_valid=observed
    )
    scene = scene_of(agents, EGO)
    raster = RASTERIZER.rasterize(scene)
    found = [value(RASTERIZER, raster, scene, attribute.name.lower(), at) for at in agents.position[:, :2]]
    np.testing.assert_array_equal(found, [np.nan, 0.0, 1.0, np.nan])
    others = [channel(raster, name) for name in FLAGS if name != attribute.name.lower()]
    assert not np.any(others)


@pytest.mark.parametrize("yaw", [0.0, 0.3, 1.1, 2.5, -1.7])
@pytest.mark.parametrize("agent_class", [AgentClass.CAR, AgentClass.BUS])
def test_boxes_are_where_they_are_within_a_pixel(yaw: float, agent_class: AgentClass) -> None:
    at = np.array([61.3, -12.7])
    scene = scene_of(agents_at(at, agent_class, yaw), EGO)
    raster = RASTERIZER.rasterize(scene)
    corners = box_corners(at, yaw, DEFAULT_SIZE_M[agent_class, :2])
    box = shapely.Polygon(RASTERIZER.frame(scene).pixels_from_map(corners))
    rows, columns = np.nonzero(channel(raster, "car") | channel(raster, "large_vehicle"))
    drawn = shapely.points(columns, rows)
    assert np.all(shapely.distance(drawn, box) <= 0.75)
    every_row, every_column = np.mgrid[:256, :256]
    well_inside = shapely.contains_xy(box.buffer(-0.75), every_column, every_row)
    assert np.all((channel(raster, "car") | channel(raster, "large_vehicle"))[well_inside])
    covered = shapely.union_all(shapely.box(columns - 0.5, rows - 0.5, columns + 0.5, rows + 0.5))
    assert max(covered.distance(shapely.Point(corner)) for corner in box.exterior.coords) <= 0.75


def test_boxes_are_neither_larger_nor_smaller_than_they_are() -> None:
    random = np.random.default_rng(3)
    positions = EGO.position + 7.0 * np.stack(np.meshgrid(range(-9, 10), range(-9, 10)), -1).reshape(-1, 2)
    positions = positions + random.uniform(-0.5, 0.5, positions.shape)
    scene = scene_of(agents_at(positions, yaw=random.uniform(-np.pi, np.pi, len(positions))), EGO)
    area_m2 = (channel(RASTERIZER.rasterize(scene), "car") > 0).sum() * 0.8**2 / len(positions)
    assert area_m2 == pytest.approx(4.6 * 1.9, rel=0.08)


@pytest.mark.parametrize("agent_class", [AgentClass.PEDESTRIAN, AgentClass.ANIMAL])
def test_small_agents_cover_a_full_pixel_wherever_they_are(agent_class: AgentClass) -> None:
    random = np.random.default_rng(1)
    positions = EGO.position + 6.0 * np.stack(np.meshgrid(range(-9, 9), range(-9, 9)), -1).reshape(-1, 2)
    positions = positions + random.uniform(-1.0, 1.0, positions.shape)
    size = [0.3, 0.2, 0.5]  # a little dog, a child
    scene = scene_of(agents_at(positions, agent_class, random.uniform(-4, 4, len(positions)), size=size), EGO)
    raster = RASTERIZER.rasterize(scene)
    for at in positions:
        assert pixel(RASTERIZER, raster, scene, agent_class.name.lower(), at) == 255
        assert pixel(RASTERIZER, raster, scene, "existence_probability", at) == 255


def overlapping() -> TrackedAgents:
    """At one place, from the most to the least important by the rule."""
    place = EGO.position + np.array([10.0, 5.0])
    far = place + np.array([0.1, 0.05])
    agents = agents_at(
        [place, place, place, place, far, place, place],
        [AgentClass.CYCLIST, AgentClass.PEDESTRIAN, AgentClass.ANIMAL, *[AgentClass.BUS] * 2, *[AgentClass.CAR] * 2],
        velocity=[[2.0, 0.0], [0.4, 0.0], [0.4, 0.0], [5.0, 0.0], [5.0, 0.0], [0.2, 0.0], [0.0, 0.0]],
        ids=[90, 7, 8, 80, 3, 1, 2],
        size=[5.0, 5.0, 2.0],
        yaw_rate=np.linspace(-1.5, 1.5, 7),
    )
    return agents


def test_where_agents_overlap_the_rule_decides_and_not_their_order() -> None:
    agents = overlapping()
    random = np.random.default_rng(0)
    for first in range(len(agents)):
        left = np.arange(first, len(agents))
        rasters = [RASTERIZER.rasterize(scene_of(agents.select(random.permutation(left)), EGO)) for _ in range(4)]
        assert all(np.array_equal(rasters[0], other) for other in rasters)
        found = value(RASTERIZER, rasters[0], scene_of(agents, EGO), "yaw_rate", agents.position[first, :2])
        assert abs(found - agents.yaw_rate[first]) <= TABLE["yaw_rate"].step, first


def test_a_hidden_agent_stays_in_its_mask_and_its_values_never_mix() -> None:
    place = EGO.position + np.array([10.0, 5.0])
    agents = agents_at(
        [place, place], [AgentClass.CAR, AgentClass.PEDESTRIAN], velocity=[[9.0, 0.0], [0.0, 0.0]],
        attributes=np.array([Attribute.BRAKE_LIGHT, 0], dtype=np.uint32),
        attributes_valid=np.array([Attribute.BRAKE_LIGHT, Attribute.CHILD], dtype=np.uint32),
    )  # fmt: skip
    scene = scene_of(agents, EGO)
    raster = RASTERIZER.rasterize(scene)
    assert pixel(RASTERIZER, raster, scene, "car", place) == 255
    assert pixel(RASTERIZER, raster, scene, "pedestrian", place) == 255
    assert value(RASTERIZER, raster, scene, "speed", place) == 0.0
    assert pixel(RASTERIZER, raster, scene, "child", place) == 128
    assert pixel(RASTERIZER, raster, scene, "brake_light", place) == 0
    beside = (channel(raster, "car") > 0) & (channel(raster, "pedestrian") == 0)
    assert np.all(channel(raster, "brake_light")[beside] == 255)
    assert np.all(channel(raster, "child")[beside] == 0)


def test_a_past_that_is_not_known_is_not_drawn() -> None:
    scene = scene_of(agents_at([60.0, -10.0], velocity=(4.0, 0.0)), EGO)
    valid = scene.past_valid.copy()
    valid[:, :11] = False  # nothing before 1 s ago
    valid[:, 10] = True
    raster = RASTERIZER.rasterize(replace(scene, past_valid=valid))
    assert [channel(raster, f"vehicles_{ago}_s_ago").any() for ago in PAST] == [True, True, False, False]
    short = replace(
        scene,
        past_position=scene.past_position[:, -8:], past_yaw=scene.past_yaw[:, -8:],
        past_velocity=scene.past_velocity[:, -8:], past_valid=scene.past_valid[:, -8:],
    )  # fmt: skip
    raster = RASTERIZER.rasterize(short)
    assert [channel(raster, f"vehicles_{ago}_s_ago").any() for ago in PAST] == [True, False, False, False]
    assert channel(raster, "car").any()


@pytest.mark.parametrize("bad", [np.nan, 0.0, -3.0, np.inf, 1e9])
@pytest.mark.parametrize("agent_class", [AgentClass.CAR, AgentClass.PEDESTRIAN])
def test_a_size_that_cannot_be_is_that_of_the_class(bad: float, agent_class: AgentClass) -> None:
    usual = RASTERIZER.rasterize(scene_of(agents_at([60.0, -10.0], agent_class, yaw=0.4), EGO))
    odd = RASTERIZER.rasterize(scene_of(agents_at([60.0, -10.0], agent_class, yaw=0.4, size=[bad, bad, bad]), EGO))
    np.testing.assert_array_equal(odd, usual)


def test_agents_without_a_place_are_left_out() -> None:
    seen = agents_at([60.0, -10.0])
    lost = agents_at([[60.0, -10.0], [np.nan, 0.0], [np.inf, 0.0], [1e300, -1e300], [500.0, 0.0]], ids=[1, 2, 3, 4, 5])
    np.testing.assert_array_equal(RASTERIZER.rasterize(scene_of(lost, EGO)), RASTERIZER.rasterize(scene_of(seen, EGO)))


def test_states_that_are_not_finite_show_as_unknown_and_huge_ones_as_the_most() -> None:
    agents = agents_at([60.0, -10.0], velocity=(np.nan, 1.0), yaw_rate=np.nan, acceleration=[[np.nan, np.nan]])
    scene = scene_of(agents, EGO)
    raster = RASTERIZER.rasterize(scene)
    for name in ("speed", "acceleration", "yaw_rate"):
        assert pixel(RASTERIZER, raster, scene, name, [60.0, -10.0]) == 0
    assert pixel(RASTERIZER, raster, scene, "car", [60.0, -10.0]) == 255
    fast = scene_of(agents_at([60.0, -10.0], velocity=(1e200, 1e200), acceleration=[[1e308, 1e308]]), EGO)
    raster = RASTERIZER.rasterize(fast)
    assert pixel(RASTERIZER, raster, fast, "speed", [60.0, -10.0]) == 255
    assert pixel(RASTERIZER, raster, fast, "acceleration", [60.0, -10.0]) == 255


def test_the_unknown_heading_of_a_standing_agent_is_not_drawn_as_one() -> None:
    scene = scene_of(agents_at([60.0, -10.0], yaw=np.nan), EGO)
    raster = RASTERIZER.rasterize(scene)
    assert pixel(RASTERIZER, raster, scene, "car", [60.0, -10.0]) == 255
    assert pixel(RASTERIZER, raster, scene, "heading_cos", [60.0, -10.0]) == 0
