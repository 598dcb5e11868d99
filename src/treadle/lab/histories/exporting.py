"""Histories in the forms that other programs read; a file appears whole or not at all."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import treadle
from treadle.cli import check_libraries, whole
from treadle.lab.histories.columns import readable, stem_and_unit
from treadle.lab.histories.latex import latex
from treadle.lab.histories.showing import table

if TYPE_CHECKING:
    import polars as pl

FORMATS: Final = ("table", "csv", "json", "xlsx", "parquet", "latex")
SUFFIXES: Final = {
    ".txt": "table", ".csv": "csv", ".json": "json", ".jsonl": "json", ".ndjson": "json",
    ".xlsx": "xlsx", ".parquet": "parquet", ".tex": "latex",
}  # fmt: skip
BINARY: Final = ("xlsx", "parquet")


def suffix_of(form: str) -> str:
    """Return the suffix of files in that form."""
    return next(suffix for suffix, each in SUFFIXES.items() if each == form)


def exported(frame: pl.DataFrame, form: str, units: Mapping[str, str]) -> bytes:
    """
    Return the content of a file.

    csv, json (an object per line) and parquet have the names and the values of the frame, xlsx
    the units above the columns, too; table and latex are for people, and round to four digits.

    Args:
        frame: Histories, or the list of chips.
        form: One of :data:`FORMATS`.
        units: The units of the metrics by name; Parquet keeps them as ``unit.NAME`` in its
            metadata.

    Raises:
        MissingExtra: XlsxWriter is not installed.
    """
    if form == "xlsx":
        return _xlsx(frame, units)
    if form == "parquet":
        content = io.BytesIO()
        frame.write_parquet(content, metadata=metadata(frame, units))
        return content.getvalue()
    return text(frame, form, units).encode()


def text(frame: pl.DataFrame, form: str, units: Mapping[str, str]) -> str:
    """
    Return the content of a file of text.

    Args:
        frame: As for :func:`exported`.
        form: One of :data:`FORMATS` that is not in :data:`BINARY`.
        units: As for :func:`exported`.
    """
    if form == "json":
        return frame.write_ndjson()
    if form == "csv":
        return _flat(frame).write_csv()
    columns = [readable(values, units) for values in frame]
    return latex(columns) if form == "latex" else table(columns)


def metadata(frame: pl.DataFrame, units: Mapping[str, str]) -> dict[str, str]:
    """Return what a Parquet file says of its metric columns."""
    return {f"unit.{name}": units[name] for name in frame.columns if name in units}


def write(path: Path, content: bytes) -> None:
    """
    Put *content* into a file, whole or not at all.

    Raises:
        UsageError: The place cannot be written to.
    """
    try:
        with whole(path, follow=True) as file:
            file.write(content)
    except OSError as error:
        raise treadle.UsageError(
            f"{str(path)!r} cannot be written: {error.strerror or error}", hint="name another file"
        ) from error


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    return frame.with_columns(pl.col(pl.List(pl.String)).list.join("; "))


def _xlsx(frame: pl.DataFrame, units: Mapping[str, str]) -> bytes:
    """Make a workbook: real numbers and dates, the first row held in place, widths that fit."""
    check_libraries({"xlsxwriter": "XlsxWriter"}, "xlsx", purpose="writing .xlsx files")
    import polars as pl
    import xlsxwriter

    content = io.BytesIO()
    # Text is text: without these, '=1+1' is a formula and 'http://…' a link.
    plain = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    cells = _flat(frame).with_columns(
        # Excel knows no zones and no NaN.
        pl.col(pl.Datetime("us", "UTC")).dt.replace_time_zone(None),
        pl.col(pl.Float64).fill_nan(None),
    )
    with xlsxwriter.Workbook(content, plain) as book:
        cells.rename({name: _head(name, units) for name in cells.columns}).write_excel(
            book,
            "history",
            # The usual three decimals make 0.000 of a nanoampere.
            dtype_formats={pl.Float64: "General"},
            freeze_panes=(1, 0),
            autofit=True,
        )
    return content.getvalue()


def _head(name: str, units: Mapping[str, str]) -> str:
    """Return the name in the frame, and the unit where the name does not say it."""
    unit = stem_and_unit(name, units)[1] if name in units else ""
    return f"{name} ({unit})" if unit else name
