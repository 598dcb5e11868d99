"""Commands of other packages, found through the entry point group ``treadle.commands``.

An entry point names a ``typer.Typer``; its name is the name of the command. It is loaded when it
is used or listed, not before: what one application imports costs the others nothing.
"""

from __future__ import annotations

from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperGroup

from treadle.cli import people

GROUP = "treadle.commands"


class Commands(TyperGroup):
    """Our own commands and those of other packages; ours win where names are equal."""

    @cached_property
    def _found(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=GROUP)}

    @cached_property
    def _loaded(self) -> dict[str, Any]:
        return {}

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names: ours in their order, then the others."""
        ours = list(super().list_commands(ctx))
        return ours + sorted(name for name in self._found if name not in ours)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; None, after a warning, when its package is broken."""
        command = super().get_command(ctx, cmd_name)
        if command is not None or cmd_name not in self._found:
            return command
        if cmd_name not in self._loaded:
            self._loaded[cmd_name] = _load(self._found[cmd_name])
        return self._loaded[cmd_name]


def _typer(plugin: object, point: EntryPoint) -> typer.Typer:
    if not isinstance(plugin, typer.Typer):
        raise TypeError(f"{point.value} is no typer.Typer")
    return plugin


def _load(point: EntryPoint) -> Any:
    package = point.dist.name if point.dist else point.value
    try:
        command = typer.main.get_command(_typer(point.load(), point))
    except Exception as error:
        people.warn(
            f"the command {point.name!r} of {package} cannot be used: "
            f"{type(error).__name__}: {error}",
            f"pip install --upgrade {package}, or remove it",
        )
        return None
    command.name = point.name
    return command
