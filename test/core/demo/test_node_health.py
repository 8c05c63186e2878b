"""What is kept of /diagnostics while a recording plays."""

from __future__ import annotations

import math

from zoox_prediction.demo.node_health import NodeHealth


def latency(p50_ms: float, p99_ms: float) -> dict[str, str]:
    return {"p50_ms": str(p50_ms), "p99_ms": str(p99_ms), "limit_ms": "80", "samples": "3"}


def test_the_newest_latencies_the_worst_ones_and_the_frames_of_every_node():
    health = NodeHealth()
    health.add("roof_detection: detection", 0, "", latency(20.0, 60.0))
    health.add("roof_detection: detection", 0, "", latency(10.0, 30.0))
    health.add("roof_detection: frames", 0, "2 dropped", {"received": "12", "dropped": "2"})
    for waiting in ("3", "12", "5"):
        health.add("tracking_node: tracks", 0, "9 confirmed", {"waiting": waiting})
    health.add("tracking_node: sensor to tracks", 0, "", latency(50.0, 90.0))
    health.add("prediction_node: prediction", 0, "", latency(5.0, 9.0))
    health.add("prediction_node: prediction", 0, "nothing in the last 10 s", {"samples": "0"})
    told = health.as_dict()
    assert told["nodes"]["roof_detection"] == {
        "p50_ms": 10.0, "p99_ms": 30.0, "worst_p99_ms": 60.0, "received": 12, "dropped": 2, "waiting": 0,
    }  # fmt: skip
    assert told["nodes"]["tracking_node"]["waiting"] == 12
    assert told["nodes"]["tracking_node: sensor to tracks"]["p99_ms"] == 90.0
    assert (told["p50_ms"], told["p99_ms"]) == (5.0, 9.0)


def test_problems_are_told_by_node_until_they_are_over():
    health = NodeHealth()
    assert health.as_dict()["health"] == "" and math.isnan(health.as_dict()["p50_ms"])
    health.add("prediction_node: problems", 0, "none", {})
    assert health.as_dict()["health"] == "ok"
    health.add("roof_detection: problems", 1, "points: not finite", {})
    assert health.as_dict()["health"] == "roof_detection: points: not finite"
    health.add("roof_detection: problems", 0, "none", {})
    assert health.as_dict()["health"] == "ok"
