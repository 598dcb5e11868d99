"""The page of a run: all that is known of it, readable without a script, and nothing that acts."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from written import bad, ok

import treadle
from treadle.core.outcome import Succeeded
from treadle.ledger.rows import row_of
from treadle.report.page import axes, write
from treadle.report.page.charts import timeline
from treadle.report.page.words import TIMES, rate, span, text
from treadle.report.tally import Tally

VOID = {"meta", "img", "br", "input", "link"}


class Page(HTMLParser):
    """A page as a browser takes it apart; one whose elements are not closed is refused."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.elements, self.words, self.codes, self._open = [], [], {}, []
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] in ("script", "style"):
            self.codes[self._open[-1]] = self.codes.get(self._open[-1], "") + data
        else:
            self.words.append(data)

    def of(self, tag, **attributes):
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [
            found
            for name, found in self.elements
            if name == tag and all(found.get(key) == value for key, value in wanted.items())
        ]

    @property
    def plain(self):
        return " ".join(" ".join(self.words).split())


def tallied(record) -> Tally:
    tally = Tally(record)
    tally.refresh()
    return tally


def titles(page: Page) -> list[str]:
    return [found["id"] for found in page.of("section")]


# --- what is there -------------------------------------------------------------------------------


def test_a_run_is_summed_up_with_its_charts_failures_and_slow_items(full):
    page = Page(full.page())
    assert titles(page) == [
        "summary", "over-time", "when", "how-long", "what-failed", "slow", "made", "versions",
    ]  # fmt: skip
    words = page.plain.replace(TIMES, "x")
    for said in ("ok 80", "failed 7", "left 13 of 100", "m:f", "2026-01-02 03:04:05", "3.11.7"):
        assert said in words, said
    for title in ("4 x raised ValueError", "1 x raised KeyError", "1 x timed out after 9 s"):
        assert title in words
    assert "1 x worker lost (SIGSEGV)" in words
    assert "raise timeout=, or look at what this item waits for" in words
    assert "a C extension crashed" in words


def test_an_example_tells_its_attempts_and_what_it_said(full):
    words = Page(full.page()).plain
    assert "attempt 1 failed" in words
    assert "tried again after 500 ms" in words
    assert "WARNING look out" in words
    assert "a note" not in words  # of an attempt before the last; its message stands for it


def test_the_charts_say_in_words_what_they_show(full):
    page = Page(full.page())
    labels = [found["aria-label"] for _, found in page.elements if found.get("role") == "img"]
    assert any(label.startswith("80 ok, 7 failed, 13 left") for label in labels)
    assert any("settled per second" in label for label in labels)
    assert any("half took at most" in label for label in labels)
    assert any("each of 5 workers was at work" in label for label in labels)
    assert len(page.of("figcaption")) == len(page.of("figure")) == 3


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("finished", " finished"),
        ("running", "✗ crashed"),  # nobody holds its lock
        ("interrupted", "The run was stopped early"),
        ("failure limit", "▲ failure limit"),
    ],
)
@pytest.mark.parametrize("outcomes", [[], [ok(0)], [bad(0)]], ids=["none", "ok", "failed"])
def test_any_run_has_a_page(made, state, said, outcomes):
    made.with_items(*outcomes, state=state).close()
    page = Page(made.page())
    assert said in page.plain
    assert ("No item has settled" in page.plain) == (not outcomes)
    assert bool(page.of("figure")) == bool(outcomes)


@pytest.mark.parametrize(
    ("outcomes", "said", "colour"),
    [
        ([ok(0)], "✓ finished", "good"),
        ([ok(0), bad(1)], "▲ finished, 1 failed", "ended"),
        ([bad(0), bad(1)], "✗ finished, 2 failed", "bad"),
    ],
)
def test_a_run_in_which_items_failed_does_not_look_like_one_that_went_well(
    made, outcomes, said, colour
):
    made.with_items(*outcomes).close()
    page = Page(made.page())
    assert said in page.plain
    assert len(page.of("p", class_=f"state {colour}")) == 1


