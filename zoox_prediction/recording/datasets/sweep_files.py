"""Lidar sweeps as data sets keep them in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.recording.datasets.source import SourceError

POINT = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("intensity", "<f4")])
RING_POINT = np.dtype([*((name, "<f4") for name in ("x", "y", "z", "intensity")), ("ring", "<u2")])

SUFFIXES = (".bin", ".npz", ".csv", ".txt")


def numbered_files(folder: Path, suffixes: tuple[str, ...]) -> dict[int, Path]:
    """The files NNNNNN.suffix of a folder by number, of the first of `suffixes` that any file has."""
    for suffix in suffixes:
        paths = {int(path.stem): path for path in sorted(folder.glob(f"*{suffix}")) if path.stem.isdigit()}
        if paths:
            return paths
    return {}


def read_sweep(path: Path) -> NDArray:
    """(N,) points of type POINT or RING_POINT; raises SourceError when the file is not one of these layouts:

    - .bin: KITTI's float32 x, y, z, intensity;
    - .csv, .txt: a line x,y,z,intensity,ring per point, as RADIATE has it;
    - .npz: dxyz_cm (3, N), the differences of successive points [cm], i (N,) intensity, and perhaps ring (N,).
    """
    readers = {".bin": _read_binary, ".npz": _read_differences}
    points = readers.get(path.suffix, _read_lines)(path)
    if not len(points):
        raise SourceError(f"{path}: holds no points; fetch the file again")
    return points


def _read_binary(path: Path) -> NDArray:
    size = path.stat().st_size
    if size % POINT.itemsize:
        raise SourceError(f"{path}: {size} bytes are no whole number of points; fetch the file again")
    return np.fromfile(path, dtype=POINT)


def _read_differences(path: Path) -> NDArray:
    try:
        with np.load(path, allow_pickle=False) as file:
            steps, intensity = file["dxyz_cm"], file["i"]
            ring = file.get("ring")
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise SourceError(f"{path}: is no sweep with dxyz_cm and i; fetch the file again") from error
    if steps.ndim != 2 or len(steps) != 3 or intensity.shape != steps.shape[1:]:
        raise SourceError(f"{path}: dxyz_cm must be (3, N) and i (N,); fetch the file again")
    return _structured(np.cumsum(steps.astype(np.int64), axis=1).T * 0.01, intensity, ring)


def _read_lines(path: Path) -> NDArray:
    try:
        table = np.loadtxt(path, delimiter=",", ndmin=2)
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: is no list of points x,y,z,intensity,ring; fetch the file again") from error
    if not table.size:
        return np.zeros(0, dtype=RING_POINT)
    if table.shape[1] != 5:
        raise SourceError(f"{path}: has {table.shape[1]} columns where x,y,z,intensity,ring belong; fetch it again")
    return _structured(table[:, :3], table[:, 3], table[:, 4])


def _structured(xyz: NDArray, intensity: NDArray, ring: NDArray | None) -> NDArray:
    points = np.empty(len(xyz), dtype=POINT if ring is None else RING_POINT)
    points["x"], points["y"], points["z"] = xyz.T
    points["intensity"] = intensity
    if ring is not None:
        points["ring"] = ring
    return points
