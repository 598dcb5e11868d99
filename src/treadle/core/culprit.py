"""Explain why a value cannot be pickled: the path to the culprit inside it, its type, the cure.

The search walks down from the value. At each level it pickles the parts of the object one is at
(with pickle, then with cloudpickle, into nothing), goes on into the first part that fails, and
stops where an object fails and none of its parts does. The objects on the way are cut off in
these trials, so that a reference back to them cannot make an innocent part look guilty.
"""

from __future__ import annotations

import copyreg
import dis
import functools
import io
import itertools
import pickle
import re
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

_DEPTH = 100  # steps from the value to the culprit; nobody reads a longer path
_TRIALS = 2_000  # a step takes about log2(parts) of them, so the widest value is within reach
_PARTS = 1_000_000  # of what a __reduce__ hands over as an iterator, which may be endless
_REPR = 80  # characters of a key in a path

_Stage: TypeAlias = Literal["pickle", "load"]


@dataclass(frozen=True, slots=True)
class Culprit:
    """
    The object inside a value that keeps the value from travelling.

    Attributes:
        path: Where it sits: ``.metadata.things[3]``, ``["key"]``, `` closure variable 'lock'``;
            ``{key}`` is a key of a dict or a member of a set. Empty (or the given root) for the
            value itself.
        type: Its type, such as ``generator`` or ``_thread.lock``.
        reason: What pickle said, on one line.
        hint: What to do.
        stage: ``"pickle"``, or ``"load"`` if it is pickled well and fails when it is loaded.
    """

    path: str
    type: str
    reason: str
    hint: str
    stage: _Stage = "pickle"

    def message(self, what: str) -> str:
        """Say it in one line; *what* is the whole value as a person calls it: "the result"."""
        verb = "cannot be pickled"
        if self.stage == "load":
            verb = "is pickled, but cannot be loaded again"
        article = "an" if self.type.lstrip("_")[:1].lower() in set("aeiou") else "a"
        stock = _STOCK.fullmatch(self.reason)
        # "cannot pickle 'generator' object" adds nothing to "is a generator".
        said = stock is not None and _last_name(stock[1]) == _last_name(self.type)
        because = "" if said else f" ({self.reason})"
        return f"{what} {verb}: {self.path.strip() or 'it'} is {article} {self.type}{because}"


def find_culprit(value: object, *, root: str = "", load: bool = False) -> Culprit | None:
    """
    Find what keeps *value* from being pickled; None when it can be.

    A value counts as picklable when pickle or cloudpickle takes it. What belongs to ``__main__``
    must also travel by value, since a worker has another ``__main__``. Never raises, and never
    evaluates a property; runs the ``__reduce__`` and ``__getstate__`` of the objects inside.

    Args:
        value: Any value; functions and classes too.
        root: What the path begins with, such as ``"item"``.
        load: Also load what was pickled, here in this process: finds values that are pickled
            well and fail on the other side, such as exceptions with an ``__init__`` of their own.

    Raises:
        KeyboardInterrupt: Passed on; everything else that pickling raises is the answer.
    """
    for main_by_value in (False, True):
        trials = _Trials(load=load, main_by_value=main_by_value)
        trail = _descend(value, root, trials)
        if trail:
            return _verdict(trail)
    return None


def can_pickle(value: object) -> bool:
    """Tell whether pickle or cloudpickle takes *value*: whether ``find_culprit`` finds none."""
    return _Trials(load=False, main_by_value=True).failure(value) is None


# --- The walk ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Failure:
    """What pickle said of one object."""

    reason: str
    stage: _Stage
    too_deep: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """One object on the way to the culprit."""

    path: str
    value: object
    failure: _Failure


def _descend(value: object, root: str, trials: _Trials) -> list[_Step]:
    """Walk to the culprit; the last step is the deepest object that is to blame by itself."""
    failure = trials.failure(value)
    if failure is None:
        return []
    trail = [_Step(root, value, failure)]
    while len(trail) < _DEPTH and trials.left > 0 and not _is_end(trail):
        trials.cut_off(trail[-1].value)
        below = _failing_part(trail[-1], trials)
        if below is None:
            break
        trail.append(below)
    return trail


