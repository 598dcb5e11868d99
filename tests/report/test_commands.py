"""``treadle report`` and ``treadle trace``, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import treadle
from treadle.cli import main


@pytest.fixture
def runs_dir(tmp_path):
    place = tmp_path / "runs"
    treadle.run(int, ["1", "2", "x"], backend="inline", runs_dir=place, name="numbers")
    return str(place)


def typed(*arguments) -> int:
    with pytest.raises(SystemExit) as ended:
        raise SystemExit(main(list(arguments)))
    return ended.value.code or 0


def test_report_writes_a_page_beside_the_record_and_prints_its_path(runs_dir, capsys):
    assert typed("report", "numbers", "--runs-dir", runs_dir) == 0
    page = Path(capsys.readouterr().out.strip())
    assert page.parent.parent == Path(runs_dir)
    assert page.name == "report.html"
    assert "raised ValueError" in page.read_text(encoding="utf-8")


def test_report_takes_a_place_or_stdout(runs_dir, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "new" / "a page.html"
    assert typed("report", "latest", "-o", str(page), "--runs-dir", runs_dir) == 0
    assert capsys.readouterr().out == f"{page}\n"
    assert typed("report", "latest", "-o", "-", "--runs-dir", runs_dir) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("<!DOCTYPE html>")
    assert printed.endswith("</html>\n")
    assert not (tmp_path / "-").exists()
    for flag in ("--open", "--json"):
        assert typed("report", "latest", "-o", "-", flag, "--runs-dir", runs_dir) == 2
        assert f"nothing for {flag}" in capsys.readouterr().err


def test_report_tells_programs_where_it_is(runs_dir, capsys):
    assert typed("report", "latest", "--json", "--runs-dir", runs_dir) == 0
    said = json.loads(capsys.readouterr().out)
    assert Path(said["report"]).is_file()
    assert said["run"] == Path(said["report"]).parent.name


def test_trace_writes_to_stdout_or_into_a_file(runs_dir, capsys, tmp_path):
    assert typed("trace", "latest", "-o", "-", "--runs-dir", runs_dir) == 0
    printed = json.loads(capsys.readouterr().out)
    place = tmp_path / "t.json"
    assert typed("trace", "latest", "-o", str(place), "--runs-dir", runs_dir) == 0
    assert capsys.readouterr().out == f"{place}\n"
    assert json.loads(place.read_text(encoding="utf-8")) == printed
    assert len([one for one in printed["traceEvents"] if one["ph"] == "X"]) == 3


@pytest.mark.parametrize("command", ["report", "trace"])
def test_what_cannot_be_done_is_said_with_a_hint(command, runs_dir, capsys, tmp_path):
    assert typed(command, "nobody", "--runs-dir", runs_dir) == 2
    assert "there is no run 'nobody'" in capsys.readouterr().err
    (tmp_path / "file").touch()
    for nowhere in (str(tmp_path / "file" / "no"), "/", ""):
        assert typed(command, "latest", "-o", nowhere, "--runs-dir", runs_dir) == 2
        said = capsys.readouterr().err
        assert "cannot be written" in said
        assert "-o FILE" in said
