"""Reads a road map file of any format that we know."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from zoox_prediction.maps.road_network import MapError, RoadNetwork

_KNOWN = "known are .osm (Lanelet2), .net.xml and .net.xml.gz (SUMO), .json (Argoverse 2) and .pkl (ScenarioNet)"


def read_road_network(path: Path | str, origin: tuple[float, float] | None = None) -> RoadNetwork:
    """The road network of a Lanelet2 map (.osm), a SUMO network (.net.xml, .net.xml.gz), an Argoverse 2 map
    (log_map_archive_*.json) or a ScenarioNet scenario (.pkl).

    `origin` (latitude, longitude) [deg] is that of the map frame; only Lanelet2 maps and SUMO networks with a
    projection take one. Road networks in recordings are read by `zoox_prediction.recording.road_network_file`. Raises
    MapError, one sentence naming the file, the element and its defect.
    """
    path = Path(path)
    name = path.name.lower()
    if path.is_dir():
        raise MapError(f"{path}: is a folder; name the map file in it; {_KNOWN}")
    if not path.exists():
        raise MapError(f"{path}: does not exist; name a map; {_KNOWN}")
    if name.endswith(".osm"):
        from zoox_prediction.maps.lanelet2 import read_lanelet2

        return read_lanelet2(path, origin)
    if name.endswith((".net.xml", ".net.xml.gz")):
        from zoox_prediction.maps.sumo import read_sumo

        return read_sumo(path, origin)
    read = _metric_reader(path)
    if origin is not None:
        raise MapError(f"{path}: a map of this format is in metres already and takes no origin; leave it out")
    return read(path)


def _metric_reader(path: Path) -> Callable[[Path], RoadNetwork]:
    """The reader of a format whose files have a frame of their own."""
    kind = path.suffix.lower()
    if kind == ".json":
        from zoox_prediction.maps.argoverse import read_argoverse

        return read_argoverse
    if kind == ".pkl":
        from zoox_prediction.maps.scenarionet import read_scenarionet

        return read_scenarionet
    if kind == ".xodr":
        raise MapError(
            f"{path}: OpenDRIVE is not read; convert it with SUMO: netconvert --opendrive {path.name} -o "
            f"{path.stem}.net.xml (with --ignore-errors where that stops at a defect)"
        )
    raise MapError(f"{path}: unknown map format '{kind}'; {_KNOWN}")
