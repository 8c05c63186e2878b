"""The errors that end a set-up."""

from __future__ import annotations


class SetUpError(Exception):
    """One sentence that says what is wrong and what to do about it."""


class NothingChangedError(SetUpError):
    """The phase failed before it changed the environment, so what was finished before is still good."""


NO_SPACE = "no space is left on the disk: free at least 3 GB for '{}' and its temporary files, and run the same again"
