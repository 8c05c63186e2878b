"""Reads pickles of plain data and numpy arrays; one that names anything else is refused before that can run."""

from __future__ import annotations

import builtins
import importlib
import pickle
from pathlib import Path
from typing import Any

from zoox_prediction.errors import InputError

# What rebuilds an array, a dtype or a number; numpy 2 moved `numpy.core` to `numpy._core`.
_NUMPY = {
    **{("numpy", name): ("numpy", name) for name in ("dtype", "ndarray")},
    **{
        (f"numpy.{core}.{module}", name): (module, name)
        for core in ("core", "_core")
        for module, names in {"multiarray": ("_reconstruct", "scalar"), "numeric": ("_frombuffer",)}.items()
        for name in names
    },
}
_BUILTINS = ("set", "frozenset", "slice", "complex", "bytearray", "range")
_BUILTIN_MODULES = ("builtins", "__builtin__")


class _RestrictedUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module in _BUILTIN_MODULES and name in _BUILTINS:
            return getattr(builtins, name)
        if (module, name) == ("_codecs", "encode"):  # how protocol 2 writes the bytes of an array
            return _encode_latin1
        if (module, name) in _NUMPY:
            place, attribute = _NUMPY[module, name]
            return getattr(_numpy_module(place), attribute)
        raise _ForbiddenNameError(f"{module}.{name}")


class _ForbiddenNameError(Exception):
    """Carries the name that the pickle asks for."""


def load_restricted(path: Path) -> Any:
    """The object in the pickle at `path`, made of builtins and numpy arrays only.

    Raises InputError when the file is missing, truncated, or names a class or function that plain data does not need.
    """
    try:
        with path.open("rb") as file:
            return _RestrictedUnpickler(file).load()
    except _ForbiddenNameError as error:
        raise InputError(f"{path}: refused, because the pickle names {error}, which plain data never needs") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # a damaged pickle can raise nearly anything while it is put together
        raise InputError(f"{path}: is no complete pickle ({error}); fetch the file again") from error


def _encode_latin1(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise _ForbiddenNameError(f"_codecs.encode to {encoding}")
    return text.encode("latin1")


def _numpy_module(place: str) -> Any:
    if place == "numpy":
        return importlib.import_module("numpy")
    try:
        return importlib.import_module(f"numpy._core.{place}")
    except ModuleNotFoundError:  # numpy 1
        return importlib.import_module(f"numpy.core.{place}")
