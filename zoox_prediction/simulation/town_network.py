"""Writes the plan of a town as SUMO's plain XML and has netconvert build the network."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from zoox_prediction.errors import InputError
from zoox_prediction.simulation.town_junction_lanes import smooth_junction_lanes
from zoox_prediction.simulation.town_plan import FloatArray, PlanEdge, PlanNode, Road, TownPlan, Use

_NOT_ON_MINOR_ROADS = ("bus", "coach", "truck", "trailer")
_VEHICLES = ("private", "passenger", "emergency", "authority", "taxi", "delivery", "motorcycle", "moped", "bicycle")
_CYCLE_S, _YELLOW_S, _ALL_RED_S = 60, 3, 1
# Durations [s], and what vehicles and pedestrians see; the last red is for those who walk to leave the crosswalk.
_MID_BLOCK_PHASES = ((40, "G", "r"), (3, "y", "r"), (2, "r", "r"), (10, "r", "G"), (11, "r", "r"))
_LATERAL_MPS2 = 3.0  # that drivers accept in bends
_TIMEOUT_S = 120.0


def build_network(plan: TownPlan, path: Path, left_hand: bool) -> None:
    """Writes the network `path` (.net.xml); the same bytes for the same plan and version of SUMO.

    Raises InputError when SUMO is not installed or refuses the plan.
    """
    program = netconvert_program()
    with tempfile.TemporaryDirectory(prefix="zoox_prediction_") as folder:
        files = {name: Path(folder) / f"town.{name[:3]}.xml" for name in ("node", "edge", "connection")}
        files["node"].write_text(_document("nodes", map(_node, plan.nodes.values())), encoding="utf-8")
        files["edge"].write_text(
            _document("edges", [*map(_edge, plan.edges.values()), *_rings(plan)]), encoding="utf-8"
        )
        files["connection"].write_text(_document("connections", _connections(plan)), encoding="utf-8")
        output = Path(folder) / "town.net.xml"
        command = [str(program), *_options(plan, left_hand), "--output-file", str(output)]
        command += [word for name, file in files.items() for word in (f"--{name}-files", str(file))]
        home = {**os.environ, "SUMO_HOME": str(program.parent.parent)}
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S, env=home)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InputError(f"{program} does not run ({error}); pip install 'zoox_prediction[sim]' again") from error
        if done.returncode != 0 or not output.is_file():
            last = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
            raise InputError(f"{program} cannot build the town: {last}; use another seed")
        document = ElementTree.parse(output)  # without comments, which hold the date and paths
        smooth_junction_lanes(document.getroot())
        for node in plan.mid_block_nodes:
            _give_green_to_crosswalk(document.getroot(), node)
        document.write(path, encoding="utf-8", xml_declaration=True)


def netconvert_program() -> Path:
    """SUMO's program that builds networks; raises InputError when SUMO is not installed."""
    package = importlib.util.find_spec("sumo")
    if package is not None and package.origin is not None:
        program = Path(package.origin).parent / "bin" / "netconvert"
        if program.is_file():
            return program
    raise InputError("the simulator needs SUMO's netconvert; pip install 'zoox_prediction[sim]'")


def _options(plan: TownPlan, left_hand: bool) -> list[str]:
    options: dict[str, object] = {
        "no-turnarounds": "true",
        "offset.disable-normalization": "true",
        "precision": 3,
        "lefthand": "true" if left_hand else "false",
        "walkingareas": "true",
        "junctions.internal-link-detail": 24,
        "junctions.corner-detail": 12,
        "junctions.limit-turn-speed": _LATERAL_MPS2,
        "tls.cycle.time": _CYCLE_S,
        "tls.yellow.time": _YELLOW_S,
        "tls.allred.time": _ALL_RED_S,
        "tls.left-green.time": plan.left_green_s,
        "tls.minor-left.max-speed": plan.protected_from_mps,
        "tls.crossing-min.time": 8,
        "tls.crossing-clearance.time": 8,
    }
    if plan.half_offset:
        options["tls.half-offset"] = ",".join(plan.half_offset)
    return [word for name, value in options.items() for word in (f"--{name}", str(value))]


def _give_green_to_crosswalk(net: ElementTree.Element, node: str) -> None:
    """netconvert shows red to the pedestrians of a crosswalk between junctions all the time."""
    light = net.find(f"tlLogic[@id='{node}']")
    if light is None:
        return
    walk = next(
        int(each.get("linkIndex", ""))
        for each in net.findall(f"connection[@tl='{node}']")
        if each.get("to") == f":{node}_c0"
    )
    count = len(light[0].get("state", ""))
    for phase in list(light):
        light.remove(phase)
    for duration_s, vehicles, walkers in _MID_BLOCK_PHASES:
        state = "".join(walkers if index == walk else vehicles for index in range(count))
        ElementTree.SubElement(light, "phase", {"duration": str(duration_s), "state": state})


def _document(root: str, elements: Iterable[str]) -> str:
    return "\n".join([f"<{root}>", *elements, f"</{root}>", ""])


def _node(node: PlanNode) -> str:
    x, y = node.position
    words = f'id={quoteattr(node.id)} x="{x:.3f}" y="{y:.3f}" type="{node.control}" radius="{node.radius_m:.1f}"'
    if node.control == "traffic_light":
        words += f' tlType="static" tlLayout="{node.layout}"'
    if node.fringe:
        words += ' fringe="outer"'
    return f"<node {words}/>"


def _edge(edge: PlanEdge) -> str:
    words = (
        f'id={quoteattr(edge.id)} from={quoteattr(edge.start)} to={quoteattr(edge.end)} numLanes="{len(edge.lanes)}" '
        f'speed="{edge.speed_mps:.3f}" priority="{edge.road.value}" spreadType="right" shape="{_shape(edge.line)}"'
    )
    lanes = [
        f'<lane index="{index}" width="{lane.width_m:.2f}" {_permissions(lane.use, edge.road)}/>'
        for index, lane in enumerate(edge.lanes)
    ]
    return "\n".join([f"<edge {words}>", *lanes, "</edge>"])


def _permissions(use: Use, road: Road) -> str:
    if use == Use.SIDEWALK:
        return 'allow="pedestrian"'
    if use == Use.PARKING:
        return 'disallow="all" type="parking"'
    if use == Use.BICYCLE:
        return 'allow="bicycle"'
    heavy = () if road in (Road.COLLECTOR, Road.RESIDENTIAL, Road.RING) else _NOT_ON_MINOR_ROADS
    slow = {"bicycle", "moped"} if road in (Road.MOTORWAY, Road.RAMP) else set()
    return f'allow="{" ".join(each for each in (*_VEHICLES, *heavy) if each not in slow)}"'


def _rings(plan: TownPlan) -> list[str]:
    return [f'<roundabout nodes="{" ".join(nodes)}" edges="{" ".join(edges)}"/>' for nodes, edges in plan.roundabouts()]


def _connections(plan: TownPlan) -> list[str]:
    found = [
        f'<connection from={quoteattr(each.start)} to={quoteattr(each.end)} fromLane="{each.start_lane}" '
        f'toLane="{each.end_lane}"/>'
        for each in plan.connections
    ]
    return found + [
        f'<crossing node={quoteattr(each.node)} edges="{" ".join(each.edges)}" width="{each.width_m:.1f}" '
        f'priority="{"true" if each.priority else "false"}"/>'
        for each in plan.crosswalks
    ]


def _shape(line: FloatArray) -> str:
    return " ".join(f"{x:.3f},{y:.3f}" for x, y in line)
