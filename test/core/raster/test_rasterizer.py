"""A raster is a function of its scene alone, right for whatever a scene may hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raster_scenes import agents_at, ego_at, moved, moved_network, scene_of, signals_of

from zoox_prediction.config import ConfigError
from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.raster.channels import ChannelTable, load_channel_table
from zoox_prediction.raster.config import RasterConfig
from zoox_prediction.raster.rasterizer import Rasterizer
from zoox_prediction.recording.generated_crossroads import crossroads
from zoox_prediction.scene import NUM_CLASSES, Attribute, Scene

TABLE = load_channel_table()
SMALL = RasterConfig(size_px=64)
RASTERIZER = Rasterizer(SMALL)
FAR_AWAY = np.array([458_321.37, 5_428_765.91])  # a place in UTM
NETWORKS = {
    "empty": RoadNetwork(),
    "crossroads": crossroads(),
    "far": moved_network(crossroads(), lambda points: points + FAR_AWAY),
}


def busy_scene(count: int = 60, seed: int = 0) -> Scene:
    random = np.random.default_rng(seed)
    agents = agents_at(
        random.uniform(-60.0, 60.0, (count, 2)),
        random.integers(0, NUM_CLASSES, count),
        random.uniform(-np.pi, np.pi, count),
        random.normal(0.0, 5.0, (count, 2)),
        yaw_rate=random.normal(0.0, 0.3, count),
        acceleration=random.normal(0.0, 1.0, (count, 2)),
        front_wheel_angle=random.normal(0.0, 0.2, count),
        time_since_seen_s=random.uniform(0.0, 2.0, count),
        attributes=random.integers(0, 2048, count).astype(np.uint32),
        attributes_valid=random.integers(0, 2048, count).astype(np.uint32),
    )
    ids = crossroads().signal_ids.tolist()
    return scene_of(
        agents,
        ego_at(3.0, -8.0, 0.4, 6.0),
        road_network=crossroads(),
        signals=signals_of(dict(zip(ids, random.integers(0, 6, len(ids)).tolist(), strict=True))),
        route=np.array([[3.0, -8.0], [30.0, 4.0], [80.0, 60.0]]),
    )


def channels(group: str) -> list[int]:
    return [TABLE.index(each.name) for each in TABLE.groups[group]]


def test_shape_type_and_repetition() -> None:
    scene = busy_scene()
    raster = RASTERIZER.rasterize(scene)
    assert raster.shape == (60, 64, 64)
    assert raster.dtype == np.uint8
    for other in (busy_scene(seed=1), scene_of(), scene_of(ego=ego_at(200.0, 3.0))):
        RASTERIZER.rasterize(other)
    np.testing.assert_array_equal(RASTERIZER.rasterize(scene), raster)
    np.testing.assert_array_equal(Rasterizer(SMALL).rasterize(scene), raster)


def test_the_raster_is_the_callers_own() -> None:
    scene = busy_scene()
    raster = RASTERIZER.rasterize(scene)
    kept = raster.copy()
    raster[:] = 7
    np.testing.assert_array_equal(RASTERIZER.rasterize(scene), kept)


def test_every_channel_is_drawn_by_some_scene() -> None:
    network = crossroads()
    lanes = replace(
        network.lanes,
        type=np.arange(len(network.lanes), dtype=np.uint8) % 5,
        right_of_way=np.full(len(network.lanes), 2, dtype=np.uint8),
    )
    area = network.walkways
    network = replace(network, lanes=lanes, parking_areas=area, road_edges=area)
    scene = replace(busy_scene(200), road_network=network)
    raster = Rasterizer(RasterConfig(size_px=256)).rasterize(scene)
    assert [channel.name for channel, pixels in zip(TABLE.channels, raster, strict=True) if not pixels.any()] == []


@pytest.mark.parametrize("angle", [0.5, np.pi / 2.0, 2.4, -2.9])
@pytest.mark.parametrize("offset", [np.zeros(2), FAR_AWAY], ids=["here", "utm"])
def test_turning_and_moving_everything_changes_pixels_at_rims_only(angle: float, offset: np.ndarray) -> None:
    scene = busy_scene()
    there = moved(scene, angle, offset)
    rasterizer = Rasterizer(RasterConfig(size_px=128))
    before, after = rasterizer.rasterize(scene).astype(int), rasterizer.rasterize(there).astype(int)
    rotation_free = [row for group in ("agents", "past", "motion", "attributes", "ego") for row in channels(group)]
    # Drawn straight into the ego's frame: what rounds differently may flip single pixels and steps.
    different = np.abs(before[rotation_free] - after[rotation_free]) > 1
    assert different.mean() < 2e-4
    # From tiles that lie otherwise under the ego: rims move to a neighbouring pixel, some corners to the one after it.
    for row in channels("map"):
        one, other = before[row] > 0, after[row] > 0
        moved_further = (one & ~_dilated(other)) | (other & ~_dilated(one))
        assert moved_further.sum() <= 0.002 * max(one.sum(), 1), TABLE.channels[row].name
        assert not np.any(one & ~_dilated(_dilated(other))), TABLE.channels[row].name
        assert not np.any(other & ~_dilated(_dilated(one))), TABLE.channels[row].name
    for name in ("lane_direction_cos", "lane_direction_sin", "speed_limit"):
        row = TABLE.index(name)
        both = (before[row] > 0) & (after[row] > 0)
        assert np.mean(np.abs(before[row] - after[row])[both] > 1) < 0.06  # where one lane ends and the next begins


def _dilated(mask: np.ndarray) -> np.ndarray:
    padded = np.pad(mask, 1, constant_values=True)  # what lies outside of the raster is not known
    size = mask.shape[0]
    return np.any([padded[i : i + size, j : j + size] for i in range(3) for j in range(3)], axis=0)


def test_a_table_in_another_order_moves_the_channels_only() -> None:
    groups = [channel for group in reversed(TABLE.groups.values()) for channel in reversed(group)]
    scene = busy_scene()
    other = Rasterizer(SMALL, ChannelTable(tuple(groups))).rasterize(scene)
    np.testing.assert_array_equal(other, RASTERIZER.rasterize(scene)[[TABLE.index(each.name) for each in groups]])


def test_a_table_that_cannot_be_drawn_is_refused() -> None:
    renamed = replace(TABLE.channels[0], name="heavenly_area")
    with pytest.raises(ConfigError, match="drivable_area, heavenly_area"):
        Rasterizer(SMALL, ChannelTable((renamed, *TABLE.channels[1:])))
    with pytest.raises(ConfigError, match="route"):
        Rasterizer(SMALL, ChannelTable(TABLE.channels[:-1]))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_five_hundred_agents(seed: int) -> None:
    scene = busy_scene(500, seed)
    raster = Rasterizer().rasterize(scene)
    drawn = (raster[channels("agents")] > 0).any(axis=0)
    shown = raster[TABLE.index("existence_probability")] > 0
    np.testing.assert_array_equal(shown, drawn)
    column, row = np.floor(Rasterizer().frame(scene).pixels_from_map(scene.agents.position[:, :2]) + 0.5).astype(int).T
    assert drawn[row, column].all()


def test_the_rim_of_the_map_and_of_the_raster() -> None:
    scene = scene_of(agents_at([[230.0, 0.0]]), ego_at(200.0, -5.25, 0.0), road_network=crossroads())
    raster = RASTERIZER.rasterize(scene)
    drivable = raster[TABLE.index("drivable_area")] > 0
    assert not drivable[:31].any()  # ahead of the end of the road
    assert drivable[33:, 32].all()  # and behind
    near_rim = scene_of(agents_at([[25.6, 0.0], [-26.5, 0.0]]), ego_at())  # half out, half in; just out of it
    car = RASTERIZER.rasterize(near_rim)[TABLE.index("car")] > 0
    assert car[0].any() and car[63].any() and not car[4:60].any()


numbers = st.one_of(
    st.floats(-80.0, 80.0),
    st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1e5, 1e9, -1e18, 1e300]),
)


@st.composite
def odd_scenes(draw: st.DrawFn) -> tuple[Scene, np.ndarray]:
    """Scenes with anything in them, and which of their agents have a usable position."""
    count = draw(st.integers(0, 8))

    def column(*shape: int) -> np.ndarray:
        size = int(np.prod(shape, dtype=int)) * count
        return np.array(draw(st.lists(numbers, min_size=size, max_size=size)), dtype=float).reshape(count, *shape)

    agents = agents_at(
        column(2), draw(st.lists(st.integers(0, 7), min_size=count, max_size=count)), column(), column(2), column(3),
        yaw_rate=column(), acceleration=column(2), front_wheel_angle=column(), existence_probability=column(),
        time_since_seen_s=column(),
        attributes=np.array(draw(st.lists(st.integers(0, 2**32 - 1), min_size=count, max_size=count)), dtype=np.uint32),
        attributes_valid=np.full(count, max(Attribute) * 2 - 1, dtype=np.uint32),
    )  # fmt: skip
    offset = draw(st.sampled_from([np.zeros(2), FAR_AWAY]))
    agents = replace(agents, position=agents.position + np.append(offset, 0.0))
    place = offset + np.array(draw(st.tuples(st.floats(-300.0, 300.0), st.floats(-300.0, 300.0))))
    ego = draw(st.sampled_from([None, ego_at(*place, draw(st.floats(-10.0, 10.0)), 5.0)]))
    with np.errstate(all="ignore"):
        scene = scene_of(agents, ego, road_network=NETWORKS[draw(st.sampled_from(sorted(NETWORKS)))], route=column(2))
    return scene, np.isfinite(agents.position).all(axis=1)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(odd_scenes())
def test_whatever_a_scene_holds_gives_a_raster_with_the_agents_in_their_places(given_scene) -> None:
    scene, usable = given_scene
    with np.errstate(all="raise", under="ignore"):  # no warning about numbers gets out
        raster = RASTERIZER.rasterize(scene)
    np.testing.assert_array_equal(raster, RASTERIZER.rasterize(scene))
    agents = scene.agents
    pixels = np.floor(RASTERIZER.frame(scene).pixels_from_map(agents.position[usable, :2]) + 0.5)
    inside = np.all((pixels >= 0) & (pixels < 64), axis=1)
    column, row = pixels[inside].astype(int).T
    masks = raster[channels("agents")].any(axis=0)
    assert masks[row, column].all()
    if not inside.any():
        assert masks.sum() <= 64 * 64 / 4  # only a box that reaches in from outside
    if not len(agents):
        assert not masks.any()
    for name in ("drivable_area", "solid_boundary", "car", "ego", "route"):
        assert set(np.unique(raster[TABLE.index(name)])) <= {0, 255}
