"""Towns for the simulator: generated from a seed, or around a real SUMO network."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from zoox_prediction.errors import InputError
from zoox_prediction.maps.readers import read_road_network
from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.simulation.town_layout import draw_plan
from zoox_prediction.simulation.town_network import build_network
from zoox_prediction.simulation.town_parking import ParkingPlace, parking_places, write_parking_areas
from zoox_prediction.simulation.town_plan import Road, TownPlan, Use

_SHORTEST_BLOCK_M, _LONGEST_BLOCK_M = 80.0, 400.0


@dataclass(frozen=True)
class TownConfig:
    """What a generated town is like."""

    left_hand: bool = False  # traffic keeps left
    motorway: bool | None = None  # with ramps; None: drawn from the seed
    disconnected_street: bool = True  # a street whose agents can never meet those of the town
    block_length_m: tuple[float, ...] = (95.0, 165.0)  # shortest and longest between junctions
    fringe_length_m: float = 105.0  # of the roads out of the town

    def __post_init__(self) -> None:
        low, high = self.block_length_m if len(self.block_length_m) == 2 else (np.nan, np.nan)
        if not _SHORTEST_BLOCK_M <= low <= high <= _LONGEST_BLOCK_M:
            raise ValueError(
                f"block_length_m must be two rising numbers in [{_SHORTEST_BLOCK_M:.0f}, {_LONGEST_BLOCK_M:.0f}], "
                f"got {self.block_length_m}"
            )
        if not 60.0 <= self.fringe_length_m <= 500.0:
            raise ValueError(f"fringe_length_m must be in [60, 500], got {self.fringe_length_m}")


@dataclass(frozen=True, eq=False)
class Town:
    """A road network for traffic, and what of it those who write routes need. Edges and lanes by SUMO's ids.

    Traffic enters at the beginnings of `entry_edges` and leaves at the ends of `exit_edges`. Both directions of the
    disconnected street are edges without any others before or after; they are in none of the other lists.
    """

    net_path: Path  # .net.xml
    seed: int | None = None  # None: a real network
    additional_path: Path | None = None  # SUMO's parking areas; None: there are none
    left_hand: bool = False
    entry_edges: tuple[str, ...] = ()
    exit_edges: tuple[str, ...] = ()
    main_edges: tuple[str, ...] = ()  # the only ones for buses and trucks, the motorway and its ramps included
    residential_edges: tuple[str, ...] = ()
    bicycle_edges: tuple[str, ...] = ()  # with lanes of their own for bicycles
    mid_block_crosswalks: tuple[str, ...] = ()  # SUMO's ids of the crossings' edges
    parking_places: tuple[ParkingPlace, ...] = ()
    disconnected_edges: tuple[str, ...] = field(default=())

    @cached_property
    def road_network(self) -> RoadNetwork:
        """The network as everything else knows it; read at the first use."""
        return read_road_network(self.net_path)


def generate_town(seed: int, folder: Path, config: TownConfig | None = None) -> Town:
    """Draws a town from a seed (>= 0) and writes town.net.xml and town.add.xml to `folder`.

    The same seed, configuration and version of SUMO give the same bytes, in any folder. Raises InputError when SUMO is
    missing, the folder cannot be written, or the seed is negative.
    """
    config = config or TownConfig()
    if seed < 0:
        raise InputError(f"the seed of a town must be >= 0, got {seed}")
    plan = draw_plan(
        seed,
        config.block_length_m,
        config.fringe_length_m,
        config.motorway,
        config.disconnected_street,
        config.left_hand,
    )
    net_path, additional_path = folder / "town.net.xml", folder / "town.add.xml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        build_network(plan, net_path, config.left_hand)
        places = parking_places(net_path, config.left_hand)
        write_parking_areas(places, additional_path)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}; give another folder") from error
    return Town(
        net_path=net_path,
        seed=seed,
        additional_path=additional_path,
        left_hand=config.left_hand,
        parking_places=places,
        mid_block_crosswalks=tuple(f":{node}_c0" for node in plan.mid_block_nodes),
        disconnected_edges=tuple(plan.disconnected_edges),
        **_edge_lists(plan),
    )


def _edge_lists(plan: TownPlan) -> dict[str, tuple[str, ...]]:
    edges = [each for each in plan.edges.values() if each.id not in plan.disconnected_edges]
    main = (Road.MOTORWAY, Road.MAIN, Road.RAMP)
    return {
        "entry_edges": tuple(each.id for each in edges if plan.nodes[each.start].fringe),
        "exit_edges": tuple(each.id for each in edges if plan.nodes[each.end].fringe),
        "main_edges": tuple(each.id for each in edges if each.road in main),
        "residential_edges": tuple(each.id for each in edges if each.road == Road.RESIDENTIAL),
        "bicycle_edges": tuple(each.id for each in edges if any(lane.use == Use.BICYCLE for lane in each.lanes)),
    }


def real_network_town(path: Path) -> Town:
    """A town around a SUMO network: entries and exits are the roads for cars that nothing leads to, or on from.

    Raises MapError when the file cannot be read, and InputError when cars can neither enter nor leave.
    """
    from zoox_prediction.maps.sumo_file import read_sumo_file

    file = read_sumo_file(path)
    edges = [each for each in file.net.getEdges(withInternal=False) if each.allows("passenger")]
    edges.sort(key=lambda each: each.getID())
    entries = tuple(each.getID() for each in edges if not _for_cars(each.getIncoming(), each))
    exits = tuple(each.getID() for each in edges if not _for_cars(each.getOutgoing(), each))
    if not entries or not exits:
        raise InputError(f"{path}: no road for cars begins or ends at the edge of the network; use another network")
    return Town(
        net_path=path,
        left_hand=file.left_hand_traffic,
        entry_edges=entries,
        exit_edges=exits,
        main_edges=tuple(each.getID() for each in edges if each.allows("bus")),
        bicycle_edges=tuple(each.getID() for each in edges if any(_for_bicycles(lane) for lane in each.getLanes())),
    )


def _for_cars(others: Any, own: Any) -> bool:
    """Whether cars come from, or go on to, another road than the same one back."""
    back = own.getToNode(), own.getFromNode()
    return any(other.allows("passenger") and (other.getFromNode(), other.getToNode()) != back for other in others)


def _for_bicycles(lane: Any) -> bool:
    return bool(lane.allows("bicycle") and not lane.allows("passenger"))
