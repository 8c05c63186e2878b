"""Scores of a scene and their rows, with every number of a small case known by hand."""

import numpy as np
import pytest

from zoox_prediction.evaluation.compliance import DrivableArea
from zoox_prediction.evaluation.score_sums import MetricsConfig, ScoreSums
from zoox_prediction.evaluation.scores import Modes, Truth, score_scene
from zoox_prediction.evaluation.subsets import SUBSETS
from zoox_prediction.maps.road_network import Ragged, RoadNetwork
from zoox_prediction.scene import AgentClass

# A road along x, 10 m wide, that ends at x = 30, within a map that goes on to x = 100 on either side of it.
ROAD, LEFT, RIGHT = ([[-50, y], [x, y], [x, y + 10], [-50, y + 10]] for x, y in ((30, -5), (100, 95), (100, -105)))
AREA = DrivableArea(RoadNetwork(drivable_areas=Ragged.points([ROAD, LEFT, RIGHT])))
CONFIG = MetricsConfig(horizons_s=(1.0, 3.0), num_modes=(1, 2), compliance_step_s=0.5, num_coverage_samples=2000)
TIMES = np.arange(1, 7) * 0.5


def _truth(**changes):
    """A car along x at 4 m/s and a standing pedestrian at (0, 20), over 3 s in steps of 0.5 s."""
    position = np.stack([np.column_stack([4 * TIMES, 0 * TIMES]), np.tile([0.0, 20.0], (6, 1))])
    values = {
        "time_step_s": 0.5,
        "agent_class": np.array([AgentClass.CAR, AgentClass.PEDESTRIAN]),
        "position_now": np.array([[0.0, 0.0], [0.0, 20.0]]),
        "speed_now": np.array([4.0, 0.0]),
        "size": np.array([[4.0, 2.0], [0.6, 0.6]]),
        "position": position,
        "yaw": np.zeros((2, 6)),
        "valid": np.ones((2, 6), dtype=bool),
        "own_row": np.array([0, 1]),
        "other_class": np.array([AgentClass.CAR, AgentClass.PEDESTRIAN]),
    } | changes
    others = {f"other_{name}": values[name] for name in ("position", "yaw", "size", "valid")}
    return Truth(**{**others, **values})


def _modes(speeds=((4.0, 12.0), (0.0, 0.0)), probability=((0.25, 0.75), (1.0, 0.0)), variance=1.0):
    """Two modes of constant speed along x for each of the two agents of the truth."""
    start = np.array([[0.0, 0.0], [0.0, 20.0]])
    along = np.asarray(speeds)[:, :, None] * TIMES
    position = np.stack([along, 0 * along], axis=-1) + start[:, None, None]
    covariance = np.broadcast_to(variance * np.eye(2), (2, 2, 6, 2, 2))
    return Modes(np.asarray(probability), position, np.zeros((2, 2, 6)), covariance)


def _rows(modes, truth, config=CONFIG):
    sums = ScoreSums(config)
    score_scene(modes, truth, AREA, sums)
    return {(row["agent_class"], row["k"], row["horizon_s"]): row for row in sums.rows() if row["subset"] is None}


def test_every_score_of_a_small_case():
    rows = _rows(_modes(), _truth())
    likely = rows["car", 1, 3.0]  # judged by the wrong mode: 8 m/s too fast
    assert likely["n"] == 1
    assert likely["min_fde_m"] == pytest.approx(24.0)
    assert likely["min_ade_m"] == pytest.approx(np.mean(8 * TIMES))
    assert likely["miss_rate"] == 1.0
    assert likely["brier_min_fde_m"] == pytest.approx(24.0)
    assert likely["off_road_rate"] == pytest.approx(1.0)  # at 3 s it is at x = 36
    assert likely["ece"] == pytest.approx(0.75)
    assert (likely["coverage_50"], likely["coverage_90"]) == (0.0, 0.0)
    both = rows["car", 2, 3.0]  # the right mode has 0.25
    assert both["min_fde_m"] == pytest.approx(0.0, abs=1e-9)
    assert both["miss_rate"] == 0.0
    assert both["brier_min_fde_m"] == pytest.approx(0.75**2)
    assert both["off_road_rate"] == pytest.approx(0.75)
    assert both["ece"] == pytest.approx(0.75)  # 0.75 where it was 0, and 0.25 where it was 1
    assert both["overlap_rate"] == 0.0
    assert rows["car", 2, 1.0]["off_road_rate"] == 0.0


def test_miss_thresholds_grow_with_the_speed_now():
    modes = _modes(speeds=((4.0 + 1.15 / 3.0, 4.0 + 1.15 / 3.0), (0.0, 0.0)))
    # At 3 s 2 m along the road, times 0.5 up to 1.4 m/s and 1 from 11 m/s: at 4 m/s 1.27 m.
    assert _rows(modes, _truth())["car", 1, 3.0]["miss_rate"] == 0.0
    assert _rows(modes, _truth(speed_now=np.array([1.0, 0.0])))["car", 1, 3.0]["miss_rate"] == 1.0


def test_calibration_error_is_of_the_most_likely_modes_only():
    speeds, probability = np.array([[9.0, 7.0, 4.0]]), np.array([[0.5, 0.3, 0.2]])  # the least likely one is right
    along = speeds[:, :, None] * TIMES
    modes = Modes(
        np.repeat(probability, 2, axis=0),
        np.repeat(np.stack([along, 0 * along], axis=-1), 2, axis=0),
        np.zeros((2, 3, 6)),
        np.broadcast_to(np.eye(2), (2, 3, 6, 2, 2)),
    )
    rows = _rows(modes, _truth())
    assert rows["car", 1, 3.0]["ece"] == pytest.approx(0.5)
    assert rows["car", 2, 3.0]["ece"] == pytest.approx(0.4)  # 0.5 and 0.3 where it was 0


