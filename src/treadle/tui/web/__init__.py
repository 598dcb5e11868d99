"""The UI in a browser: one process of it for each page, behind a token.

access   who may connect: a page of ours that has the token
pages    a page and its process, by way of textual-serve
serving  the server from its port to its end
"""

from __future__ import annotations

from treadle.tui.web.serving import serve

__all__ = ["serve"]
