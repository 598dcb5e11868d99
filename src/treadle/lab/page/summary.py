"""The head of the page: which chip it is, what was measured of it, and its key figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from treadle.lab.page.about import About
from treadle.lab.page.words import NONE, count, text
from treadle.lab.written import amount, number

if TYPE_CHECKING:
    from treadle.lab.chips import Range

KEY_FIGURES: Final = {
    "charge neutrality point": ("cnp_voltage",),
    "mobility of holes": ("mobility_fe_holes",),
    "mobility of electrons": ("mobility_fe_electrons",),
    "photoresponse, current": ("delta_i_corrected", "delta_current"),
    "photoresponse, voltage": ("delta_voltage",),
    "resistance": ("resistance",),
}
"""What is shown large, and the metrics that tell it, the best first."""


def header(about: About) -> str:
    """Return the name of the chip, and how many runs there are of it."""
    group = about.runs["chip_group"][0]
    chip_number = about.runs["chip_number"][0]
    said = [f"group {text(group, 100)}"] if group else []
    said += [f"number {chip_number}"] if chip_number is not None else []
    return (
        f'<header><div><h1>{text(about.chip, 200)}</h1><p class="what">'
        f"{', '.join(['chip', *said])}</p></div>"
        f'<p class="state">{count(about.runs.height, "run")}, {_span(about)}</p></header>'
    )


def _span(about: About) -> str:
    days = about.runs["date_local"].drop_nulls().to_list()
    if not days:
        return "without dates"
    first, last = min(days), max(days)
    return f"{first}" if first == last else f"{first} to {last}"


def summary(about: About) -> str:
    """Return the key figures, and what was measured."""
    notes = "".join(f'<p class="notice">{note}</p>' for note in _notices(about))
    cards = "".join(_cards(about))
    figures = f'<dl class="cards">{cards}</dl>' if cards else ""
    how = (
        '<p class="note">Values with one standard uncertainty, where the method gives one. The '
        "best known is the one with the highest confidence; of several, that with the fewest "
        "flags, then with the smallest uncertainty, then the latest.</p>"
        if cards
        else ""
    )
    return f"{notes}{figures}{how}{_measured(about)}"


def _notices(about: About) -> Iterator[str]:
    if about.since is not None:
        yield f"Only runs since {about.since} are shown."
    if about.metrics is None:
        yield (
            "No metrics have been made of these runs: <code>treadle lab metrics</code> makes them."
        )
    elif about.records("ok").is_empty():
        yield "No metric has a value for any of these runs."


def _cards(about: About) -> Iterator[str]:
    ok = about.records("ok")
    if ok.is_empty():
        return
    for name, metrics in KEY_FIGURES.items():
        for metric in metrics:
            found = ok.filter(metric=metric)
            if found.height:
                yield _card(name, metric, found)
                break


def _card(name: str, metric: str, found: pl.DataFrame) -> str:
    latest = found.row(-1, named=True)
    best = best_of(found)
    also = (
        f"the best known of {found.height:,}"
        if best["run_id"] == latest["run_id"] and found.height > 1
        else "the only one"
        if found.height == 1
        else f"best known: {amount_of(best)}, {run_of(best)}"
    )
    return (
        f'<div class="card"><dt>{name} <code>{text(metric)}</code></dt>'
        f"<dd>{amount_of(latest)}</dd>"
        f'<dd class="more">latest: {run_of(latest)}{_doubt(latest)}</dd>'
        f'<dd class="more">{also}</dd></div>'
    )


def best_of(found: pl.DataFrame) -> dict[str, Any]:
    """
    Return the record that can be trusted most.

    Args:
        found: Records of one metric with a value, the latest last.
    """
    ranked = found.with_row_index("order").sort(
        pl.col("confidence").fill_null(0.0),
        -pl.col("flags").list.len().fill_null(0).cast(pl.Int64),
        -pl.col("uncertainty").fill_null(float("inf")),
        "order",
    )
    return ranked.row(-1, named=True)


def amount_of(record: Mapping[str, Any]) -> str:
    """Return the value of a record with its uncertainty and unit."""
    return amount(record["value"], record["unit"] or "", record["uncertainty"])


def run_of(record: Mapping[str, Any]) -> str:
    """Return a link to the run of a record, called by when it began."""
    at = f"{record['local']:%Y-%m-%d %H:%M}" if record["local"] is not None else "without a date"
    return f'<a href="#run-{text(record["run_id"])}">{at}</a>'


def _doubt(record: Mapping[str, Any]) -> str:
    """Say what is odd of a value."""
    said = [text(each) for each in record["flags"] or ()]
    if record["confidence"] is not None and record["confidence"] < 1:
        said.append(f"confidence {number(record['confidence'], 2)}")
    return f"; {', '.join(said)}" if said else ""


def _measured(about: About) -> str:
    """Return how many runs there are of each procedure, and what the chip file says."""
    kinds = about.runs["proc"].value_counts(sort=True).rows()
    lit = about.runs["has_light"].sum()
    dark = about.runs["has_light"].count() - lit
    days = about.runs["date_local"].n_unique()
    rows = {
        "runs": ", ".join(f"{many:,} {text(kind, 60)}" for kind, many in kinds),
        "light": f"{lit:,} with light, {dark:,} in the dark",
        "dates": f"{_span(about)}, {count(days, 'day')}",
        **{f"chip file: {name}": text(value) for name, value in _said(about)},
    }
    return pairs(rows)


def _said(about: About) -> Iterator[tuple[str, str]]:
    chip = about.entry
    if chip is None:
        if about.chip_file is not None:
            yield "entry", f"none in {about.chip_file}"
        return
    yield "dielectric below", f"{number(chip.bottom_nm)} nm of {chip.material}"
    yield "hBN above", f"{number(chip.top_nm)} nm"
    yield "permittivity below", _range(chip.bottom_permittivity)
    yield "permittivity of hBN", _range(chip.top_permittivity)
    yield "length over width", _range(chip.length_over_width)
    if chip.flake_area_um2 is not None:
        yield "area of the flake", f"{number(chip.flake_area_um2)} µm²"


def _range(known: Range) -> str:
    low, high = number(known.low), number(known.high)
    return low if low == high else f"{low} to {high}"


def pairs(rows: Mapping[str, str]) -> str:
    """Return names and values below each other; the values are HTML."""
    body = "".join(
        f"<div><dt>{text(name, 100)}</dt><dd>{value or NONE}</dd></div>"
        for name, value in rows.items()
    )
    return f'<dl class="pairs">{body}</dl>'
