"""Which runs are meant: of which chips (``67,72-75,Alisson81``) and procedures, and since when."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final, TypeVar

import treadle
from treadle.lab.schema.near import near

if TYPE_CHECKING:
    import polars as pl

    Rows = TypeVar("Rows", pl.DataFrame, pl.LazyFrame)

_RANGE: Final = re.compile(r"(\d{1,18})\s*-\s*(\d{1,18})", re.ASCII)
_NUMBER: Final = re.compile(r"\d{1,18}", re.ASCII)  # those that an Int64 holds
_DATE: Final = re.compile(r"\d{4}(-\d\d){0,2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Chips:
    """
    Some chips, by their numbers or their names. :func:`chips_of` reads what ``str`` writes.

    Attributes:
        numbers: First and last number of each range, both included; one number is a range, too.
        names: Names: group and number in one, such as ``Alisson81``. Case does not count.
    """

    numbers: tuple[tuple[int, int], ...] = ()
    names: tuple[str, ...] = ()

    def expr(self) -> pl.Expr:
        """Return what tells of a row with ``chip_number`` and ``chip_name`` whether it is meant."""
        import polars as pl

        each = [_of_part(part) for part in self._parts]
        return pl.any_horizontal(*each) if each else pl.lit(value=False)

    def missing(self, rows: pl.DataFrame) -> list[str]:
        """Return those parts, as they are typed, of which there is no chip among *rows*."""
        known = rows.select("chip_number", "chip_name").unique()
        return [_typed(part) for part in self._parts if known.filter(_of_part(part)).is_empty()]

    @property
    def _parts(self) -> list[tuple[int, int] | str]:
        return [*self.numbers, *self.names]

    def __str__(self) -> str:
        return ",".join(map(_typed, self._parts))


def _of_part(part: tuple[int, int] | str) -> pl.Expr:
    import polars as pl

    if isinstance(part, str):
        return (pl.col("chip_name").str.to_lowercase() == part.lower()).fill_null(value=False)
    return pl.col("chip_number").is_between(*part).fill_null(value=False)


def _typed(part: tuple[int, int] | str) -> str:
    if isinstance(part, str):
        return part
    first, last = part
    return str(first) if first == last else f"{first}-{last}"


def chips_of(text: str) -> Chips:
    """
    Read numbers, ranges of numbers and names, with commas between them.

    Args:
        text: Such as ``"67,72-75,Alisson81"``. A number means the chips of all groups that have
            it; a range includes both ends.

    Raises:
        UsageError: There is nothing between two commas, or a range runs backwards.
    """
    numbers: list[tuple[int, int]] = []
    names: list[str] = []
    for part in map(str.strip, text.split(",")):
        if not part:
            raise treadle.UsageError(
                f"chips cannot be {text!r}: there is none where one should stand",
                hint="numbers, ranges and names, with commas between: 67,72-75,Alisson81",
            )
        both = _RANGE.fullmatch(part)
        if both:
            numbers.append(_in_order(int(both[1]), int(both[2]), text))
        elif _NUMBER.fullmatch(part):
            numbers.append((int(part), int(part)))
        else:
            names.append(part)
    return Chips(tuple(dict.fromkeys(numbers)), tuple(dict.fromkeys(names)))


def _in_order(first: int, last: int, text: str) -> tuple[int, int]:
    if last < first:
        raise treadle.UsageError(
            f"chips cannot be {text!r}: {first}-{last} runs backwards",
            hint=f"{last}-{first}",
        )
    return first, last


def since_of(text: str) -> date:
    """
    Read a date.

    Args:
        text: ``2025-09-01``; ``2025-09`` and ``2025`` mean the first day of it.

    Raises:
        UsageError: It is none.
    """
    try:
        if _DATE.fullmatch(text.strip()):
            year, month, day = [*map(int, text.split("-")), 1, 1][:3]
            return date(year, month, day)
    except ValueError:
        pass  # there is no such day
    raise treadle.UsageError(f"{text!r} is no date", hint="2025-09-01, or 2025-09")


def conditions(
    *,
    chips: Chips | str | None = None,
    procedures: Sequence[str] = (),
    since: date | str | None = None,
) -> list[pl.Expr]:
    """
    Return what a row of the manifest, or of another list of ours, must fulfil to be meant.

    Args:
        chips: Only theirs; a text is read by :func:`chips_of`.
        procedures: Only theirs; none: all.
        since: Only those of this local date or later; a text is read by :func:`since_of`.

    Raises:
        UsageError: A text cannot be read.
    """
    import polars as pl

    asked = chips_of(chips) if isinstance(chips, str) else chips
    first = since_of(since) if isinstance(since, str) else since
    wanted = []
    if asked is not None:
        wanted.append(asked.expr())
    if procedures:
        wanted.append(pl.col("proc").is_in(list(procedures)))
    if first is not None:
        wanted.append(pl.col("date_local") >= first)
    return wanted


def select(
    rows: Rows,
    *,
    chips: Chips | str | None = None,
    procedures: Sequence[str] = (),
    since: date | str | None = None,
) -> Rows:
    """
    Return the rows that are meant, in the order in which they are.

    Args:
        rows: A frame, lazy or not, with the columns ``chip_number``, ``chip_name``, ``proc`` and
            ``date_local``, of which those that are not asked for may be missing.
        chips: As for :func:`conditions`, and so are the following ones.
        procedures: See there.
        since: See there.

    Raises:
        UsageError: A text cannot be read.
    """
    return rows.filter(*conditions(chips=chips, procedures=procedures, since=since))


def one_chip(rows: pl.DataFrame, chip: str | int) -> str:
    """
    Return the name of the only chip that is meant.

    Args:
        rows: A frame with the columns ``chip_number`` and ``chip_name``.
        chip: Its name (``"Alisson67"``; case counts only where it decides) or its number.

    Raises:
        UsageError: There is none, or there are several: groups may share a number.
    """
    text = str(chip).strip()
    known = rows.select("chip_number", "chip_name").unique().drop_nulls("chip_name")
    names = set(known["chip_name"])
    if text in names:
        return text
    part = (int(text), int(text)) if _NUMBER.fullmatch(text) else text
    found = sorted(set(known.filter(_of_part(part))["chip_name"]))
    if len(found) > 1:
        raise treadle.UsageError(
            f"{text!r} can be any of these chips: {', '.join(found)}", hint=_one_of(found)
        )
    if not found:
        raise no_chip(rows, text)
    return str(found[0])


def _one_of(names: Sequence[str]) -> str:
    """Return how one of several chips is typed: behind ``--`` it is no option, whatever it is."""
    is_odd = any(name.startswith("-") for name in names)
    return "name one of them" + ("; as CHIP, type -- before it" if is_odd else "")


def no_chip(rows: pl.DataFrame, text: str) -> treadle.UsageError:
    """Return the error that says that there is no such chip, with the nearest of those there."""
    known = rows.select("chip_number", "chip_name").unique().drop_nulls("chip_name")
    names = sorted(known["chip_name"].to_list())
    if not names:
        return treadle.UsageError(
            f"there is no chip {text!r}", hint="no run that is staged names a chip"
        )
    if _NUMBER.fullmatch(text):
        distance = (known["chip_number"] - int(text)).abs()
        close = known.with_columns(distance=distance).sort("distance", "chip_name")
        nearest = close.drop_nulls("distance")["chip_name"].head(3).to_list() or names[:3]
        return treadle.UsageError(
            f"there is no chip {text!r}", hint=f"the nearest are {', '.join(nearest)}"
        )
    meant = near(text, names)
    listed = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    return treadle.UsageError(
        f"there is no chip {text!r}",
        hint=f"did you mean {meant}?" if meant else f"there are: {listed}",
    )
