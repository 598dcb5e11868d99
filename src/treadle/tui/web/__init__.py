"""The UI in a browser: one process of it for each page, behind a token.

access   who may ask: a token, a cookie, and no other web page
pages    a page and its process, by way of textual-serve
serving  the server from its port to its end
"""

from __future__ import annotations

from treadle.tui.web.serving import serve

__all__ = ["serve"]
