"""What a measurement is called: in a title what all have in common, in a legend what is its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import treadle
from treadle.lab.histories.summary import Facts, is_dated_by_file, light
from treadle.lab.written import amount

Said = Callable[[Facts], str]

_BY_FILE: Final = " by its file"  # after a time that is when the file was last changed
_NAMED: Final = 4  # chips in a note
_MOST_CHIPS: Final = 30  # whose names a legend has room for


def started(facts: Facts) -> datetime | None:
    """Return when a measurement began, in the zone of its stage root."""
    at = facts.get("start_time_utc")
    if not isinstance(at, datetime):
        return None
    try:
        return at.astimezone(ZoneInfo(str(facts.get("local_tz") or "UTC")))
    except (ZoneInfoNotFoundError, ValueError):
        return at


def on_the_clock(facts: Facts) -> float | None:
    """Return when it began, as seconds since 1970 of a clock on the wall of the laboratory."""
    at = started(facts)
    return None if at is None else at.replace(tzinfo=UTC).timestamp()


def _time(facts: Facts) -> str:
    at = started(facts)
    return "" if at is None else f"{at:%H:%M:%S}{_BY_FILE if is_dated_by_file(facts) else ''}"


def _date(facts: Facts) -> str:
    at = started(facts)
    return "" if at is None else f"{at:%Y-%m-%d}"


def _plain(name: str, before: str = "") -> Said:
    def said(facts: Facts) -> str:
        value = facts.get(name)
        if value is None or value == "":
            return ""
        number = f"{value:g}" if isinstance(value, float) else str(value)
        return f"{before}{number}"

    return said


def _number(name: str, symbol: str, unit: str) -> Said:
    def said(facts: Facts) -> str:
        value = facts.get(name)
        return "" if value is None else f"{symbol} = {amount(float(value), unit)}"

    return said


def _wavelength(facts: Facts) -> str:
    value = facts.get("wavelength_nm") if facts.get("has_light") else None
    return (
        "dark"
        if facts.get("has_light") is False
        else _plain("w")({"w": value}) + (" nm" if value is not None else "")
    )


_GATE, _BIAS, _CURRENT = (
    _number("vg_fixed_v", "Vg", "V"),
    _number("vds_v", "Vds", "V"),
    _number("ids_a", "Ids", "A"),
)
_SAID: Final[tuple[Said, ...]] = (
    _plain("chip_name"),
    _plain("proc"),
    _date,
    _time,
    _GATE,
    _BIAS,
    _CURRENT,
    light,
)

BY: Final[Mapping[str, Said]] = {
    "run": _plain("run_id"),
    "seq": _plain("seq", "#"),
    "file": _plain("source_file"),
    "chip": _plain("chip_name"),
    "procedure": _plain("proc"),
    "date": _date,
    "time": _time,
    "gate": _GATE,
    "bias": _BIAS,
    "current": _CURRENT,
    "light": light,
    "wavelength": _wavelength,
    "laser": _number("laser_voltage_V", "VL", "V"),
    "power": _number("irradiated_power_w", "P", "W"),
}
"""What ``--legend-by`` takes beside the columns of the manifest."""


def said_by(name: str, columns: Sequence[str] = ()) -> Said:
    """
    Return what says of a measurement what its legend is to say.

    Args:
        name: One of :data:`BY`, or several with commas between; or a column.
        columns: Those of the manifest.

    Raises:
        UsageError: There is none of that name.
    """
    words = [word.strip() for word in name.split(",")]
    for word in words:
        if word not in BY and word not in columns:
            raise treadle.UsageError(
                f"a legend cannot be by {word!r}",
                hint=f"by {', '.join(BY)}, or a column of the manifest such as vg_fixed_v",
            )
    each = [BY.get(word) or _plain(word, f"{word} = ") for word in words]
    return lambda facts: " · ".join(filter(None, (said(facts) for said in each)))


def telling_chips(rows: Sequence[Facts]) -> Said:
    """Return what says of which chip a value is, where there are as many as a legend can tell."""
    if not 1 < len(_chips(rows)) <= _MOST_CHIPS:
        return _no_words
    return lambda row: str(row.get("chip_name") or "no chip")


def of_chips(rows: Sequence[Facts], by: str | None) -> list[str]:
    """Return a note where values are of several chips, and the legend does not tell of which."""
    chips = sorted(_chips(rows))
    is_told = by is None or {"chip", "chip_name"} & set(map(str.strip, by.split(",")))
    if len(chips) < 2 or (is_told and len(chips) <= _MOST_CHIPS):
        return []
    more = len(chips) - _NAMED
    named = ", ".join(chips[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    return [f"of {len(chips)} chips, which the legend does not tell: {named}"]


def counting_chips(rows: Sequence[Facts], title: str) -> str:
    """Return *title* behind how many chips values are of, where they are of several."""
    many = len(_chips(rows))
    return _joined([f"{many} chips" if many > 1 else "", title])


def _chips(rows: Sequence[Facts]) -> set[str]:
    return {str(row.get("chip_name") or "no chip") for row in rows}


def _no_words(_facts: Facts) -> str:
    return ""


def naming(several: Sequence[Facts], by: str | None = None) -> tuple[str, list[str]]:
    """
    Return a title for all of *several*, and what tells them apart.

    Args:
        several: Rows of the manifest.
        by: What tells them apart, as for :func:`said_by`; several may be called the same then.
            Default: all in which they differ, and their ids where that is nothing.

    Raises:
        UsageError: Nothing is called *by*.
    """
    said = [[each(facts) for each in _SAID] for facts in several]
    shared = [len(set(column)) <= 1 for column in zip(*said, strict=True)]
    title = [said[0][number] for number, same in enumerate(shared) if same] if said else []
    if len(several) == 1:
        title.append(str(several[0].get("run_id") or ""))
    if by is not None:
        say = said_by(by, [name for facts in several[:1] for name in facts])
        return _joined(title), [say(facts) or "not known" for facts in several]
    own = [_of_its_own(words, shared) for words in said]
    names = [
        f"{name} · {facts['run_id']}" if own.count(name) > 1 and len(several) > 1 else name
        for name, facts in zip(own, several, strict=True)
    ]
    return _joined(title), [name.lstrip(" ·") for name in names]


def _of_its_own(words: Sequence[str], shared: Sequence[bool]) -> str:
    return _joined([word for word, same in zip(words, shared, strict=True) if not same])


def _joined(words: Sequence[str]) -> str:
    return " · ".join(word for word in words if word)
