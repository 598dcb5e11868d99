"""The command ``treadle ui``, which Treadle finds through the entry point ``treadle.commands``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from treadle import UsageError
from treadle.cli import Command, Exit, check_libraries

EPILOG = """\
\b
Examples:
  treadle ui
  treadle ui --runs-dir /data/.treadle/runs
  treadle ui --web
  treadle ui --plain

\b
What is started here is a command of its own, and goes on when the UI is left.
The keys stand at the bottom, ? explains them, ctrl+p finds everything.
--plain is for screen readers: lines to read and questions to answer.

\b
Exit codes: 0 it was left, 2 usage.
"""

app = typer.Typer(
    name="ui",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command("ui", cls=Command, epilog=EPILOG)
def ui(
    *,
    runs_dir: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Also show the runs recorded there. Repeatable."),
    ] = None,
    web: Annotated[
        bool, typer.Option("--web", help="In a browser instead, for you alone.")
    ] = False,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="--web: where to listen.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=0, max=65535, help="--web: default 8000, or the next that is free."
        ),
    ] = None,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="--web: show it in the browser.")
    ] = True,
    plain: Annotated[
        bool, typer.Option("--plain", help="Line by line, for screen readers.")
    ] = False,
) -> int:
    """Start runs, watch them, steer them, look at what came out."""
    places = [path.absolute() for path in runs_dir or ()]
    for place in places:
        if not place.is_dir():
            raise UsageError(f"{str(place)!r} is no folder", hint="--runs-dir names one of runs")
    if web and plain:
        raise UsageError("--web and --plain exclude each other", hint="choose one of them")
    if plain:
        from treadle.tui import plain as by_line

        return by_line.run(places)
    if web:
        return _serve(places, host, port, open_browser=open_browser)
    return _show(places)


def _serve(places: list[Path], host: str, port: int | None, *, open_browser: bool) -> int:
    check_libraries(
        {"textual": "textual", "textual_serve": "textual-serve"}, "ui", purpose="treadle ui --web"
    )
    from treadle.tui import web

    command = [sys.executable, "-P", "-m", "treadle", "ui"]
    command += [word for place in places for word in ("--runs-dir", str(place))]
    return web.serve(command, host=host, port=port, open_browser=open_browser)


def _show(places: list[Path]) -> int:
    check_libraries(
        {"textual": "textual", "textual_plotext": "textual-plotext"}, "ui", purpose="treadle ui"
    )
    if not _is_in_browser() and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the UI needs a terminal, and this is none",
            hint="treadle ui --plain reads and writes lines; --web shows it in a browser",
        )
    from treadle.tui.app import TreadleApp

    ui = TreadleApp(places)
    ui.run()
    return ui.return_code or Exit.OK


def _is_in_browser() -> bool:
    return "TEXTUAL_DRIVER" in os.environ  # set by the server behind --web
