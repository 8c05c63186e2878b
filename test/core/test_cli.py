"""What every command has in common: errors in one sentence, interruption, a help text that teaches."""

from __future__ import annotations

import errno
import sys
import types

import pytest

from zoox_prediction import cli
from zoox_prediction.errors import InputError


def _command_that_raises(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    module = types.ModuleType("failing_command")

    def run(arguments: object) -> int:
        raise error

    module.add_arguments = lambda parser: None  # type: ignore[attr-defined]
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "failing_command", module)
    monkeypatch.setitem(cli.COMMANDS, "fail", cli.Command("failing_command", "fails"))
    return cli.main(["fail"])


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (InputError("a.csv: is empty; fetch it again"), 2, "zoox-prediction: a.csv: is empty; fetch it again\n"),
        (
            ModuleNotFoundError("No module named 'lanelet2'", name="lanelet2"),
            2,
            "zoox-prediction: this needs the Python module 'lanelet2', which is not installed\n",
        ),
        (KeyboardInterrupt(), 130, "zoox-prediction: interrupted\n"),
        (OSError(errno.ENOSPC, "No space left on device", "out"), 2, "zoox-prediction: out: No space left on device\n"),
    ],
)
def test_errors_end_in_one_sentence(
    error: BaseException,
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _command_that_raises(error, monkeypatch) == code
    assert capsys.readouterr().err == words


def test_our_own_mistakes_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    for mistake in (ZeroDivisionError(), ModuleNotFoundError(name="zoox_prediction.gone"), OSError("no number")):
        with pytest.raises(type(mistake)):
            _command_that_raises(mistake, monkeypatch)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_of_every_command_has_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([name, "--help"])
    assert ended.value.code == 0
    assert f"  zoox-prediction {name} " in capsys.readouterr().out.replace("example: ", "example:\n  ")
