"""The UI in a browser: who gets in, what the page shows, and that nothing is left behind."""

from __future__ import annotations

import http.client
import http.server
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

import treadle

pytest.importorskip("textual_serve")
pytestmark = pytest.mark.timeout(180)  # browsers and pages start; on a busy machine, slowly

SOURCE = Path(__file__).parents[2] / "src"
CHROMIUM = Path("/usr/bin/chromium")
TOKEN = "a-token-that-nobody-guesses"
PATIENCE = 20.0

TINY = """
from textual.app import App
from textual.widgets import Input, Static

class Tiny(App):
    def compose(self):
        yield Static("", id="size")
        yield Input(id="typed")

    def on_resize(self, event):
        self.title = f"{event.size.width}x{event.size.height}"
        self.note()

    def on_input_changed(self, event):
        self.note()

    def note(self):
        from pathlib import Path
        Path("seen.txt").write_text(f"{self.title} {self.query_one(Input).value}")

Tiny().run()
"""

SERVE = """
import sys
from treadle.tui.web import serve
host, port, token, *command = sys.argv[1:]
sys.exit(serve(command, host=host, port=int(port), token=token, open_browser=False))
"""


def eventually(seen):
    """Wait until *seen* returns something true, and return that."""
    until = time.monotonic() + PATIENCE
    while not (found := seen()):
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)
    return found


