"""Turn an exception into text while it is still where it was raised.

Nothing here ever raises, whatever the exception's own code does: a property that raises, a
``__setattr__`` that refuses, a ``__str__`` that exits. Who describes a failure must not fail.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from treadle.core.outcome import Failure

T = TypeVar("T")

# The fields of a Failure, in order: workers, which should start fast, do without the class.
Description: TypeAlias = tuple[str, str, str, tuple[str, ...], str | None, tuple[str, ...]]


def type_name(type_: type) -> str:
    """Name a type with its module, but ``builtins`` goes without saying."""
    try:
        module, name = type_.__module__, type_.__qualname__
        qualified = _plain(name if module == "builtins" else f"{module}.{name}")
    except BaseException:  # a metaclass may do anything
        return "<a type without a name>"
    return qualified


def describe(error: BaseException, *, skip: int = 0) -> Description:
    """
    Describe *error* by plain values: type, message, traceback, notes, hint, bases.

    Args:
        error: Any exception, however broken.
        skip: Frames of ours to leave out at the top of the traceback.
    """
    return (
        type_name(type(error)),
        message_of(error),
        _traceback(error, skip),
        _probe(_notes, error, ()),
        _probe(_hint, error, None),
        tuple(type_name(base) for base in type(error).__mro__),
    )


def failure_from(error: BaseException, *, skip: int = 0) -> Failure:
    """Describe *error* as a ``Failure``; see :func:`describe`."""
    from treadle.core.outcome import Failure  # late: see Description

    return Failure(*describe(error, skip=skip))


def message_of(error: BaseException) -> str:
    """Return ``str`` of *error*, without the hint if it is one of ours."""
    own = _probe(_own_message, error, None)
    if own is not None:
        return own
    try:
        return _plain(str(error))
    except BaseException as broken:
        return f"<its __str__ raised {type(broken).__name__}>"


def in_words(error: BaseException) -> str:
    """Return the type and the message of *error*, as the last line of a traceback has them."""
    return f"{type_name(type(error)).rpartition('.')[2]}: {message_of(error)}"


def shown(value: object) -> str:
    """Return the ``repr`` of *value*, or what is wrong with it."""
    try:
        return _plain(repr(value))
    except BaseException as broken:
        return f"<a {type_name(type(value))} whose __repr__ raised {type(broken).__name__}>"


def warn_of(what: str, error: BaseException, then: str = "") -> None:
    """
    Warn that *what* raised *error*, where nobody could catch it.

    Where warnings are errors, it is printed: there is no caller here who should get it.
    """
    import sys
    import warnings

    try:
        warnings.warn(f"{what} raised {in_words(error)}{then}", RuntimeWarning, stacklevel=3)
    except BaseException as refused:
        _probe(lambda it: sys.excepthook(type(it), it, None), refused, None)


def is_ctrl_c(error: BaseException | None) -> bool:
    """Tell whether *error* is the user's Ctrl-C, which Python delivers to the main thread only."""
    import threading  # late: workers have no use for it

    in_main = threading.current_thread() is threading.main_thread()
    return in_main and isinstance(error, KeyboardInterrupt)


def drop_our_frame(error: BaseException) -> None:
    """Take the topmost frame off the traceback of *error*."""
    # Through the base class: the exception's own ``__setattr__`` may refuse (a frozen dataclass).
    found: Any = BaseException.__dict__["__traceback__"]
    frames: TracebackType | None = found.__get__(error)
    if frames is not None:
        BaseException.with_traceback(error, frames.tb_next)


def _probe(read: Callable[[BaseException], T], error: BaseException, otherwise: T) -> T:
    try:
        return read(error)
    except BaseException:  # its own code; what it cannot tell is left out
        return otherwise


def _plain(text: str) -> str:
    """Return *text* as a plain ``str``: a subclass might not travel."""
    return str.__str__(text)


def _own_message(error: BaseException) -> str | None:
    message = getattr(error, "message", None)
    hint = getattr(error, "hint", None)
    if isinstance(message, str) and isinstance(hint, str):
        return _plain(
            message
        )  # One of ours: its ``str`` repeats the hint, which has its own place.
    return None


def _notes(error: BaseException) -> tuple[str, ...]:
    notes = getattr(error, "__notes__", ())
    return tuple(_plain(str(note)) for note in notes) if isinstance(notes, (list, tuple)) else ()


def _hint(error: BaseException) -> str | None:
    hint = getattr(error, "hint", None)
    return _plain(hint) if isinstance(hint, str) else None


def _traceback(error: BaseException, skip: int) -> str:
    import traceback  # late: most workers never need it

    found: Any = BaseException.__dict__["__traceback__"]
    frames: TracebackType | None = found.__get__(error)
    for _ in range(skip):
        frames = frames.tb_next if frames is not None else None
    try:
        return "".join(traceback.format_exception(type(error), error, frames))
    except BaseException as broken:
        broken_by = f"<the exception cannot be shown: {type(broken).__name__}>\n"
        return _probe(lambda _: "".join(traceback.format_tb(frames)), error, "") + broken_by
