"""Runs the programs of a phase: output into the log file, no process left behind, failures told in one sentence."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from setup_environment.errors import NO_SPACE, NothingChangedError, SetUpError

_NO_NETWORK = re.compile(
    r"Temporary failure in name resolution|Name or service not known|NewConnectionError|ConnectTimeoutError|"
    r"Max retries exceeded|ProxyError|Network is unreachable|Connection refused|ReadTimeoutError|ConnectionResetError|"
    r"connection broken by",
)
_NO_SPACE = re.compile(r"No space left on device|Disk quota exceeded")
_NO_PACKAGE = re.compile(r"No matching distribution found for (\S+)")
_KILL_AFTER_S = 5.0


class Processes:
    """Starts programs one at a time.

    Every program inherits the lock of the set-up: when the set-up itself is killed, the next one waits until what it
    had started has ended too.
    """

    def __init__(self, log: TextIO, log_path: Path, lock_descriptor: int, checkout: Path) -> None:
        self._log = log
        self._log_path = log_path
        self._lock_descriptor = lock_descriptor
        self._checkout = checkout

    def run(self, command: Sequence[str], environment: Mapping[str, str], purpose: str) -> None:
        """Runs `command` to its end; raises SetUpError with a sentence on the cause unless it succeeds."""
        self._log.write(f"\n$ {' '.join(command)}\n")
        self._log.flush()
        start = self._log_path.stat().st_size
        process = subprocess.Popen(
            command,
            cwd=self._checkout,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            pass_fds=(self._lock_descriptor,),
            start_new_session=True,
        )
        try:
            status = process.wait()
        except BaseException:
            _end_group(process)
            raise
        if status != 0:
            _end_group(process)
            raise self._error(purpose, status, start)

    def _error(self, purpose: str, status: int, start: int) -> SetUpError:
        with self._log_path.open(encoding="utf-8", errors="replace") as file:
            file.seek(start)
            output = file.read()
        if _NO_SPACE.search(output):
            return SetUpError(NO_SPACE.format(self._checkout))
        # pip fetches everything before it changes anything.
        if _NO_NETWORK.search(output):
            return NothingChangedError(
                "the package index cannot be reached: connect this machine to the network, and run the same again"
            )
        if missing := _NO_PACKAGE.search(output):
            return NothingChangedError(
                f"the package index has no {missing[1]} for this machine and Python: use x86-64 or aarch64 Linux with "
                f"Python 3.12, as in 'make demo PYTHON=python3.12' (details in {self._log_path})"
            )
        if status < 0:
            ended = signal.Signals(-status).name
            return SetUpError(f"{purpose} was ended by {ended}: run the same again (details in {self._log_path})")
        return SetUpError(
            f"{purpose} failed: see the end of {self._log_path}, mend what it names, and run the same again"
        )


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Ends the program and everything it started (a session of its own, so nothing else is hit)."""
    for end in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, end)
        except ProcessLookupError:
            return
        try:
            process.wait(_KILL_AFTER_S)
        except subprocess.TimeoutExpired:
            continue
