"""What a run would do, as figures, as JSON and as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """
    The part of a run that goes to one model.

    Attributes:
        lane, model: Who is asked.
        items: The number of requests.
        tokens_in, tokens_out: What they are expected to have.
        cost: US dollars that are expected; None when the model has no price.
        cost_most: US dollars that they can cost at most; None when there is no price, or nothing
            limits how long an answer becomes.
        minutes: How long it takes at the limits that are set, and at usual ones where none is.
        too_long: The number of requests that are longer than what the model takes.
    """

    lane: str
    model: str
    items: int
    tokens_in: int
    tokens_out: int
    cost: Decimal | None
    cost_most: Decimal | None
    minutes: float
    too_long: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """
    A variable that rows have not.

    Attributes:
        name: The variable.
        rows: The number of rows that need it and have it not.
        first: The numbers of the first ones.
    """

    name: str
    rows: int
    first: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    What a run would do, before anything is sent.

    Attributes:
        rows: The number of rows that take part.
        items: The number of requests, those included that cannot be sent.
        answered: The number of those that have ended in an earlier session, most of them with an
            answer, and are not asked again.
        lanes: The lanes that are asked, or were.
        shares: What goes to each model, in the order in which they are first seen; of what is left
            to be asked, as is all that follows.
        minutes: How long all takes, about; lanes work side by side.
        missing: The variables that rows have not.
        bad_rows: The number of rows that cannot be sent at all.
        bad_examples: Why, of the first of them, by the number of the row.
        duplicates: The number of requests that are the same as an earlier one.
        unknown_lanes: The lanes that rows name and that are not there.
        keyless: The lanes whose key is not set, and the variable that it comes from.
        problems: What must be put right before a run.
        warnings: What had better be looked at.
    """

    rows: int
    items: int
    answered: int = 0
    lanes: tuple[str, ...] = ()
    shares: tuple[Share, ...]
    minutes: float
    missing: tuple[Lack, ...] = ()
    bad_rows: int = 0
    bad_examples: Mapping[int, str]
    duplicates: int = 0
    unknown_lanes: tuple[str, ...] = ()
    keyless: Mapping[str, str]
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def cost(self) -> Decimal | None:
        """US dollars that are expected of all models; None when one has no price."""
        return _sum([share.cost for share in self.shares])

    @property
    def cost_most(self) -> Decimal | None:
        """US dollars that all can cost at most; None when it is not known of one."""
        return _sum([share.cost_most for share in self.shares])

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it; amounts of money as text, exactly."""
        found: dict[str, Any] = _plain(asdict(self))
        return {**found, "cost": _plain(self.cost), "cost_most": _plain(self.cost_most)}

    def lines(self, width: int = 80) -> list[str]:
        """Return it as text for a terminal of *width* columns."""
        return [*self._figures(), *self._remarks(width)]

    def _figures(self) -> Iterator[str]:
        done = f", {self.answered:,} of them answered already" if self.answered else ""
        yield f"{_counted(self.rows, 'row')}, {_counted(self.items, 'request')}{done}"
        if not self.shares:
            return
        yield ""
        table: list[tuple[str, ...]] = [
            ("lane/model", "requests", "tokens in", "out", "cost", "at most", "minutes")
        ]
        table += [
            (
                f"{share.lane}/{share.model}",
                f"{share.items:,}",
                f"{share.tokens_in:,}",
                f"{share.tokens_out:,}",
                _money(share.cost),
                _money(share.cost_most),
                _minutes(share.minutes),
            )
            for share in self.shares
        ]
        if len(self.shares) > 1:
            table.append(self._totals())
        yield from _aligned(table)

    def _totals(self) -> tuple[str, ...]:
        return (
            "all",
            f"{sum(share.items for share in self.shares):,}",
            f"{sum(share.tokens_in for share in self.shares):,}",
            f"{sum(share.tokens_out for share in self.shares):,}",
            _money(self.cost),
            _money(self.cost_most),
            _minutes(self.minutes),
        )

    def _remarks(self, width: int) -> Iterator[str]:
        for title, texts in (("problem", self.problems), ("warning", self.warnings)):
            for text in texts:
                yield ""
                yield from textwrap.wrap(
                    f"{title}: {text}", width, subsequent_indent="  ", break_on_hyphens=False
                )
        if self.bad_examples:
            yield ""
            yield "rows that cannot be sent:"
            for text in self.bad_examples.values():
                yield from textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="    ")
            beyond = self.bad_rows - len(self.bad_examples)
            if beyond:
                yield f"  and {beyond:,} more"


def _aligned(table: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for name, *figures in table:
        rest = (text.rjust(width) for text, width in zip(figures, widths[1:], strict=True))
        yield "  ".join([name.ljust(widths[0]), *rest])


def _sum(amounts: Sequence[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if len(known) == len(amounts) else None


def _money(amount: Decimal | None) -> str:
    if amount is None:
        return "?"
    return "<$0.01" if 0 < amount < _CENT else f"${amount:,.2f}"


def _minutes(minutes: float) -> str:
    return "<1" if minutes < 1 else f"{minutes:,.0f}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value
