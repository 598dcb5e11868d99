"""``treadle resume`` and ``treadle retry``: go on with a run that ``treadle map`` has recorded."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import typer

from treadle import Run, UsageError
from treadle.cli import flags, people
from treadle.cli.again import typed_for
from treadle.cli.execute import execute
from treadle.cli.exits import Exit
from treadle.cli.options import choice, whole
from treadle.cli.plan import Again, Plan
from treadle.cli.records import open_run
from treadle.progress import CHOICES

_CODES = """
\b
Exit codes: 0 all of the run succeeded, 1 some failed, now or before,
2 usage, 130 interrupted.
"""

RESUME_EPILOG = f"""\
\b
Examples:
  treadle resume latest
  treadle resume 260131-1830 --workers 4

\b
What has settled is not run again, unless its file has changed since.
It may be typed in any folder; --runs-dir says where the run is recorded.
{_CODES}"""

RETRY_EPILOG = f"""\
\b
Examples:
  treadle retry latest
  treadle retry nightly --timeout 2m --retries 2

\b
What succeeded stays as it is. Mend the function first, or the data.
{_CODES}"""


RESUME_HELP = """
Go on with a run: do what is missing, and nothing twice.

It runs as it was begun, save for what is typed here.
"""

RETRY_HELP = """
Run again what has failed in a run, and nothing else.

It runs as it was begun, save for what is typed here.
"""


def go_on(
    context: typer.Context,
    run: flags.Run,
    *,
    workers: flags.Workers = None,
    timeout: flags.Timeout = None,
    retries: flags.Retries = None,
    rate: flags.Rate = None,
    max_failures: flags.MaxFailures = None,
    deadline: flags.Deadline = None,
    grace: flags.Grace = None,
    runs_dir: flags.RunsDir = None,
    json: flags.JsonOutcomes = False,
    progress: flags.Progress = "auto",
    otel: flags.Otel = False,
    quiet: flags.Quiet = False,
    verbose: flags.Verbose = False,
) -> int:
    """Be both commands, which differ in which items run."""
    settings = {
        "workers": whole("--workers", workers),
        "timeout": timeout,
        "retries": whole("--retries", retries, least=0),
        "rate": rate,
        "max_failures": whole("--max-failures", max_failures),
        "deadline": deadline,
        "grace": grace,
        "runs_dir": runs_dir,
        "json": json,
        "progress": choice("--progress", progress, CHOICES),
        "otel": otel,
        "quiet": quiet,
        "verbose": verbose,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    return _go_on(open_run(run, runs_dir), given, retry=context.info_name == "retry")


def _go_on(run: Run, settings: dict[str, Any], *, retry: bool) -> int:
    try:
        typed = replace(typed_for(run), **settings)
        failed, finished = run.failed, run.state == "finished"
    finally:
        run.record.close()
    if retry and not failed:
        if not typed.quiet:
            people.say(f"nothing to do: no item of the run {run.id} has failed")
        return Exit.OK
    if "-" in typed.source and (sys.stdin is None or sys.stdin.isatty()):
        raise UsageError(
            f"the run {run.id} reads standard input, and nothing is piped into it",
            hint="pipe the same input into it again",
        )
    again = Again(run.id, str(run.folder.parent), retry=retry, was_finished=finished)
    return execute(Plan.of(typed, again))
