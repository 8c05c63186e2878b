"""`zoox-prediction render scored`: the best, median and worst scenes of an evaluation, around whom was missed most."""

from __future__ import annotations

import argparse
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.evaluation import eth_ucy
from zoox_prediction.evaluation.evaluation_run import labelled_predictors, make_predictors
from zoox_prediction.evaluation.scene_errors import RANKS
from zoox_prediction.evaluation.score_files import read_score_files
from zoox_prediction.prediction.predictor import Predictor
from zoox_prediction.prediction.scene_history import SceneHistoryConfig
from zoox_prediction.progress import progress_bar
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.recording.looking_back import observed_only
from zoox_prediction.recording.sources import find_recordings, open_recording
from zoox_prediction.scene import Scene
from zoox_prediction.visualization import palette
from zoox_prediction.visualization.birds_eye import Entry, ViewConfig, draw_scene
from zoox_prediction.visualization.canvas import Canvas
from zoox_prediction.visualization.film import FilmWriter
from zoox_prediction.visualization.picture import write_png
from zoox_prediction.visualization.recorded import FRAMES_PER_S, every_scene

_BEFORE_S, _AFTER_S = 1.0, 8.0  # of a film, around the scene that was scored
_MIN_WIDTH_M, _MAX_WIDTH_M = 50.0, 160.0
_SPACE = 1.6  # picture to what must be in it
_LONG_NAME = 32  # characters; more of a recording's name would leave no place for the rest of the title
_RING_M = 3.0  # around the agent that was missed most
_ANGLE = np.linspace(0.0, 2.0 * np.pi, 48, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLE), np.sin(_ANGLE)], axis=1)

EPILOG = """\
SCORES are of 'zoox-prediction evaluate --json'; each of their scenes becomes a picture, or a film of the seconds around
it: predictions in green, what really happened in blue, and in the middle the agent that was missed most.

example: zoox-prediction render scored scores.json --recordings worlds/ --rank worst --films --out films
"""


def add_scored_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("scores", type=Path, metavar="SCORES", help="JSON of an evaluation")
    parser.add_argument("--recordings", nargs="+", required=True, type=Path, metavar="PATH", help="as for 'evaluate'")
    parser.add_argument(
        "--predictor", nargs="+", metavar="NAME", help="as for 'evaluate', default all that the scenes are of"
    )
    parser.add_argument("--rank", nargs="+", choices=RANKS, default=RANKS, help="which scenes, default all")
    parser.add_argument("--films", action="store_true", help="films in place of pictures")
    parser.add_argument("--out", type=Path, default=Path("scenes"), metavar="DIR", help="default: %(default)s")


def render_scored(arguments: argparse.Namespace) -> int:
    """Writes the pictures and prints their names; raises InputError when a recording of a scene is not there."""
    rows = [row for row in read_score_files([arguments.scores]).scenes if row["rank"] in arguments.rank]
    names = labelled_predictors(arguments.predictor or list(dict.fromkeys(row["predictor"] for row in rows)))
    rows = [row for row in rows if row["predictor"] in names]
    if not rows:
        raise InputError(f"{arguments.scores}: has no such scene; leave out --predictor or --rank")
    predictors = make_predictors(names)
    missing = {(row["dataset"], row["recording"]) for row in rows}
    with progress_bar("") as bar:
        for log in _logs(arguments.recordings, {str(row["recording"]) for row in rows}):
            mine = [row for row in rows if (row["dataset"], row["recording"]) == (_dataset(log), log.name)]
            for row in mine:
                bar(1.0 - len(missing) / len(rows), log.name)
                print(_draw(log, row, predictors[row["predictor"]], arguments.out, arguments.films))
            missing -= {(row["dataset"], row["recording"]) for row in mine}
            if not missing:
                return 0
    dataset, name = sorted(missing)[0]
    raise InputError(f"--recordings: the recording {name} of {dataset} is not among them; give its folder too")


