"""Guess what a mistyped name was meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def near(name: object, choices: Iterable[str]) -> str | None:
    """Return the one of *choices* that resembles *name* most, in any case; None where none does."""
    by_lower = {choice.lower(): choice for choice in choices}
    found = difflib.get_close_matches(str(name).lower(), by_lower, n=1)
    return by_lower[found[0]] if found else None
