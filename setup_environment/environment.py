"""The virtual environment: where its parts lie, and the variables that programs of it get."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from setup_environment.errors import SetUpError
from setup_environment.machine import RosSource

# Settings of the caller's shell that would redirect pip, Python, CMake or make away from the environment.
# fmt: off
_MISLEADING = frozenset((
    "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_REQUIRE_VIRTUALENV", "VIRTUAL_ENV", "MAKEFLAGS",
    "MFLAGS", "MAKELEVEL", "DESTDIR", "COLCON_DEFAULTS_FILE", "COLCON_EXTENSION_BLOCKLIST", "CMAKE_GENERATOR",
    "CMAKE_INSTALL_PREFIX",
))
_OF_A_DISTRIBUTION = frozenset((
    "PYTHONPATH", "AMENT_PREFIX_PATH", "CMAKE_PREFIX_PATH", "COLCON_PREFIX_PATH", "LD_LIBRARY_PATH",
    "RMW_IMPLEMENTATION",
))
# fmt: on


@dataclass(frozen=True)
class Layout:
    """Paths of one checkout."""

    checkout: Path

    @property
    def environment(self) -> Path:
        """The virtual environment."""
        return self.checkout / ".venv"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.environment / "bin" / "python"

    @property
    def ros_python(self) -> Path:
        """Its interpreter behind the settings that ROS 2 needs, for any shell."""
        return self.environment / "bin" / "ros-python"

    @property
    def site_packages(self) -> Path:
        """Where its packages are installed."""
        return self.environment / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"

    @property
    def scratch(self) -> Path:
        """Everything of the set-up that is neither source nor environment: log, lock, build folders."""
        return self.checkout / ".setup"

    @property
    def build(self) -> Path:
        """Build folder of the interfaces."""
        return self.scratch / "build"

    def requirements(self, name: str) -> Path:
        """The list of packages of that name."""
        return self.checkout / "requirements" / f"{name}.txt"


def variables(layout: Layout, ros: RosSource) -> dict[str, str]:
    """The caller's variables, with those of the environment in front and the misleading ones left out."""
    left_out = _MISLEADING if ros.distribution else _MISLEADING | _OF_A_DISTRIBUTION
    kept = {key: value for key, value in os.environ.items() if key not in left_out}
    environment = str(layout.environment)
    kept["PATH"] = os.pathsep.join([str(layout.environment / "bin"), kept.get("PATH", os.defpath)])
    kept["VIRTUAL_ENV"] = environment
    for key in ("AMENT_PREFIX_PATH", "CMAKE_PREFIX_PATH"):
        kept[key] = os.pathsep.join(filter(None, [environment, kept.get(key, "")]))
    kept["COLCON_HOME"] = str(layout.scratch / "colcon")
    kept["MAKEFLAGS"] = f"-j{len(os.sched_getaffinity(0))}"
    kept["LC_ALL"] = "C.UTF-8"  # messages are searched for what went wrong
    return kept


def remove(layout: Layout) -> None:
    """Deletes the environment and what was built for it; raises SetUpError when that is forbidden."""
    try:
        # The records go first: half an environment must never look finished.
        (layout.environment / "setup_state.json").unlink(missing_ok=True)
        for folder in (layout.environment, layout.build):
            if folder.is_symlink():
                folder.unlink()
            elif folder.exists():
                shutil.rmtree(folder)
    except NotADirectoryError as error:
        raise SetUpError(f"'{error.filename}' is in the way: delete it and run the same again") from error
    except PermissionError as error:
        raise SetUpError(f"'{error.filename}' cannot be deleted: delete '{layout.environment}' yourself") from error
