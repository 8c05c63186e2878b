"""The files that samples are written to, shard by shard; a shard counts once its index is there."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from pathlib import Path
from typing import Any

from zoox_prediction.errors import InputError
from zoox_prediction.models.scene_features import SceneFeatures
from zoox_prediction.recording.sources import RecordingSource
from zoox_prediction.training.future_labels import FutureLabels
from zoox_prediction.training.mining_tally import Tally, added, class_counts, tally_of
from zoox_prediction.training.samples import SHARDS, encode_sample, read_document, write_document


class ShardFiles:
    """The files of one recording's shards in the folder `out`."""

    def __init__(self, out: Path, source: RecordingSource, dataset: str, recording: str) -> None:
        self.origin = {"source": str(source.path.resolve()), "fingerprint": fingerprint(source)}
        self._stem = out / SHARDS / _file_name(dataset) / _file_name(recording)

    def path(self, number: int) -> Path:
        """Of a shard's samples; its index beside it ends in .json."""
        return self._stem.with_name(f"{self._stem.name}-{number:03d}.tar")

    def read(self, number: int) -> dict[str, Any] | None:
        """The index of a shard that is complete, else None. Raises InputError when it is another recording's."""
        index = self.path(number).with_suffix(".json")
        if not index.is_file():
            return None
        document = read_document(index)
        if document.get("fingerprint") == self.origin["fingerprint"]:
            return document
        other, own = str(document.get("source", "")), self.origin["source"]
        if other != own and Path(other).exists():
            raise InputError(
                f"{own}: another recording of this dataset and name was mined from {other}; mine one of them only"
            )
        return None

    def remove_others(self) -> None:
        """Removes shards that were made of the recording as it was before."""
        for index in self._stem.parent.glob(f"{self._stem.name}-[0-9][0-9][0-9].json"):
            if read_document(index).get("fingerprint") != self.origin["fingerprint"]:
                index.unlink()
                index.with_suffix(".tar").unlink(missing_ok=True)

    def complete(self) -> list[dict[str, Any]] | None:
        """The indexes of all shards when the last one is there; else None."""
        documents: list[dict[str, Any]] = []
        while (document := self.read(len(documents))) is not None:
            documents.append(document)
            if document.get("last"):
                return documents
        return None


class ShardWriter:
    """Writes a tar file of samples, and then its index."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._samples: list[dict[str, Any]] = []
        self._tallies: list[Tally] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".json").unlink(missing_ok=True)
        self._partial = path.with_name(f"{path.name}.partial")
        self._file = self._partial.open("wb")
        self._tar = tarfile.TarFile(fileobj=self._file, mode="w", format=tarfile.USTAR_FORMAT)

    def add(self, features: SceneFeatures, labels: FutureLabels) -> None:
        """Appends a sample."""
        content = encode_sample(features, labels)
        stamp_ns = int(features.stamp_ns[0])
        member = tarfile.TarInfo(f"{stamp_ns}.npz.zst")
        member.size = len(content)
        offset = self._tar.offset + tarfile.BLOCKSIZE  # after the header, which is one block
        self._tar.addfile(member, io.BytesIO(content))
        entry = {
            "offset": offset,
            "size": len(content),
            "stamp_ns": stamp_ns,
            "agents": class_counts(features.agent_class),
            "scored": class_counts(features.agent_class[labels.scored]),
        }
        self._samples.append(entry)
        self._tallies.append(tally_of(features, labels))

    def close(self, head: dict[str, Any], tally: Tally) -> dict[str, Any]:
        """Ends the shard and returns its index: `head`, the samples, and the sum of their tallies and `tally`."""
        self._tar.close()
        self._file.close()
        self._partial.replace(self._path)
        document = {**head, "samples": self._samples, "tally": added([*self._tallies, tally])}
        write_document(self._path.with_suffix(".json"), document)
        return document


def fingerprint(source: RecordingSource) -> str:
    """Of a recording's files by name, size and time, so that one that was made anew is mined anew."""
    path = source.path
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    stats = [(each.name, each.stat().st_size, each.stat().st_mtime_ns) for each in files]
    return hashlib.blake2b(repr((source.sequence, stats)).encode(), digest_size=16).hexdigest()


def _file_name(text: str) -> str:
    """A name of a dataset or a recording as that of a file or folder; different for different names."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._") or "unnamed"
    if plain == text:
        return plain
    return f"{plain}-{hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"
