"""Settings of the DDS middleware that the package's nodes need to keep their latencies."""

from __future__ import annotations

import os

from zoox_prediction.resources import resource_path

_FAST_DDS_VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")


def use_default_profile() -> None:
    """Has Fast DDS read config/fastdds.xml unless the environment names a profile already.

    Call before rclpy.init. Fast DDS 2 (Jazzy) and other middlewares do not know the variable and ignore it.
    """
    if not any(os.environ.get(name) for name in _FAST_DDS_VARIABLES):
        os.environ[_FAST_DDS_VARIABLES[0]] = str(resource_path("config/fastdds.xml"))
