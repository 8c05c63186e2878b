"""Reads MCAP files that have no index or no end, as far as they go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import lz4.frame
import yaml
import zstandard
from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, DataEnd, McapRecord, Message, Metadata, Schema
from mcap.stream_reader import StreamReader, breakup_chunk
from rosbags.interfaces import Connection, ConnectionExtRosbag2, MessageDefinition, MessageDefinitionFormat, Qos
from rosbags.rosbag2.metadata import parse_qos

from zoox_prediction.recording.bag.errors import RecordingError

_FORMATS = {"ros2msg": MessageDefinitionFormat.MSG, "ros2idl": MessageDefinitionFormat.IDL}
_MAX_CHUNK_BYTES = 2**30  # a longer one is a damaged length


class RecoveredMcap:
    """One `.mcap` file read from its start, record by record; has the reading part of rosbags' reader interface.

    Opening reads the file once to list its topics. `problem` says what was lost, None when nothing was. Raises
    RecordingError when the file is no MCAP file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connections: list[Connection] = []
        self.custom: dict[str, str] = {}
        self.message_count = 0
        self.start_time = 2**63 - 1
        self.end_time = 0
        self._in_time_order = True
        self._complete = False
        self._lost_chunks = 0
        self._scan()

    @property
    def problem(self) -> str | None:
        """What was lost, in words that follow the name of the file."""
        if self._lost_chunks:
            return f"{self._lost_chunks} damaged parts were left out and {self.message_count} messages kept"
        return None if self._complete else f"the end is missing; {self.message_count} messages before it were kept"

    def messages(
        self, connections: Collection[Connection] = (), start: int | None = None, stop: int | None = None
    ) -> Iterator[tuple[Connection, int, bytes]]:
        """(connection, stamp [ns], CDR bytes) with start <= stamp < stop, in time order."""
        wanted = {connection.id: connection for connection in connections or self.connections}
        found = (
            (wanted[record.channel_id], record.log_time, record.data)
            for record in self._records()
            if isinstance(record, Message)
            and record.channel_id in wanted
            and (start is None or record.log_time >= start)
            and (stop is None or record.log_time < stop)
        )
        # Without an index a file that is not in time order can only be sorted in memory.
        yield from found if self._in_time_order else sorted(found, key=lambda each: each[1])

    def close(self) -> None:
        """Nothing is held open between readings."""

    def _scan(self) -> None:
        schemas: dict[int, Schema] = {}
        channels: dict[int, Channel] = {}
        counts: Counter[int] = Counter()
        latest = 0
        for record in self._records():
            if isinstance(record, Schema):
                schemas[record.id] = record
            elif isinstance(record, Channel):
                channels[record.id] = record
            elif isinstance(record, Metadata):
                self.custom.update(custom_data(record))
            elif isinstance(record, Message) and record.channel_id in channels:
                counts[record.channel_id] += 1
                self._in_time_order = self._in_time_order and record.log_time >= latest
                latest = record.log_time
                self.start_time = min(self.start_time, latest)
                self.end_time = max(self.end_time, latest + 1)
        self.message_count = sum(counts.values())
        self.connections = [
            self._connection(channel, schemas.get(channel.schema_id), counts[channel.id])
            for channel in channels.values()
        ]

    def _connection(self, channel: Channel, schema: Schema | None, count: int) -> Connection:
        definition = MessageDefinition(MessageDefinitionFormat.NONE, "")
        if schema is not None and schema.encoding in _FORMATS:
            definition = MessageDefinition(_FORMATS[schema.encoding], schema.data.decode(errors="replace"))
        return Connection(
            id=channel.id,
            topic=channel.topic,
            msgtype=schema.name if schema else "",
            msgdef=definition,
            digest="",
            msgcount=count,
            ext=ConnectionExtRosbag2(channel.message_encoding, _qos(channel)),
            owner=self,
        )

    def _records(self) -> Iterator[McapRecord]:
        """Every record that can be had, those of chunks instead of the chunks."""
        self._complete, self._lost_chunks = False, 0
        position = 0
        with self.path.open("rb") as stream:
            try:
                for record in StreamReader(stream, emit_chunks=True).records:
                    position = stream.tell()
                    self._complete = self._complete or isinstance(record, DataEnd)
                    yield from self._chunk_records(record) if isinstance(record, Chunk) else (record,)
            except Exception as error:  # a cut or damaged file makes the parser fail in any way
                if position == 0:
                    raise RecordingError(
                        f"{self.path}: is not an MCAP file or is cut before its first record; give a rosbag2 recording"
                    ) from error
                yield from _cut_chunk_records(stream, position)

    def _chunk_records(self, chunk: Chunk) -> list[McapRecord]:
        try:
            return breakup_chunk(chunk, validate_crc=True)
        except Exception:  # damaged content makes the decompressors and the parser fail in any way
            self._lost_chunks += 1
            return []


def _cut_chunk_records(stream: BinaryIO, position: int) -> Iterator[McapRecord]:
    """The whole records in the part that is left of a chunk that begins at `position` and is cut by the file's end."""
    stream.seek(position)
    try:
        reader = ReadDataStream(stream)
        opcode, length = reader.read1(), reader.read8()
        if opcode != Opcode.CHUNK or length > _MAX_CHUNK_BYTES:
            return
        chunk = Chunk.read(reader)  # its data is what the file still has
        if chunk.compression == "zstd":
            data = zstandard.ZstdDecompressor().decompressobj().decompress(chunk.data)
        elif chunk.compression == "lz4":
            data = lz4.frame.LZ4FrameDecompressor().decompress(chunk.data)
        else:
            data = chunk.data
        yield from StreamReader(BytesIO(data), skip_magic=True).records
    except Exception:  # the end of what is left, met anywhere in a record
        return


def custom_data(record: Metadata) -> dict[str, str]:
    """The `custom_data` of the copy of metadata.yaml that rosbag2 keeps in an MCAP file; empty when there is none."""
    try:
        document = yaml.safe_load(record.metadata.get("serialized_metadata", ""))
    except yaml.YAMLError:
        return {}
    values = document.get("custom_data") if isinstance(document, dict) else None
    return {str(key): str(value) for key, value in values.items()} if isinstance(values, dict) else {}


def _qos(channel: Channel) -> list[Qos]:
    try:
        return parse_qos(channel.metadata.get("offered_qos_profiles", ""))
    except Exception:  # written by others in other words; the quality of service is a hint
        return []
