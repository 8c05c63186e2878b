"""The losses of the learned predictor against values by hand."""

# ruff: noqa: E402  # what follows needs torch

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pip install '.[train]'")

from synthetic_samples import RASTER, SPACING_M, synthetic_sample

from zoox_prediction.models.baselines.modes import NUM_STEPS, STEP_TIMES_S
from zoox_prediction.models.scene_features import AGENT_COLUMNS
from zoox_prediction.raster.channels import load_channel_table
from zoox_prediction.training.augmentation import AugmentationConfig
from zoox_prediction.training.balance import BalanceConfig
from zoox_prediction.training.example import (
    ExampleSettings,
    collate,
    off_road_distance_m,
    training_example,
)
from zoox_prediction.training.loss_config import LossConfig
from zoox_prediction.training.losses import (
    loss_terms,
    mode_loss,
    negative_log_likelihood,
    path_distance,
    proposal_cost,
)
from zoox_prediction.training.ragged import segment_argmin, segment_log_softmax, segment_max
from zoox_prediction.training.scene_losses import off_road_loss, overlap_loss, sampled

CONFIG = LossConfig()
AS_IT_IS = ExampleSettings(
    AugmentationConfig(**dict.fromkeys(AugmentationConfig.__dataclass_fields__, 0.0)),
    BalanceConfig(),
    RASTER.resolution_m,
)


def _batch(*samples):
    table = load_channel_table()
    return collate([training_example(each, AS_IT_IS, table, np.random.default_rng(0)) for each in samples])


def _straight(batch, styles=1, speed=10.0):
    """Outputs of proposals that go straight on at `speed`, and 1 m/s more for every further style."""
    rows = len(batch["path_agent"])
    times = torch.tensor(STEP_TIMES_S, dtype=torch.float32)
    x = (speed + torch.arange(styles, dtype=torch.float32))[:, None] * times
    position = torch.stack([x, torch.zeros_like(x)], dim=-1).expand(rows, -1, -1, -1).clone().requires_grad_()
    shape = (rows, styles, NUM_STEPS)
    return {
        "logits": torch.zeros(rows, styles, requires_grad=True),
        "position": position,
        "yaw": torch.zeros(shape, requires_grad=True),
        "speed": torch.full(shape, speed, requires_grad=True),
        "covariance": torch.tensor([1.0, 0.0, 1.0]).expand(*shape, 3).clone().requires_grad_(),
    }


def _follow(sample, speed=10.0):
    """The sample, whose agents really go straight on at `speed`."""
    position = np.zeros_like(sample.future_position)
    position[..., 0] = speed * STEP_TIMES_S
    return replace(
        sample,
        future_position=position,
        future_yaw=np.zeros_like(sample.future_yaw),
        future_speed=np.full_like(sample.future_speed, speed),
    )


def test_reductions_over_the_rows_of_each_agent():
    values = torch.tensor([[1.0, 5.0], [2.0, 0.0], [7.0, 0.0]])
    agent = torch.tensor([0, 0, 2])
    assert segment_max(values, agent, 3).tolist() == [5.0, -math.inf, 7.0]
    assert segment_argmin(values, agent, 3).tolist() == [3, 6, 5]  # agent 1 has no row: one beyond the last
    probability = segment_log_softmax(values, agent, 3).exp()
    assert probability[:2].sum().item() == pytest.approx(1.0) and probability[2].sum().item() == pytest.approx(1.0)
    assert probability[0, 1].item() == pytest.approx(math.e**5 / (math.e**5 + math.e**2 + math.e + 1.0), rel=1e-5)


def test_distance_of_the_truth_from_a_path_does_not_depend_on_the_speed():
    points = torch.zeros(1, 64, 3)
    points[0, :, 0] = torch.arange(64) * SPACING_M
    truth = torch.zeros(1, NUM_STEPS, 2)
    truth[0, :, 0], truth[0, :, 1] = torch.arange(NUM_STEPS) * 3.7, 2.0  # runs beyond the path's end at 126 m
    valid = torch.ones(1, NUM_STEPS, dtype=torch.bool)
    assert path_distance(points, truth, valid).item() == pytest.approx(2.0, rel=1e-5)
    valid[0, 40:] = False
    truth[0, 40:] = 1e3
    assert path_distance(points, truth, valid).item() == pytest.approx(2.0, rel=1e-5)


def test_the_right_path_is_chosen_before_the_nearest_proposal():
    """Proposals of the straight path are far too slow; one along an arc comes closer, but on a wrong way."""
    batch = _batch(_follow(synthetic_sample(0, 1)))
    position = torch.zeros(3, 1, NUM_STEPS, 2)
    position[0, 0, :, 0] = 9.5 * torch.tensor(STEP_TIMES_S)
    position[1, 0] = batch["future_position"][0]
    cost = proposal_cost(position, batch, CONFIG)
    # The mean of average (0.5 m/s over 0.1..8 s) and final displacement (4 m).
    assert cost[0, 0].item() == pytest.approx(0.5 * (0.5 * 4.05 + 4.0), rel=1e-4)
    assert cost.argmin().item() == 0


