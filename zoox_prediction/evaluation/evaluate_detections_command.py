"""`zoox-prediction evaluate-detections`: what each kind of sensors of a recording finds alone, and all together."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.table import Table

from zoox_prediction.config import load_yaml
from zoox_prediction.detection.config import DetectionConfig
from zoox_prediction.detections import MODALITIES
from zoox_prediction.errors import InputError
from zoox_prediction.evaluation import tables
from zoox_prediction.evaluation.detection_scores import JudgedFrame, MatchingRule, score_frames
from zoox_prediction.evaluation.sensor_kinds import LabelScope, detection_frames, track_frames
from zoox_prediction.evaluation.tracking_run import detect_recording
from zoox_prediction.progress import progress_bar
from zoox_prediction.resources import resource_path
from zoox_prediction.tracking.pipeline import TrackingNodeConfig

_EPILOG = """\
A label is found by a box whose centre is in the label or within --max-distance of it (of a long vehicle one end may be
seen), or that covers it by --min-iou (intersection over union), all from above. Every label is given to one box, the
surest box chooses first; what is left over is false. All boxes within --radius around the ego count, of any class and
any existence probability; "recall at F" is that of the surest boxes only, of which F a frame are false, which compares
sensors that say much with sensors that say little.

Rows of detections compare the messages at the stamps of the labels (at most 0.06 s off, moved by the label's velocity),
where all kinds of sensors have looked; together, boxes of one thing are one box with the existence of both. Rows of
tracks are those of a tracker that listens to these sensors only. Cameras give no boxes in space, so they have tracks
alone. All labels count, also of what no sensor sees, unless --min-points asks for points of the lidars on them.

example: zoox-prediction convert radiate radiate/tiny_foggy fog
         zoox-prediction evaluate-detections fog
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    rule, scope = MatchingRule(), LabelScope()
    parser.epilog = _EPILOG
    parser.add_argument("recordings", nargs="+", type=Path, metavar="BAG", help="with sensors and ground truth")
    parser.add_argument(
        "--without", nargs="+", choices=sorted(MODALITIES), default=[], help="kinds of sensors that are left out"
    )
    parser.add_argument(
        "--max-distance",
        type=float,
        default=rule.max_distance_m,
        metavar="M",
        help="of a centre from a label, default %(default)g",
    )
    parser.add_argument("--min-iou", type=float, default=rule.min_iou, metavar="IOU", help="default %(default)g")
    parser.add_argument(
        "--radius", type=float, default=scope.radius_m, metavar="M", help="around the ego, default %(default)g"
    )
    parser.add_argument(
        "--min-points", type=int, default=scope.min_points, metavar="N",
        help="of all lidars on a label that counts, default %(default)s",
    )  # fmt: skip
    parser.add_argument(
        "--false-per-frame", type=float, default=5.0, metavar="F", help='of "recall at F", default %(default)g'
    )
    parser.add_argument("--detection-config", type=Path, metavar="FILE", help="instead of config/detection_node.yaml")
    parser.add_argument("--tracking-config", type=Path, metavar="FILE", help="instead of config/tracking_node.yaml")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")


def run(arguments: argparse.Namespace) -> int:
    """Prints the table and writes the JSON; raises InputError for what the user can mend."""
    if arguments.json is not None:
        tables.check_writable(arguments.json)
    if not (0.0 < arguments.radius < math.inf and 0.0 < arguments.max_distance < math.inf):
        raise InputError("--radius and --max-distance must be above 0")
    if not (0.0 < arguments.min_iou <= 1.0 and arguments.min_points >= 0 and arguments.false_per_frame >= 0.0):
        raise InputError("--min-iou must be above 0, at most 1, --min-points and --false-per-frame at least 0")
    detection = load_yaml(
        DetectionConfig, arguments.detection_config or resource_path("config/detection_node.yaml"), "detection_node"
    )
    tracking = load_yaml(
        TrackingNodeConfig, arguments.tracking_config or resource_path("config/tracking_node.yaml"), "tracking_node"
    )
    rule = MatchingRule(arguments.max_distance, arguments.min_iou)
    scope = LabelScope(arguments.radius, arguments.min_points)
    frames: dict[tuple[str, str], list[JudgedFrame]] = {}
    problems: dict[str, None] = {}
    with progress_bar("recordings") as progress:
        for done, path in enumerate(arguments.recordings):
            progress(done / len(arguments.recordings), path.name)
            recording = detect_recording(path, detection, {MODALITIES[name] for name in arguments.without})
            problems |= dict.fromkeys(f"{path}: {each}" for each in recording.problems)
            for name, each in detection_frames(recording, rule, scope).items():
                frames.setdefault(("detections", name), []).extend(each)
            for name, each in track_frames(recording, tracking, scope).items():
                frames.setdefault(("tracks", name), []).extend(each)
    rows = list(score_rows(frames, rule, arguments.false_per_frame))
    tables.console().print(_table(rows, arguments.false_per_frame))
    for problem in problems:
        tables.console().print(problem, markup=False, highlight=False)
    if arguments.json is not None:
        tables.write_json(arguments.json, rows)
    return 0


def score_rows(
    frames: Mapping[tuple[str, str], Sequence[JudgedFrame]], rule: MatchingRule, false_per_frame: float
) -> Iterator[dict[str, object]]:
    """A row for every kind of boxes and group of sensors; raises InputError when there is no label to be found."""
    for (boxes, sensors), each in frames.items():
        scores = score_frames(each, rule, false_per_frame)
        if not scores.num_labels:
            raise InputError("no label counts at the stamps of the sensors; widen --radius or lower --min-points")
        yield {"boxes": boxes, "sensors": sensors, **vars(scores)}


def _table(rows: Sequence[Mapping[str, object]], false_per_frame: float) -> Table:
    names = {
        "boxes": "boxes", "sensors": "sensors", "num_frames": "frames", "num_labels": "labels", "recall": "recall",
        "false_per_frame": "false per frame", "precision": "precision",
        "recall_at_false": f"recall at {false_per_frame:g}",
    }  # fmt: skip
    table = Table(*names.values())
    for row in rows:
        cells = (row[name] for name in names)
        table.add_row(*(f"{each:.2f}" if isinstance(each, float) else str(each) for each in cells))
    return table
