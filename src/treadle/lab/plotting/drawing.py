"""Figures by matplotlib, ready to be printed: SI units, vector formats, readable in grey.

Figures are made as objects and never through ``pyplot``, whose state is shared by the process. What
tells curves apart is lightness, line style and markers, and colour only beside them.
"""

from __future__ import annotations

import io
import os
import textwrap
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import treadle
from treadle.cli import check_libraries
from treadle.lab.places import put_whole
from treadle.lab.plotting.curves import plot_of
from treadle.lab.plotting.kinds import Kind, kind_named
from treadle.lab.plotting.model import Curve, Plot
from treadle.lab.plotting.staged import Staged
from treadle.lab.plotting.styles import LINES, MARKERS, STYLES, Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.transforms import Bbox

FORMATS: Final = ("png", "svg", "pdf")
"""What a figure can be saved as, by the suffix of the file."""

_IN_THE_AXES: Final = 5  # more curves have their legend below the axes
_IN_A_LEGEND: Final = 30  # more cannot be told apart
_FEW_LETTERS: Final = 10  # in a line of a legend: a narrower figure has no room for one
_DENSE: Final = 800  # points; with more, what is dashed looks like noise
_MARKS: Final = 7  # on a curve whose line style cannot tell it apart

_one_at_a_time = threading.Lock()  # settings of matplotlib are those of the process
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
    width: float | None = None,
    height: float | None = None,
    style: Style = STYLES["paper"],
) -> Figure:
    """
    Draw *measurements* in one figure.

    Args:
        measurements: What is to be drawn, or a plot that was made of it.
        kind: What is drawn over what; default: the most usual kind of the first measurement.
        title: What stands above; default: what all have in common; empty: nothing.
        width: Of the figure, in inches; default: that of the style.
        height: Of the figure, in inches; default: that of the style.
        style: How it looks.

    Returns:
        A figure that :func:`save` takes.

    Raises:
        UsageError: None of them can be drawn, or there is no such kind.
        MissingExtra: matplotlib is not installed.
    """
    check_libraries({"matplotlib": "matplotlib"}, "lab", purpose="a figure")
    import matplotlib as mpl

    plot = measurements if isinstance(measurements, Plot) else _plot(measurements, kind)
    above = plot.title if title is None else title
    size = (width or style.width, height or style.height)
    with _one_at_a_time, mpl.rc_context(style.rc):
        made = _drawn(plot, above, size, style)
        _close_fonts()
    return made


def _drawn(plot: Plot, above: str, size: tuple[float, float], style: Style) -> Figure:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    made = Figure(figsize=size, layout="constrained")
    axes = made.add_subplot()
    for span in plot.lit:
        on, off = _moments(np.array(span)) if plot.x.is_time else span
        axes.axvspan(on, off, color="0.88", linewidth=0, zorder=0)
    _draw(axes, plot, style)
    axes.set_xlabel(plot.x.label, parse_math=False)
    axes.set_ylabel(plot.y.label, parse_math=False)
    if above:
        letters = int(size[0] * 119 / _points(mpl.rcParams["axes.titlesize"]))  # in its width
        lines = textwrap.wrap(above, max(letters, 20))
        axes.set_title("\n".join(lines), parse_math=False)
    _finish(axes, plot)
    _add_legend(made, axes, plot)
    return made


def _points(size: float | str) -> float:
    """Return a size of letters, which style files may write as ``"small"``."""
    from matplotlib.font_manager import FontProperties

    return float(FontProperties(size=size).get_size_in_points())


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


# ── curves ──────────────────────────────────────────────────────────────────────────────────────


def _draw(axes: Axes, plot: Plot, style: Style) -> None:
    colors = style.colors(max(curve.group for curve in plot.curves) + 1)
    pale = any(curve.is_fit for curve in plot.curves)
    for curve in plot.curves:
        look = _look(plot, curve) | {"color": colors[curve.group], "label": curve.label}
        if curve.is_fit:
            look |= {"color": "black", "zorder": 3}
        elif pale:
            look |= {"alpha": 0.55}
        x = _moments(curve.x) if plot.x.is_time else curve.x
        if curve.error is None:
            axes.plot(x, curve.y, **look)
        else:
            axes.errorbar(x, curve.y, yerr=curve.error, capsize=2, elinewidth=0.8, **look)


