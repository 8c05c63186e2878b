"""The demo's tables on a narrow terminal."""

from __future__ import annotations

import io
import re

from rich.console import Console

from zoox_prediction.demo.table import nodes_table

_NODE = {"p50_ms": 158.8, "p99_ms": 228.0, "worst_p99_ms": 1009.2, "received": 1516, "dropped": 1, "waiting": 0}


def test_nodes_whose_names_begin_alike_can_be_told_apart() -> None:
    names = ["camera_front_left", "camera_front_right", "tracking_node: sensor to tracks"]
    console = Console(file=io.StringIO(), width=80)
    console.print(nodes_table(dict.fromkeys(names, _NODE)))
    shown = console.file.getvalue()
    first_column = [line.split("│")[1].strip() for line in shown.splitlines() if line.startswith("│")]
    text = re.sub(r"\s", "", "".join(first_column))
    assert all(name.replace(" ", "") in text for name in names) and "…" not in shown
    assert "1009.2" in shown
