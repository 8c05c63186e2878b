"""Camera images: projection, occlusion, clipping, lamps, light and fog."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sensor_scenes import STAMP_NS, agents, ego, sensor, silent_camera, truth

from zoox_prediction.maps.road_network import Ragged, RoadNetwork
from zoox_prediction.scene import AgentClass, Attribute, SignalState, TrackedAgents, TrafficSignals
from zoox_prediction.simulation.sensors.camera import camera_image, camera_picture
from zoox_prediction.simulation.sensors.config import CameraConfig, Mount
from zoox_prediction.simulation.sensors.rasterizer import GROUND, SKY
from zoox_prediction.simulation.sensors.scenery import Scenery
from zoox_prediction.simulation.sensors.surfaces import Surface
from zoox_prediction.simulation.sensors.truth import SensorTruth

BOX = AgentClass.UNKNOWN
NOTHING = -9


def _owners(config: CameraConfig, world: SensorTruth) -> NDArray[np.int64]:
    """(H, W) row of the agent that each pixel shows, NOTHING elsewhere."""
    scenery = Scenery(world)
    index = camera_picture(config, scenery).index
    return np.where(index >= 0, np.append(scenery.polygons.owner, NOTHING)[np.maximum(index, -1)], NOTHING)


def _surfaces(config: CameraConfig, world: SensorTruth) -> NDArray[np.int64]:
    scenery = Scenery(world)
    index = camera_picture(config, scenery).index
    return np.where(index >= 0, np.append(scenery.polygons.surface, NOTHING)[np.maximum(index, -1)], NOTHING)


def _pixel(config: CameraConfig, point: NDArray) -> NDArray[np.float64]:
    """Pixel and depth (3,) of a map point for an ego at the origin, by the textbook."""
    optical = np.linalg.inv(config.base_from_frame) @ np.append(point, 1.0)
    image = config.camera_matrix @ optical[:3]
    return np.append(image[:2] / image[2], optical[2])


def _cast_pixels(config: CameraConfig, world: SensorTruth) -> NDArray[np.int64]:
    """(H, W) the same owners, by a ray through the middle of every pixel against every solid."""
    scenery = Scenery(world)
    column, row = np.meshgrid(np.arange(config.width_px), np.arange(config.height_px))
    pixels = np.stack([column, row, np.ones_like(row)], axis=-1).reshape(-1, 3)
    pose = config.base_from_frame
    direction = pixels @ np.linalg.inv(config.camera_matrix).T @ pose[:3, :3].T
    best = np.where(direction[:, 2] < 0.0, -pose[2, 3] / np.minimum(direction[:, 2], -1e-12), np.inf)
    owner = np.full(len(pixels), NOTHING)
    solids = scenery.solids
    for each in np.flatnonzero(solids.owner >= 0):
        slope = direction @ solids.normal[each].T
        distance = (solids.offset[each] - solids.normal[each] @ pose[:3, 3]) / np.where(slope == 0.0, 1e-12, slope)
        enter = np.where(slope < 0.0, distance, -np.inf).max(axis=1)
        leave = np.where(slope > 0.0, distance, np.inf).min(axis=1)
        nearer = (enter <= leave) & (enter > 0.0) & (enter < best)
        best = np.where(nearer, enter, best)
        owner[nearer] = solids.owner[each]
    return owner.reshape(config.height_px, config.width_px)


def _rim(owner: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Pixels with another owner beside them."""
    rim = np.zeros(owner.shape, dtype=bool)
    padded = np.pad(owner, 1, mode="edge")
    for down in range(3):
        for right in range(3):
            rim |= padded[down : down + owner.shape[0], right : right + owner.shape[1]] != owner
    return rim


def _crowd(seed: int) -> TrackedAgents:
    """Boxes of all sizes around the ego, before, behind, beside and over each other."""
    random = np.random.default_rng(seed)
    count = 40
    places = [(float(x), float(y)) for x, y in random.uniform(-30.0, 30.0, (count, 2)) + np.array([15.0, 8.0])]
    clear = [place for place in places if np.hypot(place[0] - 3.75, place[1]) > 5.0]
    kinds = [AgentClass(int(kind)) for kind in random.integers(3, 8, len(clear))]  # without wheels beside the body
    yaw = random.uniform(-np.pi, np.pi, len(clear)).tolist()
    size = random.uniform([0.5, 0.5, 0.5], [8.0, 2.5, 3.5], (len(clear), 3))
    return agents(kinds, clear, yaw, size=size)


