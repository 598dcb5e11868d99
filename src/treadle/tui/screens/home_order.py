"""In which order runs stand on Home."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from treadle.tui.listing import Row, by_age
from treadle.tui.screens.home_columns import KEYS


def arranged(rows: Iterable[Row], by: str, *, falling: bool) -> list[Row]:
    """Return *rows* sorted by a column; by age, live ones come first."""
    found = sorted(rows, key=by_age, reverse=True)
    if by != "began":
        found.sort(key=KEYS[by], reverse=falling)
        return found
    if not falling:
        found.reverse()
    found.sort(key=lambda row: not row.is_live)
    return found


def replace_live(shown: list[Row], rows: Sequence[Row]) -> bool:
    """Put live rows, sorted by age, where they were; False if the order may be another now."""
    fresh = {row.folder: row for row in rows}
    for place, row in enumerate(shown):
        if not fresh or not row.is_live:  # live ones come first
            break
        new = fresh.pop(row.folder, row)
        if not new.is_live:
            return False
        shown[place] = new
    return not fresh
