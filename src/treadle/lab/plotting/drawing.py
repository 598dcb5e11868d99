"""Figures by matplotlib, ready to be printed: SI units, vector formats, readable in grey.

Figures are made as objects and never through ``pyplot``, whose state is shared by the process. What
tells curves apart is lightness and line style, and colour only beside them.
"""

from __future__ import annotations

import os
import textwrap
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import treadle
from treadle.cli import check_libraries
from treadle.lab.places import put_whole
from treadle.lab.plotting.curves import Plot, plot_of
from treadle.lab.plotting.kinds import Kind, kind_named
from treadle.lab.plotting.staged import Staged

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

FORMATS: Final = ("png", "svg", "pdf")
"""What a figure can be saved as, by the suffix of the file."""

WIDTH: Final = 5.2  # inches: across one and a half columns of a journal
HEIGHT: Final = 3.5
_STYLES: Final = ("-", "--", "-.", ":")
_IN_THE_AXES: Final = 5  # more curves have their legend below the axes
_IN_A_LEGEND: Final = 30  # more cannot be told apart
_DENSE: Final = 800  # points; with more, what is dashed looks like noise

_one_at_a_time = threading.Lock()  # saving reads settings of the process
_SETTINGS: Final[Any] = {
    "svg.fonttype": "path",  # looks the same where the font is not installed
    "svg.hashsalt": "treadle",  # the same figure gives the same bytes
    "pdf.fonttype": 42,  # text stays text, which journals ask for
    "axes.unicode_minus": True,
}
_UNDATED: Final[dict[str, dict[str, Any]]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def figure(
    measurements: Sequence[Staged] | Plot,
    kind: Kind | str | None = None,
    *,
    title: str | None = None,
    width: float = WIDTH,
    height: float = HEIGHT,
) -> Figure:
    """
    Draw *measurements* over each other.

    Args:
        measurements: What is to be drawn, or a plot that was made of it.
        kind: What is drawn over what; default: the most usual kind of the first measurement.
        title: What stands above; default: what all have in common; empty: nothing.
        width: Of the figure, in inches.
        height: Of the figure, in inches.

    Returns:
        A figure that :func:`save` takes.

    Raises:
        UsageError: None of them can be drawn, or there is no such kind.
        MissingExtra: matplotlib is not installed.
    """
    check_libraries({"matplotlib": "matplotlib"}, "lab", purpose="a figure")
    from matplotlib.figure import Figure

    plot = measurements if isinstance(measurements, Plot) else _plot(measurements, kind)
    made = Figure(figsize=(width, height), layout="constrained")
    axes = made.add_subplot()
    for on, off in plot.lit:
        axes.axvspan(on, off, color="0.88", linewidth=0, zorder=0)
    _draw(axes, plot)
    axes.set_xlabel(plot.x.label, parse_math=False)
    axes.set_ylabel(plot.y.label, parse_math=False)
    above = plot.title if title is None else title
    if above:
        lines = textwrap.wrap(above, max(int(width * 14), 20))  # letters of this size in an inch
        axes.set_title("\n".join(lines), fontsize=8.5, loc="left", parse_math=False)
    _finish(axes, plot)
    _add_legend(made, axes, plot)
    return made


def _plot(measurements: Sequence[Staged], kind: Kind | str | None) -> Plot:
    if not measurements:
        raise treadle.UsageError("there is nothing to draw", hint="choose at least one measurement")
    if kind is None:
        own = measurements[0].kinds()
        if not own:
            raise treadle.UsageError(
                f"{measurements[0].run_id!r} has no two columns of numbers",
                hint="choose another measurement",
            )
        kind = own[0]
    return plot_of(measurements, kind_named(kind) if isinstance(kind, str) else kind)


def _draw(axes: Axes, plot: Plot) -> None:
    import matplotlib as mpl

    shades = mpl.colormaps["viridis"]
    groups = max(curve.group for curve in plot.curves) + 1
    for curve in plot.curves:
        at = 0.0 if groups == 1 else 0.82 * curve.group / (groups - 1)  # the lightest is too light
        options: dict[str, Any] = {"color": shades(at), "linewidth": 1.1, "label": curve.label}
        if plot.points:
            options |= {"linestyle": "none", "marker": "o", "markersize": 3.5}
        elif curve.back:
            options |= {"linestyle": "--"}
        elif len(curve.x) <= _DENSE and not _has_backs(plot):
            options |= {"linestyle": _STYLES[curve.group % len(_STYLES)]}
        axes.plot(_moments(curve.x) if plot.x.is_time else curve.x, curve.y, **options)


def _has_backs(plot: Plot) -> bool:
    return any(curve.back for curve in plot.curves)


def _moments(seconds: Any) -> Any:
    return (seconds * 1e6).astype("int64").astype("datetime64[us]")


def _finish(axes: Axes, plot: Plot) -> None:
    """Set what is the same for all figures."""
    axes.tick_params(direction="in", top=True, right=True, labelsize=8.5)
    axes.xaxis.label.set_fontsize(9.5)
    axes.yaxis.label.set_fontsize(9.5)
    axes.margins(x=0.02)
    for side in axes.spines.values():
        side.set_linewidth(0.7)
    if plot.x.is_time:
        from matplotlib import dates

        untyped: Any = dates
        locator = untyped.AutoDateLocator(maxticks=7)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(untyped.ConciseDateFormatter(locator))
    else:
        axes.ticklabel_format(useOffset=False, style="plain")


def _add_legend(made: Figure, axes: Axes, plot: Plot) -> None:
    """Put a small legend into the axes, and a large one below them, where the figure grows."""
    handles, labels = _legend(axes, plot)
    if not labels or len(plot.curves) > _IN_A_LEGEND:
        return
    options: dict[str, Any] = {"fontsize": 7, "frameon": False}
    longest = max(map(len, labels))
    if len(labels) <= _IN_THE_AXES and longest <= 32:
        options |= {"frameon": True, "framealpha": 0.75, "edgecolor": "none"}  # over noise, too
        _plain(axes.legend(handles, labels, **options))
        return
    side_by_side = max(1, int(made.get_figwidth() * 16 / (longest + 6)))  # letters in an inch
    lines = -(-len(labels) // side_by_side)
    made.set_figheight(made.get_figheight() + 0.15 * lines)
    _plain(made.legend(handles, labels, loc="outside lower left", ncols=side_by_side, **options))


def _plain(legend: Legend) -> None:
    """Take a "$" in the name of a chip for what it is, and not for mathematics."""
    for text in legend.get_texts():
        text.set_parse_math(False)


def _legend(axes: Axes, plot: Plot) -> tuple[list[Any], list[str]]:
    from matplotlib.patches import Patch

    handles, labels = axes.get_legend_handles_labels()
    said = [(handle, label) for handle, label in zip(handles, labels, strict=True) if label]
    if plot.lit:
        said.append((Patch(color="0.88", linewidth=0), "laser on"))
    return [handle for handle, _ in said], [label for _, label in said]


def save(made: Figure, path: str | os.PathLike[str], *, dpi: int = 300) -> Path:
    """
    Write a figure to a file, whole or not at all.

    Args:
        made: The figure.
        path: Where to; the suffix tells the format, one of :data:`FORMATS`.
        dpi: Dots per inch of a PNG.

    Returns:
        The path of the file.

    Raises:
        UsageError: The suffix is of another format, or the place cannot be written to.
    """
    import matplotlib as mpl

    to = Path(path).expanduser()
    suffix = to.suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        raise treadle.UsageError(
            f"a figure cannot be saved as {to.name!r}",
            hint=f"end the name with one of: {', '.join('.' + each for each in FORMATS)}",
        )

    def write(part: Path) -> None:
        made.savefig(part, format=suffix, dpi=dpi, metadata=_UNDATED[suffix])

    try:
        with _one_at_a_time, mpl.rc_context(_SETTINGS):
            put_whole(to, write)
            _close_fonts()
    except OSError as error:
        raise treadle.UsageError(
            f"{str(to)!r} cannot be written: {error.strerror or error}", hint="name another file"
        ) from error
    return to.absolute()


def _close_fonts() -> None:
    """Close the files of fonts: matplotlib keeps some open for each thread that has ever drawn."""
    from matplotlib import font_manager

    cache = getattr(font_manager, "_get_font", None)  # no public name; a UI has many workers
    if cache is not None:
        cache.cache_clear()
