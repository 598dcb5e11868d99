"""``treadle map``: a function of yours over files, lines or rows."""

from __future__ import annotations

from typing import Annotated

import typer

from treadle.cli.execute import execute
from treadle.cli.options import MapOptions, choice, whole
from treadle.cli.plan import Plan
from treadle.progress import CHOICES

EPILOG = """\
\b
Examples:
  treadle map parse.py:parse 'data/**/*.csv' --into results.parquet
  treadle map parse.py:parse data/ --timeout 30 --retries 2 --into all.csv
  treadle map fetch.py:fetch urls.txt --lines --rate 10/s --json > all.jsonl
  treadle map score.py:score table.csv --rows --key id --limit 10
  git ls-files '*.py' | treadle map count.py:lines -

\b
Without --into, values are printed as they settle.
stdout is data, stderr is for people.
A function that changes nothing but what it returns can be run again safely.

\b
Exit codes: 0 all succeeded, 1 some failed or it stopped early, 2 usage,
3 nothing to do, 130 interrupted.
"""


BACKENDS = ("auto", "processes", "threads", "coroutines", "inline")
START_METHODS = ("spawn", "forkserver", "fork")
ON_ERROR = ("continue", "stop")
FORMATS = ("csv", "tsv", "jsonl", "parquet")


def map_items(
    function: Annotated[
        str,
        typer.Argument(
            metavar="FILE_OR_MODULE:FUNCTION", help="What to call: parse.py:parse or pkg.mod:parse."
        ),
    ],
    source: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE", help="Files, folders, quoted patterns; '-': lines of stdin."
        ),
    ],
    *,
    into: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help="Results file (.csv .jsonl .parquet), or a folder ending in '/'."
        ),
    ] = None,
    rows: Annotated[
        bool, typer.Option("--rows", help="Map over the rows of a .csv, .jsonl or .parquet file.")
    ] = False,
    lines: Annotated[bool, typer.Option("--lines", help="Map over the lines of a file.")] = False,
    key: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="With --rows: the column that names a row.")
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="With --rows: csv, tsv, jsonl or parquet. Default: by suffix; '-': jsonl.",
        ),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of --rows or --lines. Default: utf-8.")
    ] = None,
    workers: Annotated[
        str | None, typer.Option(metavar="N", help="Default: the CPUs that may be used.")
    ] = None,
    backend: Annotated[
        str,
        typer.Option(
            metavar="|".join(BACKENDS), help="auto: coroutines for async functions, else processes."
        ),
    ] = "auto",
    start_method: Annotated[
        str | None,
        typer.Option(metavar="|".join(START_METHODS), help="How worker processes start."),
    ] = None,
    setup: Annotated[
        str | None,
        typer.Option(
            metavar="FUNCTION",
            help="Run once in each worker; FUNCTION(item, state) gets its result.",
        ),
    ] = None,
    teardown: Annotated[
        str | None, typer.Option(metavar="FUNCTION", help="Run with that state when a worker ends.")
    ] = None,
    timeout: Annotated[
        str | None, typer.Option(metavar="TIME", help="For each attempt: 30, 30s, 2m, 1h30m.")
    ] = None,
    retries: Annotated[
        str, typer.Option(metavar="N", help="Further attempts for an item that failed.")
    ] = "0",
    rate: Annotated[
        str | None, typer.Option(metavar="N/TIME", help="Starts at most so often: 600/min, 10/s.")
    ] = None,
    on_error: Annotated[
        str,
        typer.Option(metavar="|".join(ON_ERROR), help="Whether the run goes on after a failure."),
    ] = "continue",
    max_failures: Annotated[
        str | None, typer.Option(metavar="N", help="Stop once so many items have failed.")
    ] = None,
    deadline: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Stop then: 2h, 18:30, '2026-01-31 18:30'."),
    ] = None,
    grace: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="How long running items may go on after a stop: 30s."),
    ] = None,
    ordered: Annotated[
        bool, typer.Option("--ordered", help="Results in input order, not as they settle.")
    ] = False,
    limit: Annotated[
        str | None, typer.Option(metavar="N", help="Only the first so many items.")
    ] = None,
    shuffle: Annotated[
        bool, typer.Option("--shuffle", help="Random order; with --limit: a random sample.")
    ] = False,
    seed: Annotated[
        str | None,
        typer.Option(metavar="N", help="Random seed: of --shuffle, and of each item's own."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object for each outcome, failures too.")
    ] = False,
    progress: Annotated[
        str,
        typer.Option(
            metavar="|".join(CHOICES),
            help="What stderr shows. auto: live on a terminal, else plain.",
        ),
    ] = "auto",
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Nothing on stderr but errors.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Tracebacks in the summary.")
    ] = False,
) -> int:
    """
    Call FUNCTION on every item of SOURCE, in parallel.

    SOURCE is files, folders (all files in them) and patterns; the function gets a pathlib.Path.
    With --lines and '-' it gets a line of text, with --rows a dict.
    """
    options = MapOptions(
        function=function,
        source=tuple(source),
        into=into,
        rows=rows,
        lines=lines,
        key=key,
        format=format_ and choice("--format", format_, FORMATS),
        encoding=encoding,
        workers=whole("--workers", workers),
        backend=choice("--backend", backend, BACKENDS),
        start_method=start_method and choice("--start-method", start_method, START_METHODS),
        setup=setup,
        teardown=teardown,
        timeout=timeout,
        retries=whole("--retries", retries, least=0) or 0,
        rate=rate,
        on_error=choice("--on-error", on_error, ON_ERROR),
        max_failures=whole("--max-failures", max_failures),
        deadline=deadline,
        grace=grace,
        ordered=ordered,
        limit=whole("--limit", limit),
        shuffle=shuffle,
        seed=whole("--seed", seed, least=None),
        json=json,
        progress=choice("--progress", progress, CHOICES),
        quiet=quiet,
        verbose=verbose,
    )
    return execute(Plan.of(options))
