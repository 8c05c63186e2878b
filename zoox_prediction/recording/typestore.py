"""Message types without ROS: those of a distribution plus this package's own, read from its `.msg` and `.srv` files."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from zoox_prediction.errors import InputError
from zoox_prediction.resources import resource_path

_PACKAGE = "zoox_prediction"


@cache
def typestore() -> Typestore:
    """The one store of this process: the standard messages of ROS 2 Jazzy and the package's own. Do not register more.

    A service `S` is there as `zoox_prediction/srv/S_Request` and `zoox_prediction/srv/S_Response`. Raises InputError
    when the interface files are not installed.
    """
    definitions: dict[str, Any] = {}
    for path in sorted(resource_path("msg").glob("*.msg")):
        definitions.update(get_types_from_msg(path.read_text(), f"{_PACKAGE}/msg/{path.stem}"))
    for path in sorted(resource_path("srv").glob("*.srv")):
        for part, text in zip(("Request", "Response"), path.read_text().split("\n---\n"), strict=True):
            # The library puts every type that it parses into a `msg` folder.
            parsed = get_types_from_msg(text, f"{_PACKAGE}/msg/{path.stem}_{part}")
            definitions.update({f"{_PACKAGE}/srv/{path.stem}_{part}": each for each in parsed.values()})
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(definitions)
    return store


class RosbagsTypes:
    """The `MessageTypes` of the `rosbags` package: plain dataclasses whose numeric arrays are numpy arrays."""

    def __init__(self, store: Typestore | None = None) -> None:
        self.store = store or typestore()
        self._factories: dict[str, Callable[[], Any]] = {}

    def __getitem__(self, name: str) -> Any:
        """The class of the type, e.g. `zoox_prediction/msg/TrackedAgentArray`; KeyError when there is none.

        A service's is a namespace with the classes `Request` and `Response`, as rclpy has it.
        """
        if "/srv/" in name:
            types = self.store.types
            return SimpleNamespace(Request=types[f"{name}_Request"], Response=types[f"{name}_Response"])
        return self.store.types[name]

    def array(self, values: NDArray) -> NDArray:
        """What a numeric sequence field takes; flat and contiguous."""
        return np.ascontiguousarray(values).reshape(-1)

    def new(self, name: str) -> Any:
        """A message with every field at its default: zero, empty."""
        factory = self._factories.get(name)
        if factory is None:
            factory = self._factories[name] = _default_factory(self.store, name)
        return factory()

    def serialize(self, message: Any) -> bytes:
        """A message as CDR, which rclpy publishes as it is."""
        return bytes(self.store.serialize_cdr(message, message.__msgtype__))

    def deserialize(self, data: bytes, name: str) -> Any:
        """The message of CDR bytes, e.g. of a raw subscription of rclpy; raises InputError when they are none."""
        try:
            return self.store.deserialize_cdr(data, name)
        except Exception as error:  # wrong bytes make the generated code fail in any way
            raise InputError(f"received bytes are no {name}; build sender and receiver from one version") from error


def _default_factory(store: Typestore, name: str) -> Callable[[], Any]:
    definition = store.get_msgdef(name)
    defaults = [_field_default(store, description) for _, description in definition.fields]
    return lambda: definition.cls(*[default() for default in defaults])


def _field_default(store: Typestore, description: Any) -> Callable[[], Any]:
    """Makes the default of a field from its description: (kind, name) or (kind, (element description, length))."""
    kind, content = description
    if kind == Nodetype.NAME:
        return _default_factory(store, content)
    if kind == Nodetype.BASE:
        base = content[0]
        if base in ("string", "wstring"):
            return str
        if base == "bool":
            return bool
        return float if base.startswith("float") else int
    element, length = content
    count = length if kind == Nodetype.ARRAY else 0
    if element[0] == Nodetype.BASE and element[1][0] not in ("string", "wstring"):
        dtype = {"byte": "uint8", "char": "uint8", "octet": "uint8"}.get(element[1][0], element[1][0])
        return lambda: np.zeros(count, dtype=dtype)
    make = _field_default(store, element)
    return lambda: [make() for _ in range(count)]
