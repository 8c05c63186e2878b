"""What is finished in `.venv`: one record per phase, which holds the hash of everything that the phase depends on.

The phase at work is noted before it changes anything, so a phase that was killed is seen as such.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

_AT_WORK = "at work"


class State:
    """The records of one environment. They lie inside it, so that they vanish with it."""

    def __init__(self, environment: Path) -> None:
        self._path = environment / "setup_state.json"

    def _records(self) -> dict[str, str]:
        """Phase to hash; empty when there is no environment or the file is damaged."""
        try:
            records = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return records if isinstance(records, dict) else {}

    @property
    def interrupted(self) -> str | None:
        """The phase that began and did not end."""
        return self._records().get(_AT_WORK)

    def is_done(self, phase: str, digest: str) -> bool:
        """Whether `phase` ended well with these inputs."""
        return self._records().get(phase) == digest

    def begin(self, phase: str) -> None:
        """Takes the record of `phase` away and notes that it is at work."""
        records = self._records()
        records.pop(phase, None)
        self._write({**records, _AT_WORK: phase})

    def abandon(self) -> None:
        """Notes that the phase at work ended without a change."""
        records = self._records()
        records.pop(_AT_WORK, None)
        self._write(records)

    def finish(self, phase: str, digest: str) -> None:
        """Records that `phase` ended well."""
        records = self._records()
        records.pop(_AT_WORK, None)
        self._write({**records, phase: digest})

    def _write(self, records: dict[str, str]) -> None:
        partial = self._path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8") as file:
            json.dump(records, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._path)


def digest_of(texts: Iterable[str] = (), files: Iterable[Path] = ()) -> str:
    """Hash of the texts, and of the names and contents of the files."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(f"{len(text)}:{text}".encode())
    for path in sorted(files):
        content = path.read_bytes()
        digest.update(f"{path}:{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()
