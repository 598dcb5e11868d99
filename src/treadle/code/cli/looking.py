"""The commands that look: ``show``, ``stats``, ``report``, ``languages``, ``schema``."""

from __future__ import annotations

import json as jsons
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import treadle
from treadle.cli import Exit, displayed, hint, problem, put, say, terminate_like_ctrl_c
from treadle.code.cli import options
from treadle.code.cli.ending import exit_of
from treadle.code.extra import check_extra

if TYPE_CHECKING:
    from treadle.code.languages.model import Language
    from treadle.code.report import Report
    from treadle.code.values import Chunk, FileChunks

SHOW = """\
\b
Examples:
  treadle code show src/cache.py
  treadle code show src/cache.py --max-tokens 256 --overlap 32
  treadle code show src/cache.py --chunk 3
  git show HEAD~9:src/cache.py | treadle code show - --language python
  FORCE_COLOR=1 treadle code show src/*.py | less -R

\b
Exit codes: 0 shown, 1 a file could not be read, 2 usage, 3 no file has
chunks.
"""

STATS = """\
\b
Examples:
  treadle code stats chunks.jsonl
  treadle code stats src --max-tokens 512
  treadle code stats chunks.parquet --json | jq .by_language

\b
Of a folder, its files are cut to be counted, and nothing is written.

\b
Exit codes: 0 all went well, 1 some files failed or some folders could not be
read, 2 usage, 3 nothing there.
"""

REPORT = """\
\b
Examples:
  treadle code report chunks.jsonl
  treadle code report chunks.jsonl --to chunks.html

\b
One page that needs no network: figures, and files with their chunks.

\b
Exit codes: 0 done, 2 usage.
"""

LANGUAGES = """\
\b
Examples:
  treadle code languages
  treadle code languages --json | jq -r 'select(.method == "syntax").name'

\b
A package adds languages through the entry point group treadle.languages.
"""

SCHEMA = """\
\b
Examples:
  treadle code schema > chunk.schema.json

\b
Columns of a Parquet file have the same names; in a CSV file, lists are JSON.
"""

Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE", readable=False, help="Source files; - for standard input."),
]
Trees = Annotated[
    list[Path],
    typer.Argument(
        metavar="OUTPUT|ROOT", readable=False,
        help="What chunk has written; or folders and files.",
    ),
]  # fmt: skip
Nth = Annotated[
    int | None, typer.Option("--chunk", "-n", metavar="N", min=0, help="Only this one, from 0.")
]
To = Annotated[
    Path | None,
    typer.Option("--to", "-o", metavar="FILE", help="Where to write. Default: OUTPUT.html."),
]
Json = Annotated[bool, typer.Option("--json", help="A JSON object per line, for programs.")]


def show(
    files: Files,
    *,
    chunk: Nth = None,
    language: options.Language = None,
    generated: options.Generated = None,
    max_file_size: options.MaxFileSize = None,
    max_tokens: options.MaxTokens = None,
    max_chars: options.MaxChars = None,
    max_lines: options.MaxLines = None,
    tokenizer: options.Tokenizer = None,
    overlap: options.Overlap = None,
    max_nodes: options.MaxNodes = None,
    max_depth: options.MaxDepth = None,
    max_chunks: options.MaxChunks = None,
    config: options.Config = None,
) -> int:
    """Draw the chunks of files in the terminal."""
    values = options.merged(show, locals())
    check_extra()
    from treadle.code.cli.drawing import Canvas, drawn

    nth = values.pop("chunk", None)
    canvas, unit = Canvas.of(), _unit(values)
    shown = failed = 0
    for file in values.pop("files"):
        made = _cut(file, values)
        if made is None:
            failed += 1
            continue
        shown += bool(made.chunks)
        put("".join(f"{line}\n" for line in drawn(made, _chosen(made, nth), canvas, unit)))
    if failed:
        return Exit.ITEMS_FAILED
    return Exit.OK if shown else Exit.NOTHING


def _cut(file: Path, values: dict[str, Any]) -> FileChunks | None:
    """Cut a file; None when it cannot be read, after saying so."""
    from treadle.code.chunking import chunk_file

    if file.is_dir():
        raise treadle.UsageError(
            f"{str(file)!r} is a folder", hint=f"name files; or: treadle code stats {file}"
        )
    try:
        if str(file) == "-":
            return _typed_in(values)
        made = chunk_file(file, **values)
    except treadle.UsageError:
        raise
    except treadle.TreadleError as error:
        problem(error.message, error.hint)
        return None
    return replace(made, path=str(file))


def _typed_in(values: dict[str, Any]) -> FileChunks:
    """
    Cut what comes by standard input.

    Raises:
        CannotRead: Nothing can come from there.
    """
    from treadle.code.chunking import chunk_text
    from treadle.code.errors import CannotRead
    from treadle.code.options import MAX_FILE_SIZE

    most = values.get("max_file_size", MAX_FILE_SIZE)
    try:
        data = b"" if sys.stdin is None else sys.stdin.buffer.read(most + 1)
    except OSError as error:
        raise CannotRead(
            f"standard input cannot be read: {error.strerror}",
            hint="name a file: treadle code show src/cache.py",
        ) from error
    if len(data) > most:
        raise treadle.UsageError(
            f"standard input has more than --max-file-size, {most:,} bytes",
            hint="--max-file-size 50M takes more",
        )
    return replace(chunk_text(data, **values), path="standard input")


