"""Marks from a syntax tree: down to the nodes that fit the budget, and no further.

This is the splitting half of cAST (Zhang et al., "cAST: Enhancing Code Retrieval-Augmented
Generation with Structural Chunking via Abstract Syntax Tree", arXiv 2506.15655): a node that fits
is a piece, any other is replaced by its children. Comments, and what else leads to a definition
such as an attribute, are one piece with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, repeat
from operator import sub
from typing import TYPE_CHECKING, NamedTuple

from treadle.code.budget.measures import Measure
from treadle.code.cutting.marks import POOR, Mark, Marks, Scope, Span
from treadle.code.trees.definitions import body, defined
from treadle.code.trees.roles import COMMENT, LEADING, PLAIN, WRAPPER, Roles

if TYPE_CHECKING:
    from tree_sitter import Node

WIDE = 100_000
"""Children of one node that are looked at one by one; a longer list is cut by its lines."""

_DEEP = 8  # levels down to the end of a node
_INDENT = 200  # bytes before a comment that are looked at for the beginning of its line
_LEADS: frozenset[str | None] = frozenset({COMMENT, LEADING})
_NO_SCOPE = PLAIN | {WRAPPER}  # what is wrapped is met further down, by itself


@dataclass(slots=True)
class _Leading:
    """
    Comments and attributes before what they lead to.

    Attributes:
        mark: That of the first; -1 where there are none.
        end: Where the last ends.
        attributes: Where the attributes begin that are between comments and node; or -1.
    """

    mark: int = -1
    end: int = 0
    attributes: int = -1


class _Family(NamedTuple):
    """
    The children of a node that are still to be looked at.

    Attributes:
        children: Each with its start, end and role.
        level: Theirs.
        scope: Theirs.
        top: They stand at the top level of the file, or count as if they did.
        poor: Those that begin up to here are the head of a definition, or the first of its body:
            no good place for a cut.
        begun: Where what is wrapped around them begins, with its comments; -1 for nothing.
        head: Where the definition begins whose parts they are, or whose body's: what fits, but not
            together with the head, is rather cut inside than off. None for others.
        leading: The comments before the next of them.
    """

    children: Iterator[tuple[Node, int, int, str | None]]
    level: int
    scope: Scope
    top: bool
    poor: int
    begun: int
    head: int | None
    leading: _Leading


def marks(data: bytes, root: Node, roles: Roles, measure: Measure, *, max_depth: int) -> Marks:
    """
    Find the places where the file is best cut.

    Args:
        data: The text that was parsed.
        root: The root of its tree.
        roles: Those of its grammar.
        measure: What is over the budget.
        max_depth: Levels to go down; what is nested deeper is a piece.
    """
    return _Descent(data, roles, measure, max_depth).of(root)


class _Descent:
    """The way down a tree; without recursion, for trees are deeper than stacks."""

    def __init__(self, data: bytes, roles: Roles, measure: Measure, max_depth: int) -> None:
        self._data, self._roles, self._measure = data, roles, measure
        self._max_depth = max_depth
        self._found: list[Mark] = []
        self._comments: dict[int, list[Span]] = {}
        self._opened: dict[int, Scope] = {}
        self._importing: list[Node] = []
        self._too_deep = 0

    def of(self, root: Node) -> Marks:
        """Return what is found from *root* down."""
        top = Scope()
        # Its children are looked at even where all fits, to tell what the file defines.
        first = self._into(root, None, 0, top, top=True)
        stack = [] if first is None else [first]
        while stack:
            further = self._through(stack[-1])
            if further is None:
                stack.pop()
            else:
                stack.append(further)
        _, level, node, role, scope = self._found[0] if self._found else (0, 0, root, None, top)
        self._found[:1] = [(0, level, node, role, scope)]  # with what is white before it
        importing = sorted(self._importing, key=lambda node: node.start_byte)
        return Marks.of(self._found, self._comments, self._opened, importing, self._too_deep)

    def _through(self, family: _Family) -> _Family | None:
        """Look at the children of a node, up to one that is over the budget; return its own."""
        children, level, scope, top, poor, begun, head, leading = family
        through, swallows = self._roles.through if top else (), self._roles.facts.swallows
        inline = level > 1 and top  # of an #ifdef: its condition, which is no place for a cut
        data, measure, before = self._data, self._measure, None
        sure, exact, fits = measure.sure, measure.exact, measure.fits
        for node, start, end, role in children:
            if before is not None and leading.mark < 0:
                self._swallowed(leading, before, level, scope)
            good, begin = level, start
            if start <= poor:
                good += POOR
                if head is not None and (role is None or role in PLAIN):
                    begin = head
            if role in _LEADS:
                self._leads(leading, (start, good, node, role, scope), end)
                before = None
                continue
            before = node if swallows else None
            over = end - begin > sure and (exact or not fits(begin, end))
            goes_through = top and node.kind_id in through
            passed_on = None
            if leading.mark >= 0:
                if goes_through and _adjoins(data, leading.end, start):
                    passed_on, leading = leading, _Leading()  # to the first of what is in it
                else:
                    mark = (start, good, node, role, scope)
                    self._lead_to(mark, leading, None if over else end)
            elif not inline or role is not None or _is_first_on_line(data, start):
                self._add(start, good, node, role, scope)
            if over or goes_through:
                body_of = head if start == poor else None
                inner = self._into(
                    node, role, level, scope, top=goes_through, body_of=body_of, begun=begun
                )
                if inner is not None:
                    return inner if passed_on is None else inner._replace(leading=passed_on)
        return None

    def _leads(self, leading: _Leading, mark: Mark, end: int) -> None:
        """Take a comment, or an attribute, that leads to what follows."""
        start, _, _, role, _ = mark
        if role == COMMENT and not _is_first_on_line(self._data, start):
            if leading.mark >= 0 and _adjoins(self._data, leading.end, start):
                leading.end = end
            return  # it speaks of what is before it on the line
        if leading.mark < 0 or not _adjoins(self._data, leading.end, start):
            leading.mark, leading.attributes = len(self._found), -1
            self._found.append(mark)
        leading.end = end
        if role == COMMENT:
            self._comments.setdefault(leading.mark, []).append((start, end))
            leading.attributes = -1
        elif leading.attributes < 0:
            leading.attributes = start

    def _lead_to(self, mark: Mark, leading: _Leading, end: int | None) -> None:
        """Let what ends at *end*, if it fits, begin with the comments that lead to it."""
        start, level, node, role, scope = mark
        found, first = self._found, leading.mark
        begun = found[first][0]
        leading.mark = -1
        if not _adjoins(self._data, leading.end, start):
            found.append(mark)
            return
        found[first] = (begun, level, node, role, scope)
        own = start if leading.attributes < 0 else leading.attributes
        if begun < own and end is not None and not self._measure.fits(begun, end):
            # Not with its comments: two parts of the same.
            self._comments[len(found)] = self._comments.get(first, [])
            found.append((own, level + 1, node, role, scope))

    def _swallowed(self, leading: _Leading, node: Node, level: int, scope: Scope) -> None:
        """Take the comments at the end of a node, if they lead to what follows."""
        found, comments = self._found, _comments_at_the_end(node, self._roles)
        if not comments or not _is_first_on_line(self._data, comments[0].start_byte):
            return
        first = comments[0]
        if found[-1][0] > first.start_byte:  # they were cut apart
            return
        if found[-1][0] < first.start_byte:
            found.append((first.start_byte, level, first, COMMENT, scope))
        leading.mark, leading.end, leading.attributes = len(found) - 1, comments[-1].end_byte, -1
        spans = [(each.start_byte, each.end_byte) for each in comments]
        self._comments[leading.mark] = spans

    def _add(self, start: int, level: int, node: Node, role: str | None, scope: Scope) -> None:
        """Add a mark; the first child of a node begins where that does, and is one mark with it."""
        found = self._found
        if not found or found[-1][0] != start or not (role is None or found[-1][3] is None):
            found.append((start, level, node, role, scope))
        elif role is not None:
            found[-1] = (start, found[-1][1], node, role, scope)

    def _into(
        self,
        node: Node,
        role: str | None,
        level: int,
        scope: Scope,
        *,
        top: bool = False,
        body_of: int | None = None,
        begun: int = -1,
    ) -> _Family | None:
        """Return the children of a node; None where none is left to be looked at."""
        if level >= self._max_depth:
            fits = self._measure.fits(node.start_byte, node.end_byte)  # else it is looked through
            self._too_deep += not fits
            return None
        if node.named_child_count > WIDE:
            self._lines(node, level + 1, scope)
            return None
        children = node.named_children
        if not children:
            return None
        if begun < 0 and self._found:
            begun = self._found[-1][0]
        poor, head = -1, None
        if role is not None and role not in _NO_SCOPE:
            what = defined(node, role, self._roles, self._data)
            if what is not None:
                scope = self._opened[what.node.id] = scope.inside(what, begun)
                inner = body(what.node, self._roles)
                if inner is not None:
                    poor, head = inner.start_byte, node.start_byte
        level += 1
        role_of = (self._roles.outer if top else self._roles.inner).get
        starts = [child.start_byte for child in children]
        ends = [child.end_byte for child in children]
        roles = [role_of(child.kind_id) for child in children]
        if body_of is not None and head is None:
            poor, head = starts[0], body_of
        undecided = poor >= 0 or max(map(sub, ends, starts)) > self._measure.sure
        if top:
            importing = self._roles.importing
            self._importing += [child for child in children if child.kind_id in importing]
            undecided = True
        if undecided or not _LEADS.isdisjoint(roles):
            each = zip(children, starts, ends, roles, strict=True)
            wrapped = begun if role == WRAPPER else -1
            return _Family(each, level, scope, top, poor, wrapped, head, _Leading())
        # Nothing is to be decided about any of them: most of all nodes are taken here, at once.
        self._add(starts[0], level, children[0], roles[0], scope)
        rest = zip(starts, repeat(level), children, roles, repeat(scope), strict=False)
        self._found.extend(islice(rest, 1, None))
        return None

    def _lines(self, node: Node, level: int, scope: Scope) -> None:
        """Add the lines of a node instead of its children."""
        data, end = self._data, node.end_byte
        line = data.find(b"\n", node.start_byte, end) + 1
        while 0 < line < end:
            self._found.append((line, level, node, None, scope))
            line = data.find(b"\n", line, end) + 1


def _comments_at_the_end(node: Node, roles: Roles) -> list[Node]:
    """Return the comments that a node ends with, if it has something before them."""
    for _ in range(_DEEP):
        children = node.named_children if node.named_child_count <= WIDE else []
        comments: list[Node] = []
        while children and roles.inner.get(children[-1].kind_id) == COMMENT:
            comments.append(children.pop())
        if comments or not children:
            return comments[::-1] if children else []
        node = children[-1]
    return []


def _adjoins(data: bytes, end: int, start: int) -> bool:
    """Tell whether there is no empty line between the end of a comment and what follows it."""
    ended = data[end - 1 : end] == b"\n"  # some grammars count the end of the line to a comment
    return data.count(b"\n", end, start) <= (0 if ended else 1)


def _is_first_on_line(data: bytes, start: int) -> bool:
    begin = max(0, start - _INDENT)
    line = data.rfind(b"\n", begin, start) + 1
    if line == 0 and begin > 0:
        return False
    return not data[max(line, begin) : start].strip()
