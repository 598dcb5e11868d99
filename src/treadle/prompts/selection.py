"""Which rows of a table take part in a run, and in which order."""

from __future__ import annotations

import itertools
import random
from array import array
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

from treadle.prompts.table import Row, Table


class Selection:
    """
    Some rows of a table: those that fit, the first so many of them, in this or another order.

    A row that cannot be read cannot be told to fit or not, and takes part: nobody would miss it
    else.

    Args:
        table: All rows.
        where: Tells by its cells whether a row fits; None for all.
        limit: Take so many; None for all.
        shuffle: The seed of a random order, in which `limit` takes the first ones; None for the
            order of the table.
    """

    def __init__(
        self,
        table: Table,
        *,
        where: Callable[[Mapping[str, str]], bool] | None = None,
        limit: int | None = None,
        shuffle: int | None = None,
    ) -> None:
        self._table = table
        self._where = where
        self._limit = limit
        self._seed = shuffle

    @property
    def shuffled(self) -> bool:
        """Whether the order of the run is not that of the table."""
        return self._seed is not None

    @property
    def takes_all(self) -> bool:
        """Whether all rows of the table take part."""
        return self._where is None and self._limit is None

    @property
    def is_beginning(self) -> bool:
        """Whether no row is left out before one that takes part."""
        return self._where is None and (self._seed is None or self._limit is None)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows in the order of the table."""
        if self._seed is None:
            return itertools.islice(self._fitting(), self._limit)
        chosen = self._chosen
        return (row for row in self._table if chosen[row.number])

    def marked(self) -> Iterator[tuple[Row, bool]]:
        """Yield all rows of the table in its order, and whether each takes part."""
        if self._seed is not None:
            chosen = self._chosen
            yield from ((row, bool(chosen[row.number])) for row in self._table)
            return
        left = len(self._table) if self._limit is None else self._limit
        for row in self._table:
            takes_part = left > 0 and self._fits(row)
            left -= takes_part
            yield row, takes_part

    def in_run_order(self) -> Iterator[Row]:
        """Yield the rows in the order of the run."""
        return iter(self) if self._seed is None else self._table.at(self._numbers)

    @cached_property
    def _count(self) -> int:
        if self._seed is not None:
            return len(self._numbers)
        if self._where is None:
            return min(len(self._table), self._limit or len(self._table))
        return sum(1 for _row in self)

    def _fitting(self) -> Iterator[Row]:
        if self._where is None:
            return iter(self._table)
        return filter(self._fits, self._table)

    def _fits(self, row: Row) -> bool:
        where = self._where
        return where is None or where(row.cells) or bool(row.problem and not row.cells)

    @cached_property
    def _numbers(self) -> array[int]:
        """The numbers of the rows in random order: four bytes for each."""
        if self._where is None:
            numbers = array("I", range(1, len(self._table) + 1))
        else:
            numbers = array("I", (row.number for row in self._fitting()))
        random.Random(self._seed).shuffle(numbers)  # noqa: S311  # nothing secret
        return numbers[: self._limit]

    @cached_property
    def _chosen(self) -> bytearray:
        """One byte for each number of a row: whether it takes part."""
        chosen = bytearray(len(self._table) + 1)
        for number in self._numbers:
            chosen[number] = 1
        return chosen