def _logs(paths: Sequence[Path], wanted: Collection[str]) -> Iterator[RecordedLog]:
    """All recordings; first those whose files are called like the wanted ones, for the others need not be opened."""
    sources, problems = find_recordings(paths)
    if problems:
        raise InputError(problems[0])
    likely = [
        any(name.endswith(each.path.stem) or each.path.stem.endswith(name) for name in wanted) for each in sources
    ]
    for index in sorted(range(len(sources)), key=lambda index: not likely[index]):
        yield open_recording(sources[index])


def _dataset(log: RecordedLog) -> str:
    return eth_ucy.dataset_of(log) if eth_ucy.is_of_benchmark(log) else log.dataset


def _draw(log: RecordedLog, row: Mapping[str, Any], predictor: Predictor, folder: Path, film: bool) -> Path:
    """Writes one picture or film; returns its path."""
    words = (row["dataset"], row["predictor"], row["rank"], row["recording"])
    path = folder / (re.sub(r"[^\w.-]+", "_", "-".join(map(str, words))) + (".webm" if film else ".png"))
    history = SceneHistoryConfig()
    if eth_ucy.is_of_benchmark(log):
        log, history = observed_only(log), eth_ucy.protocol_config().history
    at_ns = int(log.stamps_ns[0]) + round(row["at_s"] * 1e9)
    view = _View(log, row, predictor, next(each for each in every_scene(log, history) if each.stamp_ns >= at_ns))
    if not film:
        write_png(path, view.draw(view.scored))
        return path
    with FilmWriter(path, FRAMES_PER_S) as writer:
        for scene in every_scene(log, history):
            if -_BEFORE_S <= (scene.stamp_ns - at_ns) * 1e-9 <= _AFTER_S:
                writer.write(view.draw(scene))
    return path


class _View:
    """The same piece of ground throughout: what the agent that was missed most does, and what was said of it."""

    def __init__(self, log: RecordedLog, row: Mapping[str, Any], predictor: Predictor, scored: Scene) -> None:
        self._log, self._row, self._predictor, self.scored = log, row, predictor, scored
        points = self._ground()
        low, high = points.min(axis=0), points.max(axis=0)
        width = float(np.clip(_SPACE * max(high - low), _MIN_WIDTH_M, _MAX_WIDTH_M))
        self._center, self._config = 0.5 * (low + high), ViewConfig(width_m=width)

    def _ground(self) -> NDArray[np.float64]:
        """(n, 2) where the agent was, was to be and is said to be."""
        agent = int(self._row["worst_agent"])
        said = self._predictor.predict(self.scored)
        rows = np.flatnonzero(said.ids == agent)
        truth = self._log.future([agent], self.scored.stamp_ns, said.time_step_s, said.num_steps)
        used = [said.position[row][said.probability[row] > 0.0].reshape(-1, 2) for row in rows]
        ground: NDArray[np.float64] = np.concatenate([truth.position[truth.valid], *used])
        return ground if len(ground) else self.scored.agents.position[:, :2]

    def draw(self, scene: Scene) -> NDArray[np.uint8]:
        said = self._predictor.predict(scene)
        truth = self._log.future(said.ids, scene.stamp_ns, said.time_step_s, said.num_steps)
        seconds = (scene.stamp_ns - int(self._log.stamps_ns[0])) * 1e-9
        row = self._row
        name = str(row["recording"])
        title = (
            f"{name if len(name) <= _LONG_NAME else name[: _LONG_NAME - 3] + '...'}, {seconds:.1f} s: {row['rank']} "
            f"of {row['predictor']} at {row['at_s']:.1f} s, minFDE {row['min_fde_m']:.1f} m; "
            f"agent {row['worst_agent'] % 100_000} {row['worst_m']:.1f} m"  # as the pictures' labels have it
        )

        def mark(canvas: Canvas) -> list[Entry]:
            place = scene.agents.position[scene.agents.ids == row["worst_agent"], :2]
            canvas.polylines([each + _RING_M * _CIRCLE for each in place], palette.PLAN, 3, closed=True)
            return [("missed most", palette.PLAN)]

        return draw_scene(scene, said, truth, config=self._config, center=self._center, title=title, over=[mark])
