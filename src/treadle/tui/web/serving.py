"""The server of the UI in a browser, from its port to its end."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import secrets
import signal
import socket
import threading
import webbrowser
from collections.abc import Sequence

from aiohttp import web

from treadle import UsageError
from treadle.cli.people import say, warn
from treadle.tui.web.access import TOKEN, Access
from treadle.tui.web.pages import Pages

PORT = 8000
_TRIED = 20  # ports from that one on
_LAST = 65535
_END = 5.0  # seconds that requests get when the server ends


def serve(
    command: Sequence[str],
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    token: str | None = None,
    open_browser: bool = True,
) -> int:
    """
    Serve the UI to browsers until Ctrl-C or SIGTERM; its address is printed.

    Every page has a process of its own, which ends with it. Runs that were started go on.

    Args:
        command: Starts the UI: a program and its arguments.
        host: The address to listen on.
        port: The port; None for the first free one from 8000 on.
        token: What a browser must show, in the address; None to draw one.
        open_browser: Open the address.

    Returns:
        0, once it has ended.

    Raises:
        UsageError: The port is taken, or there is no such address.
    """
    listening = _listen(host, port)
    chosen = listening.getsockname()[1]
    if not _is_here(host):
        warn(
            f"the UI is served on {host}: who gets the address can run commands as you",
            "it is not encrypted; ssh -L reaches a server on 127.0.0.1 from elsewhere",
        )
    elif port is None and chosen != PORT:
        say(f"port {PORT} is taken; this is {chosen}")
    token = token or secrets.token_urlsafe(32)
    address = f"http://{_shown(host)}:{chosen}/#{TOKEN}={token}"
    say(f"Treadle is at {address}", "Ctrl-C ends it; runs that were started go on")
    pages = Pages(command, Access(token))
    with listening:
        asyncio.run(_serve(pages, listening, address if open_browser else None))
    return 0


async def _serve(pages: Pages, listening: socket.socket, address: str | None) -> None:
    over, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, over.set)
    runner = web.AppRunner(pages.application(), access_log=None, shutdown_timeout=_END)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        if address is not None:
            # Some browsers come back when they are closed: nobody waits for that.
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        await over.wait()
    finally:
        await runner.cleanup()


def _listen(host: str, port: int | None) -> socket.socket:
    ports = range(PORT, PORT + _TRIED) if port is None else (port,)
    for each in ports:
        try:
            return _bound(host, each)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise UsageError(
                    f"cannot listen on {host}, port {each}: {error.strerror or error}",
                    hint="--host 127.0.0.1; ports below 1024 are for the system",
                ) from error
    if port is None:
        raise UsageError(
            f"the ports {PORT} to {PORT + _TRIED - 1} are all taken", hint="--port 9000"
        )
    raise UsageError(
        f"port {port} is taken",
        hint=f"--port {port + 1 if port < _LAST else PORT}, or leave it out: a free one is taken",
    )


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    made = socket.socket(family, kind, protocol)
    try:
        # A port that was in use a minute ago is free; one that is in use now is not, on POSIX.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen()
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shown(host: str) -> str:
    """Return *host* as it stands in an address; one that means all is this machine."""
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104  looked at, not listened on
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
