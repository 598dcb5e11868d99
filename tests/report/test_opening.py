"""A page is shown by the desktop: at once, without anything left behind, never in our terminal."""

from __future__ import annotations

import os
import time

import psutil
import pytest

import treadle
from treadle.cli import main
from treadle.report.opening import open_file

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a script stands for the desktop")

# What a viewer was shown, and by which process.
VIEWER = '#!/bin/sh\necho "$$ $1" >"$SHOWN.part"\nmv "$SHOWN.part" "$SHOWN"\n'


@pytest.fixture
def desktop(tmp_path, monkeypatch):
    """Have a desktop, and return a function that waits for what it shows."""
    shown = tmp_path / "shown"
    for name in ("xdg-open", "open"):
        viewer = tmp_path / "bin" / name
        viewer.parent.mkdir(exist_ok=True)
        viewer.write_text(VIEWER)
        viewer.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    monkeypatch.setenv("SHOWN", str(shown))
    monkeypatch.setenv("DISPLAY", ":9")

    def seen():
        until = time.monotonic() + 30
        while not shown.exists():
            assert time.monotonic() < until
            time.sleep(0.01)
        process, _, path = shown.read_text().strip().partition(" ")
        while psutil.pid_exists(int(process)):  # a zombie is one that exists
            assert time.monotonic() < until
            time.sleep(0.01)
        shown.unlink()
        return path

    return seen


@pytest.fixture
def run(tmp_path):
    return treadle.run(abs, [-1], backend="inline", runs_dir=tmp_path / "runs")


def test_a_file_is_shown_and_its_viewer_is_no_zombie(desktop, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a page.html").touch()
    assert open_file(type(tmp_path)("a page.html"))
    assert desktop() == str(tmp_path / "a page.html")


def test_reports_and_the_command_show_their_page(desktop, run, capsys):
    page = run.open()
    assert desktop() == str(page)
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert main(["report", "latest", "--open", "--runs-dir", str(run.folder.parent)]) == 0
    assert capsys.readouterr().out == f"{desktop()}\n"


def test_without_a_desktop_it_is_said_and_no_browser_of_the_terminal_starts(
    run, capsys, monkeypatch
):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("webbrowser.open", lambda _: pytest.fail("a browser was started"))
    with pytest.warns(RuntimeWarning, match="open .*report.html yourself"):
        page = run.open()
    assert page.is_file()
    assert main(["report", "latest", "--open", "--runs-dir", str(run.folder.parent)]) == 0
    assert "warning: there is nothing to show it with" in capsys.readouterr().err
