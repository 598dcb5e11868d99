"""The settings of ``treadle prompts`` that stand in a file: options, lanes and prices.

They stand in ``treadle.toml`` of the current folder; folders above it are not searched. ``--config
PATH`` names another file instead::

    [prompts]
    max-cost = 5.0                  # options of the commands, by their long names
    concurrency = 8                 # of lanes that say nothing of it
    price-list = "genai-prices"     # prices of that library, where there are none of yours

    [prompts.run]                   # goes over [prompts], for this command
    repeats = 3

    [prompts.lanes.fast]            # what the column `provider` and --model fast/NAME call it
    provider = "openai"
    url = "http://gpu-1:8000/v1"
    key-env = "FAST_KEY"            # the variable that holds the key; a key never stands here
    headers = { X-Team = "$TEAM" }  # values may name variables
    rpm = 600
    price = 0

    [prompts.prices."my-model"]     # US dollars per million tokens
    input = 0.5
    output = 1.5

Each provider has a lane of its name without being asked. What a lane is here becomes a
:class:`~treadle.prompts.values.LaneSettings` in ``lane_settings``.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, get_args, get_origin

import treadle
from treadle.prompts import dotenv, lane_settings
from treadle.prompts.near import did_you_mean
from treadle.prompts.values import LaneSettings

FILE = "treadle.toml"
"""The name of the file that is read from the current folder."""

_LANES, _PRICES, _PRICE_LIST = "lanes", "prices", "price_list"

_IN_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Decimal: "a number",
    str: "text in quotes",
    Path: "a path in quotes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    What a file and the environment say.

    Attributes:
        path: The file; None when there is none.
        environment: The variables, those of ``.env`` included.
        warnings: What could not be read and is done without, such as a line of ``.env``.
        price_list: The name of a list of prices beside the bundled one; None for no other.
    """

    path: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = ()
    price_list: str | None = None
    _values: Mapping[str, Any] = field(default_factory=dict)
    _sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Settings:
        """
        Read the file.

        Args:
            path: The file; None for ``treadle.toml`` of the current folder, which need not be
                there.
            environment: The variables; None for those of the process and of the nearest ``.env``.

        Raises:
            UsageError: The file that was named is not there or is no TOML, or ``.env`` cannot be
                read.
        """
        warnings: tuple[str, ...] = ()
        if environment is None:
            found = dotenv.load()
            environment, warnings = found.under(os.environ), found.problems
        file = Path(FILE if path is None else path)
        if path is None and not file.is_file():
            return cls(environment=environment, warnings=warnings)
        values = _table_of(file)
        sections = {name: values.pop(name) for name in list(values) if _is_table(values[name])}
        return cls(
            path=file,
            environment=environment,
            warnings=warnings,
            price_list=_price_list(file, values),
            _values=values,
            _sections=sections,
        )

    def options(
        self,
        command: str,
        known: Mapping[str, type],
        *,
        commands: Collection[str] = ("run", "plan"),
        of_others: Collection[str] = (),
        only_typed: Collection[str] = (),
    ) -> dict[str, Any]:
        """
        Return the options that the file sets for *command*.

        Args:
            command: Such as ``"run"``; ``[prompts.run]`` goes over ``[prompts]``.
            known: The options of the command, by their names with ``_``, and their types: bool,
                int, float, Decimal, str, `Path`, or a list of one of them. A relative `Path` is
                taken from the folder of the file.
            commands: All commands; they may have sections.
            of_others: Options that only other commands have; they may stand in ``[prompts]`` too.
            only_typed: Options that hold for one session, and may not stand in a file.

        Returns:
            The values by the names of *known*; what is not set is not there.

        Raises:
            UsageError: The file sets something that the command does not know or cannot use.
        """
        if self.path is None:
            return {}
        sections = {_LANES, _PRICES, command, *commands}
        for name in self._sections.keys() - sections:
            raise _unknown(self.path, "section", name, sections, "[prompts]")
        file = self.path
        for place, table in (
            ("[prompts]", self._values),
            *((f"[prompts.{name}]", self._sections.get(name, {})) for name in commands),
        ):
            _check_typed(file, place, table, only_typed)
        found = _read(file, "[prompts]", self._values, known, {_plain(each) for each in of_others})
        own = self._sections.get(command, {})
        return found | _read(file, f"[prompts.{command}]", own, known, ())

    def lanes(
        self,
        overrides: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        defaults: Mapping[str, Any] | None = None,
        used: Iterable[str] = (),
    ) -> dict[str, LaneSettings]:
        """
        Return all lanes by name: one for each provider, and those of the file.

        Args:
            overrides: What was typed, by the name of the lane or ``"*"`` for all, such as
                ``{"*": {"timeout": 60.0}, "openai": {"concurrency": 4}}``; goes over the file.
            defaults: What holds for each lane of which the file does not say it.
            used: Names of lanes that will be used. A provider of another package has a lane of its
                name only when it is named here, in *overrides* or in the file.

        Raises:
            UsageError: A section or a default cannot be used, or what was typed names no lane.
        """
        return lane_settings.lanes(
            self._lane_sections(),
            overrides or {},
            self.environment,
            defaults=defaults or {},
            used=used,
            place=self._place(_LANES),
        )

    def unset(self, lane: str) -> tuple[str, ...]:
        """Return the variables that the headers of *lane* name and that are not set."""
        section = self._lane_sections().get(lane, {})
        return lane_settings.unset(section, self.environment)

    def prices(self) -> dict[str, Any]:
        """
        Return the prices of the file for ``Prices.load``: by model, ``LANE/MODEL`` or ``LANE/*``.

        Raises:
            UsageError: A section holds something else than a table.
        """
        prices: dict[str, Any] = dict(self._tables(_PRICES))
        for name, section in self._lane_sections().items():
            if "price" in section:
                prices[f"{name}/*"] = section["price"]
        return prices

    def _lane_sections(self) -> dict[str, Mapping[str, Any]]:
        return self._tables(_LANES)

    def _tables(self, name: str) -> dict[str, Mapping[str, Any]]:
        tables = dict(self._sections.get(name, {}))
        for key, value in tables.items():
            if not _is_table(value):
                raise treadle.UsageError(
                    f"{self._place(name)} sets {key} = {value!r:.60}",
                    hint=f'write a section: [prompts.{name}."{key}"]',
                )
        return tables

    def _place(self, name: str) -> str:
        return f"{self.path}: [prompts.{name}]"


