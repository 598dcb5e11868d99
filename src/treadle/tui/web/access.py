"""Who may use the UI in a browser: whoever has the token, from a page of ours.

Whoever reaches the UI can run any command on this machine as this user. Other users of the machine
can reach the port, and so can every web page that is open in the browser.

The token stands behind the ``#`` of the address, which no browser sends to anybody. The page keeps
it in the storage of its tab, which is for this host and port alone, and shows it when it connects.
A cookie would go to every server of the machine: cookies know no ports. What has no secret in it,
the page and the files it is made of, anybody may have.
"""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

TOKEN = "token"  # noqa: S105  the name of what the address carries

_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Access:
    """
    Lets pages connect that have the token.

    Args:
        token: What is to be known.
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def is_known(self, shown: str) -> bool:
        """Return whether what a page has *shown* is the token."""
        # In constant time: how long it takes tells nothing about how much was right.
        return hmac.compare_digest(shown.encode("utf-8", "replace"), self._token)


@web.middleware
async def only_ours(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer no other web page, whatever it asks for."""
    if not _is_ours(request):
        raise web.HTTPForbidden
    return await handler(request)


def _is_ours(request: web.Request) -> bool:
    """Tell whether a request comes from a page of this server, as browsers say it themselves."""
    origin = request.headers.get("Origin")
    if origin is None:
        # For a page or an image there is none; with a websocket, every browser sends it.
        return "upgrade" not in request.headers.get("Connection", "").lower()
    address = urlsplit(origin)
    return address.scheme in {"http", "https"} and address.netloc == request.host


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Keep what is sent out of caches, frames and the hands of other pages."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
