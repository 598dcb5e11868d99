"""Which columns the JSON of answers gets: the names that are wanted, or those that are found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

MOST = 1000
"""Most columns that are discovered: answers whose keys are data would give one for each of them."""


class JsonColumns:
    """
    Columns for the flattened JSON of answers, in the order in which they were first seen.

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

    def add(self, flat: Mapping[str, str]) -> None:
        """Add the columns that *flat* needs; none when names were declared."""
        if not self.grows:
            return
        for name in flat:
            if name in self._columns:
                continue
            if len(self._columns) < MOST:
                self._columns[name] = self._free(name)
            elif self._more is None:
                self._more = self._free("json_more")

    def cells(self, flat: Mapping[str, str]) -> list[str]:
        """Return the cells for *flat*, empty where it has nothing."""
        cells = [flat.get(name, "") for name in self._columns]
        if self._more is not None:
            more = {name: text for name, text in flat.items() if name not in self._columns}
            cells.append(json.dumps(more, ensure_ascii=False) if more else "")
        return cells

    def _free(self, name: str) -> str:
        free = name if name.casefold() not in self._taken else f"json_{name}"
        number = 1
        while free.casefold() in self._taken:
            number += 1
            free = f"json_{name}_{number}"
        self._taken.add(free.casefold())
        return free
