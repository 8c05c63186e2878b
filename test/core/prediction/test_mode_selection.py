"""Six of many proposals: those that stand for the most probability, as the rule reads and in cases known by heart."""

from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.prediction.mode_selection import ModeSelectionConfig, select_modes, widths_m
from zoox_prediction.scene import AgentClass

CAR, PEDESTRIAN = int(AgentClass.CAR), int(AgentClass.PEDESTRIAN)
FAST = 15.0


def straight_to(ends: list[tuple[float, float]]) -> np.ndarray:
    """(P, 80, 2) ways from the origin to `ends` in a straight line."""
    return np.asarray(ends)[:, None] * np.linspace(1.0 / 80, 1.0, 80)[None, :, None]


def one_agent(ends: list[tuple[float, float]], probability: list[float], **config: object) -> tuple[list, list]:
    """Proposals and probabilities of the modes in use, of a fast car whose paths are driven in one way each."""
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


class OneByOne:
    """One agent's modes, written as the rule reads."""

    def __init__(self, batch: dict[str, np.ndarray], agent: int, config: ModeSelectionConfig) -> None:
        styles = batch["logits"].shape[1]
        rows = (np.flatnonzero(batch["path_agent"] == agent)[:, None] * styles + np.arange(styles)).reshape(-1)
        weights = np.exp(batch["logits"].reshape(-1)[rows].astype(float))
        mass = dict(zip(rows.tolist(), (weights / weights.sum()).tolist(), strict=True))
        likeliest = sorted(mass, key=lambda row: -mass[row])[: config.num_candidates]
        self.mass = {row: mass[row] for row in likeliest}
        self.position = batch["position"].reshape(-1, 80, 2).astype(float)
        self.width = float(widths_m(batch["agent_class"], batch["speed"], config)[agent])
        self.config = config

    def closeness(self, first: int, second: int) -> float:
        total = 0.0
        for time, weight in zip(self.config.compared_s, self.config.compared_weight, strict=True):
            step = round(time / 0.1) - 1
            away = np.linalg.norm(self.position[first, step] - self.position[second, step])
            total += weight * np.exp(-((away / (self.width * time / max(self.config.compared_s))) ** 2))
        return total / sum(self.config.compared_weight)

    def covered(self, modes: list[int]) -> float:
        return sum(mass * max(self.closeness(row, mode) for mode in modes) for row, mass in self.mass.items())

    def best(self, others: list[int]) -> int:
        free = [row for row in self.mass if row not in others]
        return max(free, key=lambda row: self.covered([*others, row]))

    def modes(self) -> dict[int, float]:
        """Proposal -> probability."""
        chosen: list[int] = []
        while len(chosen) < min(6, len(self.mass)):
            chosen.append(self.best(chosen))
        for _ in range(self.config.exchanges):
            for index in range(len(chosen)):
                chosen[index] = self.best([mode for mode in chosen if mode != chosen[index]])
        gathered = dict.fromkeys(chosen, 0.0)
        for row, mass in self.mass.items():
            nearest = max(chosen, key=lambda mode: self.closeness(row, mode))
            gathered[nearest] += mass * self.closeness(row, nearest)
        total = sum(gathered.values())
        kept = {row: each / total for row, each in gathered.items() if each / total >= self.config.min_probability}
        return {row: each / sum(kept.values()) for row, each in kept.items()}


@pytest.mark.parametrize(
    "config",
    [ModeSelectionConfig(), ModeSelectionConfig(exchanges=0), ModeSelectionConfig(num_candidates=8, exchanges=2)],
    ids=["default", "greedy", "few candidates"],
)
def test_batch_follows_the_rule_agent_by_agent(config: ModeSelectionConfig) -> None:
    batch = random_batch(1)
    modes = select_modes(**batch, config=config)
    for agent in range(len(batch["agent_class"])):
        used = modes.probability[agent] > 0.0
        found = dict(zip(modes.proposal[agent][used].tolist(), modes.probability[agent][used].tolist(), strict=True))
        assert found == pytest.approx(OneByOne(batch, agent, config).modes(), abs=1e-4)


def test_near_duplicates_are_chosen_last_and_what_is_apart_first() -> None:
    duplicates = [(80.0 + 0.01 * index, 0.0) for index in range(6)]
    apart = [(80.0, 30.0), (60.0, 0.0), (80.0, -30.0), (40.0, 0.0), (0.0, 0.0)]
    proposals, probability = one_agent([*duplicates, *apart], [0.15] * 6 + [0.02] * 5)
    assert set(range(6, 11)) < set(proposals)
    assert probability[0] == pytest.approx(0.9, abs=1e-3)


