"""Training samples in files: one scene's features and labels each, readable at random by many processes at once.

A folder of samples has `index.json`, which says what the numbers mean. A shard is a tar file with an archive of arrays
per sample (STAMP.npz.zst: numpy's own format, then Zstandard), and beside it a JSON file with the place of each and
what is in it.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.models.scene_features import FEATURE_VERSION, SceneFeatures
from zoox_prediction.raster.channels import load_channel_table
from zoox_prediction.training.future_labels import FutureLabels

INDEX_NAME = "index.json"
SHARDS = "shards"
FORMAT = 1  # of the files
_LEVEL = 3  # of compression: 12 saves 5% and takes 15 times as long
_ZIP_HEADER = 30  # bytes of a member's fixed part; its lengths of name and extra field are at 26


@dataclass(frozen=True)
class SampleMeta:
    """Where a sample comes from; the agents' ids and classes are in its features."""

    dataset: str
    recording: str
    licence: str
    stamp_ns: int


@dataclass(frozen=True)
class Sample(FutureLabels):
    """One scene, and what followed."""

    features: SceneFeatures  # of one scene
    meta: SampleMeta


@dataclass(frozen=True)
class SampleEntry:
    """Where a sample lies, and how many agents it has by name of their class: all, and those that count."""

    shard: Path
    offset: int  # of its bytes in the shard
    size: int
    meta: SampleMeta
    agents: Mapping[str, int]
    scored: Mapping[str, int]


class SampleDataset(Sequence[Sample]):
    """The samples of some folders, in a fixed order. Picklable; holds no open file, so any process may read any.

    What two folders have of the same scene counts once, as the first one has it.
    """

    def __init__(self, folders: Iterable[Path | str]) -> None:
        """Raises InputError, which names the folder, when one has no samples or such of another version or config."""
        self.folders = tuple(Path(each) for each in folders)
        self.settings: dict[str, Any] = {}  # what was mined with, the same for all folders
        self.entries: list[SampleEntry] = []
        for folder in self.folders:
            settings = read_settings(folder)
            check_readable(settings, folder)
            if self.settings and meaning(settings) != meaning(self.settings):
                difference = difference_of(meaning(self.settings), meaning(settings))
                raise InputError(f"{folder}: its samples are not like those of {self.folders[0]}: {difference}")
            self.settings = self.settings or settings
            entries = [entry for path in shard_indexes(folder) for entry in read_entries(path)]
            if not entries:
                raise InputError(f"{folder}: holds no samples; make some with 'zoox-prediction mine'")
            known = {entry.meta for entry in self.entries}
            self.entries += [entry for entry in entries if entry.meta not in known]

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: Any) -> Any:
        """The sample of a row; a sequence of samples for a slice."""
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        entry = self.entries[index]
        with entry.shard.open("rb") as file:
            file.seek(entry.offset)
            content = file.read(entry.size)
        try:
            return decode_sample(content, entry.meta)
        except (zstandard.ZstdError, zipfile.BadZipFile, KeyError, ValueError, struct.error) as error:
            raise InputError(f"{entry.shard}: is damaged at byte {entry.offset} ({error}); mine it again") from error

    @property
    def licences(self) -> dict[str, str]:
        """The licence of each dataset that samples come from."""
        return {entry.meta.dataset: entry.meta.licence for entry in self.entries}

    @property
    def recordings(self) -> dict[str, list[str]]:
        """The names of the recordings by dataset, in order."""
        names: dict[str, dict[str, None]] = {}
        for entry in self.entries:
            names.setdefault(entry.meta.dataset, {})[entry.meta.recording] = None
        return {dataset: list(found) for dataset, found in names.items()}


def encode_sample(features: SceneFeatures, labels: FutureLabels) -> bytes:
    """The bytes of a sample: an uncompressed .npz of all arrays by name, compressed with Zstandard."""
    buffer = io.BytesIO()
    arrays = {each.name: getattr(features, each.name) for each in fields(SceneFeatures)}
    arrays |= {each.name: getattr(labels, each.name) for each in fields(FutureLabels)}
    np.savez(buffer, **arrays)
    return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(buffer.getvalue())


