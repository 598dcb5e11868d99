"""The user's function and what goes with it to every worker."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

_ids = itertools.count(1)


@dataclass(slots=True, eq=False)
class Call:
    """
    A function to run on items, with its state per worker and its seed.

    Attributes:
        function: Called as ``function(item)``; as ``function(item, state)`` if ``setup`` is given.
        setup: Called once in each worker before its first item; what it returns is the state.
        teardown: Called with the state when a worker ends in an orderly way.
        seed: Root of the random seed of each item; None leaves random numbers alone.
        name: How events and reports name the function.
        id: Unique in this process.
    """

    function: Callable[..., Any]
    setup: Callable[[], Any] | None = None
    teardown: Callable[[Any], Any] | None = None
    seed: int | None = None
    name: str = ""
    id: int = field(default_factory=lambda: next(_ids))

    def __post_init__(self) -> None:
        if not self.name:
            self.name = name_of(self.function)

    @property
    def is_async(self) -> bool:
        """True when calling the function gives a coroutine."""
        return is_async(self.function)


def is_async(function: Callable[..., Any]) -> bool:
    """Tell whether calling *function* gives a coroutine, seen through partials and objects."""
    while isinstance(function, partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  the method itself is wanted
    )


def name_of(function: Callable[..., Any]) -> str:
    """Name a callable as a person would: the function's own name, or that of its class."""
    while isinstance(function, partial):
        function = function.func
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return str(name).replace("<locals>.", "")
