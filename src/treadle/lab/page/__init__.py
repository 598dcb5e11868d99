"""A chip as one HTML file that needs no network and, but for comfort, no script.

about      what is known of the chip: its runs, its metrics, its entry in the chip file
writing    puts the page together and writes it
summary    the head, the key figures
trends     each metric over time
flagged    what is odd, and what has no value, with the runs it concerns
plots      the latest curves of each procedure
tables     the history, the calibrations, how it was made
charts     curves and points as SVG, in the colours of the reader
axes       round numbers and dates for their axes
words      anybody's text and numbers as text of a page
"""

from __future__ import annotations

from treadle.lab.extra import check_extra

check_extra()

from treadle.lab.page.about import About, about  # noqa: E402
from treadle.lab.page.writing import place_for, text_of, write  # noqa: E402

__all__ = ["About", "about", "place_for", "text_of", "write"]
