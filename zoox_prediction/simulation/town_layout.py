"""A town drawn from a seed: who goes first at which junction, where people park, cross and cycle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zoox_prediction.simulation.town_grid import Grid, Segment, draw_grid
from zoox_prediction.simulation.town_motorway import RAMPS_NODE, add_motorway
from zoox_prediction.simulation.town_plan import PlanCrosswalk, PlanNode, Road, TownPlan
from zoox_prediction.simulation.town_roads import TURN_LANE_M, Block, CrossSection, add_block, length_of
from zoox_prediction.simulation.town_roundabout import add_roundabout
from zoox_prediction.simulation.town_turns import connect_junctions, same_road, turn_rad

SIGNAL = "traffic_light"

_RESIDENTIAL_CONTROLS = ("right_before_left", "priority", "allway_stop")
_LONG_ENOUGH_M = 105.0  # for a crosswalk in the middle
_APART_M = 200.0  # between the disconnected street and the town
_APART_LENGTH_M = 240.0


def draw_plan(
    seed: int,
    block_length_m: tuple[float, ...],
    fringe_length_m: float,
    motorway: bool | None,
    disconnected_street: bool,
    left_hand: bool,
) -> TownPlan:
    """The town of a seed; a motorway of None is drawn too."""
    random = np.random.default_rng([seed, 7])
    drawn = bool(random.random() < 0.5)
    with_motorway = drawn if motorway is None else motorway
    grid = draw_grid(random, block_length_m, fringe_length_m, with_motorway)
    plan = TownPlan(
        left_green_s=6 if random.random() < 0.7 else 0, protected_from_mps=10.0 if random.random() < 0.3 else 19.0
    )
    _add_nodes(random, grid, plan)
    crosswalks = _mid_block_crosswalks(random, grid, plan)
    for segment in grid.segments:
        add_block(plan, _block(random, grid, plan, segment, crosswalks.get(segment, "")))
    if with_motorway:
        add_motorway(plan, SIGNAL if random.random() < 0.5 else "priority")
    _add_crosswalks(random, grid, plan)
    add_roundabout(plan, grid.roundabout)
    connect_junctions(plan)
    if disconnected_street:
        _add_disconnected_street(plan)
    lights = [each.id for each in plan.nodes.values() if each.control == SIGNAL]
    plan.half_offset = [each for each in lights if random.random() < 0.5]
    return plan.moved(float(random.uniform(0.0, 2.0 * np.pi)), left_hand)


def _add_nodes(random: np.random.Generator, grid: Grid, plan: TownPlan) -> None:
    """Signals where main streets cross and at some of their other junctions, never at all of them."""
    along_main = [node for node in grid.junctions() if Road.MAIN in grid.roads(node) and node != RAMPS_NODE]
    center = [node for node in along_main if grid.roads(node) == {Road.MAIN}]
    others = [node for node in along_main if node not in center]
    narrow = [node for node in others if not _wide(grid, node)]
    crossroads = [node for node in narrow if len(grid.arms(node)) == 4]
    unsignalised = crossroads[int(random.integers(len(crossroads)))]
    signalised = {*center, *(node for node in others if node not in narrow)}
    signalised |= {node for node in narrow if node != unsignalised and random.random() < 0.5}
    residential = _RESIDENTIAL_CONTROLS[int(random.integers(len(_RESIDENTIAL_CONTROLS)))]
    for name, position in grid.positions.items():
        arms = grid.arms(name)
        if not arms:
            continue
        roads = grid.roads(name)
        if len(arms) == 1:
            plan.add(PlanNode(name, position, fringe=name != RAMPS_NODE, radius_m=3.0))
        elif name in signalised:
            layout = "incoming" if len(arms) == 3 and random.random() < 0.4 else "opposites"
            plan.add(PlanNode(name, position, SIGNAL, radius_m=10.0, layout=layout))
        else:
            control = residential if roads == {Road.RESIDENTIAL} else "priority"
            plan.add(PlanNode(name, position, control, radius_m=9.0 if Road.MAIN in roads else 7.0))


def _wide(grid: Grid, node: str) -> bool:
    """Whether the traffic of a road there leaves no gaps to those who give way."""
    sections = [grid.streets[each.street].section for each in grid.arms(node)]
    return any(each.lanes > 2 or each.speed_mps > 15.0 for each in sections)


def _mid_block_crosswalks(random: np.random.Generator, grid: Grid, plan: TownPlan) -> dict[Segment, str]:
    """One with a signal, one or two without."""
    long = []
    for segment in grid.segments:
        curve = grid.streets[segment.street].curve(segment.number)
        inside = all(len(grid.arms(node)) > 1 for node in segment.nodes)
        if inside and length_of(curve) > _LONG_ENOUGH_M and grid.roundabout not in segment.nodes:
            long.append(segment)
    order = [long[index] for index in random.permutation(len(long))]
    order.sort(key=lambda each: grid.streets[each.street].section.road != Road.MAIN)  # the signal across a main street
    found = dict.fromkeys(order[:1], SIGNAL)
    narrow = [each for each in order[1:] if grid.streets[each.street].section.lanes == 1]
    return found | dict.fromkeys(narrow[: int(random.integers(1, 3))], "priority")


def _block(random: np.random.Generator, grid: Grid, plan: TownPlan, segment: Segment, crosswalk: str) -> Block:
    street = grid.streets[segment.street]
    section, curve = street.section, street.curve(segment.number)
    at_ring = grid.roundabout in segment.nodes
    if at_ring:
        section = replace(section, bicycle=False)
    if RAMPS_NODE in segment.nodes:  # one lane to the on-ramp, which is not for bicycles
        section = replace(section, lanes=1, bicycle=False)
    parking = (False, False)
    if section.road != Road.MAIN and not section.bicycle and not at_ring:
        share = 0.85 if section.road == Road.RESIDENTIAL else 0.5
        parking = bool(random.random() < share), bool(random.random() < share)
    long_enough = length_of(curve) > (2.0 if crosswalk else 1.0) * (TURN_LANE_M + 15.0)
    room = section.median_m > 0.0 and long_enough
    turn_lanes = [
        room and plan.nodes[node].control == SIGNAL and _left_turn(grid, segment, node)
        for node in (segment.nodes[1], segment.nodes[0])
    ]
    sections: tuple[CrossSection, CrossSection] = (
        replace(section, parking=parking[0]),
        replace(section, parking=parking[1]),
    )
    return Block(*segment.nodes, curve, sections, (turn_lanes[0], turn_lanes[1]), crosswalk)


def _left_turn(grid: Grid, segment: Segment, node: str) -> bool:
    """Whether there is a road to the left where the segment ends at `node`."""
    line = np.array([grid.positions[name] for name in segment.nodes])
    before = line if node == segment.nodes[1] else line[::-1]
    arms = [next(name for name in arm.nodes if name != node) for arm in grid.arms(node) if arm != segment]
    return any(turn_rad(before, np.stack([before[1], grid.positions[each]])) > 0.8 for each in arms)


def _add_crosswalks(random: np.random.Generator, grid: Grid, plan: TownPlan) -> None:
    """Across all arms at signals; across the minor arms, and some of the others, elsewhere."""
    for node in [*grid.junctions(), *({RAMPS_NODE} & plan.nodes.keys())]:
        if node == grid.roundabout:
            continue
        arriving, leaving = plan.at(node)
        for into in arriving:
            beside = [each for each in leaving if each.end == into.start or same_road(each.id, into.id)]
            if not beside or not any(lane.use.value == "sidewalk" for lane in into.lanes):
                continue
            signal = plan.nodes[node].control == SIGNAL
            main = into.road == Road.MAIN and not signal and node != RAMPS_NODE
            if main and random.random() < 0.4:
                continue
            priority = True if not main else bool(random.random() < 0.6) and into.speed_mps < 15.0
            plan.crosswalks.append(PlanCrosswalk(node, (into.id, beside[0].id), priority, 4.0 if signal else 3.0))


def _add_disconnected_street(plan: TownPlan) -> None:
    """A street of its own, too far from the town for anything to pass from one to the other."""
    points = np.concatenate([edge.line for edge in plan.edges.values()])
    y = float(points[:, 1].max()) + _APART_M
    ends = np.array([[-0.5 * _APART_LENGTH_M, y], [0.5 * _APART_LENGTH_M, y]])
    plan.add(*(PlanNode(name, end, fringe=True) for name, end in zip(("aparta", "apartb"), ends, strict=True)))
    section = CrossSection(Road.COLLECTOR, 50.0 / 3.6, sidewalk=False)
    add_block(plan, Block("aparta", "apartb", ends, (section, section)))
    plan.disconnected_edges = ["aparta_apartb", "apartb_aparta"]
