"""Finds the files that are installed beside the code: `msg/`, `srv/`, `config/`, `launch/`, `recordings/`."""

from __future__ import annotations

import os
import site
import sys
from pathlib import Path

from zoox_prediction.errors import InputError

_PACKAGE = "zoox_prediction"


def resource_path(relative: str) -> Path:
    """The file or folder `relative` (e.g. `config/prediction_node.yaml`) of a checkout or of an installation.

    Looked for in a source checkout, then under `share/zoox_prediction` of every prefix of AMENT_PREFIX_PATH, of the
    interpreter and of the user's site. Raises InputError when it is nowhere.
    """
    checkout = Path(__file__).resolve().parent.parent
    prefixes = [
        *filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)),
        sys.prefix,
        site.getuserbase(),
    ]
    shares = [Path(prefix) / "share" / _PACKAGE for prefix in prefixes]
    roots = [checkout, *shares] if (checkout / "package.xml").is_file() else shares
    for root in roots:
        if (root / relative).exists():
            return root / relative
    raise InputError(f"{relative}: not found in the installation of {_PACKAGE}; reinstall the package")
