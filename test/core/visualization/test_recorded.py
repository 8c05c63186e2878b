"""The view of a whole recording: around the ego, or still where there is none."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from zoox_prediction.recording.generated import generated_log
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.visualization.recorded import RecordingView, every_scene, scene_at


@pytest.fixture(scope="module")
def log() -> RecordedLog:
    return generated_log(0, 2.0)


def test_every_frame_but_the_last_is_a_scene_as_it_was_known_then(log: RecordedLog) -> None:
    scenes = list(every_scene(log))
    assert [scene.stamp_ns for scene in scenes] == log.stamps_ns[:-1].tolist()
    assert not scenes[0].past_valid[:, :-1].any()
    assert scenes[10].past_valid[:, -11:].all()


@pytest.mark.parametrize(("seconds", "frame"), [(0.0, 0), (0.3, 3), (0.39, 3), (1.1, 11), (1.15, 11)])
def test_the_scene_at_a_time_is_that_of_the_last_frame_until_then(log: RecordedLog, seconds: float, frame: int) -> None:
    assert scene_at(log, seconds).stamp_ns == log.stamps_ns[frame]


@pytest.mark.parametrize("roadside", [True, False])
def test_the_view_stands_still_without_an_ego_and_follows_it_otherwise(log: RecordedLog, roadside: bool) -> None:
    log = replace(log, ego=()) if roadside else log
    view = RecordingView(log)
    first, *_, last = islice(every_scene(log), 15)
    pictures = [view.draw(scene, None) for scene in (first, last)]
    same = np.mean(np.all(pictures[0] == pictures[1], axis=-1))
    assert (same > 0.96) == roadside