def test_terms_by_hand():
    batch = _batch(_follow(synthetic_sample(0, 1)))
    outputs = _straight(batch, speed=10.5)
    terms = loss_terms(outputs, batch, CONFIG, RASTER.resolution_m)
    error = 0.5 * np.asarray(STEP_TIMES_S)
    huber = np.where(error < 1.0, 0.5 * error**2, error - 0.5)
    weight = float(batch["weight"][0])
    assert terms.total_weight.item() == weight == 1.0
    assert terms.sums["position"].item() == pytest.approx(huber.mean(), rel=1e-4)
    assert terms.sums["final_position"].item() == pytest.approx(3.5, rel=1e-4)
    assert terms.sums["speed"].item() == pytest.approx(0.125, rel=1e-4)
    assert terms.sums["yaw"].item() == pytest.approx(0.0, abs=1e-6)
    variance = 1.0 + 0.02**2
    likelihood = 0.5 * error**2 / variance + math.log(variance)
    assert terms.sums["likelihood"].item() == pytest.approx(likelihood.mean(), rel=1e-4)


def test_steps_and_agents_that_do_not_count_have_no_gradient():
    sample = synthetic_sample(1, 2)
    valid = sample.future_valid.copy()
    valid[0, 30:] = False
    nonsense = np.where(valid[..., None], sample.future_position, 1e6).astype(np.float32)
    sample = replace(sample, future_valid=valid, future_position=nonsense, scored=np.array([True, False]))
    batch = _batch(sample)
    outputs = _straight(batch, styles=2)
    config = replace(CONFIG, off_road=0.0, overlap=0.0)  # which need no truth of the step
    loss = loss_terms(outputs, batch, config, RASTER.resolution_m)
    loss.total(config, loss.total_weight).backward()
    for name in ("position", "yaw", "speed", "covariance"):
        gradient = outputs[name].grad
        assert gradient[:3, :, :30].abs().sum() > 0.0, name
        assert gradient[:3, :, 30:].abs().sum() == 0.0, name
        assert gradient[3:].abs().sum() == 0.0, name
    assert outputs["logits"].grad[:3].abs().sum() > 0.0
    assert outputs["logits"].grad[3:].abs().sum() == 0.0


def test_only_the_best_path_learns_its_shape_and_its_best_style_most():
    batch = _batch(_follow(synthetic_sample(0, 1)))
    outputs = _straight(batch, styles=3, speed=9.0)  # 9, 10, 11 m/s; the truth is 10
    outputs["position"] = (outputs["position"].detach() + 0.2).requires_grad_()
    terms = loss_terms(outputs, batch, CONFIG, RASTER.resolution_m)
    terms.sums["position"].backward()
    gradient = outputs["position"].grad.abs().sum(dim=(2, 3))
    assert gradient[1:].sum() == 0.0  # the arcs
    assert gradient[0, 1] > 0.0
    assert 0.0 < gradient[0, 0] < 2.0 and 0.0 < gradient[0, 2] < 2.0


def test_likelihood_of_a_correlated_gaussian():
    covariance = torch.tensor([4.0, 1.5, 2.0])
    matrix = np.array([[4.0 + 0.02**2, 1.5], [1.5, 2.0 + 0.02**2]])
    error = np.array([1.0, -0.5])
    expected = 0.5 * error @ np.linalg.inv(matrix) @ error + 0.5 * math.log(np.linalg.det(matrix))
    found = negative_log_likelihood(torch.tensor(error, dtype=torch.float32), covariance)
    assert found.item() == pytest.approx(expected, rel=1e-5)
    far = [negative_log_likelihood(torch.tensor([x, 0.0]), torch.tensor([1.0, 0.0, 1.0])).item() for x in (50.0, 100.0)]
    assert far[1] - far[0] == pytest.approx(250.0, rel=0.01)  # in proportion to the distance: 5 sigma times 50


def test_probabilities_learn_what_came_close():
    """At the minimum, proposals have the shares of the target, however many of them are alike."""
    batch = _batch(_follow(synthetic_sample(0, 1)))
    cost = torch.tensor([[0.0, 0.0], [100.0, 100.0], [100.0, 100.0]])
    weight = torch.ones(1)
    logits = torch.tensor([[0.0, 0.0], [-30.0, -30.0], [-30.0, -30.0]], requires_grad=True)
    loss = mode_loss(logits, cost, batch, weight, CONFIG)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(2.0), rel=1e-4)
    assert logits.grad.abs().max() < 1e-5
    even = torch.zeros(3, 2)
    assert mode_loss(even, cost, batch, weight, CONFIG).item() == pytest.approx(math.log(6.0), rel=1e-4)


