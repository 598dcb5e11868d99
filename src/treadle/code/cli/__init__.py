"""The command ``treadle code``, which Treadle finds through the entry point ``treadle.commands``.

options   what was typed and what a file sets, put together
chunking  chunk
looking   show, stats, languages, schema, report
ending    what they exit with
words     what is said of a report
drawing   the chunks of a file in a terminal
command   help whose options stand in groups
"""

from __future__ import annotations

import typer

from treadle.code.cli import chunking, looking
from treadle.code.cli.command import Command

app = typer.Typer(
    name="code",
    help="Source trees to chunks that belong together, for search and retrieval.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _function, _name, _epilog, _needs_arguments in (
    (chunking.chunk, "chunk", chunking.CHUNK, False),  # treadle.toml may say it all
    (looking.show, "show", looking.SHOW, True),
    (looking.stats, "stats", looking.STATS, True),
    (looking.report, "report", looking.REPORT, True),
    (looking.languages, "languages", looking.LANGUAGES, False),
    (looking.schema, "schema", looking.SCHEMA, False),
):
    app.command(_name, cls=Command, epilog=_epilog, no_args_is_help=_needs_arguments)(_function)