def _is_end(trail: list[_Step]) -> bool:
    """Tell whether going on would only lead into the insides of something known."""
    here = trail[-1]
    if here.failure.too_deep:
        return len(_same_and_too_deep(trail)) >= 5  # fewer may be lists of lists above the trouble
    return here.failure.stage == "pickle" and _known_cure(type(here.value)) is not None


def _same_and_too_deep(trail: list[_Step]) -> list[_Step]:
    kind = type(trail[-1].value)
    return [step for step in trail if step.failure.too_deep and type(step.value) is kind]


def _failing_part(here: _Step, trials: _Trials) -> _Step | None:
    for group in _parts_of(here.value):
        index = trials.first_failing(group.values)
        if index is None:
            continue
        part = group.values[index]
        failure = trials.failure(part)
        if failure is not None:
            return _Step(here.path + _safely(group.label, index, "…"), part, failure)
    return None


def _verdict(trail: list[_Step]) -> Culprit:
    guilty = trail[-1]
    if guilty.failure.too_deep:
        guilty = _same_and_too_deep(trail)[0]
    owner = trail[trail.index(guilty) - 1] if guilty is not trail[0] else None
    reason = guilty.failure.reason
    if guilty.failure.too_deep and guilty.failure.stage == "pickle":
        reason = "nested too deeply for pickle"
    return Culprit(
        path=guilty.path,
        type=_type_name(type(guilty.value)),
        reason=reason,
        hint=_cure(guilty, owner),
        stage=guilty.failure.stage,
    )


# --- Trials -----------------------------------------------------------------------------------


class _Trials:
    """
    Pickles values into nothing and says what went wrong, a bounded number of times.

    Attributes:
        left: How many trials may still be made.
    """

    def __init__(self, *, load: bool, main_by_value: bool) -> None:
        self.left = _TRIALS
        self._load = load
        self._main_by_value = main_by_value
        self._cut: dict[int, object] = {}

    def cut_off(self, value: object) -> None:
        """From now on, leave *value* out of whatever refers to it."""
        self._cut[id(value)] = value  # the reference keeps the id from being used again

    def failure(self, value: object) -> _Failure | None:
        """Pickle *value*: by reference where that works, else with cloudpickle."""
        self.left -= 1
        file = _Nowhere(keep=self._load)
        failure = self._attempt(_Plain, value, file)
        if failure is not None and failure.stage == "load":
            return failure
        if failure is None and not (self._main_by_value and file.saw_main):
            return None
        return self._attempt(_cloud(), value, _Nowhere(keep=self._load))

    def first_failing(self, values: Sequence[object]) -> int | None:
        """Return the index of the first value that fails, by halving; None if all are well."""
        values = list(values)  # a copy: the list itself may be cut off
        if not values or (len(values) > 1 and self.failure(values) is None):
            return None
        low, high = 0, len(values)
        while high - low > 1 and self.left > 0:
            middle = (low + high) // 2
            if self.failure(values[low:middle]) is None:
                low = middle
            else:
                high = middle
        return low

    def _attempt(
        self, pickler: Callable[..., Any], value: object, file: _Nowhere
    ) -> _Failure | None:
        stage: _Stage = "pickle"
        try:
            # Out of band, buffers are not copied. To be loaded they must be copies, or what a
            # __setstate__ does to them would happen to the user's value.
            trial = pickler(file, protocol=5, buffer_callback=None if self._load else _drop)
            trial.cut = self._cut
            trial.dump(value)
            if self._load:
                stage = "load"
                loader = _Loader(io.BytesIO(file.content()))
                loader.cut = self._cut
                loader.load()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return _Failure(_reason(error), stage, _is_too_deep(error))
        return None


