"""Scores of answers: what a scorer says of each, next to the answer and never instead of it.

    exact:COLUMN        the answer is what the column holds
    contains:COLUMN     ... holds it
    regex:PATTERN       the pattern is found in the answer
    regex:@COLUMN       ... the pattern that the column holds
    json                there is JSON in the answer
    json-schema:FILE    ... that the JSON Schema in the file allows
    NAME[:ARGUMENT]     a scorer of another package

White space around answers and cells is no difference for ``exact`` and ``contains``. Where a row's
column is empty there is nothing to compare with, and no score.

Another package declares an entry point in the group ``treadle.prompts.scorers``: a function of the
argument (text, may be empty) that returns a scorer. A scorer that has an attribute ``names`` gives
a mapping with these names, and each is a score of its own.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, TypeAlias

import treadle
from treadle.prompts.flatten import find_json
from treadle.prompts.near import did_you_mean
from treadle.prompts.values import Answer, Ask

Scorer: TypeAlias = Callable[[Ask, Answer], Mapping[str, Any] | bool | float | None]
"""Says how good an answer is; None where that cannot be said."""

GROUP = "treadle.prompts.scorers"
"""The entry points of other packages."""

_NOT_IN_NAME = re.compile(r"[\W_]+")


class Scorers:
    """
    Scorers by the names of their scores.

    Args:
        scorers: Each with its name.
    """

    def __init__(self, scorers: Iterable[tuple[str, Scorer]] = ()) -> None:
        self._scorers: dict[str, Scorer] = {}
        for name, scorer in scorers:
            self._scorers[_free(name, self._scorers)] = scorer

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all scores, known before there is an answer."""
        return tuple(
            inner for name, scorer in self._scorers.items() for inner in _names_of(name, scorer)
        )

    def __len__(self) -> int:
        return len(self._scorers)

    def score(self, ask: Ask, answer: Answer) -> dict[str, Any]:
        """
        Return the scores by name, and put them into *answer*.

        A scorer that raises gives no score, and a warning in *answer*.
        """
        scores: dict[str, Any] = {}
        for name, scorer in self._scorers.items():
            try:
                scores |= _scores(name, scorer, scorer(ask, answer))
            except Exception as error:
                warning = f"no score {name!r}: {type(error).__name__}: {error}"
                answer.warnings = (*answer.warnings, warning)
        answer.scores = {**answer.scores, **scores}
        return scores


def scorers_from(texts: Sequence[str], *, header: Collection[str] | None = None) -> Scorers:
    """
    Return the scorers that *texts* name.

    Args:
        texts: Such as ``exact:answer``; see above.
        header: The columns that there are; None to look for them with each answer.

    Raises:
        UsageError: There is no such scorer or column, or a pattern or schema is wrong.
        MissingExtra: ``json-schema`` needs the library jsonschema.
    """
    return Scorers(_named(text, header) for text in texts)


def _named(text: str, header: Collection[str] | None) -> tuple[str, Scorer]:
    kind, _, argument = text.partition(":")
    if kind in {"exact", "contains"}:
        column = _column(text, argument, header)
        compare = _is_equal if kind == "exact" else _holds
        return _score_name(kind, column), functools.partial(_compared, column, compare)
    if kind == "regex" and argument.startswith("@"):
        column = _column(text, argument[1:], header)
        return _score_name(kind, column), functools.partial(_compared, column, _matches_cell)
    if kind == "regex":
        pattern = _pattern(text, argument)
        return kind, lambda _ask, answer: pattern.search(answer.text) is not None
    if kind == "json":
        return kind, _has_json
    if kind == "json-schema":
        return "json_schema", _schema_scorer(text, argument)
    return _score_name(kind, argument), _installed(kind, argument)


def _column(text: str, column: str, header: Collection[str] | None) -> str:
    if not column:
        raise treadle.UsageError(
            f"the scorer {text!r} names no column",
            hint="exact:COLUMN, contains:COLUMN or regex:@COLUMN",
        )
    if header is not None and column not in header:
        raise treadle.UsageError(
            f"the scorer {text!r} needs a column {column!r}, which the table has not",
            hint=did_you_mean(column, header, called="columns"),
        )
    return column


