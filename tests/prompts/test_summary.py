"""What an experiment came to: figures that add up, in bounded memory, in a table that fits."""

from __future__ import annotations

import json
import math
import random
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from treadle.prompts.summary import (
    Latencies,
    Summary,
    amount,
    cells_of,
    money,
    printable,
    seconds,
    shortened,
)

sys.path.insert(0, str(Path(__file__).parent))
from endings import asked, failed, good, skipped


def summed(*pairs):
    summary = Summary()
    for ask, ended in pairs:
        summary.add(ask, ended)
    return summary


def test_requests_are_counted_by_model_and_ending():
    summary = summed(
        (asked(model="a"), good()),
        (asked(model="a"), good(finish="length")),
        (asked(model="a"), good(finish="refusal")),
        (asked(model="a"), good("  ")),
        (asked(model="b"), failed("rate_limited", attempts=6, waited=31.0)),
        (asked(model="b"), skipped("budget")),
    )

    first, second = summary.rows()

    assert (first.name, dict(first.statuses)) == (
        "openai/a",
        {"ok": 1, "truncated": 1, "filtered": 1, "empty": 1},
    )
    assert (first.requests, first.answered) == (4, 4)
    assert (second.errors, second.skipped) == ({"rate_limited": 1}, {"budget": 1})
    assert (second.requests, second.answered, second.sent, second.retried) == (2, 0, 6, 1)
    assert second.waited == 31.0


def test_tokens_and_money_add_up_exactly_and_what_has_no_price_is_no_zero():
    summary = summed(
        (asked(), good(cost="0.1", tokens=(100, 10), cached=60)),
        (asked(), good(cost="0.2", tokens=(200, 20), estimated=True)),
        (asked(), good(cost=None, tokens=(None, None))),
    )

    (row,) = summary.rows()

    assert (row.cost, row.unpriced) == (Decimal("0.3"), 1)
    assert (row.input, row.output, row.cached, row.estimated) == (300, 30, 60, 1)
    assert "$0.3000+?" in summary.table(80)[1]
    assert summary.table(80)[2] == "no price is known for 1 answer of openai/gpt-4o-mini"


def test_models_without_a_price_take_one_line_in_all():
    pairs = [(asked(model=f"m{number}"), good(cost=None)) for number in range(26)]
    pairs.append((asked(model="m99"), failed()))

    assert [line for line in summed(*pairs).table(None) if "price" in line] == [
        "no price is known for 26 answers of openai/m0, openai/m1, openai/m10, 23 more"
    ]


def test_what_was_tried_again_is_told_with_the_time_that_it_took():
    summary = summed(
        (asked(), good(attempts=3)), (asked(), good()), (asked(), failed(attempts=2, waited=9.5))
    )
    head, row = summary.table(80)[:2]

    assert (summary.total().retries, summary.total().retried) == (3, 2)
    assert summary.as_json()["total"]["retries"] == 3
    assert head.split()[3:5] == ["retries", "waited"]
    assert row.split()[3:6] == ["3", "9.5", "s"]


def test_no_column_goes_where_there_is_room_for_none():
    scores = {f"json_schema_{number}": 1.0 for number in range(12)}
    summary = summed(
        (asked(model="a" * 30), good(scores=scores)), (asked(model="b"), failed(attempts=2))
    )
    wide, narrow = summary.table(None), summary.table(80)
    tables = "\n".join(narrow).split("\n\n")

    assert max(map(len, wide)) > 200
    assert [word for table in tables for word in table.splitlines()[0].split()[1:]] == (
        wide[0].split()[1:]
    )
    assert len(tables) > 2
    for table in tables:
        lines = table.splitlines()
        assert [line.split()[0] for line in lines[1:4]] == ["openai/" + "a" * 30, "openai/b", "all"]
        assert max(map(len, lines)) <= 80
    assert narrow[-1] == "openai/b: failed: 1 server_error"


def test_money_that_nobody_knows_is_a_question_mark():
    summary = summed((asked(), good(cost=None)))

    assert summary.table(80)[1].endswith("?")
    assert summary.as_json()["total"]["cost"] is None


def test_prompts_are_told_apart_only_where_there_are_several():
    one = summed((asked(prompt="a.txt"), good()), (asked(prompt="a.txt"), good()))
    two = summed((asked(prompt="b.txt"), good()), (asked(prompt="a.txt"), good()))

    assert [row.prompt for row in one.rows()] == [""]
    assert [row.prompt for row in two.rows()] == ["a.txt", "b.txt"]
    assert two.total().requests == 2


def test_scores_have_means_over_the_answers_that_have_them():
    summary = summed(
        (asked(), good(scores={"exact": True, "near": 0.5, "why": "close"})),
        (asked(), good(scores={"exact": False, "near": math.nan})),
        (asked(), failed("timeout")),
    )

    (row,) = summary.rows()

    assert (row.score("exact"), row.score("near"), row.score("why")) == (0.5, 0.5, None)


times = st.lists(st.floats(min_value=0.001, max_value=3600), min_size=1, max_size=200)


