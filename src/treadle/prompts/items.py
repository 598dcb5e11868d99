"""What a run asks: each row of a table with each prompt and model, repeated.

``Items`` is the source of a run. It yields an :class:`~treadle.prompts.values.Ask` for each
combination, lazily and as often as it is asked to, with a key made of what is sent:

    f3a90c…            16 hex digits over lane, model, messages, parameters and number of repeat
    f3a90c…#2          the second request that is exactly the same

Nothing else is in it, no number of the row and no id: what is paid for is the answer to a request.
So a run that is resumed knows what it has, in whatever order and with whatever rows it is resumed,
and asks again what was changed: in the table, in a prompt, in a parameter.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, get_args

import treadle
from treadle.prompts.drafts import Drafts
from treadle.prompts.near import did_you_mean, near
from treadle.prompts.output_paths import OutputPath
from treadle.prompts.prompt_files import Missing, Prompt
from treadle.prompts.selection import Selection
from treadle.prompts.table import Row, Table
from treadle.prompts.values import Ask, LaneSettings
from treadle.prompts.where import Where

BUILT_IN = ("provider", "model", "row", "repeat")
"""Variables that are there without a column. A column of that name goes before, but for provider
and model where these are named by option."""

_MODEL = "name models with --model LANE/MODEL"


class Items:
    """
    The requests of an experiment, as the source of a run.

    They come row by row, and within a row by prompt, model and repeat, so that all lanes have
    something to do from the beginning.

    Args:
        table: The rows.
        prompts: The prompts that each row is put into.
        lanes: The lanes by name.
        models: Pairs of lane and model that each row is sent to; none for those in its columns
            ``provider`` and ``model``.
        repeats: How often each is asked.
        params: Parameters of all requests; they go over those of a prompt file, and a column
            ``param.NAME`` goes over both where its cell is not empty.
        where: Which rows take part, by their cells; None for all. Rows that cannot be read do.
        limit: Take only the first so many of these rows; None for all.
        shuffle: Take the rows in random order, the same for the same number; `limit` then takes a
            random sample. None for the order of the table.
        missing: What becomes of a row whose template needs a variable that it has not: it fails,
            or is sent with the variable as it is typed and a warning, or with nothing in its place.
        output: The results file, which may depend on the row; None for standard output.

    Attributes:
        missing: As it was given.
        variants: The number of requests for each row.

    Raises:
        UsageError: There are no prompts, no models, or there is no such lane or column.
    """

    fingerprint = None  # the key holds all that could change

    def __init__(
        self,
        table: Table,
        prompts: Sequence[Prompt],
        *,
        lanes: Mapping[str, LaneSettings],
        models: Sequence[tuple[str, str]] = (),
        repeats: int = 1,
        params: Mapping[str, Any] | None = None,
        where: Callable[[Mapping[str, str]], bool] | None = None,
        limit: int | None = None,
        shuffle: int | None = None,
        missing: Missing = "error",
        output: OutputPath | None = None,
    ) -> None:
        _check_choices(repeats, limit, missing)
        _check_models(table, lanes, models)
        if not prompts:
            raise treadle.UsageError("there is no prompt", hint="name one: --prompt prompt.txt")
        if isinstance(where, Where):
            where.check(table.header)
        if output is not None:
            _check_output(output, table)
        self.table = table
        self.prompts = tuple(prompts)
        self.variants = len(prompts) * max(1, len(models)) * repeats
        self._selection = Selection(table, where=where, limit=limit, shuffle=shuffle)
        made = partial(
            Drafts, params=params or {}, header=table.header, lanes=lanes, missing=missing
        )
        drafts = [made(prompt) for prompt in prompts]
        self._drafts = list(zip(_named(prompts), drafts, strict=True))
        self._models = tuple(models)
        self._repeats = range(1, repeats + 1)
        self._output = output
        self.missing: Missing = missing
        self._twins: _Twins | None = None

    @property
    def rows(self) -> int:
        """The number of rows that take part."""
        return len(self._selection)

    def __len__(self) -> int:
        return len(self._selection) * self.variants

    def __iter__(self) -> Iterator[Ask]:
        """Yield all requests in the order of the run."""
        if not self._selection.shuffled:
            return self.in_input_order()
        return self._asks(self._selection.in_run_order(), self._found(), None)

    def of_models(self, wanted: Callable[[str, str], bool]) -> Iterator[Ask]:
        """
        Yield requests to some models, in the order of the run; the others are not even made.

        Args:
            wanted: Gets lane and model.
        """
        return self._asks(self._selection.in_run_order(), self._found(), None, wanted)

    def in_input_order(
        self,
        on_missing: Callable[[int, str], object] | None = None,
        *,
        everything: bool = False,
    ) -> Iterator[Ask]:
        """
        Yield all requests in the order of the table.

        Args:
            on_missing: Called with the number of the row and the name of the variable for each
                that a template needs and the row has not.
            everything: Those of all rows, whatever the rows are that take part.
        """
        if everything and not self._selection.takes_all:
            yield from (ask for ask, _ in self.marked(on_missing))
            return
        if self._twins is None and not self._selection.is_beginning:
            # Of rows that are the same, one that is left out counts too: keys are those of the
            # whole table, whichever rows take part.
            yield from self._first_chosen(on_missing)
            return
        twins = _Twins(self._twins)
        yield from self._asks(iter(self._selection), twins, on_missing)
        self._take(twins)

    def marked(
        self, on_missing: Callable[[int, str], object] | None = None
    ) -> Iterator[tuple[Ask, bool]]:
        """
        Yield the requests of all rows in the order of the table, and whether they take part.

        Args:
            on_missing: As for `in_input_order`; for the rows that take part.
        """
        takes_part = False

        def rows() -> Iterator[Row]:
            nonlocal takes_part
            for row, is_chosen in self._selection.marked():
                takes_part = is_chosen
                yield row

        def missing(row: int, name: str) -> None:
            if takes_part and on_missing is not None:
                on_missing(row, name)

        # What is known of the first rows says nothing of those behind them.
        whole = not self._selection.is_beginning or self._selection.takes_all
        twins = _Twins(self._twins if whole else None)
        for ask in self._asks(rows(), twins, missing):
            yield ask, takes_part
        if whole:
            self._take(twins)

    def _first_chosen(self, on_missing: Callable[[int, str], object] | None) -> Iterator[Ask]:
        chosen = (ask for ask, takes_part in self.marked(on_missing) if takes_part)
        yield from (replace(ask, index=index) for index, ask in enumerate(chosen))

    def _take(self, twins: _Twins) -> None:
        """Keep what a whole pass has found."""
        if self._twins is None:
            twins.forget_digests()
            self._twins = twins

    def _found(self) -> _Twins:
        """Return which requests are the same, which the order of the table tells."""
        if self._twins is None:
            for _ask in self.in_input_order():
                pass
        return _Twins(self._twins)

    def key(self, ask: Ask, index: int) -> str:  # noqa: ARG002  # a source is asked so
        """Return the stable key of *ask*."""
        return ask.key

    def check_value(self, ask: Ask) -> None:
        """
        Make sure that *ask* can be sent.

        Raises:
            BadRowError: It cannot; says why.
        """
        if ask.problem:
            raise treadle.BadRowError(ask.problem)

    def _asks(
        self,
        rows: Iterator[Row],
        twins: _Twins,
        on_missing: Callable[[int, str], object] | None,
        wanted: Callable[[str, str], bool] | None = None,
    ) -> Iterator[Ask]:
        # Once for each request: what can be looked up before is.
        header, width = self.table.header, len(self.table.header)
        models, all_drafts, repeats = self._models, self._drafts, self._repeats
        output = self._output if self._output is not None and self._output.is_templated else None
        file = "" if self._output is None or output else str(self._output.resolve({}))
        index = 0
        for row in rows:
            number, cells, problem = row
            position = (number - 1) * self.variants
            whole = cells
            if len(cells) < width:  # a JSON object need not have all columns
                whole = {name: cells.get(name, "") for name in header}
            pairs = models or ((cells.get("provider", "").strip(), cells.get("model", "").strip()),)
            for prompt, drafts in all_drafts:
                for lane, model in pairs:
                    if wanted is not None and not wanted(lane, model):
                        position += len(repeats)
                        continue
                    for repeat in repeats:
                        values = {
                            "provider": lane,
                            "model": model,
                            "row": str(number),
                            "repeat": str(repeat),
                            **cells,
                        }
                        if models:  # columns of these names do not say what is asked
                            values["provider"], values["model"] = lane, model
                        digest, messages, prompt_hash, params, missing, warnings, problem = (
                            drafts.draft(row, lane, model, repeat, values)
                        )
                        if output is not None:
                            file, bad_path = _resolved(output, values)
                            problem = problem or bad_path
                        if missing and on_missing is not None:
                            for name in missing:
                                on_missing(number, name)
                        ordinal = twins.ordinal(int(digest, 16), position)
                        yield Ask(
                            key=digest if ordinal == 1 else f"{digest}#{ordinal}",
                            index=index,
                            row=number,
                            prompt=prompt,
                            prompt_hash=prompt_hash,
                            lane=lane,
                            model=model,
                            messages=messages,
                            params=params,
                            repeat=repeat,
                            warnings=warnings,
                            output=file,
                            cells=whole,
                            problem=problem,
                        )
                        index += 1
                        position += 1


class _Twins:
    """
    Counts requests that are exactly the same.

    Of each request, 64 bits of its digest are kept; of one that came before, twelve bytes more.

    Args:
        known: What an earlier pass in the order of the table has found; None to find it now.
    """

    def __init__(self, known: _Twins | None) -> None:
        self._known = known
        self._seen: set[int] = set()
        self._counts: dict[int, int] = {}
        # Of those that came before: where they stand, ascending, and which of their kind they are.
        self._positions = array("Q")
        self._ordinals = array("I")

    def ordinal(self, digest: int, position: int) -> int:
        """Return which of its kind, from 1, the request at *position* in the table is."""
        if self._known is not None:
            return self._known.found(position)
        seen = self._seen
        before = len(seen)
        seen.add(digest)
        if len(seen) > before:
            return 1
        ordinal = self._counts.get(digest, 1) + 1
        self._counts[digest] = ordinal
        self._positions.append(position)
        self._ordinals.append(ordinal)
        return ordinal

    def found(self, position: int) -> int:
        """Return what was found of the request at *position*."""
        positions = self._positions
        if not positions:
            return 1
        place = bisect_left(positions, position)
        here = place < len(positions) and positions[place] == position
        return self._ordinals[place] if here else 1

    def forget_digests(self) -> None:
        """Keep only what was found."""
        self._seen, self._counts = set(), {}


def _resolved(output: OutputPath, values: Mapping[str, str]) -> tuple[str, str]:
    """Return the file that a row's results go to, and why there is none."""
    try:
        return str(output.resolve(values)), ""
    except treadle.TreadleError as error:
        return "", error.message


