"""What is sent for one row and one prompt, and the digest that names it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import treadle
from treadle.prompts.near import did_you_mean
from treadle.prompts.params import is_param, param_name, typed
from treadle.prompts.prompt_files import Missing, Prompt
from treadle.prompts.table import Row
from treadle.prompts.values import LaneSettings, Message


class Draft(NamedTuple):
    """
    What becomes of a row, a prompt, a model and a repeat, before it has a place in the run.

    Attributes:
        digest: 16 hex digits over all that is sent, the lane and the number of the repeat.
        messages: What is sent.
        prompt_hash: Of the prompt's own text.
        params: Parameters to send along.
        missing: The variables that the row has not.
        warnings: What is odd.
        problem: Why it cannot be sent; empty when it can.
    """

    digest: str
    messages: tuple[Message, ...]
    prompt_hash: str
    params: Mapping[str, Any]
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    problem: str = ""


class Drafts:
    """
    Puts rows into one prompt.

    Args:
        prompt: The prompt.
        params: Parameters for all rows; they go over those of the prompt file.
        header: The columns of the table. Cells of columns ``param.NAME`` go over all other
            parameters where they are not empty.
        lanes: The lanes that there are.
        missing: What becomes of a row without a variable that the prompt needs.
    """

    def __init__(
        self,
        prompt: Prompt,
        *,
        params: Mapping[str, Any],
        header: Sequence[str],
        lanes: Mapping[str, LaneSettings],
        missing: Missing,
    ) -> None:
        self._messages = prompt.messages
        self._header = header
        self._columns = [(column, param_name(column)) for column in header if is_param(column)]
        self._lanes = lanes
        self._missing: Missing = missing
        self._given = params
        # Of most prompts, the settings are the same object for all rows: merged once.
        self._of_prompt: Mapping[str, Any] | None = None
        self._params: Mapping[str, Any] = params
        self._heads: dict[tuple[str, str], str] = {}

    def draft(
        self, row: Row, lane: str, model: str, repeat: int, values: Mapping[str, str]
    ) -> Draft:
        """Put together what is sent; *values* are the variables."""
        try:
            if row.problem or lane not in self._lanes or not model:
                raise self._problem(row, lane, model)
            sent = self._messages(values, missing=self._missing)
            if sent.params is not self._of_prompt:
                self._take(sent.params)
            params = self._params
            if self._columns:
                params = {**self._params, **self._of_row(row)}
                head = _head(lane, model, params)
            else:
                head = self._heads.get((lane, model)) or self._new_head(lane, model)
        except treadle.TreadleError as error:
            return _refused(row, lane, model, repeat, error)
        # With the length before it, no text can look like a text and another one.
        texts = [f"{each.role} {len(each.content)} {each.content}" for each in sent.messages]
        text = "\n".join([head, *texts, str(repeat)])
        draft = Draft(_digest(text), sent.messages, sent.prompt_hash, params)
        return self._incomplete(draft, row, sent.missing, values) if sent.missing else draft

    def _take(self, params: Mapping[str, Any]) -> None:
        self._of_prompt = params
        self._params = {**params, **self._given}
        self._heads = {}

    def _new_head(self, lane: str, model: str) -> str:
        head = _head(lane, model, self._params)
        if len(self._heads) < 1000:  # a million models in a table are not kept
            self._heads[lane, model] = head
        return head

    def _of_row(self, row: Row) -> dict[str, Any]:
        found = {}
        for column, name in self._columns:
            text = row.cells.get(column, "")
            if text and not text.isspace():
                try:
                    found[name] = typed(name, text)
                except treadle.BadRowError as error:
                    error.args = (f"row {row.number}: {error.message}",)
                    raise
        return found

    def _problem(self, row: Row, lane: str, model: str) -> treadle.BadRowError:
        """Return why *row* cannot be sent, whatever the prompt."""
        if row.problem:
            return treadle.BadRowError(row.problem)
        for name, text in (("provider", lane), ("model", model)):
            if not text:
                return treadle.BadRowError(
                    f"row {row.number} has no {name}", hint=f"fill in its column {name!r}"
                )
        return treadle.BadRowError(
            f"row {row.number}: there is no lane {lane!r}",
            hint=did_you_mean(lane, self._lanes, called="lanes"),
        )

    def _incomplete(
        self, draft: Draft, row: Row, missing: tuple[str, ...], values: Mapping[str, str]
    ) -> Draft:
        """Say which variables *row* has not, as a problem or as a warning."""
        names = ", ".join(map(repr, missing))
        what = f"row {row.number} has no {names}, which the prompt needs"
        if self._missing == "error":
            hint = did_you_mean(missing[0], values, called="columns")
            return draft._replace(missing=missing, problem=f"{what}; {hint}")
        put = "as it is typed" if self._missing == "warn" else "empty"
        return draft._replace(missing=missing, warnings=(f"{what}; it was left {put}",))


def _head(lane: str, model: str, params: Mapping[str, Any]) -> str:
    return json.dumps([lane, model, params], sort_keys=True, default=str)


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _refused(row: Row, lane: str, model: str, repeat: int, error: treadle.TreadleError) -> Draft:
    """Return what stands for a row that cannot be sent; its name is made of its cells."""
    digest = _digest(json.dumps([lane, model, row.cells, repeat], sort_keys=True))
    problem = f"{error.message}; {error.hint}" if error.hint else error.message
    return Draft(digest, (), "", {}, problem=problem)
