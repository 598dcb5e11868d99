"""``treadle prompts`` as people and scripts use it: what it says, where, and how it ends."""

from __future__ import annotations

import csv
import json
import logging
import os
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import treadle
from treadle import prompts
from treadle.cli import main
from treadle.prompts.cli import words
from treadle.prompts.providers import registry

sys.path.insert(0, str(Path(__file__).parent))
from servers import (
    KEY,
    SOURCE,
    Server,
    at_home,
    echo,
    ended,
    lane,
    ok,
    prompt,
    refused,
    results,
    start,
    table,
)

RUN = ("run", "-p", "prompt.txt", "-e", "rows.csv", "-o", "results.csv", "--backoff", "0.01")
COMMANDS = ("init", "run", "plan", "status", "export", "report", "providers", "models")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    return at_home(monkeypatch, tmp_path)


@pytest.fixture
def server():
    with Server() as server:
        lane(server)
        table(3)
        prompt()
        yield server


@pytest.fixture
def type_in(capfd):
    """Run ``treadle prompts`` in this process; return exit code, stdout and stderr."""

    def type_in(*arguments):
        code = main(["prompts", *map(str, arguments)])
        out, err = capfd.readouterr()
        assert "Traceback" not in err, err
        return code, out, err

    return type_in


# --- how it ends, and what goes where ------------------------------------------------------------


def test_people_are_told_on_stderr_and_nobody_on_stdout(server, type_in):
    code, out, err = type_in(*RUN)
    assert (code, out) == (0, "")
    assert "3 requests, 3 of them now, in " in err
    assert "results in results.csv, run " in err
    assert "mine/tiny   3" in err
    assert len(results()) == 3


def test_quiet_says_nothing(server, type_in):
    assert type_in(*RUN, "-q") == (0, "", "")
    assert len(results()) == 3


def test_without_a_results_file_the_rows_are_on_stdout_and_all_else_on_stderr(server, type_in):
    code, out, err = type_in("run", "-p", "prompt.txt", "-e", "rows.csv")
    assert code == 0
    assert [row["_output"] for row in csv.DictReader(out.splitlines())] == [
        f"answer to Say topic {number}" for number in (1, 2, 3)
    ]
    assert "3 requests" in err


