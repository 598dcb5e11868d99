"""Checks of single arguments, and what to say when one is wrong."""

from __future__ import annotations

import math

from treadle.errors import UsageError


def positive(name: str, value: float | None, *, example: str) -> None:
    """
    Refuse a number that is not above zero, or not finite.

    Raises:
        UsageError: *value* is not a finite number above zero.
    """
    if value is None:
        return
    if not is_number(value) or not value > 0:
        raise UsageError(f"{name} must be a finite number above 0, got {value!r}", hint=example)


def is_number(value: object) -> bool:
    """Tell whether *value* is a number that a clock can be compared with."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the largest float
        return False


def positive_int(name: str, value: int | None, *, example: str) -> None:
    """
    Refuse anything but a whole number above zero.

    Raises:
        UsageError: *value* is something else.
    """
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"{name} must be a whole number above 0, got {value!r}", hint=example)


def function_or_none(name: str, value: object, *, example: str) -> None:
    """
    Refuse what cannot be called.

    Raises:
        UsageError: *value* is neither a function nor None.
    """
    if value is not None and not callable(value):
        raise UsageError(f"{name} must be a function, got {value!r}", hint=example)