def _look(plot: Plot, curve: Curve) -> dict[str, Any]:
    """Return what tells a curve apart without any colour."""
    marker = MARKERS[curve.group % len(MARKERS)]
    if plot.points:
        return {"linestyle": "none", "marker": marker}
    if curve.is_fit:
        return {"linestyle": LINES[(curve.group + 1) % len(LINES)]}
    last = max(each.group for each in plot.curves)
    has_backs = any(each.back for each in plot.curves)
    is_styled = not has_backs and len(curve.x) <= _DENSE
    number = curve.group % len(LINES) if is_styled else int(curve.back)
    look: dict[str, Any] = {"linestyle": LINES[number]}
    if last >= (len(LINES) if is_styled else 1):
        every = max(len(curve.x) // _MARKS, 1)
        look |= {"marker": marker, "markevery": (every // 2, every)}
    return look


def _moments(seconds: Any) -> Any:
    return (seconds * 1e6).astype("int64").astype("datetime64[us]")


# ── axes and legend ─────────────────────────────────────────────────────────────────────────────


def _finish(axes: Axes, plot: Plot) -> None:
    """Write the numbers of the axes so that none is taken for another."""
    if plot.points:
        axes.margins(x=0.06, y=0.08)  # or half of a marker is lost behind the frame
    if plot.x.is_time:
        from matplotlib import dates

        untyped: Any = dates
        locator = untyped.AutoDateLocator(minticks=3, maxticks=8)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(untyped.ConciseDateFormatter(locator))
        axes.ticklabel_format(axis="y", useOffset=False, style="plain")
    else:
        axes.ticklabel_format(useOffset=False, style="plain")


def _add_legend(made: Figure, axes: Axes, plot: Plot) -> None:
    """Put a small legend into the axes, and a large one below them, where the figure grows."""
    import matplotlib as mpl

    handles, labels = _legend(axes, plot)
    if not labels or len(plot.curves) > _IN_A_LEGEND * (2 if _is_paired(plot) else 1):
        return
    longest, letter = max(map(len, labels)), _points(mpl.rcParams["legend.fontsize"])
    wide = longest * letter / 140 > 0.45 * made.get_figwidth()
    if len(labels) <= _IN_THE_AXES and not wide:
        _plain(axes.legend(handles, labels))
        return
    side_by_side = max(1, int(made.get_figwidth() * 112 / letter / (longest + 6)))
    side_by_side = min(side_by_side, len(labels))
    below = _below(made, handles, labels, side_by_side)
    made.set_figheight(made.get_figheight() + below.height / made.dpi)


def _below(made: Figure, handles: list[Any], labels: list[str], side_by_side: int) -> Bbox:
    """Put a legend below the axes that is not wider than the figure; return its size in dots."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(made)
    renderer = canvas.get_renderer()
    room = made.bbox.width - 0.1 * made.dpi
    letters = max(map(len, labels))
    while True:
        folded = ["\n".join(textwrap.wrap(label, letters)) for label in labels]
        place: Any = {"loc": "outside lower left", "ncols": side_by_side, "frameon": False}
        legend = made.legend(handles, folded, **place)
        _plain(legend)
        size = legend.get_window_extent(renderer)
        if size.width <= room or letters <= _FEW_LETTERS:
            return size
        legend.remove()
        if side_by_side > 1:
            side_by_side -= 1
        else:
            letters = max(min(letters - 1, int(letters * room / size.width)), _FEW_LETTERS)


def _is_paired(plot: Plot) -> bool:
    return any(curve.is_fit or curve.back for curve in plot.curves)


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


def save(
    made: Figure,
    path: str | os.PathLike[str],
    *,
    dpi: int = 300,
    style: Style = STYLES["paper"],
) -> Path:
    """
    Write a figure to a file, whole or not at all.

    Args:
        made: The figure.
        path: Where to; the suffix tells the format, one of :data:`FORMATS`.
        dpi: Dots per inch of a PNG.
        style: The one that the figure was made with.

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

    content = io.BytesIO()  # a full disk leaves matplotlib in the midst of things
    with _one_at_a_time, mpl.rc_context(style.rc):
        made.savefig(content, format=suffix, dpi=dpi, metadata=_UNDATED[suffix])
        _close_fonts()
    try:
        put_whole(to, lambda part: part.write_bytes(content.getvalue()))
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
