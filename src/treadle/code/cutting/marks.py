"""Places that are good for a cut, each with how good it is and what begins there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from tree_sitter import Node

    from treadle.code.trees.definitions import Defined


@dataclass(slots=True, eq=False)
class Scope:
    """
    The definitions around a place that are over the budget, so that cuts lie inside them.

    Attributes:
        what: The innermost; None outside of all.
        start: Where it begins, with the comments that lead to it.
        outer: What is around that.
        names: Their names, outermost first, each with what it belongs to.
        prefix: The same, each with a dot.
    """

    what: Defined | None = None
    start: int = 0
    outer: Scope | None = None
    names: tuple[str, ...] = ()
    prefix: str = ""

    def inside(self, what: Defined, start: int) -> Scope:
        """Return the scope in *what*, which is in this one. Names are repeated, so not for ever."""
        if len(self.prefix) > _LONGEST:
            return Scope(what, start, self, self.names, self.prefix)
        names = (what.name,) if what.qualifier is None else (what.qualifier, what.name)
        names = (*self.names, *names)
        return Scope(what, start, self, names, ".".join((*names, "")))


_LONGEST = 500  # characters of names in names

POOR = 1_000_000
"""Added to the level of a place that is no good one at any depth: between a head and its body."""

Span: TypeAlias = tuple[int, int]
"""Where something begins and ends, in bytes."""

Mark: TypeAlias = "tuple[int, int, Node, str | None, Scope]"
"""A place: see the first five attributes of :class:`Marks`. A bare tuple, for there are many."""


@dataclass(frozen=True, slots=True)
class Marks:
    """
    Places for cuts in a file, in order. Parallel, for they are searched.

    Attributes:
        starts: Offsets in bytes, ascending; the first is 0. Several may be equal: a node that is
            over the budget begins where its first child does.
        levels: How deep what begins there is nested; the best cuts have the lowest.
        nodes: What begins there.
        roles: What that is: a kind of definition, or one of ``trees.roles``; None for the rest.
        scopes: What is around it.
        comments: By the index of a mark, where the comments are that lead to what begins there.
        opened: Of the definitions over the budget, by ``Node.id``, the scope inside.
        importing: What may import something, at the top level of the file.
        too_deep: Places that were not looked into, for they are nested too deep.
    """

    starts: Sequence[int]
    levels: Sequence[int]
    nodes: Sequence[Node]
    roles: Sequence[str | None]
    scopes: Sequence[Scope]
    comments: Mapping[int, Sequence[Span]]
    opened: Mapping[int, Scope]
    importing: Sequence[Node]
    too_deep: int

    @classmethod
    def of(
        cls,
        marks: Sequence[Mark],
        comments: Mapping[int, Sequence[Span]],
        opened: Mapping[int, Scope],
        importing: Sequence[Node],
        too_deep: int,
    ) -> Marks:
        """Put places beside each other."""
        starts, levels, nodes, roles, scopes = zip(*marks, strict=True)
        return cls(starts, levels, nodes, roles, scopes, comments, opened, importing, too_deep)
