"""Command line of the set-up. An old Python can read this file too, and gets a sentence instead of a syntax error."""

import sys

OLDEST_PYTHON = (3, 10)


def main() -> int:
    """Returns the exit code."""
    if sys.version_info < OLDEST_PYTHON:
        version = f"Python {sys.version_info[0]}.{sys.version_info[1]} ({sys.executable})"
        advice = "install Python 3.12 and say its name, as in 'make demo PYTHON=python3.12'"
        print(f"set-up: {version} is too old: {advice}", file=sys.stderr)
        return 1
    from setup_environment.command import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
