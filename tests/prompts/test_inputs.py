"""The files of an experiment: never written over, and kept as they were when it was asked."""

from __future__ import annotations

import io
import json
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import treadle
from treadle import prompts
from treadle.prompts.exporting import report
from treadle.prompts.providers import registry

sys.path.insert(0, str(Path(__file__).parent))
from servers import at_home, prompt, results, table

FILES = {
    "prompt.txt": "Say {{topic}}",
    "context.txt": "Of {{topic}}",
    "system.txt": "Be brief.",
    "treadle.toml": "[prompts.lanes.mine]\nprovider = 'mock'\n",
    "schema.json": '{"type": "object"}',
}
OPTIONS = {"context": ["context.txt"], "system": "system.txt", "score": ["json-schema:schema.json"]}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    at_home(monkeypatch, tmp_path)
    for name, text in FILES.items():
        Path(name).write_text(text)
    table(["tides", "moons"])
    return tmp_path


def run(output="results.csv", *, table="rows.csv", prompt="prompt.txt", **options):
    return prompts.run(table, prompt, output, **options)


def contents():
    """Return what stands in all files that are not ours."""
    return {path.name: path.read_bytes() for path in Path().iterdir() if path.is_file()}


# --- what is never written over ------------------------------------------------------------------


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("name", ["rows.csv", *FILES])
def test_no_results_go_to_a_file_that_the_experiment_is_made_of(name, fresh):
    before = contents()
    with pytest.raises(treadle.UsageError, match="is read by the experiment"):
        run(name, fresh=fresh, **OPTIONS)
    Path("link").symlink_to(name)
    with pytest.raises(treadle.UsageError, match="is read by the experiment"):
        run("link", fresh=fresh, **OPTIONS)
    Path("link").unlink()
    assert contents() == before


def test_a_results_file_that_is_the_table_of_the_next_experiment_stays_as_it_is():
    """The file is one of ours by then, and an input all the same."""
    run()
    whole = Path("results.csv").read_bytes()
    for fresh in (False, True):
        with pytest.raises(treadle.UsageError, match="is read by the experiment"):
            run(table="results.csv", fresh=fresh)
    assert Path("results.csv").read_bytes() == whole


def test_a_row_that_names_a_file_of_the_experiment_is_a_bad_one():
    table(["prompt.txt", "rows.csv", "good.csv"])
    before = contents()
    assert run("{{topic}}").failed == 2
    after = contents()
    assert {name: after[name] for name in before} == before
    assert [row["_status"] for row in results("good.csv")] == ["ok"]
    assert after.keys() - before.keys() == {"good.csv"}


@pytest.mark.parametrize("fresh", [False, True])
def test_files_of_others_that_rows_name_are_left_alone(fresh):
    for name in ("tides.csv", "moons.csv"):
        Path(name).write_text("a year of work\n")
    before = contents()
    with pytest.raises(treadle.UsageError, match="2 files exist, and there is no record") as caught:
        run("{{topic}}.csv", fresh=fresh)
    assert "tides.csv" in caught.value.message
    assert contents() == before
    Path("tides.csv").unlink()
    Path("moons.csv").unlink()
    run("{{topic}}.csv")
    assert run("{{topic}}.csv", fresh=True).sent == 2, "those are ours"
    assert len(results("tides.csv")) == 1


def test_a_file_that_rows_name_as_a_prompt_gets_no_results():
    Path("empty").mkdir()
    for name in ("tides", "moons"):
        Path(f"empty/{name}").write_text("")
    with pytest.raises(treadle.UsageError, match="is read by the experiment"):
        run("empty/{{topic}}", context=["empty/{{topic}}"])
    assert Path("empty/tides").read_text() == ""


@pytest.mark.parametrize("output", [".treadle/r.csv", ".treadle/{{topic}}.csv"])
def test_no_results_go_to_where_the_records_are(output):
    with pytest.raises(treadle.UsageError):
        run(output)
    assert not list(Path(".treadle").glob("*.csv"))


@pytest.mark.parametrize("name", ["rows.csv", *FILES])
def test_neither_export_nor_report_writes_over_the_files_of_the_experiment(name):
    run(**OPTIONS)
    before = contents()
    with pytest.raises(treadle.UsageError, match="is read by the experiment"):
        prompts.export("results.csv", name)
    with pytest.raises(treadle.UsageError, match="is read by the experiment"):
        report("results.csv", Path(name))
    assert contents() == before


# --- what results are made of --------------------------------------------------------------------


