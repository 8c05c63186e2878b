"""ROS parameters from configuration dataclasses, strictly: what a node does not know stops it with one sentence."""

from __future__ import annotations

import ast
import difflib
import inspect
import io
import textwrap
import tokenize
import types
import typing
from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass
from typing import Any, TypeVar, Union

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node

from zoox_prediction.config import ConfigError, flatten, from_mapping, unflatten

T = TypeVar("T")

# Declared by rclpy itself, some of them only when the entity that they belong to is created.
_ROS_NAMES = ("use_sim_time", "start_type_description_service")
_ROS_PREFIXES = ("qos_overrides.",)


def declare_and_load(node: Node, config_class: type[T]) -> T:
    """Declares every field of the dataclass `config_class`, nested ones by dotted names, and fills it.

    Values come from parameter files and command line, else from the defaults of the dataclass. An integer is accepted
    for a float and an empty list for a list. Parameters are read-only: a configuration holds for the life of the node.
    Call it once, in the constructor, after other parameters of the node were declared.

    Raises ConfigError, naming the node and the key, for a key that nobody declared (with the nearest known one) and
    for a value of the wrong type or out of range.
    """
    leaves = {name: (field, hint) for name, field, hint in _leaves(config_class)}
    try:
        values = _given_values(node, leaves)
        config = from_mapping(config_class, unflatten(values))
    except ConfigError as error:
        raise ConfigError(f"{node.get_name()}: {error}") from error
    descriptions = _descriptions(config_class)
    for name, value in flatten(config).items():
        descriptor = ParameterDescriptor(description=descriptions.get(name, ""), read_only=True)
        # rclpy infers the type from the value, which neither None nor an empty list has.
        descriptor.dynamic_typing = value is None or value == []
        node.declare_parameter(name, value, descriptor, ignore_override=True)
    return config


def _given_values(node: Node, leaves: dict[str, tuple[Field, Any]]) -> dict[str, Any]:
    """The values that parameter files and the command line give to `leaves`, by dotted name."""
    given: dict[str, Any] = {}
    # rclpy silently drops overrides of parameters that are never declared and has no public list of them; this
    # attribute is what `declare_parameter` itself reads, in every release since Foxy.
    for name, parameter in node._parameter_overrides.items():
        if name in leaves:
            given[name] = _from_ros(parameter.value, leaves[name][1])
        elif name not in _ROS_NAMES and not name.startswith(_ROS_PREFIXES) and not node.has_parameter(name):
            nearest = difflib.get_close_matches(name, leaves, n=1)
            hint = f"did you mean '{nearest[0]}'?" if nearest else f"known are {', '.join(sorted(leaves))}"
            raise ConfigError(f"unknown parameter '{name}', {hint}")
    return given


def _from_ros(value: Any, hint: Any) -> Any:
    """`value` with what rcl's YAML parser loses put back: `[]` arrives as None and `null` as the word."""
    optional = typing.get_origin(hint) in (Union, types.UnionType) and type(None) in typing.get_args(hint)
    if optional:
        return None if value == "null" else value
    return () if value is None and typing.get_origin(hint) is tuple else value


def _leaves(config_class: type, prefix: str = "") -> Iterator[tuple[str, Field, Any]]:
    """Dotted name, field and type of every field of a dataclass that is not a dataclass itself."""
    hints = typing.get_type_hints(config_class)
    for field in fields(config_class):
        hint = hints[field.name]
        if is_dataclass(hint) and isinstance(hint, type):
            yield from _leaves(hint, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, field, hint


def _descriptions(config_class: type, prefix: str = "") -> dict[str, str]:
    """What `ros2 param describe` shows: a field's metadata `description`, else the comment beside it in the source."""
    found: dict[str, str] = {}
    hints = typing.get_type_hints(config_class)
    comments = _field_comments(config_class)
    for field in fields(config_class):
        hint = hints[field.name]
        if is_dataclass(hint) and isinstance(hint, type):
            found.update(_descriptions(hint, f"{prefix}{field.name}."))
        else:
            found[prefix + field.name] = field.metadata.get("description") or comments.get(field.name, "")
    return found


def _field_comments(config_class: type) -> dict[str, str]:
    """Per field the comment at the end of its line, else the whole-line comments directly above it."""
    try:
        source = textwrap.dedent(inspect.getsource(config_class))
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (OSError, TypeError, tokenize.TokenError, IndentationError):  # no source at hand, e.g. in a frozen build
        return {}
    comments = {
        token.start[0]: token.string.lstrip("# ").rstrip() for token in tokens if token.type == tokenize.COMMENT
    }
    whole_line = {
        token.start[0]
        for token in tokens
        if token.type == tokenize.COMMENT and not token.line[: token.start[1]].strip()
    }
    found: dict[str, str] = {}
    for statement in typing.cast(ast.ClassDef, ast.parse(source).body[0]).body:
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        above = statement.lineno - 1
        while above in whole_line:
            above -= 1
        block = " ".join(comments[line] for line in range(above + 1, statement.lineno))
        found[statement.target.id] = comments.get(statement.end_lineno or statement.lineno) or block
    return found