class _Nowhere:
    """A file that forgets, except whether ``__main__`` was named in it."""

    def __init__(self, *, keep: bool) -> None:
        self.saw_main = False
        self._kept: list[bytes] | None = [] if keep else None

    def write(self, data: Any) -> int:
        """Take what a pickler writes: frames of some 64 KiB, and large objects on their own."""
        raw = pickle.PickleBuffer(data).raw()  # as it lies in memory, whatever its shape
        if self._kept is not None:
            self._kept.append(bytes(raw))
        if not self.saw_main and raw.nbytes < 1 << 20:
            self.saw_main = b"__main__" in bytes(raw)
        return raw.nbytes

    def content(self) -> bytes:
        return b"".join(self._kept or ())


def _drop(_buffer: pickle.PickleBuffer) -> None:
    """Take a buffer out of band, and do nothing with it."""


class _Cutting:
    """Makes a pickler write a mere number for the objects that are cut off."""

    cut: dict[int, object]

    def persistent_id(self, obj: object) -> int | None:
        key = id(obj)
        return key if key in self.cut else None


class _Plain(_Cutting, pickle.Pickler):
    """The pickler of the standard library."""


@functools.cache
def _cloud() -> Callable[..., Any]:
    """Return the pickler of cloudpickle; imported only when something does not pickle plainly."""
    import cloudpickle

    return type("_Cloud", (_Cutting, cloudpickle.Pickler), {})


class _Loader(pickle.Unpickler):
    """Loads a trial, with the objects that were cut off put back as they are."""

    cut: dict[int, object]

    def persistent_load(self, pid: Any) -> object:
        return self.cut[pid]


def _is_too_deep(error: BaseException) -> bool:
    # cloudpickle turns the RecursionError into a PicklingError.
    return isinstance(error, RecursionError) or isinstance(error.__cause__, RecursionError)


def _reason(error: BaseException) -> str:
    text = " ".join(_safely(str, error, "").split())
    name = type(error).__name__
    return f"{name}: {text[:400]}" if text else name


def _safely(function: Callable[[Any], str], value: object, otherwise: str) -> str:
    """Get a text that code of the user's objects has a part in."""
    try:
        return str(function(value))
    except KeyboardInterrupt:
        raise
    except BaseException:
        return otherwise


# --- What an object is made of, as pickle sees it -----------------------------------------------


@dataclass(frozen=True, slots=True)
class _Group:
    """Parts of one object, and the step of the path that leads to each."""

    values: Sequence[object]
    label: Callable[[int], str]


def _parts_of(value: object) -> list[_Group]:
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
    for cls in _bases(type(owner)):
        for name, descriptor in _space(cls).items():
            if type(descriptor) is types.MemberDescriptorType:
                with suppress(AttributeError):  # the slot has no value
                    yield name, descriptor.__get__(owner)


def _short(key: object) -> str:
    text = _safely(repr, key, f"<{type(key).__name__}>")
    if type(key) is str and text.startswith("'") and '"' not in text:
        text = f'"{text[1:-1]}"'
    return text if len(text) <= _REPR else f"{text[: _REPR - 1]}…"


# --- Cures --------------------------------------------------------------------------------------

_STOCK = re.compile(r"TypeError: cannot pickle '([^']+)' object")


def _last_name(name: str) -> str:
    return re.split(r"[. ]", name)[-1]


