"""Puts the page of a chip together, and writes it whole or not at all."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from importlib import metadata
from importlib.resources import files as resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

import treadle
from treadle.lab.histories import file_name
from treadle.lab.page import flagged, tables
from treadle.lab.page import plots as curves
from treadle.lab.page.summary import header, summary
from treadle.lab.page.trends import trends
from treadle.lab.page.words import text
from treadle.lab.places import put_whole

if TYPE_CHECKING:
    from treadle.lab.page.about import About
    from treadle.lab.roots import Roots

FOLDER: Final = "reports"
"""Where pages are put below OUT, unless another place is asked for."""


def place_for(roots: Roots, chip: str) -> Path:
    """Return where the page of a chip is put unless another place is asked for."""
    return roots.out / FOLDER / f"{file_name(chip)}.html"


def write(about: About, into: Path, *, plots: bool = True) -> Path:
    """
    Write the page of a chip; one from before is replaced when all is written.

    Args:
        about: The chip.
        into: The page.
        plots: Draw the latest curves of each procedure.

    Returns:
        The absolute path of the page.

    Raises:
        UsageError: The page cannot be written there.
    """
    page = text_of(about, plots=plots).encode("utf-8", "backslashreplace")
    try:
        put_whole(into, lambda part: part.write_bytes(page))
    except OSError as error:
        raise treadle.UsageError(
            f"{str(into)!r} cannot be written: {error.strerror or error}", hint="name another file"
        ) from error
    return into.absolute()


def text_of(about: About, *, plots: bool = True) -> str:
    """
    Return the text of the page.

    Args:
        about: The chip.
        plots: Draw the latest curves of each procedure.
    """
    return "".join(_page(about, plots=plots))


def _page(about: About, *, plots: bool) -> Iterator[str]:
    style, script = _own("style.css"), _own("script.js")
    yield _head(about, style, script)
    yield header(about)
    yield "<main>"
    yield _section("summary", "Overview", summary(about))
    yield _section("trends", "Metrics over time", trends(about))
    yield _section("flagged", "What is odd", flagged.flagged(about))
    if plots:
        yield _section("plots", "Latest curves", curves.plots(about))
    yield _section("history", "History", tables.history(about))
    yield _section("calibrations", "Calibrations used", tables.calibrations(about))
    yield _section("made", "How this was made", tables.how(about, _written_by()))
    yield f"</main>\n<script>{script}</script>\n</body>\n</html>\n"


def _section(name: str, title: str, body: str) -> str:
    if not body:
        return ""
    return (
        f'<section aria-labelledby="{name}-title" id="{name}">'
        f'<h2 id="{name}-title">{title}</h2>{body}</section>\n'
    )


def _head(about: About, style: str, script: str) -> str:
    # Nothing of the network, and no script or style but these two: whatever a run has recorded.
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{text(about.chip, 200)}: report of a chip</title>\n"
        f"<style>{style}</style>\n</head>\n<body>\n"
    )


def _written_by() -> str:
    try:
        return f"Treadle {metadata.version('treadle')}"
    except metadata.PackageNotFoundError:  # run from its source
        return "Treadle"


def _own(name: str) -> str:
    return resources(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"'sha256-{digest}'"
