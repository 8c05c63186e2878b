"""The demo from the command line: real nodes, real DDS, real pictures."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from zoox_prediction.recording.bag import BagReader
from zoox_prediction.recording.generated import generate_recording
from zoox_prediction.recording.messages import tracked_agents_from_message

CLI = ("-m", "zoox_prediction.cli")
TIMEOUT_S = 240.0


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "town"
    generate_recording(path, seed=3, duration_s=6.0)
    return path


def test_every_scene_is_predicted_and_shown(start_process, recording, tmp_path):
    output = tmp_path / "results"
    # At half speed, for this is about the whole and not about how fast a busy test machine is.
    demo = start_process(*CLI, "demo", "--recording", str(recording), "--output", str(output), "--rate", "0.5")
    assert demo.wait(TIMEOUT_S) == 0, demo.output
    metrics = json.loads((output / "metrics.json").read_text())
    run = metrics["run"]
    assert run["predictions"] >= run["scenes_played"] == 61  # both ends of 6 s
    assert run["lost"] == run["without_path"] == run["improper"] == 0
    assert 0.0 < run["min_ade_m"] < 5.0
    assert {row["plan"] for row in run["what_if"]["rows"]} == {"keep going", "brake to a stop", "accelerate"}
    assert {row["horizon_s"] for row in metrics["rows"]} >= {1.0, 3.0}
    scene = cv2.imread(str(output / "scene.png"))
    assert len(np.unique(scene.reshape(-1, 3), axis=0)) > 100
    assert cv2.imread(str(output / "what_if.png")).shape == (960, 1920, 3)
    assert not (output / "sensors.png").exists()  # the recording has none
    film = cv2.VideoCapture(str(output / "film.webm"))
    assert film.read()[0]
    assert "what if the ego did this?" in demo.output


def test_the_drive_of_the_package_needs_no_simulator(start_process, tmp_path):
    output, absent = tmp_path / "results", tmp_path / "absent"
    for name in ("sumo", "sumolib", "libsumo", "traci"):
        (absent / name).mkdir(parents=True)
        (absent / name / "__init__.py").write_text("raise ImportError('is not there')\n")
    # For the nodes too, which inherit it: what is found there hides what is installed.
    hidden = f"import os, sys; os.environ['PYTHONPATH'] += {f':{absent}'!r}; sys.path.insert(1, {str(absent)!r})"
    command = f"{hidden}; from zoox_prediction.cli import main; sys.exit(main())"
    demo = start_process("-c", command, "demo", "--from-tracks", "--output", str(output), "--no-film")
    assert demo.wait(TIMEOUT_S) in (0, 1), demo.output  # 1: a busy machine lost scenes
    said = " ".join(demo.output.split())
    assert "those of the recording (/ground_truth/agents), in place of a tracker" in said and "scene_" in said
    run = json.loads((output / "metrics.json").read_text())["run"]
    assert run["predictions"] > 0.5 * run["scenes_played"] > 50 and run["without_path"] == run["improper"] == 0
    assert cv2.imread(str(output / "sensors.png")).shape[0] >= 760
    assert not (output / "recording").exists()  # it is played where it is installed


SUITE = """
sensors:
  roof: {modality: lidar, topic: /sensors/lidar_front_left/points, frame_id: lidar_front_left}
  bumper: {modality: radar, topic: /sensors/radar_front_left/points, frame_id: radar_front_left}
  night:
    modality: thermal
    topic: /sensors/thermal_front_left/image/compressed
    info_topic: /sensors/thermal_front_left/camera_info
    frame_id: thermal_front_left
"""


def test_from_raw_sensors_to_predictions_of_what_their_tracker_sees(start_process, tmp_path):
    suite, output = tmp_path / "suite.yaml", tmp_path / "results"
    suite.write_text(SUITE)
    arguments = ("--sensor-suite", str(suite), "--output", str(output), "--no-film", "--rate", "0.7")
    demo = start_process(*CLI, "demo", *arguments)
    assert demo.wait(TIMEOUT_S) in (0, 1), demo.output  # 1: a busy machine lost scenes
    said = " ".join(demo.output.split())
    assert "made from 3 sensors" in said
    metrics = json.loads((output / "metrics.json").read_text())
    run = metrics["run"]
    assert run["predictions"] > 0.5 * run["scenes_played"] > 40 and run["without_path"] == run["improper"] == 0
    assert 0.0 < run["min_ade_m"] < 8.0 and metrics["rows"]
    nodes = run["nodes"]
    assert all(nodes[f"{name}_detection"]["received"] > 60 for name in ("roof", "bumper", "night"))
    assert nodes["tracking_node: sensor to tracks"]["p50_ms"] > 0.0
    with BagReader(output / "predictions") as reader:
        counts = {name: topic.message_count for name, topic in reader.topics.items()}
        tracks = [tracked_agents_from_message(each.message) for each in reader.messages(["/tracked_agents"])]
    assert counts["/detections"] > 150 and counts["/tracked_agents"] > 80
    # Tracks are those of the three sensors, and the true agents were not heard.
    sensors = {name for each in tracks for names in each.sensors for name in names}
    assert sensors and sensors <= {"roof", "bumper", "night"}
    assert cv2.imread(str(output / "scene.png")).shape[:2] == (960, 1526)


def test_two_runs_side_by_side_do_not_meet(start_process, recording, tmp_path):
    demos = []
    for name in ("first", "second"):
        arguments = ("--recording", str(recording), "--output", str(tmp_path / name), "--no-film", "--rate", "0.5")
        demos.append(start_process(*CLI, "demo", *arguments))
    for demo in demos:
        assert demo.wait(TIMEOUT_S) in (0, 1), demo.output  # 1: a busy machine lost scenes
    runs = [json.loads((tmp_path / name / "metrics.json").read_text())["run"] for name in ("first", "second")]
    domains = {line for demo in demos for line in demo.output.splitlines() if "on ROS domain" in line}
    assert len({line.split("ROS domain")[1] for line in domains}) == 2
    for run in runs:
        # Another run's predictions would come on top: a scene is at most repeated, when the machine is slow.
        assert run["without_path"] == 0 and run["predictions"] < 2 * run["scenes_played"]


def test_an_interrupted_demo_leaves_no_process(start_process, recording, tmp_path):
    demo = start_process(*CLI, "demo", "--recording", str(recording), "--output", str(tmp_path / "results"))
    started = time.monotonic()
    while "playing" not in demo.output:
        assert time.monotonic() - started < TIMEOUT_S, demo.output
        time.sleep(0.1)
    children = _descendants(demo.process.pid)
    assert len(children) >= 3
    demo.process.send_signal(signal.SIGINT)
    assert demo.wait(TIMEOUT_S) == 130, demo.output
    assert "Traceback" not in demo.output
    assert not [pid for pid in children if Path(f"/proc/{pid}/cmdline").exists() and b"zoox" in _command(pid)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--recording", "nowhere.bag"], "nowhere.bag: no such file or folder"),
        (["--rate", "0"], "--rate 0.0: must be positive"),
        (["--config", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
    ],
)
def test_mistakes_end_in_one_sentence(start_process, tmp_path, arguments, sentence):
    demo = start_process(*CLI, "demo", "--output", str(tmp_path / "results"), *arguments)
    assert demo.wait(TIMEOUT_S) == 2
    assert sentence in demo.output and "Traceback" not in demo.output


def test_a_replay_from_the_command_line_ends_with_the_bag(start_process, recording):
    replay = start_process(*CLI, "replay", str(recording), "--rate", "10")
    assert replay.wait(TIMEOUT_S) == 0
    assert "played" in replay.output


def _descendants(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
