"""The command line as a whole: its commands, and how each kind of error ends."""

from __future__ import annotations

import platform
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

import treadle
from treadle import NotPicklable, TreadleError, UsageError
from treadle.cli import people
from treadle.cli.data import put
from treadle.cli.exits import Exit
from treadle.cli.line import carrying_out
from treadle.cli.plugins import Commands

# No markup in help and messages: brackets are then brackets, wherever they come from.
app = typer.Typer(
    cls=Commands,
    name="treadle",
    help="Map a function over many items, and know what happened to each.",
    epilog="Exit codes: 0 ok, 1 items failed, 2 usage, 3 nothing to do, 70 bug, 130 interrupted.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        put(f"treadle {treadle.__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Map a function over many items, and know what happened to each."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; see :func:`treadle.cli.main`."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with carrying_out(words):
            result = app(args=words, prog_name="treadle", standalone_mode=False)
    except TreadleError as error:
        people.complain(error)
        nothing_ran = isinstance(error, (UsageError, NotPicklable))
        return Exit.USAGE if nothing_ran else Exit.ITEMS_FAILED
    except (KeyboardInterrupt, typer.Abort):
        return Exit.INTERRUPTED
    except Exception as error:
        return _unexpected(error)
    return result if isinstance(result, int) else Exit.OK


def _unexpected(error: Exception) -> int:
    # Errors of the command line parser; older typer takes them from click, newer has its own.
    if hasattr(error, "format_message"):
        return _misused(error)
    traceback.print_exception(error)
    people.problem(
        f"unexpected {type(error).__name__}; this is a bug in treadle, please report it",
        f"with the lines above and: treadle {treadle.__version__}, "
        f"Python {platform.python_version()}, {platform.platform()}",
    )
    return Exit.BUG


def _misused(error: Exception) -> int:
    context = getattr(error, "ctx", None)
    message = error.format_message()  # type: ignore[attr-defined]  # as just seen
    if not message or type(error).__name__ == "NoArgsIsHelpError":
        if context is not None:
            sys.stderr.write(context.get_help() + "\n")
        return Exit.USAGE
    path = context.command_path if context is not None else "treadle"
    people.problem(_fragment(message), f"{path} --help shows what there is")
    return Exit.USAGE


def _fragment(sentence: str) -> str:
    """Write the parser's sentence as we write ours: lower case, no full stop."""
    return sentence[:1].lower() + sentence[1:].rstrip(".")
