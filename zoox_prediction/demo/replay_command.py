"""`zoox-prediction replay`: plays a bag as the replay node does, on machines without `ros2 bag play`."""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path

from zoox_prediction.demo.processes import node_command, node_environment, require_ros
from zoox_prediction.errors import InputError

DESCRIPTION = """\
Plays a bag with /clock, each topic with its recorded type and quality of service, where `ros2 bag play` is absent.
"""
EPILOG = """\
The node is named `replay` and has the services of rosbag2_player: ~/pause, ~/resume, ~/toggle_paused, ~/is_paused,
~/set_rate, ~/get_rate, ~/play_next, ~/burst, ~/seek, ~/stop. ROS_DOMAIN_ID and discovery are those of the shell.

example: zoox-prediction replay my_drive --rate 0.5 --loop
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument("bag", type=Path, help="folder of a rosbag2 recording, or its .mcap or .db3 file")
    parser.add_argument("--rate", type=float, default=1.0, help="speed, 1.0 is real time (default)")
    parser.add_argument("--start-offset", type=float, default=0.0, metavar="S", help="where to start [s]")
    parser.add_argument("--loop", action="store_true", help="start again at the end")
    parser.add_argument("--paused", action="store_true", help="wait for the service ~/resume")


def run(arguments: argparse.Namespace) -> int:
    """The exit code of the node."""
    require_ros()
    if not arguments.bag.exists():
        raise InputError(f"{arguments.bag}: does not exist; give a rosbag2 recording")
    parameters = {
        "bag": arguments.bag.resolve(),
        "rate": float(arguments.rate),
        "start_offset": float(arguments.start_offset),
        "loop": arguments.loop,
        "paused": arguments.paused,
        "exit_at_end": True,
    }
    node = subprocess.Popen(node_command("replay_node", parameters), env=node_environment(os.environ))
    while True:
        try:
            return node.wait()
        except KeyboardInterrupt:  # the node has got the signal too, and ends in order
            continue
