"""Writes rosbag2 bags in MCAP that `ros2 bag info`, `ros2 bag play` and Foxglove open."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from rosbags.interfaces import Connection, Qos
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.rosbag2.enums import CompressionFormat, CompressionMode
from rosbags.typesys.store import Typestore

from zoox_prediction.recording.bag.errors import RecordingError
from zoox_prediction.recording.bag.qos import default_qos
from zoox_prediction.recording.typestore import typestore


class BagWriter:
    """A context manager that writes the bag `path`, a folder with an `.mcap` file and a `metadata.yaml`.

    The bag is written under `path` + '.partial' and takes its name only when the block ends without an error, so what
    bears the name is always whole. `metadata` becomes `custom_data` of metadata.yaml. Chunks are compressed with zstd
    inside of the MCAP file, as rosbag2's own 'zstd_fast' preset does, unless `compress` is off.

    Raises RecordingError when `path` exists and `overwrite` is off, or the disk cannot be written.
    """

    def __init__(
        self,
        path: Path | str,
        metadata: Mapping[str, str] | None = None,
        *,
        overwrite: bool = False,
        compress: bool = True,
        store: Typestore | None = None,
    ) -> None:
        self.path = Path(path)
        self.message_count = 0
        self._overwrite = overwrite
        self._store = store or typestore()
        self._connections: dict[str, Connection] = {}
        self._partial = self.path.with_name(self.path.name + ".partial")
        if self.path.exists() and not overwrite:
            raise RecordingError(f"{self.path}: exists already; give another name or ask to overwrite it")
        # The inner folder bears the final name, because the files inside are named after it.
        self._writer = self._new_writer(compress)
        for key, value in (metadata or {}).items():
            self._writer.set_custom_data(key, str(value))

    def _new_writer(self, compress: bool) -> Writer:
        try:
            shutil.rmtree(self._partial, ignore_errors=True)  # left by an interrupted run
            self._partial.mkdir(parents=True)
        except OSError as error:
            raise RecordingError(f"{self.path}: cannot be written: {error.strerror or error}") from error
        writer = Writer(
            self._partial / self.path.name, version=Writer.VERSION_LATEST, storage_plugin=StoragePlugin.MCAP
        )
        if compress:
            writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        return writer

    def __enter__(self) -> BagWriter:
        self._guarded(self._writer.open)
        return self

    def write(self, topic: str, message: Any, stamp_ns: int, qos: Qos | None = None) -> None:
        """Appends a message made with RosbagsTypes; `qos` counts at the first message of a topic.

        Raises RecordingError when the topic already has another type, the stamp is negative, or the disk is full.
        """
        name = message.__msgtype__
        connection = self._connection(topic, name, qos)
        self._write(connection, stamp_ns, self._store.serialize_cdr(message, name))

    def write_raw(self, topic: str, type_name: str, data: bytes, stamp_ns: int, qos: Qos | None = None) -> None:
        """Appends a message that is serialized already (CDR), of a type that the writer's store knows."""
        self._write(self._connection(topic, type_name, qos), stamp_ns, data)

    def _connection(self, topic: str, type_name: str, qos: Qos | None) -> Connection:
        connection = self._connections.get(topic)
        if connection is None:
            connection = self._connections[topic] = self._writer.add_connection(
                topic, type_name, typestore=self._store, offered_qos_profiles=[qos or default_qos(topic)]
            )
        if connection.msgtype != type_name:
            raise RecordingError(f"{self.path}: {topic} has the type {connection.msgtype}, not {type_name}")
        return connection

    def _write(self, connection: Connection, stamp_ns: int, data: bytes | memoryview) -> None:
        if stamp_ns < 0:
            raise RecordingError(f"{self.path}: {connection.topic} has a message before 1970; check the source's clock")
        self._guarded(self._writer.write, connection, int(stamp_ns), data)
        self.message_count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._guarded(self._writer.close)
                self._guarded(self._publish)
        finally:
            with suppress(Exception):  # only to let go of the file, which after an error nobody will miss
                self._writer.close()
            shutil.rmtree(self._partial, ignore_errors=True)

    def _publish(self) -> None:
        """Gives the finished bag its name."""
        if self._overwrite and self.path.exists():
            if self.path.is_dir():
                shutil.rmtree(self.path)
            else:
                self.path.unlink()
        (self._partial / self.path.name).rename(self.path)

    def _guarded(self, action: Any, *arguments: Any) -> None:
        try:
            action(*arguments)
        except OSError as error:
            raise RecordingError(f"{self.path}: cannot be written: {error.strerror or error}") from error
