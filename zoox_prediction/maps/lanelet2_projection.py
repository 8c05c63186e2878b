"""Where the nodes of a Lanelet2 map are in metres: its local coordinates, an origin, or Autoware's projector file."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.geometry import EARTH_RADIUS_M
from zoox_prediction.maps.osm_file import OsmFile
from zoox_prediction.maps.road_network import MapError

PROJECTOR_FILE = "map_projector_info.yaml"
_UTM_SCALE = 0.9996  # of UTM on its central meridian
_PLAIN_ZONE_LON = -3.0  # central meridian of UTM zone 30, which no exception of the UTM grid touches
_GRID_SQUARE_M = 1e5
_ROW_PERIOD_M = 2e6  # after which the row letters of MGRS repeat
_ROW_LETTERS = "ABCDEFGHJKLMNPQRSTUV"
_COLUMN_LETTERS = ("ABCDEFGH", "JKLMNPQR", "STUVWXYZ")
_MGRS_GRID = re.compile(r"(\d{1,2})([C-HJ-NP-X])([A-HJ-NP-Z])([A-HJ-NP-V])")

FloatArray = NDArray[np.float64]
_Projection = Callable[[FloatArray], FloatArray]


def project(osm: OsmFile, origin: tuple[float, float] | None) -> FloatArray:
    """x, y (N, 2) [m] of the nodes of a map, in the order of the file.

    With an origin (lat0, lon0) [deg]: x = R cos(lat0) dlon, y = R dlat, R = 6378137 m (spherical Mercator near its
    origin). Without: what map_projector_info.yaml beside the map says, as Autoware reads it; without that file, the
    map's own local_x and local_y, or else the formula above about the middle of the map. Raises MapError.
    """
    info = osm.path.parent / PROJECTOR_FILE
    if origin is None and info.exists():
        projection = _projection_of(info)
        if projection is None:
            return osm.local()
        try:
            return _finite(osm, projection(osm.geodetic()))
        except RuntimeError as error:  # of the library, far from the projection's middle
            reason = " ".join(str(error).split())
            raise MapError(f"{info}: the nodes of the map cannot be projected so: {reason}; correct it") from error
    if origin is None and osm.has_local_coordinates:
        return osm.local()
    geodetic = osm.geodetic()
    if origin is None:
        lat0, lon0 = (0.5 * (geodetic.min(axis=0) + geodetic.max(axis=0))).tolist()
    else:
        lat0, lon0 = origin
    if not (abs(lat0) <= 90.0 and abs(lon0) <= 360.0):
        raise MapError(f"{osm.path}: the origin {origin} is no latitude and longitude in degrees")
    per_degree = EARTH_RADIUS_M * math.pi / 180.0
    scale = np.array([per_degree * math.cos(math.radians(lat0)), per_degree])
    positions: FloatArray = scale * (geodetic[:, ::-1] - [lon0, lat0])
    return positions


def _projection_of(info: Path) -> _Projection | None:
    """From latitudes and longitudes (N, 2) to x, y (N, 2); None where the map's local_x and local_y are meant."""
    import yaml

    try:
        content = yaml.safe_load(info.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise MapError(f"{info}: cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(content, Mapping):
        raise MapError(f"{info}: is no mapping of keys to values; it names a projector_type")
    kind = content.get("projector_type")
    if str(kind).lower() == "local":
        return None
    if kind == "MGRS":
        return _mgrs(info, str(content.get("mgrs_grid", "")))
    if kind == "LocalCartesianUTM":
        return _transverse_mercator_of_zone(_origin(info, content))
    if kind == "LocalCartesian":
        return _local_cartesian(_origin(info, content))
    if kind == "TransverseMercator":
        scale = _number(info, "scale_factor", content.get("scale_factor", _UTM_SCALE), 0.5, 2.0)
        return _transverse_mercator(_origin(info, content), scale)
    raise MapError(
        f"{info}: projector_type is {kind!r}; known are Local, MGRS, LocalCartesian, LocalCartesianUTM and "
        "TransverseMercator"
    )


def _origin(info: Path, content: Mapping[str, Any]) -> tuple[float, float]:
    origin = content.get("map_origin")
    if not isinstance(origin, Mapping):
        raise MapError(f"{info}: map_origin is missing; give its latitude and longitude in degrees")
    lat = _number(info, "map_origin.latitude", origin.get("latitude"), -90.0, 90.0)
    return lat, _number(info, "map_origin.longitude", origin.get("longitude"), -360.0, 360.0)


def _number(info: Path, key: str, value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise MapError(f"{info}: {key} is {value!r}, not a number from {low:g} to {high:g}")
    return float(value)


def _forward(projector: Any, geodetic: FloatArray) -> FloatArray:
    from lanelet2.core import GPSPoint

    points = [projector.forward(GPSPoint(lat, lon, 0.0)) for lat, lon in geodetic.tolist()]  # the library has no batch
    return np.array([(point.x, point.y) for point in points], dtype=np.float64).reshape(-1, 2)


def _utm(lat: float, lon: float, relative: bool) -> Any:
    from lanelet2 import io, projection

    return projection.UtmProjector(io.Origin(lat, lon), relative, False)


def _transverse_mercator_of_zone(origin: tuple[float, float]) -> _Projection:
    return lambda geodetic: _forward(_utm(*origin, relative=True), geodetic)


def _local_cartesian(origin: tuple[float, float]) -> _Projection:
    from lanelet2 import io, projection

    return lambda geodetic: _forward(projection.LocalCartesianProjector(io.Origin(*origin)), geodetic)


def _transverse_mercator(origin: tuple[float, float], scale: float) -> _Projection:
    """About the meridian of the origin: that of a UTM zone, with all longitudes turned there."""
    lat0, lon0 = origin

    def projection(geodetic: FloatArray) -> FloatArray:
        turned = np.column_stack([geodetic[:, 0], geodetic[:, 1] - lon0 + _PLAIN_ZONE_LON])
        return _forward(_utm(lat0, _PLAIN_ZONE_LON, relative=True), turned) * (scale / _UTM_SCALE)

    return projection


def _mgrs(info: Path, grid: str) -> _Projection:
    """Metres from the south-west corner of a 100 km square such as 54SUE (NGA.STND.0037, Universal Grids)."""
    match = _MGRS_GRID.fullmatch(grid.strip().upper())
    zone = int(match[1]) if match else 0
    columns = _COLUMN_LETTERS[(zone - 1) % 3]
    if match is None or not 1 <= zone <= 60 or match[3] not in columns:
        raise MapError(f"{info}: mgrs_grid is {grid!r}, not a 100 km square such as 54SUE")
    column = (columns.index(match[3]) + 1) * _GRID_SQUARE_M
    row = (_ROW_LETTERS.index(match[4]) - (5 if zone % 2 == 0 else 0)) % len(_ROW_LETTERS) * _GRID_SQUARE_M

    def projection(geodetic: FloatArray) -> FloatArray:
        lat = float(geodetic[:, 0].mean())
        utm = _forward(_utm(lat, zone * 6.0 - 183.0, relative=False), geodetic)
        periods = np.rint((utm[:, 1].mean() - row - 0.5 * _GRID_SQUARE_M) / _ROW_PERIOD_M)
        local: FloatArray = utm - [column, row + periods * _ROW_PERIOD_M]
        if np.abs(local - 0.5 * _GRID_SQUARE_M).max() > 1.5 * _GRID_SQUARE_M:
            raise MapError(f"{info}: mgrs_grid {grid} is not where the nodes of the map are; correct it")
        return local

    return projection


def _finite(osm: OsmFile, positions: FloatArray) -> FloatArray:
    bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))
    if len(bad):
        node = list(osm.nodes)[bad[0]]
        raise MapError(f"{osm.path}: node {node} cannot be projected as {PROJECTOR_FILE} says; correct one of them")
    return positions
