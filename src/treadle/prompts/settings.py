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
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import treadle
from treadle.cli import Table
from treadle.prompts import dotenv, lane_settings
from treadle.prompts.near import did_you_mean
from treadle.prompts.values import LaneSettings

_LANES, _PRICES, _PRICE_LIST = "lanes", "prices", "price_list"


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
    _table: Table | None = None
    _lanes: Mapping[str, Any] = field(default_factory=dict)
    _prices: Mapping[str, Any] = field(default_factory=dict)

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
        table = Table.load("prompts", path, guess=_guess, parse_float=Decimal)
        if table is None:
            return cls(environment=environment, warnings=warnings)
        return cls(
            path=table.file,
            environment=environment,
            warnings=warnings,
            price_list=_price_list(table),
            _table=table,
            _lanes=table.sections.pop(_LANES, {}),
            _prices=table.sections.pop(_PRICES, {}),
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
        if self._table is None:
            return {}
        for name in self._table.sections.keys() - {command, *commands}:
            sections = sorted({_LANES, _PRICES, command, *commands})
            raise treadle.UsageError(
                f"{self.path}: unknown section {name!r} in [prompts]",
                hint=did_you_mean(name, sections, called="known sections"),
            )
        return self._table.options(command, known, of_others=of_others, only_typed=only_typed)

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
        prices: dict[str, Any] = dict(self._tables(_PRICES, self._prices))
        for name, section in self._lane_sections().items():
            if "price" in section:
                prices[f"{name}/*"] = section["price"]
        return prices

    def _lane_sections(self) -> dict[str, Mapping[str, Any]]:
        return self._tables(_LANES, self._lanes)

    def _tables(self, name: str, tables: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        for key, value in tables.items():
            if not isinstance(value, dict):
                raise treadle.UsageError(
                    f"{self._place(name)} sets {key} = {value!r:.60}",
                    hint=f'write a section: [prompts.{name}."{key}"]',
                )
        return dict(tables)

    def _place(self, name: str) -> str:
        return f"{self.path}: [prompts.{name}]"


def _guess(key: str, known: Collection[str]) -> str:
    return did_you_mean(key, known, called="known settings")


def _price_list(table: Table) -> str | None:
    """Take the name of a list of prices out of the values of *table*."""
    for key in list(table.values):
        name = key.replace("-", "_")
        if name not in (_PRICES, _PRICE_LIST):
            continue
        value = table.values.pop(key)
        if name == _PRICES or not isinstance(value, str):
            raise treadle.UsageError(
                f"{table.file}: [prompts] {key} is {value!r}",
                hint='price-list = "genai-prices" names a list; [prompts.prices."MODEL"] is a '
                "section with your own prices",
            )
        return value
    return None