def _compared(
    column: str, compare: Callable[[str, str], bool], ask: Ask, answer: Answer
) -> bool | None:
    cell = ask.cells.get(column, "").strip()
    return compare(cell, answer.text) if cell else None


def _is_equal(cell: str, text: str) -> bool:
    return cell == text.strip()


def _holds(cell: str, text: str) -> bool:
    return cell in text


def _matches_cell(cell: str, text: str) -> bool:
    return _compiled(cell).search(text) is not None


@functools.lru_cache(maxsize=1000)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _pattern(text: str, pattern: str) -> re.Pattern[str]:
    if not pattern:
        raise treadle.UsageError(
            f"the scorer {text!r} has no pattern", hint="regex:PATTERN or regex:@COLUMN"
        )
    try:
        return re.compile(pattern)
    except re.error as error:
        raise treadle.UsageError(
            f"the scorer {text!r} has a bad pattern: {error}",
            hint=r"write \( for a bracket itself, and so on",
        ) from error


def _has_json(_ask: Ask, answer: Answer) -> bool:
    return find_json(answer.text) is not None


def _schema_scorer(text: str, path: str) -> Scorer:
    try:
        import jsonschema
    except ImportError as error:
        raise treadle.MissingExtra(
            "jsonschema", "prompts", purpose="the scorer json-schema"
        ) from error
    schema = _read_schema(text, path)
    checks = jsonschema.validators.validator_for(schema)
    try:
        checks.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise treadle.UsageError(
            f"{path!r} is no JSON Schema: {error.message}",
            hint=f"look at {error.json_path} in the file",
        ) from error
    validator = checks(schema)

    def score(_ask: Ask, answer: Answer) -> bool:
        found = find_json(answer.text)
        return found is not None and bool(validator.is_valid(found))

    return score


def _read_schema(text: str, path: str) -> Any:
    if not path:
        raise treadle.UsageError(
            f"the scorer {text!r} names no file", hint="json-schema:answer.schema.json"
        )
    try:
        return json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise treadle.UsageError(
            f"the schema {path!r} cannot be read: {error.strerror or error}",
            hint="the path is relative to the folder you are in",
        ) from error
    except ValueError as error:
        raise treadle.UsageError(
            f"the schema {path!r} is no JSON: {error}", hint="write it as a JSON object"
        ) from error


def _installed(kind: str, argument: str) -> Scorer:
    """
    Return a scorer of another package.

    Raises:
        UsageError: There is none of that name, or it cannot be used.
    """
    points = {point.name: point for point in entry_points(group=GROUP)}
    if kind not in points:
        built_in = ("exact", "contains", "regex", "json", "json-schema")
        raise treadle.UsageError(
            f"there is no scorer {kind!r}",
            hint=did_you_mean(kind, (*built_in, *sorted(points)), called="scorers"),
        )
    return _made(points[kind], argument)


def _made(point: EntryPoint, argument: str) -> Scorer:
    try:
        scorer = point.load()(argument)
    except Exception as error:
        raise treadle.UsageError(
            f"the scorer {point.name!r} ({point.value}) cannot be used: "
            f"{type(error).__name__}: {error}",
            hint="ask the package it comes from",
        ) from error
    if not callable(scorer):
        raise treadle.UsageError(
            f"the scorer {point.name!r} ({point.value}) returned {scorer!r:.80}",
            hint="it should return a function of (ask, answer)",
        )
    made: Scorer = scorer
    return made


def _scores(
    name: str, scorer: Scorer, said: Mapping[str, Any] | bool | float | None
) -> dict[str, Any]:
    inner = getattr(scorer, "names", None)
    if inner is None or said is None:
        return {name: said} if inner is None else {}
    if not isinstance(said, Mapping):
        raise TypeError(f"it should return a mapping with {', '.join(inner)}, got {said!r:.80}")
    return {f"{name}_{each}": said[each] for each in inner if each in said}


def _names_of(name: str, scorer: Scorer) -> list[str]:
    inner = getattr(scorer, "names", None)
    return [name] if inner is None else [f"{name}_{each}" for each in inner]


def _score_name(kind: str, argument: str) -> str:
    return _NOT_IN_NAME.sub("_", f"{kind}_{argument}" if argument else kind).strip("_")


def _free(name: str, taken: Collection[str]) -> str:
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