_WORKER = "create it in setup=, once in each worker, instead of sending it"
_LIST = "turn it into a list before it travels: list(...)"
_LOCK = (
    "a lock means nothing in another process: create it where it is used or in setup=, "
    "or leave it out in __getstate__; workers share no memory, so most need none"
)
_FILE = "send the path and open the file inside the function, or send what was read from it"
_AWAIT = "await it inside the function and return its result"
_LOOP = "it belongs to one event loop: use it inside the function, or create it in setup="
_WEAK = "a weak reference cannot travel: send the object itself, or leave it out in __getstate__"
_TREE = (
    "a syntax tree lives inside its parser: return plain values instead (the text, the kind, the "
    "ranges), and parse inside the function or create the parser in setup="
)
_APP = (
    "pass plain values, not the app or a widget, and use a function that is not a method of the "
    "app; update the screen from the outcomes, where the app runs"
)
_SHARED = (
    "it can only be inherited when a process starts: return values instead of filling a queue; "
    "treadle brings them back"
)
_FRAME = "keep its text instead: traceback.format_exc() or traceback.format_exception(error)"
_LOG = "call logging.getLogger(name) inside the function; treadle forwards the records of workers"
_POINTER = "a pointer means nothing in another process: send bytes(...) or numbers instead"
_CONTEXT = "read its value with .get() and send that"

# By the full name of a class among the bases of the culprit. The search stops at these: a path
# into the insides of an Event or of an App would help nobody.
_BY_CLASS = {
    "builtins.generator": f"a generator cannot leave its process: {_LIST}",
    "builtins.async_generator": "collect it in a list: [value async for value in ...]",
    "builtins.coroutine": _AWAIT,
    "builtins.coroutine_wrapper": _AWAIT,
    "builtins.frame": _FRAME,
    "builtins.traceback": _FRAME,
    "builtins.PyCapsule": _WORKER,
    "builtins.SgNode": _TREE,
    "builtins.SgRoot": _TREE,
    "_thread.lock": _LOCK,
    "_thread.RLock": _LOCK,
    "_thread._local": _WORKER,
    "threading.local": _WORKER,
    "threading.Condition": _LOCK,
    "threading.Event": _LOCK,
    "threading.Semaphore": _LOCK,
    "threading.Barrier": _LOCK,
    "threading.Thread": "start the thread inside the function or in setup=",
    "queue.Queue": "return the values instead of filling a queue; treadle brings them back",
    "_queue.SimpleQueue": "return the values instead of filling a queue; treadle brings them back",
    "_io._IOBase": _FILE,
    "tempfile._TemporaryFileWrapper": _FILE,
    "zipfile.ZipFile": _FILE,
    "tarfile.TarFile": _FILE,
    "mmap.mmap": "send the path and map the file inside the function, or send bytes of it",
    "builtins.memoryview": "send bytes(...) of it",
    "posix.DirEntry": "send its .path",
    "posix.ScandirIterator": "send the paths: [entry.path for entry in ...]",
    "re.Match": "send what was matched: .group(), .groupdict(), .span()",
    "_hashlib.HASH": "send its .hexdigest()",
    "sqlite3.Row": "send dict(row) or tuple(row)",
    "_asyncio.Future": _AWAIT,
    "concurrent.futures._base.Future": "send its .result()",
    "concurrent.futures._base.Executor": _WORKER,
    "logging.Handler": _LOG,
    "logging.Logger": _LOG,
    "weakref.ReferenceType": _WEAK,
    "functools._lru_cache_wrapper": "a cached function is found by its name only: define it at the "
    "top level of a module that the workers can import, or cache inside the function",
}
if sys.version_info < (3, 12):
    _BY_CLASS["functools.cached_property"] = (
        "before Python 3.12 a cached_property holds a lock: define its class at the top level of "
        "a module that the workers can import, or write it with @property"
    )

# By the package of a class among the bases of the culprit.
_BY_PACKAGE = {
    "tree_sitter": _TREE,
    "ast_grep_py": _TREE,
    "textual": _APP,
    "asyncio": _LOOP,
    "multiprocessing": _SHARED,
    "socket": _WORKER,
    "_socket": _WORKER,
    "ssl": _WORKER,
    "_ssl": _WORKER,
    "select": _WORKER,
    "sqlite3": f"a database connection cannot travel: {_WORKER}, and return rows as plain values",
    "subprocess": "run the program inside the function, and send what it printed or returned",
    "ctypes": _POINTER,
    "_ctypes": _POINTER,
    "_contextvars": _CONTEXT,
    "weakref": _WEAK,
    "polars": "collect() a lazy frame before it travels; a column of Python objects, or a Python "
    "function that holds something unpicklable, keeps a frame from travelling",
}

