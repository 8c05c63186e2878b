"""From inputs to predictions and answers, with the threads that a node has."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from zoox_prediction.errors import InputError
from zoox_prediction.evaluation.benchmark_scenes import observations, plans_for, scene_on
from zoox_prediction.evaluation.benchmark_town import town
from zoox_prediction.prediction import pipeline as pipeline_module
from zoox_prediction.prediction.config import PredictionConfig
from zoox_prediction.prediction.pipeline import PredictionPipeline
from zoox_prediction.scene import Source


@pytest.fixture
def pipeline():
    made = PredictionPipeline(PredictionConfig())
    yield made
    made.close()


def drive(pipeline, count=20, frames=21):
    """Feeds agents and the ego; the scene that should come of it."""
    scene = scene_on(town(1), count)
    for frame in observations(town(1), count)[:frames]:
        pipeline.add_ego(replace(scene.ego, stamp_ns=frame.stamp_ns))
        pipeline.add_agents(frame)
    return scene


def test_no_cycle_after_a_map_falls_back(pipeline):
    """The deadline is generous for a prediction, and far too short for what a new map takes to prepare."""
    deadline_s = 0.3
    for network in (replace(town(2)), replace(town(4))):
        slow = PredictionPipeline(replace(PredictionConfig(), guard=replace(PredictionConfig().guard, deadline_s=0.3)))
        drive(slow)
        original = slow._per_map._make

        def make(of=original):
            predictor = of()
            once = threading.Event()
            predict = predictor.predict

            def first_is_slow(scene):
                if not once.is_set() and len(scene.road_network.lanes):
                    once.set()
                    time.sleep(2.0 * deadline_s)
                return predict(scene)

            predictor.predict = first_is_slow
            return predictor

        slow._per_map._make = make
        assert slow.set_road_network(network) == []
        for _ in range(3):
            cycle = slow.repeat(slow.newest_stamp_ns)
            assert cycle.problems == ()
            assert not np.any(cycle.predictions.source == Source.HEURISTIC_FALLBACK)
        assert slow._scene()[0].road_network is network
        slow.close()


def test_predictions_go_on_while_a_map_is_prepared(pipeline):
    drive(pipeline)
    preparing, go_on = threading.Event(), threading.Event()
    original = pipeline._per_map.prepare

    def prepare(*arguments):
        preparing.set()
        assert go_on.wait(10.0)
        original(*arguments)

    pipeline._per_map.prepare = prepare
    thread = threading.Thread(target=pipeline.set_road_network, args=(town(1),))
    thread.start()
    assert preparing.wait(10.0)
    assert pipeline.predict() is not None
    assert len(pipeline._scene()[0].road_network.lanes) == 0
    go_on.set()
    thread.join(10.0)
    assert pipeline._scene()[0].road_network is town(1)


def test_a_query_pauses_while_something_urgent_runs(pipeline, monkeypatch):
    scene = drive(pipeline)
    pipeline.predict()
    monkeypatch.setattr(pipeline_module, "_MAX_PAUSE_S", 30.0)
    answers = []
    with pipeline.urgent(), pipeline.urgent():
        query = threading.Thread(target=lambda: answers.append(pipeline.answer(plans_for(scene, 2))))
        query.start()
        query.join(0.3)
        assert query.is_alive()
    query.join(10.0)
    assert len(answers) == 1
    assert len(answers[0].predictions) == 2


def test_a_hung_prediction_does_not_stop_queries_for_ever(pipeline):
    scene = drive(pipeline, count=2)
    pipeline.predict()
    with pipeline.urgent():
        started_s = time.monotonic()
        assert len(pipeline.answer(plans_for(scene, 8)).predictions) == 8
    assert time.monotonic() - started_s < 1.0  # paused once, not between all of its steps


def test_a_query_reuses_the_cycle_of_its_scene(pipeline, monkeypatch):
    scene = drive(pipeline)
    cycle = pipeline.predict()

    def fail(_):
        raise AssertionError("asked again")

    monkeypatch.setattr(pipeline._query_predictor, "predict", fail)
    monkeypatch.setattr(pipeline._history, "scene", fail)
    answer = pipeline.answer(plans_for(scene, 1), cycle.predictions.ids[:3])
    np.testing.assert_array_equal(answer.ids, cycle.predictions.ids[:3])


@pytest.mark.parametrize("change", ["agents", "map", "reset"])
def test_what_is_no_longer_so_is_not_reused(pipeline, change):
    scene = drive(pipeline, frames=20)
    pipeline.predict()
    newest = observations(town(1), 20)[-1]
    if change == "reset":
        pipeline.reset()
        with pytest.raises(InputError, match="no tracked agents"):
            pipeline.answer(plans_for(scene, 1))
        return
    if change == "agents":
        pipeline.add_agents(newest)
    else:
        pipeline.set_road_network(town(1))
    found, known = pipeline._newest()
    assert known is None
    assert found.stamp_ns == pipeline.newest_stamp_ns
    assert len(found.road_network.lanes) == (len(town(1).lanes) if change == "map" else 0)


def test_cycles_continue_each_other_until_a_reset(pipeline):
    """The predictor turns its columns round from cycle to cycle; the pipeline turns them back."""
    frames = observations(town(1), 5)
    guarded, cycles = pipeline._predictor, []
    predict = guarded.predict

    def turned(scene):
        made, columns = predict(scene), np.roll(np.arange(6), len(cycles))
        names = ("probability", "position", "yaw", "speed", "covariance")
        return replace(made, **{name: getattr(made, name)[:, columns] for name in names})

    guarded.predict = turned
    for frame in frames[:20]:
        pipeline.add_agents(frame)
    cycles.append(pipeline.predict())
    pipeline.add_agents(frames[20])
    cycles.append(pipeline.predict())
    first, second = (each.predictions.position[:, :, 60] for each in cycles)
    assert np.abs(first - second).max() < 3.0
    pipeline.reset()
    for frame in frames[19:]:
        pipeline.add_agents(frame)
    anew = pipeline.predict().predictions.position[:, :, 60]
    assert np.abs(anew - second).max() > 5.0
