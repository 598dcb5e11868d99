"""In a notebook: one output for a run, renewed in place; what is saved can be read."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from treadle.core import events
from treadle.core.outcome import Failure, Raised
from treadle.progress import listener_for
from treadle.progress.notebook import Notebook

pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

SOURCE = Path(__file__).parents[2] / "src"

EXECUTE = """
import json, sys, nbformat
from nbclient import NotebookClient

cells = [nbformat.v4.new_code_cell(source) for source in json.load(sys.stdin)]
notebook = nbformat.v4.new_notebook(cells=cells)
NotebookClient(notebook, timeout=30, kernel_name="python3").execute()
nbformat.validate(notebook)
print(json.dumps([cell.outputs for cell in notebook.cells]))
"""

RUN = """
import treadle

def talk(value):
    if value % 10 == 0:
        print(f"[bold]hello[/bold] from {value}")
    if value == 7:
        raise ValueError("<b>no</b> seven")
    return value

report = treadle.run(
    talk, range(30), workers=2, progress="auto", durability="none", name="<i>talk</i>"
)
"""
QUIET = "treadle.map(talk, [1, 2], workers=1).values()"
PLAIN = "treadle.map(talk, [1, 2], workers=1, progress='plain').values()"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """What is saved of three cells; one kernel for all of them, for starting it takes long."""
    folder = tmp_path_factory.mktemp("notebook")
    names = ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE],
        input=json.dumps([RUN, QUIET, PLAIN]),
        cwd=folder,
        env=os.environ
        | {name: str(folder / name) for name in names}
        | {"PYTHONPATH": str(SOURCE), "JUPYTER_PLATFORM_DIRS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_run_is_one_output_that_ends_with_the_summary(outputs):
    shown = [each for each in outputs[0] if each["output_type"] == "display_data"]
    assert len(shown) == 1
    text = shown[0]["data"]["text/plain"]
    assert re.match(r"<i>talk</i>: 30 items in .*: 29 ok, 1 failed\n  1 x raised ValueError", text)
    assert "\x1b" not in json.dumps(outputs[0])
    page = shown[0]["data"]["text/html"]
    assert "29 ok, 1 failed" in page
    assert "&lt;b&gt;no&lt;/b&gt; seven" in page
    assert "<b>" not in page


def test_what_workers_print_appears_once_with_its_item(outputs):
    streams = [each for each in outputs[0] if each["output_type"] == "stream"]
    assert {each["name"] for each in streams} == {"stdout"}
    lines = sorted("".join(each["text"] for each in streams).splitlines())
    assert lines == [f"[{n}] [bold]hello[/bold] from {n}" for n in (0, 10, 20)]


def test_only_who_asks_for_it_gets_a_display(outputs):
    assert [each["output_type"] for each in outputs[1]] == ["execute_result"]
    assert {each.get("name", "result") for each in outputs[2]} == {"stderr", "result"}


def test_elsewhere_there_is_no_notebook():
    display = listener_for("auto")
    assert display is not None
    assert not isinstance(display, Notebook)
    display.close()


def test_while_it_runs_it_shows_how_far_it_is_and_what_went_wrong(monkeypatch):
    shown = []

    class Pages(Notebook):
        def _show(self, lines):
            shown.append([line.plain for line in lines])

    display = Pages(closing=False)
    display(events.RunStarted(at=0.0, name="parse", total=40, workers=2, backend="threads"))
    failure = Failure("ValueError", "bad\nrow")
    lost = Raised("a[0].csv", 3, 1, 1.0, 0.1, None, None, "w", failure, ValueError())
    running = (events.Running("b.csv", 4, 1, "w", 1.0),)
    display(events.ItemsRunning(at=0.1, running=running))
    display(events.ItemsSettled(at=0.2, outcomes=[lost] * 10))
    display(events.Paused(at=5.0))
    assert len(shown) == 2  # at first, and no more often than four times a second
    bar, counts, failed = shown[-1]
    assert bar.startswith("parse  " + "━" * 10 + "─" * 30 + "  10/40 (25 %)")
    assert counts == "paused · 1 running · 10 failed · slowest b.csv 4.0 s"
    assert failed == "10 x raised ValueError: a[0].csv: bad row"
    display(events.RunEnded(at=6.0, stopped=None))
    assert shown[-1][0].startswith("parse  ")
