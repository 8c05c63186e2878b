"""Strict configuration: what is not a known key with the right type is one sentence that names it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest

from zoox_prediction.config import ConfigError, flatten, from_mapping, load_yaml, unflatten


@dataclass(frozen=True)
class Inner:
    size_m: float = 1.0
    names: tuple[str, ...] = ("a", "b")

    def __post_init__(self) -> None:
        if self.size_m <= 0.0:
            raise ValueError(f"size_m must be > 0, got {self.size_m}")


@dataclass(frozen=True)
class Outer:
    rate_hz: float = 10.0
    count: int = 3
    enabled: bool = True
    label: str | None = None
    inner: Inner = field(default_factory=Inner)


def test_what_is_not_given_keeps_its_default():
    assert from_mapping(Outer, {}) == Outer()
    assert from_mapping(Outer, {"inner": {"size_m": 2.5}}) == Outer(inner=Inner(size_m=2.5))


def test_an_integer_is_a_float_but_not_the_other_way_round():
    config = from_mapping(Outer, {"rate_hz": 5, "label": "x", "inner": {"names": ["c"]}})
    assert config == Outer(rate_hz=5.0, label="x", inner=Inner(names=("c",)))
    assert isinstance(config.rate_hz, float)
    assert from_mapping(Outer, {"label": None}).label is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"rate_hertz": 1.0}, "unknown parameter 'rate_hertz', did you mean 'rate_hz'?"),
        ({"zebra": 1.0}, "unknown parameter 'zebra'; known are count, enabled, inner, label, rate_hz"),
        ({"inner": {"sise_m": 1.0}}, "did you mean 'inner.size_m'?"),
        ({"count": 1.5}, "'count' must be int, got 1.5"),
        ({"count": True}, "'count' must be int, got True"),
        ({"enabled": 1}, "'enabled' must be bool, got 1"),
        ({"rate_hz": "fast"}, "'rate_hz' must be float, got 'fast'"),
        ({"inner": 3}, "'inner' must be a mapping, got 3"),
        ({"inner": {"names": "ab"}}, "'inner.names' must be a list, got 'ab'"),
        ({"inner": {"names": ["a", 2]}}, "'inner.names[1]' must be str, got 2"),
        ({"inner": {"size_m": -1.0}}, "inner: size_m must be > 0, got -1.0"),
    ],
)
def test_mistakes_name_the_key_and_what_is_expected(values, words):
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        from_mapping(Outer, values)
    assert "\n" not in str(caught.value)


def test_flat_names_and_back():
    config = Outer(count=7, inner=Inner(size_m=3.0))
    flat = flatten(config)
    assert flat["inner.size_m"] == 3.0
    assert flat["inner.names"] == ["a", "b"]
    assert from_mapping(Outer, unflatten(flat)) == config


def test_a_ros_parameter_file(tmp_path):
    path = tmp_path / "node.yaml"
    path.write_text("some_node:\n  ros__parameters:\n    count: 9\n    inner: {size_m: 4.0}\n")
    assert load_yaml(Outer, path, "some_node") == Outer(count=9, inner=Inner(size_m=4.0))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("some_node: {ros__parameters: {cuont: 9}}", "did you mean 'count'?"),
        ("other_node: {ros__parameters: {}}", "expected a mapping 'some_node: ros__parameters:'"),
        ("some_node: {count: 9}", "expected a mapping 'some_node: ros__parameters:'"),
        ("- 1\n- 2\n", "expected a mapping 'some_node: ros__parameters:'"),
        ("", "expected a mapping"),
        ("a: [", "is not YAML"),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path, text, words):
    path = tmp_path / "node.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        load_yaml(Outer, path, "some_node")
    assert str(caught.value).startswith(f"{path}: ")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"gone\.yaml: cannot be read: No such file"):
        load_yaml(Outer, tmp_path / "gone.yaml", "some_node")
