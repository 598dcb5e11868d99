"""``treadle lab iv``: fits, means, resistance and hysteresis of IV sweeps."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

import treadle
from treadle.cli import hint
from treadle.lab.cli import options, words
from treadle.lab.cli.options import merged, where
from treadle.lab.cli.processing import exit_of, shown, tell

IV = """\
\b
Examples:
  treadle lab iv data/out
  treadle lab iv data/out --orders 1,3,5 --near-zero 0.05
  treadle lab iv data/out --csv

\b
Reads OUT/stage and OUT/segment, writes OUT/iv: fits, polynomials, groups,
statistics, hysteresis and peaks, all .parquet, and in _manifest what became
of each run. Run again, it does the groups that are new or changed.

\b
Exit codes: 0 all went well, 1 some were rejected, 2 usage, 3 nothing there,
130 interrupted.
"""

Orders: TypeAlias = Annotated[
    str | None,
    typer.Option("--orders", metavar="1,3,5", help="Of the polynomials. Default: 1,3,5,7."),
]
NearZero: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--near-zero", metavar="V", help="Largest |V| near zero. Default: a fifth of the range."
    ),
]
Decimals: TypeAlias = Annotated[
    int | None,
    typer.Option("--decimals", metavar="N", help="Of voltages that are averaged. Default: 2."),
]
Of: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--procedure", "-p", metavar="NAME", help="Only these. Default: IV."),
]
Csv: TypeAlias = Annotated[
    bool | None,
    typer.Option("--csv/--no-csv", help="Write OUT/iv/csv, too: files for each chip and range."),
]


def iv(
    out: options.Where = None,
    *,
    orders: Orders = None,
    near_zero: NearZero = None,
    decimals: Decimals = None,
    procedure: Of = None,
    csv: Csv = None,
    force: options.Force = None,
    timeout: options.Timeout = None,
    workers: options.Workers = None,
    backend: options.Backend = None,
    start_method: options.StartMethod = None,
    config: options.Config = None,
    progress: options.Progress = None,
    otel: options.Otel = None,
    quiet: options.Quiet = None,
    json: options.Json = False,
) -> int:
    """
    Fit and average IV sweeps.

    Polynomials of each run; resistance, statistics and hysteresis by chip, day and range.
    """
    from treadle.lab.analysing import iv as run
    from treadle.lab.analysing.driver import NAME
    from treadle.lab.analysing.files import write_csv

    values = merged(iv, locals())
    found = where(values.pop("out", None), config)
    if found.segment is None:
        raise treadle.UsageError(
            f"{str(found.out)!r} has no segments of {str(found.stage)!r}",
            hint=f"treadle lab segment {found.stage} {found.out / 'segment'}",
        )
    segments, as_csv = found.segment, values.pop("csv", False)
    for typed, name in _NAMES.items():
        if typed in values:
            values[name] = values.pop(typed)
    if "poly_orders" in values:
        values["poly_orders"] = _whole(values["poly_orders"])
    place = found.iv or found.out / "iv"
    report = shown(values, (NAME,), lambda **rest: run(found.stage, segments, place, **rest))
    files = write_csv(place) if as_csv else 0
    tell(report, words.of_iv(report), values, json=json)
    if files and not values.get("quiet"):
        hint(f"the tables as files: {place / 'csv'}")
    return exit_of(report.runs, report.rejected)


_NAMES = {
    "orders": "poly_orders",
    "near_zero": "near_zero_v",
    "decimals": "voltage_decimals",
    "procedure": "procedures",
}


def _whole(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(each) for each in text.split(","))
    except ValueError:
        raise treadle.UsageError(
            f"--orders takes whole numbers, got {text!r}", hint="--orders 1,3,5"
        ) from None
