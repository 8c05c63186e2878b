"""What the demo leaves behind: pictures, the film, metrics.json."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from zoox_prediction.demo.chain import DETECTIONS_TOPIC, TRACKS_TOPIC
from zoox_prediction.demo.plans import PLAN_NAMES, candidate_plans
from zoox_prediction.demo.session import PREDICTIONS_BAG, PREDICTIONS_TOPIC, what_if_topic
from zoox_prediction.evaluation.protocol import ProtocolConfig, evaluate_log
from zoox_prediction.evaluation.tables import write_json
from zoox_prediction.evaluation.tracked_log import tracked_log
from zoox_prediction.prediction.config import PredictionConfig
from zoox_prediction.progress import progress_bar
from zoox_prediction.recording.bag import BagReader
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.recording.messages import (
    detections_from_message,
    predictions_from_message,
    tracked_agents_from_message,
)
from zoox_prediction.scene import EgoState, PredictedTrajectories, Scene, TrackedAgents
from zoox_prediction.visualization.birds_eye import ViewConfig, draw_scene
from zoox_prediction.visualization.film import FilmWriter
from zoox_prediction.visualization.picture import write_png
from zoox_prediction.visualization.recorded import FRAMES_PER_S, RecordingView, every_scene
from zoox_prediction.visualization.sensing_view import SensingView
from zoox_prediction.visualization.sensor_picture import draw_sensors

_IN_VIEW_M = 45.0  # of the ego, in a picture of the usual width


@dataclass
class RecordedPredictions:
    """A predictor that answers with what was published for the scene's stamp, `renamed` like the scene's agents."""

    by_stamp: dict[int, PredictedTrajectories]
    renamed: dict[int, dict[int, int]]  # per stamp: id in the scene of a published id; none: the same
    name: str
    version: str

    def predict(self, scene: Scene) -> PredictedTrajectories:
        published = self.by_stamp[scene.stamp_ns]
        names = self.renamed.get(scene.stamp_ns)
        if names is None:
            return published
        row_of = {names[each]: row for row, each in enumerate(published.ids.tolist()) if each in names}
        if not row_of.keys() >= set(scene.agents.ids.tolist()):
            return published  # an agent without a path, of which the account tells and which the evaluation refuses
        rows = np.array([row_of[each] for each in scene.agents.ids.tolist()], dtype=np.int64)
        chosen = {
            each.name: getattr(published, each.name)[rows]
            for each in fields(published)
            if isinstance(getattr(published, each.name), np.ndarray) and each.name != "ids"
        }
        return replace(published, ids=scene.agents.ids, **chosen)


@dataclass(frozen=True)
class Played:
    """A recording, and what was published while it was played."""

    bag: Path
    log: RecordedLog
    output: Path
    predictions: dict[int, PredictedTrajectories]  # by stamp, the first of each
    tracks: tuple[TrackedAgents, ...]  # of the tracker; empty when it was predicted from the recording's own tracks

    @property
    def seen(self) -> RecordedLog:
        """The log with the agents that predictions were made for."""
        return replace(self.log, agents=self.tracks) if self.tracks else self.log


def write_report(
    bag: Path, log: RecordedLog, output: Path, account: dict[str, Any], config: PredictionConfig, *, film: bool
) -> list[Path]:
    """Writes everything from the bag of what was published in `output`, and from the recording `bag`, whose log is
    `log`; returns the paths, in the order to look at them.
    """
    played = Played(bag, log, output, *_published(output / PREDICTIONS_BAG))
    paths = [output / "metrics.json"]
    _write_metrics(paths[0], played, account, config)
    drawn = [scene for scene in every_scene(played.seen, config.history) if scene.stamp_ns in played.predictions]
    if not drawn:
        return paths
    view = _view(played)
    liveliest = max(drawn, key=lambda scene: _liveliness(played.seen, scene))
    write_png(output / "scene.png", view.draw(liveliest, played.predictions[liveliest.stamp_ns]))
    paths.append(output / "scene.png")
    what_if = account.get("what_if")
    if what_if is not None:
        _draw_what_if(log, drawn, what_if, output)
        paths.append(output / "what_if.png")
    sensors = draw_sensors(bag, liveliest)
    if sensors is not None:
        write_png(output / "sensors.png", sensors)
        paths.append(output / "sensors.png")
    if film:
        _write_film(view, drawn, played.predictions, output / "film.webm")
        paths.append(output / "film.webm")
    return paths


def _view(played: Played) -> RecordingView | SensingView:
    if not played.tracks:
        return RecordingView(played.log)
    messages = BagReader(played.output / PREDICTIONS_BAG).messages([DETECTIONS_TOPIC])
    return SensingView(played.bag, played.log, [detections_from_message(each.message) for each in messages])


def _liveliness(log: RecordedLog, scene: Scene) -> int:
    """How many moving agents in view have known next 5 s: the picture is of the scene with the most."""
    moving = scene.agents.speed > 0.5
    if scene.ego is not None:
        moving &= np.linalg.norm(scene.agents.position[:, :2] - scene.ego.position, axis=1) < _IN_VIEW_M
    future = log.future(scene.agents.ids[moving], scene.stamp_ns, 1.0, 5)
    return int(future.valid[:, -1].sum())


def _published(path: Path) -> tuple[dict[int, PredictedTrajectories], tuple[TrackedAgents, ...]]:
    """The first published predictions of every stamp (a scene may be predicted again when nothing new came), and all
    tracks, in the order of time.
    """
    predictions: dict[int, PredictedTrajectories] = {}
    tracks: dict[int, TrackedAgents] = {}
    reader = BagReader(path)
    for topic, _, message in reader.messages([PREDICTIONS_TOPIC, TRACKS_TOPIC]):
        if topic == PREDICTIONS_TOPIC:
            found = predictions_from_message(message)
            predictions.setdefault(found.stamp_ns, found)
        else:
            agents = tracked_agents_from_message(message)
            tracks[agents.stamp_ns] = agents
    return predictions, tuple(tracks[stamp] for stamp in sorted(tracks))


def _write_metrics(path: Path, played: Played, account: dict[str, Any], config: PredictionConfig) -> None:
    """The account of the run, and the evaluation's figures over the scenes that were published."""
    rows: list[dict[str, object]] = []
    log, renamed = played.log, {}
    if played.tracks:
        log = tracked_log(played.log, played.tracks)
        renamed = {
            own.stamp_ns: dict(zip(own.ids.tolist(), true.ids.tolist(), strict=True))
            for own, true in zip(played.tracks, log.agents, strict=True)
        }
    if played.predictions:
        any_predictions = next(iter(played.predictions.values()))
        name, version = any_predictions.predictor_name, any_predictions.predictor_version
        predictor = RecordedPredictions(played.predictions, renamed, name, version)
        known = replace(log, agents=tuple(agents for agents in log.agents if agents.stamp_ns in played.predictions))
        sums = evaluate_log(known, {predictor.name: predictor}, ProtocolConfig(history=config.history))
        key = {"dataset": log.dataset, "predictor": predictor.name}
        rows = [{**key, **row} for row in sums[predictor.name].rows()]
    write_json(path, rows, {"recording": log.name, "run": account})


