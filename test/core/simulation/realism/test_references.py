"""Recorded traffic to compare with, and I-80's traffic history."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from zoox_prediction.recording.datasets.smarts import read_history
from zoox_prediction.recording.datasets.source import SourceError
from zoox_prediction.recording.log import log_of
from zoox_prediction.scene import AgentClass
from zoox_prediction.simulation.realism.courses import courses_of
from zoox_prediction.simulation.realism.references import REFERENCES, recordings_folder


def write_history(path: Path, speed: float = 5.0) -> Path:
    """A car along +x, as SMARTS has it: headings count from +y."""
    with closing(sqlite3.connect(path)) as history:
        history.execute("create table Vehicle (id integer, type integer, length real, width real, height real)")
        history.execute(
            "create table Trajectory (vehicle_id integer, sim_time real, position_x real, position_y real,"
            " heading_rad real)"
        )
        history.execute("insert into Vehicle values (3, 3, 9.5, 2.4, null)")
        rows = [(3, 7.9 + 0.1 * step, 0.1 * speed * step, 2.0, -0.5 * np.pi) for step in range(31)]
        history.executemany("insert into Trajectory values (?, ?, ?, ?, ?)", rows)
        history.commit()
    return path


def test_a_traffic_history_is_read(tmp_path):
    log = log_of(read_history(write_history(tmp_path / "cars.shf")))
    courses = courses_of(log)
    assert courses.agent_class.tolist() == [AgentClass.TRUCK] and courses.size.tolist() == [[9.5, 2.4]]
    np.testing.assert_allclose(courses.yaw, 0.0, atol=1e-9)
    np.testing.assert_allclose(courses.speed, 5.0, atol=1e-6)
    assert courses.num_steps == 31 and not log.ego


def test_a_damaged_history_is_named(tmp_path):
    path = tmp_path / "cars.shf"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(SourceError, match=r"cars\.shf"):
        read_history(path)
    with pytest.raises(SourceError, match="no such file"):
        read_history(tmp_path / "none.shf")


def test_the_folder_of_recordings_can_be_given(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOOX_PREDICTION_DATA", str(tmp_path))
    assert recordings_folder() == tmp_path
    assert all(list(reference.logs()) == [] for reference in REFERENCES)


def test_the_real_ones_are_there(recordings, monkeypatch):
    monkeypatch.setenv("ZOOX_PREDICTION_DATA", str(recordings))
    first = {reference.name: next(iter(reference.logs())) for reference in REFERENCES}
    assert all(len(log.agents) > 70 for log in first.values())
    assert len(courses_of(first["I-80"])) == 200 and len(first["I-80"].road_network.lanes) > 5
