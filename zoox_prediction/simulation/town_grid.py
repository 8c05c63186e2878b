"""The streets of a town as smooth lines that cross near the points of a grid, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline

from zoox_prediction.simulation.town_motorway import RAMPS_NODE
from zoox_prediction.simulation.town_plan import FloatArray, Road
from zoox_prediction.simulation.town_roads import CrossSection

_SIZES = ((3, 3), (4, 3), (3, 4))  # columns and rows
_JITTER_M = 14.0
_SPACING_M = 2.0
_KMH = 1.0 / 3.6


class Segment(NamedTuple):
    """A piece of a street between two nodes that follow each other on it."""

    street: int
    number: int
    nodes: tuple[str, str]


@dataclass
class Street:
    """A line from one end of the town to the other; its first and last nodes are the ends."""

    nodes: list[str]
    points: FloatArray  # (n, 2) of the nodes [m]
    section: CrossSection

    def curve(self, number: int) -> FloatArray:
        """From node `number` to the next one: part of a smooth curve through all nodes."""
        along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(self.points, axis=0), axis=1))])
        begin, end = along[number : number + 2]
        places = np.linspace(begin, end, int(np.ceil((end - begin) / _SPACING_M)) + 1)
        curve: FloatArray = CubicSpline(along, self.points, bc_type="natural")(places)
        return curve


@dataclass
class Grid:
    """Streets, and which pieces of them there are."""

    streets: list[Street]
    positions: dict[str, FloatArray]  # of all nodes, the ends of streets included
    segments: list[Segment] = field(default_factory=list)
    roundabout: str = ""

    def arms(self, node: str) -> list[Segment]:
        return [each for each in self.segments if node in each.nodes]

    def roads(self, node: str) -> set[Road]:
        """The kinds of road that meet there."""
        return {self.streets[each.street].section.road for each in self.arms(node)}

    def junctions(self) -> list[str]:
        """Nodes where streets meet, in order."""
        return [node for node in self.positions if len(self.arms(node)) > 1]


def draw_grid(
    random: np.random.Generator, block_length_m: tuple[float, ...], fringe_length_m: float, motorway: bool
) -> Grid:
    """Two main streets cross; corners of the grid have three arms but one, which is a roundabout."""
    columns, rows = _SIZES[int(random.integers(len(_SIZES)))]
    x, y = (_places(random, count, block_length_m) for count in (columns, rows))
    points = np.stack(np.meshgrid(x, y), axis=-1) + random.uniform(-_JITTER_M, _JITTER_M, (rows, columns, 2))
    main_row, main_column = int(random.integers(1, rows - 1)), int(random.integers(1, columns - 1))
    streets = []
    for row in range(rows):
        nodes = [f"r{row}w", *(f"n{row}{column}" for column in range(columns)), f"r{row}e"]
        section = _main_section(random, True) if row == main_row else _minor_section(random)
        streets.append(Street(nodes, _with_ends(points[row], np.array([1.0, 0.0]), fringe_length_m), section))
    for column in range(columns):
        nodes = [f"c{column}s", *(f"n{row}{column}" for row in range(rows)), f"c{column}n"]
        section = _main_section(random, False) if column == main_column else _minor_section(random)
        streets.append(Street(nodes, _with_ends(points[:, column], np.array([0.0, 1.0]), fringe_length_m), section))
    if motorway:
        streets[rows + main_column].nodes[0] = RAMPS_NODE
    _ensure_variety(streets)
    grid = Grid(streets, {name: point for each in streets for name, point in zip(each.nodes, each.points, strict=True)})
    _choose_segments(random, grid, columns, rows)
    return grid


def _places(random: np.random.Generator, count: int, block_length_m: tuple[float, ...]) -> FloatArray:
    places = np.concatenate([[0.0], np.cumsum(random.uniform(block_length_m[0], block_length_m[1], count - 1))])
    centred: FloatArray = places - 0.5 * places[-1]
    return centred


def _with_ends(points: FloatArray, along: FloatArray, length_m: float) -> FloatArray:
    """The points of a street and those of its ends outside the town."""
    first, last = (0.7 * along + 0.3 * _unit(points[end] - points[end - 1]) for end in (1, -1))
    return np.concatenate([[points[0] - length_m * _unit(first)], points, [points[-1] + length_m * _unit(last)]])


def _unit(vector: FloatArray) -> FloatArray:
    unit: FloatArray = vector / np.linalg.norm(vector)
    return unit


def _main_section(random: np.random.Generator, wide: bool) -> CrossSection:
    lanes = 1 + int(random.random() < 0.5) + (1 if wide else 0)
    return CrossSection(
        road=Road.MAIN,
        speed_mps=(70.0 if wide and random.random() < 0.35 else 50.0) * _KMH,
        lanes=lanes,
        bicycle=lanes < 3 and bool(random.random() < 0.6),
        median_m=3.25 if random.random() < 0.6 else 0.0,
    )


def _minor_section(random: np.random.Generator) -> CrossSection:
    if random.random() < 0.45:
        return CrossSection(Road.COLLECTOR, 50.0 * _KMH, bicycle=bool(random.random() < 0.6))
    return CrossSection(Road.RESIDENTIAL, 30.0 * _KMH)


def _ensure_variety(streets: list[Street]) -> None:
    """There are a residential street, and bicycle lanes."""
    minor = [each for each in streets if each.section.road != Road.MAIN]
    if all(each.section.road != Road.RESIDENTIAL for each in minor):
        minor[0].section = CrossSection(Road.RESIDENTIAL, 30.0 * _KMH)
    if not any(each.section.bicycle for each in streets):
        narrowest = min((each for each in streets if each.section.road == Road.MAIN), key=lambda s: s.section.lanes)
        narrowest.section = replace(narrowest.section, bicycle=True)


def _choose_segments(random: np.random.Generator, grid: Grid, columns: int, rows: int) -> None:
    corners = [f"n{row}{column}" for row in (0, rows - 1) for column in (0, columns - 1)]
    grid.roundabout = corners.pop(int(random.integers(4)))
    ends_of_corner = {corner: bool(random.random() < 0.5) for corner in corners}  # along its row, or along its column
    for index, street in enumerate(grid.streets):
        is_row, last = index < rows, len(street.nodes) - 2
        for number in range(last + 1):
            inner = street.nodes[1] if number == 0 else street.nodes[last]
            if number in (0, last) and street.section.road != Road.MAIN:
                if inner in ends_of_corner:
                    exists = ends_of_corner[inner] == is_row
                else:
                    exists = inner == grid.roundabout or bool(random.random() < 0.5)
                if not exists:
                    continue
            grid.segments.append(Segment(index, number, (street.nodes[number], street.nodes[number + 1])))
    _remove_one(random, grid)


def _remove_one(random: np.random.Generator, grid: Grid) -> None:
    """Two crossroads become three-way junctions, where enough others are left."""
    candidates = [
        each
        for each in grid.segments
        if grid.streets[each.street].section.road != Road.MAIN
        and all(len(grid.arms(node)) == 4 and node != grid.roundabout for node in each.nodes)
    ]
    crossroads = sum(len(grid.arms(node)) == 4 for node in grid.junctions())
    if candidates and crossroads >= 7:
        grid.segments.remove(candidates[int(random.integers(len(candidates)))])
