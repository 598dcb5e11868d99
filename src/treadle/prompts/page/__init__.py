"""An experiment as one HTML page: answers side by side, what they cost, how long they took.

writing  the page as a whole, as the requests are read
entries  what the page knows of each request
charts   tables and charts that need no script
style.css, script.js   how it looks, and how rows are found, sorted and unfolded

The page needs nothing but itself: no network, no library. What models and tables say is never
taken for markup.
"""

from __future__ import annotations

from treadle.prompts.page.writing import write_report

__all__ = ["write_report"]
