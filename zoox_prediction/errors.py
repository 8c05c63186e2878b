"""The error for input that a person gave and can mend; tools print it and end, nodes report it and go on."""


class InputError(ValueError):
    """One sentence that names the file, topic or key, what is wrong with it, and what to do."""
