"""What a run promises: what is sent, what is not sent again, and what is written."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from decimal import Decimal
from itertools import pairwise, product
from pathlib import Path

import pytest

import treadle
from treadle import prompts
from treadle.prompts.noted import Note
from treadle.prompts.record import Endings
from treadle.prompts.results_files import ResultsFiles

sys.path.insert(0, str(Path(__file__).parent))
from servers import (
    Server,
    at_home,
    echo,
    eventually_there,
    lane,
    ok,
    prompt,
    recorded,
    records,
    refused,
    results,
    table,
)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    return at_home(monkeypatch, tmp_path)


@pytest.fixture
def server():
    with Server() as server:
        lane(server)
        yield server


def run(table="rows.csv", prompt="prompt.txt", output="results.csv", **options):
    return prompts.run(table, prompt, output, **{"backoff": 0.01, **options})


def topics(rows):
    return [row["topic"] for row in rows]


def asked_topics(server):
    return [said.removeprefix("Say ") for said in server.said]


# --- the results file ----------------------------------------------------------------------------


def test_the_results_grow_while_the_run_goes_on_and_never_run_ahead_of_the_record(server):
    """The server holds each answer back until the rows before it are there."""
    table(6)
    prompt()
    seen = []

    def there(number):
        if not Path("results.csv").exists():
            return False
        keys = [row["_key"] for row in results()]
        assert set(keys) <= recorded(), "a row is in the file that is not in the record"
        return len(keys) == number - 1

    async def hold(asked):
        if asked.number > 1:
            assert await eventually_there(lambda: there(asked.number))
        seen.append(asked.said)
        return echo(asked)

    server.handler = hold
    report = run(concurrency=1)
    assert len(seen) == 6
    assert (report.requests, report.sent, report.pending, report.failed) == (6, 6, 0, 0)
    assert topics(results()) == [f"topic {number}" for number in range(1, 7)]


def test_whatever_the_order_of_the_answers_the_results_end_in_that_of_the_table(server):
    """The rows after the first are answered from the last to the second."""
    table(5)
    prompt()
    gates = {f"Say topic {number}": asyncio.Event() for number in range(2, 7)}
    gates["Say topic 6"].set()
    order = []

    async def backwards(asked):
        number = int(asked.said[-1])
        if number > 1:
            await gates[f"Say topic {number + 1}"].wait()
            gates[f"Say topic {number}"].set()
        order.append(number)
        return echo(asked)

    server.handler = backwards
    run(concurrency=4)
    assert order == [1, 5, 4, 3, 2]
    rows = results()
    assert topics(rows) == [f"topic {number}" for number in range(1, 6)]
    assert [row["_output"] for row in rows] == [f"answer to Say {row['topic']}" for row in rows]
    assert [row["_row"] for row in rows] == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("fresh", [False, True])
def test_a_results_file_that_is_not_ours_is_left_alone(server, fresh):
    table(2)
    prompt()
    Path("results.csv").write_text("a year of work\n")
    with pytest.raises(treadle.UsageError, match=r"no record of an experiment") as caught:
        run(fresh=fresh)
    assert "remove this one" in caught.value.hint
    assert Path("results.csv").read_text() == "a year of work\n"
    assert not server.log
    Path("results.csv").unlink()
    run(fresh=fresh)
    assert len(results()) == 2


def test_an_empty_results_file_is_no_obstacle(server):
    table(1)
    prompt()
    Path("results.csv").touch()
    run()
    assert len(results()) == 1


def test_results_that_somebody_has_deleted_or_spoilt_are_made_again_without_asking(server):
    table(3)
    prompt()
    run()
    whole = Path("results.csv").read_bytes()
    for spoil in (Path.unlink, lambda path: path.write_text("spoilt")):
        spoil(Path("results.csv"))
        assert run().sent == 0
        assert Path("results.csv").read_bytes() == whole
    assert len(server.log) == 3


def test_the_path_of_the_results_may_name_columns_and_models(server):
    rows = ["mine,tiny,a/b", "mine,big,c", "mine,tiny,d"]
    Path("rows.csv").write_text("provider,model,topic\n" + "\n".join(rows) + "\n")
    prompt()
    template = "out/{{provider}}/{{model}} {{topic}}.csv"
    report = run(output=template)
    assert report.sent == 3
    found = sorted(str(path) for path in Path("out").rglob("*.csv") if ".treadle" not in str(path))
    assert found == ["out/mine/big c.csv", "out/mine/tiny a_b.csv", "out/mine/tiny d.csv"]
    assert results("out/mine/big c.csv")[0]["_output"] == "answer to Say c"
    assert run(output=template).sent == 0
    assert len(server.log) == 3


def test_each_row_is_in_the_file_of_its_model(server):
    Path("rows.csv").write_text("topic\na\nb\nc\n")
    prompt()
    run(output="{{model}}.jsonl", model=["mine/tiny", "mine/big"])
    for model in ("tiny", "big"):
        lines = Path(f"{model}.jsonl").read_text().splitlines()
        assert [json.loads(line)["_model"] for line in lines] == [model] * 3


def test_without_a_results_file_the_rows_are_on_stdout_at_the_end(server, capfd):
    table(2)
    prompt()
    assert run(output=None).sent == 2
    out, _ = capfd.readouterr()
    assert out.startswith("provider,model,topic,")
    assert run(output=None).sent == 0, "the record is there, all the same"
    assert capfd.readouterr()[0] == out


# --- what is sent again, and what is not ---------------------------------------------------------


def test_the_same_again_sends_nothing(server):
    table(4)
    prompt()
    first = run()
    before = Path("results.csv").read_bytes()
    again = run()
    assert (first.sent, again.sent, again.requests, again.pending) == (4, 0, 4, 0)
    assert again.run_id == first.run_id
    assert len(server.log) == 4
    assert Path("results.csv").read_bytes() == before


def test_only_what_has_changed_is_asked_again(server):
    table(["a", "b", "c"])
    prompt()
    run()
    table(["a", "B", "c"])
    assert run().sent == 1
    assert asked_topics(server)[3:] == ["B"]
    assert topics(results()) == ["a", "B", "c"]
    assert [row["_output"] for row in results()] == [f"answer to Say {each}" for each in "aBc"]


def test_a_new_row_is_asked_and_a_removed_one_leaves_the_results(server):
    table(["a", "b"])
    prompt()
    run()
    table(["new", "b", "a", "last"])
    assert run().sent == 2
    assert sorted(asked_topics(server)[2:]) == ["last", "new"]
    assert topics(results()) == ["new", "b", "a", "last"]
    table(["b"])
    assert run().sent == 0
    assert topics(results()) == ["b"]
    table(["a", "b"])
    assert run().sent == 0, "what was answered once is not forgotten"


def test_a_changed_prompt_or_parameter_asks_all(server):
    table(2)
    prompt()
    run()
    prompt("Explain {{topic}}")
    assert run().sent == 2
    assert run(param={"temperature": 0.5}).sent == 2
    assert server.log[-1].body["temperature"] == 0.5
    assert run().sent == 0, "back to what is answered already"


def test_answers_that_leave_the_results_are_told_once(server):
    def told(**options):
        return [text for text in run(**options).warnings if "not in the results" in text]

    table(3)
    prompt()
    assert told() == told() == []
    prompt("Explain {{topic}}")
    (text,) = told(limit=1)
    assert text.startswith("3 answers are not in the results any more")
    assert told() == []
    prompt()
    assert told() == [], "they are back"
    table(2)
    (text,) = told()
    assert text.startswith("4 answers are")


def test_a_parameter_in_a_column_changes_its_row_alone(server):
    def with_temperatures(*cells):
        rows = [f"mine,tiny,topic {number},{cell}" for number, cell in enumerate(cells)]
        text = "provider,model,topic,param.temperature\n"
        Path("rows.csv").write_text(text + "\n".join(rows) + "\n")

    with_temperatures("", "0.5")
    prompt()
    run()
    with_temperatures("1", "0.5")
    assert run().sent == 1
    sent = [asked.body.get("temperature") for asked in server.log]
    assert sorted(sent[:2], key=str) == [0.5, None]
    assert sent[2] == 1


def test_a_column_that_no_prompt_uses_may_change_without_a_question(server):
    Path("rows.csv").write_text("provider,model,topic,note\nmine,tiny,a,old\n")
    prompt()
    run()
    Path("rows.csv").write_text("provider,model,topic,note\nmine,tiny,a,new\n")
    assert run().sent == 0
    assert results()[0]["note"] == "new"


def test_rows_that_are_the_same_each_get_an_answer(server):
    table(["same", "same", "other", "same"])
    prompt()
    assert run().sent == 4
    rows = results()
    assert topics(rows) == ["same", "same", "other", "same"]
    assert len({row["_key"] for row in rows}) == 4
    assert run().sent == 0


def test_what_has_failed_is_asked_again_on_request_and_nothing_else(server):
    table(["a", "bad", "c"])
    prompt()
    server.handler = lambda asked: (
        refused(400, text="no such thing")
        if "bad" in asked.said and asked.time == 1
        else echo(asked)
    )
    first = run()
    assert (first.sent, first.failed, first.pending) == (3, 1, 0)
    (bad,) = (row for row in results() if row["_status"] != "ok")
    assert (bad["topic"], bad["_error_type"], bad["_http_status"]) == ("bad", "bad_request", "400")
    assert "no such thing" in bad["_error"]
    assert run().sent == 0
    assert len(server.log) == 3
    again = run(retry_errors=True)
    assert (again.sent, again.failed) == (1, 0)
    assert asked_topics(server)[3:] == ["bad"]
    assert [row["_status"] for row in results()] == ["ok"] * 3
    assert topics(results()) == ["a", "bad", "c"]


def test_fresh_asks_all_again_and_keeps_the_old_record(server):
    table(2)
    prompt()
    first = run()
    second = run(fresh=True)
    assert (second.sent, len(server.log)) == (2, 4)
    assert second.run_id != first.run_id
    assert [len(answers) for answers, _ in records()] == [2, 2]
    assert run().run_id == second.run_id, "what comes after goes on with the newest"


def test_a_pilot_and_then_all(server):
    table(5)
    prompt()
    pilot = run(limit=2)
    assert (pilot.requests, pilot.sent) == (2, 2)
    assert topics(results()) == ["topic 1", "topic 2"]
    assert run().sent == 3
    assert sorted(asked_topics(server)) == topics(results())


def test_what_is_answered_stays_in_the_results_whatever_is_chosen_to_be_asked_now(server):
    table(5)
    prompt()
    run()
    whole = Path("results.csv").read_bytes()
    for chosen in ({"limit": 2}, {"where": ["topic=topic 3"]}, {"shuffle": 1, "limit": 1}):
        report = run(**chosen)
        assert (report.sent, report.pending, report.requests <= 2) == (0, 0, True)
        assert Path("results.csv").read_bytes() == whole
    table(6)
    assert run(limit=1).pending == 0
    assert Path("results.csv").read_bytes() == whole, "the sixth was not to be asked"


def test_a_condition_chooses_rows(server):
    table(["a", "b", "a"])
    prompt()
    assert run(where=["topic=a"]).sent == 2
    assert topics(results()) == ["a", "a"]
    assert run(where=["topic=b"]).sent == 1
    assert topics(results()) == ["a", "b", "a"]
    assert run().sent == 0


def test_of_rows_that_are_the_same_those_that_were_chosen_are_answered(server):
    Path("rows.csv").write_text("provider,model,topic,n\nmine,tiny,a,1\nmine,tiny,a,2\n")
    prompt()
    assert run(where=["n=2"]).pending == 0
    assert "2" in [row["n"] for row in results()]
    assert run().pending == 0
    assert [row["n"] for row in results()] == ["1", "2"]
    assert len(server.log) == 2


def test_conditions_that_no_row_fits_ask_nothing_and_touch_nothing(server):
    table(2)
    prompt()
    report = run(where=["topic=none"])
    assert (report.requests, report.sent, report.pending, report.run_id) == (0, 0, 0, "")
    assert report.warnings == ("no row takes part: none fits --where",)
    assert not Path("results.csv").exists()
    run()
    whole = Path("results.csv").read_bytes()
    assert run(where=["topic=none"]).requests == 0
    assert Path("results.csv").read_bytes() == whole
    assert len(server.log) == 2


def test_a_plan_is_that_of_what_is_left(server):
    table(4)
    prompt()

    def plan(**options):
        return prompts.plan("rows.csv", "prompt.txt", "results.csv", **options)

    assert (plan().items, plan().answered) == (4, 0)
    server.handler = lambda asked: refused(400) if "topic 1" in asked.said else echo(asked)
    run(limit=3)
    assert (plan().items, plan().answered) == (4, 3)
    assert [share.items for share in plan().shares] == [1]
    assert plan(retry_errors=True).answered == 2
    assert plan(fresh=True).answered == 0


def test_a_scorer_that_comes_later_judges_the_answers_that_are_there(server):
    table(2)
    prompt()
    run()
    assert run(score=["contains:topic", "regex:nothing"]).sent == 0
    assert [row["_score_contains_topic"] for row in results()] == ["true", "true"]
    assert [row["_score_regex"] for row in results()] == ["false", "false"]
    whole = Path("results.csv").read_bytes()
    prompts.export("results.csv")
    assert Path("results.csv").read_bytes() == whole


def test_shuffled_rows_are_sent_in_another_order_and_end_in_that_of_the_table(server):
    table(12)
    prompt()
    run(shuffle=7, concurrency=1)
    sent = asked_topics(server)
    assert sent != topics(results())
    assert sorted(sent) == sorted(topics(results()))
    assert topics(results()) == [f"topic {number}" for number in range(1, 13)]
    assert run(shuffle=8).sent == run().sent == 0


def test_all_prompts_go_to_all_models_as_often_as_it_is_said(server):
    table(["a", "b"])
    prompt("Say {{topic}}", "say.txt")
    prompt("Sing {{topic}}", "sing.txt")
    report = run(prompt=["say.txt", "sing.txt"], model=["mine/tiny", "mine/big"], repeats=2)
    assert report.requests == report.sent == 16
    names = ("topic", "_prompt", "_model", "_repeat")
    found = [tuple(row[name] for name in names) for row in results()]
    wanted = product("ab", ["say.txt", "sing.txt"], ["tiny", "big"], "12")
    assert found == list(wanted)
    for row in results():
        verb = row["_prompt"].removesuffix(".txt").capitalize()
        assert row["_output"] == f"answer to {verb} {row['topic']}"


def test_one_more_model_asks_that_model_alone(server):
    table(3)
    prompt()
    run(model=["mine/tiny"])
    assert run(model=["mine/tiny", "mine/big"]).sent == 3
    assert [asked.model for asked in server.log[3:]] == ["big"] * 3


def test_a_row_that_cannot_be_sent_fails_alone(server):
    Path("rows.csv").write_text("provider,model,topic\nmine,tiny,a\nnobody,x,b\nmine,tiny,c\n")
    prompt()
    report = run()
    assert (report.sent, report.failed, len(server.log)) == (3, 1, 2)
    assert [row["_status"] for row in results()] == ["ok", "error", "ok"]
    assert "nobody" in results()[1]["_error"]


def test_where_nothing_is_left_to_ask_the_results_are_written_once(server, monkeypatch):
    """Rows that cannot be sent have ended too."""
    Path("rows.csv").write_text("provider,model,topic\nmine,tiny,a\nnobody,x,b\n")
    prompt()
    run()
    whole = Path("results.csv").read_bytes()
    written = []
    for name in ("begin", "finish"):
        there = getattr(ResultsFiles, name)
        monkeypatch.setattr(
            ResultsFiles,
            name,
            lambda self, rows=(), there=there, name=name: (written.append(name), there(self, rows)),
        )
    notes = []
    there = Note.write
    monkeypatch.setattr(Note, "write", lambda self, path: (notes.append(path), there(self, path)))
    assert run().sent == 0
    assert (written, len(notes)) == (["finish"], 1)
    assert Path("results.csv").read_bytes() == whole


def test_rows_that_are_not_chosen_are_not_looked_for_where_nobody_has_asked_them(
    server, monkeypatch
):
    table(["a", "b", "c"])
    prompt()
    looked = []
    there = Endings.get
    monkeypatch.setattr(Endings, "get", lambda self, key: (looked.append(key), there(self, key))[1])
    run(where=["topic=b"])
    assert len(set(looked)) == 1
    run(where=["topic=c"])
    assert len(set(looked)) == 3
    assert topics(results()) == ["b", "c"]


def test_a_table_that_is_edited_during_the_run_does_no_harm(server):
    path = table(4)
    prompt()

    def edit(asked):
        path.write_text("provider,model\n")
        return echo(asked)

    server.handler = edit
    assert run(concurrency=1).sent == 4
    assert topics(results()) == [f"topic {number}" for number in range(1, 5)]


@pytest.mark.parametrize("many", [1, 2])
def test_what_lacks_a_variable_is_refused_before_anything_is_sent(server, many):
    table(many)
    prompt("Say {{topik}}")
    with pytest.raises(treadle.UsageError, match="topik"):
        run()
    assert not server.log
    assert not Path("results.csv").exists()
    assert run(missing="empty").sent == many


# --- standard input ------------------------------------------------------------------------------


def test_the_prompt_may_come_by_standard_input(server):
    table(2)
    report = run(prompt="-", stdin=io.StringIO("Tell of {{topic}}"))
    assert report.sent == 2
    assert sorted(server.said) == ["Tell of topic 1", "Tell of topic 2"]
    assert run(prompt="-", stdin=io.StringIO("Tell of {{topic}}")).sent == 0


def test_the_table_may_come_by_standard_input(server):
    rows = b"provider,model,topic\nmine,tiny,a\nmine,tiny,b\n"
    prompt()
    assert run(table="-", stdin=io.BytesIO(rows)).sent == 2
    assert run(table="-", stdin=io.BytesIO(rows)).sent == 0
    assert topics(results()) == ["a", "b"]


def test_standard_input_cannot_be_both(server):
    with pytest.raises(treadle.UsageError, match="more than once"):
        run(table="-", prompt="-", stdin=io.StringIO("x"))
    assert not server.log


# --- money ---------------------------------------------------------------------------------------

PRICE = Decimal("0.001")  # for each token


def priced(server):
    """A server that counts what it charges: each byte a token in, up to ``max_tokens`` out."""
    with Path("treadle.toml").open("a") as file:
        file.write('[prompts.prices."tiny"]\ninput = 1000\noutput = 1000\n')
    charged = []

    def charge(asked):
        tokens = len(asked.said), 1 + asked.number % asked.body["max_tokens"]
        charged.append(PRICE * sum(tokens))
        return ok("x", tokens=tokens)

    server.handler = charge
    return charged


@pytest.mark.parametrize("concurrency", [1, 8])
def test_never_more_is_spent_than_is_allowed(server, concurrency):
    charged = priced(server)
    table(40)
    prompt()
    options = {"param": {"max_tokens": 20}, "concurrency": concurrency}
    spent = Decimal(0)
    for limit in ("0.30", "0.60"):
        report = run(max_cost=limit, **options)
        assert spent < sum(charged) <= Decimal(limit)
        assert sum(charged) > Decimal(limit) / 2, "the limit is used"
        assert report.cost == sum(charged) == money(results())
        assert report.pending == 40 - len(charged) > 0
        assert "cost" in report.stopped
        spent = report.cost
    assert run(**options).pending == 0
    assert len(server.log) == 40


def limited(server, usage, **options):
    """Return what was charged when each answer counts its tokens so, and what was said of it."""
    priced(server)
    table(40)
    prompt()
    reply = ok("x")
    reply.body["usage"] = usage
    server.handler = lambda _: reply
    return run(param={"max_tokens": 20}, concurrency=1, **options)


def test_a_limit_holds_when_the_server_counts_only_half_of_the_tokens(server):
    report = limited(server, {"completion_tokens": 20}, max_cost="0.30")
    assert 2 <= len(server.log) < 10
    assert report.cost <= Decimal("0.30")
    assert report.pending == 40 - len(server.log)


@pytest.mark.parametrize(
    "usage", [{"completion_tokens": 500}, {"prompt_tokens": 9, "completion_tokens": 500}]
)
@pytest.mark.parametrize("limit", [{"max_cost": "2.00"}, {"max_tokens_total": 2000}])
def test_a_model_that_answers_longer_than_it_may_passes_the_limit_by_no_answer(
    server, usage, limit
):
    """
    Each costs 0.5, where 0.07 was reserved for the first; three go, and a fourth might pass it.
    """
    report = limited(server, usage, **limit)
    assert len(server.log) == 3
    assert Decimal("1.5") <= report.cost <= Decimal("2.0")
    assert report.pending == 37
    assert "which 0 is left" not in report.stopped
    warnings = [row["_warnings"] for row in results() if row["_status"] == "ok"]
    assert all("the model does not keep its limit: 500 tokens of 20" in each for each in warnings)


def test_tokens_that_cannot_be_neither_cost_nor_use_up_anything(server):
    usage = {"prompt_tokens": -9, "completion_tokens": 1e30}
    report = limited(server, usage, max_cost="0.30")
    assert 2 <= len(server.log) < 10
    assert report.cost < Decimal("0.30")
    said = results()[0]["_warnings"]
    assert "prompt_tokens = -9" in said
    assert "no request has so many tokens" in said


def money(rows):
    return sum(Decimal(row["_cost"]) for row in rows if row["_cost"])


def test_what_is_left_for_want_of_money_says_so_in_the_results(server):
    priced(server)
    table(10)
    prompt()
    report = run(max_cost="0.12", param={"max_tokens": 20}, concurrency=1)
    left = [row for row in results() if row["_status"] == "skipped"]
    assert len(left) == report.pending > 0
    assert {row["_error_type"] for row in left} == {"budget"}
    assert topics(results()) == [f"topic {number}" for number in range(1, 11)]
    whole = Path("results.csv").read_bytes()
    Path("results.csv").unlink()
    assert prompts.export("results.csv").rows == 10
    assert Path("results.csv").read_bytes() == whole, "they are skipped there too"


def test_why_a_lane_was_closed_is_told_alike_by_results_and_export(server):
    """In words of the server's that sound like ours, too."""
    table(5)
    prompt()
    server.handler = lambda asked: refused(401, text="your organisation is limited to EU models")
    report = run(concurrency=1)
    assert report.pending > 0
    kinds = [row["_error_type"] for row in results()]
    assert kinds[-1] == "closed"
    whole = Path("results.csv").read_bytes()
    prompts.export("results.csv")
    assert Path("results.csv").read_bytes() == whole
    server.handler = echo
    run()
    prompts.export("results.csv")
    assert {row["_status"] for row in results()} - {"error"} == {"ok"}


