"""Those of a world that SUMO does not send on their way: parked cars, crossers without a crosswalk, and the ego."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import shapely

from zoox_prediction.geometry import box_corners
from zoox_prediction.scene import AgentClass
from zoox_prediction.simulation.busy_streets import BusyStreets
from zoox_prediction.simulation.config import TrafficConfig
from zoox_prediction.simulation.crossers import Crosser
from zoox_prediction.simulation.parked import DOOR_S, ParkedCar
from zoox_prediction.simulation.places import CrossingSite, Places
from zoox_prediction.simulation.temperament import Driver, Stream, draw_driver, draw_walker, generator
from zoox_prediction.simulation.town import Town

FIRST_PARKED, FIRST_CROSSER, FIRST_ANIMAL = 200_000, 300_000, 400_000

_BEFORE_S = 30.0  # crossers come from so long before the recording
EGO_BEFORE_S = 25.0  # that the ego starts before the recording
_COMES_TO_KERB_S = 12.0  # after a crosser appears
_EGO_ROUTE_MPS, _EGO_SPARE_M = 22.0, 300.0  # a route that it does not come to the end of
_FASTEST_CROSSED_MPS = 17.0  # limits of roads that people cross without a crosswalk
_TRIES, _BETWEEN_CARS_M = 8, 0.5  # for a place to cross with so much room to parked cars
_DOOR_SHARE = 0.06  # of parked cars that stay, a door opens at some time
_KERB_DOOR_SHARE = 0.3  # of these doors are on the side of the kerb
# Length, width, height [m] of dogs, cats and deer, and their greatest speeds.
_ANIMALS = (((0.85, 0.32, 0.6), 5.0), ((0.45, 0.2, 0.3), 5.5), ((1.4, 0.45, 1.2), 7.5))


def draw_parked(
    town: Town, places: Places, seed: int, config: TrafficConfig, duration_s: float
) -> dict[int, ParkedCar]:
    """Cars at the kerb by number; who leaves has an empty place ahead, or rolls back first."""
    cars: dict[int, ParkedCar] = {}
    taken: dict[tuple[str, int], bool] = {}
    for number, spot in enumerate(town.parking_places, start=FIRST_PARKED):
        taken[spot.area, spot.index] = bool(generator(seed, Stream.PARKED, number).random() < config.parked_share)
    for number, spot in enumerate(town.parking_places, start=FIRST_PARKED):
        if not taken[spot.area, spot.index]:
            continue
        own = generator(seed, Stream.CHARACTER, number)
        driver = draw_driver(own, AgentClass.CAR)
        free_ahead = not taken.get((spot.area, spot.index + 1), False)
        leaves = free_ahead and own.random() < config.leaving_share
        leaves_s = float(own.uniform(-3.0, max(duration_s, 1.0))) if leaves else np.inf
        reverses = leaves and own.random() < 0.35 and not taken.get((spot.area, spot.index - 1), False)
        if leaves:
            door_s = leaves_s - DOOR_S - float(own.uniform(3.5, 8.0)) if own.random() < 0.5 else np.inf
        else:
            door_s = float(own.uniform(0.0, max(duration_s, 1.0))) if own.random() < _DOOR_SHARE else np.inf
        exits = [route for end in town.exit_edges if (route := places.route(spot.edge, end))] if leaves else []
        if leaves and not exits:
            leaves_s = np.inf
        cars[number] = ParkedCar(
            id=number,
            driver=driver,
            center=spot.center,
            yaw=spot.yaw,
            road_side=spot.road_side,
            leaves_s=leaves_s,
            reverses=bool(reverses and np.isfinite(leaves_s)),
            forgets_indicator=bool(own.random() < driver.forgets_indicator),
            door_s=door_s,
            door_to_road=leaves or bool(own.random() >= _KERB_DOOR_SHARE),
            edges=exits[int(own.integers(len(exits)))] if exits else (),
            lane=spot.lane,
            lane_position_m=spot.lane_position_m + 0.5 * driver.size[0],
        )
    return cars


def draw_crossers(
    places: Places,
    parked: Iterable[ParkedCar],
    busy: BusyStreets,
    seed: int,
    config: TrafficConfig,
    duration_s: float,
) -> list[Crosser]:
    """Jaywalkers and animals; they cross between parked cars, not through them, and often where the ego comes."""
    sites = [each for each in places.crossing_sites if each.speed_limit_mps <= _FASTEST_CROSSED_MPS]
    if not sites:
        return []
    streets = [each.near.edge for each in sites]
    boxes = [box_corners(car.center, car.yaw, np.array(car.driver.size[:2])) for car in parked]
    cars = shapely.STRtree(shapely.polygons(np.array(boxes).reshape(-1, 4, 2)))
    random = generator(seed, Stream.SCENE, 2)
    minutes = (duration_s + _BEFORE_S) / 60.0
    crossers = []
    for first, rate, draw in (
        (FIRST_CROSSER, config.jaywalkers_per_minute, _jaywalker),
        (FIRST_ANIMAL, config.animals_per_minute, _animal),
    ):
        for number in range(first, first + int(random.poisson(rate * minutes))):
            own = generator(seed, Stream.CROSSER, number)
            start_s = float(own.uniform(-_BEFORE_S, duration_s))
            for _ in range(_TRIES):
                site = sites[busy.draw(own, streets, start_s + _COMES_TO_KERB_S, config.near_ego_share)]
                crosser = draw(number, own, site, start_s)
                if not _passes_through(crosser, cars):
                    crossers.append(crosser)
                    break
    return crossers


def _passes_through(crosser: Crosser, cars: shapely.STRtree) -> bool:
    return len(cars.query(shapely.LineString(crosser.way), predicate="dwithin", distance=_BETWEEN_CARS_M)) > 0


def draw_ego(
    town: Town, places: Places, seed: int, config: TrafficConfig, duration_s: float, size: tuple[float, float, float]
) -> tuple[Driver, float, tuple[str, ...]]:
    """The ego's driver, the time from SUMO's beginning at which it starts, and a route longer than it will get."""
    random = generator(seed, Stream.EGO)
    driver = draw_driver(random, AgentClass.CAR)
    calm = replace(driver, size=size, speed_factor=min(driver.speed_factor, 1.0), forgets_indicator=0.0, polite=True)
    starts = sorted(set(town.entry_edges) - set(town.disconnected_edges))
    route = [starts[int(random.integers(len(starts)))]]
    wanted_m = (EGO_BEFORE_S + duration_s) * _EGO_ROUTE_MPS + _EGO_SPARE_M
    exits = set(town.exit_edges)
    while places.length_m(route) < wanted_m:
        onward = places.onward(route[-1])
        inner = [each for each in onward if each not in exits] or list(onward)
        if not inner:
            break
        route.append(inner[int(random.integers(len(inner)))])
    return calm, max(config.warm_up_s - EGO_BEFORE_S, 0.0), tuple(route)


def _jaywalker(number: int, random: np.random.Generator, site: CrossingSite, start_s: float) -> Crosser:
    walker = draw_walker(random)
    place = site.place_m(float(random.random()))
    before, after = (float(each) for each in random.uniform(8.0, 25.0, 2) * random.choice([-1.0, 1.0], 2))
    way, kerb_m, far_m = site.way(place, before, after, float(random.uniform(-4.0, 4.0)))
    hesitates = random.random() < (0.5 if walker.hesitant else 0.08)
    brisk = 1.0 if walker.phone else float(random.uniform(1.05, 1.35))
    return Crosser(
        id=number,
        agent_class=AgentClass.PEDESTRIAN,
        size=walker.size,
        way=way,
        kerb_m=kerb_m,
        far_m=far_m,
        start_s=start_s,
        walking_mps=walker.speed_mps,
        crossing_mps=walker.speed_mps * brisk * (1.6 if walker.child and random.random() < 0.4 else 1.0),
        margin_s=float(np.clip(random.normal(0.3 if walker.phone else 1.3, 0.7), -0.3, 3.0)),
        looks=bool(random.random() < (0.5 if walker.phone else 0.75 if walker.child else 0.97)),
        waits_s=0.0 if walker.phone or random.random() < 0.4 else walker.late_s,
        late_s=walker.late_s if walker.phone else 0.0,
        hesitates_m=kerb_m + float(random.uniform(0.2, 0.6)) * (far_m - kerb_m) if hesitates else np.inf,
        hesitates_s=float(random.uniform(0.5, 1.5)),
        phone=walker.phone,
        child=walker.child,
    )


def _animal(number: int, random: np.random.Generator, site: CrossingSite, start_s: float) -> Crosser:
    size, fastest = _ANIMALS[int(random.integers(len(_ANIMALS)))]
    place = site.place_m(float(random.random()))
    before, after = (float(each) for each in random.uniform(3.0, 12.0, 2) * random.choice([-1.0, 1.0], 2))
    way, kerb_m, far_m = site.way(place, before, after, float(random.uniform(-6.0, 6.0)))
    return Crosser(
        id=number,
        agent_class=AgentClass.ANIMAL,
        size=size,
        way=way,
        kerb_m=kerb_m,
        far_m=far_m,
        start_s=start_s,
        walking_mps=float(random.uniform(0.5, 1.5)),
        crossing_mps=fastest * float(random.uniform(0.5, 1.0)),
        margin_s=0.0,
        looks=bool(random.random() < 0.3),
        waits_s=float(random.exponential(2.0)),
        hesitates_m=kerb_m + 0.4 * (far_m - kerb_m) if random.random() < 0.25 else np.inf,
        hesitates_s=float(random.uniform(0.4, 1.5)),
    )
