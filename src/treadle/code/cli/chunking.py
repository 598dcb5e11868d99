"""The command that makes files of chunks: ``treadle code chunk``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import treadle
from treadle.cli import displayed, hint, put, say, terminate_like_ctrl_c, width
from treadle.code.cli import options
from treadle.code.cli.ending import exit_of
from treadle.code.extra import check_extra

if TYPE_CHECKING:
    from treadle.code.report import Report

CHUNK = """\
\b
Examples:
  treadle code chunk src --into chunks.jsonl
  treadle code chunk . --into chunks.parquet --max-tokens 512 --incremental
  treadle code chunk src docs --into chunks.csv --languages python,markdown
  treadle code chunk . --into - | jq .qualified_name
  treadle code chunk . --dry-run

\b
Joined, the chunks of a file are the file. All limits that are given hold at
once. The output is written when it is whole; after a crash or Ctrl-C, the
same command goes on. With --incremental, files that have not changed are not
even opened, and those that are gone leave the output.

\b
Options can stand in treadle.toml, in [code] or [code.chunk].

\b
Exit codes: 0 all went well, 1 some files failed or some folders could not be
read, 2 usage, 3 nothing there, 130 interrupted.
"""


_SHOWN = ("stats", "quiet", "json", "progress", "otel")


def chunk(
    roots: options.Roots = None,
    *,
    into: options.Into = None,
    incremental: options.Incremental = None,
    dry_run: options.DryRun = None,
    include: options.Include = None,
    exclude: options.Exclude = None,
    languages: options.Languages = None,
    hidden: options.Hidden = None,
    vendored: options.Vendored = None,
    generated: options.Generated = None,
    ignore: options.Ignore = None,
    git: options.Git = None,
    follow_links: options.FollowLinks = None,
    max_file_size: options.MaxFileSize = None,
    max_tokens: options.MaxTokens = None,
    max_chars: options.MaxChars = None,
    max_lines: options.MaxLines = None,
    tokenizer: options.Tokenizer = None,
    overlap: options.Overlap = None,
    max_nodes: options.MaxNodes = None,
    max_depth: options.MaxDepth = None,
    max_chunks: options.MaxChunks = None,
    workers: options.Workers = None,
    backend: options.Backend = None,
    start_method: options.StartMethod = None,
    timeout: options.Timeout = None,
    config: options.Config = None,
    stats: options.Stats = None,
    progress: options.Progress = None,
    otel: options.Otel = None,
    quiet: options.Quiet = None,
    json: options.Json = False,
) -> int:
    """
    Cut source trees into chunks.

    Folders are looked through as git and .gitignore have it; definitions stay whole where they fit.
    """
    values = options.merged(chunk, locals())
    check_extra()
    roots = options.needed(values, "roots", "ROOT", "treadle code chunk src --into chunks.jsonl")
    options.check_roots(roots)
    shown = {name: values.pop(name, None) for name in _SHOWN}
    if values.get("dry_run"):
        return _would(roots, values, shown)
    place = options.needed(values, "into", "the output", "--into chunks.jsonl")
    if json and str(place) == "-":
        raise treadle.UsageError(
            "--json and the chunks would both go to standard output",
            hint="--into chunks.jsonl gives the chunks a file of their own",
        )
    report = _run(roots, place, values, shown)
    _tell(report, shown)
    return exit_of(report)


def _run(roots: list[Path], place: Path, values: dict[str, Any], shown: dict[str, Any]) -> Report:
    from treadle.code.running import run

    choice = "none" if shown["quiet"] else shown["progress"] or "auto"
    otel = bool(shown["otel"])
    try:
        with terminate_like_ctrl_c(), displayed(choice, otel=otel) as progress:
            return run(roots, place, progress=progress, **values)
    except treadle.Interrupted:
        hint("what is done is kept: the same command goes on with the rest")
        raise


def _would(roots: list[Path], values: dict[str, Any], shown: dict[str, Any]) -> int:
    """Say what a run would do; nothing is written."""
    from treadle.code.cli import words
    from treadle.code.languages.detecting import by_name
    from treadle.code.running import foretell

    del values["dry_run"]
    report, found = foretell(roots, values.pop("into", Path("chunks.jsonl")), **values)
    files = [(each, by_name(each.path)) for each in found]
    if shown["json"]:
        put("".join(f"{words.of_found(each, language)}\n" for each, language in files))
    elif not shown["quiet"]:
        lines = words.of_dry_run(report, files, full=bool(shown["stats"]))
        put("".join(f"{line}\n" for line in words.wrapped(lines, options.room())))
    return exit_of(report)


def _tell(report: Report, shown: dict[str, Any]) -> None:
    from treadle.code.cli import words

    if shown["json"]:
        put(f"{words.as_json(report)}\n")
    elif shown["progress"] == "json":  # who reads that reads no words
        say(words.as_json(report, event="summary"))
    elif not shown["quiet"]:
        say(*words.wrapped(words.of_run(report, full=bool(shown["stats"])), width()))