@given(times, st.floats(min_value=0.01, max_value=1))
def test_a_quantile_is_within_three_per_cent_of_the_true_one(lengths, share):
    latencies = Latencies()
    for length in lengths:
        latencies.add(length)
    true = sorted(lengths)[max(math.ceil(share * len(lengths)), 1) - 1]

    assert latencies.quantile(share) == pytest.approx(true, rel=0.03)


@given(times, times)
def test_latencies_of_two_groups_are_those_of_all(some, others):
    one, other, both = Latencies(), Latencies(), Latencies()
    for length in some:
        one.add(length)
        both.add(length)
    for length in others:
        other.add(length)
        both.add(length)
    one.include(other)

    assert [one.quantile(share) for share in (0.1, 0.5, 0.95)] == [
        both.quantile(share) for share in (0.1, 0.5, 0.95)
    ]
    assert list(one.classes()) == list(both.classes())


def test_latencies_take_no_memory_for_each_request():
    latencies = Latencies()
    draw = random.Random(1)
    for _ in range(20_000):
        latencies.add(draw.lognormvariate(0, 2))

    assert latencies.count == 20_000
    assert len(list(latencies.classes())) < 500


def test_what_is_no_length_of_time_is_not_counted():
    latencies = Latencies()
    for length in (math.nan, math.inf, -1.0):
        latencies.add(length)

    assert (latencies.count, latencies.quantile(0.5)) == (0, None)


endings = st.one_of(
    st.builds(
        good,
        st.text(max_size=5),
        finish=st.sampled_from(["stop", "length", "content_filter"]),
        cost=st.sampled_from([None, "0", "0.00000123", "12345.678"]),
        tokens=st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)),
        latency=st.floats(min_value=0, max_value=1e6),
        scores=st.dictionaries(st.text(max_size=30), st.floats(), max_size=3),
    ),
    st.builds(failed, st.text(max_size=30)),
    st.builds(skipped, st.sampled_from(["budget", "closed"])),
)
requests = st.tuples(
    st.builds(asked, lane=st.text(max_size=20), model=st.text(max_size=60), prompt=st.text()),
    endings,
)


@given(st.lists(requests, max_size=8), st.integers(20, 140))
@example([(asked(model="模型" * 20), good(scores={"日本語": 1.0}))], 20)
def test_the_table_fits_and_holds_nothing_that_acts_on_a_terminal(pairs, width):
    lines = summed(*pairs).table(width)

    assert all(cells_of(line) <= width for line in lines)
    assert all(line == printable(line) for line in lines)


@given(st.lists(requests, max_size=8))
def test_the_figures_of_models_add_up_to_those_of_all(pairs):
    summary = summed(*pairs)
    said = json.loads(json.dumps(summary.as_json()))

    assert said["total"]["requests"] == len(pairs)
    for name in ("requests", "ok", "truncated", "filtered", "empty", "error", "skipped", "sent"):
        assert sum(group[name] for group in said["groups"]) == said["total"][name]


def test_a_table_of_nothing_says_so():
    assert Summary().table(80) == ["no requests"]


def test_a_table_that_a_person_reads():
    pairs = [(asked(), good(latency=1.0, cost="0.01", tokens=(1200, 80)))] * 3
    pairs.append((asked(lane="ollama", model="llama3.1:8b"), failed("network")))

    assert summed(*pairs).table(80) == [
        "model               ok  failed    p50    p95  input  output     cost",
        "ollama/llama3.1:8b           1",
        "openai/gpt-4o-mini   3          1.0 s  1.0 s   3.6k     240  $0.0300",
        "all                  3       1  1.0 s  1.0 s   3.6k     240  $0.0300",
        "ollama/llama3.1:8b: failed: 1 network",
    ]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0"), (950, "950"), (999, "999"), (1000, "1.0k"), (12_345, "12.3k"), (99_960, "100k"),
        (999_400, "999k"), (999_999, "1.0M"), (4_500_000, "4.5M"), (7e9, "7.0G"), (2e13, "2.0e+13"),
    ],
)  # fmt: skip
def test_amounts(number, said):
    assert amount(number) == said


@pytest.mark.parametrize(
    ("dollars", "said"),
    [
        ("0", "$0"), ("1234.5", "$1,234.50"), ("0.5", "$0.5000"), ("0.0123", "$0.0123"),
        ("0.00034", "$0.00034"), ("0.0000009", "$0.00000090"),
    ],
)  # fmt: skip
def test_money(dollars, said):
    assert money(Decimal(dollars)) == said


@pytest.mark.parametrize(
    ("length", "said"),
    [(0.0, "0 ms"), (0.084, "84 ms"), (0.5, "0.50 s"), (3.2, "3.2 s"), (65, "1:05"),
     (59.99, "1:00"), (7210, "2:00:10")],
)  # fmt: skip
def test_lengths_of_time(length, said):
    assert seconds(length) == said


@given(st.text(), st.integers(1, 30), st.booleans())
def test_a_text_that_is_shortened_fits(text, room, at_end):
    assert cells_of(shortened(text, room, at_end=at_end)) <= max(room, 1)
