"""What an object is made of, as pickle sees it: its parts, and how a path names each of them."""

from __future__ import annotations

import copyreg
import dis
import itertools
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from treadle.core.cures import bases, safely, space

_PARTS = 1_000_000  # of what a __reduce__ hands over as an iterator, which may be endless
_REPR = 80  # characters of a key in a path


@dataclass(frozen=True, slots=True)
class _Group:
    """Parts of one object, and the step of the path that leads to each."""

    values: Sequence[object]
    label: Callable[[int], str]


def parts_of(value: object) -> list[_Group]:
    """Return the parts of *value*, in the groups in which a path names them."""
    groups: list[_Group] = []
    try:
        groups.extend(_groups(value))
    except KeyboardInterrupt:
        raise
    except BaseException:
        return groups  # with the reason that pickle gave for it
    return groups


def _groups(value: Any) -> Iterator[_Group]:
    kind = type(value)
    if kind is list or kind is tuple:
        yield _indexed(value)
    elif kind is dict:
        yield from _entries(value.items())
    elif kind is types.FunctionType:
        yield from _function_parts(value)
    elif issubclass(kind, type):
        yield from _class_parts(value)
    elif issubclass(kind, types.ModuleType):
        yield _attributes(value, vars(value), "")
    elif _is_object_array(value):
        yield _array_parts(value)
    else:
        if issubclass(kind, (set, frozenset)):
            members = list(value)
            yield _Group(members, lambda i: f"{{{_short(members[i])}}}")
        if issubclass(kind, BaseExceptionGroup):
            within = value.exceptions
            yield _Group(within, lambda i: f".exceptions[{i}]")
        yield from _reduced_parts(value)


def _indexed(values: Sequence[object]) -> _Group:
    return _Group(values, _numbered(""))


def _numbered(where: str) -> Callable[[int], str]:
    return lambda i: f"{where}[{i}]"


def _constant(where: str) -> Callable[[int], str]:
    return lambda _: where


def _entries(items: Iterable[tuple[object, object]]) -> Iterator[_Group]:
    pairs = list(items)
    keys = [key for key, _ in pairs]
    yield _Group([value for _, value in pairs], lambda i: f"[{_short(keys[i])}]")
    yield _Group(keys, lambda i: f"{{{_short(keys[i])}}}")


def _function_parts(function: types.FunctionType) -> Iterator[_Group]:
    """What cloudpickle sends of a function that cannot be found by reference."""
    code = function.__code__
    enclosed = {}
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # the variable has no value yet
            enclosed[name] = cell.cell_contents
    yield _named(enclosed, "closure variable")
    space = function.__globals__
    yield _named({name: space[name] for name in _globals_in(code) if name in space}, "global")
    positional = code.co_varnames[: code.co_argcount]
    defaults = function.__defaults__ or ()
    yield _named(dict(zip(reversed(positional), reversed(defaults), strict=False)), "default of")
    yield _named(function.__kwdefaults__ or {}, "default of")
    yield _attributes(function, vars(function), "")
    yield _named(function.__annotations__, "annotation of")


def _named(values: dict[str, Any], what: str) -> _Group:
    names = list(values)
    return _Group(list(values.values()), lambda i: f" {what} {names[i]!r}")


def _globals_in(code: types.CodeType) -> Iterator[str]:
    """Names that the code, or a function inside it, takes from its module."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in {"LOAD_GLOBAL", "STORE_GLOBAL", "DELETE_GLOBAL"}:
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _globals_in(constant)


def _class_parts(cls: type) -> Iterator[_Group]:
    """What cloudpickle sends of a class that cannot be found by reference."""
    # _abc_impl cannot be pickled, and cloudpickle leaves it out.
    space = {name: part for name, part in vars(cls).items() if name != "_abc_impl"}
    for name, part in space.items():
        if type(part) in {staticmethod, classmethod}:
            space[name] = part.__func__
    yield _attributes(cls, space, "")
    yield _Group(cls.__bases__, lambda i: f".__bases__[{i}]")
    yield _Group([type(cls)], lambda _: ".__class__")


def _is_object_array(value: Any) -> bool:
    array = getattr(sys.modules.get("numpy"), "ndarray", None)
    return array is not None and issubclass(type(value), array) and value.dtype == object


def _array_parts(array: Any) -> _Group:
    def label(flat: int) -> str:
        place: list[int] = []
        for length in reversed(array.shape):
            flat, index = divmod(flat, length)
            place.insert(0, index)
        return f"[{', '.join(map(str, place)) or '()'}]"

    return _Group(array.ravel().tolist(), label)


def _reduced_parts(value: Any) -> Iterator[_Group]:
    """What the object's own ``__reduce_ex__`` hands to pickle."""
    reduction, source = _reduce(value)
    if not isinstance(reduction, tuple):
        return  # a name: the object is found by reference, or not at all
    rebuild, arguments, state, items, entries, setter = (*reduction, *[None] * 4)[:6]
    place = f"{source}[2]" if source != ".__reduce_ex__(5)" else ".__getstate__()"
    yield from _state_parts(value, state, place)
    yield _Group(arguments, _labels(value, arguments, _numbered(f"{source}[1]")))
    if items is not None:
        yield _indexed(list(itertools.islice(items, _PARTS)))
    if entries is not None:
        yield from _entries(itertools.islice(entries, _PARTS))
    ends = [rebuild, setter]
    yield _Group(ends, _labels(value, ends, lambda i: f"{source}[{(0, 5)[i]}]"))


