"""Which columns the JSON of answers gets: the names that are wanted, or those that are found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from treadle.prompts.flatten import flattened, picked

MOST = 1000
"""Most columns that are discovered: answers whose keys are data would give one for each of them."""


class JsonColumns:
    """
    Columns for the flattened JSON of answers, in the order in which they were first seen.

    A name that is declared may be that of a whole object or list, too: its cell holds JSON.

    A name that another column has gets ``json_`` in front, and a number if that is taken too. What
    has no column once there are `MOST` stands as JSON in the column ``json_more``.

    Args:
        taken: Names of the other columns.
        declared: The names that are wanted; None for all that `add` sees.
    """

    def __init__(self, taken: Iterable[str], declared: Sequence[str] | None = None) -> None:
        self._taken = {name.casefold() for name in taken}
        self._columns: dict[str, str] = {}
        self._more: str | None = None
        self.grows = declared is None
        for name in declared or ():
            if name not in self._columns:
                self._columns[name] = self._free(name)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        more = () if self._more is None else (self._more,)
        return (*self._columns.values(), *more)

    def add(self, found: Any) -> None:
        """Add the columns that this JSON needs; none when names were declared."""
        if not self.grows:
            return
        for name in _flat(found):
            if name in self._columns:
                continue
            if len(self._columns) < MOST:
                self._columns[name] = self._free(name)
            elif self._more is None:
                self._more = self._free("json_more")

    def cells(self, found: Any) -> list[str]:
        """Return the cells for this JSON, None for none; they are empty where it has nothing."""
        flat = self._values(found)
        cells = [flat.get(name, "") for name in self._columns]
        if self._more is not None:
            more = {name: text for name, text in flat.items() if name not in self._columns}
            cells.append(json.dumps(more, ensure_ascii=False) if more else "")
        return cells

    def absent(self, found: Any) -> tuple[str, ...]:
        """Return the names that were declared and are not in this JSON."""
        if self.grows:
            return ()
        values = self._values(found)
        return tuple(name for name in self._columns if name not in values)

    def _values(self, found: Any) -> Mapping[str, str]:
        flat = _flat(found)
        if self.grows:
            return flat
        names = self._columns.keys() - flat.keys()
        return {**picked(found, names), **flat} if names and flat else flat

    def _free(self, name: str) -> str:
        free = name if name.casefold() not in self._taken else f"json_{name}"
        number = 1
        while free.casefold() in self._taken:
            number += 1
            free = f"json_{name}_{number}"
        self._taken.add(free.casefold())
        return free


def _flat(found: Any) -> Mapping[str, str]:
    return {} if found is None else flattened(found)