MAP = {"map": {"function": "m.py:f", "source": ["my data"], "lines": True, "retries": 2}}
TYPED = {"typed": "treadle lab stage raw --force", "cwd": "/"}


@pytest.mark.parametrize(
    ("command", "state", "said"),
    [
        (MAP, "crashed", "treadle resume 260102-030405 --runs-dir {} does the rest."),
        (MAP, "finished", "treadle retry 260102-030405 --runs-dir {} runs again what failed."),
        (TYPED, "interrupted", "cd / && treadle lab stage raw does the rest."),
        (None, "failure limit", "call treadle.run(..., resume='260102-030405') from that program"),
        (None, "finished", "resume='260102-030405', retry_failed=True) from that program"),
    ],
)
def test_what_to_type_is_what_goes_on_with_the_run_from_wherever_one_is(made, command, state, said):
    made.with_items(bad(0), state=state, command=command, program="live.py").close()
    words = Page(made.page()).plain
    assert said.format(made.folder.parent) in words


def test_how_it_was_run_is_told_as_one_types_it(made):
    made.with_items(ok(0), command={**MAP, "cwd": "/there"}, durability="item", stage=0).close()
    page = Page(made.page()).plain
    how = page[page.index("How it was run") :]
    assert "command treadle map m.py:f 'my data' --lines --retries 2" in how
    assert "workers seen 1" in how
    assert "backend processes" in how
    assert "durability item" in how
    assert "stage" not in how


def test_calls_at_once_are_of_the_time_in_which_it_ran(made):
    outcomes = [ok(i, start=i + (3600 if i >= 5 else 0), took=1.0) for i in range(10)]
    record = made.with_items(*outcomes)
    chart = timeline(tallied(record), elapsed=10.0)
    record.close()
    assert "1.0 calls at once on average" in chart


def test_a_run_that_goes_on_says_so(tmp_path):
    seen = []

    def look(number):
        run = treadle.open("latest", tmp_path)
        seen.append(run.report(tmp_path / f"{number}.html").read_text(encoding="utf-8"))
        run.close()
        return number

    treadle.run(look, range(1), backend="inline", runs_dir=tmp_path)
    assert "The run was going on when this page was written" in Page(seen[0]).plain


def test_items_without_failures_are_told_to_be_so(made):
    made.with_items(ok(0)).close()
    assert "No item failed." in Page(made.page()).plain


def test_of_many_kinds_the_rest_is_named(made):
    made.with_items(*[bad(i, name=f"E{i}") for i in range(60)]).close()
    page = Page(made.page())
    assert len(page.of("details", class_="kind")) == 41
    assert "20 further kinds" in page.plain
    assert "raised E59" in page.plain