_SHOWN = {"builtins.SgNode": "ast_grep SgNode", "builtins.SgRoot": "ast_grep SgRoot"}


def _known_cure(kind: type) -> str | None:
    for cls in _bases(kind):
        cure = _BY_CLASS.get(_full_name(cls))
        if cure is None and not issubclass(kind, BaseException):
            cure = _BY_PACKAGE.get(_full_name(cls).partition(".")[0])
        if cure is not None:
            return cure
    return None


def _cure(guilty: _Step, owner: _Step | None) -> str:
    kind = type(guilty.value)
    if guilty.failure.stage == "load":
        return _cure_for_loading(guilty)
    if guilty.failure.too_deep:
        return "flatten it: keep its parts in one list and refer to them by position or key"
    cure = _known_cure(kind)
    if cure is None and _in_class(kind, "__next__") is not None:
        cure = f"an iterator over something open cannot travel: {_LIST}"
    if cure is None:
        cure = _cure_for_others(guilty)
    if owner is not None:
        name = guilty.path.rpartition(".")[2]
        if _is_cached_property(type(owner.value), name):
            return (
                f"{name!r} is a cached_property, which keeps its value in the object, so the value "
                f"travels too: {cure}"
            )
    return cure


def _is_cached_property(kind: type, name: str) -> bool:
    return type(_in_class(kind, name)).__name__ == "cached_property"


def _cure_for_others(guilty: _Step) -> str:
    kind = type(guilty.value)
    own = [name for name in ("__reduce_ex__", "__reduce__", "__getstate__", "__getattr__",
                             "__getattribute__") if _is_own(kind, name)]  # fmt: skip
    if own:
        return (
            f"its class has its own {' and '.join(own)}: correct it so that pickle.dumps(value) "
            "works, or send plain values (str, numbers, lists, dicts)"
        )
    if _STOCK.fullmatch(guilty.failure.reason):
        return (
            "it comes from compiled code that cannot be pickled: send plain values taken from it "
            "(str, numbers, lists, dicts), or create it in setup="
        )
    return (
        "send plain values (str, numbers, lists, dicts) instead, create it in setup=, or leave it "
        "out in the __getstate__ of the object that holds it"
    )


def _is_own(kind: type, name: str) -> bool:
    return type(_in_class(kind, name)) is types.FunctionType


def _cure_for_loading(guilty: _Step) -> str:
    kind = type(guilty.value)
    if guilty.failure.too_deep and _is_own(kind, "__getattr__"):
        return (
            "its __getattr__ runs while the object is still empty: let it raise AttributeError "
            "for names that begin with an underscore"
        )
    if issubclass(kind, BaseException):
        return (
            "pickle calls the class with what is in .args: hand all arguments of __init__ to "
            "super().__init__(...), or define __reduce__"
        )
    return (
        "make pickle.loads(pickle.dumps(value)) work: look at its __setstate__, __reduce__ "
        "and __new__, or send plain values (str, numbers, lists, dicts)"
    )


# Read past the metaclass, whose __getattribute__ may be anybody's code.
_bases: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
_space: Callable[[type], types.MappingProxyType[str, object]] = type.__dict__["__dict__"].__get__


def _in_class(kind: type, name: str) -> object:
    """Return what stands under *name* in the class or its bases, without binding it."""
    return next((_space(cls)[name] for cls in _bases(kind) if name in _space(cls)), None)


def _full_name(cls: type) -> str:
    return _safely(lambda cls: f"{cls.__module__}.{cls.__qualname__}", cls, "?")


def _type_name(cls: type) -> str:
    name = _full_name(cls)
    return _SHOWN.get(name, name.removeprefix("builtins.").replace("<locals>.", ""))
