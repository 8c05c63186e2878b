"""Strict configuration: frozen dataclasses filled from the same YAML files that the ROS nodes read.

A file holds ROS 2 node parameters, `NODE: {ros__parameters: {key: value}}`; a nested dataclass is a nested mapping.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, Union

import yaml

from zoox_prediction.errors import InputError

T = TypeVar("T")


class ConfigError(InputError):
    """A configuration that cannot be used; the message is one sentence that names the key and what is expected."""


def check_positive(config: object, *names: str) -> None:
    """For a `__post_init__`: raises ValueError unless these fields are finite and above 0."""
    for name in names:
        value = getattr(config, name)
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"{name} must be above 0, got {value:g}")


def check_not_negative(config: object, *names: str) -> None:
    """For a `__post_init__`: raises ValueError unless these fields are finite and at least 0."""
    for name in names:
        value = getattr(config, name)
        if not (math.isfinite(value) and value >= 0.0):
            raise ValueError(f"{name} must be finite and not negative, got {value:g}")


def check_share(config: object, *names: str) -> None:
    """For a `__post_init__`: raises ValueError unless these fields are 0 to 1."""
    for name in names:
        if not 0.0 <= getattr(config, name) <= 1.0:
            raise ValueError(f"{name} must be 0 to 1, got {getattr(config, name):g}")


def from_mapping(cls: type[T], values: Mapping[str, Any], prefix: str = "") -> T:
    """The dataclass `cls` filled from `values`; keys that are not given keep their defaults.

    Raises ConfigError for an unknown key (naming the nearest one) or a value of the wrong type.
    """
    hints = typing.get_type_hints(cls)
    known = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]  # T is always a dataclass
    check_known(values, known, prefix)
    arguments = {key: _coerce(hints[key], value, prefix + str(key)) for key, value in values.items()}
    try:
        return cls(**arguments)
    except ConfigError:
        raise
    except ValueError as error:  # a dataclass checks its ranges in __post_init__
        raise ConfigError(f"{prefix.rstrip('.') or cls.__name__}: {error}") from error


def check_known(values: Iterable[Any], known: Collection[str], prefix: str = "") -> None:
    """Raises ConfigError for the first of the keys `values` that is not `known`, with the nearest one that is."""
    for key in values:
        if key not in known:
            nearest = difflib.get_close_matches(str(key), known, n=1)
            hint = f", did you mean '{prefix}{nearest[0]}'?" if nearest else f"; known are {', '.join(sorted(known))}"
            raise ConfigError(f"unknown parameter '{prefix}{key}'{hint}")


def load_yaml(cls: type[T], path: Path | str, node: str) -> T:
    """The config `cls` of `node` in the ROS parameter file at `path`.

    Parameters for every node, under `/**`, count where none are given to the node itself. Raises ConfigError naming the
    file when it cannot be read, has no such node, or has an unknown or ill-typed key.
    """
    document = read_yaml_mapping(path, "a file of ROS 2 parameters")
    section = document.get(node, document.get("/**"))
    if not isinstance(section, Mapping) or not isinstance(section.get("ros__parameters"), Mapping):
        raise ConfigError(f"{path}: expected a mapping '{node}: ros__parameters:'")
    try:
        return from_mapping(cls, section["ros__parameters"])
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def read_yaml_mapping(path: Path | str, wanted: str) -> Mapping[str, Any]:
    """The mapping that the YAML file at `path` is, empty when it is none.

    Raises ConfigError naming the file when it cannot be read; `wanted` says in the sentence what should be there.
    """
    path = Path(path)
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; give {wanted}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    return document if isinstance(document, Mapping) else {}


def flatten(config: Any, prefix: str = "") -> dict[str, Any]:
    """The dotted ROS parameter names and values of a config dataclass, tuples as lists."""
    flat: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            flat.update(flatten(value, f"{prefix}{field.name}."))
        else:
            flat[prefix + field.name] = list(value) if isinstance(value, tuple) else value
    return flat


def flatten_mapping(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The dotted names and values of a nested mapping; the inverse of `unflatten`."""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            flat.update(flatten_mapping(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def unflatten(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The nested mapping of dotted names; the inverse of `flatten` up to tuples."""
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        *parents, leaf = name.split(".")
        level = nested
        for parent in parents:
            level = level.setdefault(parent, {})
        level[leaf] = value
    return nested


def _coerce(hint: Any, value: Any, name: str) -> Any:
    """`value` as the annotated type `hint`, or ConfigError."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise ConfigError(f"parameter '{name}' must be a mapping, got {value!r}")
        return from_mapping(hint, value, prefix=f"{name}.")
    origin = typing.get_origin(hint)
    if origin in (Union, types.UnionType):
        options = [option for option in typing.get_args(hint) if option is not type(None)]
        if value is None and len(options) < len(typing.get_args(hint)):
            return None
        return _coerce(options[0], value, name)
    if origin is tuple:
        if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__iter__"):
            raise ConfigError(f"parameter '{name}' must be a list, got {value!r}")
        item = typing.get_args(hint)[0]
        return tuple(_coerce(item, each, f"{name}[{index}]") for index, each in enumerate(value))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and (not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool)):
        raise ConfigError(f"parameter '{name}' must be {hint.__name__}, got {value!r}")
    return value
