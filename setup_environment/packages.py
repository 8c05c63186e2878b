"""Installs packages with pip, and mends the ROS 2 wheels."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from setup_environment.environment import Layout
from setup_environment.errors import SetUpError
from setup_environment.machine import RosSource, cmake_is_usable
from setup_environment.processes import Processes

_BUILD_MACHINE = "/opt/python/"
_NUMPY_HEADERS = re.compile(r"/opt/python/[^/;\"\s]+/lib/python[\d.]+/site-packages/numpy/_?core/include")
_PYTHON_HEADERS = re.compile(r"/opt/python/[^/;\"\s]+/include/python[\d.]+")


def install(names: tuple[str, ...], layout: Layout, ros: RosSource, run: Processes, env: Mapping[str, str]) -> None:
    """Installs the lists `names`; a list whose name ends in `_no_dependencies` without what it depends on."""
    # Python compiles what is imported; pip would compile everything.
    pip = [str(layout.python), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--no-compile"]
    constraints = _constraints(layout, ros, env)
    for alone in (False, True):
        lists = [name for name in names if name.endswith("_no_dependencies") == alone]
        if lists:
            arguments = [f"--requirement={layout.requirements(name)}" for name in lists]
            arguments += ["--no-deps"] if alone else [f"--constraint={constraints}"]
            arguments += ["cmake"] if "build" in lists and not cmake_is_usable() else []
            run.run([*pip, *arguments], env, "installing packages with pip")


def _constraints(layout: Layout, ros: RosSource, env: Mapping[str, str]) -> Path:
    """Exact versions where everything comes from wheels.

    On a distribution its own packages are used as they are; numpy above all must stay, since the distribution's
    messages are compiled against it.
    """
    if ros.distribution is None:
        return layout.requirements("constraints")
    path = layout.scratch / "constraints.txt"
    asked = subprocess.run(
        [str(layout.python), "-c", "import numpy; print(numpy.__version__)"],
        env=dict(env), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if asked.returncode != 0:
        raise SetUpError(f"ROS 2 {ros.distribution} is here without numpy: run 'sudo apt install python3-numpy'")
    path.write_text(f"numpy=={asked.stdout.strip()}\n", encoding="utf-8")
    return path


def mend_ros_wheels(layout: Layout, env: Mapping[str, str]) -> int:
    """Replaces header paths of the machine that built the wheels by those of this one; returns the files changed.

    The exported CMake files name `/opt/python/...` of the wheels' build machine. Raises SetUpError when a file names
    such a path in a way that is not known.
    """
    question = "import numpy, sysconfig; print(sysconfig.get_paths()['include']); print(numpy.get_include())"
    asked = subprocess.run(
        [str(layout.python), "-c", question], env=dict(env), capture_output=True, text=True, check=True
    )
    python_headers, numpy_headers = asked.stdout.split("\n")[:2]
    changed = 0
    for path in sorted((layout.environment / "share").glob("*/cmake/*.cmake")):
        text = path.read_text(encoding="utf-8")
        if _BUILD_MACHINE not in text:
            continue
        mended = _NUMPY_HEADERS.sub(lambda _: numpy_headers, text)
        mended = _PYTHON_HEADERS.sub(lambda _: python_headers, mended)
        if _BUILD_MACHINE in mended:
            raise SetUpError(
                f"{path} names a path of the wheels' build machine that the set-up does not know: use the versions of "
                f"{layout.requirements('constraints')}"
            )
        path.write_text(mended, encoding="utf-8")
        changed += 1
    return changed
