"""`zoox-prediction render raster` and `render channels`: what the network sees, and its documentation."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from zoox_prediction.errors import InputError
from zoox_prediction.raster.channels import load_channel_table
from zoox_prediction.raster.config import RasterConfig
from zoox_prediction.raster.rasterizer import Rasterizer
from zoox_prediction.recording.sources import find_one_recording, open_recording
from zoox_prediction.visualization.output import prepare_output
from zoox_prediction.visualization.picture import write_png
from zoox_prediction.visualization.raster_composite import draw_labelled_composite
from zoox_prediction.visualization.raster_document import channel_document
from zoox_prediction.visualization.raster_sheet import draw_sheet
from zoox_prediction.visualization.recorded import scene_at, still_center

_COMPOSITE_PX = 1024  # the composite is at least this large


def add_raster_arguments(parser: argparse.ArgumentParser) -> None:
    defaults = RasterConfig()
    parser.add_argument("recording", type=Path, help="bag, or anything that `zoox-prediction convert` reads")
    parser.add_argument("--at", type=float, required=True, metavar="SECONDS", help="time into the recording")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("raster.png"),
        help="picture in colours (default: %(default)s); the sheet of all channels gets a name with _channels",
    )
    parser.add_argument("--size-px", type=int, default=defaults.size_px, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--resolution-m",
        type=float,
        default=defaults.resolution_m,
        metavar="M",
        help="of a pixel (default: %(default)s)",
    )
    parser.add_argument(
        "--center",
        type=float,
        nargs=3,
        metavar=("X", "Y", "YAW"),
        help="of the raster in the map, where the recording has no ego [m, rad] (default: amid the traffic, east up)",
    )


def render_raster(arguments: argparse.Namespace) -> int:
    """Writes the composite and the contact sheet. Raises InputError for what a person can mend."""
    config = _config(arguments)
    sheet = arguments.output.with_name(f"{arguments.output.stem}_channels.png")
    prepare_output(arguments.output, ".png")
    log = open_recording(find_one_recording(arguments.recording))
    for problem in log.problems:
        print(f"zoox-prediction: {problem}", file=sys.stderr)
    center = still_center(log)
    if center is not None and arguments.center is None:
        config = replace(config, center_x_m=float(center[0]), center_y_m=float(center[1]))
    scene = scene_at(log, arguments.at)
    table = load_channel_table()
    raster = Rasterizer(config, table).rasterize(scene)
    size = f"{config.size_px} px of {config.resolution_m:g} m"
    title = f"{log.name}, {(scene.stamp_ns - log.stamps_ns[0]) * 1e-9:.1f} s, {size}"
    scale = -(-_COMPOSITE_PX // config.size_px)
    write_png(arguments.output, draw_labelled_composite(raster, table, config.resolution_m, title, scale))
    write_png(sheet, draw_sheet(raster, table, title))
    print(arguments.output)
    print(sheet)
    return 0


def print_channels() -> int:
    print(channel_document(load_channel_table()), end="")
    return 0


def _config(arguments: argparse.Namespace) -> RasterConfig:
    x, y, yaw = arguments.center or (0.0, 0.0, 0.0)
    given = {"size_px": arguments.size_px, "resolution_m": arguments.resolution_m}
    try:
        # The map under any raster that a person asks for fits into the cache.
        config = RasterConfig(**given, tile_cache_mb=4096.0, center_x_m=x, center_y_m=y, center_yaw_rad=yaw)
    except ValueError as error:
        raise InputError(f"--size-px, --resolution-m, --center: {error}") from error
    return config
