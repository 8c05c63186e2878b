"""The launch files under launch_testing, which only a ROS distribution has."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

_PLUGIN_NAMES = ("launch_testing", "launch_testing.pytest.hooks")  # of its entry point, and after `-p`
_MISSING = [name for name in ("launch_ros", "launch_testing") if not importlib.util.find_spec(name)]


def _reason(config: pytest.Config) -> str:
    """Why these tests cannot run; empty when they can."""
    if _MISSING:
        return f"{' and '.join(_MISSING)} cannot be imported"
    active = any(config.pluginmanager.hasplugin(name) for name in _PLUGIN_NAMES)
    return "" if active else "the pytest plugin launch_testing is not active"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if collection_path.name.startswith("test_") and _reason(config) else None


def pytest_report_header(config: pytest.Config) -> str:
    reason = _reason(config)
    return f"test/launch: left out, {reason}" if reason else "test/launch: runs"