def test_a_limit_on_money_without_a_price_is_refused(server):
    table(1)
    prompt()
    with pytest.raises(treadle.UsageError, match="not known"):
        run(max_cost="1", param={"max_tokens": 5})
    assert not server.log


def test_a_limit_on_tokens_holds(server):
    table(20)
    prompt()
    server.handler = lambda asked: ok("x", tokens=(len(asked.said), 5))
    report = run(max_tokens_total=200, param={"max_tokens": 5}, concurrency=4)
    used = sum(int(row["_in_tokens"] or 0) + int(row["_out_tokens"] or 0) for row in results())
    assert 100 < used <= 200
    assert report.pending == 20 - len(server.log) > 0


def test_what_the_provider_says_of_its_cost_goes_before_the_list(server):
    table(1)
    prompt()
    priced(server)
    lane(server, "router", provider="openrouter", key_env="ROUTER_KEY")
    server.handler = lambda asked: ok(
        "x", usage={"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.00014}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROUTER_KEY", "router-key-1234")
        table(1, lane="router")
        run()
    assert results()[0]["_cost"] == "0.00014"


# --- how fast ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "limit"),
    [
        ({"concurrency": 3}, 3),
        ({"max_concurrent": 2}, 2),
        ({"concurrency": 9, "max_concurrent": 1}, 1),
    ],
)
def test_as_many_are_in_flight_as_is_allowed_and_no_more(server, options, limit):
    """Those after the first, which goes alone, are held until so many have come."""
    table(12)
    prompt()
    full = asyncio.Barrier(limit)
    running, most = 0, 0

    async def count(asked):
        nonlocal running, most
        running += 1
        most = max(most, running)
        if 1 < asked.number <= 1 + limit:
            await full.wait()
        running -= 1
        return echo(asked)

    server.handler = count
    assert run(**options).sent == 12
    assert most == limit


def test_one_session_serves_all_requests(server):
    """Connections are used again: with one request at a time, one connection is enough."""
    table(10)
    prompt()
    run(concurrency=1)
    assert len(server.connections) == 1


def test_a_lane_starts_with_a_single_request(server):
    """So that a wrong key costs one."""
    table(10)
    prompt()
    run()
    first, second = server.log[:2]
    assert first.ended <= second.at
    assert all(before.at <= after.at for before, after in pairwise(server.log))