def test_a_mode_lies_where_most_probability_is_not_where_the_likeliest_proposal_is() -> None:
    """Seven clusters of proposals, six modes: each of them in the middle of its cluster."""
    clusters = [(80.0, 25.0 * lane) for lane in range(6)]
    ends = [(x + shift, y) for x, y in clusters for shift in (-3.0, 0.0, 3.0)]
    proposals, probability = one_agent(ends, [0.06, 0.05, 0.055] * 6)
    assert sorted(proposals) == [1, 4, 7, 10, 13, 16]
    assert probability == pytest.approx([1 / 6] * 6, abs=1e-3)


def test_exchanging_mends_what_greed_began_with() -> None:
    """The first choice, between two groups, is given up once there is one in each of them."""
    ends = [(80.0, -5.0), (80.0, 0.0), (80.0, 5.0), *((0.0, 200.0 * index) for index in range(1, 5))]
    weights = [0.375, 0.05, 0.375, *[0.05] * 4]
    greedy, _ = one_agent(ends, weights, exchanges=0, width_m=(10.0, 9.0, 5.0, 9.0))
    mended, _ = one_agent(ends, weights, exchanges=1, width_m=(10.0, 9.0, 5.0, 9.0))
    assert {0, 1, 2} < set(greedy)
    assert set(mended) == {0, 2, 3, 4, 5, 6}


def test_ways_that_part_before_they_meet_again_are_two_modes() -> None:
    first, second = straight_to([(80.0, 0.0), (80.0, 0.0)])
    first[:60, 0] += 20.0
    lanes = straight_to([(80.0, 40.0 * lane) for lane in range(1, 6)])
    position = np.concatenate([first[None], second[None], lanes])[:, None]
    none = np.zeros(len(position), dtype=int)
    modes = select_modes(np.zeros((7, 1)), position, none, np.array([CAR]), np.array([FAST]))
    assert {0, 1} & set(modes.proposal[0].tolist())
    probability = dict(zip(modes.proposal[0].tolist(), modes.probability[0].tolist(), strict=True))
    assert max(probability.values()) < 0.27  # of two that were one it would be 2/7


def test_six_modes_at_most_share_all_of_the_probability() -> None:
    ends = [(80.0, 40.0 * lane) for lane in range(8)]
    proposals, probability = one_agent(ends, [0.2, 0.19, 0.18, 0.17, 0.1, 0.08, 0.05, 0.03])
    assert proposals == [0, 1, 2, 3, 4, 5]
    assert sum(probability) == 1.0
    assert probability[0] == pytest.approx(0.2 / 0.92, abs=1e-4)


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
    width = widths_m(classes, speed, ModeSelectionConfig(width_m=(4.0, 3.0, 2.0, 3.0)))
    assert width == pytest.approx([4.0, 3.0, 2.0, 1.0])


def test_no_agents_and_agents_without_paths() -> None:
    nobody = select_modes(
        np.zeros((0, 3)), np.zeros((0, 3, 80, 2)), np.zeros(0, dtype=int), np.zeros(0, dtype=int), np.zeros(0)
    )
    assert nobody.probability.shape == nobody.proposal.shape == (0, 6)
    with pytest.raises(ValueError, match="agent 1 of the batch has no path"):
        select_modes(
            np.zeros((2, 1)), np.zeros((2, 1, 80, 2)), np.array([0, 2]), np.array([CAR] * 3), np.array([FAST] * 3)
        )


def test_what_is_not_finite_spoils_its_agent_alone() -> None:
    batch = random_batch(2)
    batch["logits"][0, 0] = np.nan
    probability = select_modes(**batch).probability
    assert np.isnan(probability[0]).all()
    assert np.isfinite(probability[1:]).all()
    batch = random_batch(2)
    batch["position"][0] = np.nan
    modes = select_modes(**batch)
    np.testing.assert_array_equal(modes.probability[1:], select_modes(**random_batch(2)).probability[1:])


@pytest.mark.parametrize(
    "wrong",
    [
        {"width_m": (1.0, 2.0)},
        {"width_m": (0.0, 1.0, 1.0, 1.0)},
        {"compared_s": (1.0,)},
        {"compared_s": (), "compared_weight": ()},
        {"num_candidates": 5},
        {"min_probability": 0.2},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError):
        ModeSelectionConfig(**wrong)
