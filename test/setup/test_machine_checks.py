"""What the set-up says on machines that lack something: one sentence, what to do, no traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from setup_environment import machine
from setup_environment.errors import SetUpError
from setup_environment.machine import RosSource

_ROOT = Path(__file__).resolve().parents[2]
_WHEELS = RosSource(None)


def _said(command: list[str], checkout: Path, path: Path | None = None) -> str:
    """The one line that a failing set-up writes to stderr."""
    variables = {
        key: value for key, value in os.environ.items() if key not in ("CC", "CXX", "ROS_DISTRO", "PYTHONPATH")
    }
    if path:
        variables["PATH"] = str(path)
    done = subprocess.run(command, cwd=checkout, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout without an environment."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("setup_environment", "requirements", "stand_ins", "msg", "srv", "config", "launch"):
        shutil.copytree(_ROOT / name, folder / name)
    (folder / "zoox_prediction").mkdir()
    for name in ("CMakeLists.txt", "package.xml", "zoox_prediction/__init__.py"):
        shutil.copy(_ROOT / name, folder / name)
    return folder


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder for PATH with nothing but make."""
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / "make").symlink_to(shutil.which("make") or pytest.skip("there is no make"))
    return folder


def test_old_python(checkout: Path) -> None:
    pretend = "import runpy, sys; sys.version_info = (3, 9, 18, 'final', 0)"
    run = "runpy.run_module('setup_environment', run_name='__main__')"
    said = _said([sys.executable, "-c", f"{pretend}; {run}"], checkout)
    assert "Python 3.9" in said and "too old: install Python 3.12" in said


@pytest.mark.skipif(sys.version_info < (3, 10), reason="the pretended version must be newer")
def test_new_python_for_which_there_are_no_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 15, 0, "final", 0))
    with pytest.raises(SetUpError, match=r"too new for the ROS 2 wheels: install Python 3\.12"):
        machine.check_python(_WHEELS)


def test_python_without_header_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine.sysconfig, "get_paths", lambda: {"include": str(tmp_path)})
    with pytest.raises(SetUpError, match=r"no header files: run 'sudo apt install python3\.\d+-dev'"):
        machine.check_python(_WHEELS)


def test_no_compiler(checkout: Path, tools: Path) -> None:
    said = _said([sys.executable, "-m", "setup_environment"], checkout, tools)
    assert "no C compiler: run 'sudo apt install build-essential'" in said


def test_compiler_that_fails(checkout: Path, tools: Path) -> None:
    (tools / "cc").write_text("#!/bin/sh\nexit 1\n")
    (tools / "cc").chmod(0o755)
    assert "'cc' is no C compiler that can build a program" in _said(
        [sys.executable, "-m", "setup_environment"], checkout, tools
    )


def test_path_that_cmake_cannot_handle(checkout: Path, tmp_path: Path) -> None:
    spaced = tmp_path / "my robots"
    checkout.rename(spaced)
    assert "move the checkout" in _said([sys.executable, "-m", "setup_environment"], spaced)


def test_distribution_that_this_python_cannot_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DISTRO", "jazzy")
    monkeypatch.setattr(machine.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SetUpError, match="ROS 2 jazzy is sourced"):
        machine.find_ros()


def test_no_distribution_is_sourced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROS_DISTRO", raising=False)
    assert machine.find_ros().distribution is None


@pytest.mark.parametrize(
    ("free_megabytes", "packages", "fits"), [(2000, True, False), (2000, False, True), (50, False, False)]
)
def test_full_disk(
    free_megabytes: int, packages: bool, fits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=free_megabytes * 1_000_000)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda folder: usage)
    if fits:
        machine.check_disk(tmp_path, packages)
    else:
        with pytest.raises(SetUpError, match="no space is left on the disk: free at least"):
            machine.check_disk(tmp_path, packages)


@pytest.mark.parametrize(("version", "usable"), [("3.19.8", False), ("3.25.1", True), ("4.1.0", True), ("", False)])
def test_cmake_is_judged_by_its_version(
    version: str, usable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cmake").write_text(f"#!/bin/sh\necho cmake version {version}\n")
    (tmp_path / "cmake").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.cmake_is_usable() is usable
