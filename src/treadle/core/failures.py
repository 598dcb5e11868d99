"""Turn an exception into text while it is still where it was raised."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from treadle.core.outcome import Failure

# The fields of a Failure, in order: workers, which should start fast, do without the class.
Description: TypeAlias = tuple[str, str, str, tuple[str, ...], str | None, tuple[str, ...]]


def type_name(type_: type) -> str:
    """Name a type with its module, but ``builtins`` goes without saying."""
    if type_.__module__ == "builtins":
        return type_.__qualname__
    return f"{type_.__module__}.{type_.__qualname__}"


def describe(error: BaseException, *, skip: int = 0) -> Description:
    """
    Describe *error* by plain values: type, message, traceback, notes, hint, bases.

    Args:
        error: Any exception; its own ``__str__`` may raise.
        skip: Frames of ours to leave out at the top of the traceback.
    """
    notes = getattr(error, "__notes__", ())
    return (
        type_name(type(error)),
        _text(error),
        _traceback(error, skip),
        tuple(str(note) for note in notes) if isinstance(notes, (list, tuple)) else (),
        _hint(error),
        tuple(type_name(base) for base in type(error).__mro__),
    )


def failure_from(error: BaseException, *, skip: int = 0) -> Failure:
    """Describe *error* as a ``Failure``; see :func:`describe`."""
    from treadle.core.outcome import Failure  # late: see Description

    return Failure(*describe(error, skip=skip))


def _text(error: BaseException) -> str:
    message = getattr(error, "message", None)
    hint = getattr(error, "hint", None)
    if isinstance(message, str) and isinstance(hint, (str, type(None))) and hint is not None:
        return message  # One of ours: its ``str`` repeats the hint, which has its own place.
    try:
        return str(error)
    except Exception as broken:
        return f"<its __str__ raised {type(broken).__name__}>"


def _hint(error: BaseException) -> str | None:
    hint = getattr(error, "hint", None)
    return hint if isinstance(hint, str) else None


def _traceback(error: BaseException, skip: int) -> str:
    import traceback  # late: most workers never need it

    frames: TracebackType | None = error.__traceback__
    for _ in range(skip):
        frames = frames.tb_next if frames is not None else None
    try:
        return "".join(traceback.format_exception(type(error), error, frames))
    except Exception as broken:
        return f"<the traceback cannot be shown: {type(broken).__name__}>\n"
