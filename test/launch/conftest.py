"""The launch files under launch_testing, which only a ROS distribution has."""

from __future__ import annotations

import importlib.util

_AVAILABLE = all(importlib.util.find_spec(name) for name in ("launch_ros", "launch_testing"))
collect_ignore_glob = [] if _AVAILABLE else ["test_*"]


def pytest_report_header() -> str:
    return "test/launch: runs" if _AVAILABLE else "test/launch: left out, launch_testing cannot be imported"
