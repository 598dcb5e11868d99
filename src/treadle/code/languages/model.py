"""What a language is: its names, its files, and how it is cut."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from tree_sitter import Node

Style: TypeAlias = Literal["code", "prose", "data"]

Namer: TypeAlias = "Callable[[Node], Node | None]"
"""Finds in a definition the node that is its name; None when it has none."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """
    How a grammar of tree-sitter sees a language: which types of nodes mean what.

    Attributes:
        module: The Python module of its wheel, such as ``"tree_sitter_python"``.
        package: The distribution to install, such as ``"tree-sitter-python"``.
        function: The function of *module* that returns the language.
        definitions: Types of nodes that define something, each with its kind (see
            ``values.KINDS``). A ``"function"`` inside one of *holders* becomes a ``"method"``.
            A node for which *name* finds nothing is no definition. A type may stand in *wrappers*
            as well: it is a wrapper where it has no name of its own.
        holders: Kinds whose functions are methods.
        wrappers: Types of nodes around a definition that belong to it, such as
            ``"decorated_definition"`` or ``"export_statement"``.
        comments: Types of nodes that are comments.
        leading: Further types of siblings that belong to what follows them, such as Rust's
            ``"attribute_item"``.
        swallows: Nodes count comments after them as their own end, though these lead to what
            follows, such as those between two tables in TOML.
        imports: Types of nodes that import something, or may: see *imported*.
        outer: Those of *definitions* and *wrappers* that count at the top level of a file only,
            such as the statement that is an assignment in Python.
        through: Types of nodes at the top level whose contents count as standing there, too, such
            as ``#ifdef`` in C, or ``try`` in Python.
        direct: Those of *definitions* whose name is what stands at the field ``"name"``, and
            nothing else has to be known of them: *name*, *spelled*, *kind* and *qualifier* are not
            asked, which saves time.
        name: Finds the node of a definition's name; None: the node defines nothing.
        spelled: Returns the name of a definition where the text of the node that *name* finds is
            not all of it; None (default) where it always is.
        kind: Returns the kind of a definition where the type of its node does not tell, such as
            ``"class_declaration"`` for an enum in Kotlin; None (default): what *definitions* says.
        body: Finds the node of a definition's body; what is before it is the signature.
        docstring: Finds the node of a docstring *inside* a definition; None (default) where a
            language documents in the comments before it.
        imported: Returns what a node of *imports* imports, as names; no names: it imports
            nothing, such as a call of another function than ``require``. The default takes the
            text of the node.
        crashes: Finds in a text what takes the parser down, so that it is not parsed; None
            (default) where nothing is known to.
        qualifier: Finds the node that names what a definition belongs to where that is not
            around it, such as the receiver of a method in Go; None (default) for none.
    """

    module: str
    package: str
    function: str = "language"
    definitions: Mapping[str, str] = field(default_factory=dict)
    holders: frozenset[str] = frozenset({"class", "interface", "struct", "trait", "impl", "enum"})
    wrappers: frozenset[str] = frozenset()
    comments: frozenset[str] = frozenset({"comment"})
    leading: frozenset[str] = frozenset()
    swallows: bool = False
    imports: frozenset[str] = frozenset()
    outer: frozenset[str] = frozenset()
    through: frozenset[str] = frozenset()
    direct: frozenset[str] = frozenset()
    name: Namer | None = None
    spelled: Callable[[Node], str] | None = None
    kind: Callable[[Node], str] | None = None
    body: Namer | None = None
    docstring: Namer | None = None
    imported: Callable[[Node], list[str]] | None = None
    qualifier: Namer | None = None
    crashes: re.Pattern[bytes] | None = None


@dataclass(frozen=True, slots=True)
class Language:
    """
    A language by its files.

    Attributes:
        name: In lower case, such as ``"python"``.
        extensions: With the dot, in lower case: ``(".py", ".pyi")``. Longer ones win:
            ``".blade.php"`` before ``".php"``.
        filenames: Whole names, such as ``("Makefile",)``.
        interpreters: Names in a shebang, without versions: ``("python",)``.
        style: How it is cut without a grammar: ``"code"``, ``"prose"``, or ``"data"``.
        grammar: Where its grammar stands, as ``"module:NAME"`` (a :class:`Grammar`); None where
            there is none. By name, for it is loaded when a file of the language is met.
        comment: What begins a comment on a line, such as ``"#"``; None where nothing does.
    """

    name: str
    extensions: tuple[str, ...] = ()
    filenames: tuple[str, ...] = ()
    interpreters: tuple[str, ...] = ()
    style: Style = "code"
    grammar: str | None = None
    comment: str | None = None
