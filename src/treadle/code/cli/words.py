"""What is said of a report: a summary for people, all figures, and JSON for programs."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from treadle.code.report import OfLanguage, Report
from treadle.code.values import KINDS, REASONS

if TYPE_CHECKING:
    from treadle.code.discovery import Found

_LANGUAGES = 12  # listed in a summary; --stats lists them all
_FAILED = 5  # the same for files that failed
_PROBLEMS = 3

_CURES = {
    "too-large": "--max-file-size 50M takes larger ones",
    "too-many-chunks": "--max-chunks takes them, a larger --max-chars makes fewer",
    "generated": "--generated takes them",
    "link": "--follow-links follows those that stay within ROOT",
    "no-grammar": "treadle code languages tells what to install",
    "unknown-language": "treadle code languages lists those that are known",
    "too-many-nodes": "--max-nodes allows more",
    "too-deep": "--max-depth allows more",
    "parser-gave-up": "--timeout gives it longer",
}
_LEFT_OUT = {
    "hidden": "--hidden",
    "vendored": "--vendored",
    "ignored": "--no-ignore",
    "link": "--follow-links",
}
_METHODS = {
    "syntax": "by syntax",
    "delimiters": "by indentation and blank lines",
    "prose": "by headings and paragraphs",
    "split": "inside what cannot be divided",
}


def of_run(report: Report, *, full: bool = False) -> list[str]:
    """
    Sum up a run.

    Args:
        report: What became of it.
        full: All figures there are, instead of the most telling.
    """
    lines = [_headline(report), *of_files(report, full=full)]
    if report.stopped:
        lines.append(f"stopped: {report.stopped}")
    if not report.files and not report.written:
        return [*lines, "nothing was written"]
    where = "standard output" if report.into == "-" else report.into
    state = "" if report.written else ", as it was"
    return [*lines, f"{_chunks(report, full=full)}: {where}{state}"]


def of_tree(report: Report) -> list[str]:
    """Say all there is to say of files that were cut, or had been."""
    return [_headline(report), *of_files(report, full=True), _chunks(report, full=True)]


def of_dry_run(
    report: Report, files: Iterable[tuple[Found, str | None]], *, full: bool
) -> list[str]:
    """
    Say what would be done.

    Args:
        report: Of the dry run.
        files: What was found, each with its language, as far as names tell.
        full: All languages and problems, instead of the most telling.
    """
    counts = [f"{report.todo:,} would be opened"]
    counts += [f"{report.unchanged:,} unchanged"] if report.unchanged else []
    counts += [f"{report.removed:,} would leave the output"] if report.removed else []
    by_language: dict[str, OfLanguage] = {}
    skipped: Counter[str] = Counter()
    for found, language in files:
        if found.reason is not None:
            skipped[found.reason] += 1
            continue
        name = language or "by content"
        before = by_language.get(name, OfLanguage())
        by_language[name] = OfLanguage(before.files + 1, before.bytes + found.size)
    return [
        f"{counted(report.files, 'file')}: {', '.join(counts)}",
        *_languages(by_language, full=full, chunks=False),
        *_reasons("would be skipped", skipped),
        *_left_out(report.left_out),
        *_problems(report, full=full),
    ]


def of_found(found: Found, language: str | None) -> str:
    """Return a file that would be looked at as a line of JSON."""
    said = {"path": found.path, "size": found.size, "language": language, "reason": found.reason}
    return json.dumps(said)


def of_files(report: Report, *, full: bool) -> list[str]:
    """Say what became of files, by language and by reason."""
    lines = [
        *_languages(report.by_language, full=full),
        *_reasons("degraded", report.degraded),
        *_reasons("skipped", report.skipped),
        *_failed(report, full=full),
    ]
    if report.errors:
        lines.append(f"  {counted(report.errors, 'file')} with places that could not be parsed")
    lines += [*_left_out(report.left_out), *_problems(report, full=full)]
    if full:
        lines += _all_counts("kind", report.by_kind, KINDS)
        lines += _all_counts("method", report.by_method, _METHODS)
    return lines


def _headline(report: Report) -> str:
    if not report.files:
        return "no files there"
    ended = [
        f"{report.ok:,} ok",
        *_some(report.degraded.total(), "degraded"),
        *_skipped(report),
        *_some(len(report.failed), "failed"),
    ]
    before = [*_some(report.unchanged, "unchanged"), *_some(report.removed, "removed")]
    now = f" ({', '.join(before)})" if before else ""
    time = f" in {seconds(report.elapsed)}" if report.elapsed else ""
    return f"{counted(report.files, 'file')}{time}{_speed(report)}: {', '.join(ended)}{now}"


def _speed(report: Report) -> str:
    """Say how fast files were cut, where nothing else took the time."""
    if report.unchanged or report.same or report.elapsed <= 0 or not report.bytes:
        return ""
    return f", {size(report.bytes / report.elapsed)}/s"


def _skipped(report: Report) -> list[str]:
    """Say how much was skipped, which has no part in speed and sizes."""
    told = f" ({size(report.skipped_bytes)})" if report.skipped_bytes else ""
    return [f"{each}{told}" for each in _some(report.skipped.total(), "skipped")]


def _some(count: int, what: str) -> list[str]:
    return [f"{count:,} {what}"] if count else []


def _chunks(report: Report, *, full: bool) -> str:
    filled = "" if report.fill is None else f", {report.fill:.0%} full"
    tokens = f", {report.tokens:,} {report.unit}" if full else ""
    return f"{counted(report.chunks, 'chunk')}{filled}{tokens}"


def _languages(
    by_language: Mapping[str, OfLanguage], *, full: bool, chunks: bool = True
) -> list[str]:
    """Write a line for each language, the largest first."""
    ordered = sorted(by_language.items(), key=lambda each: (-each[1].bytes, each[0]))
    shown = ordered if full or len(ordered) <= _LANGUAGES + 1 else ordered[:_LANGUAGES]
    rest = ordered[len(shown) :]
    if rest:
        columns = zip(*(each for _, each in rest), strict=True)
        shown = [*shown, (f"{len(rest)} more", OfLanguage(*map(sum, columns)))]
    rows = [
        (f"  {name}", f"{each.files:,}", size(each.bytes), f"{each.chunks:,}")
        for name, each in shown
    ]
    columns_shown = 4 if chunks else 3
    head = ("  language", "files", "size", "chunks")
    return table(head[:columns_shown], [row[:columns_shown] for row in rows])


def _reasons(what: str, reasons: Mapping[str, int]) -> list[str]:
    """Write a line for each reason, the most frequent first, and what would help."""
    lines = []
    for reason, count in sorted(reasons.items(), key=lambda each: (-each[1], each[0])):
        cure = _CURES.get(reason)
        told = REASONS.get(reason, reason) + (f"; {cure}" if cure else "")
        lines.append(f"  {count:,} {what}: {reason}: {told}")
    return lines


def _failed(report: Report, *, full: bool) -> list[str]:
    shown = report.failed if full else report.failed[:_FAILED]
    lines, told = [], None
    for path, message, hint in shown:
        named = "" if path in message else f"{path}: "
        lines.append(f"  failed: {printable(f'{named}{message}')}")
        if hint and hint != told:
            lines.append(f"    hint: {printable(hint)}")
            told = hint
    if len(shown) < len(report.failed):
        lines.append(f"  and {len(report.failed) - len(shown):,} more failed: --stats names them")
    return lines


def _left_out(left_out: Mapping[str, int]) -> list[str]:
    parts = []
    for why, count in sorted(left_out.items(), key=lambda each: (-each[1], each[0])):
        flag = _LEFT_OUT.get(why)
        parts.append(f"{count:,} {_ADJECTIVES.get(why, why)}" + (f" ({flag})" if flag else ""))
    return [f"  left out: {', '.join(parts)}"] if parts else []


_ADJECTIVES = {"language": "in other languages", "output": "written by treadle code"}


def _problems(report: Report, *, full: bool) -> list[str]:
    shown = report.problems if full else report.problems[:_PROBLEMS]
    lines = [f"  not looked into: {printable(f'{folder}: {why}')}" for folder, why in shown]
    if len(shown) < len(report.problems):
        lines.append(f"  and {len(report.problems) - len(shown):,} more: --stats names them")
    return lines


def _all_counts(what: str, counts: Mapping[str, int], words: Mapping[str, str]) -> list[str]:
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    rows = [(f"  {name}", f"{count:,}", words.get(name, "")) for name, count in ordered]
    return table((f"  {what}", "chunks", ""), rows, right=(1,))


def table(
    head: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, right: Iterable[int] | None = None
) -> list[str]:
    """
    Write rows below each other; nothing where there is none.

    Args:
        head: The names of the columns.
        rows: Their cells.
        right: Columns whose cells stand on the right; default: all but the first.
    """
    every = [head, *rows]
    if len(every) == 1:
        return []
    sizes = [max(map(len, column)) for column in zip(*every, strict=True)]
    to_right = set(range(1, len(head)) if right is None else right)
    return [
        "  ".join(
            cell.rjust(room) if place in to_right else cell.ljust(room)
            for place, (cell, room) in enumerate(zip(row, sizes, strict=True))
        ).rstrip()
        for row in every
    ]


def wrapped(lines: Iterable[str], width: int | None) -> list[str]:
    """Break lines between words where the terminal is narrower; None: they stay as they are."""
    if width is None:
        return list(lines)
    return [part for line in lines for part in _broken(line, width)]


def _broken(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    parts = textwrap.wrap(
        line, width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )
    return parts or [line]


def counted(count: int, noun: str) -> str:
    """Return a number of things: ``1 file``, ``2,000 files``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def seconds(elapsed: float) -> str:
    """Return a time in words: ``0.04 s``, ``2.1 s``, ``3 min 5 s``."""
    if elapsed < 60:
        return f"{elapsed:.2f} s" if elapsed < 1 else f"{elapsed:.1f} s"
    return f"{int(elapsed // 60)} min {elapsed % 60:.0f} s"


def size(count: float) -> str:
    """Return a number of bytes in words: ``812 B``, ``4.2 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" or count >= 99.5 else f"{count:.1f} {unit}"


def printable(text: str) -> str:
    """Put marks for control characters: none of a path's gets to a terminal."""
    return "".join(c if c.isprintable() else "�" for c in text)


def as_json(report: Report, **further: str) -> str:
    """Write a report, and what is said *further*, as JSON on one line."""
    said: dict[str, Any] = {**further}
    said |= {field.name: getattr(report, field.name) for field in fields(report)}
    # Names for what are tuples in Python.
    said["failed"] = [each._asdict() for each in report.failed]
    said["by_language"] = {name: each._asdict() for name, each in report.by_language.items()}
    return json.dumps(said)
