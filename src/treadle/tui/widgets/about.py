"""What a run was asked to do, by what, and where that is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from treadle.progress.text import number
from treadle.tui.widgets.lines import Entry
from treadle.tui.widgets.literal import visible
from treadle.tui.widgets.panes import span

if TYPE_CHECKING:
    from treadle.tui.following import View
    from treadle.tui.launching import Started

_WIDE = 10  # columns of the names


def about(view: View, facts: Mapping[str, Any], started: Started | None) -> list[Entry]:
    """Return a line for each thing there is to know."""
    noted = facts.get("command")
    command: Mapping[str, Any] = noted if isinstance(noted, Mapping) else {}
    versions = facts.get("versions")
    rows: dict[str, object] = {
        "run": f"{view.id}  {view.name}",
        "state": view.state,
        "function": view.function,
        "into": view.into or "the record itself",
        "items": _counts(view),
        "began": f"{view.began.astimezone():%Y-%m-%d %H:%M:%S}",
        "took": span(view.elapsed),
        "backend": f"{view.backend}  {view.workers or ''}".strip(),
        "command": started.line if started else command.get("typed") or facts.get("program"),
        "in": started.cwd if started else command.get("cwd") or facts.get("cwd"),
        "made by": f"treadle {facts.get('treadle')}, Python {facts.get('python')}",
        "versions": _listed(versions) if isinstance(versions, Mapping) else None,
        "on": facts.get("host"),
        "process": view.pid,
        "record": view.folder,
        "parent": view.parent,
    }
    return [
        Entry(((f"{name:<{_WIDE}} ", "dim"),), visible(value))
        for name, value in rows.items()
        if value not in (None, "")
    ]


def _counts(view: View) -> str:
    settled = f"{number(view.ok)} ok, {number(view.failed)} failed"
    if view.cancelled:
        settled += f", {number(view.cancelled)} cancelled"
    return settled if view.total is None else f"{settled}, of {number(view.total)}"


def _listed(versions: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())
