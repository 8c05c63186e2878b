"""Which message types a recording can be decoded with: those it carries itself, then those known here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rosbags.interfaces import Connection, MessageDefinitionFormat
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from zoox_prediction.recording.typestore import typestore

_SEPARATOR = "=" * 80 + "\n"


def typestore_for(connections: Iterable[Connection]) -> Typestore:
    """The store that decodes the connections' types; a definition inside of a recording wins over the one known here.

    A definition that cannot be parsed is left out; its topic can be read as bytes only.
    """
    known = typestore()
    embedded: dict[str, Any] = {}
    for definition, name in {(each.msgdef, each.msgtype) for each in connections}:
        try:
            embedded.update(_parse(definition.format, definition.data, name))
        except Exception:  # the definition grammar's parser raises what it likes
            continue
    if all(name in known.fielddefs and _same(known, name, fields) for name, fields in embedded.items()):
        return known
    store = get_typestore(Stores.EMPTY)  # of the types that every store must have
    for name in known.fielddefs.keys() - embedded.keys():
        store.fielddefs[name], store.types[name] = known.fielddefs[name], known.types[name]
    try:
        store.register({name: fields for name, fields in embedded.items() if name not in store.fielddefs})
    except Exception:  # damaged definitions make code that cannot be compiled
        return known
    return store


def same_definition(store: Typestore, name: str) -> bool:
    """Whether the type, and all that it holds, means in `store` what it means in this version of the package."""
    known = typestore()
    try:
        return store is known or store.hash_rihs01(name) == known.hash_rihs01(name)
    except KeyError:  # a damaged definition holds a type that nobody knows
        return False


def _parse(kind: MessageDefinitionFormat, text: str, name: str) -> dict[str, Any]:
    if kind == MessageDefinitionFormat.MSG:
        return dict(get_types_from_msg(text, name))
    if kind != MessageDefinitionFormat.IDL:
        return {}
    if not text.startswith(f"{_SEPARATOR}IDL: "):
        return dict(get_types_from_idl(text))
    types: dict[str, Any] = {}
    for section in text.split(_SEPARATOR)[1:]:
        types.update(get_types_from_idl(section.partition("\n")[2]))
    return types


def _same(store: Typestore, name: str, definition: Any) -> bool:
    def fields(of: Any) -> list:
        return [(field.lower(), description) for field, description in of[1]]

    return fields(store.fielddefs[name]) == fields(definition)
