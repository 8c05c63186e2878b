"""The recorded traffic that simulated traffic is compared with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zoox_prediction.recording.datasets.smarts import read_history
from zoox_prediction.recording.log import RecordedLog, log_of
from zoox_prediction.recording.sources import find_recordings, open_recording

_BESIDE_CHECKOUT = Path(__file__).resolve().parents[4] / "shared" / "data"


@dataclass(frozen=True)
class Reference:
    """Recordings of one source."""

    name: str
    folder: str  # below the folder of real recordings
    remark: str
    left_out: tuple[str, ...] = ()  # quantities that this source cannot tell

    @property
    def path(self) -> Path:
        return recordings_folder() / self.folder

    def logs(self) -> Iterator[RecordedLog]:
        """Its recordings, one after the other; none where the folder is missing. Raises InputError for damaged ones."""
        if not self.path.is_dir():
            return
        yield from (open_recording(source) for source in find_recordings([self.path])[0])
        for history in sorted(self.path.glob("*.shf")):
            yield log_of(read_history(history))


_GAPS = ("standing", "time_gap_s", "queue_gap_m")

REFERENCES = (
    Reference(
        "TAF-BW",
        "taf_bw",
        "two signalised junctions in Karlsruhe, seen from the roadside; the tracker's speeds swing, so its "
        "accelerations are too large, and among the pedestrians of k729 are riders",
        ("acceleration_mps2", "braking_mps2", "lateral_mps2"),
    ),
    Reference(
        "nuScenes", "scenarionet_nuscenes", "7 drives of 20 s in Boston and Singapore, boxes interpolated from 2 Hz"
    ),
    Reference("Argoverse 2", "av2", "4 drives of 11 to 16 s in Pittsburgh and Miami, boxes at 10 Hz"),
    Reference(
        "I-80",
        "smarts_i80",
        "200 cars on a motorway at a crawl; all of them are shifted to one beginning, so that they overlap and nothing "
        "between them can be measured",
        _GAPS,
    ),
)


def recordings_folder() -> Path:
    """Of real recordings: ZOOX_PREDICTION_DATA, or shared/data beside the checkout."""
    return Path(os.environ.get("ZOOX_PREDICTION_DATA", _BESIDE_CHECKOUT))
