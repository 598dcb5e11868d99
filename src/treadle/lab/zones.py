"""Time zones by name, and the name of the one that this machine is in."""

from __future__ import annotations

import os
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import treadle

_LOCALTIME = Path("/etc/localtime")


def zone(name: str | tzinfo | None) -> tzinfo:
    """
    Return the time zone *name*; None: the machine's.

    Raises:
        UsageError: There is no such zone.
    """
    if isinstance(name, tzinfo):
        return name
    wanted = machine_zone() if name is None else name
    try:
        return ZoneInfo(wanted)
    except (ValueError, OSError, LookupError) as error:
        raise treadle.UsageError(
            f"there is no time zone {wanted!r}", hint="as in --local-tz Europe/Berlin, or UTC"
        ) from error


def machine_zone() -> str:
    """
    Return the name of the machine's zone, from ``TZ`` or ``/etc/localtime``; else ``UTC``.

    ``datetime`` knows the offset alone, which is another one in summer.
    """
    for name in (os.environ.get("TZ", "").removeprefix(":"), _linked_zone(), _written_zone()):
        if name and _exists(name):
            return name
    return "UTC"


def _linked_zone() -> str:
    return str(_LOCALTIME.resolve()).partition("zoneinfo/")[2]


def _written_zone() -> str:
    try:
        return Path("/etc/timezone").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _exists(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return False
    return True
