"""Plays a recording with /clock, for machines without rosbag2; the services are those of its player."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rosbag2_interfaces.srv import (
    Burst,
    GetRate,
    IsPaused,
    Pause,
    Play,
    PlayNext,
    Resume,
    Seek,
    SetRate,
    Stop,
    TogglePaused,
)

from zoox_prediction.ros.lifecycle import run_node
from zoox_prediction.ros.parameters import declare_and_load
from zoox_prediction.ros.replay import Replay, ReplayConfig


class ReplayNode(Node):
    """A thin node around `Replay`; sets `stop` when all is played."""

    _replay: Replay | None = None  # a node whose construction failed is destroyed too

    def __init__(self, stop: threading.Event) -> None:
        super().__init__("replay")
        self._replay = replay = Replay(self, declare_and_load(self, ReplayConfig), stop.set)
        self._serve(Pause, "pause", lambda _: replay.set_paused(True))
        self._serve(Resume, "resume", lambda _: replay.set_paused(False))
        self._serve(TogglePaused, "toggle_paused", lambda _: replay.toggle_paused())
        self._serve(IsPaused, "is_paused", lambda _: {"paused": replay.is_paused})
        self._serve(GetRate, "get_rate", lambda _: {"rate": replay.rate})
        self._serve(SetRate, "set_rate", lambda request: {"success": replay.set_rate(request.rate)})
        self._serve(Play, "play", lambda request: {"success": _play(replay, request)})
        self._serve(PlayNext, "play_next", lambda _: {"success": replay.burst(1) == 1})
        self._serve(Burst, "burst", lambda request: {"actually_burst": replay.burst(request.num_messages)})
        self._serve(Seek, "seek", lambda request: {"success": replay.seek(_nanoseconds(request.time))})
        self._serve(Stop, "stop", lambda _: replay.stop())
        replay.begin()

    @property
    def exit_code(self) -> int:
        return int(self._replay is not None and self._replay.failed)

    def destroy_node(self) -> None:
        if self._replay is not None:
            self._replay.close()
        super().destroy_node()

    def _serve(self, service_type: type, name: str, answer: Callable[[Any], dict[str, Any] | None]) -> None:
        """A service under this node's name whose response has the fields that `answer` gives."""

        def respond(request: Any, response: Any) -> Any:
            for field, value in (answer(request) or {}).items():
                setattr(response, field, value)
            return response

        self.create_service(service_type, f"~/{name}", respond)


def _play(replay: Replay, request: Any) -> bool:
    """As rosbag2_player: a negative duration or end is none; of both, the later one holds."""
    begin_ns = replay.start_ns + _nanoseconds(request.start_offset)
    duration_ns, until_ns = _nanoseconds(request.playback_duration), _nanoseconds(request.playback_until_timestamp)
    ends_ns = [begin_ns + duration_ns] * (duration_ns >= 0) + [until_ns] * (until_ns >= 0)
    return replay.play(begin_ns, max(ends_ns, default=None))


def _nanoseconds(time: Any) -> int:
    """Of a builtin_interfaces Time or Duration, also a negative one."""
    return int(time.sec) * 1_000_000_000 + int(time.nanosec)


def main() -> int:
    """The executable `replay_node`."""
    stop = threading.Event()
    return run_node(lambda: ReplayNode(stop), stop=stop)


if __name__ == "__main__":
    sys.exit(main())
