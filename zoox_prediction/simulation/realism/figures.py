"""Histograms of simulated and recorded traffic, one picture for each quantity."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoox_prediction.simulation.realism.statistics import LEAST, Quantity, Samples

_BINS = 30
_COLORS = (
    "#222222",
    "#d55e00",
    "#0072b2",
    "#009e73",
    "#cc79a7",
    "#e69f00",
)  # M. Okabe, K. Ito: told apart by everybody


def draw_histograms(path: Path, quantity: Quantity, sources: Mapping[str, Samples]) -> bool:
    """Writes a PNG with a panel for each group of classes; the first source is filled, the others are lines.

    Shares of samples per bin; what lies beyond the range is in the last bin. False, and no file, where no source has
    enough samples of any group.
    """
    from matplotlib.figure import Figure

    groups = [
        group
        for group in quantity.groups
        if any(len(samples.get((quantity.key, group), ())) >= LEAST for samples in sources.values())
    ]
    if not groups:
        return False
    figure = Figure(figsize=(3.6 * max(len(groups), 2), 3.0), layout="constrained")
    edges = np.linspace(quantity.low, quantity.high, _BINS + 1)
    for axes, group in zip(figure.subplots(1, len(groups), squeeze=False)[0], groups, strict=True):
        _panel(
            axes, edges, {name: samples.get((quantity.key, group), np.zeros(0)) for name, samples in sources.items()}
        )
        axes.set_title(group, fontsize=9)
        axes.set_xlabel(quantity.title, fontsize=8)
    figure.axes[0].set_ylabel("share of samples", fontsize=8)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    return True


def _panel(axes: Any, edges: np.ndarray, samples: Mapping[str, np.ndarray]) -> None:
    middle = 0.5 * (edges[1:] + edges[:-1])
    for (name, values), color in zip(samples.items(), _COLORS, strict=False):
        if len(values) < LEAST:
            continue
        counts, _ = np.histogram(np.clip(values, edges[0], edges[-1] - 1e-9), edges)
        share, label = counts / len(values), f"{name} ({len(values)})"
        if name == next(iter(samples)):
            axes.bar(middle, share, edges[1] - edges[0], color=color, alpha=0.25, label=label)
        else:
            axes.stairs(share, edges, color=color, linewidth=1.4, label=label)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=6.5, frameon=False)