def decode_sample(content: bytes, meta: SampleMeta) -> Sample:
    """The inverse of `encode_sample`, to the bit. Raises KeyError or ValueError for the bytes of anything else."""
    arrays = _read_npz(zstandard.ZstdDecompressor().decompress(content))
    features = SceneFeatures(**{each.name: arrays[each.name] for each in fields(SceneFeatures)})
    return Sample(**{each.name: arrays[each.name] for each in fields(FutureLabels)}, features=features, meta=meta)


def _read_npz(content: bytes) -> dict[str, NDArray]:
    """As np.load, which takes several times as long: it reads piecemeal, and checks sums that Zstandard has checked."""
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            name_length, extra_length = struct.unpack_from("<HH", content, member.header_offset + 26)
            start = member.header_offset + _ZIP_HEADER + name_length + extra_length
            header = io.BytesIO(content[start : start + min(member.file_size, 1024)])
            np.lib.format.read_magic(header)
            shape, _, dtype = np.lib.format.read_array_header_1_0(header)
            count = int(np.prod(shape, dtype=np.int64))
            array = np.frombuffer(content, dtype, count, start + header.tell()).reshape(shape)
            arrays[member.filename.removesuffix(".npy")] = array.copy()  # aligned, and may be written to
    return arrays


def shard_indexes(folder: Path) -> list[Path]:
    """The index of every complete shard, in a fixed order."""
    return sorted((folder / SHARDS).glob("**/*.json"))


def read_entries(path: Path) -> list[SampleEntry]:
    """The samples of the shard whose index is `path`. Raises InputError when it is damaged."""
    document = read_document(path)
    try:
        return [
            SampleEntry(
                shard=path.with_suffix(".tar"),
                offset=int(each["offset"]),
                size=int(each["size"]),
                meta=SampleMeta(document["dataset"], document["recording"], document["licence"], int(each["stamp_ns"])),
                agents=each["agents"],
                scored=each["scored"],
            )
            for each in document["samples"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is not the index of a shard ({error!r}); remove it and mine again") from error


def read_settings(folder: Path) -> dict[str, Any]:
    """What the samples of a folder were mined with; raises InputError when it is no folder of samples."""
    path = folder / INDEX_NAME
    if not path.is_file():
        raise InputError(f"{folder}: holds no samples ({INDEX_NAME} is missing); make some with 'zoox-prediction mine'")
    settings = read_document(path).get("settings")
    if not isinstance(settings, dict):
        raise InputError(f"{path}: is not the index of samples; give a folder that 'zoox-prediction mine' has made")
    return settings


def read_document(path: Path) -> dict[str, Any]:
    """The JSON object of a file; raises InputError when it is none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error}); remove it and mine again") from error
    if not isinstance(document, dict):
        raise InputError(f"{path}: is not a JSON object; remove it and mine again")
    return document


def write_document(path: Path, document: Mapping[str, Any]) -> None:
    """The JSON file, whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def check_readable(settings: Mapping[str, Any], folder: Path) -> None:
    """Raises InputError when samples were mined with another format, version of the features or raster channels."""
    own = {"format": FORMAT, "feature_version": FEATURE_VERSION, "channel_digest": load_channel_table().digest}
    if difference := difference_of({name: settings.get(name) for name in own}, own):
        raise InputError(f"{folder}: its samples are of another version: {difference}; mine them again")


def meaning(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings without those that only decide which samples there are."""
    return {name: value for name, value in settings.items() if name != "selection"}


def difference_of(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    """The first setting that differs, with both values; empty when none does."""
    for name in dict.fromkeys((*first, *second)):
        one, other = first.get(name), second.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            if inner := difference_of(one, other):
                return f"{name}.{inner}"
        elif one != other:
            return f"{name} is {one} there and {other} here"
    return ""
