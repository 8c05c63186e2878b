from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.prediction.mode_selection import ModeSelectionConfig, merge_distance_m, select_modes
from zoox_prediction.scene import AgentClass

CAR, PEDESTRIAN = int(AgentClass.CAR), int(AgentClass.PEDESTRIAN)
FAST = 15.0


def straight_to(ends: list[tuple[float, float]]) -> np.ndarray:
    """(P, 80, 2) ways from the origin to `ends` in a straight line."""
    return np.asarray(ends)[:, None] * np.linspace(1.0 / 80, 1.0, 80)[None, :, None]


def one_agent(ends: list[tuple[float, float]], probability: list[float], **config: object) -> tuple[list, list]:
    """Ends and probabilities of the modes in use, of a fast car whose paths are driven in one way each."""
    position = straight_to(ends)[:, None]
    logits = np.log(np.asarray(probability))[:, None]
    none = np.zeros(len(ends), dtype=int)
    modes = select_modes(logits, position, none, np.array([CAR]), np.array([FAST]), ModeSelectionConfig(**config))
    used = modes.probability[0] > 0.0
    return modes.proposal[0][used].tolist(), modes.probability[0][used].tolist()


def random_batch(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    count = 40
    agent = np.repeat(np.arange(count), rng.integers(1, 9, count))
    position = np.cumsum(rng.normal(0.3, 0.4, (len(agent), 3, 80, 2)), axis=2).astype(np.float32)
    return {
        "logits": rng.normal(0.0, 2.0, (len(agent), 3)).astype(np.float32),
        "position": position,
        "path_agent": agent,
        "agent_class": rng.integers(0, 8, count),
        "speed": rng.uniform(0.0, 20.0, count),
    }


def one_by_one(batch: dict[str, np.ndarray], agent: int, config: ModeSelectionConfig) -> dict[int, float]:
    """Proposal -> probability of one agent's modes, written as the rule reads."""
    styles = batch["logits"].shape[1]
    rows = (np.flatnonzero(batch["path_agent"] == agent)[:, None] * styles + np.arange(styles)).reshape(-1)
    weights = np.exp(batch["logits"].reshape(-1)[rows].astype(float))
    left = dict(zip(rows.tolist(), (weights / weights.sum()).tolist(), strict=True))
    position = batch["position"].reshape(-1, 80, 2)
    distance = merge_distance_m(batch["agent_class"], batch["speed"], config)[agent]

    def near(keeper: int) -> list[int]:
        limits = zip(config.compared_s, config.compared_share, strict=True)
        steps = [(round(time / 0.1) - 1, share * distance) for time, share in limits]
        return [
            other
            for other in left
            if all(np.linalg.norm(position[keeper, step] - position[other, step]) <= limit for step, limit in steps)
        ]

    modes: dict[int, float] = {}
    while left and len(modes) < 6:
        around = {row: sum(left[other] for other in near(row)) if config.by_mass else 0.0 for row in left}
        mass = {row: (round(around[row], 6), left[row]) for row in left}
        keeper = max(mass, key=lambda row: mass[row])
        taken = near(keeper)
        modes[keeper] = sum(left.pop(row) for row in taken)
    total = sum(modes.values())
    modes = {row: mass / total for row, mass in modes.items() if mass / total >= config.min_probability}
    return {row: mass / sum(modes.values()) for row, mass in modes.items()}


@pytest.mark.parametrize("by_mass", [True, False])
def test_batch_follows_the_rule_agent_by_agent(by_mass: bool) -> None:
    batch, config = random_batch(1), ModeSelectionConfig(by_mass=by_mass)
    modes = select_modes(**batch, config=config)
    merged = 0
    for agent in range(len(batch["agent_class"])):
        expected = one_by_one(batch, agent, config)
        used = modes.probability[agent] > 0.0
        found = dict(zip(modes.proposal[agent][used].tolist(), modes.probability[agent][used].tolist(), strict=True))
        assert found == pytest.approx(expected, abs=1e-5)
        merged += len(expected) < 6
    assert 0 < merged < len(batch["agent_class"])  # the batch has both kinds


def test_near_duplicates_pool_their_mass() -> None:
    proposals, probability = one_agent([(80.0, 0.0), (81.0, 0.0), (80.0, 30.0)], [0.25, 0.35, 0.4])
    assert proposals == [1, 2]
    assert probability == pytest.approx([0.6, 0.4])


def test_the_keeper_is_where_most_mass_lies_or_the_likeliest() -> None:
    chain = [(80.0, 0.0), (83.0, 0.0), (86.0, 0.0)]  # the middle one is near both of the others
    assert one_agent(chain, [0.36, 0.30, 0.34])[0] == [1]
    assert one_agent(chain, [0.36, 0.30, 0.34], by_mass=False)[0] == [0, 2]


def test_ways_that_part_before_they_meet_again_stay_apart() -> None:
    early, late = straight_to([(80.0, 0.0), (80.0, 0.0)])
    early[:70, 0] += 6.0
    modes = select_modes(
        np.zeros((2, 1)), np.stack([early, late])[:, None], np.zeros(2, dtype=int), np.array([CAR]), np.array([FAST])
    )
    assert (modes.probability[0] > 0.0).sum() == 2


def test_six_modes_at_most_share_all_of_the_probability() -> None:
    ends = [(80.0, 20.0 * lane) for lane in range(8)]
    proposals, probability = one_agent(ends, [0.2, 0.19, 0.18, 0.17, 0.1, 0.08, 0.05, 0.03])
    assert proposals == [0, 1, 2, 3, 4, 5]
    assert sum(probability) == 1.0
    assert probability[0] == pytest.approx(0.2 / 0.92)


def test_unlikely_modes_are_left_out_and_spare_columns_repeat_the_first() -> None:
    modes = select_modes(
        np.log([[0.9999], [0.0001]]),
        straight_to([(80.0, 0.0), (0.0, 80.0)])[:, None],
        np.zeros(2, dtype=int),
        np.array([CAR]),
        np.array([FAST]),
    )
    assert modes.probability.tolist() == [[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
    assert modes.proposal.tolist() == [[0] * 6]


def test_temperature_of_each_agent_flattens_its_probabilities() -> None:
    position = np.tile(straight_to([(80.0, 0.0), (0.0, 80.0)])[:, None], (2, 1, 1, 1))
    modes = select_modes(
        np.log(np.tile([[0.8], [0.2]], (2, 1))),
        position,
        np.array([0, 0, 1, 1]),
        np.array([CAR, CAR]),
        np.array([FAST, FAST]),
        temperature=np.array([1.0, 2.0]),
    )
    assert modes.probability[:, 0] == pytest.approx([0.8, np.sqrt(0.8) / (np.sqrt(0.8) + np.sqrt(0.2))])


def test_slow_agents_and_walkers_are_told_apart_more_finely() -> None:
    classes, speed = np.array([CAR, CAR, CAR, PEDESTRIAN]), np.array([20.0, 6.2, 0.0, 1.4])
    distance = merge_distance_m(classes, speed, ModeSelectionConfig(merge_distance_m=(4.0, 3.0, 2.0, 3.0)))
    assert distance == pytest.approx([4.0, 3.0, 2.0, 1.0])


def test_no_agents_and_agents_without_paths() -> None:
    nobody = select_modes(
        np.zeros((0, 3)), np.zeros((0, 3, 80, 2)), np.zeros(0, dtype=int), np.zeros(0, dtype=int), np.zeros(0)
    )
    assert nobody.probability.shape == nobody.proposal.shape == (0, 6)
    with pytest.raises(ValueError, match="agent 1 of the batch has no path"):
        select_modes(
            np.zeros((2, 1)), np.zeros((2, 1, 80, 2)), np.array([0, 2]), np.array([CAR] * 3), np.array([FAST] * 3)
        )


def test_a_logit_that_is_not_finite_spoils_its_agent_alone() -> None:
    batch = random_batch(2)
    batch["logits"][0, 0] = np.nan
    probability = select_modes(**batch).probability
    assert np.isnan(probability[0]).all()
    assert np.isfinite(probability[1:]).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"merge_distance_m": (1.0, 2.0)},
        {"compared_s": (1.0,)},
        {"compared_s": (), "compared_share": ()},
        {"min_probability": 0.2},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError):
        ModeSelectionConfig(**wrong)
