"""Tells a person what is being done and how long it took."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType


class Progress:
    """One line per phase; on a terminal the seconds count up while it lasts. A context manager."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._start = time.monotonic()
        self._ended = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        self._live = sys.stdout.isatty()

    def __enter__(self) -> Progress:
        if self._live:
            self._ticker.start()
        else:
            print(f"set-up: {self._title} ...", flush=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        word = "done" if kind is None else "not finished"
        if self._live:
            self._ticker.join()
            print("\r\x1b[K", end="")
        print(f"set-up: {self._title}: {word} after {time.monotonic() - self._start:.1f} s", flush=True)

    def _tick(self) -> None:
        while not self._ended.wait(0.5):
            print(f"\r\x1b[Kset-up: {self._title} ... {time.monotonic() - self._start:.0f} s", end="", flush=True)
