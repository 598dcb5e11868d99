"""What a chunk is about: the kind of what is in it, and the definition that it is or belongs to."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from treadle.code.cutting.marks import POOR, Marks, Scope, Span
from treadle.code.trees.definitions import Defined, body, defined, docstring, imports, signature
from treadle.code.trees.roles import COMMENT, IMPORT, LEADING, PLAIN, WRAPPER, Roles

if TYPE_CHECKING:
    from tree_sitter import Node

_MEMBERS = 200  # of a class that is whole


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
        reach: Where the definition *symbol* begins and ends, with the comments that lead to it.
    """

    kind: str
    symbol: str | None = None
    qualified_name: str | None = None
    scope: tuple[str, ...] = ()
    signature: str | None = None
    docstring: str | None = None
    symbols: tuple[str, ...] = ()
    reach: Span | None = None


Begun: TypeAlias = tuple[int, Defined, Scope]
"""A definition that begins in a chunk: its mark, what it is, and what is around it."""


class Subjects:
    """
    Tells what the chunks of a file are about.

    Args:
        data: Its text.
        marks: The places that were looked at.
        root: The root of its tree.
        roles: Those of its grammar.
        otherwise: The kind of what defines nothing.
    """

    def __init__(self, data: bytes, marks: Marks, root: Node, roles: Roles, otherwise: str) -> None:
        self._data, self._marks, self._root = data, marks, root
        self._roles, self._otherwise = roles, otherwise
        self._defining = [
            mark for mark, role in enumerate(marks.roles) if role is not None and role not in PLAIN
        ]
        self._parts: dict[Scope, Subject] = {}
        self._mixed = "data" if otherwise == "data" else "mixed"

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
        if inside:
            piece = self._piece(low - 1, end)
            if piece is not None:
                return piece
        around = marks.scopes[low - 1 if inside or low == high else low]
        if low == high:
            return self._part(around, ())
        levels = marks.levels[low:high]
        if levels[0] >= POOR:
            levels = [level % POOR for level in levels]
        top = min(levels)
        common = around
        if levels[0] != top:
            common = _common(around, marks.scopes[low + levels.index(top)])
        begun = self._begun(low, high)
        symbols = self._symbols(begun)
        outermost = [each for each in begun if levels[each[0] - low] == top]
        if not outermost and begun and common.what is None:  # all are in something like an #ifdef
            top = min(levels[each[0] - low] for each in begun)
            outermost = [each for each in begun if levels[each[0] - low] == top]
        if outermost and common is around and len({each[1].name for each in outermost}) == 1:
            mark, what, scope = outermost[0]
            tail = inside and marks.nodes[low - 1] != marks.nodes[mark]  # not of its own comments
            alike = [each[0] for each in outermost]  # such as the equations of a function
            if not tail and self._is_alone(low, high, end, levels, *alike):
                return self._whole(mark, what, scope, symbols)
        if common.what is not None:
            return self._part(common, symbols)
        kind = self._plain_kind(low, high, top, inside=inside)
        if outermost:
            kinds = {self._kind(what, scope) for _, what, scope in outermost}
            if common is not around:  # it begins with the end of something else
                kinds.add(self._part(around, ()).kind)
            alone = self._is_alone(low, high, end, levels, *(each[0] for each in outermost))
            beside = inside or not alone
            kind = self._mixed if beside or len(kinds) > 1 else kinds.pop()
        return Subject(kind, docstring=self._of_the_file(low), symbols=symbols)

    def _piece(self, mark: int, end: int) -> Subject | None:
        """Describe a chunk inside of what leads to a definition; None for any other."""
        marks = self._marks
        role, node = marks.roles[mark], marks.nodes[mark]
        if role is None or role in PLAIN or end > node.start_byte:
            return None
        what = defined(node, role, self._roles, self._data)
        if what is None:
            return None
        return self._whole(mark, what, marks.scopes[mark], ())._replace(docstring=None)

    def _is_alone(
        self, low: int, high: int, end: int, levels: Sequence[int], *definitions: int
    ) -> bool:
        """Tell whether a chunk holds these definitions, imports, comments, and little beside."""
        marks = self._marks
        least = min(levels)
        if levels.count(least) == len(definitions):
            return True
        own = [marks.nodes[each] for each in definitions]
        covered = sum(
            min(end, marks.nodes[each].end_byte) - marks.starts[each] for each in definitions
        )
        beside = 0
        for mark in range(low, high):
            node = marks.nodes[mark]
            if levels[mark - low] != least or marks.roles[mark] in PLAIN or node in own:
                continue
            if mark or not self._is_documented():
                beside += node.end_byte - node.start_byte
        return 2 * beside <= covered

    def _of_the_file(self, low: int) -> str | None:
        """Return the docstring of the file, for its first chunk."""
        if low or not self._is_documented():
            return None
        return docstring(self._root, (), self._roles, self._data)

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
            if what is None or (last is not None and what.node == last):
                continue
            last = what.node if role == WRAPPER or mark in marks.comments else None
            found.append((mark, what, marks.scopes[mark]))
        return found

    def _symbols(self, begun: list[Begun]) -> tuple[str, ...]:
        """Return the names of what begins in a chunk, and of the members of whole classes."""
        holding, opened = self._roles.holding, self._marks.opened
        names: dict[str, None] = {}
        for _, what, scope in begun:
            name = self._qualified(what, scope)
            names[name] = None
            if what.kind in holding and what.node.id not in opened:
                names |= dict.fromkeys(self._held(name, what))
        return tuple(names)

    def _held(self, around: str, what: Defined) -> list[str]:
        """Return the names of all that a definition holds, without looking into functions."""
        names: list[str] = []
        inside = [(around, what)]
        while inside and len(names) < _MEMBERS:
            name, what = inside.pop()
            if name != around:
                names.append(name)
            if what.kind in self._roles.holding:
                members = self._members(what.node)
                inside += [(f"{name}.{each.name}", each) for each in reversed(members)]
        return names

    def _members(self, node: Node) -> list[Defined]:
        roles, found = self._roles, list[Defined]()
        stack = [node, body(node, roles)]
        while stack and not (found and stack == [node]):  # a body may be but the first of many
            around = stack.pop()
            if around is None or around.named_child_count > _MEMBERS:
                continue
            for child in around.named_children:
                role = roles.inner.get(child.kind_id)
                if role is not None and role not in PLAIN:
                    member = defined(child, role, roles, self._data)
                    if member is not None:
                        found.append(member)
                elif child.kind_id in roles.through and len(stack) < _MEMBERS:
                    stack.append(child)
        return found

    def _whole(self, mark: int, what: Defined, scope: Scope, symbols: tuple[str, ...]) -> Subject:
        """Describe a chunk by the definition that begins in it."""
        comments, start = self._marks.comments.get(mark, ()), self._marks.starts[mark]
        if comments:  # which may be before it, where there was no room for both
            start = min(start, comments[0][0])
        return Subject(
            self._kind(what, scope),
            what.name,
            self._qualified(what, scope),
            scope.names if what.qualifier is None else (*scope.names, what.qualifier),
            signature(what.node, self._roles, self._data),
            docstring(what.node, comments, self._roles, self._data),
            symbols,
            (start, what.node.end_byte),
        )

    def _part(self, scope: Scope, symbols: tuple[str, ...]) -> Subject:
        """Describe a chunk by the innermost definition that holds all of it."""
        found = self._parts.get(scope)
        if found is None:
            found = self._parts[scope] = self._described(scope)
        return Subject(*found[:6], symbols, found.reach) if symbols else found

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
            reach=(scope.start, what.node.end_byte),
        )

    def _plain_kind(self, low: int, high: int, top: int, *, inside: bool) -> str:
        marks = self._marks
        if low == 0 and high > 1 and self._is_documented():
            low = 1  # what a module says of itself, before its imports
        roles = {marks.roles[mark] for mark in range(low, high) if marks.levels[mark] == top}
        if inside:
            roles.add(marks.roles[low - 1])
        if roles <= {COMMENT, LEADING}:
            return "comment"
        if not roles <= PLAIN or not any(map(self._imports, range(low, high))):
            return self._otherwise
        return "import"

    def _imports(self, mark: int) -> bool:
        """Tell whether what begins at a mark imports something; its type may not be enough."""
        if self._marks.roles[mark] != IMPORT:
            return False
        return bool(imports([self._marks.nodes[mark]], self._roles, self._data))

    def _is_documented(self) -> bool:
        """Tell whether the file begins with its own docstring."""
        find = self._roles.facts.docstring
        said = None if find is None else find(self._root)
        return said is not None and self._marks.nodes[0].end_byte >= said.end_byte

    def _kind(self, what: Defined, scope: Scope) -> str:
        if what.kind != "function":
            return what.kind
        held = scope.what is not None and scope.what.kind in self._roles.facts.holders
        return "method" if held or what.qualifier is not None else "function"

    def _qualified(self, what: Defined, scope: Scope) -> str:
        if what.qualifier is None:  # nearly always
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
