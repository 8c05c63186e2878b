"""Who drives and walks through a town, when, from where to where: the route file that SUMO reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from zoox_prediction.scene import AgentClass
from zoox_prediction.simulation.busy_streets import BusyStreets
from zoox_prediction.simulation.config import TrafficConfig
from zoox_prediction.simulation.places import Places, Sidewalk
from zoox_prediction.simulation.sumo import EGO
from zoox_prediction.simulation.temperament import Driver, Stream, Walker, draw_driver, draw_walker, generator
from zoox_prediction.simulation.town import Town

FIRST_APART = 50_000  # numbers of the cars on the disconnected street
FIRST_WALKER = 100_000  # numbers of people who walk by SUMO; those of vehicles begin at 1

_SUMO_CLASS = {
    AgentClass.CAR: "passenger",
    AgentClass.TRUCK: "truck",
    AgentClass.BUS: "bus",
    AgentClass.MOTORCYCLIST: "motorcycle",
    AgentClass.CYCLIST: "bicycle",
}
# Speed to the side as a share of that ahead, when changing lanes: bodies do not move sideways.
_SIDEWAYS = {
    AgentClass.CAR: 0.3,
    AgentClass.TRUCK: 0.2,
    AgentClass.BUS: 0.2,
    AgentClass.MOTORCYCLIST: 0.4,
    AgentClass.CYCLIST: 0.4,
}
_TRIP_S = 70.0  # that a vehicle takes through a town, on average
_APART_S = 8.0  # between two cars on the disconnected street
_WALK_S = 100.0
_NEAR_M, _FAR_M = 60.0, 350.0  # between the beginning and the end of a walk
_GROUP_SHARE = 0.25  # of walks that are made by two or three together
_MEETS_EGO_S = 30.0  # after its beginning, who walks where the ego is expected
_BESIDE_S = 0.3  # between the starts of members of a group


@dataclass
class Demand:
    """All agents that SUMO moves."""

    drivers: dict[int, Driver] = field(default_factory=dict)
    walkers: dict[int, Walker] = field(default_factory=dict)
    elements: list[tuple[float, str]] = field(default_factory=list)  # departure [s] and XML

    def write(self, path: Path, types: Sequence[str]) -> Path:
        """The route file, in the order of departure; `types` are further vehicle types."""
        types = [*types, *(vehicle_type(str(number), driver) for number, driver in self.drivers.items())]
        ordered = [text for _, text in sorted(self.elements, key=lambda element: element[0])]
        path.write_text("\n".join(["<routes>", *types, *ordered, "</routes>"]), encoding="utf-8")
        return path


def draw_demand(
    town: Town, places: Places, seed: int, config: TrafficConfig, duration_s: float, busy: BusyStreets | None = None
) -> Demand:
    """Everybody who enters the town in `duration_s` from its beginning; the same for the same arguments.

    More people walk where the ego is expected.
    """
    demand = Demand()
    random = generator(seed, Stream.SCENE)
    density = float(random.uniform(config.density_range[0], config.density_range[1]))
    shares = np.array([getattr(config.mix, name) for name in ("car", "truck", "bus", "motorcyclist", "cyclist")])
    classes = list(_SUMO_CLASS)
    for number, depart_s in enumerate(_arrivals(random, density * config.vehicles / _TRIP_S, duration_s), start=1):
        own = generator(seed, Stream.ROUTE, number)
        agent_class = classes[int(own.choice(len(classes), p=shares / shares.sum()))]
        demand.drivers[number] = draw_driver(generator(seed, Stream.CHARACTER, number), agent_class)
        start, end = _trip(town, places, own, agent_class)
        demand.elements.append((depart_s, _trip_element(number, depart_s, start, end)))
    _add_cars_apart(demand, town, seed, duration_s)
    _add_walkers(demand, places.sidewalks, seed, config, density, duration_s, busy)
    return demand


def vehicle_type(name: str, driver: Driver) -> str:
    """SUMO's description of a vehicle and its driver; nothing in it is random."""
    length, width, height = driver.size
    cyclist = driver.agent_class == AgentClass.CYCLIST
    attributes: Mapping[str, object] = {
        "id": f"t{name}",
        "vClass": _SUMO_CLASS[driver.agent_class],
        "length": length,
        "width": width,
        "height": height,
        "carFollowModel": "IDM",
        "delta": 2.0,  # of IDM; with its usual 4 drivers would speed up all alike until they are there
        "accel": driver.acceleration_mps2,
        "decel": driver.braking_mps2,
        "emergencyDecel": 8.0,
        "tau": driver.headway_s,
        "minGap": driver.standstill_gap_m,
        "maxSpeed": driver.top_speed_mps,
        "speedFactor": driver.speed_factor,
        "sigma": 0,
        "laneChangeModel": "SL2015",
        "lcAssertive": driver.assertive,
        "lcSpeedGain": driver.assertive,
        "lcSigma": 0,
        "maxSpeedLat": 0.8 if cyclist else 1.2,
        "lcAccelLat": 0.8,
        "lcMaxSpeedLatStanding": 0,
        "lcMaxSpeedLatFactor": _SIDEWAYS[driver.agent_class],
        "minGapLat": 0.7,
        "latAlignment": "right" if cyclist else f"{0.3 * driver.lateral:.2f}",
        "jmTimegapMinor": driver.gap_s,
        "jmCrossingGap": 12.0 if driver.polite else 6.0,
        "jmStoplineGap": 1.0,
        "impatience": 0,
    }
    words = " ".join(f"{key}={quoteattr(str(value))}" for key, value in attributes.items())
    return f"<vType {words}/>"