def _named(prompts: Sequence[Prompt]) -> list[str]:
    """Return a name for each prompt; the second of the same name gets a number."""
    counts: Counter[str] = Counter()
    names = []
    for prompt in prompts:
        counts[prompt.name] += 1
        count = counts[prompt.name]
        names.append(prompt.name if count == 1 else f"{prompt.name}#{count}")
    return names


def _check_choices(repeats: int, limit: int | None, missing: str) -> None:
    if repeats < 1:
        raise treadle.UsageError(f"cannot ask {repeats} times", hint="--repeats 3")
    if limit is not None and limit < 1:
        raise treadle.UsageError(f"a limit of {limit} rows leaves none", hint="--limit 10")
    if missing not in get_args(Missing):
        raise treadle.UsageError(
            f"missing cannot be {missing!r}", hint="choose one of: error, warn, empty"
        )


def _check_models(
    table: Table, lanes: Mapping[str, LaneSettings], models: Sequence[tuple[str, str]]
) -> None:
    for lane, model in models:
        if lane not in lanes:
            raise treadle.UsageError(
                f"there is no lane {lane!r}", hint=did_you_mean(lane, lanes, called="lanes")
            )
        if not model:
            raise treadle.UsageError(f"no model is named for the lane {lane!r}", hint=_MODEL)
    if models:
        return
    for column in ("provider", "model"):
        if column not in table.header:
            guess = near(column, table.header)
            meant = f"is it the column {guess!r}? Else " if guess else ""
            raise treadle.UsageError(
                f"{table.name} has no column {column!r}, and no model is named", hint=meant + _MODEL
            )


def _check_output(output: OutputPath, table: Table) -> None:
    known = [*table.header, *BUILT_IN]
    for name in sorted(output.names):
        if name not in known:
            raise treadle.UsageError(
                f"the path {output} needs {{{{{name}}}}}, which the table has not",
                hint=did_you_mean(name, known, called="columns"),
            )
