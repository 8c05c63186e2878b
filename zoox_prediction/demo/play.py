"""Plays a recording through the nodes, as processes, while the observer's account is shown as a live table."""

from __future__ import annotations

import json
import queue
import threading
import time
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape

from zoox_prediction.demo.chain import Chain
from zoox_prediction.demo.processes import (
    ProcessGroup,
    deferred_interrupt,
    local_environment,
    node_command,
    private_domain,
)
from zoox_prediction.demo.table import live_table, nodes_table, what_if_table
from zoox_prediction.errors import InputError

_START_TIMEOUT_S = 120.0  # a process for each sensor, and a machine that may be slow
_DISCOVERY_S = 4.0  # that the nodes of many sensors take to find each other and to come to rest
_SETTLE_S = 1.0  # after the last message of the recording, for the last prediction to arrive
_POLL_S = 0.25


class _Observer:
    """What the observer's process has said so far."""

    def __init__(self, stream: IO[str], interrupted: threading.Event):
        self.state: dict[str, Any] = {}
        self._interrupted = interrupted
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def listen(self, timeout_s: float = _POLL_S) -> bool:
        """Takes in the next event, if one comes in time; False at the end or when none came.

        Raises KeyboardInterrupt when the person has asked to end.
        """
        if self._interrupted.is_set():
            raise KeyboardInterrupt
        try:
            event = self._events.get(timeout=timeout_s)
        except queue.Empty:
            return False
        if event is None:
            return False
        if event.pop("kind") == "what_if":
            self.state["what_if"] = event
        else:
            self.state.update(event)
        return True

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            if line.startswith("{"):
                self._events.put(json.loads(line))
        self._events.put(None)


def play(bag: Path, chain: Chain, output: Path, config_path: Path, rate: float, console: Console) -> dict[str, Any]:
    """Runs the nodes of the chain over the recording; returns the observer's last account, with the what-if answer
    under `what_if`.

    Raises InputError when a node fails, KeyboardInterrupt on Ctrl-C; no process outlives the call.
    """
    with (
        deferred_interrupt() as interrupted,
        private_domain() as domain,
        ProcessGroup(local_environment(domain), output / "log") as processes,
    ):
        chain.start(processes, bag, config_path, rate)
        parameters = {"recording": bag, "output": output, "from_tracker": chain.from_sensors}
        process = processes.start("demo_node", node_command("demo_node", parameters), pipe_output=True)
        assert process.stdout is not None
        observer = _Observer(process.stdout, interrupted)
        _wait_until_ready(observer, processes)
        player = processes.start("replay_node", node_command("replay_node", _replay_parameters(bag, chain, rate)))
        console.print(f"playing {escape(str(bag))} on ROS domain {domain}, this machine only")
        console.print(_told(chain))
        with Live(live_table(observer.state), console=console, refresh_per_second=4) as live:
            while player.poll() is None:
                observer.listen()
                live.update(live_table(observer.state))
                if failure := processes.failed():
                    raise InputError(failure)
            settled = time.monotonic() + _SETTLE_S
            while time.monotonic() < settled:
                observer.listen()
            processes.stop("demo_node")
            while observer.listen(timeout_s=1.0):
                pass
            live.update(live_table(observer.state))
    if not console.is_terminal:
        console.line()  # Live leaves it out there
    if chain.from_sensors:
        console.print(nodes_table(observer.state["nodes"]))
    if "what_if" in observer.state:
        console.print(what_if_table(observer.state["what_if"]))
    return observer.state


def _told(chain: Chain) -> str:
    """What predictions are made of, for the person who looks."""
    if chain.from_sensors:
        return f"tracks: made from {len(chain.sensors)} sensors, each with a detection node of its own"
    return f"tracks: those of the recording ({chain.tracks_topic}), in place of a tracker"


def _replay_parameters(bag: Path, chain: Chain, rate: float) -> dict[str, object]:
    return {
        "bag": bag,
        "rate": rate,
        "exit_at_end": True,
        "clock_rate_hz": 50.0,  # latencies are told as exactly as time passes
        "exclude_topics": f"[{', '.join(chain.not_played)}]",
        "wait_for_subscribers": f"[{', '.join(chain.awaited)}]",
        "min_subscribers": chain.min_subscribers,  # one may come a second after the other
        "wait_timeout_s": _START_TIMEOUT_S,
        "settle_s": _DISCOVERY_S if chain.from_sensors else 0.5,
    }


def _wait_until_ready(observer: _Observer, processes: ProcessGroup) -> None:
    """Until the observer has found the prediction node; raises InputError when a node fails or nothing happens."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not observer.state.get("ready"):
        observer.listen()
        if failure := processes.failed():
            raise InputError(failure)
        if time.monotonic() > deadline:
            raise InputError(
                f"the nodes did not find each other in {_START_TIMEOUT_S:.0f} s; see the logs in the output"
            )
