"""Rasters of known scenes as they are meant to come out, kept in this folder.

Generated scenes are kept whole, real ones (which the repository may not hold) as a checksum and a number of pixels for
every channel. `make golden` runs this file as a program: it draws them all anew and tells what changed.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zoox_prediction.prediction.recorded_scenes import recorded_scenes
from zoox_prediction.prediction.scene_history import SceneHistoryConfig
from zoox_prediction.raster.channels import load_channel_table
from zoox_prediction.raster.config import RasterConfig
from zoox_prediction.raster.rasterizer import Rasterizer
from zoox_prediction.recording.generated import generated_log
from zoox_prediction.recording.log import RecordedLog
from zoox_prediction.recording.sources import find_one_recording, open_recording
from zoox_prediction.scene import Scene

FOLDER = Path(__file__).resolve().parent
GENERATED_FILE = FOLDER / "generated_rasters.npz"
REAL_FILE = FOLDER / "real_rasters.json"
RECORDINGS = Path(os.environ.get("ZOOX_PREDICTION_DATA", FOLDER.parents[2] / "shared" / "data"))

_CHANNELS = tuple(channel.name for channel in load_channel_table().channels)


@dataclass(frozen=True)
class GoldenScene:
    """One instant of a recording, and where the raster lies if it has no ego."""

    at_s: float
    seed: int = 0  # of a generated recording
    path: str = ""  # of a real one, below the folder of real recordings
    with_ego: bool = True
    config: RasterConfig = field(default_factory=RasterConfig)


GENERATED = {
    "waiting": GoldenScene(12.0, seed=0),
    "driving": GoldenScene(28.0, seed=1, config=RasterConfig(size_px=200, resolution_m=0.5)),
    "roadside": GoldenScene(20.0, seed=2, with_ego=False, config=RasterConfig(center_x_m=4.0, center_yaw_rad=0.6)),
}
REAL = {
    "TAF-BW k733_2020-09-15": GoldenScene(
        115.0,
        path="taf_bw/datasets/recorded_trackfiles/k733_2020-09-15/vehicle_tracks_000.csv",
        config=RasterConfig(center_x_m=-25.0, center_y_m=-20.0),
    ),
    "Argoverse 2 adcf7d18": GoldenScene(6.0, path="av2/sensor_logs/adcf7d18-0510-35b0-a2fa-b4cea13a6d76"),
    "nuScenes scene-0061": GoldenScene(8.0, path="scenarionet_nuscenes/sd_nuscenes_v1.0-mini_scene-0061.pkl"),
}


def draw(golden: GoldenScene, recordings: Path = RECORDINGS) -> NDArray[np.uint8]:
    """The raster (C, H, W) as it comes out now; raises InputError when the recording is not there."""
    return Rasterizer(golden.config).rasterize(_scene(golden, recordings))


def _scene(golden: GoldenScene, recordings: Path) -> Scene:
    log: RecordedLog
    if golden.path:
        log = open_recording(find_one_recording(recordings / golden.path))
    else:
        log = generated_log(golden.seed, golden.at_s + 1.0)
    start = round(golden.at_s * 10.0) - 25  # frames at 10 Hz; what is older has no influence
    begin_ns = int(log.stamps_ns[max(start, 0)])
    log = replace(log, agents=log.agents[max(start, 0) :])
    before_s = golden.at_s - (begin_ns - int(log.stamps_ns[0])) * 1e-9
    scene = next(recorded_scenes(log, SceneHistoryConfig(), min(2.5, before_s), 1.0, 0.0))
    return scene if golden.with_ego else replace(scene, ego=None, ego_past=None, ego_past_valid=None)


def summary(raster: NDArray[np.uint8]) -> dict[str, list[int]]:
    """Checksum and number of drawn pixels of every channel."""
    return {
        name: [zlib.crc32(pixels.tobytes()), int(np.count_nonzero(pixels))]
        for name, pixels in zip(_CHANNELS, raster, strict=True)
    }


def stored_rasters() -> tuple[str, dict[str, NDArray[np.uint8]]]:
    """The version of OpenCV that drew the generated scenes, and their rasters by name."""
    if not GENERATED_FILE.exists():
        return "", {}
    with np.load(GENERATED_FILE) as stored:
        return str(stored["opencv"]), {name: stored[name] for name in stored.files if name != "opencv"}


def stored_summaries() -> tuple[str, dict[str, dict[str, list[int]]]]:
    """The version of OpenCV that drew the real scenes, and their summaries by name."""
    if not REAL_FILE.exists():
        return "", {}
    stored = json.loads(REAL_FILE.read_text(encoding="utf-8"))
    return stored["opencv"], stored["scenes"]


def regenerate() -> Iterator[str]:
    """Draws everything anew and stores it; tells what changed, a sentence for every scene."""
    _, old_rasters = stored_rasters()
    rasters = {name: draw(golden) for name, golden in GENERATED.items()}
    for name, raster in rasters.items():
        yield f"generated {name}: {_change(old_rasters.get(name), raster)}"
    np.savez_compressed(GENERATED_FILE, opencv=np.array(cv2.__version__), **rasters)
    old_version, old = stored_summaries()
    summaries = {}
    for name, golden in REAL.items():
        if (RECORDINGS / golden.path).exists():
            summaries[name] = summary(draw(golden))
            kept = old.get(name, {})
            changed = [channel for channel in _CHANNELS if kept.get(channel) != summaries[name][channel]]
            yield f"{name}: {_listed(changed) if kept else 'all of it is new'}"
        elif name in old and old_version == cv2.__version__:
            summaries[name] = old[name]
            yield f"{name}: kept, {RECORDINGS / golden.path} does not exist"
        else:
            yield f"{name}: left out, {RECORDINGS / golden.path} does not exist and OpenCV is another"
    lines = json.dumps({"opencv": cv2.__version__, "scenes": summaries}, indent=1)
    REAL_FILE.write_text(
        lines.replace("[\n    ", "[").replace(",\n    ", ", ").replace("\n   ]", "]") + "\n", encoding="utf-8"
    )


def _change(old: NDArray[np.uint8] | None, new: NDArray[np.uint8]) -> str:
    if old is None or old.shape != new.shape:
        return "all of it is new"
    different = [(old[row] != new[row]).sum() for row in range(len(new))]
    return _listed([f"{name} ({count} pixels)" for name, count in zip(_CHANNELS, different, strict=True) if count])


def _listed(changed: list[str]) -> str:
    return f"changed: {', '.join(changed)}" if changed else "as it was"


if __name__ == "__main__":
    for sentence in regenerate():
        print(sentence)