class Server:
    """A server of the tiny app, in a process of its own."""

    def __init__(self, folder, host="127.0.0.1", port=0):
        (folder / "tiny.py").write_text(TINY)
        self._seen, stderr = folder / "seen.txt", folder / "stderr"
        with stderr.open("wb") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SERVE, host, str(port), TOKEN, sys.executable, "tiny.py"],
                cwd=folder,
                stderr=stream,
                env=os.environ | {"PYTHONPATH": str(SOURCE)},
            )
        eventually(lambda: self.process.poll() is not None or "Ctrl-C" in stderr.read_text())
        self.said = stderr.read_text()
        found = re.search(r"http://\S+?:(\d+)/\S+", self.said)
        self.address, self.port = (found[0], int(found[1])) if found else ("", 0)

    def pages(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def seen(self):
        return self._seen.read_text() if self._seen.exists() else ""

    def close(self, number=signal.SIGINT):
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server that none of the tests ends."""
    started = Server(tmp_path_factory.mktemp("server"))
    yield started
    assert started.close() == 0


def ask(server, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers
    finally:
        connection.close()


WEBSOCKET = f"/ws/{TOKEN}?width=80&height=24"


def upgrade(origin):
    """Return the headers that ask for a websocket."""
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Origin": origin,
    }
    return {name: value for name, value in headers.items() if value}


def test_without_the_token_nothing_is_started_and_there_is_only_the_page(server):
    own = upgrade(f"http://127.0.0.1:{server.port}")
    for path in ("/ws/", "/ws/wrong", f"/ws/{TOKEN}x", f"/ws/?token={TOKEN}", "/ws/%ff"):
        assert ask(server, f"{path}", **own)[0] in (403, 404), path
    status, headers = ask(server, "/")
    assert status == 200
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Set-Cookie"] is None
    assert ask(server, "/static/js/textual.js")[0] == 200
    assert ask(server, "/download/0123456789abcdef")[0] == 404
    assert not server.pages()


def test_no_other_page_can_connect(server):
    own = f"http://127.0.0.1:{server.port}"
    for origin in ("http://evil.example", f"http://localhost:{server.port}", "null", None):
        status, headers = ask(server, WEBSOCKET, **upgrade(origin))
        assert (status, headers["Referrer-Policy"]) == (403, "no-referrer"), origin
    assert not server.pages()
    assert ask(server, WEBSOCKET, **upgrade(own))[0] == 101
    eventually(lambda: not server.pages())  # whoever hangs up ends the page


def test_a_port_that_is_taken_is_said_with_one_that_may_be_free():
    from treadle.tui.web import serve

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(treadle.UsageError, match=f"port {port} is taken\nhint: --port"):
            serve(["true"], port=port, open_browser=False)


def test_without_a_port_the_first_free_one_is_taken(monkeypatch):
    from treadle.tui.web import serving

    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setattr(serving, "PORT", other.getsockname()[1])
        with serving._listen("127.0.0.1", None) as found:
            assert serving.PORT < found.getsockname()[1] < serving.PORT + 20


def test_it_ends_with_all_its_pages_and_warns_who_serves_it_to_others(server, tmp_path):
    assert "warning" not in server.said
    other = Server(tmp_path, host="0.0.0.0")
    assert "warning: the UI is served on 0.0.0.0" in other.said
    connection = http.client.HTTPConnection("127.0.0.1", other.port, timeout=PATIENCE)
    connection.request("GET", WEBSOCKET, headers=upgrade(f"http://127.0.0.1:{other.port}"))
    eventually(lambda: other.seen().startswith("80x24"))
    pages = other.pages()
    assert pages
    assert other.close(signal.SIGTERM) == 0
    connection.close()
    assert [page for page in pages if page.is_running()] == []


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=str(CHROMIUM),
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-background-networking",
            ],
        )
        yield browser
        browser.close()


class Other(http.server.BaseHTTPRequestHandler):
    """Another server of this machine, which keeps what browsers tell it."""

    def do_GET(self):
        self.server.heard.append(f"{self.path} {self.headers}")
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<title>other</title>")

    def log_message(self, *_):
        pass


@pytest.fixture
def other():
    with http.server.HTTPServer(("127.0.0.1", 0), Other) as started:
        started.heard = []
        thread = threading.Thread(target=started.serve_forever)
        thread.start()
        yield started
        started.shutdown()
        thread.join()


def test_the_token_stays_with_its_tab_and_reaches_no_other_server(server, browser, other):
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.address)
    page.locator("body.-first-byte").wait_for()
    page.goto(f"http://127.0.0.1:{other.server_port}/")
    told = page.evaluate(
        "JSON.stringify([document.cookie, {...sessionStorage}, document.referrer])"
    )
    assert TOKEN not in "".join([*other.heard, told, str(context.cookies())])

    own = f"http://127.0.0.1:{server.port}/"
    page.goto(own)  # the tab still knows it
    page.locator("body.-first-byte").wait_for()
    page.reload()
    page.locator("body.-first-byte").wait_for()
    assert TOKEN not in page.url

    stranger = context.new_page()
    stranger.goto(own)
    stranger.get_by_text("Open the address").wait_for()
    stranger.evaluate("sessionStorage.token = 'of a server that has ended'")
    stranger.reload()
    stranger.get_by_text("Open the address").wait_for()
    stranger.evaluate(f"location.hash = 'token={TOKEN}'")  # as if it was put into the address
    stranger.locator("body.-first-byte").wait_for()
    context.close()
    eventually(lambda: not server.pages())


def test_in_a_browser_keys_and_size_reach_the_app(server, browser):
    page = browser.new_page(viewport={"width": 1000, "height": 600})
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url.replace("ws:", "http:")))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(server.address)
    assert page.url == f"http://127.0.0.1:{server.port}/"  # without the token
    page.locator(".xterm-helper-textarea:focus").wait_for(state="attached")
    page.keyboard.type("hello")
    eventually(lambda: server.seen().endswith("hello"))
    assert int(server.seen().split("x")[0]) > 100
    page.set_viewport_size({"width": 500, "height": 400})
    eventually(lambda: int((server.seen() or "999x").split("x")[0]) < 70)

    page.keyboard.press("Control+q")
    page.get_by_text("This session has ended").wait_for()
    page.get_by_role("button", name="Start again").click()
    page.locator(".xterm-helper-textarea:focus").wait_for(state="attached")
    page.close()
    eventually(lambda: not server.pages())  # its process has ended with it
    assert {url.split("/")[2] for url in asked} == {f"127.0.0.1:{server.port}"}
    assert errors == []
