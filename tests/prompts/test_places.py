"""Where the record of an experiment is: found again wherever all of it goes, by any name."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from pathlib import Path

import pytest

import treadle
from treadle import prompts
from treadle.prompts import noted

sys.path.insert(0, str(Path(__file__).parent))
from servers import at_home, prompt, records, results, table

MODEL = {"model": ["mock/small"]}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    (tmp_path / "project").mkdir()
    return at_home(monkeypatch, tmp_path / "project")


def run(output="results.csv", *, prompt="prompt.txt", rows="rows.csv", **options):
    return prompts.run(rows, prompt, output, **{**MODEL, **options})


def made(output="results.csv", **options):
    table(3)
    prompt()
    return run(output, **options)


# --- moved, copied, reached in another way -------------------------------------------------------


@pytest.mark.parametrize("output", ["results.csv", "out/results.csv", "out/{{topic}}.csv"])
@pytest.mark.parametrize("way", ["moved", "copied", "linked"])
def test_wherever_the_folder_goes_nothing_is_asked_again(monkeypatch, tmp_path, output, way):
    first = made(output)
    files = sorted(path for path in Path().rglob("*.csv") if ".treadle" not in str(path))
    before = {path: path.read_bytes() for path in files}
    assert (first.sent, len(files) > 1) == (3, True)
    monkeypatch.chdir(tmp_path)
    if way == "linked":
        Path("other").symlink_to("project")
    else:
        (shutil.move if way == "moved" else shutil.copytree)("project", "other")
    monkeypatch.chdir("other")
    again = run(output)
    assert (again.sent, again.run_id) == (0, first.run_id)
    for path in files:
        if path.name != "rows.csv":
            path.unlink()
    assert prompts.export(output).rows == 3
    assert {path: path.read_bytes() for path in files} == before
    assert len(list(again.rows())) == 3


def test_a_moved_experiment_is_made_of_its_own_copies_alone(monkeypatch, tmp_path):
    """Nothing of the old place is needed, and nothing there is looked at."""
    Path("context.txt").write_text("Of old")
    Path("system.txt").write_text("Be brief")
    made("out/results.csv", context=["context.txt"], system="system.txt")
    whole = Path("out/results.csv").read_bytes()
    shutil.move(tmp_path / "project", tmp_path / "other")
    (tmp_path / "project" / "out").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "other")
    for name in ("context.txt", "system.txt", "prompt.txt", "rows.csv", "out/results.csv"):
        Path(name).unlink()
    assert prompts.export("out/results.csv").rows == 3
    assert Path("out/results.csv").read_bytes() == whole
    assert not list((tmp_path / "project" / "out").iterdir())
    with pytest.raises(treadle.UsageError, match="is read by the experiment"):
        prompts.export("out/results.csv", str(tmp_path / "other" / "rows.csv"))


def test_with_all_runs_in_one_place_folders_are_told_apart(monkeypatch, tmp_path):
    monkeypatch.setenv("TREADLE_RUNS_DIR", str(tmp_path / "runs"))
    assert made().sent == 3
    shutil.copytree(tmp_path / "project", tmp_path / "other")
    monkeypatch.chdir(tmp_path / "other")
    Path("results.csv").unlink()
    assert made().sent == 3


@pytest.mark.parametrize("templated", [False, True])
def test_results_are_known_by_whatever_path_they_are_named(monkeypatch, tmp_path, templated):
    name = "{{topic}}.csv" if templated else "results.csv"
    Path("out").mkdir()
    Path("link").symlink_to("out")
    made(f"out/../out/{name}")
    spelled = [f"out/{name}", f"./out//{name}", f"link/{name}", f"link/../out/{name}"]
    spelled.append(str(tmp_path / "project" / "out" / name))
    places = {noted.find(each) for each in spelled}
    assert [run(each).sent for each in spelled] == [0] * len(spelled)
    monkeypatch.chdir("out")
    places |= {noted.find(each) for each in (name, f"../out/{name}", f"../link/{name}")}
    assert len(places) == 1
    assert len(records()) == 1


def test_a_link_to_the_results_is_the_results():
    Path("here.csv").symlink_to("results.csv")
    made("here.csv")
    assert run("results.csv").sent == 0
    assert Path("here.csv").is_symlink()


def test_one_of_several_results_files_stands_for_all(monkeypatch):
    report = made("out/{{model}}/{{topic}}.csv")
    assert prompts.export("out/small/topic 2.csv", "all.csv").rows == 3
    assert report.files == 3
    assert report.where == "3 files below out"
    monkeypatch.chdir("out")
    assert report.where == "3 files below the current folder"
    with pytest.raises(treadle.UsageError):
        prompts.export("small/topic 4.csv", "all.csv")


# --- what is no regular file ---------------------------------------------------------------------


def everything(folder):
    return {path.name for path in Path(folder).iterdir()}


def test_the_record_of_results_that_go_nowhere_is_in_the_current_folder():
    assert made("/dev/null").sent == 3
    assert run("/dev/null").sent == 0
    assert len(records()) == 1
    assert not Path("/dev/.treadle").exists()
    assert Path(prompts.report("/dev/null").place).is_relative_to(Path(".treadle").resolve())


def test_a_pipe_gets_the_results_at_the_end():
    """It is opened then and not before: nobody need read it while requests are sent."""
    os.mkfifo("pipe")
    read = []
    done = threading.Event()

    def reader():
        done.wait(40)
        read.append(Path("pipe").read_text())

    thread = threading.Thread(target=reader)
    thread.start()
    table(2)
    prompt()

    def heard(_):
        done.set()

    assert run("pipe", heard=heard).sent == 2
    thread.join(40)
    assert read[0].count("\n") == 3
    assert everything(".") >= {".treadle", "pipe"}


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1"])
def test_standard_output_is_that_by_any_name(capfd, name):
    made(None)
    whole = capfd.readouterr().out
    assert run(name).sent == 0
    assert capfd.readouterr().out == whole
    assert not Path("-").exists()


# --- what was refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spoil",
    [
        lambda: prompt("Say {{topik}}"),
        lambda: Path("prompt.txt").unlink(),
        lambda: Path("rows.csv").write_text("topic\n"),
        lambda: Path("rows.csv").unlink(),
    ],
)
def test_what_is_refused_leaves_nothing_behind(spoil):
    table(2)
    prompt()
    spoil()
    before = sorted(Path().rglob("*"))
    for output in ("results.csv", "out/deep/results.csv", None):
        with pytest.raises(treadle.UsageError):
            run(output)
    assert sorted(Path().rglob("*")) == before


def test_what_is_refused_leaves_an_older_experiment_as_it_was():
    def kept():
        paths = Path(".treadle/prompts").rglob("*")
        return {path: path.is_dir() or path.read_bytes() for path in paths}

    made()
    before = kept()
    prompt("Say {{topik}}")
    with pytest.raises(treadle.UsageError, match="topik"):
        run()
    assert kept() == before


def test_folders_that_were_there_stay():
    Path("out").mkdir()
    table(2)
    prompt("Say {{topik}}")
    with pytest.raises(treadle.UsageError):
        run("out/results.csv")
    assert Path("out").is_dir()
    assert not list(Path("out").iterdir())


# --- messages, pages -----------------------------------------------------------------------------


def test_messages_name_the_table_as_it_was_typed():
    Path("in").mkdir()
    table(2, name="in/rows.csv")
    prompt()
    with pytest.raises(treadle.UsageError) as caught:
        run(rows="in/rows.csv", model=[], where=["topik=x"])
    assert ".treadle" not in str(caught.value)
    Path("in/rows.csv").write_text("topic\na\n")
    with pytest.raises(treadle.UsageError, match=r"^in/rows\.csv has no column 'provider'"):
        run(rows="in/rows.csv", model=[])
    Path("in/rows.csv").write_text("topic\n")
    with pytest.raises(treadle.UsageError) as caught:
        run(rows="in/rows.csv")
    assert "in/rows.csv" in caught.value.message
    assert ".treadle" not in caught.value.message


def test_a_page_is_written_twice_and_never_over_another_file():
    made()
    Path("results.html").write_text("a page of mine")
    with pytest.raises(treadle.UsageError, match="is no page of this experiment"):
        prompts.report("results.csv")
    assert Path("results.html").read_text() == "a page of mine"
    Path("results.html").unlink()
    for _ in range(2):  # the name is that of the function, after its first use too
        assert prompts.report("results.csv").rows == 3
    assert run().sent == 0
    assert prompts.report("results.csv").rows == 3
    Path("mine.html").write_text("a page of mine")
    assert prompts.report("results.csv", Path("mine.html")).rows == 3
    assert "<html" in Path("mine.html").read_text()


def test_other_servers_are_told_apart_from_those_that_have_answered():
    settings = '[prompts.lanes.fast]\nprovider = "mock"\nurl = "http://{}/v1?key=secret"\n'
    table(2)
    prompt()
    Path("treadle.toml").write_text(settings.format("one"))
    assert run(model=["fast/small"]).warnings == run(model=["fast/small"]).warnings
    Path("treadle.toml").write_text(settings.format("me:secret@two"))
    planned = prompts.plan("rows.csv", "prompt.txt", "results.csv", model=["fast/small"])
    report = run(model=["fast/small"])
    (text,) = (text for text in report.warnings if "leads to" in text)
    assert text in planned.warnings
    assert "http://two/v1" in text
    assert "http://one/v1" in text
    assert "secret" not in text
    assert report.sent == 0
    assert not [text for text in run(model=["fast/small"]).warnings if "leads to" in text]
    assert len(results()) == 2
