"""A run as one HTML file that needs no network and, but for comfort, no script.

writing.py     puts the page together and writes it
summary.py     how it ended, counts, times, where things are
charts.py      throughput, durations, the work of each worker, as SVG
axes.py        round numbers for their axes
failures.py    failures by kind, with an example of each
tables.py      slow items, workers, what the run was made with
words.py       anybody's text as text of a page
"""

from treadle.report.page.writing import text_of, write

__all__ = ["text_of", "write"]
