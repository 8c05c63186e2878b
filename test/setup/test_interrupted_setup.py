"""A set-up that fails, is killed or meets another one: what is left is seen, and the next run recovers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from setup_environment.errors import NothingChangedError, SetUpError
from setup_environment.processes import Processes
from setup_environment.state import State, digest_of

_ROOT = Path(__file__).resolve().parents[2]
_REQUIRED = ("setup_environment", "requirements", "stand_ins", "msg", "srv", "config", "launch", "zoox_prediction")


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    path = tmp_path / "log.txt"
    with path.open("w", encoding="utf-8") as log, (tmp_path / "lock").open("w") as lock:
        yield Processes(log, path, lock.fileno(), tmp_path)


def _pip(*arguments: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "pip",
        "--isolated",
        "--no-input",
        "download",
        "--retries=1",
        "--no-cache-dir",
        *arguments,
    ]


def test_full_disk_in_the_middle(processes: Processes) -> None:
    with pytest.raises(SetUpError, match="no space is left on the disk"):
        processes.run(["sh", "-c", "cat /dev/zero > /dev/full"], os.environ, "writing")


def test_no_network(processes: Processes, tmp_path: Path) -> None:
    command = _pip("--index-url=http://127.0.0.1:9/simple", f"--dest={tmp_path}", "numpy")
    with pytest.raises(NothingChangedError, match="index cannot be reached: connect this machine"):
        processes.run(command, os.environ, "installing")


def test_no_build_for_this_machine(processes: Processes, tmp_path: Path) -> None:
    with pytest.raises(NothingChangedError, match="index has no numpy"):
        processes.run(_pip("--no-index", f"--dest={tmp_path}", "numpy"), os.environ, "installing")


def test_any_other_failure_names_the_log(processes: Processes, tmp_path: Path) -> None:
    with pytest.raises(SetUpError, match=f"building failed: see the end of {tmp_path / 'log.txt'}"):
        processes.run(["sh", "-c", "echo why >&2; exit 3"], os.environ, "building")
    assert "why" in (tmp_path / "log.txt").read_text()


def test_nothing_of_a_failed_phase_goes_on(processes: Processes, tmp_path: Path) -> None:
    left = tmp_path / "left"
    with pytest.raises(SetUpError):
        processes.run(["sh", "-c", f"(sleep 1; touch {left}) & exit 1"], os.environ, "building")
    time.sleep(1.3)
    assert not left.exists()


def test_records_of_phases(tmp_path: Path) -> None:
    state = State(tmp_path)
    assert state.interrupted is None and not state.is_done("packages", "a")
    state.begin("packages")
    assert state.interrupted == "packages"
    state.finish("packages", "a")
    assert state.interrupted is None and state.is_done("packages", "a") and not state.is_done("packages", "b")
    state.begin("packages")
    assert not state.is_done("packages", "a")
    state.abandon()
    assert state.interrupted is None and not state.is_done("packages", "a")


def test_damaged_records_count_as_none(tmp_path: Path) -> None:
    State(tmp_path).finish("packages", "a")
    (tmp_path / "setup_state.json").write_text('{"packages": "a"', encoding="utf-8")
    assert not State(tmp_path).is_done("packages", "a")


def test_digest_depends_on_names_and_contents(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("same")
    second.write_text("same")
    digests = [digest_of(files=[first]), digest_of(files=[second]), digest_of(["a"], [first]), digest_of(["a", "b"])]
    first.write_text("other")
    digests.append(digest_of(files=[first]))
    assert len(set(digests)) == len(digests)


@contextlib.contextmanager
def _index_that_never_answers() -> Iterator[tuple[str, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        yield f"http://127.0.0.1:{server.getsockname()[1]}/simple", server


def _start(checkout: Path, index: str) -> subprocess.Popen[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "ROS_", "PYTHON"))}
    settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index, "PIP_RETRIES": "1", "PIP_NO_CACHE_DIR": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "setup_environment"], cwd=checkout, env={**kept, **settings}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def _first_connection(server: socket.socket, set_up: subprocess.Popen[str]) -> socket.socket:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and set_up.poll() is None:
        with contextlib.suppress(TimeoutError):
            return server.accept()[0]
    set_up.kill()
    raise AssertionError(f"pip was not started: {set_up.communicate()}")


def test_killed_set_up_recovers_after_what_it_left_running(tmp_path: Path) -> None:
    """Killed while pip is at work: the next run waits for that pip, starts anew, and fails with one sentence."""
    for name in (*_REQUIRED, "CMakeLists.txt", "package.xml"):
        (tmp_path / name).symlink_to(_ROOT / name)
    (tmp_path / "setup_environment").unlink()
    (tmp_path / "setup_environment").mkdir()
    for source in (_ROOT / "setup_environment").glob("*.*"):
        (tmp_path / "setup_environment" / source.name).write_text(source.read_text(), encoding="utf-8")
    with _index_that_never_answers() as (index, server):
        killed = _start(tmp_path, index)
        connection = _first_connection(server, killed)  # pip is at work
        assert State(tmp_path / ".venv").interrupted == "packages"
        killed.kill()
        killed.communicate()
        following = _start(tmp_path, "http://127.0.0.1:9/simple")
        assert following.stdout is not None
        first = following.stdout.readline()
        connection.close()  # the pip that was left ends now
    assert "another set-up of this checkout is at work" in first
    output, sentence = following.communicate(timeout=120)
    assert following.returncode == 1
    assert "removing the environment that was there" in output
    assert len(sentence.splitlines()) == 1 and "index cannot be reached" in sentence
    assert State(tmp_path / ".venv").interrupted is None


def test_terminated_set_up_ends_its_programs(tmp_path: Path) -> None:
    script = (
        "import os, sys, signal\nfrom pathlib import Path\nfrom setup_environment import command\n"
        "from setup_environment.processes import Processes\n"
        "signal.signal(signal.SIGTERM, command._interrupt)\n"
        "path = Path('log.txt')\n"
        "with path.open('w') as log, open('lock', 'w') as lock:\n"
        "    run = Processes(log, path, lock.fileno(), Path.cwd())\n"
        "    try:\n"
        "        run.run(['sh', '-c', 'echo $$ > pid; sleep 600'], os.environ, 'sleeping')\n"
        "    except KeyboardInterrupt:\n"
        "        sys.exit(130)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(_ROOT)}
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < deadline:  # what was killed is there until the system has taken note of its end
            os.kill(int((tmp_path / "pid").read_text()), 0)
            time.sleep(0.02)