def test_workers_that_followed_one_another_share_a_row(made):
    outcomes = [ok(i, start=float(i // 3), took=0.9, worker=f"process-{i}") for i in range(300)]
    made.with_items(*outcomes).close()
    page = Page(made.page())
    assert len(page.of("svg", class_="row")) == 3
    assert "share a row" in page.plain


# --- nothing acts --------------------------------------------------------------------------------


def test_whatever_a_run_has_recorded_stays_text(full):
    page = Page(full.page())
    assert [tag for tag, _ in page.elements if tag in ("img", "iframe", "object", "link")] == []
    assert len(page.of("script")) == len(page.of("style")) == 1
    assert [name for _, found in page.elements for name in found if name.startswith("on")] == []
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\ud800-\udfff]", full.page())
    assert "</script><script>document.title" in page.plain


def test_the_policy_allows_this_script_and_this_style_and_no_network(full):
    page = Page(full.page())
    [policy] = page.of("meta", **{"http-equiv": "Content-Security-Policy"})
    assert "default-src 'none'" in policy["content"]
    for code in page.codes.values():
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy["content"]
    assert not [found for _, found in page.elements if {"src", "href", "style"} & found.keys()]


def test_colours_of_a_terminal_are_told_as_what_they_are():
    assert text("a \x1b[31m b\x9b0m") == "a \\x1b[31m b\\x9b0m"


@given(st.text(st.characters(exclude_categories=())))
def test_text_of_any_kind_is_text_of_a_page(words):
    page = Page(f'<p title="{text(words)}">{text(words)}</p>')
    assert [tag for tag, _ in page.elements] == ["p"]
    assert text(words).encode("utf-8", "strict") is not None


def test_a_message_of_a_megabyte_is_cut(made):
    huge = "begin" + "<" * 1_000_000 + "end"
    made.with_items(bad(0, key=huge, message=huge, traceback=huge, hint=huge)).close()
    page = made.page()
    assert len(page) < 300_000
    assert "characters left out" in page
    assert "end" in Page(page).plain


# --- size ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [5_000, 100_000])
def test_a_page_has_room_for_what_can_be_seen_not_for_every_item(made, number):
    def rows():
        for i in range(number):
            took = 0.001 * (1 + i % 97)
            started = 1.7674e9 + i * 200 / number
            worker = f"process-{i % 16}"
            yield (i, f"data/{i}.csv", "succeeded", 1, started, took, None, None, worker, None)

    made.with_many(rows(), {"succeeded": number}).close()
    page = made.page()
    assert len(page) < 700_000
    assert f"{number:,}" in page


def test_a_row_by_hand_is_as_the_ledger_writes_it():
    outcome = Succeeded("data/1.csv", 1, 1, 1.7e9, 0.5, None, None, "process-1", None)
    assert row_of(outcome) == (
        1, "data/1.csv", "succeeded", 1, 1.7e9, 0.5, None, None, "process-1", None,
    )  # fmt: skip


# --- numbers -------------------------------------------------------------------------------------


def test_times_and_rates_are_in_units_that_people_read():
    assert [span(each) for each in (0.0, 2e-7, 0.00085, 0.0123, 4.1, 75, 3723, 90061)] == [
        "0 s", "200 ns", "850 µs", "12.3 ms", "4.1 s", "1:15", "1:02:03", "1 d 1:01:01",
    ]  # fmt: skip
    assert [rate(each) for each in (0, 12345, 2.5, 0.2, 0.001, 0.00002)] == [
        "0/s", "12,345/s", "2.5/s", "12/min", "3.6/h", "1.73/d",
    ]  # fmt: skip


@given(st.floats(0.001, 1e9))
def test_an_axis_of_time_has_some_marks_and_never_too_many(end):
    ticks = axes.times(end)
    assert ticks[0].label == "0"
    for zoom in axes.ZOOMS:
        assert 1 <= len([tick for tick in ticks if tick.zoom <= zoom]) <= 6 * zoom + 1
    assert all(0 <= tick.share <= 1.001 for tick in ticks)


@given(st.floats(1e-8, 1e6), st.floats(1.01, 1e12))
def test_an_axis_of_durations_has_some_marks(low, factor):
    ticks = axes.decades(low, low * max(factor, 10))
    assert 1 <= len(ticks) <= 12
    assert all(-0.001 <= tick.share <= 1.001 for tick in ticks)


@given(st.floats(1e-6, 1e12))
def test_the_top_of_an_axis_is_a_little_above_what_is_drawn(number):
    assert number * 0.999 <= axes.round_up(number) <= number * 2.001


# --- writing -------------------------------------------------------------------------------------


def test_a_page_replaces_the_one_before_and_leaves_nothing_beside_it(made):
    made.with_items(ok(0)).close()
    made.page()
    before = {path.name for path in made.folder.iterdir()}
    made.page()
    assert {path.name for path in made.folder.iterdir()} == before


def test_a_page_that_cannot_be_written_is_named(made, tmp_path):
    record = made.with_items(ok(0))
    (tmp_path / "file").touch()
    with pytest.raises(treadle.UsageError, match="cannot be written") as caught:
        write(record, tmp_path / "file" / "page.html")
    record.close()
    assert "-o FILE" in (caught.value.hint or "")
