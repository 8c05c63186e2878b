"""The numbers of a training over its steps: a CSV file, and TensorBoard's."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

_COLUMNS = ("step", "name", "value")


class MetricsLog:
    """Appends to `metrics.csv` and `tensorboard/` in a folder; what came after the step to go on from is forgotten."""

    def __init__(self, folder: Path, first_step: int) -> None:
        self._path = folder / "metrics.csv"
        kept = [row for row in _rows(self._path) if int(row["step"]) <= first_step] if first_step else []
        text = io.StringIO()
        writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)
        self._path.write_text(text.getvalue(), encoding="utf-8")
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=first_step + 1 if first_step else None)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers by name; what comes before a / is their group."""
        with self._path.open("a", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows((step, name, f"{value:.6g}") for name, value in values.items())
        for name, value in values.items():
            self._board.add_scalar(name, value, step)

    def close(self) -> None:
        self._board.close()


def _rows(path: Path) -> list[dict[str, str]]:
    """The whole rows of the file; the last may have been cut off."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["value"] and str(row["step"]).isdigit()]