def test_results_are_made_of_what_was_asked_whatever_became_of_the_files(monkeypatch, tmp_path):
    run(**OPTIONS)
    whole = Path("results.csv").read_bytes()
    for name in (*FILES, "rows.csv"):
        Path(name).write_text("[prompts]\nchanged = 1\n")
    assert prompts.export("results.csv").rows == 2
    assert Path("results.csv").read_bytes() == whole
    for name in (*FILES, "rows.csv"):
        Path(name).unlink()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    Path("treadle.toml").write_text("[prompts.lanes.other]\nprovider = 'mock'\n")
    assert prompts.export("../results.csv", "copy.csv").rows == 2
    assert Path("copy.csv").read_bytes() == whole
    assert report("../results.csv").rows == 2


def test_files_that_rows_name_are_kept_too():
    Path("texts").mkdir()
    for topic in ("tides", "moons"):
        Path(f"texts/{topic}.txt").write_text(f"Tell of {topic} and {{{{topic}}}}")
    run(prompt="texts/{{topic}}.txt", context=["texts/{{topic}}.txt"])
    whole = Path("results.csv").read_bytes()
    for path in Path("texts").iterdir():
        path.unlink()
    assert prompts.export("results.csv").rows == 2
    assert Path("results.csv").read_bytes() == whole


def test_what_came_by_standard_input_is_kept_as_it_came():
    run(prompt="-", stdin=io.StringIO("Tell of {{topic}}\n"))
    whole = Path("results.csv").read_bytes()
    assert results()[0]["_status"] == "ok"
    Path("results.csv").unlink()
    assert prompts.export("results.csv").rows == 2
    assert Path("results.csv").read_bytes() == whole


def test_a_run_that_did_not_begin_changes_nothing_of_what_was_kept():
    run()
    whole = Path("results.csv").read_bytes()
    prompt("Say {{topik}}")
    with pytest.raises(treadle.UsageError, match="topik"):
        run(fresh=True)
    assert Path("results.csv").read_bytes() == whole
    Path("results.csv").unlink()
    prompts.export("results.csv")
    assert Path("results.csv").read_bytes() == whole
    (folder,) = Path(".treadle/prompts").iterdir()
    assert len(list(folder.glob("inputs-*"))) == 1


def test_results_survive_a_fresh_start_that_fails(monkeypatch):
    """As where the folder of the records cannot be made."""
    run()
    whole = Path("results.csv").read_bytes()
    monkeypatch.setenv("TREADLE_RUNS_DIR", str(Path("rows.csv").resolve() / "runs"))
    with pytest.raises(treadle.TreadleError):
        run(fresh=True)
    assert Path("results.csv").read_bytes() == whole


def test_copies_of_files_do_not_pile_up():
    for topic in ("a", "b", "c"):
        prompt(f"Say {topic} {{{{topic}}}}")
        run()
    (folder,) = Path(".treadle/prompts").iterdir()
    names = sorted(path.name.partition("-")[0] for path in folder.iterdir())
    assert names == ["experiment", "inputs", "lock"]


def test_the_answers_of_each_run_can_be_had():
    """Those of a run before ``--fresh``, by the id of the run."""
    first = run()
    old = Path("results.csv").read_bytes()
    prompt("Sing {{topic}}")
    second = run(fresh=True)
    new = Path("results.csv").read_bytes()
    assert old != new
    for run_id, whole in ((first.run_id, old), (second.run_id, new), ("results.csv", new)):
        prompts.export(run_id, "copy.csv")
        assert Path("copy.csv").read_bytes() == whole
    assert prompts.export(None, "copy.csv").rows == 2


def test_nobody_is_told_of_an_experiment_that_is_not_there():
    with pytest.raises(treadle.UsageError):
        prompts.export("nothing.csv")


def test_a_note_that_is_damaged_is_as_if_it_were_not_there():
    run()
    (note,) = Path(".treadle/prompts").glob("*/experiment-*.json")
    facts = json.loads(note.read_text())
    assert facts["written"] == ["./results.csv"]
    note.write_text(note.read_text()[:-20])
    with pytest.raises(treadle.UsageError, match="no record"):
        prompts.export("results.csv")


# --- providers of other packages -----------------------------------------------------------------


def test_a_table_may_name_a_provider_of_another_package(monkeypatch):
    points = [EntryPoint("ours", "treadle.prompts.providers.mock:Mock", registry.GROUP)]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    table(2, lane="ours")
    found = run()
    assert (found.sent, found.failed) == (2, 0)
    assert prompts.plan("rows.csv", "prompt.txt", "results.csv").answered == 2
