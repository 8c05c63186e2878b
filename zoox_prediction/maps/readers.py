"""Reads a road map file of any format that we know."""

from __future__ import annotations

from pathlib import Path

from zoox_prediction.maps.road_network import MapError, RoadNetwork


def read_road_network(path: Path | str, origin: tuple[float, float] | None = None) -> RoadNetwork:
    """The road network of a Lanelet2 map (.osm) or an Argoverse 2 map (log_map_archive_*.json).

    `origin` (latitude, longitude) [deg] is that of the map frame; only Lanelet2 maps take one. Raises MapError, one
    sentence naming the file, the element and its defect.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if path.is_dir():
        raise MapError(f"{path}: is a folder; name the map file in it (.osm or log_map_archive_*.json)")
    if not path.exists():
        raise MapError(f"{path}: does not exist; name a Lanelet2 (.osm) or Argoverse 2 (.json) map")
    if kind == ".osm":
        from zoox_prediction.maps.lanelet2 import read_lanelet2

        return read_lanelet2(path, origin)
    if kind == ".json":
        from zoox_prediction.maps.argoverse import read_argoverse

        if origin is not None:
            raise MapError(f"{path}: an Argoverse 2 map is in metres already and takes no origin; leave it out")
        return read_argoverse(path)
    raise MapError(f"{path}: unknown map format '{kind}'; known are .osm (Lanelet2) and .json (Argoverse 2)")
