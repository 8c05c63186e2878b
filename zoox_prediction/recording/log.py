"""What prediction needs of a recording, in memory: the true agents, the ego, the map, the signals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.maps.road_network import RoadNetwork
from zoox_prediction.recording.bag import BagReader, RecordingError
from zoox_prediction.recording.bag.definitions import same_definition
from zoox_prediction.recording.datasets.source import SourceRecording
from zoox_prediction.recording.frames import TransformHistory, read_transforms
from zoox_prediction.recording.messages import (
    ego_from_odometry,
    road_network_from_message,
    tracked_agents_from_message,
    traffic_signals_from_message,
)
from zoox_prediction.recording.tracks import Future, TrackTable
from zoox_prediction.scene import EgoState, TrackedAgents, TrafficSignals
from zoox_prediction.transforms import transform_agents, transform_ego

MAP_FRAME = "map"
BASE_FRAME = "base_link"

_AGENTS = "zoox_prediction/msg/TrackedAgentArray"
_ROAD_NETWORK = "zoox_prediction/msg/RoadNetwork"
_SIGNALS = "zoox_prediction/msg/TrafficSignalArray"
_ODOMETRY = "nav_msgs/msg/Odometry"
# The topic that is read of each type, by preference; without one of these names, the only topic of the type.
_TOPICS = {
    _AGENTS: ("/ground_truth/agents", "/tracked_agents"),
    _ROAD_NETWORK: ("/road_network",),
    _SIGNALS: ("/traffic_signals",),
    _ODOMETRY: ("/odometry",),
}

Stamped = TypeVar("Stamped", TrackedAgents, EgoState, TrafficSignals)


@dataclass(frozen=True)
class RecordedLog:
    """A recording in memory. Everything is in the map frame and in the order of time, one entry per stamp."""

    name: str
    dataset: str
    agents: tuple[TrackedAgents, ...]  # ground truth, the ego not among them
    ego: tuple[EgoState, ...]  # empty when recorded from the roadside
    ego_size: tuple[float, float] = (4.6, 1.9)  # length, width [m]
    ego_center_offset_m: float = 1.4  # from base_link forward to the centre of the box
    road_network: RoadNetwork = field(default_factory=RoadNetwork)
    signals: tuple[TrafficSignals, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)  # as the recording has it
    problems: tuple[str, ...] = ()  # what could not be read of it, in sentences without their full stop

    @property
    def stamps_ns(self) -> NDArray[np.int64]:
        """(F,) stamps of the ground truth's frames."""
        return self._tracks.stamps_ns

    def future(self, ids: ArrayLike, stamp_ns: int, time_step_s: float, num_steps: int) -> Future:
        """What the agents `ids` (N,) really did in the `num_steps` steps after the stamp.

        Between two frames of an agent not more than 0.5 s apart states are interpolated, yaw the shorter way round;
        elsewhere they are not valid.
        """
        steps = np.arange(1, num_steps + 1) * (time_step_s * 1e9)
        return self._tracks.at(ids, stamp_ns + np.round(steps).astype(np.int64))

    def past(self, ids: ArrayLike, stamp_ns: int, time_step_s: float, num_steps: int) -> Future:
        """As `future`, but the `num_steps` steps that end at the stamp, oldest first."""
        steps = np.arange(1 - num_steps, 1) * (time_step_s * 1e9)
        return self._tracks.at(ids, stamp_ns + np.round(steps).astype(np.int64))

    @cached_property
    def _tracks(self) -> TrackTable:
        return TrackTable(self.agents)


def load_log(path: Path | str) -> RecordedLog:
    """The log of a recording; what the recording does not have is empty.

    A damaged recording is loaded as far as it goes and `problems` says so. Raises RecordingError when it cannot be
    opened, or was made with other definitions of this package's messages.
    """
    with BagReader(path) as reader:
        loader = _Loader(reader)
        metadata = dict(reader.metadata)
        agents, ego = loader.agents(), loader.ego()
        return RecordedLog(
            name=metadata.get("recording") or Path(path).resolve().name,
            dataset=metadata.get("dataset", ""),
            agents=agents,
            ego=ego,
            ego_size=(loader.number("ego_length_m", 4.6), loader.number("ego_width_m", 1.9)),
            ego_center_offset_m=loader.number("ego_center_offset_m", 1.4),
            road_network=loader.road_network(),
            signals=loader.signals(),
            metadata=metadata,
            problems=(*reader.problems, *loader.problems),
        )


def log_of(source: SourceRecording) -> RecordedLog:
    """The log of a dataset's recording, without its sensors."""
    log = RecordedLog(
        name=source.name,
        dataset=source.dataset,
        agents=source.agents,
        ego=() if source.ego is None else source.ego.states(),
        road_network=source.road_network or RoadNetwork(),
        signals=source.signals,
        metadata=source.metadata(),
    )
    if source.ego_size is None:
        return log
    return replace(log, ego_size=source.ego_size, ego_center_offset_m=source.ego_center_offset_m)