def test_a_pedestrian_is_not_asked_about_the_road_and_one_mode_not_about_its_probability():
    row = _rows(_modes(), _truth())["pedestrian", 2, 3.0]
    assert row["off_road_rate"] is None
    assert row["ece"] is None
    assert row["min_fde_m"] == 0.0


def test_classes_together():
    rows = _rows(_modes(), _truth())
    assert rows["all", 1, 3.0]["n"] == 2
    assert rows["all", 1, 3.0]["min_fde_m"] == pytest.approx(12.0)
    assert rows["all", 1, 3.0]["off_road_rate"] == pytest.approx(1.0)  # of the one vehicle
    assert rows["vehicle", 1, 3.0] == {**rows["car", 1, 3.0], "agent_class": "vehicle"}
    assert ("bus", 1, 3.0) not in rows


def test_a_truth_that_ends_counts_up_to_its_end():
    valid = np.ones((2, 6), dtype=bool)
    valid[0, 2:] = False  # the car is gone after 1 s
    valid[1, 0] = False  # the pedestrian is hidden at 0.5 s, which only its ADE is about
    rows = _rows(_modes(), _truth(valid=valid))
    assert rows["car", 1, 1.0]["min_ade_m"] == pytest.approx(8 * 0.75)
    assert ("car", 1, 3.0) not in rows
    assert rows["all", 1, 3.0]["n"] == 1
    assert rows["pedestrian", 1, 3.0]["n"] == 1


def test_overlap_counts_the_most_likely_mode_against_the_truth_of_others():
    # A second car stands truly at x = 36; the likely mode (12 m/s) is there at 3 s, the other one is not.
    position = np.stack([np.column_stack([4 * TIMES, 0 * TIMES]), np.tile([36.0, 0.0], (6, 1))])
    rows = _rows(_modes(), _truth(position=position, size=np.array([[4.0, 2.0], [4.0, 2.0]])))
    assert rows["car", 1, 3.0]["overlap_rate"] == 1.0
    assert rows["car", 2, 3.0]["overlap_rate"] == 1.0
    assert rows["car", 1, 1.0]["overlap_rate"] == 0.0


def test_two_on_foot_are_not_in_each_others_way():
    # The first one walks at the likely mode's 12 m/s to x = 36, where the second one truly stands.
    position = np.stack([np.column_stack([4 * TIMES, 0 * TIMES]), np.tile([36.0, 0.0], (6, 1))])
    for other, overlap in ((AgentClass.PEDESTRIAN, 0.0), (AgentClass.ANIMAL, 0.0), (AgentClass.CYCLIST, 1.0)):
        classes = np.array([AgentClass.PEDESTRIAN, other])
        truth = _truth(position=position, agent_class=classes, other_class=classes)
        assert _rows(_modes(), truth)["pedestrian", 2, 3.0]["overlap_rate"] == overlap


def test_subsets_have_rows_of_their_own():
    subsets = np.zeros((2, len(SUBSETS)), dtype=bool)
    subsets[0, [1, 2]], subsets[1, list(SUBSETS).index("others")] = True, True
    sums = ScoreSums(CONFIG)
    score_scene(_modes(), _truth(subsets=subsets), AREA, sums)
    rows = {row["subset"]: row for row in sums.rows() if (row["agent_class"], row["k"]) == ("all", 2)}
    assert rows["braking_vehicles"]["n"] == rows["indicating_vehicles"]["n"] == rows["others"]["n"] == 1
    assert rows[None]["n"] == 2
    assert rows["braking_vehicles"]["brier_min_fde_m"] == pytest.approx(0.75**2)
    assert "phone_pedestrians" not in rows


def test_sums_of_two_scenes_are_those_of_both():
    first, second, together = (ScoreSums(CONFIG) for _ in range(3))
    other = _modes(speeds=((5.0, 3.0), (1.0, 0.0)))
    score_scene(_modes(), _truth(), AREA, first)
    score_scene(other, _truth(), AREA, second)
    first.merge(second)
    score_scene(_modes(), _truth(), AREA, together)
    score_scene(other, _truth(), AREA, together)
    assert list(first.rows()) == list(together.rows())


def test_fewer_modes_than_asked_and_no_agents():
    config = MetricsConfig(horizons_s=(1.0,), num_modes=(6,))
    row = _rows(_modes(), _truth(), config)["car", 6, 1.0]
    assert row["min_fde_m"] == pytest.approx(0.0, abs=1e-9)
    sums = ScoreSums(config)
    names = ("agent_class", "position_now", "speed_now", "size", "position", "yaw", "valid", "own_row", "other_class")
    nobody = _truth(**{name: np.asarray(getattr(_truth(), name))[:0] for name in names})
    empty = np.zeros((0, 6))
    score_scene(
        Modes(empty, np.zeros((0, 6, 6, 2)), np.zeros((0, 6, 6)), np.zeros((0, 6, 6, 2, 2))), nobody, AREA, sums
    )
    assert list(sums.rows()) == []


@pytest.mark.parametrize(
    "bad",
    [
        {"horizons_s": ()},
        {"horizons_s": (0.0,)},
        {"num_modes": (0,)},
        {"compliance_step_s": 2.0},
        {"num_coverage_samples": 1},
    ],
)
def test_config_refuses(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        MetricsConfig(**bad)
