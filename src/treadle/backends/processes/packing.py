"""Values to bytes and back.

``pickle`` protocol 5 first, cloudpickle for what it cannot find by reference. Buffers of 1 MiB and
more go out of band into a segment. A value that cannot travel fails here, with the path to the
culprit inside it.
"""

from __future__ import annotations

import io
import itertools
import pickle
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from importlib import _bootstrap
from types import FunctionType, ModuleType
from typing import Any, Literal

from treadle.backends.processes.segments import Segment, map_buffers
from treadle.errors import NotPicklable

LARGE = 1 << 20  # bytes; below, copying through the socket is cheaper than making a file

ATOM_LIMIT = 1 << 15  # characters or bytes; longer ones are packed on their own

# The names of modules that are being imported. Private, and the only cheap way to know that there
# are none; without it all modules have to be looked at.
_imports_under_way = getattr(_bootstrap, "_module_locks", sys.modules)
_registering = threading.RLock()

# Loading instances of these runs no code but the standard library's.
_HARMLESS = frozenset(
    {"builtins", "collections", "copyreg", "datetime", "decimal", "fractions", "pathlib", "uuid"}
)


class Packed:
    """
    A value on its way to a worker.

    Attributes:
        data: The pickle; None when it is the first buffer of the segment.
        segment: Large buffers, or None.
    """

    __slots__ = ("data", "segment")

    def __init__(self, data: bytes | None, segment: Segment | None) -> None:
        self.data = data
        self.segment = segment

    @property
    def size(self) -> int:
        """Bytes in all."""
        return len(self.data or b"") + (self.segment.size if self.segment else 0)


def is_atom(value: object) -> bool:
    """Tell whether *value* is immutable, plain and short: it may be pickled late and in company."""
    kind = type(value)  # compared, not looked up: a metaclass may forbid hashing
    if kind is int or kind is float or kind is bool or value is None:
        return True
    return (kind is str or kind is bytes) and len(value) < ATOM_LIMIT  # type: ignore[arg-type]


def pack(value: object) -> Packed:
    """
    Pack an argument that is no atom; atoms travel as they are.

    Raises:
        NotPicklable: It cannot travel; says where the culprit sits and what to do.
    """
    buffers: list[memoryview] = []
    data = _dump(value, buffers, "argument")
    if len(data) >= LARGE:
        return Packed(None, Segment([memoryview(data), *buffers]))
    return Packed(data, Segment(buffers) if buffers else None)


def pack_function(function: object) -> bytes:
    """
    Pack a function, or None.

    Raises:
        NotPicklable: It cannot travel.
    """
    return _dump(function, None, "function", _module_nobody_finds(function))


