"""Guesses what a mistyped name was meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def near(name: str, choices: Iterable[str]) -> str | None:
    """Return the one of *choices* that resembles *name* most, in any case; None where none does."""
    by_lower = {choice.lower(): choice for choice in choices}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[found[0]] if found else None


def did_you_mean(name: str, choices: Iterable[str], *, called: str) -> str:
    """
    Return a hint: the name that was probably meant, else those that there are.

    Args:
        name: What was typed.
        choices: What could have been typed.
        called: What these are, in the plural, such as ``"columns"``.
    """
    choices = list(choices)
    guess = near(name, choices)
    if guess is not None:
        return f"did you mean {guess!r}?"
    if not choices:
        return f"there are no {called}"
    shown = ", ".join(choices[:12]) + (", ..." if len(choices) > 12 else "")
    return f"{called}: {shown}"
