"""Completes what is being typed into a field: names of files, and functions in them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from textual.suggester import Suggester

from treadle.tui.forms.fields import Field, Kind
from treadle.tui.forms.functions import names_in

_MOST = 20_000  # entries of a folder that are looked at


class Suggestions(Suggester):
    """
    Suggestions for one field.

    Args:
        field: The field; of one that takes several values, the last is completed.
    """

    def __init__(self, field: Field) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._field = field

    async def get_suggestion(self, value: str) -> str | None:
        """Return *value* completed; None when nothing fits."""
        before, last = "", value
        if self._field.several:
            head, blank, last = value.rpartition(" ")
            before = head + blank
        if not last or any(mark in last for mark in "'\"\\*?["):
            return None
        found = await asyncio.to_thread(_completed, last, self._field.kind)
        return None if found is None else before + found


def _completed(text: str, kind: Kind) -> str | None:
    where, colon, begun = text.rpartition(":")
    if kind is Kind.FUNCTION and colon and where.endswith(".py"):
        names = [name for name in names_in(Path(where)) if name.startswith(begun)]
        return f"{where}:{names[0]}" if names else None
    folder, begun = os.path.split(text)
    if begun in ("", ".", ".."):
        return None
    return _first_in(folder, begun, kind)


def _first_in(folder: str, begun: str, kind: Kind) -> str | None:
    fitting: list[tuple[str, bool]] = []
    try:
        with os.scandir(folder or ".") as entries:
            for number, entry in enumerate(entries):
                if number >= _MOST:
                    break
                if entry.name.startswith(begun) and _fits(entry, kind):
                    fitting.append((entry.name, entry.is_dir()))
    except OSError:  # not there, or not to be read: nothing to suggest
        return None
    if not fitting:
        return None
    name, is_folder = min(fitting)
    if not name.isprintable() or " " in name:
        return None
    ending = os.sep if is_folder else ":" if kind is Kind.FUNCTION else ""
    return os.path.join(folder, name) + ending  # noqa: PTH118  as it was typed


def _fits(entry: os.DirEntry[str], kind: Kind) -> bool:
    if kind is Kind.FOLDER:
        return entry.is_dir()
    return kind is not Kind.FUNCTION or entry.is_dir() or entry.name.endswith(".py")
