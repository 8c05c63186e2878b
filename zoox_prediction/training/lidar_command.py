"""`zoox-prediction train-lidar`: makes the file of the lidar detector's classifier, from made-up sweeps."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from zoox_prediction import __version__
from zoox_prediction.detection.lidar.classifier import OUTPUTS, Classifier, classifier_document, softmax
from zoox_prediction.detection.lidar.config import LidarDetectorConfig
from zoox_prediction.errors import InputError
from zoox_prediction.progress import progress_bar
from zoox_prediction.training.lidar_classifier import fit_classifier
from zoox_prediction.training.lidar_samples import BACKGROUND, Samples, draw_samples, join_samples

_TEST_SEED = 1_000_000  # scenes from here on are only judged on

_EPILOG = """\
Scenes are drawn from their seeds: road users of all kinds, close together, among poles, trees, bushes, fences, walls
and houses, seen by the vehicle's own lidars or by one on the roof. No recording is used, so the file may be used for
anything. The same seeds and version give the same file. A node uses it by its parameter classifier_file.

example: zoox-prediction train-lidar --scenes 1000 --out config/lidar_classifier.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = _EPILOG
    parser.add_argument("--scenes", type=int, default=1000, metavar="N", help="sweeps to draw, default %(default)s")
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="of the first sweep, default %(default)s")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="JSON file to write")


def run(arguments: argparse.Namespace) -> int:
    """Draws, fits, judges and writes; raises InputError for what the user can mend."""
    if not 10 <= arguments.scenes <= _TEST_SEED or not 0 <= arguments.seed <= _TEST_SEED - arguments.scenes:
        raise InputError(f"--scenes {arguments.scenes} --seed {arguments.seed}: give 10 to {_TEST_SEED} from seed 0 on")
    if not arguments.out.absolute().parent.is_dir():
        raise InputError(f"--out {arguments.out}: its folder does not exist; make it first")
    tests = max(arguments.scenes // 10, 5)
    seeds = [*range(arguments.seed, arguments.seed + arguments.scenes), *range(_TEST_SEED, _TEST_SEED + tests)]
    config, parts = LidarDetectorConfig(), []
    with progress_bar("drawing sweeps") as bar:
        for count, seed in enumerate(seeds):
            bar(count / len(seeds), f"sweep {count + 1} of {len(seeds)}")
            parts.append(draw_samples(seed, config))
    samples, judged = join_samples(parts[:-tests]), join_samples(parts[-tests:])
    with progress_bar("fitting") as bar:
        classifier = fit_classifier(samples, progress=lambda share: bar(share, "fitting"))
    lines = judge(classifier, judged)
    write(arguments.out, classifier, arguments.scenes, arguments.seed, len(samples), lines)
    print(f"{arguments.out}: fitted to {len(samples)} clusters of {arguments.scenes} sweeps; on {tests} others:")
    for line in lines:
        print(f"  {line}")
    return 0


def write(path: Path, classifier: Classifier, scenes: int, seed: int, num_samples: int, lines: list[str]) -> None:
    """The file of a classifier with what it was fitted to, a layer on a line."""
    provenance = {
        "made_by": f"zoox-prediction {__version__} train-lidar --scenes {scenes} --seed {seed}",
        "training_data": "made-up sweeps only, no recordings",
        "clusters": num_samples,
        "on_other_sweeps": lines,
    }
    document = classifier_document(classifier, provenance)
    rows = [f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in document.items()]
    path.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")


def judge(classifier: Classifier, samples: Samples) -> list[str]:
    """What the classifier makes of samples that it was not fitted to, class by class."""
    shares = softmax(classifier.logits(samples.features))
    exists = shares[:, BACKGROUND] < 0.5
    kind = shares[:, :BACKGROUND].argmax(axis=1)
    lines = []
    for column, output in enumerate(OUTPUTS[:BACKGROUND]):
        rows = samples.label == column
        name = str(getattr(output, "name", output)).lower()
        found, right = exists[rows], kind[rows] == column
        if rows.any():
            lines.append(
                f"{name}: {found.mean():.0%} of {rows.sum()} told from the background, class of {right.mean():.0%}"
            )
    rows = samples.label == BACKGROUND
    lines.append(
        f"background: {np.mean(exists[rows]) if rows.any() else 0.0:.1%} of {rows.sum()} taken for a road user"
    )
    return lines
