"""What a file of settings says for one application: its table, and the sections in it.

Settings stand in ``treadle.toml`` of the current folder; folders above it are not searched, so
that what a command does never depends on a file that nobody thought of. ``--config PATH`` names
another file instead. A section for a command goes over what stands in the table for all of them::

    [lab]
    workers = 6

    [lab.stage]
    raw-root = "data/01_raw"        # from the folder of this file, not from the current one

A key is the long name of an option, with ``-`` or ``_``.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, get_args, get_origin

from treadle import UsageError

SETTINGS_FILE = "treadle.toml"
"""The name of the file that is read from the current folder."""

_IN_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Decimal: "a number",
    str: "text in quotes",
    Path: "a path in quotes",
}


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return a hint for *name*, which is not *known*: what was meant, else what there is."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known are: {', '.join(known) or 'none'}"


@dataclass(frozen=True, slots=True)
class Table:
    """
    The table of an application in a file of settings.

    Attributes:
        file: The file.
        name: Of the table: ``"lab"`` for ``[lab]``.
        values: What stands in the table itself, by key as written.
        sections: The tables in it, such as ``[lab.stage]``, by their last names.
        guess: Makes a hint of an unknown setting and those that there are.
    """

    file: Path
    name: str
    values: dict[str, Any]
    sections: dict[str, dict[str, Any]]
    guess: Callable[[str, Collection[str]], str] = did_you_mean

    @classmethod
    def load(
        cls,
        name: str,
        path: str | os.PathLike[str] | None = None,
        *,
        guess: Callable[[str, Collection[str]], str] = did_you_mean,
        parse_float: Callable[[str], Any] = float,
    ) -> Table | None:
        """
        Read a file; it may hold further tables, for other programs.

        Args:
            name: Of the table.
            path: The file; None for ``treadle.toml`` of the current folder, which need not be
                there.
            guess: Makes a hint of an unknown setting and those that there are.
            parse_float: Makes numbers with a point, such as `Decimal`.

        Returns:
            The table; None when there is no file.

        Raises:
            UsageError: The file that was named is not there, is no TOML, or has no such table but
                a value of that name.
        """
        file = Path(SETTINGS_FILE if path is None else path)
        if path is None and not file.is_file():
            return None
        values = _content(file, parse_float).get(name, {})
        if not isinstance(values, dict):
            raise UsageError(f"{file}: {name} is {values!r}", hint=f"write a section: [{name}]")
        sections = {key: values.pop(key) for key in list(values) if isinstance(values[key], dict)}
        return cls(file, name, values, sections, guess)

    def check_sections(self, commands: Collection[str]) -> None:
        """
        Make sure that each section is that of a command.

        Raises:
            UsageError: One is not.
        """
        for name in self.sections.keys() - set(commands):
            choices = sorted(self.place(each) for each in commands)
            raise UsageError(
                f"{self.file}: unknown section {self.place(name)!r}",
                hint=self.guess(self.place(name), choices),
            )

    def options(
        self,
        command: str,
        known: Mapping[str, type],
        *,
        of_others: Collection[str] = (),
        only_typed: Collection[str] = (),
    ) -> dict[str, Any]:
        """
        Return the options that are set for *command*: its section goes over the table.

        Args:
            command: Such as ``"stage"``.
            known: Its options, by their names with ``_``, and their types: bool, int, float,
                Decimal, str, `Path`, or a list of one of them. A relative `Path` is taken from the
                folder of the file.
            of_others: Options that only other commands have; they may stand in the table itself.
            only_typed: Options that hold for one session, and may not stand in a file.

        Returns:
            The values by the names of *known*; what is not set is not there.

        Raises:
            UsageError: Something is set that the command does not know or cannot use.
        """
        for place, values in self._places():
            self._refuse(place, values, only_typed)
        others = {plain(name) for name in of_others}
        shared = self._read(self.place(), self.values, known, others)
        own = self.sections.get(command, {})
        return shared | self._read(self.place(command), own, known, ())

    def place(self, section: str | None = None) -> str:
        """Return what stands in the file at the head of a section; of the table for None."""
        return f"[{self.name}]" if section is None else f"[{self.name}.{section}]"

    def _places(self) -> list[tuple[str, Mapping[str, Any]]]:
        sections = [(self.place(name), values) for name, values in self.sections.items()]
        return [(self.place(), self.values), *sections]

    def _refuse(self, place: str, values: Mapping[str, Any], only_typed: Collection[str]) -> None:
        for key in values:
            if plain(key) in only_typed:
                raise UsageError(
                    f"{self.file}: {place} sets {key}, which holds for one session",
                    hint=f"type --{key.replace('_', '-')} when you mean it",
                )

    def _read(
        self,
        place: str,
        values: Mapping[str, Any],
        known: Mapping[str, type],
        others: Collection[str],
    ) -> dict[str, Any]:
        """Return the options of one section; a key of *others* alone is let by."""
        found: dict[str, Any] = {}
        for key, value in values.items():
            name = plain(key)
            if name in found:
                raise UsageError(
                    f"{self.file}: {place} sets {key!r} twice", hint="once with - or once with _"
                )
            if name in known:
                found[name] = _value(self.file, f"{place} {key}", value, known[name])
            elif name not in others:
                spelled = sorted(each if "_" in key else each.replace("_", "-") for each in known)
                raise UsageError(
                    f"{self.file}: unknown setting {key!r} in {place}",
                    hint=self.guess(key, spelled),
                )
        return found


def plain(key: str) -> str:
    """Return the name of the option that *key* sets."""
    return key.replace("-", "_")


def _content(file: Path, parse_float: Callable[[str], Any]) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8-sig"), parse_float=parse_float)
    except OSError as error:
        raise UsageError(
            f"{file}: {error.strerror or error}", hint="give the path of a TOML file"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{file}: the file is not UTF-8 text", hint="save it as UTF-8 in your editor"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"{file} is not TOML: {error}", hint='text and paths stand in quotes: key = "value"'
        ) from error


def _value(file: Path, place: str, value: object, kind: type) -> Any:
    """Return *value* as the type *kind*."""
    if get_origin(kind) is list:
        (inner,) = get_args(kind)
        many = value if isinstance(value, list) else [value]
        return [_value(file, place, each, inner) for each in many]
    if kind is Path and isinstance(value, str):
        return file.parent / Path(value).expanduser()
    if kind in (float, Decimal) and type(value) in (int, Decimal):
        return kind(str(value))
    if kind is Decimal and isinstance(value, str):  # in quotes, lest somebody rounds it
        with suppress(InvalidOperation):
            return Decimal(value.strip().removeprefix("$"))
    if type(value) is not kind:  # a bool is an int to isinstance
        shown = str(value) if isinstance(value, Decimal) else repr(value)
        raise UsageError(
            f"{file}: {place} is {shown}", hint=f"write {_IN_WORDS.get(kind, kind.__name__)}"
        )
    return value
