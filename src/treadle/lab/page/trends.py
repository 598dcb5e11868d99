"""Each metric over the time of the runs, light and dark told apart by marker and word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from treadle.lab.page.about import About
from treadle.lab.page.charts import MARKERS, NAMED, Points, marker, points
from treadle.lab.page.summary import amount_of, pairs, run_of
from treadle.lab.page.words import count, text
from treadle.lab.written import scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

MOST: Final = 2_000
"""Points of a chart; of more, the latest."""

_WORDS: Final = {"dark": "in the dark", "lit": "with light", "unknown": "light not known"}
_FAR: Final = 4.0  # times the width of the middle 80 %: values further off do not set the axis


def trends(about: About) -> str:
    """Return a small chart for each metric with a value; nothing where there is none."""
    ok = about.records("ok")
    if ok.is_empty():
        return ""
    order = [name for name in about.history.columns if name in set(ok["metric"])]
    order += sorted(set(ok["metric"]) - set(order))
    found = {metric: ok.filter(metric=metric) for metric in order}
    several = [rows for rows in found.values() if rows.height > 1]
    single = [rows for rows in found.values() if rows.height == 1]
    charts = "".join(map(_chart, several))
    drawn = f'{_legend(ok)}<div class="small">{charts}</div>' if charts else ""
    return f"{drawn}{_alone(single)}"


def _alone(single: Sequence[pl.DataFrame]) -> str:
    """Return what needs no chart: metrics with a value for one run."""
    records = [rows.row(0, named=True) for rows in single]
    if not records:
        return ""
    rows = {record["metric"]: f"{amount_of(record)}, {run_of(record)}" for record in records}
    return f"<h3>With one value</h3>{pairs(rows)}"


def _legend(ok: pl.DataFrame) -> str:
    there = set(_marks(ok))
    keys = "".join(f"<li>{marker(name)} {_WORDS[name]}</li>" for name in MARKERS if name in there)
    return f'<ul class="legend">{keys}<li>bars: one standard uncertainty</li></ul>'


def _marks(found: pl.DataFrame) -> list[str]:
    names = {True: "lit", False: "dark", None: "unknown"}
    return [names[each] for each in found["has_light"].to_list()]


def _chart(found: pl.DataFrame) -> str:
    metric, unit = found["metric"][0], found["unit"][0] or ""
    dated = found.filter(pl.col("local").is_not_null())
    if dated.is_empty():
        return f'<p class="note">{text(metric)}: no run with a value has a date.</p>'
    shown = dated.tail(MOST)
    values = shown["value"].to_numpy()
    low, high = _limits(values, shown["uncertainty"].cast(pl.Float64).fill_null(0.0).to_numpy())
    inside = values[(values >= low) & (values <= high)]
    factor, scaled = scale(max(abs(low), abs(high)), unit)
    groups = list(_groups(shown, factor))
    latest = shown.row(-1, named=True)
    now = amount_of(latest)
    said = f"{metric}: {count(shown.height, 'value')} over time, the latest {now}"
    label = f"{metric} ({scaled})" if scaled else metric
    beyond = len(values) - len(inside)
    notes = [found["category"][0], f"latest {now}", *_left_out(found, dated, shown, beyond)]
    caption = "; ".join(note for note in notes if note)
    chart = points(groups, (low * factor, high * factor), label, said)
    return f"<figure>{chart}<figcaption>{text(caption)}</figcaption></figure>"


def _left_out(
    found: pl.DataFrame, dated: pl.DataFrame, shown: pl.DataFrame, beyond: int
) -> Iterator[str]:
    if beyond:
        yield f"{count(beyond, 'value')} beyond the axis"
    if shown.height < dated.height:
        yield f"the latest {shown.height:,} of {dated.height:,}"
    if dated.height < found.height:
        yield f"{count(found.height - dated.height, 'value')} without a date left out"


def _limits(values: Numbers, errors: Numbers) -> tuple[float, float]:
    """Return the ends of the axis: of all bars, but for those that would flatten the others."""
    first, last = np.quantile(values, [0.1, 0.9])
    reach = _FAR * (last - first)
    near = (values >= first - reach) & (values <= last + reach)
    if not reach:  # most values are the same one
        near[:] = True
    errors = np.nan_to_num(errors[near])
    bars = np.minimum(errors, _FAR * np.median(errors))
    low, high = float((values[near] - bars).min()), float((values[near] + bars).max())
    width = max(high - low, 1e-3 * max(abs(low), abs(high)), 1e-30)
    middle = (low + high) / 2
    return middle - 0.58 * width, middle + 0.58 * width


def _groups(shown: pl.DataFrame, factor: float) -> Iterator[Points]:
    marked = shown.with_columns(mark=pl.Series(_marks(shown)))
    for mark in MARKERS:
        rows = marked.filter(mark=mark)
        if rows.is_empty():
            continue
        names = [
            f"{row['local']:%Y-%m-%d %H:%M}, {row['proc']}, {_WORDS[mark]}: {amount_of(row)}"
            for row in rows.head(NAMED).iter_rows(named=True)
        ]
        yield Points(
            mark,
            rows["local"].dt.epoch("us").cast(pl.Float64).to_numpy() / 1e6,
            rows["value"].to_numpy() * factor,
            rows["uncertainty"].cast(pl.Float64).fill_null(float("nan")).to_numpy() * factor,
            names,
        )
