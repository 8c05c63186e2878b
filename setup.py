"""Builds the ROS-free part for pip; pyproject.toml has the metadata. colcon does not read this (package.xml does)."""

from pathlib import Path

from setuptools import setup

_SHARE = "share/zoox_prediction"

setup(
    data_files=[
        (f"{_SHARE}/{folder}", sorted(str(path) for path in Path(folder).iterdir() if path.is_file()))
        for folder in ("config", "launch", "msg", "srv")
    ],
)