def _two_on_one_line(gap_m):
    """Two cars with the same heading, one `gap_m` ahead of the other."""
    sample = _follow(synthetic_sample(2, 2))
    pose = np.array([[0.0, 0.0, 1.0, 0.0], [gap_m, 0.0, 1.0, 0.0]], dtype=np.float32)
    return replace(sample, features=replace(sample.features, agent_pose=pose))


def test_overlap_is_how_deep_two_futures_are_in_each_other():
    batch = _batch(_two_on_one_line(20.0))
    outputs = _straight(batch)
    weight = batch["weight"]
    assert overlap_loss(outputs, batch, weight).item() == 0.0
    position = outputs["position"].detach().clone()
    position[:3, :, 79, 0] += 17.0  # the one behind ends 3 m behind the other's centre
    position.requires_grad_()
    loss = overlap_loss({**outputs, "position": position}, batch, weight)
    # Discs of the width stand at the ends and in the middle: 1.35 m apart, so 0.3 m is between the nearest.
    expected = 2.0 * (1.9 - 0.3) / 6.0
    assert loss.item() == pytest.approx(expected, rel=1e-2)
    loss.backward()
    assert position.grad[0, 0, 79, 0] > 0.0 and position.grad[3, 0, 79, 0] < 0.0
    assert position.grad[:, :, :79].abs().sum() == 0.0
    overlapping = _batch(_two_on_one_line(2.0))  # the truth overlaps all along
    assert overlap_loss(_straight(overlapping), overlapping, weight).item() == 0.0


def test_leaving_the_road_costs_the_expected_distance():
    sample = _follow(synthetic_sample(0, 1), speed=1.0)
    raster = sample.features.raster.copy()
    road = load_channel_table().index("drivable_area")
    raster[:, road, :, :22] = 0  # to the left, 32 pixels from the middle: from (32 - 22) * 3.2 m on
    pose = np.array([[0.0, 0.0, 1.0, 0.0]], dtype=np.float32)
    sample = replace(sample, features=replace(sample.features, raster=raster, agent_pose=pose))
    batch = _batch(sample)
    outputs = _straight(batch, speed=1.0)
    weight = batch["weight"]
    assert off_road_loss(outputs, batch, weight, RASTER.resolution_m).item() == 0.0
    position = outputs["position"].detach().clone()
    position[1, :, :, 1] = 40.0
    position.requires_grad_()
    loss = off_road_loss({**outputs, "position": position}, batch, weight, RASTER.resolution_m)
    assert loss.item() == pytest.approx((40.0 - 32.0) / 3.0, rel=0.1)  # one of three proposals
    loss.backward()
    assert position.grad[1, :, :, 1].sum() > 0.0
    no_map = _batch(replace(sample, features=replace(sample.features, raster=np.zeros_like(raster))))
    assert off_road_loss({**outputs, "position": position}, no_map, weight, RASTER.resolution_m).item() == 0.0


def test_places_of_a_map_are_those_of_the_raster():
    maps = torch.zeros(2, 64, 64)
    maps[1, 30, 20] = 1.0
    place = torch.tensor([[(31.5 - 30) * 3.2, (31.5 - 20) * 3.2]])
    assert sampled(maps, torch.tensor([1]), place, 3.2).item() == pytest.approx(1.0, abs=1e-5)
    assert sampled(maps, torch.tensor([0]), place, 3.2).item() == 0.0
    halfway = place + torch.tensor([[1.6, 0.0]])
    assert sampled(maps, torch.tensor([1]), halfway, 3.2).item() == pytest.approx(0.5, abs=1e-5)
    assert sampled(maps, torch.tensor([1]), place + 1e4, 3.2).item() == 0.0


def test_distances_from_the_road():
    drivable = np.zeros((2, 32, 32), dtype=np.uint8)
    drivable[0, :, :16] = 255
    distance = off_road_distance_m(drivable, 0.8)
    assert distance[0, 5, 10] == 0.0
    assert distance[0, 5, 26] == pytest.approx(10.5 * 0.8, abs=0.1)
    assert not distance[1].any()  # without any road nothing can be said


@pytest.mark.parametrize("scored", [True, False])
def test_a_batch_with_scenes_without_agents(scored):
    empty, one = synthetic_sample(0, 0), synthetic_sample(1, 1)
    batch = _batch(empty, replace(one, scored=np.array([scored])), empty)
    outputs = _straight(batch)
    terms = loss_terms(outputs, batch, CONFIG, RASTER.resolution_m)
    loss = terms.total(CONFIG, terms.total_weight)
    loss.backward()
    assert torch.isfinite(loss)
    assert (loss.item() > 0.0) == scored
    nobody = _batch(empty)
    terms = loss_terms(_straight(nobody), nobody, CONFIG, RASTER.resolution_m)
    assert terms.total(CONFIG, terms.total_weight).item() == 0.0


def test_sizes_of_bodies_are_where_the_features_have_them():
    assert AGENT_COLUMNS[8:10] == ("length", "width")
