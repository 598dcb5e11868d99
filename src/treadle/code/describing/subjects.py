"""What a chunk is about: the kind of what is in it, and the definition that it is or belongs to."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple, TypeAlias

from treadle.code.cutting.marks import POOR, Marks, Scope
from treadle.code.trees.definitions import Defined, defined, docstring, signature
from treadle.code.trees.roles import COMMENT, LEADING, PLAIN, Roles


class Subject(NamedTuple):
    """
    What a chunk is about.

    Attributes:
        kind: One of ``values.KINDS``.
        symbol: See ``values.Chunk``; so are the next six.
        qualified_name: Dotted.
        scope: Names.
        signature: On one line.
        docstring: Without marks.
        symbols: Qualified.
        part_of: The scope of the definition that it is a part of, and does not hold whole.
    """

    kind: str
    symbol: str | None = None
    qualified_name: str | None = None
    scope: tuple[str, ...] = ()
    signature: str | None = None
    docstring: str | None = None
    symbols: tuple[str, ...] = ()
    part_of: Scope | None = None


Begun: TypeAlias = tuple[int, Defined, Scope]
"""A definition that begins in a chunk: its mark, what it is, and what is around it."""


class Subjects:
    """
    Tells what the chunks of a file are about.

    Args:
        data: Its text.
        marks: The places that were looked at.
        roles: Those of its grammar.
        otherwise: The kind of what defines nothing.
    """

    def __init__(self, data: bytes, marks: Marks, roles: Roles, otherwise: str) -> None:
        self._data, self._marks, self._roles, self._otherwise = data, marks, roles, otherwise
        self._defining = [
            mark for mark, role in enumerate(marks.roles) if role is not None and role not in PLAIN
        ]
        self._parts: dict[Scope, Subject] = {}

    def of(self, low: int, high: int, end: int, *, inside: bool) -> Subject:
        """
        Look at a chunk.

        Args:
            low: Its first mark.
            high: The first mark after it.
            end: Where it ends, in bytes.
            inside: It begins inside the piece before *low*.
        """
        marks = self._marks
        around = marks.scopes[low - 1 if inside else low]
        if low == high:
            return self._part(around)
        levels = marks.levels[low:high]
        if levels[0] >= POOR:
            levels = [level % POOR for level in levels]
        top = min(levels)
        common = around
        if levels[0] != top:
            common = _common(around, marks.scopes[low + levels.index(top)])
        begun = self._begun(low, high)
        if not begun:
            if common.what is None:
                return Subject(self._plain_kind(low, high, top, inside=inside))
            return self._part(common)
        symbols = tuple({self._qualified(what, scope): None for _, what, scope in begun})
        outermost = [each for each in begun if levels[each[0] - low] == top]
        if not outermost and common.what is None:  # all are in something like an #ifdef
            top = min(levels[each[0] - low] for each in begun)
            outermost = [each for each in begun if levels[each[0] - low] == top]
        if len(outermost) == 1 and common is around and not inside:
            return self._whole(*outermost[0], end, symbols)
        if common.what is not None and not outermost:
            return self._part(common)._replace(symbols=symbols)
        kinds = {self._kind(what, scope) for _, what, scope in outermost}
        if common is not around:  # it begins with the end of something else
            kinds.add(self._part(around).kind)
        kind = kinds.pop() if len(kinds) == 1 else "mixed"
        return self._part(common)._replace(kind=kind, symbols=symbols)

    def _begun(self, low: int, high: int) -> list[Begun]:
        """Return the definitions that begin in a chunk."""
        defining = self._defining
        first = bisect_left(defining, low)
        if first == len(defining) or defining[first] >= high:
            return []
        marks, roles, data = self._marks, self._roles, self._data
        found: list[Begun] = []
        last = None
        for mark in defining[first : bisect_left(defining, high, first)]:
            role = marks.roles[mark]
            assert role is not None  # for it defines something
            what = defined(marks.nodes[mark], role, roles, data)
            # With what is wrapped around it, and once more by itself, where it is over the budget.
            if what is not None and what.node != last:
                last = what.node
                found.append((mark, what, marks.scopes[mark]))
        return found

    def _whole(
        self, mark: int, what: Defined, scope: Scope, end: int, symbols: tuple[str, ...]
    ) -> Subject:
        """Describe a chunk by the one definition that begins in it."""
        return Subject(
            self._kind(what, scope),
            what.name,
            self._qualified(what, scope),
            scope.names if what.qualifier is None else (*scope.names, what.qualifier),
            signature(what.node, self._roles, self._data),
            docstring(what.node, self._marks.comments.get(mark, ()), self._roles, self._data),
            symbols,
            self._marks.opened.get(what.node.id) if what.node.end_byte > end else None,
        )

    def _part(self, scope: Scope) -> Subject:
        """Describe a chunk by the innermost definition that holds all of it."""
        found = self._parts.get(scope)
        if found is None:
            found = self._parts[scope] = self._described(scope)
        return found

    def _described(self, scope: Scope) -> Subject:
        what, around = scope.what, scope.outer
        if what is None or around is None:
            return Subject(self._otherwise)
        return Subject(
            self._kind(what, around),
            what.name,
            self._qualified(what, around),
            scope.names[:-1],
            signature(what.node, self._roles, self._data),
            part_of=scope,
        )

    def _plain_kind(self, low: int, high: int, top: int, *, inside: bool) -> str:
        marks = self._marks
        if low == 0 and high > 1 and self._data[:1] in (b'"', b"'"):
            low = 1  # what a module says of itself, before its imports
        roles = {marks.roles[mark] for mark in range(low, high) if marks.levels[mark] == top}
        if inside:
            roles.add(marks.roles[low - 1])
        if roles <= {COMMENT, LEADING}:
            return "comment"
        return "import" if roles <= PLAIN else self._otherwise

    def _kind(self, what: Defined, scope: Scope) -> str:
        if what.kind != "function":
            return what.kind
        held = scope.what is not None and scope.what.kind in self._roles.facts.holders
        return "method" if held or what.qualifier is not None else "function"

    def _qualified(self, what: Defined, scope: Scope) -> str:
        if what.qualifier is None:
            return scope.prefix + what.name
        return f"{scope.prefix}{what.qualifier}.{what.name}"


def _common(one: Scope, other: Scope) -> Scope:
    """Return the innermost scope that both are in."""
    around = set()
    inner: Scope | None = one
    while inner is not None:
        around.add(inner)
        inner = inner.outer
    while other not in around:
        assert other.outer is not None  # all are in that of the file
        other = other.outer
    return other
