"""Some of a source's items, or all of them in another order, under the keys they had."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any


def key_of(source: Any, value: Any, index: int) -> str | int:
    """Return the key that *source* gives to *value*; its position where it gives none."""
    key = getattr(source, "key", None)
    return key(value, index) if callable(key) else index


class _Selection:
    """What a selection leaves to its source: which values are bad, and what it must not read."""

    _source: Any

    def check_value(self, value: Any) -> None:
        """Raise what the source raises for a bad value."""
        check = getattr(self._source, "check_value", None)
        if callable(check):
            check(value)

    @property
    def fingerprint(self) -> Any:
        """Gives the source's fingerprint of a value; None where it has none."""
        return getattr(self._source, "fingerprint", None)

    def spare(self, place: Path) -> None:
        """Have the source leave out, or refuse, the place that results go to."""
        spare = getattr(self._source, "spare", None)
        if callable(spare):
            spare(place)


class Without(_Selection):
    """
    The files of *source* but for some, such as the results of the run before.

    Args:
        source: A source of paths; anything else that it has is left as it is.
        paths: What to leave out.
    """

    def __init__(self, source: Any, paths: Iterable[str]) -> None:
        self._source = source
        self._out = {os.path.realpath(path) for path in paths}
        self._names = {Path(path).name for path in self._out}

    def __iter__(self) -> Iterator[Any]:
        return (value for value in self._source if not self._left_out(value))

    def __len__(self) -> int:
        return len(self._source) - sum(map(self._left_out, self._source))

    def _left_out(self, value: Any) -> bool:
        # By name first: to resolve a million paths takes its time.
        path = isinstance(value, Path) and value.name in self._names
        return path and os.path.realpath(value) in self._out

    def key(self, value: Any, index: int) -> str | int:
        """Return the key that the source gives."""
        return key_of(self._source, value, index)


class Limited(_Selection):
    """The first *limit* items of *source*."""

    def __init__(self, source: Any, limit: int) -> None:
        self._source = source
        self._limit = limit

    def __iter__(self) -> Iterator[Any]:
        return islice(iter(self._source), self._limit)

    def __len__(self) -> int:
        # TypeError where the source does not know: it is then not known here either.
        return min(len(self._source), self._limit)

    def key(self, value: Any, index: int) -> str | int:
        """Return the key that the source gives."""
        return key_of(self._source, value, index)


class Shuffled(_Selection):
    """All items of *source* in random order; reads them all before the first is used."""

    def __init__(self, source: Any, seed: int) -> None:
        self._source = source
        pairs = [(value, key_of(source, value, index)) for index, value in enumerate(source)]
        # Not for secrets: the point is that a seed gives the same order again.
        Random(seed).shuffle(pairs)  # noqa: S311
        self._pairs = pairs

    def __iter__(self) -> Iterator[Any]:
        return (value for value, _ in self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def key(self, value: Any, index: int) -> str | int:  # noqa: ARG002  a source's key() gets both
        """Return the key that the item had before."""
        return self._pairs[index][1]