def _draw_what_if(log: RecordedLog, drawn: list[Scene], what_if: dict[str, Any], output: Path) -> None:
    """One panel for each plan, side by side."""
    scene = min(drawn, key=lambda each: abs(each.stamp_ns - what_if["stamp_ns"]))
    ego = EgoState(
        what_if["stamp_ns"],
        np.asarray(what_if["ego"]["position"]),
        what_if["ego"]["yaw"],
        np.asarray(what_if["ego"]["velocity"]),
    )
    plans = candidate_plans(ego, log.road_network)
    scene = scene if scene.ego is not None else replace(scene, ego=ego)
    view = ViewConfig(width_m=70.0, width_px=640, height_px=960)
    reader = BagReader(output / PREDICTIONS_BAG)
    panels = []
    for plan, name in enumerate(PLAN_NAMES):
        for _, _, message in reader.messages([what_if_topic(plan)]):
            one = replace(
                plans, **{each: getattr(plans, each)[plan : plan + 1] for each in ("position", "yaw", "speed", "valid")}
            )
            title = f"what if: {name}"
            predictions = predictions_from_message(message)
            panels.append(draw_scene(scene, predictions, None, one, config=view, center=ego.position, title=title))
    if panels:
        write_png(output / "what_if.png", np.concatenate(panels, axis=1))


def _write_film(
    view: RecordingView | SensingView, drawn: list[Scene], published: dict[int, PredictedTrajectories], path: Path
) -> None:
    with progress_bar("drawing the film") as progress, FilmWriter(path, FRAMES_PER_S) as film:
        for number, scene in enumerate(drawn):
            film.write(view.draw(scene, published[scene.stamp_ns]))
            progress((number + 1) / len(drawn))
