"""What a program gives and gets: rows and texts instead of files, answers instead of counts."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import pkgutil
import sys
import threading
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import treadle
from treadle import prompts
from treadle.prompts.given import table_of
from treadle.prompts.prompt_files import told_apart

sys.path.insert(0, str(Path(__file__).parent))
from servers import at_home, ended, prompt, records, results, start, table

MODEL = ["mock/small"]
TEXT = prompts.Text("Explain {{topic}}", name="explain")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    return at_home(monkeypatch, tmp_path)


def run(rows, prompt=TEXT, output="results.csv", **options):
    return prompts.run(rows, prompt, output, **{"model": MODEL, **options})


def topics(path="results.csv"):
    return [row["topic"] for row in results(path)]


# --- rows ----------------------------------------------------------------------------------------


def test_rows_of_a_program_are_a_table():
    rows = ({"topic": topic, "n": number} for number, topic in enumerate(["tides", "rain"]))
    report = run(rows)
    assert (report.requests, report.sent) == (2, 2)
    assert topics() == ["tides", "rain"]
    assert [row["n"] for row in results()] == ["0", "1"]


def test_the_same_results_are_the_same_experiment_whatever_the_rows_come_from():
    run([{"topic": "tides"}])
    assert run([{"topic": "tides"}, {"topic": "rain"}]).sent == 1
    table(["tides", "rain", "snow"])
    prompt("Explain {{topic}}")
    assert run("rows.csv", "prompt.txt").sent == 1
    assert len(records()) == 1


def test_a_plan_of_rows_keeps_nothing(tmp_path):
    planned = prompts.plan([{"topic": "tides"}, {}], TEXT, "results.csv", model=MODEL)
    assert (planned.rows, planned.missing[0].first) == (2, (2,))
    assert not list(tmp_path.iterdir())


def test_rows_without_a_results_file_have_a_record_too(capfd):
    assert run([{"topic": "tides"}], output=None).sent == 1
    whole = capfd.readouterr().out
    assert [row["topic"] for row in csv.DictReader(io.StringIO(whole))] == ["tides"]
    assert run([{"topic": "tides"}], output=None).sent == 0
    assert capfd.readouterr().out == whole


def test_results_are_made_again_of_the_rows_that_were_kept():
    run([{"topic": "tides"}])
    whole = Path("results.csv").read_bytes()
    Path("results.csv").unlink()
    assert prompts.export("results.csv").rows == 1
    assert Path("results.csv").read_bytes() == whole


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (5, "an object of type int is no table"),
        (None, "an object of type NoneType is no table"),
        ([], "the table of rows"),
        (["tides"], "row 1 is no mapping of columns to values, but a str"),
        ([{"topic": "a"}, 3], "row 2 is no mapping"),
        ({"topic": ["tides"]}, "row 1 is no mapping"),
        ([{("a", "b"): 1}], "row 1 cannot be kept"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, rows, message):
    with pytest.raises(treadle.UsageError, match=message):
        run(rows)
    assert not list(tmp_path.iterdir())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    st.lists(
        st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip),
            st.text(st.characters(exclude_categories=["Cs"]))
            | st.none()
            | st.integers()
            | st.lists(st.booleans()),
            min_size=1,
        ),
        min_size=1,
    )
)
def test_cells_are_what_the_values_were(rows):
    found = [row.cells for row in table_of(rows)]
    texts = [
        {
            name: "" if value is None else value if isinstance(value, str) else json.dumps(value)
            for name, value in row.items()
        }
        for row in rows
    ]
    assert found == texts


def test_a_value_that_json_has_not_is_as_it_prints():
    (row,) = table_of([{"a": Path("x/y"), "b": Decimal("1.50")}])
    assert row.cells == {"a": "x/y", "b": "1.50"}


# --- pipes ---------------------------------------------------------------------------------------


def test_a_table_may_come_through_a_pipe():
    os.mkfifo("pipe")

    def write():
        Path("pipe").write_text("topic\ntides\nrain\n")

    for read in (run, lambda rows: prompts.plan(rows, TEXT, "results.csv", model=MODEL)):
        thread = threading.Thread(target=write)
        thread.start()
        found = read("pipe")
        thread.join(40)
        assert getattr(found, "requests", getattr(found, "items", 0)) == 2
    assert topics() == ["tides", "rain"]


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_standard_input_is_that_by_any_name(name):
    prompt("Explain {{topic}}")
    process = start(
        *("run", "-p", "prompt.txt", "-e", name, "-o", "results.csv", "-m", "mock/small"), stdin=-1
    )
    code, _, err = ended(process, "topic\ntides\nrain\n")
    assert code == 0, err
    assert topics() == ["tides", "rain"]
    data = io.StringIO("topic\ntides\nrain\n")
    assert run(name, "prompt.txt", stdin=data).sent == 0


def test_standard_input_cannot_be_both_by_any_name():
    with pytest.raises(treadle.UsageError, match="more than once"):
        run("/dev/stdin", "-", stdin=io.StringIO("x"))


# --- texts ---------------------------------------------------------------------------------------


def test_a_text_is_sent_as_a_file_of_it_would_be():
    prompt("--- system\nBe brief\n--- user\nExplain {{topic}}\r\n", "explain")
    text = prompts.Text("--- system\nBe brief\n--- user\nExplain {{topic}}\r\n", name="explain")
    assert run([{"topic": "tides"}], "explain").sent == 1
    assert run([{"topic": "tides"}], text).sent == 0


def test_texts_have_the_names_that_they_were_given_and_keep_them():
    texts = [TEXT, prompts.Text("Sing of {{topic}}", name="a/b {{c}}"), TEXT]
    run([{"topic": "tides"}], texts)
    assert [row["_prompt"] for row in results()] == ["explain", "a/b {{c}}", "explain#2"]
    whole = Path("results.csv").read_bytes()
    prompts.export("results.csv")
    assert Path("results.csv").read_bytes() == whole


@pytest.mark.parametrize("arguments", [("x", " "), ("\ud800",)])
def test_what_is_no_text_is_refused(arguments):
    with pytest.raises(treadle.UsageError):
        prompts.Text(*arguments)


@pytest.mark.parametrize("text", ["", "{{topic|unheard}}"])
def test_a_text_that_is_no_prompt_is_refused_by_its_name(text):
    with pytest.raises(treadle.UsageError, match="explain"):
        run([{"topic": "tides"}], prompts.Text(text, name="explain"))


# --- names of prompts ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["d1/p.txt"], ["p.txt"]),
        (["d1/p.txt", "d1/q.txt"], ["p.txt", "q.txt"]),
        (["d1/p.txt", "d2/p.txt", "q.txt"], ["d1/p.txt", "d2/p.txt", "q.txt"]),
        (["a/x/p.txt", "b/x/p.txt"], ["a/x/p.txt", "b/x/p.txt"]),
        (["p.txt", "d/p.txt"], ["p.txt", "d/p.txt"]),
        (["p.txt", "./p.txt"], ["p.txt", "p.txt"]),
        (["/a/p.txt", "a/p.txt"], ["/a/p.txt", "a/p.txt"]),
    ],
)
def test_prompts_have_as_much_of_their_paths_as_tells_them_apart(paths, names):
    assert told_apart(paths) == names


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), unique_by=tuple))
def test_no_two_prompts_are_called_alike(paths):
    names = told_apart(["/".join(path) for path in paths])
    assert len(set(names)) == len(names)
    assert all("/".join(path).endswith(name) for path, name in zip(paths, names, strict=True))


def test_prompts_of_one_name_stay_apart_in_the_results_and_their_copies():
    for folder in ("d1", "d2"):
        Path(folder).mkdir()
        prompt(f"Of {folder}: {{{{topic}}}}", f"{folder}/p.txt")
    run([{"topic": "tides"}], ["d1/p.txt", "d2/p.txt", "d1/p.txt"])
    assert [row["_prompt"] for row in results()] == ["d1/p.txt", "d2/p.txt", "d1/p.txt#2"]
    whole = Path("results.csv").read_bytes()
    prompts.export("results.csv")
    assert Path("results.csv").read_bytes() == whole


# --- names ---------------------------------------------------------------------------------------


def test_no_public_name_is_that_of_a_module_which_would_take_its_place():
    modules = {module.name for module in pkgutil.iter_modules(prompts.__path__)}
    assert modules & set(prompts.__all__) == set()


# --- what comes back -----------------------------------------------------------------------------


def test_a_report_yields_what_the_results_have_as_often_as_it_is_asked(monkeypatch, tmp_path):
    report = run([{"topic": "tides"}, {"topic": "rain"}], repeats=2)
    Path("results.csv").unlink()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for _ in range(2):
        rows = list(report.rows())
        assert [ask.cells["topic"] for ask, _ in rows] == ["tides", "tides", "rain", "rain"]
        assert all(ended.answer.text for _, ended in rows)
    first = next(report.rows())
    assert first == rows[0]


def test_a_report_is_of_its_own_run():
    first = run([{"topic": "tides"}])
    second = run([{"topic": "rain"}], fresh=True)
    assert [ask.cells["topic"] for ask, _ in first.rows()] == ["tides"]
    assert [ask.cells["topic"] for ask, _ in second.rows()] == ["rain"]


def test_a_report_of_nothing_has_no_rows():
    report = run([{"topic": "tides"}], where=["topic=rain"])
    assert list(report.rows()) == []


def test_a_report_says_in_short_what_came_of_it():
    report = run([{"topic": "tides"}, {"topic": "rain"}])
    assert repr(report) == (
        f"<Report: 2 requests, 2 sent, $0; results in results.csv, run {report.run_id}>"
    )
    assert repr(prompts.Report(requests=1, pending=1)) == (
        "<Report: 1 request, 0 sent, 1 pending, $0; results in standard output>"
    )


def test_an_event_loop_goes_on_while_it_runs():
    """The run waits for something that only the loop can do."""

    async def both():
        loop = asyncio.get_running_loop()
        seen = threading.Event()

        def heard(_):
            loop.call_soon_threadsafe(seen.set)
            assert seen.wait(40)

        return await prompts.arun(
            [{"topic": "tides"}], TEXT, "results.csv", model=MODEL, heard=heard
        )

    assert asyncio.run(both()).sent == 1
    assert topics() == ["tides"]
