"""The page of results: what is on it, where, and that the same files give the same bytes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from zoox_prediction.cli import main
from zoox_prediction.evaluation.bootstrap import rows_of_dataset
from zoox_prediction.evaluation.score_sums import MetricsConfig, ScoreSums, groups_of
from zoox_prediction.evaluation.subsets import SUBSETS

_METRICS = MetricsConfig(horizons_s=(1.0, 8.0), num_modes=(1, 6))


def _recording(error_m: float) -> ScoreSums:
    """30 cars, all of which brake, and 30 pedestrians that are missed twice as far."""
    sums = ScoreSums(_METRICS)
    subsets = np.zeros((60, len(SUBSETS)), dtype=bool)
    subsets[:30, list(SUBSETS).index("braking_vehicles")] = True
    subsets[30:, list(SUBSETS).index("others")] = True
    groups = groups_of(np.repeat([0, 5], 30), subsets)
    error = np.repeat([error_m, 2.0 * error_m], 30)
    for modes in range(2):
        for horizon in range(2):
            scale = (2.0 - modes) * (1.0 + horizon)
            scores = {"min_ade_m": 0.5 * scale * error, "min_fde_m": scale * error, "miss_rate": 0.1 * error}
            sums.add(
                modes, horizon, groups, scores | {"coverage_50": 0.5 + 0.0 * error, "coverage_90": 0.9 + 0.0 * error}
            )
            probability, happened = np.full(60, 0.5), np.arange(60) % 2 == 0
            sums.add_reliability(modes, horizon, groups, probability, happened)
    return sums


def _document(predictors, dataset="worlds", heuristics=("constant_velocity", "heuristic_mixture")):
    """What `evaluate --json` writes of predictors with a scale of their errors."""
    sums = {name: [_recording(scale * each) for each in (1.0, 2.0, 3.0)] for name, scale in predictors.items()}
    scene = {"dataset": dataset, "rank": "worst", "recording": "b", "at_s": 3.0, "min_fde_m": 12.5}
    scene |= {"num_agents": 4, "worst_agent": 77, "worst_m": 31.25}
    return {
        "command": f"zoox-prediction evaluate --recordings {dataset} --predictor {' '.join(predictors)}",
        "commit": "abc",
        "machine": {"cpu": "a fast one"},
        "versions": {"zoox_prediction": "1.2.3"},
        "predictors": [
            {"label": name, "name": name, "version": "1", "heuristic": name in heuristics}
            | ({} if name in heuristics else {"licence": "Apache-2.0", "training_data": [{"name": "drives", "n": 9}]})
            for name in predictors
        ],
        "recordings": {dataset: {"licence": "CC0", "names": ["a", "b", "c"]}},
        "scenes": [{**scene, "predictor": name} for name in predictors],
        "rows": [{"dataset": dataset, **row} for row in rows_of_dataset(sums, heuristics)],
    }


def _write(folder, name, document):
    path = folder / name
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def files(tmp_path):
    whole = _document({"constant_velocity": 2.0, "heuristic_mixture": 1.0, "learned": 0.5})
    parts = _document({"no_raster": 0.6, "no_graph": 0.5}, heuristics=())
    parts["scenes"] = []
    return [_write(tmp_path, "whole.json", whole), _write(tmp_path, "parts.json", parts)]


def _page(files, tmp_path, *options):
    out = tmp_path / "results.md"
    assert main(["results", *map(str, files), "--out", str(out), *map(str, options)]) == 0
    return out.read_text()


def _section(page, title):
    return page.split(f"## {title}")[1].split("\n## ")[0]


def test_summary_compares_the_learned_with_the_best_heuristic(files, tmp_path):
    lines = _section(_page(files, tmp_path), "All agents").splitlines()
    best, learned = (line for line in lines if "heuristic_mixture" in line or "| learned" in line)
    # Errors of 2 m and twice that on average, at 8 s twice as much: (4 + 8) / 2 for the mixture, half for the learned.
    assert "worlds, 3 recordings, 180 agents, 8 s | heuristic_mixture | 3.00 [" in best
    assert "| 6.00 [" in best
    assert "| 3.00 [" in learned
    assert "| 0.50 [0.50, 0.50] |" in learned
    assert "constant_velocity" not in "".join(lines), "only the best heuristic"
    assert "no_raster" not in "".join(lines)


def test_comparison_by_class_and_horizon(files, tmp_path):
    lines = _section(_page(files, tmp_path), "Learned predictors").splitlines()
    (pedestrians,) = (line for line in lines if "| pedestrian | 6 | learned | 1 |" in line)
    assert "| 90 | 0.50 [0.50, 0.50] | 0.50 [0.50, 0.50] | -2.00 [" in pedestrians
    assert "| cyclist |" not in "".join(lines), "there are none"
    shown = lines[: lines.index("<details>")]
    assert sum("| all | 6 | learned |" in line for line in shown) == 2
    assert "pedestrian" not in "".join(shown)


def test_ablation_tells_what_each_part_is_good_for(files, tmp_path):
    section = _section(_page(files, tmp_path), "What each part is good for")
    assert "| agents | number | learned | no raster | no graph |" in section
    assert "| braking vehicles | 90 | 2.00 | 2.40 (+20%) | 2.00 (+0%) |" in section
    assert "| all | 180 | 3.00 |" in section
    assert "cars at red |" not in section, "nobody is"


def test_everything_is_in_the_long_tables(files, tmp_path):
    section = _section(_page(files, tmp_path), "Every class")
    line = next(line for line in section.splitlines() if line.startswith("| car | 1 | constant_velocity |"))
    assert "| 90 / 90 | 4.00 / 8.00 | 8.00 / 16.00 | 40.0 / 40.0 |" in line
    assert line.endswith("| - | - | - | 0.000 | 50.0 | 90.0 |")
    assert "no_raster" not in section


def test_scenes_notes_data_and_commands(files, tmp_path):
    notes = tmp_path / "notes.md"
    notes.write_text("The bus stops for people.\n")
    page = _page(files, tmp_path, "--notes", notes)
    scenes = _section(page, "Best, median and worst scenes")
    assert "| worlds | learned | worst | b | 3.0 | 12.50 of 4 agents | 77, 31.25 |" in scenes
    assert "constant_velocity" not in scenes
    assert "The bus stops for people." in scenes
    data = page.split("## Data")[1]
    assert "| worlds | 3 | a, b, c | CC0 |" in data
    assert "| learned | 1 | drives, 9 | Apache-2.0 |" in data
    assert "zoox-prediction evaluate --recordings worlds --predictor no_raster no_graph" in data
    assert "version 1.2.3, commit abc" in data
    assert "a fast one" not in page


def test_the_same_files_give_the_same_bytes(files, tmp_path):
    assert _page(files, tmp_path) == _page(files, tmp_path)


def test_heuristics_alone_make_a_page_too(tmp_path):
    page = _page([_write(tmp_path, "a.json", _document({"heuristic_mixture": 1.0}))], tmp_path)
    assert "## Learned predictors" not in page
    assert "## Weights" not in page
    assert "| worlds | heuristic_mixture | worst | b |" in page


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda document: "{", "is not JSON"),
        (lambda document: [1], "has no 'command'"),
        (lambda document: {key: value for key, value in document.items() if key != "scenes"}, "has no 'scenes'"),
    ],
)
def test_a_file_that_is_none_of_scores_is_named(tmp_path, capsys, change, says):
    changed = change(_document({"heuristic_mixture": 1.0}))
    path = tmp_path / "odd.json"
    path.write_text(changed if isinstance(changed, str) else json.dumps(changed))
    assert main(["results", str(path), "--out", str(tmp_path / "results.md")]) == 2
    error = capsys.readouterr().err
    assert says in error and "odd.json" in error and error.count("\n") == 1


def test_the_same_scored_twice_is_refused(files, tmp_path, capsys):
    again = _write(tmp_path, "again.json", json.loads(files[0].read_text()))
    assert main(["results", str(files[0]), str(again), "--out", str(tmp_path / "results.md")]) == 2
    assert "again.json: scores constant_velocity on worlds, as does" in capsys.readouterr().err


def test_what_is_not_there_is_named(files, tmp_path, capsys):
    assert main(["results", "nowhere.json"]) == 2
    assert "nowhere.json: cannot be read" in capsys.readouterr().err
    assert main(["results", str(files[0]), "--out", str(tmp_path / "no" / "results.md")]) == 2
    assert "choose another --out" in capsys.readouterr().err
    assert main(["results", str(files[0]), "--notes", str(tmp_path / "no.md"), "--out", str(tmp_path / "r.md")]) == 2
    assert "--notes" in capsys.readouterr().err
