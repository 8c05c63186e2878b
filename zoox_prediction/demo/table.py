"""The demo's tables for the terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table


def live_table(state: dict[str, Any]) -> Table:
    """The observer's account so far."""
    table = Table(title="zoox_prediction", min_width=60)
    table.add_column("what")
    table.add_column("now", justify="right")
    if not state.get("predictions"):
        table.add_row("predictions", "waiting for the first scene")
        return table
    rows = (
        ("agents in the newest scene", f"{state['agents']}"),
        ("predictions per second", f"{state['rate_hz']:.1f}"),
        ("predictions / scenes played", f"{state['predictions']} / {state['scenes_played']}"),
        ("scenes lost", f"{state['lost']}"),
        ("agents without a path", f"{state['without_path']}"),
        ("tracks in to predictions out, p50 / p99", f"{state['p50_ms']:.1f} / {state['p99_ms']:.1f} ms"),
        *_sensing_rows(state),
        ("minADE of 6 modes over what happened so far", f"{state['min_ade_m']:.2f} m"),
        ("diagnostics", state["health"] or "-"),
    )
    for what, now in rows:
        table.add_row(what, now)
    return table


def _sensing_rows(state: dict[str, Any]) -> list[tuple[str, str]]:
    """Of the detection nodes and the tracker, where they run."""
    tracking = state["nodes"].get("tracking_node: sensor to tracks")
    if tracking is None:
        return []
    dropped = sum(node["dropped"] for node in state["nodes"].values())
    received = sum(node["received"] for node in state["nodes"].values())
    return [
        ("sensor to tracks, p50 / p99", f"{tracking['p50_ms']:.1f} / {tracking['p99_ms']:.1f} ms"),
        ("sensor messages / dropped", f"{received} / {dropped}"),
    ]


def nodes_table(nodes: dict[str, dict[str, float]]) -> Table:
    """Latency of every node, the worst p99 being that of the worst ten seconds, and what it received and dropped.

    Detection nodes queue nothing; of the tracker stands how many messages waited at most for the next tracks.
    """
    table = Table(title="nodes, times in ms")
    table.add_column("node", overflow="fold")  # names of sensors differ at their ends
    for column in ("p50", "p99", "worst p99", "received", "dropped", "waiting"):
        table.add_column(column, justify="right")
    for name, node in nodes.items():
        times = (f"{node[key]:.1f}" for key in ("p50_ms", "p99_ms", "worst_p99_ms"))
        counts = (str(node[key]) if node[key] or node["received"] else "" for key in ("received", "dropped", "waiting"))
        table.add_row(name, *times, *counts)
    return table


def what_if_table(answer: dict[str, Any]) -> Table:
    """The three agents that each candidate plan would affect most, else those it comes nearest to."""
    who = "a hypothetical vehicle (the recording has no ego)" if answer["hypothetical_ego"] else "the ego"
    table = Table(title=f"what if {who} did this?")
    for column in ("plan", "agent", "yields", "collides", "smallest gap", "conflict in", "future moves by"):
        table.add_column(column, justify="left" if column == "plan" else "right")
    previous = ""
    for row in answer["rows"]:
        conflict = row["time_to_conflict_s"]
        table.add_row(
            row["plan"] if row["plan"] != previous else "",
            str(row["agent"] % 100_000),
            f"{row['yield_probability']:.0%}",
            f"{row['collision_probability']:.0%}",
            f"{row['smallest_gap_m']:.1f} m",
            "never" if conflict == float("inf") else f"{conflict:.1f} s",
            f"{row['shift_m']:.2f} m",
        )
        previous = row["plan"]
    return table