def _table_of(file: Path) -> dict[str, Any]:
    """Return the table ``[prompts]`` of *file*; it may hold others, for other programs."""
    try:
        content = tomllib.loads(file.read_text("utf-8-sig"), parse_float=Decimal)
    except OSError as error:
        raise treadle.UsageError(
            f"{file}: {error.strerror or error}", hint="give the path of a TOML file"
        ) from error
    except UnicodeDecodeError as error:
        raise treadle.UsageError(
            f"{file}: the file is not UTF-8 text", hint="save it as UTF-8 in your editor"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise treadle.UsageError(
            f"{file} is not TOML: {error}", hint='text and paths stand in quotes: key = "value"'
        ) from error
    table = content.get("prompts", {})
    if not _is_table(table):
        raise treadle.UsageError(f"{file}: prompts is {table!r}", hint="write a section: [prompts]")
    return dict(table)


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _price_list(file: Path, values: dict[str, Any]) -> str | None:
    """Take the name of a list of prices out of *values*."""
    for key in list(values):
        name = _plain(key)
        if name not in (_PRICES, _PRICE_LIST):
            continue
        value = values.pop(key)
        if name == _PRICES or not isinstance(value, str):
            raise treadle.UsageError(
                f"{file}: [prompts] {key} is {value!r}",
                hint='price-list = "genai-prices" names a list; [prompts.prices."MODEL"] is a '
                "section with your own prices",
            )
        return value
    return None


def _check_typed(
    file: Path, section: str, table: Mapping[str, Any], only_typed: Collection[str]
) -> None:
    for key in table:
        if _plain(key) in only_typed:
            raise treadle.UsageError(
                f"{file}: {section} sets {key}, which holds for one session",
                hint=f"type --{key.replace('_', '-')} when you mean it",
            )


def _read(
    file: Path,
    section: str,
    table: Mapping[str, Any],
    options: Mapping[str, type],
    others: Collection[str],
) -> dict[str, Any]:
    """Return the options of one section; a key of *others* alone is let by."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        name = _plain(key)
        if name in found:
            raise treadle.UsageError(
                f"{file}: {section} sets {key!r} twice", hint="once with - or once with _"
            )
        if name in options:
            found[name] = _value(file, f"{section} {key}", value, options[name])
        elif name not in others:
            dashed = "_" not in key
            known = (each.replace("_", "-") if dashed else each for each in options)
            raise _unknown(file, "setting", key, known, section)
    return found


def _plain(key: str) -> str:
    return key.replace("-", "_")


def _unknown(
    file: Path, what: str, name: str, known: Iterable[str], where: str
) -> treadle.UsageError:
    return treadle.UsageError(
        f"{file}: unknown {what} {name!r} in {where}",
        hint=did_you_mean(name, sorted(known), called=f"known {what}s"),
    )


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
        raise treadle.UsageError(
            f"{file}: {place} is {shown}", hint=f"write {_IN_WORDS.get(kind, kind.__name__)}"
        )
    return value
