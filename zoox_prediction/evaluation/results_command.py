"""`zoox-prediction results`: the page of results, from the files that `evaluate --json` wrote."""

from __future__ import annotations

import argparse
from pathlib import Path

from zoox_prediction.errors import InputError
from zoox_prediction.evaluation.results_page import results_page
from zoox_prediction.evaluation.score_files import read_score_files

_EPILOG = """\
Predictors whose label begins with 'no_' (evaluate --predictor no_raster=learned:FILE) are those of the ablation: they
stand in its table only. The same files give the same page, to the byte; nothing on it depends on the machine.

example: zoox-prediction results simulation.json real.json ablation.json --notes docs/worst_scenes.md
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = _EPILOG
    parser.add_argument("scores", nargs="+", type=Path, metavar="JSON", help="written by 'evaluate --json'")
    parser.add_argument("--notes", type=Path, metavar="FILE", help="Markdown that is put below the list of scenes")
    parser.add_argument(
        "--out", type=Path, default=Path("docs/results.md"), metavar="FILE", help="page to write, default %(default)s"
    )


def run(arguments: argparse.Namespace) -> int:
    """Writes the page; raises InputError for what the user can mend."""
    files = read_score_files(arguments.scores)
    notes = "" if arguments.notes is None else _text(arguments.notes)
    text = results_page(files, notes)
    try:
        arguments.out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{arguments.out}: cannot be written: {error.strerror}; choose another --out") from error
    print(arguments.out)
    return 0


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); give a Markdown file or leave out --notes") from error
