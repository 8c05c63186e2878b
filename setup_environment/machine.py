"""What the machine must have before anything is installed on it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

from setup_environment.errors import NO_SPACE, SetUpError

NEWEST_PYTHON_OF_WHEELS = (3, 13)
OLDEST_CMAKE = (3, 20)
# Measured: a finished environment takes 1.5 GB, the built interfaces 30 MB, and pip fetches into the temporary folder.
ENVIRONMENT_MEGABYTES = 2500
INTERFACES_MEGABYTES = 200
TEMPORARY_MEGABYTES = 500


@dataclass(frozen=True)
class RosSource:
    """Where ROS 2 comes from: a sourced distribution, or wheels where `distribution` is None."""

    distribution: str | None

    @property
    def name(self) -> str:
        """For people."""
        return f"ROS 2 {self.distribution} of this machine" if self.distribution else "ROS 2 Kilted from wheels"


def find_ros() -> RosSource:
    """The sourced distribution, if there is one; raises SetUpError when this Python cannot use it."""
    distribution = os.environ.get("ROS_DISTRO")
    if not distribution:
        return RosSource(None)
    if importlib.util.find_spec("rclpy") is None:
        raise SetUpError(
            f"ROS 2 {distribution} is sourced, but {sys.executable} cannot import its rclpy: name the distribution's "
            "own Python, as in 'make demo PYTHON=/usr/bin/python3', or use a shell in which no distribution is sourced"
        )
    return RosSource(distribution)


def check_python(ros: RosSource) -> None:
    """Raises SetUpError when packages cannot be installed for, or compiled against, this Python."""
    version = sys.version_info[:2]
    name = f"Python {version[0]}.{version[1]} ({sys.executable})"
    if ros.distribution is None and version > NEWEST_PYTHON_OF_WHEELS:
        raise SetUpError(
            f"{name} is too new for the ROS 2 wheels: install Python 3.12 and say its name, as in "
            "'make demo PYTHON=python3.12'"
        )
    if sys.implementation.name != "cpython":
        raise SetUpError(
            f"{name} is {sys.implementation.name}, but ROS 2 needs CPython: use 'make demo PYTHON=python3.12'"
        )
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        raise SetUpError(
            f"{name} cannot make virtual environments: run 'sudo apt install python{version[0]}.{version[1]}-venv'"
        )
    if not (Path(sysconfig.get_paths()["include"]) / "Python.h").is_file():
        raise SetUpError(f"{name} has no header files: run 'sudo apt install python{version[0]}.{version[1]}-dev'")


def check_compilers() -> None:
    """Raises SetUpError unless a C and a C++ compiler build a program."""
    for language, variable, commands in (
        ("C", "CC", ("cc", "gcc", "clang")),
        ("C++", "CXX", ("c++", "g++", "clang++")),
    ):
        compiler = os.environ.get(variable, "").split() or [name for name in commands if shutil.which(name)][:1]
        if not compiler:
            raise SetUpError(f"there is no {language} compiler: run 'sudo apt install build-essential'")
        if not _builds_a_program(compiler, ".c" if language == "C" else ".cpp"):
            raise SetUpError(
                f"'{compiler[0]}' is no {language} compiler that can build a program: run 'sudo apt install "
                f"build-essential', or name another one in ${variable}"
            )


def _builds_a_program(compiler: list[str], suffix: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / f"probe{suffix}"
        source.write_text("#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n", encoding="utf-8")
        command = [*compiler, str(source), "-o", str(Path(folder) / "probe")]
        try:
            return subprocess.run(command, capture_output=True, check=False).returncode == 0
        except OSError:
            return False


def check_build_tools(checkout: Path) -> None:
    """Raises SetUpError when make, which no wheel brings, is absent, or when the checkout lies where it cannot work."""
    if not shutil.which("make"):
        raise SetUpError("there is no 'make': run 'sudo apt install build-essential'")
    wrong = sorted(set(str(checkout)) & set(" ;:\"'$\\#"))
    if wrong:
        raise SetUpError(f"'{checkout}' has {wrong[0]!r} in its path, which CMake cannot handle: move the checkout")


def cmake_is_usable() -> bool:
    """Whether a CMake that is new enough is on the PATH."""
    if not shutil.which("cmake"):
        return False
    said = subprocess.run(["cmake", "--version"], capture_output=True, text=True, check=False).stdout.split()
    try:
        return tuple(int(part) for part in said[2].split(".")[:2]) >= OLDEST_CMAKE
    except (IndexError, ValueError):
        return False


def check_disk(checkout: Path, packages: bool) -> None:
    """Raises SetUpError when the disk is too full for what comes (packages, or else interfaces only), or read-only."""
    if not os.access(checkout, os.W_OK):
        raise SetUpError(f"'{checkout}' is not writable: give yourself the right to write there, or clone it elsewhere")
    needed = {checkout: ENVIRONMENT_MEGABYTES if packages else INTERFACES_MEGABYTES}
    if packages:
        needed[Path(tempfile.gettempdir())] = TEMPORARY_MEGABYTES
    for folder, megabytes in needed.items():
        if shutil.disk_usage(folder).free < megabytes * 1e6:
            raise SetUpError(NO_SPACE.format(folder))
