"""Tells functions of the user's apart by what they are, not by their names alone.

A function is its code, its defaults and the values that it closes over; an object is its class,
with all functions and attributes of that, and what a pickle of it would hold. What code refers to
by name (globals, other modules) is not followed. No address goes into it, nor an order that changes
from one process to another.
"""

from __future__ import annotations

import copyreg
import functools
import types
import uuid
from collections.abc import Iterable
from hashlib import sha256
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

_PLAIN = (str, bytes, int, float, complex, bool, type(None), type(Ellipsis), type(NotImplemented))
_OF_PYTHON = (FunctionType, property, staticmethod, classmethod, functools.cached_property)
_OF_C = (
    types.BuiltinFunctionType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
)


def name(function: Any) -> str:
    """Return the name of a function, or of the class of what is called like one."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{getattr(named, '__module__', 'builtins')}.{named.__qualname__}"


def identity(function: object) -> str:
    """
    Return a text that is another one when the function is: its name, and a hash of what it is.

    Of what cannot be told, such as an object made in C that cannot be pickled, it is another one
    each time: better to do work again than to take over what another function has done.
    """
    try:
        return f"{name(function)} {_Hashes().of(function).hex()}"
    except (_Untold, RecursionError):
        return f"{name(function)} {uuid.uuid4().hex}"


class _Untold(Exception):
    """A value of which nothing tells what it is."""


class _Hashes:
    """Hashes of values and all that they hold, each made once however often it is held."""

    def __init__(self) -> None:
        self._known: dict[int, bytes] = {}
        self._alive: list[object] = []  # what is known by its address may not go

    def of(self, value: object) -> bytes:
        """Return the hash of a value."""
        if type(value) in _PLAIN:
            content = value if isinstance(value, bytes) else ascii(value).encode()
            return _hash(type(value).__name__, content)
        address = id(value)
        if address not in self._known:
            self._alive.append(value)
            self._known[address] = _hash("itself")  # for a value that holds itself
            self._known[address] = self._of(value)
        return self._known[address]

    def _of(self, value: Any) -> bytes:
        kind = type(value)
        if kind in (list, tuple):
            return self._all(kind.__name__, value)
        if kind in (set, frozenset):
            return _hash(kind.__name__, *sorted(map(self.of, value)))
        if kind in (dict, types.MappingProxyType):
            return _hash("dict", *sorted(self._all("item", pair) for pair in value.items()))
        if isinstance(value, CodeType | CellType | FunctionType | MethodType):
            return self._function(value)
        if isinstance(value, property):
            return self._all("property", [value.fget, value.fset, value.fdel])
        if isinstance(value, staticmethod | classmethod):
            return self._all(kind.__name__, [value.__func__])
        if isinstance(value, functools.cached_property):
            return self._all("property", [value.func])
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, ModuleType):
            return self._all("module", [value.__name__])
        return self._object(value)

    def _function(self, value: Any) -> bytes:
        """Hash functions and what they are made of."""
        if isinstance(value, CodeType):
            shape = (value.co_argcount, value.co_posonlyargcount, value.co_kwonlyargcount)
            names = (value.co_flags, value.co_names, value.co_varnames)
            raw = (value.co_code, getattr(value, "co_exceptiontable", b""))
            return self._all("code", [*raw, *shape, *names, value.co_consts])
        if isinstance(value, FunctionType):
            held = [value.__defaults__, value.__kwdefaults__, value.__closure__, vars(value)]
            return self._all("function", [name(value), value.__code__, *held])
        if isinstance(value, MethodType):
            return self._all("method", [value.__func__, value.__self__])
        try:
            return self._all("cell", [value.cell_contents])
        except ValueError:  # nothing in it yet
            return _hash("cell")

    def _class(self, value: type) -> bytes:
        """Hash a class: its functions and attributes, and those that it inherits."""
        held: list[object] = []
        for each in value.__mro__:
            held.append(name(each))
            own = vars(each)
            held += [(at, own[at]) for at in sorted(own) if _counts(at, own[at])]
        return self._all("class", held)

    def _object(self, value: Any) -> bytes:
        """Hash an object as a pickle of it would describe it."""
        reduce = copyreg.dispatch_table.get(type(value))
        try:
            reduced = value.__reduce_ex__(4) if reduce is None else reduce(value)
        except Exception as error:  # what cannot be pickled says so with any
            raise _Untold from error
        if isinstance(reduced, str):  # found by its name; what is wrapped by it has code
            wrapped = getattr(value, "__wrapped__", None)
            return self._all("named", [name(value), reduced, wrapped])
        how, arguments, *rest = reduced
        state, *items = rest[:3] or [None]  # the items of a list or a dictionary come as iterators
        return self._all(
            "object", [type(value), how, arguments, state, *(each and list(each) for each in items)]
        )

    def _all(self, kind: str, values: Iterable[object]) -> bytes:
        return _hash(kind, *map(self.of, values))


def _hash(kind: str, *parts: bytes) -> bytes:
    digest = sha256(f"{kind} {len(parts)}\0".encode())
    for part in parts:
        digest.update(part)
    return digest.digest()[:16]


def _counts(attribute: str, content: object) -> bool:
    """Tell whether an attribute of a class may change what it does."""
    if isinstance(content, _OF_PYTHON):
        return True
    is_internal = attribute == "_abc_impl" or (attribute[:2] == "__" == attribute[-2:])
    return not is_internal and not isinstance(content, _OF_C)
