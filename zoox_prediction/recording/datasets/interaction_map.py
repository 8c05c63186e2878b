"""The Lanelet2 map of an INTERACTION-style recording: where it lies, and how its positions become metres."""

from __future__ import annotations

import tempfile
from pathlib import Path
from xml.etree import ElementTree

from zoox_prediction.maps.lanelet2 import read_lanelet2
from zoox_prediction.maps.road_network import MapError, RoadNetwork
from zoox_prediction.recording.datasets.source import SourceError


def find_map(tracks: Path) -> Path:
    """The map of a track file: `maps/<folder>.osm` in one of the folders above, as INTERACTION and TAF-BW have it."""
    folder = tracks.resolve().parent
    names = (f"{folder.name}.osm", f"{folder.name}.osm_xy")
    candidates = [above / "maps" / name for above in list(folder.parents)[:3] for name in names]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise SourceError(f"{tracks}: no map at {candidates[0]} nor above; name it with --map MAP.osm")


def read_map(path: Path, origin: tuple[float, float] | None) -> RoadNetwork:
    """The road network in the recording's frame; raises MapError when the map cannot be read.

    With an origin (latitude, longitude) [deg], the frame is the scaled spherical one of TAF-BW. Without, it is that of
    INTERACTION: UTM, counted from latitude and longitude 0.
    """
    if origin is not None:
        return read_lanelet2(path, origin)
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / path.name
        _write_with_utm_positions(path, local)
        return read_lanelet2(local)


def _write_with_utm_positions(path: Path, out: Path) -> None:
    """Writes the map with the tags local_x and local_y that lanelet2's own UTM projection gives about (0, 0)."""
    import lanelet2

    projector = lanelet2.projection.UtmProjector(lanelet2.io.Origin(0.0, 0.0))
    try:
        tree = ElementTree.parse(path)
        for node in tree.getroot().iter("node"):
            point = projector.forward(lanelet2.core.GPSPoint(float(node.get("lat", "")), float(node.get("lon", ""))))
            for old in [tag for tag in node.findall("tag") if tag.get("k") in ("local_x", "local_y")]:
                node.remove(old)
            ElementTree.SubElement(node, "tag", k="local_x", v=repr(point.x))
            ElementTree.SubElement(node, "tag", k="local_y", v=repr(point.y))
        tree.write(out, encoding="utf-8", xml_declaration=True)
    except (OSError, ElementTree.ParseError) as error:
        raise MapError(f"{path}: cannot be read as OSM XML ({error}); fetch the file again") from error
    except (ValueError, RuntimeError) as error:
        raise MapError(
            f"{path}: a node has no latitude and longitude near (0, 0), where INTERACTION has them"
        ) from error
