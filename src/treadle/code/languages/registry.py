"""All languages by name: those of the table, and those that other packages add.

A package adds languages through the entry point group ``treadle.languages``: an entry point names
a :class:`~treadle.code.languages.model.Language`, or a function without arguments that returns one
or several. One with the name of a language of ours stands in its place, and its extensions,
whole names and interpreters win over ours.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.metadata
import warnings
from collections.abc import Iterable
from importlib.metadata import EntryPoint, PackageNotFoundError
from typing import NamedTuple

import treadle
from treadle.code.languages.known import ALIASES, LANGUAGES
from treadle.code.languages.model import Grammar, Language

GROUP = "treadle.languages"
"""The entry point group of packages that add languages."""


class Tables(NamedTuple):
    """
    What names a language, each to its name.

    Attributes:
        languages: All of them by name.
        extensions: By extension, with the dot, in lower case.
        filenames: By the whole name of a file, in lower case.
        interpreters: By the name in a shebang, without version.
        claimed: The extensions that other packages give to a language of theirs.
        providers: For a language of another package, that package and its version.
    """

    languages: dict[str, Language]
    extensions: dict[str, str]
    filenames: dict[str, str]
    interpreters: dict[str, str]
    claimed: set[str]
    providers: dict[str, str]


def language(name: str) -> Language:
    """
    Return the language of a name, in any case; common other names do as well (``"c++"``).

    Args:
        name: Such as ``"python"``.

    Raises:
        UsageError: There is no such language.
    """
    known = tables().languages
    wanted = name.lower()
    found = known.get(wanted) or known.get(ALIASES.get(wanted, ""))
    if found is not None:
        return found
    near = difflib.get_close_matches(wanted, [*known, *ALIASES], n=3)
    names = dict.fromkeys(ALIASES.get(each, each) for each in near)
    meant = " or ".join(repr(each) for each in names)
    raise treadle.UsageError(
        f"no such language: {name!r}",
        hint=f"did you mean {meant}?" if near else "`treadle code languages` lists them",
    )


def known_languages() -> list[Language]:
    """Return all languages, ours and those of other packages, by name."""
    known = tables().languages
    return [known[name] for name in sorted(known)]


@functools.cache
def salt(name: str) -> str:
    """
    Return what else than the file and the options decides how files of a language are cut.

    That is the library of its grammar with its version (``"tree-sitter-go 0.25.0"``), and for a
    language of another package that package with its version. Nothing is loaded for it.

    Args:
        name: The name of a language; ``"text"`` and names that are not known give the empty text.
    """
    known = tables()
    spoken = known.languages.get(name)
    if spoken is None:
        return ""
    about = None if spoken.grammar is None else _facts_or_none(spoken.grammar)
    parts = (None if about is None else library(about), known.providers.get(name))
    return ", ".join(part for part in parts if part)


def facts(place: str) -> Grammar:
    """
    Return the facts about a grammar that stand at a place.

    Args:
        place: As in ``Language.grammar``: ``"module:NAME"``.

    Raises:
        ImportError: There is no such module.
        AttributeError: There is nothing of that name in it.
        TypeError: What is there is no :class:`~treadle.code.languages.model.Grammar`.
    """
    module, _, name = place.partition(":")
    found = getattr(importlib.import_module(module), name)
    if not isinstance(found, Grammar):
        raise TypeError(f"{place} is of type {type(found).__name__}, not Grammar")
    return found


def library(grammar: Grammar) -> str | None:
    """Return the library of a grammar with its version; None where it is not installed."""
    try:
        return f"{grammar.package} {importlib.metadata.version(grammar.package)}"
    except PackageNotFoundError:
        return None


def _facts_or_none(place: str) -> Grammar | None:
    try:
        return facts(place)
    except Exception:
        return None  # no file is parsed with it; ``loading.trouble`` tells why


@functools.cache
def tables() -> Tables:
    """Return the tables of all languages, made once in a process."""
    made = Tables({}, {}, {}, {}, set(), {})
    for each in LANGUAGES:
        _add(made, each)
    for point in _entry_points():
        for each in _load(point):
            _add(made, each)
            made.claimed.update(key.lower() for key in each.extensions)
            made.providers[each.name] = _provider(point)
    return made


def _add(made: Tables, each: Language) -> None:
    replaced = made.languages.get(each.name)
    if replaced is not None:
        for table in (made.extensions, made.filenames, made.interpreters):
            for key in [key for key, name in table.items() if name == each.name]:
                del table[key]
    made.languages[each.name] = each
    made.extensions.update((key.lower(), each.name) for key in each.extensions)
    made.filenames.update((key.lower(), each.name) for key in each.filenames)
    made.interpreters.update((key, each.name) for key in each.interpreters)


def _entry_points() -> list[EntryPoint]:
    found = importlib.metadata.entry_points(group=GROUP)
    # In the same order on every machine, for the last one wins.
    return sorted(found, key=lambda point: (_provider(point), point.name, point.value))


def _provider(point: EntryPoint) -> str:
    return "" if point.dist is None else f"{point.dist.name} {point.dist.version}"


def _load(point: EntryPoint) -> list[Language]:
    """Return what an entry point adds; nothing, after a warning, when it is broken."""
    try:
        return _checked(point.load())
    except Exception as error:
        warnings.warn(
            f"the languages of entry point {point.name!r} ({point.value}) are left out: "
            f"{type(error).__name__}: {error}",
            RuntimeWarning,
            stacklevel=2,
        )
        return []


def _checked(given: object) -> list[Language]:
    if callable(given):
        given = given()
    found = []
    for each in given if isinstance(given, Iterable) else [given]:
        if not isinstance(each, Language):
            raise TypeError(f"{each!r} is no treadle.code.languages.model.Language")
        if not each.name or each.name != each.name.lower():
            raise ValueError(f"the name of a language is in lower case, not {each.name!r}")
        found.append(each)
    return found
