"""The terms that come with recordings, which whoever learns from them has to pass on."""

from __future__ import annotations

from collections.abc import Mapping

UNKNOWN = "unknown"

_LICENCES = {
    "simulation": "Apache-2.0",
    "argoverse2-forecasting": "CC BY-NC-SA 4.0",
    "argoverse2-sensor": "CC BY-NC-SA 4.0",
    "eth-ucy": "UCY: free with credit; ETH: none stated",
    "kitti-raw": "CC BY-NC-SA 3.0",
    "kitti-tracking": "CC BY-NC-SA 3.0",
    "radiate": "CC BY-NC-SA 4.0",
    "scenarionet-nuscenes": "CC BY-NC-SA 4.0",
    "sdd": "CC BY-NC-SA 3.0",
    "smarts": "NGSIM: open data of the US government",
    "taf-bw": "CC BY-NC-SA 4.0",
}


def licence_of(dataset: str, metadata: Mapping[str, str]) -> str:
    """What a recording itself says (`licence` in its custom_data), else that of its dataset; UNKNOWN without either."""
    return metadata.get("licence") or _LICENCES.get(dataset, UNKNOWN)
