"""Builds the messages and services, and the executables, into the environment."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Mapping
from pathlib import Path

from setup_environment.environment import Layout
from setup_environment.machine import RosSource
from setup_environment.processes import Processes


def sources(checkout: Path) -> list[Path]:
    """The files that decide what the build makes."""
    folders = ("msg", "srv", "config", "launch", "stand_ins")
    inside = [path for folder in folders for path in (checkout / folder).rglob("*") if path.is_file()]
    kept = [path for path in inside if path.suffix != ".pyc"]
    program = [checkout / "setup_environment" / name for name in ("interfaces.py", "faster_build.cmake")]
    return [
        checkout / "CMakeLists.txt",
        checkout / "package.xml",
        checkout / "zoox_prediction/__init__.py",
        *program,
        *kept,
    ]


def build(layout: Layout, ros: RosSource, run: Processes, env: Mapping[str, str]) -> None:
    """Runs colcon for this package and for the stand-ins of packages that this ROS 2 lacks."""
    packages = [layout.checkout, *_needed_stand_ins(layout.checkout)]
    _write_ros_python(layout, ros)
    run.run(
        [
            str(layout.python), "-m", "colcon", "--log-base", str(layout.scratch / "log"),
            "build", "--merge-install", "--install-base", str(layout.environment), "--build-base", str(layout.build),
            "--paths", *map(str, packages), "--event-handlers", "console_direct+", "--cmake-args",
            f"-DPython3_EXECUTABLE={layout.python}", f"-DZOOX_PREDICTION_PYTHON={layout.ros_python}",
            "-DZOOX_PREDICTION_FROM_CHECKOUT=ON", "-DBUILD_TESTING=OFF", "-DCMAKE_BUILD_TYPE=Release",
            f"-DCMAKE_PROJECT_INCLUDE={layout.checkout}/setup_environment/faster_build.cmake",
        ],
        env,
        "building the interfaces with colcon",
    )  # fmt: skip
    # After site-packages on sys.path, where the generated interfaces and the same __init__.py lie: the package's path
    # holds both folders, and its modules, new ones too, are always those of the checkout.
    checkout_on_path = layout.site_packages / "zoox_prediction_checkout.pth"
    checkout_on_path.write_text(f"{layout.checkout}\n", encoding="utf-8")


def remove_build(layout: Layout) -> None:
    """Deletes the build folder: a compiler that was killed leaves files that look finished."""
    shutil.rmtree(layout.build, ignore_errors=True)


def _needed_stand_ins(checkout: Path) -> list[Path]:
    """The set-up runs with the distribution's Python path, if any, so what it finds is the distribution's own."""
    return [path for path in sorted((checkout / "stand_ins").iterdir()) if importlib.util.find_spec(path.name) is None]


def _write_ros_python(layout: Layout, ros: RosSource) -> None:
    """Writes `.venv/bin/ros-python`: the interpreter, with what ROS 2 needs in the variables, from any shell."""
    settings = f'export AMENT_PREFIX_PATH="${{AMENT_PREFIX_PATH:-{layout.environment}}}"'
    if ros.distribution:
        settings = f'. "{layout.environment}/setup.sh"  # of colcon: this environment on top of the distribution'
    partial = layout.ros_python.with_suffix(".partial")
    # In an empty environment rclpy would find no folder for its log files and refuse to start.
    log = '[ -n "${HOME:-}" ] || export ROS_LOG_DIR="${ROS_LOG_DIR:-${TMPDIR:-/tmp}/ros_log}"'
    partial.write_text(f'#!/bin/sh\n{settings}\n{log}\nexec "{layout.python}" "$@"\n', encoding="utf-8")
    partial.chmod(0o755)
    partial.replace(layout.ros_python)
