"""Runs a live world in real time and publishes it, from a thread of its own."""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable

from zoox_prediction.errors import InputError
from zoox_prediction.ros.clock_jump import announce_jump
from zoox_prediction.ros.diagnostics import ERROR, OK, WARN, Diagnostics
from zoox_prediction.ros.lifecycle import ManagedNode
from zoox_prediction.ros.simulation_topics import SimulationTopics
from zoox_prediction.simulation.config import SimulationConfig
from zoox_prediction.simulation.ego_plan import EgoPlan
from zoox_prediction.simulation.live import LiveWorld
from zoox_prediction.simulation.pace import Pace
from zoox_prediction.simulation.sensors.suite_file import load_suite_config
from zoox_prediction.simulation.vehicle_motion import STEP_S

_PLAN = "~/plan"


class LiveSimulation:
    """The world lives in one thread from `open` to `close`, as SUMO demands; other methods from any thread.

    A step is made when it is due, and published at once, so that a plan that has come until then counts.
    """

    def __init__(
        self, node: ManagedNode, config: SimulationConfig, diagnostics: Diagnostics, on_end: Callable[[], None]
    ) -> None:
        """`on_end` is called when the last drive is over, or when it cannot go on: then `failed` is true.

        Raises InputError when the sensor suite cannot be read.
        """
        self._config = config
        self._logger = node.get_logger()
        self._diagnostics = diagnostics
        self._on_end = on_end
        suite = load_suite_config(config.sensors) if config.sensors else None
        self._topics = SimulationTopics(node, suite, config.tracks_range_m)
        self._plans: queue.SimpleQueue[EgoPlan] = queue.SimpleQueue()
        self._refusal = ""  # of the newest plan
        self._pace = Pace(STEP_S, config.rate)
        self._changed = threading.Condition()
        self._running = self._closing = False
        self._ready = threading.Event()  # the first world is there, or cannot be
        self._error: Exception | None = None
        self.failed = False
        self._thread = threading.Thread(target=self._run, name="simulation")

    def open(self) -> None:
        """Makes the first world; raises what went wrong, an InputError where a person can mend it."""
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            self.close()
            raise self._error

    def set_running(self, running: bool) -> None:
        """Time goes on, or stands still; at first it stands."""
        with self._changed:
            self._running = running
            self._changed.notify_all()

    def offer(self, plan: EgoPlan) -> None:
        """The plan is judged before the next step; a refusal is named in the diagnostics."""
        self._plans.put(plan)

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self._topics.close()

    def _run(self) -> None:
        try:
            with LiveWorld(self._config) as live:
                self._ready.set()
                while self._wait_for_start():
                    self._drive(live)
                    if not self._go_on(live):
                        break
        except Exception as error:  # the thread is all there is to this node; its end must not go unnoticed
            if self._ready.is_set():
                self._fail(error)
            else:
                self._error = error
        finally:
            self._ready.set()

    def _fail(self, error: Exception) -> None:
        why = str(error) if isinstance(error, InputError) else "".join(traceback.format_exception(error))
        self._logger.error(f"the simulation ended: {why}")
        self._diagnostics.value("simulation", f"ended: {error}", ERROR)
        self.failed = True
        self._on_end()

    def _drive(self, live: LiveWorld) -> None:
        """Until the drive is over, or the node ends."""
        announce_jump(lambda: self._topics.publish_clock(live))
        self._topics.publish_latched(live)
        self._topics.publish_now(live)
        self._logger.info(f"driving in the world of seed {live.seed}, {len(live.truth.agents)} agents")
        self._pace.begin(time.monotonic())
        while not live.over and self._wait_for_step():
            self._take_plans(live)
            live.step()
            self._topics.publish_now(live)
            if self._pace.done(time.monotonic()):
                self._diagnostics.problem(
                    "rate",
                    f"a simulated second takes {1.0 / self._pace.factor:.2f} s, too long for a rate of "
                    f"{self._config.rate:g}; time goes slower (fewer sensors or less traffic would help)",
                )
            self._report(live)

    def _go_on(self, live: LiveWorld) -> bool:
        """Begins the next drive; False when there is none."""
        if self._closing:
            return False
        ended = f"the drive of seed {live.seed} has ended at {live.world.time_s:.1f} s: {live.over}"
        if not self._config.loop:
            self._logger.info(ended)
            self._diagnostics.value("simulation", f"has ended: {live.over}")
            self._on_end()
            return False
        next_world = f"making the world of seed {live.next_seed}, for some seconds; /clock stands still, then goes back"
        self._logger.info(f"{ended}; {next_world}")
        self._diagnostics.value("simulation", next_world)
        live.restart()
        while not self._plans.empty():  # they were for the drive before
            self._plans.get()
        self._refusal = ""
        return True

    def _take_plans(self, live: LiveWorld) -> None:
        while not self._plans.empty():
            try:
                live.offer(self._plans.get())
                self._refusal = ""
            except InputError as error:
                self._refusal = f"refused: {error}; "
                self._diagnostics.problem(_PLAN, f"{_PLAN}: {error}; the plan is refused")

    def _report(self, live: LiveWorld) -> None:
        self._diagnostics.value("plan", f"{self._refusal}{live.plan_status}", WARN if self._refusal else OK)
        agents, factor = len(live.truth.agents), self._pace.factor
        details = {
            "seed": str(live.seed),
            "time_s": f"{live.world.time_s:.1f}",
            "agents": str(agents),
            "real_time_factor": f"{factor:.3f}",
        }
        text = f"seed {live.seed}, {live.world.time_s:.1f} s, {agents} agents, {factor:.2f} times real time"
        self._diagnostics.value("simulation", text, details=details)

    def _wait_for_start(self) -> bool:
        """Returns when time goes on; False when the node ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._running or self._closing)
            return not self._closing

    def _wait_for_step(self) -> bool:
        """Returns when the next step is due; False when the node ends."""
        with self._changed:
            while not self._closing:
                if not self._running:
                    self._changed.wait_for(lambda: self._running or self._closing)
                    self._pace.begin(time.monotonic())
                rest_s = self._pace.due_s - time.monotonic()
                if rest_s <= 0.0:
                    return True
                self._changed.wait(rest_s)
            return False
