"""The lists of packages, the package's manifest and the build agree with each other."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from packaging.requirements import Requirement

import zoox_prediction
from setup_environment.environment import Layout
from setup_environment.errors import SetUpError
from setup_environment.packages import mend_ros_wheels

_ROOT = Path(__file__).resolve().parents[2]
_ROSDEP_KEYS = {
    "lanelet2": "lanelet2_python",
    "mcap": "mcap-ros2-support",
    "mcap-ros2-support": "mcap-ros2-support",
    "opencv-python-headless": "python3-opencv",
    "pyyaml": "python3-yaml",
    "rosbags": "python3-rosbags-pip",
    "zstandard": "mcap-ros2-support",
}
_WITHOUT_ROSDEP_KEY = {
    "lightning-fabric", "onnx", "onnxruntime", "pyarrow", "pytest-rerunfailures", "sumolib", "tensorboard",
}  # fmt: skip


def _requirements(name: str) -> list[Requirement]:
    lines = (_ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def _manifest() -> ElementTree.Element:
    return ElementTree.parse(_ROOT / "package.xml").getroot()


def test_one_version() -> None:
    assert _manifest().findtext("version") == zoox_prediction.__version__


def test_every_library_of_pip_is_one_of_rosdep() -> None:
    keys = {element.text for element in _manifest() if element.tag.endswith("depend")}
    plugins = [each for each in _requirements("test") if each.name.startswith("pytest")]
    for requirement in (*_requirements("runtime"), *_requirements("train"), *plugins):
        name = requirement.name.lower()
        if name not in _WITHOUT_ROSDEP_KEY:
            assert _ROSDEP_KEYS.get(name, f"python3-{name}") in keys, f"package.xml lacks the rosdep key of {name}"


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_constraints_hold_every_package_for_every_python(python: str) -> None:
    environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    pinned = {
        pin.name.lower(): next(iter(pin.specifier)).version
        for pin in _requirements("constraints")
        if pin.marker is None or pin.marker.evaluate(environment)
    }
    for name in ("runtime", "sim", "test", "build", "ros_wheels"):
        for requirement in _requirements(name):
            version = pinned[requirement.name.lower()]
            assert requirement.specifier.contains(version), (
                f"{requirement} and constraints.txt disagree: make constraints"
            )


def test_build_has_every_interface_and_executable() -> None:
    text = (_ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    listed = set(re.findall(r"(?:msg|srv)/\w+\.(?:msg|srv)", text))
    assert listed == {str(path.relative_to(_ROOT)) for folder in ("msg", "srv") for path in (_ROOT / folder).iterdir()}
    nodes = re.search(r"foreach\(node (.+?)\)", text)
    assert nodes is not None
    for node in nodes[1].split():
        tree = ast.parse((_ROOT / "zoox_prediction" / "nodes" / f"{node}.py").read_text(encoding="utf-8"))
        assert "main" in {item.name for item in tree.body if isinstance(item, ast.FunctionDef)}


def _layout_with(cmake_text: str, checkout: Path) -> tuple[Layout, Path]:
    layout = Layout(checkout)
    exported = layout.environment / "share" / "some_msgs" / "cmake" / "someExport.cmake"
    exported.parent.mkdir(parents=True)
    exported.write_text(cmake_text, encoding="utf-8")
    layout.python.parent.mkdir()
    layout.python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    layout.python.chmod(0o755)
    return layout, exported


def test_wheels_are_mended(tmp_path: Path) -> None:
    layout, exported = _layout_with(
        'set(a "/opt/python/cp312-cp312/include/python3.12;/usr/include")\n'
        'set(b "${_IMPORT_PREFIX}/include;/opt/python/cp312-cp312/lib/python3.12/site-packages/numpy/_core/include")\n',
        tmp_path,
    )
    assert mend_ros_wheels(layout, {}) == 1
    question = "import numpy, sysconfig; print(sysconfig.get_paths()['include'], numpy.get_include())"
    asked = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=True)
    python_headers, numpy_headers = asked.stdout.split()
    assert exported.read_text() == (
        f'set(a "{python_headers};/usr/include")\nset(b "${{_IMPORT_PREFIX}}/include;{numpy_headers}")\n'
    )
    assert mend_ros_wheels(layout, {}) == 0


def test_wheels_with_another_defect_are_refused(tmp_path: Path) -> None:
    layout, _ = _layout_with('set(a "/opt/python/cp312-cp312/lib/libpython3.12.so")\n', tmp_path)
    with pytest.raises(SetUpError, match="does not know: use the versions of"):
        mend_ros_wheels(layout, {})
