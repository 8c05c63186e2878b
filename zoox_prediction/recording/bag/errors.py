"""The error of recordings."""

from zoox_prediction.errors import InputError


class RecordingError(InputError):
    """A recording that cannot be read or written; one sentence that names the file, what is wrong, and what to do."""
