"""The columns of the results: inputs untouched, ours beside them, never on top of them."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import treadle
from treadle.prompts.columns import LOST_CHARACTERS, NO_JSON, Columns
from treadle.prompts.ended import ended_of
from treadle.prompts.values import Ended, Usage

sys.path.insert(0, str(Path(__file__).parent))
from asked import CELLS, HEADER, an_answer, an_ask, answered, cancelled, succeeded

OURS = (
    "_row", "_status", "_output", "_finish", "_error_type", "_error", "_warnings", "_model_used",
    "_in_tokens", "_out_tokens", "_cached_tokens", "_reasoning_tokens", "_tokens_source", "_cost",
    "_latency_s", "_attempts", "_waited_s", "_http_status", "_request_id", "_prompt_hash", "_key",
    "_started",
)  # fmt: skip


def row(columns, ask, ended):
    return dict(zip(columns.names, columns.cells(ask, ended), strict=True))


def test_inputs_come_first_as_they_are_and_ours_follow():
    assert Columns(HEADER).names == (*HEADER, *OURS)


def test_an_answer_fills_its_columns():
    columns = Columns(HEADER)
    assert row(columns, *answered()) == {
        **CELLS,
        "_row": "1",
        "_status": "ok",
        "_output": "It is 42.",
        "_finish": "stop",
        "_error_type": "",
        "_error": "",
        "_warnings": "",
        "_model_used": "gpt-9-2026-01-01",
        "_in_tokens": "12",
        "_out_tokens": "5",
        "_cached_tokens": "3",
        "_reasoning_tokens": "1",
        "_tokens_source": "usage",
        "_cost": "0.00000420",
        "_latency_s": "1.2346",
        "_attempts": "1",
        "_waited_s": "0.5",
        "_http_status": "200",
        "_request_id": "req-1",
        "_prompt_hash": "0123456789ab",
        "_key": "key-1",
        "_started": "2023-11-14T22:13:20.250Z",
    }


def test_what_was_never_sent_leaves_cells_empty_and_says_why():
    ask = an_ask(warnings=("odd",))
    cells = row(Columns(HEADER), ask, ended_of(cancelled("HTTP 401: wrong key")))
    filled = {name: cell for name, cell in cells.items() if cell and name in OURS}
    assert filled == {
        "_row": "1",
        "_status": "skipped",
        "_error_type": "closed",
        "_error": "HTTP 401: wrong key",
        "_warnings": "odd",
        "_attempts": "0",
        "_waited_s": "0.0",
        "_prompt_hash": "0123456789ab",
        "_key": "key-1",
    }


def test_an_unknown_cost_is_empty_and_never_zero():
    cells = row(Columns(HEADER), *answered(cost=None, usage=Usage()))
    assert (cells["_cost"], cells["_in_tokens"], cells["_tokens_source"]) == ("", "", "")


@given(st.decimals(min_value=0, max_value=10**6, places=12))
def test_a_cost_is_plain_text_with_all_its_digits(cost):
    text = row(Columns(HEADER), *answered(cost=cost))["_cost"]
    assert Decimal(text) == cost
    assert "E" not in text.upper()


def test_warnings_of_request_and_answer_are_joined():
    ask = an_ask(warnings=("no topic",))
    ended = ended_of(succeeded(an_answer(warnings=("long",))))
    assert row(Columns(HEADER), ask, ended)["_warnings"] == "no topic; long"


def test_a_column_of_the_table_is_never_overwritten():
    """A table may hold a gold answer in ``_output``, or be the results of an earlier run."""
    columns = Columns((*HEADER, "_output", "__STATUS"))
    ask = an_ask(cells={**CELLS, "_output": "gold", "__STATUS": "old"})
    cells = row(columns, ask, answered()[1])
    assert (cells["_output"], cells["__STATUS"]) == ("gold", "old")
    assert (cells["___output"], cells["___status"]) == ("It is 42.", "ok")


@given(st.lists(st.sampled_from((*OURS, "__output", "answer", "STATUS", "json_a")), unique=True))
def test_names_never_collide_whatever_the_table_has(header):
    columns = Columns(
        header, prompts=True, models=True, repeats=True, scores=["exact"], flatten=["answer", "a"]
    )
    assert len({name.casefold() for name in columns.names}) == len(columns.names)
    assert columns.names[: len(header)] == tuple(header)


def test_an_own_prefix():
    names = Columns(["out_cost"], prefix="out.").names
    assert names[:3] == ("out_cost", "out.row", "out.status")


def test_ours_can_have_no_prefix_where_no_column_of_the_table_has_the_name():
    names = Columns(["topic", "model"], prefix="").names
    assert names[:5] == ("topic", "model", "row", "status", "output")

    with pytest.raises(treadle.UsageError, match="two columns 'Output'") as caught:
        Columns(["topic", "Output"], prefix="")
    assert caught.value.hint


def test_what_tells_requests_of_one_row_apart_has_columns():
    columns = Columns(["topic"], prompts=True, models=True, repeats=True)
    cells = row(columns, an_ask(3, repeat=2), answered()[1])
    assert columns.names[:6] == ("topic", "_row", "_prompt", "_provider", "_model", "_repeat")
    assert list(cells.values())[:6] == ["physics", "3", "prompt.txt", "openai", "gpt-9", "2"]


def test_a_short_row_leaves_its_last_cells_empty():
    cells = row(Columns(HEADER), an_ask(cells={"provider": "openai"}), answered()[1])
    assert (cells["provider"], cells["model"], cells["topic"]) == ("openai", "", "")


def test_time_to_the_first_token_has_a_column_when_answers_are_streamed():
    columns = Columns(HEADER, ttft=True)
    assert row(columns, *answered(ttft=0.25))["_ttft_s"] == "0.25"
    assert row(columns, an_ask(), Ended(status="skipped"))["_ttft_s"] == ""
    assert columns.names.index("_ttft_s") == columns.names.index("_latency_s") + 1


def test_scores_have_columns_of_their_own():
    columns = Columns(HEADER, scores=["exact", "grade", "judge", "length"])
    scores = {"exact": True, "grade": 0.5, "judge": {"why": "good"}}
    cells = row(columns, *answered(scores=scores))
    assert (cells["_score_exact"], cells["_score_grade"]) == ("true", "0.5")
    assert (cells["_score_judge"], cells["_score_length"]) == ('{"why": "good"}', "")
    assert row(columns, an_ask(), Ended(status="error"))["_score_exact"] == ""


def test_declared_json_columns_are_there_from_the_start():
    columns = Columns(HEADER, flatten=["verdict", "topic", "why_0"])
    assert columns.names[-3:] == ("verdict", "json_topic", "why_0")
    answer = 'Sure: {"verdict": "yes", "topic": "art", "why": ["a", "b"]}'
    assert columns.cells(*answered(answer))[-3:] == ["yes", "art", "a"]
    assert columns.cells(*answered("no JSON here"))[-3:] == ["", "", ""]


def test_a_declared_column_can_be_a_whole_object_or_list():
    columns = Columns(HEADER, flatten=["b_c", "b", "b_c_1", "d"])
    text = json.dumps({"b": {"c": [1, 2, {"x": "é"}]}, "d": None})
    cells = row(columns, *answered(text))

    assert cells["b_c"] == '[1, 2, {"x": "é"}]'
    assert json.loads(cells["b"]) == {"c": [1, 2, {"x": "é"}]}
    assert (cells["b_c_1"], cells["d"], cells["_warnings"]) == ("2", "", "")


@pytest.mark.parametrize(
    ("flatten", "text", "warning"),
    [
        ("discover", "no such thing", NO_JSON),
        ("discover", '{"a": null}', ""),
        ("discover", "  ", ""),
        (["a"], "no such thing", NO_JSON),
        (["a"], '{"a": null}', ""),
        (["a", "b", "c_d"], '{"b": 1}', "the JSON in the answer has no 'a', 'c_d'"),
        ("off", "no such thing", ""),
    ],
)
def test_a_cell_that_is_empty_for_want_of_json_is_told_from_null(flatten, text, warning):
    columns = Columns(HEADER, flatten=flatten)
    ask, ended = answered(text)
    columns.discover(ended)

    assert row(columns, ask, ended)["_warnings"] == warning
    assert columns.record(ask, ended)["_warnings"] == ([warning] if warning else [])


def test_discovered_json_columns_come_as_answers_are_seen():
    columns = Columns(HEADER, flatten="discover")
    before = columns.names
    assert len(columns.cells(*answered('{"a": 1}'))) == len(before)
    for text in ('{"b": 1}', "nothing", '{"a": 2, "b": 3}'):
        columns.discover(answered(text)[1])
    columns.discover(Ended(status="error"))
    assert columns.names == (*before, "b", "a")
    assert columns.cells(*answered('{"a": 2, "b": 3}'))[-2:] == ["3", "2"]


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+A1", "-x", "@now", "\t=1", "\rx", " =1", "\n=1", "\u00a0\n+A1", "\ufeff=1", "\0=1"],
)
def test_the_guard_keeps_spreadsheets_from_running_a_cell(cell):
    ask = an_ask(cells={**CELLS, "topic": cell})
    _, ended = answered(cell)
    cells = row(Columns(HEADER, guard=True), ask, ended)
    assert (cells["topic"], cells["_output"]) == (f"'{cell}", f"'{cell}")
    assert row(Columns(HEADER), ask, ended)["topic"] == cell


def test_the_guard_disarms_the_names_of_columns_as_well():
    header = (*HEADER, "=1+1", "-2")
    columns = Columns(header, guard=True)
    assert columns.names[len(HEADER) : len(header)] == ("'=1+1", "-2")
    assert "=1+1" in columns.record(*answered()), "JSON is no spreadsheet"
    assert "=1+1" in Columns(header).names


@pytest.mark.parametrize("cell", ["", " ", "a = 1", "1-2", " x", "'=1", "\u2212x"])
def test_the_guard_leaves_text_alone(cell):
    ask = an_ask(cells={**CELLS, "topic": cell})
    assert row(Columns(HEADER, guard=True), ask, answered()[1])["topic"] == cell


def test_the_guard_leaves_numbers_alone():
    ask = an_ask(cells={**CELLS, "topic": "-1.5e3"})
    assert row(Columns(HEADER, guard=True), ask, answered("+5")[1])["topic"] == "-1.5e3"


def test_what_no_csv_can_hold_is_replaced_and_the_row_says_so():
    columns = Columns(HEADER)
    ask = an_ask(warnings=("odd",))
    broken = columns.row(ask, ended_of(succeeded(an_answer("a\0b\ud800c"))))
    clean = dict(zip(columns.names, columns.without_lost(broken), strict=True))
    assert clean["_output"] == "a\ufffdb\ufffdc"
    assert clean["_warnings"] == f"odd; {LOST_CHARACTERS}"
    sound = columns.row(*answered("sound"))
    assert columns.without_lost(sound) == sound


class TestParallamr:
    """The columns of that program, for those who come from it."""

    HEADER = ("topic", "model", "provider", "year")

    def test_columns_stand_in_its_order(self):
        columns = Columns(self.HEADER, profile="parallamr", flatten=["verdict"])
        assert columns.names == (
            "provider", "model", "topic", "year", "verdict", "status", "input_tokens",
            "context_window", "output_tokens", "output", "error_message",
        )  # fmt: skip
        assert columns.row_end == "\r\n"

    def test_an_answer_stands_on_one_line(self):
        columns = Columns(self.HEADER, profile="parallamr", window=lambda _: 1000)
        _, ended = answered("one\r\ntwo\nthree\rfour")
        ask = an_ask(cells={**CELLS, "year": "1999"})
        assert columns.cells(ask, ended) == [
            "openai", "gpt-9", "physics", "1999", "ok", "12", "1000", "5", "one two three four", "",
        ]  # fmt: skip

    def test_warnings_and_errors_share_a_column(self):
        columns = Columns(self.HEADER, profile="parallamr")
        warned = row(columns, an_ask(warnings=("no year", "odd")), answered()[1])
        assert (warned["status"], warned["error_message"]) == ("warning", "no year; odd")
        cut = row(columns, *answered(finish="length"))
        assert (cut["status"], cut["error_message"]) == ("warning", "the answer is truncated")
        failed = Ended(status="error", error="HTTP 500:\noops")
        wrong = row(columns, an_ask(warnings=("odd",)), failed)
        assert (wrong["status"], wrong["error_message"]) == ("error", "HTTP 500: oops; odd")
        assert wrong["output"] == ""

    def test_an_unknown_window_is_no_warning(self):
        cells = row(Columns(self.HEADER, profile="parallamr"), *answered())
        assert (cells["status"], cells["context_window"]) == ("ok", "")

    def test_a_gold_answer_of_the_table_is_kept(self):
        columns = Columns((*self.HEADER, "output"), profile="parallamr")
        cells = row(columns, an_ask(cells={**CELLS, "output": "gold"}), answered()[1])
        assert (cells["output"], cells["_output"]) == ("gold", "It is 42.")

    def test_prompts_and_repeats_are_told_apart(self):
        columns = Columns(
            self.HEADER, profile="parallamr", prompts=True, models=True, repeats=True, flatten=["a"]
        )
        assert columns.names[4:8] == ("prompt", "repeat", "a", "status")
        assert columns.cells(*answered('{"a": 7}'))[4:8] == ["prompt.txt", "1", "7", "ok"]

    def test_lost_characters_are_said_in_the_message(self):
        columns = Columns(self.HEADER, profile="parallamr")
        clean = columns.without_lost(columns.row(*answered("a\0b")))
        assert clean[-2:] == ["a\ufffdb", LOST_CHARACTERS]


def test_a_record_keeps_numbers_lists_and_truth():
    columns = Columns(HEADER, scores=["exact"])
    ask, ended = answered(scores={"exact": True}, warnings=("a; b", "c"))
    record = columns.record(ask, ended)
    assert (record["_in_tokens"], record["_cost"], record["_latency_s"]) == (12, 4.2e-06, 1.2346)
    assert (record["_warnings"], record["_score_exact"]) == (["a; b", "c"], True)
    nothing = columns.record(an_ask(), Ended(status="error"))
    assert (nothing["_cost"], nothing["_output"], nothing["_warnings"]) == (None, None, [])


@pytest.mark.parametrize("options", [{"profile": "other"}, {"flatten": "verdict"}])
def test_words_that_are_not_known_are_refused_with_a_hint(options):
    with pytest.raises(treadle.UsageError) as caught:
        Columns(HEADER, **options)
    assert caught.value.hint