def ego_trip(depart_s: float, edges: Sequence[str]) -> str:
    """The ego's route; its type is that of an agent without a number."""
    route = quoteattr(" ".join(edges))
    return (
        f'<vehicle id="{EGO}" type="t{EGO}" depart="{depart_s:.1f}" departSpeed="max" departLane="best">'
        f"<route edges={route}/></vehicle>"
    )


def _arrivals(random: np.random.Generator, rate_per_s: float, duration_s: float) -> list[float]:
    """Times of a Poisson process."""
    if rate_per_s <= 0.0:
        return []
    gaps = random.exponential(1.0 / rate_per_s, max(int(3.0 * rate_per_s * duration_s) + 20, 1))
    times = np.cumsum(gaps)
    return np.round(times[times < duration_s], 1).tolist()


def _trip(town: Town, places: Places, random: np.random.Generator, agent_class: AgentClass) -> tuple[str, str]:
    """First and last edge; those of buses and trucks are main roads."""
    heavy = agent_class in (AgentClass.BUS, AgentClass.TRUCK)
    entries, exits = (
        [each for each in edges if places.allows(each, _SUMO_CLASS[agent_class])]
        for edges in (town.entry_edges, town.exit_edges)
    )
    if heavy:
        entries = [each for each in entries if each in town.main_edges] or entries
        exits = [each for each in exits if each in town.main_edges] or exits
    entries, exits = entries or list(town.entry_edges), exits or list(town.exit_edges)
    start = str(entries[int(random.integers(len(entries)))])
    others = [each for each in exits if not places.turns_back(start, each)] or exits
    return start, str(others[int(random.integers(len(others)))])


def _trip_element(number: int, depart_s: float, start: str, end: str) -> str:
    return (
        f'<trip id="{number}" type="t{number}" depart="{depart_s:.1f}" departSpeed="max" departLane="best" '
        f"from={quoteattr(start)} to={quoteattr(end)}/>"
    )


def _add_cars_apart(demand: Demand, town: Town, seed: int, duration_s: float) -> None:
    """Cars on the street that nothing else leads to."""
    number = FIRST_APART
    for start_s, edge in enumerate(town.disconnected_edges):
        for depart_s in np.arange(float(start_s), duration_s, _APART_S).tolist():
            demand.drivers[number] = draw_driver(generator(seed, Stream.CHARACTER, number), AgentClass.CAR)
            demand.elements.append((depart_s, _trip_element(number, depart_s, edge, edge)))
            number += 1


def _add_walkers(
    demand: Demand,
    sidewalks: Sequence[Sidewalk],
    seed: int,
    config: TrafficConfig,
    density: float,
    duration_s: float,
    busy: BusyStreets | None,
) -> None:
    number = FIRST_WALKER
    random = generator(seed, Stream.SCENE, 1)
    if len(sidewalks) < 2:
        return
    points = np.array([each.middle for each in sidewalks])
    streets = [each.edge for each in sidewalks]
    for depart_s in _arrivals(random, density * config.walkers / _WALK_S, duration_s):
        own = generator(seed, Stream.ROUTE, number)
        then_s = depart_s - config.warm_up_s + _MEETS_EGO_S
        share = config.near_ego_share
        first = busy.draw(own, streets, then_s, share) if busy is not None else int(own.integers(len(streets)))
        apart = np.linalg.norm(points - points[first], axis=-1)
        near = np.flatnonzero((apart > _NEAR_M) & (apart < _FAR_M))
        last = int(own.choice(near)) if len(near) else int(own.integers(len(sidewalks)))
        begin_m, end_m = own.uniform(0.2, 0.8, 2) * [sidewalks[first].length_m, sidewalks[last].length_m]
        members = int(own.integers(2, 4)) if own.random() < _GROUP_SHARE else 1
        leader = draw_walker(generator(seed, Stream.CHARACTER, number))
        for member in range(members):
            walker = leader if not member else draw_walker(generator(seed, Stream.CHARACTER, number))
            demand.walkers[number] = walker
            start_s = depart_s + member * _BESIDE_S
            text = (
                f'<person id="{number}" depart="{start_s:.1f}" type="p{number}" '
                f'departPos="{begin_m:.1f}"><walk from={quoteattr(sidewalks[first].edge)} '
                f'to={quoteattr(sidewalks[last].edge)} arrivalPos="{end_m:.1f}"/></person>'
            )
            demand.elements.append((start_s, _person_type(number, walker, leader.speed_mps) + text))
            number += 1


def _person_type(number: int, walker: Walker, speed_mps: float) -> str:
    """Members of a group walk as fast as the first of them."""
    width, length, height = walker.size
    return (
        f'<vType id="p{number}" vClass="pedestrian" width="{width}" length="{length}" height="{height}" '
        f'maxSpeed="{speed_mps}" speedFactor="1" minGap="0.25"/>'
    )