def _chosen(made: FileChunks, nth: int | None) -> tuple[Chunk, ...]:
    if nth is None or not made.chunks:
        return made.chunks
    if nth >= len(made.chunks):
        raise treadle.UsageError(
            f"{made.path} has no chunk {nth}", hint=f"its last one is {len(made.chunks) - 1}"
        )
    return made.chunks[nth : nth + 1]


def _unit(values: dict[str, Any]) -> str:
    """Return what the size of a chunk counts."""
    usual = "words" if "max_tokens" in values else "characters"
    name = values.get("tokenizer", usual)
    return name if name in {"words", "characters"} else "tokens"


def stats(
    roots: Trees,
    *,
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
    progress: options.Progress = None,
    json: options.Json = False,
) -> int:
    """Count chunks and files by language, kind, method and reason."""
    values = options.merged(stats, locals())
    check_extra()
    from treadle.code.cli import words

    del values["json"]
    roots = values.pop("roots")
    options.check_roots(roots)
    found = _counted(roots, values)
    if json:
        put(f"{words.as_json(found)}\n")
    else:
        put("".join(f"{line}\n" for line in words.wrapped(words.of_tree(found), options.room())))
    return exit_of(found)


def _counted(roots: list[Path], values: dict[str, Any]) -> Report:
    """Return the report of an output; of folders and files, that of cutting them."""
    import tempfile

    from treadle.code.running import run
    from treadle.code.stored import Stored

    if len(roots) == 1 and roots[0].suffix in _OUTPUTS and not roots[0].is_dir():
        stored = Stored(roots[0])
        if not stored.is_told:
            hint("what was skipped, degraded or failed is not known: only its chunks are there")
        return stored.report()
    with (
        tempfile.TemporaryDirectory(prefix="treadle-code-") as folder,
        terminate_like_ctrl_c(),
        displayed(values.pop("progress", "auto")) as progress,
    ):
        place = Path(folder) / "chunks.jsonl"
        report = run(roots, place, progress=lambda event: progress(_named(event)), **values)
    report.into = ""
    return report


_OUTPUTS = {".jsonl", ".csv", ".parquet"}


def _named(event: treadle.events.Event) -> treadle.events.Event:
    """Leave out where the chunks go, which is not there for long."""
    if isinstance(event, treadle.events.RunStarted):
        return replace(event, name="code")
    return event


def report(output: options.Output, *, to: To = None) -> int:
    """Show an output as a page: figures, and files with their chunks."""
    check_extra()
    from treadle.code.cli import words
    from treadle.code.page import write

    if to is not None and to.is_dir():
        raise treadle.UsageError(
            f"{str(to)!r} is a folder", hint=f"--to {to / output.with_suffix('.html').name}"
        )
    say(words.printable(f"{write(output, to)} shows {output}"))
    return Exit.OK


def languages(*, json: Json = False) -> int:
    """List the languages that are known, and what each needs."""
    from treadle.code.cli import words
    from treadle.code.languages.registry import known_languages as every

    facts = [_facts(each) for each in every()]
    if json:
        put("".join(f"{jsons.dumps(each, ensure_ascii=False)}\n" for each in facts))
        return Exit.OK
    rows = [
        (each["name"], _shortened(each["extensions"] + each["filenames"], 27), _means(each))
        for each in facts
    ]
    lines = words.table(("language", "files", "cut"), rows, right=())
    parsed = sum(each["method"] == "syntax" for each in facts)
    extensions = sum(len(each["extensions"]) for each in facts)
    put("".join(f"{line}\n" for line in lines))
    say(f"{len(facts)} languages, {parsed} of them cut by syntax; {extensions} extensions")
    return Exit.OK


def _facts(language: Language) -> dict[str, Any]:
    """Return what is known of a language and, by what is installed, how it is cut."""
    package, installed, missing = _grammar(language)
    plain = "prose" if language.style == "prose" else "delimiters"
    return {
        "name": language.name,
        "extensions": list(language.extensions),
        "filenames": list(language.filenames),
        "interpreters": list(language.interpreters),
        "method": "syntax" if installed else plain,
        "grammar": installed,
        "package": package,
        "problem": missing,
    }


def _grammar(language: Language) -> tuple[str | None, str | None, str | None]:
    """Return the library of the grammar, the same with its version, and why it has none."""
    from treadle.code.languages.loading import trouble
    from treadle.code.languages.registry import facts, library

    if language.grammar is None:
        return None, None, None
    problem = trouble(language.name)
    try:
        about = facts(language.grammar)
    except Exception:  # which is what trouble tells
        return None, None, problem
    return about.package, None if problem else library(about) or about.package, problem


def _means(facts: dict[str, Any]) -> str:
    if facts["problem"]:
        return f"pip install {facts['package']}" if facts["package"] else facts["problem"]
    if facts["grammar"]:
        return str(facts["grammar"])
    return {"prose": "by headings", "delimiters": "by lines"}[facts["method"]]


def _shortened(names: Iterable[str], room: int) -> str:
    """Join as many names as there is room for."""
    said = ""
    every = list(names)
    for place, name in enumerate(every):
        longer = f"{said} {name}".strip()
        if len(longer) > room - (0 if place == len(every) - 1 else 2):
            return f"{said} …".strip()
        said = longer
    return said


def schema() -> int:
    """Print the JSON Schema of a line of JSONL output."""
    from treadle.code.schema import json_schema

    put(jsons.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
    return Exit.OK