@pytest.mark.parametrize("seed", range(4))
def test_every_pixel_shows_what_a_ray_through_it_meets_first(seed: int) -> None:
    mount = Mount(3.75, 0.0, 1.5, roll_rad=0.1, pitch_rad=0.05, yaw_rad=0.5)
    config = silent_camera(width_px=240, height_px=150, mount=mount, horizontal_fov_rad=1.8)
    world = truth(_crowd(seed))
    drawn, cast = _owners(config, world), _cast_pixels(config, world)
    assert (cast >= 0).mean() > 0.05
    wrong = (drawn != cast) & ~_rim(cast)
    assert wrong.sum() <= 6  # of 36000: what is thinner than a pixel is drawn a pixel wide
    assert (drawn == cast).mean() > 0.97


def test_corners_are_where_camera_info_projects_them() -> None:
    config = silent_camera(mount=Mount(3.75, 0.3, 1.5, pitch_rad=0.1, yaw_rad=0.2))
    size = np.array([[2.0, 1.6, 1.2]])
    drawn = _owners(config, truth(agents([BOX], [(14.0, 1.0)], [0.4], size=size))) == 0
    corners = [[x, y, z] for x in (-1.0, 1.0) for y in (-0.8, 0.8) for z in (0.0, 1.2)]
    turn = np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    pixels = np.array([_pixel(config, [*(turn @ corner[:2] + [14.0, 1.0]), corner[2]]) for corner in corners])
    rows, columns = np.nonzero(drawn)
    assert columns.min() == pytest.approx(pixels[:, 0].min(), abs=1.0)
    assert columns.max() == pytest.approx(pixels[:, 0].max(), abs=1.0)
    assert rows.min() == pytest.approx(pixels[:, 1].min(), abs=1.0)
    assert rows.max() == pytest.approx(pixels[:, 1].max(), abs=1.0)


def test_depth_is_along_the_optical_axis() -> None:
    config = silent_camera()
    wall = truth(agents([BOX], [(24.25, 0.0)], size=np.array([[1.0, 30.0, 10.0]])))
    scenery = Scenery(wall)
    picture = camera_picture(config, scenery)
    depth = 1.0 / picture.inverse_depth[picture.index >= 0]
    assert depth == pytest.approx(20.0, rel=1e-5)


@pytest.mark.parametrize("place", [(-10.0, 0.0), (3.0, 6.0), (2.0, -1.0), (0.0, 0.0)])
def test_nothing_behind_the_camera_is_drawn(place: tuple[float, float]) -> None:
    config = silent_camera()
    assert not (_owners(config, truth(agents([BOX], [place], size=np.array([[1.0, 1.0, 2.0]])))) >= 0).any()


@pytest.mark.parametrize(("place", "yaw"), [((5.0, 2.0), 0.0), ((4.0, 3.0), 0.5), ((3.0, -2.0), -0.4)])
def test_a_wall_that_reaches_from_before_to_behind_the_camera_is_clipped(
    place: tuple[float, float], yaw: float
) -> None:
    config = silent_camera(width_px=160, height_px=100)
    world = truth(agents([BOX], [place], [yaw], size=np.array([[60.0, 0.5, 3.0]])))
    drawn, cast = _owners(config, world), _cast_pixels(config, world)
    assert (cast == 0).mean() > 0.1
    inner = ~_rim(cast)
    assert (drawn[inner] == cast[inner]).all()


def test_an_empty_world_is_sky_over_ground() -> None:
    config = silent_camera(mount=Mount(3.75, 0.0, 1.5))
    picture = camera_picture(config, Scenery(truth()))
    assert (picture.index[:200] == SKY).all()
    assert (picture.index[200:] == GROUND).all()
    image = camera_image(config, Scenery(truth()), np.random.default_rng(0))
    assert image.shape == (400, 640, 3) and image.dtype == np.uint8
    assert image[:200].mean() > image[200:].mean() + 40