def test_failed_rows_give_exit_code_1_and_a_way_on(server, type_in):
    server.handler = lambda asked: refused(400) if asked.said.endswith("2") else echo(asked)
    code, _, err = type_in(*RUN)
    assert code == 1
    assert "failed: 1 bad_request" in err
    assert err.splitlines()[-1] == "hint: --retry-errors asks again what has failed"
    server.handler = echo
    assert type_in(*RUN)[0] == 1, "it still has"
    assert type_in(*RUN, "--retry-errors")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-e", "rows.csv"], "the prompt is missing"),
        (["-p", "prompt.txt"], "the table of experiments is missing"),
        (["-p", "none.txt", "-e", "rows.csv"], "none.txt"),
        (["-p", "prompt.txt", "-e", "none.csv"], "none.csv"),
        (["-p", "prompt.txt", "-e", "rows.csv", "-m", "tiny"], "names no lane and model"),
        (["-p", "prompt.txt", "-e", "rows.csv", "-m", "mien/tiny"], "mien"),
        (["-p", "prompt.txt", "-e", "rows.csv", "--param", "temperature"], "temperature"),
        (["-p", "prompt.txt", "-e", "rows.csv", "--max-cost", "lots"], "lots"),
        (["-p", "prompt.txt", "-e", "rows.csv", "--lane-concurrency", "mine"], "LANE=N"),
        (["-p", "prompt.txt", "-e", "rows.csv", "--where", "topick=a"], "topick"),
        (["-p", "prompt.txt", "-e", "rows.csv", "--timeout", "0"], "--timeout"),
        (["-p", "prompt.txt", "-e", "rows.csv", "--fresh", "--retry-errors"], "exclude"),
        (["-p", "prompt.txt", "-e", "rows.csv", "--repeats", "0"], "repeats"),
        (["-p", "prompt.txt", "-e", "rows.csv", "--missing", "maybe"], "maybe"),
        (["-p", "prompt.txt", "-e", "rows.csv", "--engine", "mako"], "mako"),
        (["-p", "prompt.txt", "-e", "rows.csv", "--columns", "all"], "all"),
        (["-p", "prompt.txt", "-e", "rows.csv", "--progress", "loud"], "loud"),
        (["-p", "prompt.txt", "-e", "rows.csv", "--score", "exakt:topic"], "exakt"),
        (["-p", "prompt.txt", "-e", "rows.csv", "--config", "none.toml"], "none.toml"),
        (["-p", "-", "-e", "-"], "more than once"),
        (["-p", "prompt.txt", "-e", "rows.csv", "--no-such-option"], "--no-such-option"),
        (["-p", "prompt.txt", "-e", "rows.csv", "-o", "/proc/none/x.csv"], "/proc/none"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_makes_no_sense_is_refused_with_a_hint_before_anything_is_sent(
    server, type_in, arguments, message
):
    code, out, err = type_in("run", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "hint: " in err or "Usage: " in err
    assert not server.log
    assert not Path(".treadle/runs").exists()


def test_a_table_without_rows_is_refused(server, type_in):
    Path("rows.csv").write_text("provider,model,topic\n")
    code, _, err = type_in(*RUN)
    assert code == 2
    assert "rows.csv has no rows" in err


def test_conditions_that_leave_no_row_leave_the_results_alone(server, type_in):
    assert type_in(*RUN)[0] == 0
    whole = Path("results.csv").read_bytes()
    code, out, err = type_in(*RUN, "--where", "topic=nothing")
    assert (code, out) == (3, "")
    assert err.startswith("warning: ")
    assert "none fits --where" in err
    assert Path("results.csv").read_bytes() == whole
    code, out, err = type_in(*RUN, "--where", "topic=nothing", "--json")
    assert (code, json.loads(out)["requests"]) == (3, 0)
    assert type_in(*RUN, "--where", "topic=nothing", "-q") == (3, "", "")
    assert type_in("plan", "-p", "prompt.txt", "-e", "rows.csv", "--where", "topic=nothing")[0] == 3


def test_rows_that_were_left_give_exit_code_3_and_the_reason(server, type_in):
    server.handler = lambda asked: refused(401, text="bad key")
    code, out, err = type_in(*RUN, "--json", "-q")
    found = json.loads(out)
    assert (code, err) == (3, "")
    assert (found["requests"], found["pending"], found["failed"]) == (3, 3, 0)
    assert "HTTP 401: bad key" in found["closed"]["mine/tiny"]
    assert "bad key" in found["stopped"]
    assert type_in("status", "results.csv")[0] == 3


def test_json_is_one_object_on_stdout_with_all_counts(server, type_in):
    server.handler = lambda asked: refused(400) if asked.said.endswith("2") else echo(asked)
    code, out, err = type_in(*RUN, "--json", "--progress", "none")
    found = json.loads(out)
    assert (code, out.count("\n")) == (1, 1)
    assert [f"warning: {text}" for text in found["warnings"]] == err.splitlines()
    names = ("requests", "sent", "pending", "failed", "output", "stopped", "closed")
    assert [found[name] for name in names] == [3, 3, 0, 1, "results.csv", None, {}]
    assert found["run"]


def test_json_needs_a_results_file_for_the_rows_would_go_the_same_way(server, type_in):
    code, out, err = type_in("run", "-p", "prompt.txt", "-e", "rows.csv", "--json")
    assert (code, out) == (2, "")
    assert "hint: -o results.csv" in err
    assert not server.log
    assert type_in("run", "-p", "prompt.txt", "-e", "rows.csv", "--json", "--dry-run")[0] == 0


def test_one_is_one(server, type_in):
    table(1)
    _, _, err = type_in(*RUN, "--progress", "none")
    assert "\n1 request, 1 of them now" in err
    assert type_in("export")[2] == "1 row in results.csv\n"
    assert type_in("report")[2] == "1 request in results.html\n"


def test_why_a_lane_was_closed_is_said_once(server, type_in):
    server.handler = lambda asked: refused(401, text="bad key")
    _, _, err = type_in(*RUN, "--progress", "none")
    assert err.count("bad key") == 1
    assert err.splitlines()[-1] == "hint: mend that, and the same command asks the rest"


def test_a_run_that_stopped_without_anybodys_fault_mends_nothing():
    report = prompts.Report(requests=3, pending=2, stopped="cancelled by treadle cancel")
    assert words.to_do(report) == "the same command asks the rest"


def test_a_run_without_money_wants_more_of_it(server, type_in):
    with Path("treadle.toml").open("a") as file:
        file.write("price = { input = 1000, output = 1000 }\n")
    code, _, err = type_in(*RUN, "--param", "max_tokens=10", "--max-cost", "0.06")
    assert code == 3
    assert "is limited to" in err
    assert err.splitlines()[-1] == "hint: raise the limit, and the same command asks the rest"


def test_each_attempt_is_told_of_when_asked_for_and_nothing_that_was_said(server, type_in):
    replies = {1: refused(503), 2: ok("the answer itself")}
    server.handler = lambda asked: replies[asked.time]
    table(1)
    code, _, err = type_in(*RUN, "-v")
    lines = [line for line in err.splitlines() if "mine/tiny" in line and line[:2] == "20"]
    assert code == 0
    assert len(lines) == 2
    assert "503" in lines[0]
    assert "Say topic" not in err
    assert "the answer itself" not in err
    assert "1 request" in err, "and progress in plain lines"
    assert not logging.getLogger("treadle.prompts").handlers
    server.handler = echo
    assert type_in(*RUN[:5], "-o", "b.csv", "-q") == (0, "", "")


def test_progress_is_plain_beside_a_log_unless_it_is_chosen(server, type_in, monkeypatch):
    seen = []

    def looked_at(*_, progress, **__):
        seen.append(progress)
        raise treadle.UsageError("seen", hint="enough")

    monkeypatch.setattr("treadle.prompts.running.run", looked_at)
    for more in ([], ["-v"], ["-v", "--progress", "live"], ["-v", "-q"]):
        type_in(*RUN, *more)
    assert seen == ["auto", "plain", "live", "none"]


def test_json_progress_is_lines_of_json_that_count_to_the_end(server, type_in):
    Path("rows.csv").write_text(Path("rows.csv").read_text() + "nobody,tiny,x\n")
    for more in ([], ["--json"], ["-v"]):
        _, out, err = type_in(*RUN, "--progress", "json", "--fresh", *more)
        lines = [json.loads(line) for line in err.splitlines()]
        kinds = [line["event"] for line in lines]
        assert kinds[0] == "warning", "before the first request"
        assert kinds[-2:] == ["ended", "summary"]
        assert kinds.count("started") == kinds.count("summary") == 1
        assert ("logged" in kinds) == ("-v" in more)
        assert [lines[-2][name] for name in ("done", "answered", "failed")] == [4, 3, 1]
        assert (lines[-1]["requests"], lines[-1]["failed"]) == (4, 1)
        assert lines[-1]["summary"]["total"]["ok"] == 3
        assert bool(out) == ("--json" in more)


def test_what_is_odd_is_said_once_and_before_anything_is_sent(server, type_in):
    seen = []

    def looked_at(planned):
        seen.append((planned.warnings, len(server.log)))

    prompts.run("rows.csv", "prompt.txt", "other.csv", heard=looked_at)
    assert seen == [(("no price is known of mine/tiny: costs are left out",), 0)]
    server.log.clear()
    _, _, err = type_in(*RUN, "--progress", "plain")
    assert err.startswith("warning: no price is known of mine/tiny: costs are left out\n")
    assert err.count("costs are left out") == 1
    assert type_in("export", "results.csv")[0] == 0


def test_results_in_many_files_are_told_by_their_number(server, type_in):
    _, _, err = type_in("run", "-p", "prompt.txt", "-e", "rows.csv", "-o", "out/{{topic}}.csv")
    assert "; results in 3 files below out, run " in err


def test_a_minus_is_standard_output(server, type_in):
    code, out, _ = type_in("run", "-p", "prompt.txt", "-e", "rows.csv", "-o", "-")
    assert (code, len(list(csv.DictReader(out.splitlines())))) == (0, 3)
    assert not Path("-").exists()
    assert type_in("run", "-p", "prompt.txt", "-e", "rows.csv", "-o", "-", "--json")[0] == 2


@pytest.mark.parametrize("name", ["model", "messages", "stream"])
def test_what_is_sent_beside_the_parameters_is_none_of_them(server, type_in, name):
    code, _, err = type_in(*RUN, "--param", f"{name}=true")
    assert code == 2
    assert f"{name} is no parameter" in err
    with pytest.raises(treadle.UsageError, match=f"{name} is no parameter"):
        prompts.run("rows.csv", "prompt.txt", "other.csv", param={name: True})
    Path("rows.csv").write_text(f"provider,model,topic,param.{name}\nmine,tiny,a,true\n")
    code, _, err = type_in(*RUN)
    assert code == 2
    assert f"row 1: {name} is no parameter" in err
    assert not server.log


def test_our_columns_may_have_no_prefix(server, type_in):
    assert type_in(*RUN, "-q", "--prefix", "")[0] == 0
    assert list(results()[0])[:6] == ["provider", "model", "topic", "row", "status", "output"]


@pytest.mark.parametrize("name", ["out", "out/", ".", "new/", "{{topic}}/"])
def test_the_results_cannot_go_to_a_folder(server, type_in, name):
    Path("out").mkdir()
    code, _, err = type_in(*RUN[:5], "-o", name)
    assert code == 2
    assert f"{name}' is a folder" in err
    assert "hint: name a file in it: " in err
    assert not server.log
    assert not Path(".treadle").exists()


# --- before anything is sent ---------------------------------------------------------------------


@pytest.mark.parametrize("words", [("plan",), ("run", "--validate-only"), ("run", "--dry-run")])
def test_a_plan_counts_and_sends_nothing(server, type_in, words):
    command, *more = words
    arguments = ("-p", "prompt.txt", "-e", "rows.csv", "-o", "results.csv", *more)
    code, out, err = type_in(command, *arguments)
    assert (code, err) == (0, "")
    assert "3 requests" in out
    assert "mine" in out
    code, out, _ = type_in(command, *arguments, "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["rows"], found["items"]) == (3, 3)
    assert not server.log
    assert not Path("results.csv").exists()
    assert not Path(".treadle").exists()


def test_a_plan_says_what_is_wrong(server, type_in):
    prompt("Say {{topik}} to {{nobody}}")
    code, out, _ = type_in("plan", "-p", "prompt.txt", "-e", "rows.csv")
    assert code == 1
    assert "topik" in out
    assert "nobody" in out
    code, _, err = type_in(*RUN)
    assert code == 2
    assert "topik" in err or "nobody" in err
    assert "treadle prompts plan" in err


def test_a_plan_for_standard_input_leaves_nothing_behind(server):
    code, out, err = ended(
        start("plan", "-p", "prompt.txt", "-e", "-", stdin=subprocess.PIPE),
        Path("rows.csv").read_text(),
    )
    assert (code, err) == (0, "")
    assert "3 requests" in out
    assert not Path(".treadle").exists()


@pytest.mark.parametrize("value", ["5", "5.25", '"5.25"', '"$5"'])
def test_money_in_the_file_is_a_number_or_text(server, type_in, value):
    with Path("treadle.toml").open("a") as file:
        file.write(f"price = 0\n[prompts]\nmax-cost = {value}\nparam = ['max_tokens=5']\n")
    assert type_in(*RUN, "-q")[0] == 0


@pytest.mark.parametrize("value", ['"lots"', "true", "[5]", "0", "nan"])
def test_what_is_no_money_is_refused(server, type_in, value):
    with Path("treadle.toml").open("a") as file:
        file.write(f"[prompts]\nmax-cost = {value}\n")
    code, _, err = type_in(*RUN)
    assert code == 2
    assert "max-cost" in err
    assert "hint: " in err
    assert not server.log


@pytest.mark.parametrize("section", ["prompts", "prompts.run", "prompts.plan"])
@pytest.mark.parametrize("setting", ["fresh", "retry-errors", "retry_errors", "reuse", "dry-run"])
def test_what_holds_for_one_session_cannot_stand_in_the_file(server, type_in, section, setting):
    with Path("treadle.toml").open("a") as file:
        file.write(f"[{section}]\n{setting} = true\n")
    code, _, err = type_in(*RUN)
    assert code == 2
    assert f"[{section}] sets {setting}, which holds for one session" in err
    assert f"hint: type --{setting.replace('_', '-')} when you mean it" in err
    assert not server.log


# --- standard input ------------------------------------------------------------------------------


def test_a_prompt_is_piped_in(server):
    arguments = ("run", "-p", "-", "-e", "rows.csv", "-o", "results.csv", "-q")
    done = ended(start(*arguments, stdin=subprocess.PIPE), "Tell of {{topic}}")
    assert done == (0, "", "")
    assert [row["_output"] for row in results()] == [
        f"answer to Tell of topic {number}" for number in (1, 2, 3)
    ]


def test_a_table_is_piped_in_and_the_results_are_piped_out(server):
    arguments = ("run", "-p", "prompt.txt", "-e", "-", "-q")
    code, out, err = ended(start(*arguments, stdin=subprocess.PIPE), Path("rows.csv").read_text())
    assert (code, err) == (0, "")
    assert [row["topic"] for row in csv.DictReader(out.splitlines())] == [
        "topic 1", "topic 2", "topic 3",
    ]  # fmt: skip


# --- looking at it -------------------------------------------------------------------------------


def test_the_status_counts_what_there_is(server, type_in):
    replies = {"1": ok("x"), "2": refused(400), "3": ok("x", finish="length")}
    server.handler = lambda asked: replies[asked.said[-1]]
    type_in(*RUN)
    for which in (["results.csv"], []):
        code, out, err = type_in("status", *which)
        assert (code, err) == (1, "")
        assert out.startswith("results.csv\n")
        assert "answered  2 (1 truncated)" in out
        assert "failed    1 (1 bad_request)" in out
        assert "left      0" in out
    code, out, _ = type_in("status", "results.csv", "--json")
    found = json.loads(out)
    names = ("requests", "answered", "ok", "truncated", "failed", "left", "tokens_in", "tokens_out")
    assert [found[name] for name in names] == [3, 2, 1, 1, 1, 0, 20, 10]
    assert type_in("status", found["run"], "--json")[1] == out


def test_the_status_of_nothing_is_a_usage_error(type_in):
    code, out, err = type_in("status")
    assert (code, out) == (2, "")
    assert "there is no experiment" in err
    for command in ("status", "export", "report"):
        code, _, err = type_in(command, "none.csv")
        assert code == 2
        assert "none.csv" in err
        assert "hint: name the results file of an experiment" in err


def test_results_are_exported_again_to_any_format(server, type_in):
    assert type_in(*RUN)[0] == 0
    whole = Path("results.csv").read_bytes()
    Path("results.csv").unlink()
    Path("rows.csv").unlink()  # the record has a copy
    code, out, err = type_in("export", "results.csv")
    assert (code, out, err) == (0, "", "3 rows in results.csv\n")
    assert Path("results.csv").read_bytes() == whole
    assert type_in("export", "results.csv", "--to", "more/results.jsonl")[0] == 0
    lines = [json.loads(line) for line in Path("more/results.jsonl").read_text().splitlines()]
    assert [line["_output"] for line in lines] == [row["_output"] for row in results()]
    assert type_in("export")[0] == 0, "the newest"
    assert len(server.log) == 3


def test_results_are_exported_from_another_folder(server, type_in, monkeypatch, tmp_path):
    assert type_in(*RUN)[0] == 0
    whole = Path("results.csv").read_bytes()
    Path("results.csv").unlink()
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    code, _, err = type_in("export", "../results.csv")
    assert (code, err) == (0, f"3 rows in {tmp_path / 'results.csv'}\n"), "not below this folder"
    assert (tmp_path / "results.csv").read_bytes() == whole


def test_an_experiment_whose_prompt_came_by_standard_input_is_exported_again(server, type_in):
    arguments = ("run", "-p", "-", "-e", "rows.csv", "-o", "results.csv", "-q")
    assert ended(start(*arguments, stdin=subprocess.PIPE), "Tell {{topic}}")[0] == 0
    whole = Path("results.csv").read_bytes()
    Path("results.csv").unlink()
    assert type_in("export", "results.csv")[0] == 0
    assert Path("results.csv").read_bytes() == whole


def test_what_was_asked_is_exported_whatever_has_become_of_the_prompt(server, type_in):
    assert type_in(*RUN)[0] == 0
    whole = Path("results.csv").read_bytes()
    prompt("Another {{topic}}")
    assert type_in("export", "results.csv")[0] == 0
    assert Path("results.csv").read_bytes() == whole
    Path("prompt.txt").unlink()
    assert type_in("report", "results.csv")[0] == 0
    assert "answer to Say topic 2" in Path("results.html").read_text()


@pytest.mark.parametrize("place", ["../results.csv", "../out/{{topic}}.csv"])
def test_the_folder_from_which_results_are_named_makes_no_difference(
    server, type_in, monkeypatch, place
):
    assert type_in(*RUN[:6], place[3:])[0] == 0
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    typed = ("-p", "../prompt.txt", "-e", "../rows.csv", "-o", place, "--config", "../treadle.toml")
    assert type_in("run", *typed)[0] == 0
    assert len(server.log) == 3


def test_what_went_to_stdout_is_reported_and_exported_as_well(server, type_in):
    code, out, _ = type_in("run", "-p", "prompt.txt", "-e", "rows.csv")
    assert code == 0
    assert type_in("export")[:2] == (0, out)
    assert type_in("report", "--to", "page.html")[0] == 0
    code, _, err = type_in("report")
    assert code == 0
    assert Path(err.strip().rpartition(" in ")[2]).exists()


def test_the_report_is_a_page_beside_the_results(server, type_in):
    assert type_in(*RUN)[0] == 0
    code, out, err = type_in("report", "results.csv")
    assert (code, out) == (0, "")
    assert err == "3 requests in results.html\n"
    page = Path("results.html").read_text()
    assert "answer to Say topic 2" in page
    assert type_in("report", "results.csv", "--to", "compare.html")[0] == 0
    assert Path("compare.html").stat().st_size


# --- to begin with -------------------------------------------------------------------------------


def test_the_example_runs_offline(type_in, monkeypatch):
    """No address of a provider works here, and none is needed."""
    for name in ("OPENAI", "OPENROUTER", "ANTHROPIC", "OLLAMA"):
        monkeypatch.setenv(f"{name}_BASE_URL", "http://127.0.0.1:1")
    code, out, err = type_in("init")
    assert (code, out) == (0, "")
    for name in ("experiments.csv", "prompt.txt", "context.txt", "treadle.toml", ".env.example"):
        assert f"wrote {name}" in err
        assert Path(name).exists()
    *_, told, hinted = err.splitlines()
    assert told == "hint: this asks it all, offline:"
    assert len(hinted) <= 80
    assert hinted.split()[:3] == ["treadle", "prompts", "run"]
    arguments = hinted.split()[2:]
    assert type_in("plan", *arguments[1:])[0] == 0
    code, _, err = type_in(*arguments, "-c", "context.txt", "--score", "contains:gold")
    assert code == 0
    assert {row["_status"] for row in results()} == {"ok"}
    assert len(results()) == 4
    assert type_in("report")[0] == 0


def test_init_writes_over_nothing(type_in):
    Path("prompt.txt").write_text("mine")
    code, _, err = type_in("init")
    assert code == 2
    assert "prompt.txt" in err
    assert Path("prompt.txt").read_text() == "mine"
    assert not Path("experiments.csv").exists()
    code, _, err = type_in("init", "-o", "pilot study/experiments.csv")
    assert code == 0
    assert err.splitlines()[-2].strip() == "cd 'pilot study'"
    assert Path("pilot study/prompt.txt").exists()


def test_providers_say_which_keys_are_there_and_never_what_they_are(server, type_in, monkeypatch):
    monkeypatch.setenv("MINE_KEY", KEY)
    code, out, err = type_in("providers")
    assert (code, err) == (0, "")
    assert re.search(rf"^mine +MINE_KEY is set +{server.url}$", out, re.MULTILINE)
    assert "OPENAI_API_KEY is not set" in out
    columns = [[at.start() for at in re.finditer(r"(?<=  )\S", line)] for line in out.splitlines()]
    assert all(each == columns[0] for each in columns), out
    code, more, _ = type_in("providers", "--json")
    lines = {line["lane"]: line for line in map(json.loads, more.splitlines())}
    assert lines["mine"]["key_is_set"] is True
    assert lines["openai"]["key_is_set"] is False
    assert KEY not in out + more


@pytest.fixture
def announced(monkeypatch):
    """A provider of another package, and one that is broken."""
    points = [
        EntryPoint("foreign", "treadle.prompts.providers.openai_chat:OpenAIChat", registry.GROUP),
        EntryPoint("broken", "no_such_module:Provider", registry.GROUP),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    registry.provider_named.cache_clear()
    yield
    registry.provider_named.cache_clear()


@pytest.mark.usefixtures("announced")
def test_providers_of_other_packages_are_listed_and_one_that_is_broken_hides_none(
    server, type_in, monkeypatch
):
    code, out, err = type_in("providers")
    assert code == 0
    assert re.search(r"^foreign +OPENAI_API_KEY is not set", out, re.MULTILINE)
    assert "mine" in out
    assert "broken" not in out
    assert err.startswith("warning: ")
    assert "'broken' (no_such_module:Provider) cannot be loaded" in err
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-mine")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    assert type_in("models", "foreign") == (0, "big\ntiny\n", "")
    assert type_in("models", "broken")[0] == 2


def test_what_is_secret_in_an_address_is_not_shown(type_in):
    text = '[prompts.lanes.a]\nprovider = "openai"\nurl = "http://me:pass-word@h.example/v1?key=s3cret"'
    Path("treadle.toml").write_text(text)
    _, out, _ = type_in("providers")
    _, more, _ = type_in("providers", "--json")
    assert "http://h.example/v1\n" in out
    assert "pass-word" not in out + more
    assert "s3cret" not in out + more


def test_models_are_listed(server, type_in):
    assert type_in("models", "mine") == (0, "big\ntiny\n", "")
    code, out, _ = type_in("models", "mine", "--json")
    assert code == 0
    assert [json.loads(line)["id"] for line in out.splitlines()] == ["big", "tiny"]
    code, _, err = type_in("models", "mien")
    assert code == 2
    assert "mine" in err


def test_models_of_a_server_that_is_not_there(type_in):
    with Server() as gone:
        lane(gone)
    code, out, err = type_in("models", "mine")
    assert (code, out) == (1, "")
    assert "no connection to" in err


# --- settings ------------------------------------------------------------------------------------


def test_what_is_typed_goes_over_the_file_and_the_file_over_what_is_usual(server, type_in):
    with Path("treadle.toml").open("a") as file:
        file.write('[prompts.run]\nprompt = "prompt.txt"\nexperiments = "rows.csv"\nlimit = 2\n')
    assert type_in("run", "-o", "a.csv", "-q")[0] == 0
    assert len(results("a.csv")) == 2
    assert type_in("run", "-o", "b.csv", "-q", "--limit", "1")[0] == 0
    assert len(results("b.csv")) == 1


def test_what_the_file_says_of_one_lane_goes_over_what_it_says_of_all(server, type_in, monkeypatch):
    seen = {}

    def looked_at(_items, *, lanes, **_):
        seen.update(lanes)
        raise treadle.UsageError("seen", hint="enough")

    monkeypatch.setattr("treadle.prompts.experiment.plan", looked_at)
    with Path("treadle.toml").open("a") as file:
        file.write("concurrency = 1\ntimeout = 900\n[prompts]\nconcurrency = 8\ntimeout = 60\n")
    type_in(*RUN)
    assert (seen["mine"].concurrency, seen["mine"].timeout) == (1, 900)
    assert (seen["mock"].concurrency, seen["mock"].timeout) == (8, 60)
    type_in(*RUN, "--concurrency", "3", "--lane-concurrency", "mock=4", "--timeout", "5")
    assert (seen["mine"].concurrency, seen["mine"].timeout) == (3, 5)
    assert (seen["mock"].concurrency, seen["mock"].timeout) == (4, 5)


def test_a_slip_of_the_pen_in_the_file_is_named(server, type_in):
    with Path("treadle.toml").open("a") as file:
        file.write("[prompts.run]\nlimitt = 2\n")
    code, _, err = type_in(*RUN)
    assert code == 2
    assert "limitt" in err
    assert "limit" in err.partition("hint")[2]


def test_keys_come_from_a_file_beside_the_table(server, type_in):
    Path(".env").write_text(f"MINE_KEY={KEY}\n")
    assert type_in(*RUN, "-q")[0] == 0
    assert {asked.key for asked in server.log} == {KEY}


def test_the_columns_of_the_earlier_program(server, type_in):
    assert type_in(*RUN, "--parallamr-columns", "--sequential")[0] == 0
    assert list(results()[0])[:5] == ["provider", "model", "topic", "status", "input_tokens"]
    assert results()[0]["output"] == "answer to Say topic 1"


def test_json_in_answers_becomes_columns(server, type_in):
    server.handler = lambda asked: ok(json.dumps({"n": int(asked.said[-1]), "of": {"x": "y"}}))
    assert type_in(*RUN, "--flatten")[0] == 0
    (names,) = {tuple(name for name in row if not name.startswith("_")) for row in results()}
    assert names[:3] == ("provider", "model", "topic")
    assert "n" in names
    assert [row["n"] for row in results()] == ["1", "2", "3"]


# --- help ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)], ids=" ".join)
def test_help_fits_a_terminal(type_in, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    code, out, _ = type_in(*command, "--help")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    if command:
        assert "Exit codes:" in out
    else:
        assert all(f"  {name} " in out for name in COMMANDS)


def test_help_names_all_signs_of_conditions(type_in):
    _, out, _ = type_in("run", "--help")
    said = " ".join(out.split())
    assert "also != ~ !~ < <= > >=" in said


def test_help_is_fast_because_it_loads_no_more_than_its_words():
    code = (
        "import sys; from treadle.cli import main; main(['prompts', '--help']);"
        "print(*sorted(sys.modules))"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    heavy = {"aiohttp", "yarl", "pyarrow", "jinja2", "asyncio", "sqlite3", "multiprocessing"}
    assert loaded & heavy == set()
    ours = {name for name in loaded if name.startswith("treadle.prompts.")}
    assert {name for name in ours if not name.startswith("treadle.prompts.cli")} == set()
    assert {name for name in loaded if name.startswith(("treadle.engine", "treadle.api"))} == set()


def test_everything_public_is_there():
    assert [name for name in prompts.__all__ if not hasattr(prompts, name)] == []
    assert issubclass(prompts.RequestFailed, treadle.TreadleError)