def _dump(
    value: object,
    buffers: list[memoryview] | None,
    what: Literal["argument", "function"],
    by_value: Sequence[ModuleType] = (),
) -> bytes:
    """Pickle and explain what cannot be pickled."""
    try:
        return _pickle(value, buffers, by_value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a Rust panic in a ``__reduce__`` is no ``Exception``
        raise not_picklable(value, what, error) from error


def _pickle(
    value: object, buffers: list[memoryview] | None, by_value: Sequence[ModuleType] = ()
) -> bytes:
    """Pickle, by value where the far side has nothing to refer to; large *buffers* aside."""
    by_value = [*by_value, *_modules_being_imported()]
    if not by_value:
        try:
            data = pickle.dumps(value, 5, buffer_callback=_out_of_band(buffers))
        except Exception:
            data = b""  # Another way is tried; if it fails too, that failure is reported.
        # A worker's ``__main__`` is not ours. The text may stand in a plain string as well: then
        # the slower way gives the same value.
        if data and b"__main__" not in data:
            return data
        if buffers:
            buffers.clear()
    return _cloudpickle(value, buffers, by_value)


def _cloudpickle(
    value: object, buffers: list[memoryview] | None, by_value: Sequence[ModuleType] = ()
) -> bytes:
    import cloudpickle  # late: a run of importable functions on plain values never needs it

    if not by_value:
        plain: bytes = cloudpickle.dumps(value, 5, buffer_callback=_out_of_band(buffers))
        return plain
    with _registering:  # the list is the process's, and somebody else may unregister ours
        known = cloudpickle.list_registry_pickle_by_value()
        ours = {module.__name__: module for module in by_value if module.__name__ not in known}
        for module in ours.values():
            cloudpickle.register_pickle_by_value(module)
        try:
            data: bytes = cloudpickle.dumps(value, 5, buffer_callback=_out_of_band(buffers))
            return data
        finally:
            for module in ours.values():
                cloudpickle.unregister_pickle_by_value(module)


def _modules_being_imported() -> list[ModuleType]:
    """
    Return the modules whose bodies are running right now, in whatever thread.

    What is defined in them travels by value. A worker that imported one would run its body again,
    which would start workers again; and a thread of ours that pickled by reference would wait for
    the end of an import that waits for us.
    """
    if not _imports_under_way:
        return []
    modules = [sys.modules.get(name) for name in list(_imports_under_way)]
    return [
        module
        for module in modules
        if module is not None and getattr(module.__spec__, "_initializing", False)
    ]


def _module_nobody_finds(function: object) -> list[ModuleType]:
    """Return the module that defines *function* if no import by name would find it."""
    while isinstance(function, partial):
        function = function.func
    owner = function if isinstance(function, (FunctionType, type)) else type(function)
    module = sys.modules.get(owner.__module__)
    if module is None or module.__name__ in ("__main__", "builtins"):
        return []
    names = list(itertools.accumulate(module.__name__.split("."), "{}.{}".format))
    return [] if all(map(_is_found, names)) else [module]


def _is_found(name: str) -> bool:
    """Tell whether the import system would find the module *name* that is loaded here."""
    module = sys.modules.get(name)
    parent = sys.modules.get(name.rpartition(".")[0])
    path = getattr(parent, "__path__", None)
    for finder in sys.meta_path:
        spec = finder.find_spec(name, path)
        if spec is not None:
            known = getattr(module, "__spec__", None)
            return known is None or known.origin == spec.origin
    return False


def _out_of_band(
    buffers: list[memoryview] | None,
) -> Callable[[pickle.PickleBuffer], bool] | None:
    """Keep large contiguous buffers aside; leave the others in the pickle."""
    if buffers is None:
        return None

    def keep(buffer: pickle.PickleBuffer) -> bool:
        try:
            raw = buffer.raw()
        except BufferError:
            return True  # not contiguous
        if raw.nbytes < LARGE:
            return True
        buffers.append(raw)
        return False

    return keep


def unpack(
    data: bytes | None,
    extents: list[tuple[int, int, bool]] | None,
    fd: int | None,
    loads: Callable[..., Any] = pickle.loads,
) -> Any:
    """Load what ``Packed`` or ``dump_result`` made. Runs whatever code the value brings along."""
    buffers = map_buffers(fd, extents) if fd is not None and extents is not None else []
    if data is None:
        return loads(buffers[0], buffers=buffers[1:])
    return loads(data, buffers=buffers)


def load_result(data: bytes | memoryview, *, buffers: Sequence[memoryview] = ()) -> Any:
    """Load, in the driver, what a worker has made; our own classes stay as they are."""
    return _Homecoming(io.BytesIO(data), buffers=buffers).load()


class _Homecoming(pickle.Unpickler):
    """
    Loads instances of classes that once left this process by value.

    cloudpickle finds our class again, but then gives it the attributes that it had in the worker:
    its methods would see the globals of that time, and what was changed here since be undone.
    """

    def find_class(self, module: str, name: str, /) -> Any:
        found = super().find_class(module, name)
        if module == "cloudpickle.cloudpickle":
            if name in ("_make_skeleton_class", "_make_skeleton_enum"):
                return partial(self._make_class, found)
            if name == "_class_setstate":
                return partial(self._fill_class, found)
        return found

    def _make_class(self, make: Callable[..., type], *facts: Any) -> type:
        from cloudpickle import cloudpickle

        *_, identity, _ = facts
        ours: type | None = cloudpickle._DYNAMIC_CLASS_TRACKER_BY_ID.get(  # noqa: SLF001
            identity  # which no public function takes
        )
        if ours is None:
            return make(*facts)
        self._ours = [*getattr(self, "_ours", ()), ours]
        return ours

    def _fill_class(self, fill: Callable[..., type], class_: type, state: Any) -> type:
        if any(class_ is ours for ours in getattr(self, "_ours", ())):
            return class_
        return fill(class_, state)


class _Watching(pickle.Pickler):
    """A pickler that notes whose classes and functions it meets."""

    def __init__(self, file: io.BytesIO, buffers: list[memoryview]) -> None:
        super().__init__(file, 5, buffer_callback=_out_of_band(buffers))
        self.roots: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        owner = obj if isinstance(obj, type) else type(obj)
        if owner.__module__ == "builtins" and not isinstance(obj, type):
            owner = obj  # a function: what counts is where it comes from
        module = getattr(owner, "__module__", None)
        if isinstance(module, str) and module not in sys.modules:
            # It came here by value and goes back so: pickle would import it to see, which runs it.
            raise pickle.PicklingError(f"{module} is not imported here")
        self.roots.add(module.partition(".")[0] if isinstance(module, str) else "?")
        return NotImplemented


HARMLESS, NUMPY, FOREIGN = 1, 2, 3  # what loading a result may run: nothing, NumPy, anything


def dump_result(value: object) -> tuple[int, bytes, list[memoryview]]:
    """
    Pickle a result and say what loading it will run.

    A foreign one is loaded here once, so that one that cannot be loaded fails where it was made.

    Raises:
        NotPicklable: It cannot be pickled, or cannot be loaded again.
    """
    buffers: list[memoryview] = []
    roots: set[str] = {"?"}
    try:
        file = io.BytesIO()
        pickler = _Watching(file, buffers)
        try:
            pickler.dump(value)
            data, roots = file.getvalue(), pickler.roots
        except Exception:
            buffers.clear()  # Another way is tried; if it fails too, that failure is reported.
            data = _cloudpickle(value, buffers)
    except BaseException as error:
        raise not_picklable(value, "result", error) from error
    if roots <= _HARMLESS:
        return HARMLESS, data, buffers
    if roots <= _HARMLESS | {"numpy"}:
        return NUMPY, data, buffers
    try:
        pickle.loads(data, buffers=[memoryview(bytes(b)) if b.readonly else b for b in buffers])
    except BaseException as error:
        raise NotPicklable(
            f"the result was pickled but cannot be loaded: {type(error).__name__}: {error}",
            hint="its __init__, __reduce__ or __setstate__ does not take what was pickled; "
            "return plain values instead",
        ) from error
    return FOREIGN, data, buffers


def not_picklable(value: object, what: str, error: BaseException) -> NotPicklable:
    """Explain why *value* cannot be pickled."""
    from treadle.core.culprit import find_culprit  # late: only a failure asks

    culprit = find_culprit(value)
    if culprit is None:
        return NotPicklable(
            f"the {what} cannot be pickled: {type(error).__name__}: {error}",
            culprit=type(value).__qualname__,
            hint="pass and return plain values: numbers, text, lists, dicts, arrays",
        )
    return NotPicklable(
        culprit.message(f"the {what}"), path=culprit.path, culprit=culprit.type, hint=culprit.hint
    )
