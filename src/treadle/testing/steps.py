"""How one attempt goes: a closed set of values, for scripts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Returns:
    """
    The call returns.

    Attributes:
        value: What it returns; None (default) means what the function itself returns.
        after: Seconds that it takes.
    """

    value: Any = None
    after: float = 1.0


@dataclass(frozen=True, slots=True)
class Raises:
    """
    The call raises.

    Attributes:
        error: What it raises.
        after: Seconds that it takes.
    """

    error: BaseException
    after: float = 1.0


@dataclass(frozen=True, slots=True)
class Dies:
    """
    The worker process dies under the call.

    Attributes:
        signal: Name of the signal that ends it, such as ``"SIGKILL"`` (default) or ``"SIGSEGV"``.
            None: it ends itself, with ``exitcode``.
        exitcode: Its exit code when no signal ends it.
        after: Seconds until then.
    """

    signal: str | None = "SIGKILL"
    exitcode: int = 1
    after: float = 1.0


@dataclass(frozen=True, slots=True)
class Hangs:
    """The call never ends: only a timeout, a kill or (on real workers) a day ends it."""


Step: TypeAlias = Returns | Raises | Dies | Hangs