def test_markings_are_where_camera_info_projects_them() -> None:
    asphalt = [[-90.0, -90.0], [90.0, -90.0], [90.0, 90.0], [-90.0, 90.0]]
    line = [[10.0, -6.0], [10.0, 6.0]]
    network = RoadNetwork(drivable_areas=Ragged.points([asphalt]), stop_lines=Ragged.points([line]))
    config = silent_camera()
    image = camera_image(config, Scenery(truth(road_network=network)), np.random.default_rng(0)).mean(axis=2)
    for x, y, is_marking in (
        (10.0, 0.0, True),
        (10.0, 5.7, True),
        (9.5, 0.0, False),
        (10.5, 0.0, False),
        (10.0, 6.6, False),
    ):
        column, row, _ = np.rint(_pixel(config, np.array([x, y, 0.0]))).astype(int)
        assert (image[row, column] > 160) == is_marking, (x, y)


@pytest.mark.parametrize("edge_m", [20.0, 60.0, 120.0])
def test_ground_near_and_far_lies_where_the_map_has_it(edge_m: float) -> None:
    road = [[-150.0, -80.0], [edge_m, -80.0], [edge_m, 80.0], [-150.0, 80.0]]
    walk = [[edge_m, -80.0], [170.0, -80.0], [170.0, 80.0], [edge_m, 80.0]]
    network = RoadNetwork(drivable_areas=Ragged.points([road]), walkways=Ragged.points([walk]))
    config = silent_camera(mount=Mount(3.75, 0.0, 6.0))
    image = camera_image(config, Scenery(truth(road_network=network)), np.random.default_rng(0)).mean(axis=2)
    for y in (-15.0, 0.0, 15.0):
        column, row, _ = np.rint(_pixel(config, np.array([edge_m, y, 0.0]))).astype(int)
        assert image[row + 2, column] < 110
        assert image[row - 2, column] > 130


@pytest.mark.parametrize(
    ("attribute", "lit", "unlit", "yaw"),
    [
        (Attribute.BRAKE_LIGHT, Surface.BRAKE_ON, Surface.BRAKE_OFF, 0.0),
        (Attribute.REVERSING_LIGHT, Surface.REVERSING_ON, Surface.REVERSING_OFF, 0.0),
        (Attribute.LEFT_INDICATOR, Surface.INDICATOR_ON, Surface.INDICATOR_OFF, 0.0),
        (Attribute.RIGHT_INDICATOR, Surface.INDICATOR_ON, Surface.INDICATOR_OFF, np.pi),
    ],
)
def test_lamps_shine_when_they_are_on(attribute: Attribute, lit: Surface, unlit: Surface, yaw: float) -> None:
    config = silent_camera()
    for on in (False, True):
        attributes = np.array([int(attribute) if on else 0], dtype=np.uint32)
        surfaces = _surfaces(config, truth(agents([AgentClass.CAR], [(12.0, 0.0)], [yaw], attributes=attributes)))
        assert (surfaces == lit).any() == on
        assert (surfaces == unlit).any() == (not on or lit == Surface.INDICATOR_ON)


def test_the_left_indicator_is_on_the_left() -> None:
    config = silent_camera()
    for attribute, is_left in ((Attribute.LEFT_INDICATOR, True), (Attribute.RIGHT_INDICATOR, False)):
        attributes = np.array([int(attribute)], dtype=np.uint32)
        surfaces = _surfaces(config, truth(agents([AgentClass.CAR], [(12.0, 0.0)], attributes=attributes)))
        assert ((np.nonzero(surfaces == Surface.INDICATOR_ON)[1] < 320) == is_left).all()