class _Loader:
    """Reads the parts of a log from an open bag, and collects what is wrong with them."""

    def __init__(self, reader: BagReader) -> None:
        self._reader = reader
        self.problems: list[str] = []

    def number(self, key: str, default: float) -> float:
        """A number of the recording's metadata."""
        text = self._reader.metadata.get(key)
        try:
            value = default if text is None else float(text)
        except ValueError:
            value = float("nan")
        if not np.isfinite(value):
            raise RecordingError(f"{self._reader.path}: {key} in its custom_data must be a number, got {text!r}")
        return value

    @cached_property
    def _frames(self) -> TransformHistory:
        """The recording's tree of frames; odometry says where base_link is when no transform does."""
        history = read_transforms(self._reader)
        if not history.stamps_ns(BASE_FRAME):
            for message in self._messages(_ODOMETRY):
                history.add_odometry(message)
        return history

    def agents(self) -> tuple[TrackedAgents, ...]:
        found, lost = [], 0
        for message in self._messages(_AGENTS):
            agents = self._converted(tracked_agents_from_message, message)
            if agents is None:
                continue
            if agents.frame_id not in ("", MAP_FRAME):
                pose = self._frames.lookup(MAP_FRAME, agents.frame_id, agents.stamp_ns)
                if pose is None:
                    lost += 1
                    continue
                agents = transform_agents(agents, pose.planar, MAP_FRAME, float(pose.translation[2]))
            found.append(agents if agents.frame_id == MAP_FRAME else replace(agents, frame_id=MAP_FRAME))
        if lost:
            self.problems.append(
                f"{self._reader.path}: {lost} frames of agents were left out: no transform from theirs to the map"
            )
        return _in_order(found)

    def ego(self) -> tuple[EgoState, ...]:
        """By odometry; without that by the transforms; empty when the recording says that it has no ego."""
        if self._reader.metadata.get("has_ego", "true").lower() == "false":
            return ()
        found, lost = [], 0
        for message in self._messages(_ODOMETRY):
            ego = self._converted(ego_from_odometry, message)
            frame = message.header.frame_id.lstrip("/")
            if ego is None or not np.isfinite([*ego.position, ego.yaw, *ego.velocity]).all():
                continue
            if frame not in ("", MAP_FRAME):
                pose = self._frames.lookup(MAP_FRAME, frame, ego.stamp_ns)
                if pose is None:
                    lost += 1
                    continue
                ego = transform_ego(ego, pose.planar, float(pose.translation[2]))
            found.append(ego)
        if lost:
            self.problems.append(
                f"{self._reader.path}: {lost} odometry messages were left out: no transform from their frame to the map"
            )
        return _in_order(found) or _ego_of_transforms(self._frames)

    def road_network(self) -> RoadNetwork:
        """The last one that was published."""
        network = None
        for message in self._messages(_ROAD_NETWORK):
            network = self._converted(road_network_from_message, message) or network
        return network or RoadNetwork()

    def signals(self) -> tuple[TrafficSignals, ...]:
        found = (self._converted(traffic_signals_from_message, message) for message in self._messages(_SIGNALS))
        return _in_order(each for each in found if each is not None)

    def _messages(self, type_name: str) -> Iterable[Any]:
        topic = self._topic(type_name)
        return (each.message for each in self._reader.messages([topic])) if topic else ()

    def _topic(self, type_name: str) -> str | None:
        names = [name for name, topic in self._reader.topics.items() if topic.type == type_name]
        if names and type_name.startswith("zoox_prediction/") and not same_definition(self._reader.store, type_name):
            raise RecordingError(
                f"{self._reader.path}: was made with another version of {type_name}; convert its source again"
            )
        preferred = next((name for name in _TOPICS[type_name] if name in names), None)
        return preferred or (names[0] if len(names) == 1 else None)

    def _converted(self, convert: Any, message: Any) -> Any:
        """What the message holds; None, and a problem the first time, when it is malformed."""
        try:
            return convert(message)
        except InputError as error:
            problem = f"{self._reader.path}: {error}"
            if problem not in self.problems:
                self.problems.append(problem)
            return None


def _in_order(items: Iterable[Stamped]) -> tuple[Stamped, ...]:
    """By stamp; the last one of each stamp."""
    latest = {item.stamp_ns: item for item in items}
    return tuple(latest[stamp] for stamp in sorted(latest))


def _ego_of_transforms(frames: TransformHistory) -> tuple[EgoState, ...]:
    """The ego of a recording without odometry but with transforms to base_link; velocities by differences."""
    stamps, poses = [], []
    for stamp in frames.stamps_ns(BASE_FRAME):
        pose = frames.lookup(MAP_FRAME, BASE_FRAME, stamp)
        if pose is not None:
            stamps.append(stamp)
            poses.append([*pose.planar, pose.translation[2]])
    if len(stamps) < 2:
        return ()
    table = np.array(poses)
    seconds = (np.array(stamps) - stamps[0]) * 1e-9
    velocity = np.gradient(table[:, :2], seconds, axis=0)
    yaw_rate = np.gradient(np.unwrap(table[:, 2]), seconds)
    return tuple(
        EgoState(stamp, table[row, :2], float(table[row, 2]), velocity[row], float(yaw_rate[row]), float(table[row, 3]))
        for row, stamp in enumerate(stamps)
    )
