"""What the map node loads: its parameters, and a road map by name, from the cache where there is one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from zoox_prediction.maps.cache import CachedRead, read_cached
from zoox_prediction.maps.readers import read_road_network
from zoox_prediction.maps.road_network import MapError, RoadNetwork


@dataclass(frozen=True)
class MapConfig:
    """The parameters of the map node."""

    map_path: str = ""  # road map to start with; empty: none, until ~/load_map names one
    # Where the map frame begins, WGS 84 [deg], for maps in geodetic coordinates; null: what the file says of itself.
    origin_latitude: float | None = None
    origin_longitude: float | None = None
    use_cache: bool = True  # keep what was read beside the file, for the next start
    frame_id: str = "map"  # frame that the road network is published in

    def __post_init__(self) -> None:
        if (self.origin_latitude is None) != (self.origin_longitude is None):
            raise ValueError("origin_latitude and origin_longitude must both be given or both be null")
        if not self.frame_id:
            raise ValueError("frame_id must not be empty; it is map by custom")
        if self.origin is not None:
            check_origin(self.origin)

    @property
    def origin(self) -> tuple[float, float] | None:
        """(latitude, longitude) [deg]; None: what the file says of itself."""
        if self.origin_latitude is None or self.origin_longitude is None:
            return None
        return self.origin_latitude, self.origin_longitude


@dataclass(frozen=True)
class LoadedMap:
    """A road network and where it came from."""

    path: Path
    network: RoadNetwork
    from_cache: bool
    note: str  # one sentence: how it was come by, and why not from the cache

    @property
    def summary(self) -> str:
        """One sentence without its end, such as `/maps/town.osm: 371 lanes, 2 repairs`."""
        lanes, repairs = len(self.network.lanes), len(self.network.repairs)
        return f"{self.path}: {lanes} lane{'s' * (lanes != 1)}, {repairs} repair{'s' * (repairs != 1)}"


def check_origin(origin: tuple[float, float]) -> None:
    """Raises ValueError for a (latitude, longitude) [deg] that is nowhere on earth."""
    latitude, longitude = origin
    if not (-90.0 <= latitude <= 90.0 and -180.0 <= longitude <= 180.0):
        raise ValueError(f"the origin ({latitude}, {longitude}) is no latitude and longitude in degrees")


def load_map(path: str, origin: tuple[float, float] | None, config: MapConfig) -> LoadedMap:
    """The map file `path` in the frame of `config`; `origin` as for `read_road_network`.

    Raises MapError, one sentence naming the file, the element and its defect.
    """
    if not path:
        raise MapError("the path of the map is empty; name a map file")
    if origin is not None:
        try:
            check_origin(origin)
        except ValueError as error:
            raise MapError(f"{path}: {error}; give it in WGS 84") from error
    file = Path(path).expanduser()
    try:
        read = read_cached(file, origin) if config.use_cache else _read(file, origin)
    except MapError:
        raise
    except Exception as error:  # the node has to answer, whatever a reader stumbles over
        raise MapError(f"{path}: cannot be read ({error!r}); mend the map") from error
    return LoadedMap(file, replace(read.network, frame_id=config.frame_id), read.from_cache, read.note)


def _read(file: Path, origin: tuple[float, float] | None) -> CachedRead:
    return CachedRead(read_road_network(file, origin), False, f"{file}: read, as use_cache is false.")
