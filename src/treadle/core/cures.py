"""What to do about a value that cannot be pickled: a concrete sentence for each kind of culprit."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from treadle.core.culprit import Step

STOCK = re.compile(r"TypeError: cannot pickle '([^']+)' object")


def last_name(name: str) -> str:
    """Return the last part of a dotted name."""
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


def known_cure(kind: type) -> str | None:
    """Return the cure for a type that is known to be trouble; None for any other."""
    for cls in bases(kind):
        cure = _BY_CLASS.get(_full_name(cls))
        if cure is None and not issubclass(kind, BaseException):
            cure = _BY_PACKAGE.get(_full_name(cls).partition(".")[0])
        if cure is not None:
            return cure
    return None


def cure_for(guilty: Step, owner: Step | None) -> str:
    """Return what to do about the culprit; *owner* is the object that holds it."""
    kind = type(guilty.value)
    if guilty.failure.stage == "load":
        return _cure_for_loading(guilty)
    if guilty.failure.too_deep:
        return "flatten it: keep its parts in one list and refer to them by position or key"
    cure = known_cure(kind)
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


def _cure_for_others(guilty: Step) -> str:
    kind = type(guilty.value)
    own = [name for name in ("__reduce_ex__", "__reduce__", "__getstate__", "__getattr__",
                             "__getattribute__") if _is_own(kind, name)]  # fmt: skip
    if own:
        return (
            f"its class has its own {' and '.join(own)}: correct it so that pickle.dumps(value) "
            "works, or send plain values (str, numbers, lists, dicts)"
        )
    if STOCK.fullmatch(guilty.failure.reason):
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


def _cure_for_loading(guilty: Step) -> str:
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
bases: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
space: Callable[[type], types.MappingProxyType[str, object]] = type.__dict__["__dict__"].__get__


def _in_class(kind: type, name: str) -> object:
    """Return what stands under *name* in the class or its bases, without binding it."""
    return next((space(cls)[name] for cls in bases(kind) if name in space(cls)), None)


def _full_name(cls: type) -> str:
    return safely(lambda cls: f"{cls.__module__}.{cls.__qualname__}", cls, "?")


def type_name(cls: type) -> str:
    """Name a type as a person would."""
    name = _full_name(cls)
    return _SHOWN.get(name, name.removeprefix("builtins.").replace("<locals>.", ""))


def safely(function: Callable[[Any], str], value: object, otherwise: str) -> str:
    """Get a text that code of the user's objects has a part in."""
    try:
        return str(function(value))
    except KeyboardInterrupt:
        raise
    except BaseException:
        return otherwise
