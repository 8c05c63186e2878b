"""Recordings as the commands take them: a bag, or a public dataset's recording that is converted once and kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import zoox_prediction
from zoox_prediction.errors import InputError
from zoox_prediction.recording.log import RecordedLog, load_log

Progress = Callable[[float], None]

# What decides how a recording is converted; a change of it makes the kept bags stale.
_CONVERTING = ("recording", "maps", "scene.py", "geometry.py")


def cache_folder() -> Path:
    """Where converted recordings are kept: under XDG_CACHE_HOME, by default ~/.cache. May be deleted at any time."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "zoox_prediction" / "recordings"


def is_bag(path: Path) -> bool:
    """Whether `path` is a rosbag2 folder or one of its files."""
    return path.suffix in (".mcap", ".db3") or (path / "metadata.yaml").is_file()


def open_recording(path: Path, progress: Progress = lambda share: None) -> RecordedLog:
    """The recording at `path`, converted first (with `progress` from 0 to 1) when it is no bag.

    Raises InputError when it does not exist, is in no known format, or cannot be read.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; give a bag or a recording that 'convert' understands")
    return load_log(path if is_bag(path) else converted(path, progress))


def converted(source: Path, progress: Progress = lambda share: None) -> Path:
    """The bag made of `source`, from the cache when neither the source nor the converter has changed since."""
    # Only here: the readers of datasets bring pandas and more, which a bag does not need.
    from zoox_prediction.recording.convert import convert, detect_format

    source_format = detect_format(source)
    folder = cache_folder()
    bag = folder / f"{source.stem}-{_fingerprint(source, source_format)}.bag"
    if bag.exists():
        return bag
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=".converting-", dir=folder))
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written ({error.strerror}); set XDG_CACHE_HOME to a folder that can"
        ) from error
    try:
        # Under its final name inside the temporary folder: a bag's files are named after the bag.
        convert(source_format, source, partial / bag.name, progress)
        if not bag.exists():  # another process may have been faster
            (partial / bag.name).rename(bag)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return bag


def _fingerprint(source: Path, source_format: str) -> str:
    """Changes with the names, sizes and times of the source's files and with the code that converts."""
    digest = hashlib.blake2b(f"{source_format}\n{source.resolve()}".encode(), digest_size=10)
    files = [source] if source.is_file() else sorted(each for each in source.rglob("*") if each.is_file())
    for file in files:
        status = file.stat()
        digest.update(f"{file.relative_to(source)}\n{status.st_size}\n{status.st_mtime_ns}\n".encode())
    package = Path(zoox_prediction.__file__).parent
    for name in _CONVERTING:
        modules = [package / name] if name.endswith(".py") else sorted((package / name).rglob("*.py"))
        for module in modules:
            digest.update(module.read_bytes())
    return digest.hexdigest()