def _reduce(value: Any) -> tuple[Any, str]:
    """Reduce as pickle would; with it, the expression that shows the same to a reader."""
    kind: Any = type(value)
    registered = copyreg.dispatch_table.get(kind)
    if registered is not None:
        return registered(value), f" (reduced by copyreg.dispatch_table[{kind.__name__}])"
    import cloudpickle

    if kind is not types.MethodType and kind in cloudpickle.Pickler.dispatch_table:
        reduce = cloudpickle.Pickler.dispatch_table[kind]
        return reduce(value), f" (reduced by cloudpickle as {kind.__name__})"
    own = kind.__reduce_ex__ is object.__reduce_ex__ and kind.__reduce__ is not object.__reduce__
    return value.__reduce_ex__(5), ".__reduce__()" if own else ".__reduce_ex__(5)"


def _state_parts(value: Any, state: Any, place: str) -> Iterator[_Group]:
    # The state of an object with slots is the pair of its __dict__ and its slots.
    is_pair = type(state) is tuple and len(state) == 2 and type(state[1]) is dict
    if is_pair and (state[0] is None or type(state[0]) is dict):
        halves = [(state[0], f"{place}[0]"), (state[1], f"{place}[1]")]
    else:
        halves = [(state, place)]
    for half, where in halves:
        if type(half) is dict:
            yield _attributes(value, half, where)
        elif type(half) in {list, tuple}:
            yield _Group(half, _labels(value, half, _numbered(where)))
        elif half is not None:
            yield _Group([half], _labels(value, [half], _constant(where)))


def _attributes(owner: object, space: Any, where: str) -> _Group:
    names = list(space)
    values = list(space.values())

    def otherwise(i: int) -> str:
        return f"{where}[{_short(names[i])}]" if where else f".{names[i]}"

    return _Group(values, _labels(owner, values, otherwise))


def _labels(
    owner: object, parts: Sequence[object], otherwise: Callable[[int], str]
) -> Callable[[int], str]:
    """Call each part by the attribute that holds the very same object, if there is one."""

    def label(i: int) -> str:
        return _attribute_that_is(parts[i], owner) or otherwise(i)

    return label


def _attribute_that_is(part: object, owner: Any) -> str | None:
    kind = type(owner)
    if part is kind:
        return ".__class__"
    if kind is types.BuiltinMethodType and part is owner.__self__:
        return ".__self__"
    for name, held in _held(owner):
        if held is part:
            return f".{name}" if name.isidentifier() else f".__dict__[{_short(name)}]"
    if issubclass(kind, tuple):
        names = getattr(kind, "_fields", ())
        for i, held in enumerate(tuple.__iter__(owner)):
            if held is part:
                return f".{names[i]}" if i < len(names) else f"[{i}]"
    if issubclass(kind, BaseException):
        for i, held in enumerate(owner.args):
            if held is part:
                return f".args[{i}]"
    return None


def _held(owner: Any) -> Iterator[tuple[str, object]]:
    """The attributes in ``__dict__`` and slots; nothing that would run a property."""
    if not issubclass(type(owner), type):
        with suppress(AttributeError):  # it has slots only
            yield from object.__getattribute__(owner, "__dict__").items()
    for cls in bases(type(owner)):
        for name, descriptor in space(cls).items():
            if type(descriptor) is types.MemberDescriptorType:
                with suppress(AttributeError):  # the slot has no value
                    yield name, descriptor.__get__(owner)


def _short(key: object) -> str:
    text = safely(repr, key, f"<{type(key).__name__}>")
    if type(key) is str and text.startswith("'") and '"' not in text:
        text = f'"{text[1:-1]}"'
    return text if len(text) <= _REPR else f"{text[: _REPR - 1]}…"
