"""What the page knows of each request: JSON of few letters, cut where it would grow too large."""

from __future__ import annotations

import json
import math
from typing import Any

from treadle.prompts.values import Answer, Ask, Ended

MOST_ROWS = 5_000  # rows of the table that a page shows
MOST_LETTERS = 64_000_000  # of all requests together: what a browser opens without complaint
_ANSWER = 20_000  # letters of an answer
_CELL = 2_000  # letters of a cell of the table, of a warning, of an error
_SENT = 8_000  # letters of a message


class Entries:
    """
    Turns requests into text for the page, one by one; keeps no answers.

    Attributes:
        variants: Prompt, lane and model of each column of the page, in order of appearance.
        left_out: Requests that the page does not show, because it has enough.
    """

    def __init__(self) -> None:
        self.variants: dict[tuple[str, str, str], int] = {}
        self.left_out = 0
        self._rows: set[int] = set()
        self._letters = 0
        self._sent: tuple[int, str, Any] | None = None

    def text(self, ask: Ask, ended: Ended) -> str | None:
        """Return a request as JSON that can stand in an HTML page; None when it is left out."""
        new = ask.row not in self._rows
        if self._letters >= MOST_LETTERS or (new and len(self._rows) >= MOST_ROWS):
            self.left_out += 1
            return None
        self._rows.add(ask.row)
        variant = self.variants.setdefault((ask.prompt, ask.lane, ask.model), len(self.variants))
        entry: dict[str, Any] = {"r": ask.row, "v": variant, "s": ended.status, "id": ask.key}
        if new:
            entry["cells"] = [[name, _cut(value, _CELL)] for name, value in ask.cells.items()]
        sent = (ask.row, ask.prompt, ask.messages)
        if sent != self._sent:  # models of one row are mostly asked the same
            self._sent = sent
            entry["sent"] = [[one.role, _cut(one.content, _SENT)] for one in ask.messages]
        entry.update(_facts(ask, ended))
        text = embeddable(entry)
        self._letters += len(text)
        return text


def _facts(ask: Ask, ended: Ended) -> dict[str, Any]:
    """Return what is to be said of a request; nothing of what there is nothing to say."""
    answer = ended.answer
    warnings = (*ask.warnings, *(answer.warnings if answer else ()))
    facts: dict[str, Any] = {
        "i": ask.repeat if ask.repeat > 1 else 0,
        "params": {name: _plain(value) for name, value in ask.params.items()},
        "kind": ended.error_type,
        "error": _cut(ended.error, _CELL),
        "http": ended.http_status,
        "attempts": ended.attempts if ended.attempts > 1 else 0,
        "waited": ended.waited,
        "request": ended.request_id,
        "warnings": [_cut(warning, _CELL) for warning in warnings],
        **(_said(answer) if answer else {}),
    }
    return {name: value for name, value in facts.items() if value not in ("", 0, None, [], {})}


def _said(answer: Answer) -> dict[str, Any]:
    return {
        "t": _cut(answer.text, _ANSWER),
        "length": len(answer.text) if len(answer.text) > _ANSWER else 0,
        "finish": answer.finish,
        "model": answer.model,
        "sec": answer.latency if math.isfinite(answer.latency) else 0,
        "ttft": answer.ttft,
        "in": answer.usage.input,
        "out": answer.usage.output,
        "cached": answer.usage.cached,
        "reasoning": answer.usage.reasoning,
        "guess": answer.usage.source == "estimate",
        "cost": None if answer.cost is None else format(answer.cost, "f"),
        "scores": {name: _plain(value) for name, value in answer.scores.items()},
    }


def embeddable(value: Any) -> str:
    """
    Return *value* as JSON that ends no element of the page it stands in.

    It may hold lone surrogates: write it with ``errors="backslashreplace"``, which makes of them
    what JSON calls them.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _plain(value: Any) -> Any:
    """Return what JSON can say as it is, and anything else as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (str, int, float)):
        return value
    return _cut(json.dumps(value, ensure_ascii=False, default=str), _CELL)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
