"""The progress bar on stderr of every command whose work takes a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.progress import Progress


class ProgressBar:
    """What `progress_bar` gives: call it with the share that is done."""

    def __init__(self, progress: Progress, description: str) -> None:
        self._progress = progress
        self._task = progress.add_task(description, total=None)  # moves to and fro until the first share is known

    def __call__(self, share: float, description: str | None = None) -> None:
        """Moves the bar to the share done, 0 to 1; `description` replaces the one before."""
        self._progress.update(self._task, completed=share, total=1.0, description=description)


@contextlib.contextmanager
def progress_bar(description: str) -> Iterator[ProgressBar]:
    """A bar that vanishes at the end of the context; nothing is drawn where stderr is no terminal."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        yield ProgressBar(progress, description)
