"""Builds the ROS-free part for pip; pyproject.toml has the metadata. colcon does not read this (package.xml does)."""

from pathlib import Path

from setuptools import setup

_TOPS = ("config", "launch", "msg", "recordings", "srv")
_FILES = [path for top in _TOPS for path in Path(top).rglob("*") if path.is_file() and "__pycache__" not in path.parts]

setup(
    data_files=[
        (f"share/zoox_prediction/{folder}", sorted(str(path) for path in _FILES if path.parent == folder))
        for folder in sorted({path.parent for path in _FILES})
    ],
)
