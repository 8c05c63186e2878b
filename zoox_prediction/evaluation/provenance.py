"""What a measurement was made with: the kind of machine, the versions and the commit; never a host name or a path."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from zoox_prediction import __version__
from zoox_prediction.prediction.registry import PREDICTORS, create_predictor

_DISTRIBUTIONS = ("numpy", "scipy", "shapely", "rosbags", "onnxruntime", "torch")


def machine() -> dict[str, object]:
    """CPU model, number of cores this process may use, memory [GiB], system and architecture."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(memory_bytes / 2**30, 1),
        "platform": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    """Of this package, of Python, and of the libraries that the figures depend on, where they are installed."""
    found = {"zoox_prediction": __version__, "python": platform.python_version()}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def predictors(names: Mapping[str, str]) -> list[dict[str, object]]:
    """What answered, by labels with names for `create_predictor`; of weights also what they were trained on.

    Raises InputError when one cannot be made.
    """
    found = []
    for label, name in names.items():
        predictor = create_predictor(name)
        about: dict[str, object] = {"label": label, "name": predictor.name, "version": predictor.version}
        about["heuristic"] = name in PREDICTORS
        card = getattr(predictor, "card", None)
        if card is not None:
            about |= {"licence": card.licence, "training_data": list(card.training_data), "network": dict(card.network)}
        found.append(about)
    return found


def commit() -> str | None:
    """The commit of the checkout that this package runs from, with `-dirty` when tracked files differ; None elsewhere.

    An installation in a virtual environment inside the checkout counts as the checkout.
    """
    roots = [each for each in Path(__file__).resolve().parents if (each / "package.xml").is_file()]
    root = next((each for each in roots if (each / ".git").exists()), None)
    if root is None:
        return None
    try:
        head = _git(root, "rev-parse", "HEAD")
        return f"{head}-dirty" if _git(root, "status", "--porcelain", "--untracked-files=no") else head
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
