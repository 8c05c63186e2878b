"""The learned network: shapes, gradients, symmetries, what it must not see, and what a plan may change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_up_features import made_up_features

from zoox_prediction.models.network_config import NetworkConfig
from zoox_prediction.models.scene_features import (
    AGENT_COLUMNS,
    ELEMENT_COLUMNS,
    NUM_PLAN_KNOTS,
    PATH_COLUMNS,
    SceneFeatures,
    concatenate,
)
from zoox_prediction.raster.channels import load_channel_table
from zoox_prediction.raster.config import RasterConfig

torch = pytest.importorskip("torch")
network_module = pytest.importorskip("zoox_prediction.models.network")

torch.set_num_threads(1)  # more only wait for each other at these sizes

_RASTER = RasterConfig(size_px=64)


def _network(config: NetworkConfig | None = None, random_weights: bool = True):
    """In evaluation mode; layers that are zero before training get random weights too."""
    torch.manual_seed(0)
    network = network_module.PredictionNetwork(config, raster=_RASTER).eval()
    if random_weights:
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))
    return network


def _run(network, features: SceneFeatures) -> dict[str, np.ndarray]:
    inputs = {name: torch.from_numpy(values) for name, values in features.network_inputs().items()}
    with torch.no_grad():
        return {name: value.numpy() for name, value in network(**inputs).items()}


def _assert_same(first: dict[str, np.ndarray], second: dict[str, np.ndarray], tolerance: float = 0.0) -> None:
    for name, values in first.items():
        np.testing.assert_allclose(values, second[name], rtol=tolerance, atol=tolerance, err_msg=name)


def test_outputs_have_their_shapes_and_are_finite() -> None:
    out = _run(_network(), made_up_features(num_agents=5, paths_per_agent=3))
    shapes = {name: values.shape for name, values in out.items()}
    assert tuple(shapes) == network_module.NETWORK_OUTPUTS
    assert shapes == {
        "logits": (15, 3),
        "position": (15, 3, 80, 2),
        "yaw": (15, 3, 80),
        "speed": (15, 3, 80),
        "covariance": (15, 3, 80, 3),
    }
    assert all(np.isfinite(values).all() for values in out.values())


@pytest.mark.parametrize("noise", [0.05, 0.5])
def test_covariances_are_positive_definite_and_grow(noise: float) -> None:
    network = _network()
    with torch.no_grad():
        for parameter in network.decoder.parameters():
            parameter.add_(noise * torch.randn_like(parameter))
    covariance = _run(network, made_up_features(num_agents=20))["covariance"]
    xx, xy, yy = np.moveaxis(covariance, -1, 0)
    assert (xx > 0.0).all() and (yy > 0.0).all()
    assert (xx * yy - xy * xy > 0.0).all()
    untrained = _run(_network(random_weights=False), made_up_features(num_agents=20))["covariance"]
    area = np.linalg.det(untrained[..., [0, 1, 1, 2]].reshape(*untrained.shape[:-1], 2, 2))
    assert (area[:, :, 0] < 0.01).all() and (area[:, :, -1] > 10.0 * area[:, :, 0]).all()


def test_it_is_small() -> None:
    network = network_module.PredictionNetwork()
    assert sum(parameter.numel() for parameter in network.parameters()) <= 1_600_000


def test_gradients_reach_every_parameter() -> None:
    network = _network().train()
    features = concatenate([made_up_features(seed, num_agents=8, with_plan=seed == 0) for seed in range(3)])
    out = network(**{name: torch.from_numpy(values) for name, values in features.network_inputs().items()})
    sum(value.square().mean() for value in out.values()).backward()
    without = [name for name, each in network.named_parameters() if each.grad is None or not each.grad.any()]
    assert without == []
    assert all(torch.isfinite(each.grad).all() for each in network.parameters())


@pytest.mark.parametrize("counts", [(0, 0, 0), (0, 0, 4), (3, 2, 0), (1, 1, 1)])
def test_scenes_without_agents_or_elements(counts: tuple[int, int, int]) -> None:
    agents, paths, elements = counts
    features = made_up_features(num_agents=agents, paths_per_agent=paths, num_elements=elements)
    out = _run(_network(), features)
    assert out["position"].shape == (agents * paths, 3, 80, 2)
    assert all(np.isfinite(values).all() for values in out.values())


def test_a_batch_gives_what_each_scene_gives_alone() -> None:
    network = _network()
    parts = [made_up_features(seed, num_agents=count, with_plan=seed == 1) for seed, count in enumerate((4, 7, 0, 2))]
    together = _run(network, concatenate(parts))
    alone = [_run(network, part) for part in parts]
    apart = {name: np.concatenate([each[name] for each in alone]) for name in alone[0]}
    np.testing.assert_allclose(apart["covariance"], together["covariance"], rtol=1e-4, atol=1e-4)
    _assert_same({name: apart[name] for name in ("logits", "position", "yaw", "speed")}, together, 5e-5)


def test_the_order_of_agents_does_not_matter() -> None:
    network = _network()
    features = made_up_features(num_agents=6, paths_per_agent=2)
    order = np.random.default_rng(1).permutation(6)
    place = np.argsort(order)
    paths = (order[:, None] * 2 + np.arange(2)).ravel()
    by_agent = ("agent_scene", "agent_pose", "agent_state", "history", "neighbor_valid", "agent_element")
    moved = {
        name: getattr(features, name)[order] for name in (*by_agent, "agent_element_valid", "limits", "is_vehicle")
    }
    by_path = ("path_kind", "path_points", "path_spacing", "path_state", "path_start_speed")
    moved |= {name: getattr(features, name)[paths] for name in by_path}
    moved["neighbor"] = np.where(moved["neighbor_valid"], place[features.neighbor[order]], 0)
    shuffled = _run(network, replace(features, **moved))
    _assert_same({name: values[paths] for name, values in _run(network, features).items()}, shuffled, 1e-4)


def _moved(poses: np.ndarray, angle: float, shift: tuple[float, float]) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.array([[cos, -sin], [sin, cos]])
    place = poses[..., :2] @ rotation.T + shift
    return np.concatenate([place, poses[..., 2:4] @ rotation.T, poses[..., 4:]], axis=-1).astype(np.float32)


def test_moving_and_turning_the_whole_scene_changes_nothing_but_the_view_of_the_raster() -> None:
    network = _network(NetworkConfig(use_raster=False))
    features = made_up_features(num_agents=6, with_plan=True)
    names = ("agent_pose", "ego_pose", "element_pose", "plan")
    moved = {name: _moved(getattr(features, name), 2.1, (30.0, -12.0)) for name in names}
    _assert_same(_run(network, features), _run(network, replace(features, **moved)), 2e-3)


@pytest.mark.parametrize("seen", [True, False])
def test_use_raster_cuts_the_raster(seen: bool) -> None:
    features = made_up_features()
    blank = replace(features, raster=np.zeros_like(features.raster))
    assert _differ(_network(NetworkConfig(use_raster=seen)), features, blank) == seen


@pytest.mark.parametrize("seen", [True, False])
def test_use_graph_cuts_neighbors_ego_and_elements(seen: bool) -> None:
    network = _network(NetworkConfig(use_graph=seen))
    features = made_up_features()
    for name in ("neighbor_valid", "ego_valid", "agent_element_valid"):
        assert _differ(network, features, replace(features, **{name: np.zeros_like(getattr(features, name))})) == seen


@pytest.mark.parametrize("seen", [True, False])
def test_use_attributes_cuts_them_from_states_and_raster(seen: bool) -> None:
    network = _network(NetworkConfig(use_attributes=seen))
    features = made_up_features()
    state = _without(features.agent_state, AGENT_COLUMNS, ("on_", "known_", "parked", "front_wheel_angle"))
    assert _differ(network, features, replace(features, agent_state=state)) == seen
    kept = {"existence_probability", "time_since_seen"}
    channels = {channel.name for channel in load_channel_table().groups["attributes"]} - kept
    assert _differ(network, features, _without_channels(features, channels)) == seen
    assert _differ(network, features, _without_channels(features, kept))


@pytest.mark.parametrize("seen", [True, False])
def test_use_signals_cuts_them_from_elements_paths_and_raster(seen: bool) -> None:
    network = _network(NetworkConfig(use_signals=seen))
    features = made_up_features()
    elements = _without(features.element_state, ELEMENT_COLUMNS, ("signal_",))
    assert _differ(network, features, replace(features, element_state=elements)) == seen
    paths = _without(features.path_state, PATH_COLUMNS, ("signal_",))
    assert _differ(network, features, replace(features, path_state=paths)) == seen
    channels = {"signal_red", "signal_yellow", "signal_green", "signal_unknown", "crosswalk_walk"}
    assert _differ(network, features, _without_channels(features, channels)) == seen


def _differ(network, first: SceneFeatures, second: SceneFeatures) -> bool:
    one, other = _run(network, first), _run(network, second)
    return any(not np.array_equal(one[name], other[name]) for name in one)


def _without(values: np.ndarray, columns: tuple[str, ...], prefixes: tuple[str, ...]) -> np.ndarray:
    cut = [name.startswith(prefixes) for name in columns]
    assert any(cut)
    return np.where(cut, np.float32(0.0), values)


def _without_channels(features: SceneFeatures, names: set[str]) -> SceneFeatures:
    table = load_channel_table()
    raster = features.raster.copy()
    raster[:, [table.index(name) for name in names]] = 0
    return replace(features, raster=raster)


@pytest.mark.parametrize("same_knots", range(0, NUM_PLAN_KNOTS + 1, 4))
def test_plans_that_agree_up_to_a_time_give_the_same_up_to_it(same_knots: int) -> None:
    network = _network()
    first = made_up_features(num_agents=6, with_plan=True)
    plan = first.plan.copy()
    plan[:, same_knots:] = made_up_features(9, with_plan=True).plan[:, same_knots:]
    one, other = _run(network, first), _run(network, first.with_plan(plan, first.plan_valid))
    steps = 5 * same_knots
    for name in ("position", "yaw", "speed", "covariance"):
        np.testing.assert_array_equal(one[name][:, :, :steps], other[name][:, :, :steps], err_msg=name)
    if same_knots < NUM_PLAN_KNOTS - 1:
        assert not np.array_equal(one["position"][:, :, steps + 5 :], other["position"][:, :, steps + 5 :])


def test_a_plan_that_ends_counts_up_to_its_end() -> None:
    network = _network()
    features = made_up_features(num_agents=6, with_plan=True)
    valid = features.plan_valid.copy()
    valid[:, 6:] = False
    one, other = _run(network, features), _run(network, features.with_plan(features.plan, valid))
    np.testing.assert_array_equal(one["position"][:, :, :30], other["position"][:, :, :30])
    assert not np.array_equal(one["position"], other["position"])


def test_likelihoods_never_depend_on_the_plan() -> None:
    network = _network()
    features = made_up_features(num_agents=6, with_plan=True)
    without = features.with_plan(features.plan, np.zeros_like(features.plan_valid))
    one, other = _run(network, features), _run(network, without)
    np.testing.assert_array_equal(one["logits"], other["logits"])
    assert not np.array_equal(one["position"], other["position"])


def test_a_plan_that_is_not_valid_is_no_plan() -> None:
    network = _network()
    features = made_up_features(num_agents=6)
    empty = features.with_plan(np.zeros_like(features.plan), np.zeros_like(features.plan_valid))
    _assert_same(_run(network, features), _run(network, empty))


def test_before_training_styles_slow_down_keep_their_speed_and_speed_up() -> None:
    features = made_up_features(num_agents=8)
    out = _run(_network(random_weights=False), features)
    fast = features.path_start_speed > 4.0
    speed = out["speed"][fast, :, -1] - features.path_start_speed[fast, None]
    assert (speed[:, 0] < -1.5).all() and (speed[:, 2] > 1.5).all()
    assert np.abs(speed[:, 1]).max() < 1.0


def test_nobody_to_learn_from_gives_gradients_of_zero() -> None:
    network = _network().train()
    features = made_up_features(num_agents=0, num_elements=0)
    out = network(**{name: torch.from_numpy(values) for name, values in features.network_inputs().items()})
    sum(value.sum() for value in out.values()).backward()
    gradients = [each.grad for each in network.parameters() if each.grad is not None]
    assert gradients
    assert not any(each.any() for each in gradients)
