"""What the UI keeps from one time to the next: last values of forms, places, the theme.

A file of its own, which may be lost: nothing of a run stands in it.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from treadle.sinks.whole import whole

FILE = "ui.json"
STATE_DIR = "TREADLE_STATE_DIR"
PLACES = 50  # of each kind; the newest come first


def state_dir() -> Path:
    """Return where the UI keeps things: ``TREADLE_STATE_DIR``, or where the system has them."""
    given = os.environ.get(STATE_DIR)
    if given:
        return Path(given)
    import platformdirs

    return platformdirs.user_state_path("treadle", appauthor=False)


@dataclass(slots=True)
class Remembered:
    """
    What is kept. ``load`` reads it, ``save`` writes it.

    Attributes:
        forms: Last values of each form, by the words of its command, such as ``"lab stage"``.
        places: Folders of runs that were seen, the newest first.
        lab_roots: Folders of staged measurements that were looked at, the newest first.
        theme: Name of the theme; None for the usual one.
        damaged: Where a file was put that could not be read; None for none.

    Several UIs may keep things in the same file, so ``save`` writes what has changed here, and
    leaves the rest as it finds it.
    """

    forms: dict[str, dict[str, Any]] = field(default_factory=dict)
    places: list[str] = field(default_factory=list)
    lab_roots: list[str] = field(default_factory=list)
    theme: str | None = None
    damaged: Path | None = None
    _before: Remembered | None = field(default=None, repr=False, compare=False)

    @classmethod
    def load(cls) -> Remembered:
        """Read what was kept; what makes no sense is put aside, and begun anew."""
        found = cls._read()
        return replace(found, _before=copy.deepcopy(found))

    @classmethod
    def _read(cls) -> Remembered:
        path = state_dir() / FILE
        try:
            return cls._of(json.loads(path.read_bytes()))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            aside = path.with_name(f"{FILE}.damaged")
            with contextlib.suppress(OSError):
                path.replace(aside)
            return cls(damaged=aside)

    @classmethod
    def _of(cls, found: Mapping[str, Any]) -> Remembered:
        forms = {str(name): dict(values) for name, values in found.get("forms", {}).items()}
        theme = found.get("theme")
        return cls(
            forms=forms,
            places=_texts(found.get("places", [])),
            lab_roots=_texts(found.get("lab_roots", [])),
            theme=theme if isinstance(theme, str) else None,
        )

    def save(self) -> str | None:
        """Write it, whole or not at all; return why that is not possible, or None."""
        self._merge(self._read())
        told = {
            "forms": self.forms,
            "places": self.places,
            "lab_roots": self.lab_roots,
            "theme": self.theme,
        }
        try:
            with whole(state_dir() / FILE) as file:
                file.write(json.dumps(told, indent=1).encode("ascii"))
        except OSError as error:
            return error.strerror or str(error)
        return None

    def _merge(self, there: Remembered) -> None:
        """Take over what another UI has written, but for what has changed here."""
        before = self._before or Remembered()
        for name, values in there.forms.items():
            if self.forms.get(name) == before.forms.get(name):
                self.forms[name] = values
        self.places = _merged(self.places, before.places, there.places)
        self.lab_roots = _merged(self.lab_roots, before.lab_roots, there.lab_roots)
        self.theme = there.theme if self.theme == before.theme else self.theme
        self.damaged = self.damaged or there.damaged
        self._before = None
        self._before = copy.deepcopy(self)

    def values(self, command: Sequence[str]) -> dict[str, Any]:
        """Return the last values of the form of a command; empty if there are none."""
        return dict(self.forms.get(" ".join(command), {}))

    def remember(self, command: Sequence[str], values: Mapping[str, Any]) -> None:
        """Keep the values of the form of a command."""
        self.forms[" ".join(command)] = dict(values)

    def note_place(self, folder: Path) -> None:
        """Keep a folder of runs."""
        self.places = _first(str(folder), self.places)

    def note_lab_root(self, folder: Path) -> None:
        """Keep a folder of staged measurements."""
        self.lab_roots = _first(str(folder), self.lab_roots)


def _texts(found: Any) -> list[str]:
    return [str(each) for each in found][:PLACES]


def _merged(here: list[str], before: list[str], there: list[str]) -> list[str]:
    return there if here == before else list(dict.fromkeys([*here, *there]))[:PLACES]


def _first(text: str, texts: list[str]) -> list[str]:
    return [text, *(each for each in texts if each != text)][:PLACES]
