"""The command ``treadle prompts``, found through the entry point ``treadle.commands``.

options   what was typed and what a file sets, put together
asking    run, plan
looking   status, export, report
starting  init, providers, models
words     what is said of a report
"""

from __future__ import annotations

import typer

from treadle.cli import Command
from treadle.prompts.cli import asking, looking, starting

app = typer.Typer(
    name="prompts",
    help="LLM experiments from a table: rows x prompts x models.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _function, _name, _epilog in (
    (starting.init, "init", starting.INIT),
    (asking.run, "run", asking.RUN),
    (asking.plan, "plan", asking.PLAN),
    (looking.status, "status", looking.STATUS),
    (looking.export, "export", looking.EXPORT),
    (looking.report, "report", looking.REPORT),
    (starting.providers, "providers", starting.PROVIDERS),
    (starting.models, "models", starting.MODELS),
):
    app.command(_name, cls=Command, epilog=_epilog)(_function)
