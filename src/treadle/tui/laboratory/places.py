"""Where staged measurements may be: made by a command from here, looked at before, or here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from treadle.tui.laboratory.history import stage_root

if TYPE_CHECKING:
    from treadle.tui.launching import Started
    from treadle.tui.remembered import Remembered

_COMMANDS = (("lab", "pipeline"), ("lab", "stage"), ("lab", "segment"), ("lab", "metrics"))
_MOST = 2000  # folders below the current one that are looked at


def staged(started: Iterable[Started], remembered: Remembered) -> list[Path]:
    """
    Return stage roots, the most likely one first. It looks at the disk: call it in a thread.

    Args:
        started: Commands that were started here.
        remembered: What was kept from last time.
    """
    here = Path.cwd()
    found = [
        each.cwd / word
        for each in reversed(list(started))
        if each.argv[:2] in _COMMANDS
        for word in each.argv[2:]  # among them is the folder that was written to
    ]
    for command in _COMMANDS:
        values = remembered.values(command).values()
        found += [here / Path(text).expanduser() for value in values for text in _texts(value)]
    found += [here / each for each in remembered.lab_roots]
    roots = (stage_root(each) for each in (*found, *islice(_below(here), _MOST)))
    return list(dict.fromkeys(root.resolve() for root in roots if root is not None))


def _texts(value: Any) -> list[str]:
    return [each for each in (value if isinstance(value, list) else [value]) if type(each) is str]


def _below(folder: Path) -> Iterator[Path]:
    """Yield a folder, those in it, and those in them; no hidden ones."""
    yield folder
    for first in _folders(folder):
        yield first
        yield from _folders(first)


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(
                each.name for each in entries if each.name[0] not in "._" and each.is_dir()
            )
    except OSError:  # not for us, or gone
        return []
    return [folder / name for name in names]
