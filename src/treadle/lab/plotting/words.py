"""What a measurement is called: in a title what all have in common, in a legend what is its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from treadle.lab.plotting.scales import written

Facts = Mapping[str, Any]


def started(facts: Facts) -> datetime | None:
    """Return when a measurement began, in the zone of its stage root."""
    at = facts.get("start_time_utc")
    if not isinstance(at, datetime):
        return None
    try:
        return at.astimezone(ZoneInfo(str(facts.get("local_tz") or "UTC")))
    except (ZoneInfoNotFoundError, ValueError):
        return at


def _time(facts: Facts) -> str:
    at = started(facts)
    return "" if at is None else f"{at:%H:%M:%S}"


def _date(facts: Facts) -> str:
    at = started(facts)
    return "" if at is None else f"{at:%Y-%m-%d}"


def _plain(name: str) -> Callable[[Facts], str]:
    return lambda facts: str(facts.get(name) or "")


def _number(name: str, symbol: str, unit: str) -> Callable[[Facts], str]:
    def said(facts: Facts) -> str:
        value = facts.get(name)
        return "" if value is None else f"{symbol} = {written(float(value), unit)}"

    return said


def light(facts: Facts) -> str:
    """Return in which light a measurement was made: ``"455 nm at 4.41 V"``, ``"dark"``."""
    if facts.get("has_light") is None:
        return ""
    if not facts["has_light"]:
        return "dark"
    wavelength, voltage = facts.get("wavelength_nm"), facts.get("laser_voltage_V")
    at = "" if voltage is None else f" at {written(float(voltage), 'V')}"
    return f"{'lit' if wavelength is None else f'{wavelength:g} nm'}{at}"


_SAID: Final[tuple[Callable[[Facts], str], ...]] = (
    _plain("chip_name"),
    _plain("proc"),
    _date,
    _time,
    _number("vg_fixed_v", "Vg", "V"),
    _number("vds_v", "Vds", "V"),
    _number("ids_a", "Ids", "A"),
    light,
)


def naming(several: Sequence[Facts]) -> tuple[str, list[str]]:
    """
    Return a title for all of *several*, and what tells them apart.

    Args:
        several: Rows of the manifest.
    """
    said = [[each(facts) for each in _SAID] for facts in several]
    shared = [len(set(column)) <= 1 for column in zip(*said, strict=True)]
    title = [said[0][number] for number, same in enumerate(shared) if same] if said else []
    if len(several) == 1:
        title.append(str(several[0].get("run_id") or ""))
    own = [
        " · ".join(word for word, same in zip(words, shared, strict=True) if word and not same)
        for words in said
    ]
    names = [
        f"{name} · {facts['run_id']}" if own.count(name) > 1 and len(several) > 1 else name
        for name, facts in zip(own, several, strict=True)
    ]
    return " · ".join(word for word in title if word), [name.lstrip(" ·") for name in names]
