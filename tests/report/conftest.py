"""Records of runs to report on, and a browser that looks at the pages."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))  # with --import-mode=importlib, tests find ``written`` only so

from written import HOSTILE, Made, bad, late, lost, ok  # noqa: E402  found through the line above

from treadle.core.events import Logged, Printed, Retrying  # noqa: E402  as above
from treadle.core.outcome import Failure  # noqa: E402  as above

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture
def made(tmp_path) -> Made:
    return Made(tmp_path / "runs" / "260102-030405")


@pytest.fixture
def full(made) -> Made:
    """A run in which all has happened."""
    failure = Failure("OSError", f"the disk {HOSTILE}", "", ("a note",), "free some space")
    good = [ok(i, i / 10, 0.01 * (1 + i % 9), f"process-{i % 5}") for i in range(80)]
    worst = {"message": HOSTILE, "hint": HOSTILE}
    made.with_items(
        *good,
        *[bad(100 + i, start=i, key=f"{i} {HOSTILE}", **worst) for i in range(4)],
        bad(200, name="KeyError", traceback=HOSTILE, notes=(HOSTILE,)),
        late(300),
        lost(301),
        total=100,
        events=[
            Retrying(at=1.0, key=f"0 {HOSTILE}", index=100, attempt=1, failure=failure, delay=0.5),
            Printed(at=1.0, worker="process-1", key=f"0 {HOSTILE}", stream="stdout", text=HOSTILE),
            Logged(
                at=1.0, worker="process-1", key=f"0 {HOSTILE}",
                record={"msg": "look out", "levelname": "WARNING"},
            ),
        ],
        name=f"all of it {HOSTILE}",
    ).close()  # fmt: skip
    return made


@pytest.fixture(scope="module")
def chromium():
    """Start one browser for the tests of a module."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-zygote"],
        )
        yield started
        started.close()


@pytest.fixture
def browser(chromium):
    """Open pages in a real browser: ``with browser(path, width=…) as page``."""

    @contextmanager
    def opened(path, *, width=1200, scheme="light", script=True):
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=script,
        )
        page = context.new_page()
        page.heard, page.asked = [], []
        page.on("console", lambda message: page.heard.append(message.text))
        page.on("pageerror", lambda error: page.heard.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(path.resolve().as_uri())
        yield page
        context.close()

    return opened
