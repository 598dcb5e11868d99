"""What the types of a grammar's nodes mean, by number: looked up for each node that is met."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache

from treadle.code.languages.loading import Loaded, grammar
from treadle.code.languages.model import Grammar

WRAPPER, COMMENT, LEADING, IMPORT = "(wrapper)", "(comment)", "(leading)", "(import)"
"""Roles beside the kinds of definitions; in brackets, so that no kind is called so."""

PLAIN = frozenset({COMMENT, LEADING, IMPORT})
"""The roles of what defines nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Roles:
    """
    A grammar, ready for use.

    Attributes:
        facts: What is known of it.
        outer: Of each type of nodes that means something at the top level of a file
            (``Node.kind_id``), a kind of definition or one of the roles above.
        inner: The same below the top level.
        holding: The kinds of definitions that hold others which are looked for.
        direct: The types of definitions whose name is what stands at the field ``"name"``.
        both: The kinds of the definitions that are wrappers where they have no name.
        through: The types of nodes that are looked through at the top level.
        importing: The types of nodes that import something, or may; they can have another role.
    """

    facts: Grammar
    outer: Mapping[int, str]
    inner: Mapping[int, str]
    holding: frozenset[str]
    direct: frozenset[int]
    both: Mapping[int, str]
    through: frozenset[int]
    importing: frozenset[int]


@cache
def roles(language: str) -> Roles | None:
    """Return the roles of a language; None when no grammar for it is installed."""
    loaded = grammar(language)
    if loaded is None:
        return None
    facts = loaded.facts
    by_type: dict[str, str] = dict.fromkeys(facts.imports, IMPORT)
    by_type |= dict.fromkeys(facts.leading, LEADING)
    by_type |= dict.fromkeys(facts.comments, COMMENT)
    by_type |= facts.definitions
    by_type |= dict.fromkeys(facts.wrappers, WRAPPER)
    numbers = _numbers(loaded, {*by_type, *facts.through})
    return Roles(
        facts,
        outer={number: by_type[type_] for number, type_ in numbers.items() if type_ in by_type},
        inner={
            number: by_type[type_]
            for number, type_ in numbers.items()
            if type_ in by_type and type_ not in facts.outer
        },
        holding=facts.holders | {"module", "section", "element", "rule"},
        direct=_of(facts.direct, numbers),
        both={
            number: facts.definitions[type_]
            for number, type_ in numbers.items()
            if type_ in facts.definitions and type_ in facts.wrappers
        },
        through=_of(facts.through, numbers),
        importing=_of(facts.imports, numbers),
    )


def _of(types: Collection[str], numbers: Mapping[int, str]) -> frozenset[int]:
    return frozenset(number for number, type_ in numbers.items() if type_ in types)


def _numbers(loaded: Loaded, types: set[str]) -> dict[int, str]:
    """Return the types of nodes by their numbers; a type may have several."""
    language = loaded.language
    found = {}
    for number in range(language.node_kind_count):
        type_ = language.node_kind_for_id(number)
        if type_ in types and language.node_kind_is_named(number):
            found[number] = type_
    return found
