"""Writes the page: files as they are read, then what they come to, then how it looks."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.resources import files as resources
from pathlib import Path

import treadle
from treadle.cli import whole
from treadle.code.page import charts
from treadle.code.page.entries import Entries
from treadle.code.page.figures import Figures
from treadle.code.report import Failed, Report
from treadle.code.stored import Stored
from treadle.code.values import FileChunks


def write(output: str | os.PathLike[str], into: str | os.PathLike[str] | None = None) -> Path:
    """
    Write an output as one HTML page.

    Args:
        output: What a run has written.
        into: The page; default: the output with the suffix ``.html``.

    Returns:
        Where the page is.

    Raises:
        UsageError: There is no such output, or it cannot be read; or the page would replace it.
        SinkFailed: The page cannot be written.
        MissingExtra: pyarrow is not installed, and the output is a Parquet file.
    """
    stored = Stored(output)
    place = Path(output).with_suffix(".html") if into is None else Path(into)
    if place.exists() and place.samefile(output):
        raise treadle.UsageError(
            f"the page would replace {os.fspath(output)!r}", hint="--to names another file"
        )
    report = stored.report()
    write_page(
        stored.files(),
        place,
        title=Path(output).name,
        failed=report.failed,
        limit=report.limit,
        unit=report.unit,
        note="; ".join(_notes(report, is_told=stored.is_told)),
    )
    return place


def _notes(report: Report, *, is_told: bool) -> list[str]:
    notes = []
    if report.fill is not None:
        notes.append(f"a chunk fills {report.fill:.0%} of its budget on average")
    if report.left_out:
        counts = (f"{count:,} {why}" for why, count in sorted(report.left_out.items()))
        notes.append(f"left out beforehand: {', '.join(counts)}")
    notes += [f"not looked into: {problem}" for problem in report.problems[:3]]
    if not is_told:
        notes.append(
            "files without chunks are not known, nor how files were cut: "
            "the output does not lie where it was written, or was changed"
        )
    return notes


def write_page(
    files: Iterable[FileChunks],
    into: Path,
    *,
    title: str,
    limit: int | None = None,
    unit: str = "tokens",
    failed: Sequence[Failed] = (),
    note: str = "",
) -> None:
    """
    Write files and their chunks as one HTML page; an older one is replaced when all is written.

    Two thousand files are shown, or 24 million letters of them, and 400 chunks of each; the page
    says what it leaves out. Figures are of all files.

    Args:
        files: In the order in which they are shown. They are read once, one by one.
        into: The page.
        title: What stands above all.
        limit: Size of a chunk at most, where that is known.
        unit: What the sizes of chunks are: ``"tokens"`` or ``"characters"``.
        failed: Files that could not be read or cut.
        note: What else the reader should know.

    Raises:
        SinkFailed: The page cannot be written.
    """
    try:
        with whole(into) as stream:
            parts = _page(files, title, limit, unit, failed, note)
            # Lone surrogates become escapes; they only ever stand in JSON.
            stream.writelines(part.encode(errors="backslashreplace") for part in parts)
    except OSError as error:
        raise treadle.SinkFailed(
            f"the report {into} cannot be written: {error.strerror or error}",
            hint="is the disk full, or the folder write-protected? name another file",
        ) from error


def _page(
    files: Iterable[FileChunks],
    title: str,
    limit: int | None,
    unit: str,
    failed: Sequence[Failed],
    note: str,
) -> Iterator[str]:
    style, script = _own("style.css"), _own("script.js")
    yield _head(title, style, script)
    entries, figures = Entries(), Figures()
    yield f'<script type="application/json" id="entries" data-unit="{unit}">['
    comma = ""
    for file in files:
        figures.add(file)
        entry = entries.text(file)
        if entry is not None:
            yield f"{comma}\n{entry}"
            comma = ","
    yield "\n]</script>\n"
    yield _overview(title, figures, limit, unit, note)
    yield charts.failed(failed)
    yield charts.reasons(figures)
    yield _files(entries.left_out)
    yield f"<script>{script}</script>\n</body>\n</html>\n"


def _head(title: str, style: str, script: str) -> str:
    # Nothing of the network, and no script or style but these two: whatever a file holds.
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        # So that a page in a source tree is not taken for a source.
        "<!DOCTYPE html>\n<!-- @generated by treadle code report -->\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{charts.text(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
    )


def _overview(title: str, figures: Figures, limit: int | None, unit: str, note: str) -> str:
    drawn = charts.sizes(figures, limit, unit) + charts.methods(figures) + charts.kinds(figures)
    said = f'<p class="note">{charts.text(note)}</p>' if note else ""
    return (
        f"<header><h1>{charts.text(title)}</h1><p>{charts.text(_in_short(figures, unit))}</p>{said}"
        f"</header>\n<section><h2>Languages</h2>{charts.languages(figures, unit)}</section>\n"
        f'<div class="charts">{drawn}</div>\n'
    )


def _in_short(figures: Figures, unit: str) -> str:
    total, skipped = figures.total, figures.skipped
    said = [
        _counted(total.files + skipped.files, "file"),
        _counted(total.chunks, "chunk"),
        f"{charts.amount(total.tokens)} {unit}",
        charts.size(total.bytes),
    ]
    if skipped.files:
        said.append(f"{skipped.files:,} skipped ({charts.size(skipped.bytes)})")
    return f"{', '.join(said)} · written {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def _counted(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number:,} {what}s"


def _files(left_out: int) -> str:
    note = ""
    if left_out:
        some = "1 file is" if left_out == 1 else f"{left_out:,} files are"
        note = (
            f'<p class="note">{some} left out here; the output and the figures above have all.</p>'
        )
    return (
        f'<section id="files"><h2>Files</h2>{note}'
        "<noscript><p>Files are shown by a script of this page; it is not allowed to run."
        "</p></noscript></section>\n"
    )


def _own(name: str) -> str:
    return resources(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
