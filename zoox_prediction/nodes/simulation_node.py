"""A made-up town with its traffic, live: sensors or tracks out, the ego's plan in."""

from __future__ import annotations

import sys
import threading

from nav_msgs.msg import Path
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup

from zoox_prediction.ros.diagnostics import Diagnostics
from zoox_prediction.ros.inputs import Inputs
from zoox_prediction.ros.lifecycle import ManagedNode, run_node
from zoox_prediction.ros.live_simulation import LiveSimulation
from zoox_prediction.ros.parameters import declare_and_load
from zoox_prediction.ros.qos import INPUT
from zoox_prediction.ros.simulation_topics import plan_from_path
from zoox_prediction.simulation.config import SimulationConfig


class SimulationNode(ManagedNode):
    """Configuring it makes the world, while it is active time goes on; sets `stop` after the last drive."""

    _simulation: LiveSimulation | None = None  # a node whose construction failed is destroyed too

    def __init__(self, stop: threading.Event) -> None:
        super().__init__("simulation_node")
        self._stop = stop
        self._config = declare_and_load(self, SimulationConfig)
        self._diagnostics = Diagnostics(self, callback_group=MutuallyExclusiveCallbackGroup())
        self._inputs = Inputs(self, self._diagnostics, MutuallyExclusiveCallbackGroup())

    @property
    def exit_code(self) -> int:
        return int(self._simulation is not None and self._simulation.failed)

    def setup(self) -> None:
        self._simulation = simulation = LiveSimulation(self, self._config, self._diagnostics, self._stop.set)
        simulation.open()
        self._inputs.subscribe(Path, "~/plan", plan_from_path, simulation.offer, INPUT)

    def start(self) -> None:
        if self._simulation is not None:
            self._simulation.set_running(True)

    def stop(self) -> None:
        if self._simulation is not None:
            self._simulation.set_running(False)

    def teardown(self) -> None:
        self._inputs.close()
        if self._simulation is not None:
            self._simulation.close()

    def reset(self) -> None:
        self._diagnostics.reset()


def main() -> int:
    """The executable `simulation_node`."""
    stop = threading.Event()
    return run_node(lambda: SimulationNode(stop), stop=stop)


if __name__ == "__main__":
    sys.exit(main())
