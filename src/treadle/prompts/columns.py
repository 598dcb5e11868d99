"""The columns of the results: those of the table untouched, then ours, which never collide.

Ours begin with a prefix. A table that has a column of such a name, such as the results of an
earlier run, gives all of ours a longer prefix. JSON columns come from the answers and have no
prefix; see ``json_columns``.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

import treadle
from treadle.prompts.flatten import find_json
from treadle.prompts.json_columns import JsonColumns
from treadle.prompts.values import Answer, Ask, Ended

Cell: TypeAlias = str | int | float | None
"""A cell; None for an empty one. ``str`` of the others is what a file has."""

Profile: TypeAlias = Literal["treadle", "parallamr"]

SEPARATOR = "; "
"""Stands between the warnings of a row."""

LOST_CHARACTERS = "characters that no CSV can hold were replaced by U+FFFD"
"""The warning of a row that had NUL or half of a surrogate pair."""

NO_JSON = "no JSON was found in the answer"
"""The warning of a row whose JSON was wanted, so that empty cells are not taken for null."""

_TREADLE = (
    "status", "output", "finish", "error_type", "error", "warnings", "model_used", "in_tokens",
    "out_tokens", "cached_tokens", "reasoning_tokens", "tokens_source", "cost", "latency_s",
    "attempts", "waited_s", "http_status", "request_id", "prompt_hash", "key", "started",
)  # fmt: skip
_PARALLAMR = (
    "status", "input_tokens", "context_window", "output_tokens", "output", "error_message",
)  # fmt: skip

_FORMULA = ("=", "+", "-", "@")
_MOVES_ON = ("\t", "\r")  # what follows may come to stand in a cell of its own
_UNSEEN = string.whitespace + "\0\x85\xa0\u200b\u2028\u2029\u3000\ufeff"
_LOST = {0: "\ufffd", **dict.fromkeys(range(0xD800, 0xE000), "\ufffd")}


class Columns:
    """
    Which columns the results have, and what a request writes into them.

    Args:
        header: The columns of the table.
        prefix: What our columns begin with; made longer if the table has a column of that name,
            unless it is empty.
        profile: ``"parallamr"`` for the columns of that program in its order, with the newlines
            of answers replaced by spaces and ``CRLF`` line ends; no prefix unless they collide.
        prompts: There are several prompts, so that a column must tell them apart.
        models: Models were not chosen by the table, so that columns must name them.
        repeats: There are several repeats.
        ttft: Answers are streamed: the time to the first token is known.
        scores: Names of the scores.
        flatten: Take JSON out of answers: ``"off"``, ``"discover"`` for all that is found by
            `discover`, or the names that are wanted.
        guard: Write ``'`` in front of names and cells that a spreadsheet would take for a formula.
        window: Returns the context window of a request's model, for ``"parallamr"``.

    Raises:
        UsageError: *profile* or *flatten* is no such word, or there is no prefix and the table has
            a column of the name of ours.
    """

    def __init__(
        self,
        header: Sequence[str],
        *,
        prefix: str = "_",
        profile: Profile = "treadle",
        prompts: bool = False,
        models: bool = False,
        repeats: bool = False,
        ttft: bool = False,
        scores: Sequence[str] = (),
        flatten: str | Sequence[str] = "off",
        guard: bool = False,
        window: Callable[[Ask], int | None] | None = None,
    ) -> None:
        if profile not in {"treadle", "parallamr"}:
            raise treadle.UsageError(
                f"there are no columns {profile!r}", hint="treadle or parallamr"
            )
        self._like_parallamr = profile == "parallamr"
        # The other program has columns for provider and model in any case.
        models = models and not self._like_parallamr
        self._axes = _Axes(prompts=prompts, models=models, repeats=repeats)
        self._ttft = ttft
        self._scores = tuple(scores)
        self._guard = guard
        self._window = window
        if self._like_parallamr:
            self._inputs = tuple(name for name in header if name not in {"provider", "model"})
            before = ("provider", "model", *self._inputs)
            own = (*self._axes.names, *_PARALLAMR)
            prefix = ""
        else:
            self._inputs = before = tuple(header)
            own = ("row", *self._axes.names, *_treadle_names(ttft=ttft))
        self._before = before
        own = (*own, *(f"score_{name}" for name in self._scores))
        self.prefix = _free_prefix(prefix, own, before)
        if self.prefix and not prefix and not self._like_parallamr:
            both = next(name for name in before if name.casefold() in set(own))
            raise treadle.UsageError(
                f"without a prefix there would be two columns {both!r}", hint="--prefix out_"
            )
        self._own = tuple(self.prefix + name for name in own)
        self._json = _json_columns(flatten, taken=(*before, *self._own))

    @property
    def names(self) -> tuple[str, ...]:
        """All columns in order, as the head of a table has them."""
        return tuple(map(_guarded, self._names)) if self._guard else self._names

    @property
    def _names(self) -> tuple[str, ...]:
        if self._json is None:
            return (*self._before, *self._own)
        if self._like_parallamr:
            axes = len(self._axes.names)
            own = self._own
            return (*self._before, *own[:axes], *self._json.names, *own[axes:])
        return (*self._before, *self._own, *self._json.names)

    @property
    def row_end(self) -> str:
        """What ends a row in a CSV file."""
        return "\r\n" if self._like_parallamr else "\n"

    @property
    def are_discovered(self) -> bool:
        """Which JSON columns there are depends on all answers: see `discover`."""
        return self._json is not None and self._json.grows

    def discover(self, ended: Ended) -> None:
        """Add the columns for the JSON of an answer; without effect unless `are_discovered`."""
        if self._json is not None and self._json.grows and ended.answer is not None:
            self._json.add(find_json(ended.answer.text))

    def cells(self, ask: Ask, ended: Ended) -> list[str]:
        """Return the cells of one request as text, in the order of `names`."""
        return ["" if cell is None else str(cell) for cell in self.row(ask, ended)]

    def row(self, ask: Ask, ended: Ended) -> list[Cell]:
        """Return the cells of one request with numbers as numbers, in the order of `names`."""
        row = self._parallamr(ask, ended) if self._like_parallamr else self._treadle(ask, ended)
        if self._guard:
            return [_guarded(cell) if type(cell) is str else cell for cell in row]
        return row

    def record(self, ask: Ask, ended: Ended) -> dict[str, Any]:
        """Return one request as JSON can have it: numbers are numbers, warnings and scores too."""
        row = self._parallamr(ask, ended) if self._like_parallamr else self._treadle(ask, ended)
        record: dict[str, Any] = dict(zip(self._names, row, strict=True))
        answer = ended.answer
        if not self._like_parallamr:
            found = self._json_of(answer)
            record[f"{self.prefix}warnings"] = list(self._warnings(ask, answer, found))
            cost = None if answer is None else answer.cost
            record[f"{self.prefix}cost"] = None if cost is None else float(cost)
        if answer is not None:
            for name in self._scores:
                record[f"{self.prefix}score_{name}"] = answer.scores.get(name)
        return record

    def without_lost(self, row: Sequence[Cell]) -> list[Cell]:
        """Return *row* with U+FFFD for what CSV or UTF-8 cannot hold, and a warning if any was."""
        clean = [representable(cell) if isinstance(cell, str) else cell for cell in row]
        if clean != list(row):
            name = "error_message" if self._like_parallamr else "warnings"
            at = self._names.index(self.prefix + name)
            clean[at] = SEPARATOR.join(filter(None, (str(clean[at] or ""), LOST_CHARACTERS)))
        return clean

    def _treadle(self, ask: Ask, ended: Ended) -> list[Cell]:
        row: list[Cell] = list(map(ask.cells.get, self._inputs))
        row.append(ask.row)
        row += self._axes.cells(ask)
        answer = ended.answer
        found = self._json_of(answer)
        if answer is None:
            row += (ended.status, None, None, ended.error_type, ended.error)
            row += (SEPARATOR.join(ask.warnings), None, None, None, None, None, None, None, None)
        else:
            usage = answer.usage
            said = usage.input is not None or usage.output is not None
            warnings = self._warnings(ask, answer, found)
            row += (
                ended.status,
                answer.text,
                answer.finish,
                ended.error_type,
                ended.error,
                SEPARATOR.join(warnings) if warnings else None,
                answer.model,
                usage.input,
                usage.output,
                usage.cached,
                usage.reasoning,
                usage.source if said else None,
                None if answer.cost is None else format(answer.cost, "f"),
                round(answer.latency, 4),
            )
        if self._ttft:
            row.append(None if answer is None or answer.ttft is None else round(answer.ttft, 4))
        row += (
            ended.attempts,
            round(ended.waited, 3),
            ended.http_status or None,
            ended.request_id,
            ask.prompt_hash,
            ask.key,
            _iso(ended.started),
        )
        if self._scores:
            row += self._score_cells(answer)
        if self._json is not None:
            row += self._json.cells(found)
        return row

    def _parallamr(self, ask: Ask, ended: Ended) -> list[Cell]:
        answer = ended.answer
        row: list[Cell] = [ask.lane, ask.model, *map(ask.cells.get, self._inputs)]
        row += self._axes.cells(ask)
        found = self._json_of(answer)
        if self._json is not None:
            row += self._json.cells(found)
        notes = list(self._warnings(ask, answer, found))
        if answer is None:
            status = "error"
            notes.insert(0, ended.error)
        elif ended.status == "ok":
            status = "warning" if notes else "ok"
        else:
            status = "warning"
            notes.append(f"the answer is {ended.status}")
        row += (
            status,
            None if answer is None else answer.usage.input,
            None if self._window is None else self._window(ask),
            None if answer is None else answer.usage.output,
            "" if answer is None else _on_one_line(answer.text),
            _on_one_line(SEPARATOR.join(notes)),
        )
        return row + self._score_cells(answer)

    def _json_of(self, answer: Answer | None) -> Any:
        """Return the JSON in an answer; None where there is none, or none is wanted."""
        return None if answer is None or self._json is None else find_json(answer.text)

    def _warnings(self, ask: Ask, answer: Answer | None, found: Any) -> tuple[str, ...]:
        """Return what is odd, with what the JSON *found* in the answer lacks."""
        if answer is None:
            return ask.warnings
        warnings = (*ask.warnings, *answer.warnings)
        if self._json is None or not answer.text.strip():  # the status says that it is empty
            return warnings
        if found is None:
            return (*warnings, NO_JSON)
        absent = ", ".join(map(repr, self._json.absent(found)))
        return (*warnings, f"the JSON in the answer has no {absent}") if absent else warnings

    def _score_cells(self, answer: Answer | None) -> list[Cell]:
        scores: Mapping[str, Any] = {} if answer is None else answer.scores
        return [_score(scores.get(name)) for name in self._scores]


def representable(text: str) -> str:
    """Return *text* with U+FFFD for NUL, which CSV readers stumble over, and for surrogates."""
    return text.translate(_LOST)


class _Axes:
    """The columns that tell apart the requests of one row."""

    def __init__(self, *, prompts: bool, models: bool, repeats: bool) -> None:
        self._prompts = prompts
        self._models = models
        self._repeats = repeats

    @property
    def names(self) -> tuple[str, ...]:
        return (
            *(("prompt",) if self._prompts else ()),
            *(("provider", "model") if self._models else ()),
            *(("repeat",) if self._repeats else ()),
        )

    def cells(self, ask: Ask) -> list[Cell]:
        cells: list[Cell] = []
        if self._prompts:
            cells.append(ask.prompt)
        if self._models:
            cells += (ask.lane, ask.model)
        if self._repeats:
            cells.append(ask.repeat)
        return cells


def _treadle_names(*, ttft: bool) -> tuple[str, ...]:
    if not ttft:
        return _TREADLE
    at = _TREADLE.index("latency_s") + 1
    return (*_TREADLE[:at], "ttft_s", *_TREADLE[at:])


def _free_prefix(prefix: str, own: Iterable[str], others: Iterable[str]) -> str:
    """Return *prefix* or a longer one; case is no difference, as for DuckDB and spreadsheets."""
    taken = {name.casefold() for name in others}
    own = list(own)
    while any((prefix + name).casefold() in taken for name in own):
        prefix += "_"
    return prefix


def _json_columns(flatten: str | Sequence[str], taken: Sequence[str]) -> JsonColumns | None:
    if not isinstance(flatten, str):
        return JsonColumns(taken, declared=flatten)
    if flatten == "discover":
        return JsonColumns(taken)
    if flatten != "off":
        raise treadle.UsageError(
            f"flatten must be 'off', 'discover' or a list of names, got {flatten!r}",
            hint=f"flatten=[{flatten!r}] for one column",
        )
    return None


def _iso(seconds: float) -> str | None:
    if not seconds:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _score(value: Any) -> Cell:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str | int | float):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _on_one_line(text: str) -> str:
    return text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")


def _guarded(cell: str) -> str:
    # Spreadsheets drop white space, and what cannot be seen, before they look.
    looks_so = cell.startswith(_MOVES_ON) or cell.lstrip(_UNSEEN).startswith(_FORMULA)
    return "'" + cell if looks_so and not _is_number(cell) else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
