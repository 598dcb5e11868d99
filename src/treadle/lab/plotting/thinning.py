"""As many points as can be seen: extremes stay, whatever is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def thinned(
    x: NDArray[np.float64], y: NDArray[np.float64], columns: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Leave out points that cannot be seen on a grid of so many columns.

    The points are taken in their order. Of those that follow each other in one column of the grid,
    the first, the last, the lowest and the highest stay: the line through them covers the same
    cells, spikes of a single sample among them, in loops as well.

    Args:
        x: Where the points are.
        y: How high; a point without a finite x and y is left out.
        columns: Of the grid, from the least x to the greatest.

    Returns:
        The points that stay, in their order.
    """
    import numpy as np

    there = np.isfinite(x) & np.isfinite(y)
    x, y = x[there], y[there]
    if len(x) <= 4 * columns:
        return x, y
    least, width = x.min(), np.ptp(x)
    if width == 0:
        cells = np.zeros(len(x), dtype=np.int64)
    else:
        cells = np.minimum(((x - least) / width * columns).astype(np.int64), columns - 1)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(cells)) + 1))
    ends = np.concatenate((starts[1:], [len(x)]))
    kept = np.unique(_of_groups(y, starts, ends))
    return x[kept], y[kept]


def _of_groups(y: NDArray[np.float64], starts: Any, ends: Any) -> NDArray[np.int64]:
    """Return the positions of the first, last, least and greatest point of each group."""
    import numpy as np

    group = np.repeat(np.arange(len(starts)), ends - starts)
    order = np.lexsort((y, group))  # within each group from the least to the greatest
    return np.concatenate((starts, ends - 1, order[starts], order[ends - 1]))
