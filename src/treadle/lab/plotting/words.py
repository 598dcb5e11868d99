"""What a measurement is called: in a title what all have in common, in a legend what is its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import treadle
from treadle.lab.written import amount

Facts = Mapping[str, Any]
Said = Callable[[Facts], str]


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
    return "" if at is None else f"{at:%H:%M:%S}"


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


def light(facts: Facts) -> str:
    """Return in which light a measurement was made: ``"455 nm at 4.41 V"``, ``"dark"``."""
    if facts.get("has_light") is None:
        return ""
    if not facts["has_light"]:
        return "dark"
    wavelength, voltage = facts.get("wavelength_nm"), facts.get("laser_voltage_V")
    at = "" if voltage is None else f" at {amount(float(voltage), 'V')}"
    return f"{'lit' if wavelength is None else f'{wavelength:g} nm'}{at}"


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
