"""The arguments and flags of the commands, each declared once: what it is called, and its help."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from treadle.progress import CHOICES

BACKENDS = ("auto", "processes", "threads", "coroutines", "inline")
START_METHODS = ("spawn", "forkserver", "fork")
ON_ERROR = ("continue", "stop")
FORMATS = ("csv", "tsv", "jsonl", "parquet")
DURABILITIES = ("group", "item", "none")
FINGERPRINTS = ("stat", "content")

_Text: TypeAlias = str | None

# ── what is asked for ───────────────────────────────────────────────────────────────────────────

Function: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="FILE_OR_MODULE:FUNCTION", help="What to call: parse.py:parse or pkg.mod:parse."
    ),
]
Source: TypeAlias = Annotated[
    list[str],
    typer.Argument(metavar="SOURCE", help="Files, folders, quoted patterns; '-': lines of stdin."),
]
Into: TypeAlias = Annotated[
    _Text,
    typer.Option(
        metavar="PATH",
        help="Results file (.csv .jsonl .parquet .sqlite), or a folder ending in '/'.",
    ),
]
Rows: TypeAlias = Annotated[
    bool, typer.Option("--rows", help="Map over the rows of a .csv, .jsonl or .parquet file.")
]
Lines: TypeAlias = Annotated[bool, typer.Option("--lines", help="Map over the lines of a file.")]
Key: TypeAlias = Annotated[
    _Text, typer.Option(metavar="COLUMN", help="With --rows: the column that names a row.")
]
Format: TypeAlias = Annotated[
    _Text,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="With --rows: csv, tsv, jsonl or parquet. Default: by suffix; '-': jsonl.",
    ),
]
Encoding: TypeAlias = Annotated[
    _Text, typer.Option(metavar="NAME", help="Of --rows or --lines. Default: utf-8.")
]
Fingerprint: TypeAlias = Annotated[
    _Text,
    typer.Option(
        metavar="|".join(FINGERPRINTS),
        help="How --resume sees that a file has changed. stat: size and time.",
    ),
]
Limit: TypeAlias = Annotated[_Text, typer.Option(metavar="N", help="Only the first so many items.")]
Shuffle: TypeAlias = Annotated[
    bool, typer.Option("--shuffle", help="Random order; with --limit: a random sample.")
]
Seed: TypeAlias = Annotated[
    _Text, typer.Option(metavar="N", help="Random seed: of --shuffle, and of each item's own.")
]

# ── how it is run ───────────────────────────────────────────────────────────────────────────────

Workers: TypeAlias = Annotated[
    _Text, typer.Option(metavar="N", help="Default: the CPUs that may be used.")
]
Backend: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="|".join(BACKENDS), help="auto: coroutines for async functions, else processes."
    ),
]
StartMethod: TypeAlias = Annotated[
    _Text, typer.Option(metavar="|".join(START_METHODS), help="How worker processes start.")
]
Setup: TypeAlias = Annotated[
    _Text,
    typer.Option(
        metavar="FUNCTION", help="Run once in each worker; FUNCTION(item, state) gets its result."
    ),
]
Teardown: TypeAlias = Annotated[
    _Text, typer.Option(metavar="FUNCTION", help="Run with that state when a worker ends.")
]
Timeout: TypeAlias = Annotated[
    _Text, typer.Option(metavar="TIME", help="For each attempt: 30, 30s, 2m, 1h30m.")
]
Retries: TypeAlias = Annotated[
    _Text, typer.Option(metavar="N", help="Further attempts for an item that failed.")
]
Rate: TypeAlias = Annotated[
    _Text, typer.Option(metavar="N/TIME", help="Starts at most so often: 600/min, 10/s.")
]
OnError: TypeAlias = Annotated[
    str, typer.Option(metavar="|".join(ON_ERROR), help="Whether the run goes on after a failure.")
]
MaxFailures: TypeAlias = Annotated[
    _Text, typer.Option(metavar="N", help="Stop once so many items have failed.")
]
Deadline: TypeAlias = Annotated[
    _Text, typer.Option(metavar="WHEN", help="Stop then: 2h, 18:30, '2026-01-31 18:30'.")
]
Grace: TypeAlias = Annotated[
    _Text, typer.Option(metavar="TIME", help="How long running items may go on after a stop: 30s.")
]
Ordered: TypeAlias = Annotated[
    bool, typer.Option("--ordered", help="Results in input order, not as they settle.")
]

# ── how it is recorded ──────────────────────────────────────────────────────────────────────────

Name: TypeAlias = Annotated[
    _Text, typer.Option(metavar="NAME", help="What to call the run, here and in 'treadle runs'.")
]
Resume: TypeAlias = Annotated[
    bool,
    typer.Option("--resume", help="Go on with the newest such run, if there is one."),
]
Anew: TypeAlias = Annotated[
    bool,
    typer.Option("--anew", help="Begin again, without what an unfinished run has stored there."),
]
Durability: TypeAlias = Annotated[
    _Text,
    typer.Option(
        metavar="|".join(DURABILITIES),
        help="What a crash may cost: 0.2 s of work, no item, all. Default: group.",
    ),
]
Version: TypeAlias = Annotated[
    _Text,
    typer.Option(
        metavar="TEXT", help="Of FUNCTION; --resume redoes other versions. source: its hash."
    ),
]
RunsDir: TypeAlias = Annotated[
    _Text,
    typer.Option(metavar="DIR", help="Where runs are recorded. Default: .treadle/runs."),
]
LimitRuns: TypeAlias = Annotated[
    _Text, typer.Option("--limit", metavar="N", help="Only the newest so many runs.")
]
Run: TypeAlias = Annotated[
    str,
    typer.Argument(metavar="RUN", help="Its id, the beginning of it, its name, or latest."),
]

# ── what is shown ───────────────────────────────────────────────────────────────────────────────

JsonOutcomes: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print one JSON object for each outcome, failures too.")
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Progress: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="|".join(CHOICES), help="What stderr shows. auto: live on a terminal, else plain."
    ),
]
Otel: TypeAlias = Annotated[
    bool,
    typer.Option("--otel", help="Export spans and metrics by OpenTelemetry, as OTEL_* say."),
]
Quiet: TypeAlias = Annotated[
    bool, typer.Option("--quiet", "-q", help="Nothing on stderr but errors.")
]
Verbose: TypeAlias = Annotated[
    bool, typer.Option("--verbose", "-v", help="Tracebacks in the summary.")
]
