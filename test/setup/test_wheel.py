"""What pip and colcon install beside the code."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_FOLDERS = ("config", "launch", "msg", "recordings", "srv")

pytest.importorskip("setuptools", reason="needs setuptools to build a wheel")


def test_the_wheel_has_all_files_that_are_looked_for_at_run_time(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in (*_FOLDERS, "requirements", "zoox_prediction"):
        shutil.copytree(_ROOT / name, checkout / name, ignore=ignored)
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "package.xml", "CMakeLists.txt"):
        shutil.copy(_ROOT / name, checkout)
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        data = {name.partition(".data/data/")[2]: name for name in archive.namelist()}
        for folder in _FOLDERS:
            files = [path for path in (checkout / folder).rglob("*") if path.is_file()]
            assert files
            for path in files:
                place = f"share/zoox_prediction/{path.relative_to(checkout)}"
                assert place in data, f"{place} is not installed"
                assert archive.read(data[place]) == path.read_bytes()
        for folder in ("detection/image/weights", "prediction/weights"):
            weights = [path for path in (checkout / "zoox_prediction" / folder).iterdir() if path.is_file()]
            assert weights
            for path in weights:
                assert archive.read(str(path.relative_to(checkout))) == path.read_bytes()


def test_colcon_installs_the_same_folders() -> None:
    text = (_ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    installed = {
        name
        for folders in re.findall(r"install\(DIRECTORY ([\w ]+?) DESTINATION share/\$\{PROJECT_NAME\}", text)
        for name in folders.split()
    }
    assert installed >= set(_FOLDERS) - {"msg", "srv"}  # those rosidl installs
