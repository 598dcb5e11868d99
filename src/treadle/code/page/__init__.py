"""An output as one HTML page: what there is, what was not cut by syntax, files with their chunks.

writing  the page as a whole, as the files are read
figures  what is counted on the way
entries  what the page knows of each file
charts   tables and charts that need no script
style.css, script.js   how it looks, and how files are found and unfolded

The page needs nothing but itself: no network, no library. What stands in a file is never taken for
markup.
"""

from __future__ import annotations

from treadle.code.page.writing import write, write_page

__all__ = ["write", "write_page"]
