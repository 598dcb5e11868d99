"""The commands, ours and those of other packages; each is loaded when it is used or listed.

What one command imports costs the others nothing. Those of other packages are found through the
entry point group ``treadle.commands``: an entry point names a ``typer.Typer``, and its name is the
name of the command.
"""

from __future__ import annotations

import importlib
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperGroup

from treadle.cli import people
from treadle.cli.helping import Command

GROUP = "treadle.commands"

# In the order of ``treadle --help``: begin, go on, look, steer, hand on, clear away. By name: the
# module in ``treadle.cli.commands``, its function, its epilog, and its help where two commands are
# one function.
_OURS: dict[str, tuple[str, str, str, str | None]] = {
    "map": ("map", "map_items", "EPILOG", None),
    "resume": ("resume", "go_on", "RESUME_EPILOG", "RESUME_HELP"),
    "retry": ("resume", "go_on", "RETRY_EPILOG", "RETRY_HELP"),
    "runs": ("runs", "list_runs", "EPILOG", None),
    "show": ("show", "show", "EPILOG", None),
    "watch": ("watch", "watch", "EPILOG", None),
    "pause": ("control", "pause", "EPILOG", None),
    "continue": ("control", "go_on", "EPILOG", None),
    "workers": ("control", "workers", "EPILOG", None),
    "cancel": ("control", "cancel", "EPILOG", None),
    "export": ("export", "export", "EPILOG", None),
    "report": ("report", "report", "EPILOG", None),
    "trace": ("trace", "trace", "EPILOG", None),
    "prune": ("prune", "prune", "EPILOG", None),
    "doctor": ("doctor", "examine", "EPILOG", None),
}
_WITHOUT_ARGUMENTS = {"runs", "prune"}


class Commands(TyperGroup):
    """Our own commands and those of other packages; ours win where names are equal."""

    @cached_property
    def _found(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=GROUP)}

    @cached_property
    def _loaded(self) -> dict[str, Any]:
        return {}

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  typer calls it so
        """Return the names: ours in their order, then the others."""
        return [*_OURS, *sorted(name for name in self._found if name not in _OURS)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  as above
        """Return a command; None when there is none, or, after a warning, when it is broken."""
        if cmd_name not in self._loaded:
            if cmd_name in _OURS:
                self._loaded[cmd_name] = _own(cmd_name)
            elif cmd_name in self._found:
                self._loaded[cmd_name] = _load(self._found[cmd_name])
        return self._loaded.get(cmd_name)


def _own(name: str) -> Any:
    place, function, epilog, text = _OURS[name]
    module = importlib.import_module(f"treadle.cli.commands.{place}")
    alone = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
    alone.command(
        name,
        cls=Command,
        help=None if text is None else getattr(module, text),
        epilog=getattr(module, epilog),
        no_args_is_help=name not in _WITHOUT_ARGUMENTS,
    )(getattr(module, function))
    return typer.main.get_command(alone)


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