def test_indicators_blink_and_brake_lights_do_not() -> None:
    attributes = np.array([int(Attribute.HAZARD | Attribute.BRAKE_LIGHT)], dtype=np.uint32)
    car = agents([AgentClass.CAR], [(12.0, 0.0)], attributes=attributes)
    blinking, braking = [], []
    for step in range(20):
        moment = truth(replace(car, stamp_ns=STAMP_NS + step * 100_000_000))
        surfaces = _surfaces(silent_camera(), moment)
        blinking.append((surfaces == Surface.INDICATOR_ON).any())
        braking.append((surfaces == Surface.BRAKE_ON).any())
    assert all(braking)
    assert 8 <= sum(blinking) <= 12
    assert 5 <= np.count_nonzero(np.diff(np.array(blinking, dtype=int))) <= 7  # 1.5 Hz over 2 s


def test_a_turned_head_shows_its_face() -> None:
    config = silent_camera(horizontal_fov_rad=0.3)
    for attribute, faces in ((Attribute(0), False), (Attribute.HEAD_TURNED_TO_EGO, True)):
        attributes = np.array([int(attribute)], dtype=np.uint32)
        person = agents([AgentClass.PEDESTRIAN], [(13.0, 0.0)], [0.0], attributes=attributes)
        assert (_surfaces(config, truth(person)) == Surface.SKIN).any() == faces


def test_signals_show_their_state() -> None:
    network = RoadNetwork(signal_ids=np.array([7]), signal_positions=np.array([[25.0, 0.0]]))
    for state, lit in ((SignalState.RED, Surface.SIGNAL_RED), (SignalState.GREEN, Surface.SIGNAL_GREEN)):
        signals = TrafficSignals(
            STAMP_NS, np.array([7]), np.array([state], dtype=np.uint8), np.array([STAMP_NS]), np.ones(1)
        )
        surfaces = _surfaces(silent_camera(), truth(road_network=network, signals=signals))
        shown = {Surface(each) for each in np.unique(surfaces[surfaces >= 0])}
        assert lit in shown
        assert len(shown & {Surface.SIGNAL_RED, Surface.SIGNAL_YELLOW, Surface.SIGNAL_GREEN}) == 1


def test_night_is_darker_but_for_lamps() -> None:
    attributes = np.array([int(Attribute.BRAKE_LIGHT)], dtype=np.uint32)
    car = agents([AgentClass.CAR], [(25.0, 8.0)], attributes=attributes)
    config = silent_camera()
    day = camera_image(config, Scenery(truth(car)), np.random.default_rng(0))
    night = camera_image(config, Scenery(truth(car, light="night")), np.random.default_rng(0))
    lamps = _surfaces(config, truth(car)) == Surface.BRAKE_ON
    assert lamps.sum() >= 4
    assert night[~lamps].mean() < 0.5 * day[~lamps].mean()
    assert night[lamps][:, 2].min() > 200


def test_fog_hides_what_is_far_and_not_what_is_near() -> None:
    config = silent_camera()
    places, size = [(8.0, 2.0), (150.0, -20.0)], np.array([[1.0, 1.0, 1.0], [1.0, 15.0, 15.0]])
    world = agents([BOX, BOX], places, size=size)
    owner = _owners(config, truth(world))
    foggy = camera_image(config, Scenery(truth(world, visibility_m=60.0)), np.random.default_rng(0)).astype(int)
    sky = foggy[0, 0]
    assert np.abs(foggy[owner == 1] - sky).max() <= 3
    assert np.abs(foggy[owner == 0] - sky).min() > 20


def test_noise_has_the_given_deviation() -> None:
    world = Scenery(truth())
    clean = camera_image(silent_camera(), world, np.random.default_rng(0)).astype(float)
    noisy = camera_image(sensor(CameraConfig, noise_deviation=4.0), world, np.random.default_rng(0)).astype(float)
    assert (noisy - clean).std() == pytest.approx(4.0, rel=0.05)


def test_the_ego_turns_and_the_image_turns_with_it() -> None:
    config = silent_camera()
    box = agents([BOX], [(0.0, 20.0)], size=np.array([[1.0, 1.0, 2.0]]))
    assert not (_owners(config, truth(box)) == 0).any()
    seen = _owners(config, truth(box, ego(yaw=np.pi / 2.0))) == 0
    assert abs(np.nonzero(seen)[1].mean() - 319.5) < 1.0
