"""Starts ROS nodes as processes of their own on a ROS domain of their own, and ends every one of them."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from zoox_prediction.errors import InputError

_DOMAIN_IDS = range(1, 102)  # those whose DDS ports stay below Linux' ephemeral ports
_STOP_TIMEOUT_S = 5.0


def require_ros() -> None:
    """Raises InputError where nodes cannot run."""
    if importlib.util.find_spec("rclpy") is None:
        raise InputError(
            "this command runs ROS 2 nodes and there is no ROS 2 here: run `make demo` in a checkout, "
            "or source a ROS 2 distribution and build the package"
        )


@contextlib.contextmanager
def private_domain() -> Iterator[int]:
    """A ROS domain id that no other run on this machine holds, reserved by a lock file until the context ends.

    Raises InputError when all are taken.
    """
    start = os.getpid() % len(_DOMAIN_IDS)
    folder = Path(tempfile.gettempdir())
    for domain in (*_DOMAIN_IDS[start:], *_DOMAIN_IDS[:start]):
        try:
            lock = (folder / f"zoox_prediction_domain_{domain}.lock").open("a")
        except OSError:  # another user's lock
            continue
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            yield domain
            return
    raise InputError("all 101 ROS domains are in use by other runs on this machine; end some of them")


@contextlib.contextmanager
def deferred_interrupt() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets, instead of an exception that may come anywhere, be swallowed, or break a clean-up."""
    interrupted = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: interrupted.set())
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def local_environment(domain: int) -> dict[str, str]:
    """The environment of a node whose traffic never leaves this machine."""
    local = {"ROS_DOMAIN_ID": str(domain), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    return node_environment({**os.environ, **local})


def node_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` in which a node imports what this process imports, from whichever folder it is started."""
    package_root = str(Path(__file__).resolve().parents[2])
    paths = [package_root, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    return {**environment, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}


def node_command(name: str, parameters: Mapping[str, object], params_file: Path | None = None) -> list[str]:
    """The command line of `zoox_prediction.nodes.<name>` with ROS parameters."""
    command = [sys.executable, "-m", f"zoox_prediction.nodes.{name}", "--ros-args"]
    if params_file is not None:
        command += ["--params-file", str(params_file)]
    for key, value in parameters.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        command += ["-p", f"{key}:={text}"]
    return command


class ProcessGroup:
    """A context manager that ends what it started, whatever happens."""

    def __init__(self, environment: Mapping[str, str], log_folder: Path, stop_timeout_s: float = _STOP_TIMEOUT_S):
        """The output of every process goes to `log_folder`/NAME.log; after each `stop_timeout_s` it is asked harder."""
        self._stop_timeout_s = stop_timeout_s
        self._environment = dict(environment)
        self._log_folder = log_folder
        self._processes: dict[str, subprocess.Popen[str]] = {}

    def start(self, name: str, command: Sequence[str], *, pipe_output: bool = False) -> subprocess.Popen[str]:
        """Starts one process; its stdout goes to the log, or with `pipe_output` to the caller."""
        self._log_folder.mkdir(parents=True, exist_ok=True)
        with self.log_path(name).open("w") as log:
            output: int | IO[str] = subprocess.PIPE if pipe_output else log
            process = subprocess.Popen(
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=output, stderr=log, text=True
            )
        self._processes[name] = process
        return process

    def log_path(self, name: str) -> Path:
        return self._log_folder / f"{name}.log"

    def failed(self) -> str | None:
        """One sentence on the first process that has ended with an error, if any."""
        for name, process in self._processes.items():
            if process.poll() not in (None, 0):
                lines = self.log_path(name).read_text(errors="replace").strip().splitlines()
                last = lines[-1] if lines else "it wrote nothing"
                return f"{name} ended with code {process.returncode} ({last}); see {self.log_path(name)}"
        return None

    def stop(self, name: str) -> None:
        """Asks a process to end (SIGINT), then insists; returns when it is gone."""
        process = self._processes.pop(name, None)
        if process is None:
            return
        for request in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            if process.poll() is not None:
                break
            process.send_signal(request)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(self._stop_timeout_s)
        if process.stdout is not None:
            process.stdout.close()

    def __enter__(self) -> ProcessGroup:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():  # all at once, so that their ends overlap
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for name in list(self._processes):
            self.stop(name)
