"""The family tree of exceptions: what was wrong, which value, and a hint.

    TreadleError                 catch this to catch everything treadle raises on purpose
    ├── UsageError               a bad argument; raised before any worker starts (also ValueError)
    │   ├── NotRunning           the run that was to be steered is not running
    │   └── MissingExtra         an optional library is not installed            (also ImportError)
    ├── NotPicklable             a value cannot travel to or from a worker       (also TypeError)
    ├── BadRowError              a row of the source is not sound               (also ValueError)
    ├── CallFailed               how one item ended, as an exception
    │   ├── RemoteError          the call raised something that could not travel itself
    │   ├── CallTimedOut         the attempt ran past its timeout                (also TimeoutError)
    │   ├── WorkerDied           the process died under the call
    │   └── CallCancelled        the run ended before the item did
    └── RunFailed                the run as a whole could not go on
        ├── SourceFailed         the iterable of items raised
        ├── SetupFailed          ``setup=`` raised, or workers die before their first item
        └── SinkFailed           the sink could not take a value

``Interrupted`` stands beside it: a ``KeyboardInterrupt`` that carries the report of the run.
"""

from __future__ import annotations

from typing import Any


class TreadleError(Exception):
    """
    Base class of everything treadle raises on purpose.

    Args:
        message: What is wrong and with which value: a lower-case fragment, no full stop.
        hint: What to do next; printers show it on a line of its own.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = str(self.args[0]) if self.args else ""
        return f"{message}\nhint: {self.hint}" if self.hint else message

    @property
    def message(self) -> str:
        """The text without the hint."""
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.args, self.__dict__))


def _rebuild(cls: type[TreadleError], args: tuple[Any, ...], state: dict[str, Any]) -> TreadleError:
    """Make the exception again without calling an ``__init__`` whose signature differs."""
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class UsageError(TreadleError, ValueError):
    """A bad argument or configuration; nothing was run."""


class NotRunning(UsageError):
    """The run is not running, so there is nothing to steer."""


class MissingExtra(UsageError, ImportError):
    """An optional library that this feature needs is not installed."""

    def __init__(self, library: str, extra: str | None, *, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the library {library!r}, which is not installed",
            hint=f"pip install {library}" if extra is None else f"pip install 'treadle[{extra}]'",
        )


class NotPicklable(TreadleError, TypeError):
    """
    A value cannot be pickled.

    Attributes:
        path: Where the culprit sits inside the value, such as ``.metadata.things[3]``.
        culprit: The type of the culprit, such as ``_thread.lock``.
    """

    def __init__(
        self, message: str, *, path: str = "", culprit: str = "", hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.path = path
        self.culprit = culprit


class BadRowError(TreadleError, ValueError):
    """A row of the source is not sound; its item fails with this, uncalled."""


class CallFailed(TreadleError):
    """One item did not succeed."""


class RemoteError(CallFailed):
    """
    The call raised an exception that could not be pickled or loaded.

    Attributes:
        type_name: The qualified name of the original exception's type.
    """

    def __init__(self, message: str, *, type_name: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.type_name = type_name


class CallTimedOut(CallFailed, TimeoutError):
    """An attempt ran past its ``timeout``."""


class WorkerDied(CallFailed):
    """
    The worker process died while it ran the call.

    Attributes:
        exitcode: The exit code, or None when it is not known.
        signal: The name of the signal that ended it (``"SIGSEGV"``), or None.
    """

    def __init__(
        self,
        message: str,
        *,
        exitcode: int | None = None,
        signal: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.exitcode = exitcode
        self.signal = signal


class CallCancelled(CallFailed):
    """The run was cancelled, reached its deadline or its failure limit before the item ended."""


class RunFailed(TreadleError):
    """
    The run as a whole could not go on. What had settled was delivered.

    Attributes:
        report: From ``run``: the report of the run up to that point; else None.
    """

    report: object = None


class SourceFailed(RunFailed):
    """The iterable of items raised; the exception is the ``__cause__``."""


class SetupFailed(RunFailed):
    """``setup=`` raised in a worker, or workers keep dying before their first item."""


class SinkFailed(RunFailed):
    """A sink could not take a value or finish its file."""


class Interrupted(KeyboardInterrupt):
    """
    Ctrl-C ended the run; everything that settled before is safe.

    Attributes:
        report: The report of the run up to that point, or None.
    """

    def __init__(self, message: str = "interrupted", *, report: object = None) -> None:
        super().__init__(message)
        self.report = report
