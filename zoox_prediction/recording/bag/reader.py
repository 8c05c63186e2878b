"""Reads rosbag2 recordings: MCAP and SQLite, folders and bare files, of any origin, whole or cut short."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from rosbags.interfaces import Connection, ConnectionExtRosbag2, Qos, QosDurability
from rosbags.typesys.store import Typestore

from zoox_prediction.recording.bag.definitions import typestore_for
from zoox_prediction.recording.bag.errors import RecordingError
from zoox_prediction.recording.bag.sources import open_recording


@dataclass(frozen=True)
class Topic:
    """A topic of a recording."""

    name: str
    type: str  # e.g. nav_msgs/msg/Odometry
    message_count: int
    qos: tuple[Qos, ...]  # as offered when recorded; empty when unknown
    definition: str  # of the message type as text; empty when the recording has none
    serialization_format: str  # cdr

    @property
    def latched(self) -> bool:
        """Whether late subscribers get its last messages (transient local)."""
        return any(each.durability == QosDurability.TRANSIENT_LOCAL for each in self.qos)


class RawMessage(NamedTuple):
    """A message as it was recorded."""

    topic: str
    stamp_ns: int
    data: bytes


class RecordedMessage(NamedTuple):
    """A decoded message."""

    topic: str
    stamp_ns: int
    message: Any


class BagReader:
    """An open recording; a context manager.

    `problems` says in sentences what was lost of a damaged one; it is empty when the recording is whole. Raises
    RecordingError when nothing can be read.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        opened = open_recording(self.path)
        self._sources = opened.sources
        self.metadata: Mapping[str, str] = opened.metadata
        self.problems: tuple[str, ...] = tuple(opened.problems)
        connections = [each for source in self._sources for each in source.connections]
        self.topics: Mapping[str, Topic] = _topics(connections)
        self.message_count = sum(source.message_count for source in self._sources)
        filled = [source for source in self._sources if source.message_count]
        self.start_ns = min((source.start_time for source in filled), default=0)
        self.end_ns = max((source.end_time for source in filled), default=0)  # just after the last message
        self.store: Typestore = typestore_for(connections)

    @property
    def duration_s(self) -> float:
        """From the first to the last message [s]."""
        return max(0, self.end_ns - 1 - self.start_ns) * 1e-9

    def can_decode(self, topic: str) -> bool:
        """Whether the topic's messages can be decoded: CDR of a type whose definition is known."""
        each = self.topics[topic]
        return each.serialization_format == "cdr" and each.type in self.store.fielddefs

    def raw(
        self, topics: Collection[str] | None = None, start_ns: int | None = None, end_ns: int | None = None
    ) -> Iterator[RawMessage]:
        """The recorded bytes of `topics` (default all) with start <= stamp < end, in the order of time.

        A topic that is not in the recording has no messages. Raises RecordingError where the file is damaged.
        """
        for source in self._sources:
            wanted = [each for each in source.connections if topics is None or each.topic in topics]
            if not wanted:
                continue
            try:
                for connection, stamp, data in source.messages(wanted, start_ns, end_ns):
                    yield RawMessage(connection.topic, stamp, data)
            except RecordingError:
                raise
            except Exception as error:  # damaged content makes the storage readers fail in any way
                raise RecordingError(f"{self.path}: is damaged ({error}); record or copy it again") from error

    def messages(
        self, topics: Collection[str] | None = None, start_ns: int | None = None, end_ns: int | None = None
    ) -> Iterator[RecordedMessage]:
        """As `raw`, decoded; without `topics` all that can be decoded.

        Raises RecordingError when a type of `topics` is not known or a message is damaged.
        """
        if topics is None:
            topics = [name for name in self.topics if self.can_decode(name)]
        for name in topics:
            if name in self.topics and not self.can_decode(name):
                raise RecordingError(
                    f"{self.path}: {name} cannot be decoded: it has no definition of {self.topics[name].type}"
                )
        for raw in self.raw(topics, start_ns, end_ns):
            yield RecordedMessage(raw.topic, raw.stamp_ns, self.decode(raw))

    def decode(self, raw: RawMessage) -> Any:
        """The message of recorded bytes; raises RecordingError when they are damaged."""
        name = self.topics[raw.topic].type
        try:
            return self.store.deserialize_cdr(raw.data, name)
        except Exception as error:  # damaged bytes make the generated code fail in any way
            raise RecordingError(
                f"{self.path}: the message on {raw.topic} at {raw.stamp_ns} ns is no {name}; record or copy it again"
            ) from error

    def close(self) -> None:
        """Closes the files; the reader cannot be used afterwards."""
        sources, self._sources = self._sources, []
        for source in sources:
            source.close()

    def __enter__(self) -> BagReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _topics(connections: Collection[Connection]) -> dict[str, Topic]:
    """By name in alphabetical order; counts of a topic's several publishers and files are added up."""
    topics: dict[str, Topic] = {}
    for each in sorted(connections, key=lambda connection: connection.topic):
        assert isinstance(each.ext, ConnectionExtRosbag2)
        before = topics.get(each.topic)
        topics[each.topic] = Topic(
            name=each.topic,
            type=each.msgtype,
            message_count=each.msgcount + (before.message_count if before else 0),
            qos=tuple(each.ext.offered_qos_profiles) or (before.qos if before else ()),
            definition=each.msgdef.data,
            serialization_format=each.ext.serialization_format,
        )
    return topics
