"""`zoox-prediction evaluate-tracking`: the detectors and the tracker on recordings, against their ground truth."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from rich.table import Table

from zoox_prediction.config import load_yaml
from zoox_prediction.detections import Modality
from zoox_prediction.errors import InputError
from zoox_prediction.evaluation import tables
from zoox_prediction.evaluation.tracking_run import track_recording
from zoox_prediction.evaluation.tracking_scores import TrackingScope, score_tracks
from zoox_prediction.tracking.pipeline import TrackingNodeConfig

_EPILOG = """\
Every agent of the ground truth counts that the lidars have seen within the last second, within the radius. HOTA is over
the similarity of places, 1 where centres agree and 0 from 2 m on; NEES of the position is 2 when covariances are right.

example: zoox-prediction evaluate-tracking drives/scene_000040 --sensors lidar radar
"""
_COLUMNS = (
    "HOTA", "DetA", "AssA", "LocA", "MOTA", "id_switches", "false", "missed", "truth", "position_rms",
    "vehicle_velocity_rms", "position_nees",
)  # fmt: skip
_KINDS = {"lidar": Modality.LIDAR, "radar": Modality.RADAR}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = _EPILOG
    parser.add_argument("recordings", nargs="+", type=Path, metavar="BAG", help="with point clouds and ground truth")
    parser.add_argument(
        "--sensors", nargs="+", choices=sorted(_KINDS), default=sorted(_KINDS), help="that are tracked, default all"
    )
    parser.add_argument("--radius", type=float, default=60.0, metavar="M", help="around the ego, default %(default)g")
    parser.add_argument("--view", type=float, default=360.0, metavar="DEG", help="that the ground truth knows of")
    parser.add_argument("--config", type=Path, metavar="FILE", help="a tracking_node.yaml instead of the defaults")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")


def run(arguments: argparse.Namespace) -> int:
    """Prints the table and writes the JSON; raises InputError for what the user can mend."""
    if arguments.json is not None:
        tables.check_writable(arguments.json)
    if not (0.0 < arguments.radius < math.inf and 0.0 < arguments.view <= 360.0):
        raise InputError("--radius must be above 0 and --view above 0 and at most 360")
    config = load_yaml(TrackingNodeConfig, arguments.config, "tracking_node").tracker if arguments.config else None
    scope = TrackingScope(radius_m=arguments.radius, view_rad=math.radians(arguments.view))
    kinds = frozenset(_KINDS[name] for name in arguments.sensors)
    rows: list[dict[str, object]] = []
    table = Table("recording", "sensors", *_COLUMNS)
    for path in arguments.recordings:
        scores = score_tracks(track_recording(path, kinds, config), scope)
        rows.append({"recording": path.name, "sensors": " ".join(arguments.sensors), **scores})
        cells = (f"{scores[name]:.0f}" if float(scores[name]) > 50 else f"{scores[name]:.3f}" for name in _COLUMNS)
        table.add_row(path.name, " ".join(arguments.sensors), *cells)
    tables.console().print(table)
    if arguments.json is not None:
        tables.write_json(arguments.json, rows)
    return 0
