"""``treadle lab plot`` and ``plots``: figures of what was measured, and of what was found of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from treadle.cli import Exit, problem, put, say
from treadle.lab.cli import options

if TYPE_CHECKING:
    from treadle.lab.plotting import PlotsReport

PLOT = """\
\b
Examples:
  treadle lab plot --list
  treadle lab plot IVg data/out --chip 67
  treadle lab plot It data/out --chip 67 --runs 4-7,12 --legend-by gate
  treadle lab plot It-fit --chip Alisson67 --runs 17 --to relaxation.svg
  treadle lab plot cnp data/out --chip 67 --style talk
  treadle lab plot photoresponse-power --chip 67 --legend-by wavelength
  treadle lab plot tau_dark data/out --chip 67 --style mine.mplstyle

\b
--runs takes numbers of 'treadle lab history CHIP', and run ids. The name of a
metric draws it over time. Without --to there is a vector PDF and a PNG of 300
dpi in OUT/figures. The paths of the files are written to stdout.

\b
Exit codes: 0 drawn, 2 usage, or nothing to draw.
"""

PLOTS = """\
\b
Examples:
  treadle lab plots figures.yml data/out
  treadle lab plots figures.yml -w 4 --to figures

\b
FILE.yml:
  chip: 67
  chip_group: Alisson            # not needed where one group has that number
  output_base: figures           # from the folder of this file
  defaults: {legend_by: gate, style: paper, formats: [pdf, png]}
  plots:
    - {kind: IVg, runs: 1}
    - {kind: It, runs: "4-7", tag: dark, legend_by: time, title: In the dark}
    - {kind: It-fit, runs: [8, 9]}
    - {kind: cnp}

\b
Exit codes: 0 all drawn, 1 some failed, 2 usage, 130 interrupted.
"""

_Width = Annotated[
    float | None,
    typer.Option("--width", metavar="INCHES", min=0.5, help="Default: that of the style."),
]
_Height = Annotated[
    float | None,
    typer.Option("--height", metavar="INCHES", min=0.5, help="Default: that of the style."),
]


def plot(
    kind: Annotated[
        str | None, typer.Argument(metavar="KIND", help="What is drawn; --list names all.")
    ] = None,
    out: options.Where = None,
    *,
    chip: Annotated[
        str | None, typer.Option("--chip", metavar="CHIP", help="Name (Alisson67) or number (67).")
    ] = None,
    runs: Annotated[
        str, typer.Option("--runs", metavar="4-7,12", help="Of its history; or run ids.")
    ] = "",
    procedure: options.AnyProcedures = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="A .pdf, .svg or .png. Default: OUT/figures/…"),
    ] = None,
    style: Annotated[
        str,
        typer.Option("--style", metavar="STYLE", help="paper, talk, poster, grey, or .mplstyle."),
    ] = "paper",
    title: Annotated[
        str | None,
        typer.Option("--title", metavar="TEXT", help="Default: what all have in common; '': none."),
    ] = None,
    legend_by: Annotated[
        str | None,
        typer.Option("--legend-by", metavar="WHAT", help="gate, date, wavelength, power, seq, …"),
    ] = None,
    width: _Width = None,
    height: _Height = None,
    list_: Annotated[bool, typer.Option("--list", help="Name all kinds, and stop.")] = False,
    config: options.Config = None,
) -> int:
    """Draw curves, metrics over time, photoresponses, as figures for print."""
    from treadle.lab.plotting import Asked, drawn, style_named, written
    from treadle.lab.plotting.asked import FIGURES, check_writable
    from treadle.lab.plotting.catalog import entry_named

    if list_ or kind is None:
        put(_listed())
        return Exit.OK
    file = None if to is None else check_writable(to)
    style_named(style)
    roots = options.where(out, config)
    asked = Asked(
        kind=entry_named(kind, roots).name,
        chip=chip,
        runs=runs,
        procedures=tuple(options.words_of(procedure)),
        title=title,
        legend_by=legend_by,
        style=style,
        width=width,
        height=height,
    )
    made = drawn(roots, asked)
    files = written(made, asked, folder=roots.out / FIGURES, to=file)
    put("".join(f"{each}\n" for each in files))
    say(*(f"note: {note}" for note in made.notes))
    return Exit.OK


def plots(
    file: Annotated[Path, typer.Argument(metavar="FILE.yml", help="The plots, see below.")],
    out: options.Where = None,
    *,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FOLDER", help="Default: its output_base, or OUT/figures."),
    ] = None,
    timeout: options.Timeout = None,
    workers: options.Workers = None,
    backend: options.Backend = None,
    start_method: options.StartMethod = None,
    config: options.Config = None,
    progress: options.Progress = None,
    otel: options.Otel = None,
    quiet: options.Quiet = None,
) -> int:
    """Draw all plots of a file, in parallel."""
    from treadle.lab.cli.processing import shown
    from treadle.lab.plotting.batch import plots as run
    from treadle.lab.plotting.batch_file import read

    roots = options.where(out, config)
    asked, base = read(file, roots)
    how: dict[str, Any] = {
        "timeout": timeout,
        "workers": workers,
        "backend": backend,
        "start_method": start_method,
        "progress": progress,
        "otel": otel,
        "quiet": quiet,
    }
    values = {name: value for name, value in how.items() if value is not None}
    report = shown(values, ("plots",), lambda **more: run(roots, asked, to or base, **more))
    _tell(report, quiet=bool(quiet))
    return Exit.ITEMS_FAILED if report.failed else Exit.OK


def _listed() -> str:
    from treadle.lab.plotting.catalog import listed

    rows = [*listed(), ("METRIC", "any metric over time: treadle lab metrics --list names them")]
    wide = max(len(name) for name, _ in rows)
    return "".join(f"{name.ljust(wide)}  {title}\n" for name, title in rows)


def _tell(report: PlotsReport, *, quiet: bool) -> None:
    put("".join(f"{each}\n" for each in report.files))
    if not quiet:
        say(*(f"{name}: note: {note}" for name, notes in report.notes.items() for note in notes))
        say(str(report))
    for name, why in report.failed.items():
        problem(f"{name} was not drawn: {why}")
