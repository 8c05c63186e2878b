"""A predictor may raise, lie, omit or sleep: every agent still gets a finite distribution."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from zoox_prediction.prediction.guarded import GuardConfig, GuardedPredictor, constant_velocity
from zoox_prediction.scene import PredictedTrajectories, Scene, Source, TrackedAgents

OFFLINE = GuardConfig(deadline_s=0.0)


def scene_of(count: int) -> Scene:
    ids = np.arange(count) * 3 + 1
    position = np.column_stack([10.0 * ids, -ids])
    velocity = np.column_stack([np.full(count, 8.0), np.linspace(-1.0, 1.0, count)])
    agents = TrackedAgents.from_states(5, ids, np.zeros(count), position, np.zeros(count), velocity)
    past = np.zeros((count, 1))
    return Scene(5, agents, position[:, None], past, velocity[:, None], past == 0)


class Scripted:
    """Gives a correct learned answer, changed by `script`."""

    name, version = "scripted", "3"

    def __init__(self, script=lambda predictions: predictions) -> None:
        self.script = script

    def predict(self, scene: Scene) -> PredictedTrajectories:
        right = constant_velocity(scene, GuardConfig(), 6, 80, 0.1)
        right.probability[:] = np.array([0.4, 0.3, 0.2, 0.1, 0.0, 0.0])
        right.source[:] = Source.LEARNED
        return self.script(replace(right, predictor_name="scripted", predictor_version="3"))


def check(predictions: PredictedTrajectories, scene: Scene) -> None:
    np.testing.assert_array_equal(predictions.ids, scene.agents.ids)
    np.testing.assert_allclose(predictions.probability.sum(axis=1), 1.0)
    for name in ("position", "yaw", "speed", "covariance"):
        assert np.isfinite(getattr(predictions, name)).all()
    assert (predictions.predictor_name, predictions.predictor_version) == ("scripted", "3")


def test_a_good_answer_passes_unchanged():
    scene, guarded = scene_of(4), GuardedPredictor(Scripted(), OFFLINE)
    predictions = guarded.predict(scene)
    check(predictions, scene)
    assert guarded.problems == ()
    assert (predictions.source == Source.LEARNED).all()
    np.testing.assert_allclose(predictions.probability[0], [0.4, 0.3, 0.2, 0.1, 0.0, 0.0])


def test_an_exception_is_replaced_for_all_agents():
    def fail(_):
        raise RuntimeError("first line\nsecond line")

    scene, guarded = scene_of(4), GuardedPredictor(Scripted(fail), OFFLINE)
    predictions = guarded.predict(scene)
    check(predictions, scene)
    assert (predictions.source == Source.HEURISTIC_FALLBACK).all()
    assert len(guarded.problems) == 1
    assert "RuntimeError: first line second line" in guarded.problems[0]
    expected = scene.agents.position[:, :2] + scene.agents.velocity * 8.0
    np.testing.assert_allclose(predictions.position[:, 0, -1], expected)


def spoil(name, value):
    def script(predictions):
        getattr(predictions, name)[2].flat[-1] = value
        return predictions

    return script


@pytest.mark.parametrize(
    "script",
    [
        spoil("position", np.nan),
        spoil("position", 1e5),
        spoil("yaw", np.inf),
        spoil("speed", np.nan),
        spoil("covariance", np.nan),
        spoil("covariance", -1.0),
        spoil("probability", 0.5),
        spoil("probability", -0.1),
        spoil("probability", np.nan),
    ],
)
def test_only_the_bad_agent_is_replaced(script):
    scene, guarded = scene_of(4), GuardedPredictor(Scripted(script), OFFLINE)
    predictions = guarded.predict(scene)
    check(predictions, scene)
    assert predictions.source.tolist() == [0, 0, Source.HEURISTIC_FALLBACK, 0]
    assert "agent 7;" in guarded.problems[0]
    np.testing.assert_allclose(predictions.probability[2], [1, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(predictions.probability[3], [0.4, 0.3, 0.2, 0.1, 0.0, 0.0])


def select(predictions, rows):
    names = ("ids", "agent_class", "probability", "position", "yaw", "speed", "covariance", "source")
    return replace(predictions, **{name: getattr(predictions, name)[rows] for name in names})


def test_missing_agents_are_added_and_the_order_is_the_scene_s():
    scene, guarded = scene_of(4), GuardedPredictor(Scripted(lambda p: select(p, [3, 0, 2])), OFFLINE)
    predictions = guarded.predict(scene)
    check(predictions, scene)
    assert predictions.source.tolist() == [0, Source.HEURISTIC_FALLBACK, 0, 0]
    np.testing.assert_allclose(
        predictions.position[:, 0, 0], scene.agents.position[:, :2] + 0.1 * scene.agents.velocity
    )


def test_an_answer_for_nobody_is_replaced():
    scene, guarded = scene_of(2), GuardedPredictor(Scripted(lambda p: select(p, [])), OFFLINE)
    check(guarded.predict(scene), scene)
    assert len(guarded.problems) == 1


def test_wrong_shapes_are_replaced():
    scene = scene_of(3)
    guarded = GuardedPredictor(Scripted(lambda p: replace(p, yaw=p.yaw[:, :, :5])), OFFLINE)
    check(guarded.predict(scene), scene)
    assert "yaw has the shape (3, 6, 5)" in guarded.problems[0]


@pytest.mark.parametrize("count", [0, 500])
def test_no_agents_and_many(count):
    scene, guarded = scene_of(count), GuardedPredictor(Scripted(), OFFLINE)
    check(guarded.predict(scene), scene)
    assert guarded.problems == ()


def test_even_a_scene_that_is_not_finite_is_answered():
    scene = scene_of(3)
    agents = replace(scene.agents, velocity=np.full((3, 2), np.nan))
    predictions = GuardedPredictor(Scripted(), OFFLINE).predict(replace(scene, agents=agents))
    check(predictions, scene)


def test_a_late_answer_is_replaced_and_nothing_queues_up():
    release, calls = threading.Event(), []

    def wait(predictions):
        calls.append(1)
        release.wait(10.0)
        return predictions

    scene, guarded = scene_of(2), GuardedPredictor(Scripted(wait), GuardConfig(deadline_s=0.02))
    check(guarded.predict(scene), scene)
    assert "took longer than 20 ms" in guarded.problems[0]
    for _ in range(3):
        check(guarded.predict(scene), scene)
        assert "still busy" in guarded.problems[0]
    assert len(calls) == 1
    release.set()
    guarded._worker._idle.wait(10.0)
    for _ in range(100):  # a loaded machine may be late a few times
        predictions = guarded.predict(scene)
        if not guarded.problems:
            break
        guarded._worker._idle.wait(10.0)
    check(predictions, scene)
    assert guarded.problems == ()
    assert (predictions.source == Source.LEARNED).all()
    guarded.close()
    check(guarded.predict(scene), scene)
    assert "closed" in guarded.problems[0]


def test_an_exception_in_the_worker_is_replaced_and_the_worker_lives_on():
    calls = []

    def fail_once(predictions):
        calls.append(1)
        if len(calls) == 1:
            raise MemoryError("too big")
        return predictions

    scene, guarded = scene_of(2), GuardedPredictor(Scripted(fail_once), GuardConfig(deadline_s=10.0))
    check(guarded.predict(scene), scene)
    assert "MemoryError: too big" in guarded.problems[0]
    check(guarded.predict(scene), scene)
    assert guarded.problems == ()
    guarded.close()


class Clever:
    """A fallback whose futures turn; as predictors do, it gives the same arrays again."""

    name, version = "clever_heuristic", "1"

    def __init__(self, *, fails: bool = False) -> None:
        self.asked = 0
        self.fails = fails

    def predict(self, scene: Scene) -> PredictedTrajectories:
        self.asked += 1
        if self.fails:
            raise ValueError("not today")
        answer = constant_velocity(scene, GuardConfig(), 6, 80, 0.1)
        answer.yaw[:] = 0.5
        answer.source[:] = Source.HEURISTIC
        for array in (answer.yaw, answer.position, answer.probability):
            array.flags.writeable = False
        return replace(answer, predictor_name=self.name)


def test_what_fails_in_time_is_answered_by_the_fallback():
    def fail(_):
        raise RuntimeError("no")

    scene, clever = scene_of(4), Clever()
    for config in (OFFLINE, GuardConfig(deadline_s=5.0)):
        guarded = GuardedPredictor(Scripted(fail), config, clever)
        predictions = guarded.predict(scene)
        check(predictions, scene)
        assert (predictions.source == Source.HEURISTIC_FALLBACK).all()
        assert (predictions.yaw == 0.5).all()
        assert guarded.problems == ("scripted failed: RuntimeError: no; clever heuristic stands in for all agents",)
        guarded.close()


def test_only_the_bad_agent_takes_the_fallback_s_answer():
    scene = scene_of(4)
    guarded = GuardedPredictor(Scripted(spoil("position", np.nan)), OFFLINE, Clever())
    predictions = guarded.predict(scene)
    check(predictions, scene)
    assert predictions.source.tolist() == [0, 0, Source.HEURISTIC_FALLBACK, 0]
    assert (predictions.yaw[2] == 0.5).all() and (predictions.yaw[1] != 0.5).all()
    assert "clever heuristic stands in" in guarded.problems[0]


def test_a_fallback_that_fails_is_replaced_too():
    scene, clever = scene_of(4), Clever(fails=True)
    guarded = GuardedPredictor(Scripted(spoil("yaw", np.nan)), OFFLINE, clever)
    predictions = guarded.predict(scene)
    check(predictions, scene)
    assert clever.asked == 1
    assert "constant velocity stands in" in guarded.problems[0]


def test_the_fallback_is_not_asked_when_the_deadline_is_near_or_passed():
    def slow(seconds):
        def script(_):
            time.sleep(seconds)
            raise RuntimeError("late and wrong")

        return script

    clever = Clever()
    for seconds, words in ((0.14, "late and wrong"), (0.5, "took longer than 200 ms")):
        guarded = GuardedPredictor(Scripted(slow(seconds)), GuardConfig(deadline_s=0.2), clever)
        scene = scene_of(2)
        check(guarded.predict(scene), scene)
        assert words in guarded.problems[0]
        assert "constant velocity stands in" in guarded.problems[0]
        guarded.close()
    assert clever.asked == 0


def test_a_good_answer_needs_no_fallback():
    clever, scene = Clever(), scene_of(3)
    GuardedPredictor(Scripted(), OFFLINE, clever).predict(scene)
    GuardedPredictor(Scripted(lambda p: select(p, [2, 0, 1])), OFFLINE, clever).predict(scene)
    assert clever.asked == 0
