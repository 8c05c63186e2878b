"""Files beside the code are found in a checkout and in an installation."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from zoox_prediction import resources
from zoox_prediction.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


def test_found_in_the_checkout():
    assert resources.resource_path("msg/TrackedAgent.msg") == ROOT / "msg" / "TrackedAgent.msg"
    assert resources.resource_path("config").is_dir()


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The module as if it lay in site-packages, with nothing of the checkout around it."""
    module = tmp_path / "lib" / "zoox_prediction" / "resources.py"
    module.parent.mkdir(parents=True)
    shutil.copy(resources.__file__, module)
    monkeypatch.setattr(resources, "__file__", str(module))
    monkeypatch.setattr(resources.sys, "prefix", str(tmp_path / "prefix"))
    monkeypatch.setattr(resources.site, "getuserbase", lambda: str(tmp_path / "user"))
    monkeypatch.delenv("AMENT_PREFIX_PATH", raising=False)
    return tmp_path


@pytest.mark.parametrize("prefix", ["overlay", "prefix", "user"])
def test_found_under_share_of_every_prefix(installed, monkeypatch, prefix):
    if prefix == "overlay":
        monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere:{installed / prefix}")
    file = installed / prefix / "share" / "zoox_prediction" / "config" / "x.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("")
    assert resources.resource_path("config/x.yaml") == file


def test_an_overlay_wins_over_the_interpreter(installed, monkeypatch):
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(installed / "overlay"))
    for prefix in ("overlay", "prefix"):
        file = installed / prefix / "share" / "zoox_prediction" / "x.yaml"
        file.parent.mkdir(parents=True)
        file.write_text("")
    assert resources.resource_path("x.yaml").is_relative_to(installed / "overlay")


def test_what_is_nowhere_is_named(installed):
    with pytest.raises(InputError, match=r"config/gone\.yaml: not found in the installation"):
        resources.resource_path("config/gone.yaml")
