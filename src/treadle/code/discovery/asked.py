"""Patterns that the user gives: those that can match nothing are refused, not passed over."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

import treadle
from treadle.code.discovery.patterns import Patterns, is_pattern

_DOTS = re.compile(r"(^|/)\.\.?(/|$)")
_BRACES = re.compile(r"(?<!\\)\{[^{}]*,[^{}]*\}")


def asked(what: str, given: str | Iterable[str] | None, base: str) -> Patterns | None:
    """
    Return the patterns that were given; None where there are none.

    Args:
        what: The name of the option.
        given: Patterns, or one of them.
        base: The folder that they are relative to.

    Raises:
        UsageError: They are no texts, or one of them cannot match any path.
    """
    if given is None:
        return None
    if isinstance(given, bytes) or not isinstance(given, Iterable):
        raise _no_texts(what, given)
    lines = [given] if isinstance(given, str) else list(given)
    for line in lines:
        if not isinstance(line, str):
            raise _no_texts(what, line)
        hint = _mistake(line, base)
        if hint is not None:
            raise treadle.UsageError(f"{what} {line!r} can match nothing", hint=hint)
    return Patterns(os.fsencode(line) for line in lines) or None


def _no_texts(what: str, given: object) -> treadle.UsageError:
    return treadle.UsageError(
        f"{what} takes patterns, which are texts, got {given!r}",
        hint=f'{what}="*.py", or several of them: {what}=["*.py", "docs/"]',
    )


def _mistake(line: str, base: str) -> str | None:
    """Return what to write instead of a pattern that can match nothing; None for any other."""
    pattern = line.removeprefix("!")
    # In /src there may well be a src/, which /src/x is meant for.
    if pattern.startswith(base + "/") and not os.path.lexists(base + base):
        return f"patterns are relative to {base}: {pattern.removeprefix(base)}"
    if _DOTS.search(pattern):
        return "patterns have no . and .. in them: /NAME is one in the root, NAME one anywhere"
    if "//" in pattern:
        return "write / once"
    if _BRACES.search(pattern):
        return "braces are not taken apart: give a pattern for each (\\{ for a brace in a name)"
    if is_pattern(os.fsencode(line)):
        return None
    if line.startswith("#"):
        return f"it is a comment, as in .gitignore: \\{line} for a name with # in front"
    return (
        "it is empty, or a [ or a backslash in it has nothing to end it: *.py, docs/, /src/[a-c]*"
    )
