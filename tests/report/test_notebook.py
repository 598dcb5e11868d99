"""What a notebook shows: a few facts, escaped."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from written import HOSTILE, bad, late, lost, ok

import treadle
from treadle.core.outcome import Cancelled, Succeeded


class Shown(HTMLParser):
    """Plain words and the elements around them."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.tags, self.words = set(), ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        assert not [name for name, _ in attributes if name.startswith("on")]

    def handle_data(self, data):
        self.words += data


PLAIN = {"div", "b", "span", "table", "tr", "th", "td", "details", "summary", "pre"}


@pytest.mark.parametrize(
    "outcome",
    [
        ok(0),
        bad(0, key=HOSTILE, message=HOSTILE, traceback=HOSTILE, hint=HOSTILE),
        late(1),
        lost(2),
        Cancelled("x", 0, 0, 0.0, 0.0, None, None, None, "deadline"),
        treadle.Unpicklable(
            "x", 0, 1, 0.0, 0.0, None, None, None, "result", treadle.Failure("E", HOSTILE)
        ),
    ],
    ids=lambda outcome: outcome.kind,
)
def test_every_ending_is_shown(outcome):
    shown = Shown(outcome._repr_html_())
    assert outcome.verdict in shown.words
    assert shown.tags <= PLAIN
    assert ("✓" in shown.words) == outcome.ok


def test_a_value_that_cannot_be_shown_hinders_nothing():
    class Rude:
        def __repr__(self):
            raise SystemExit

    outcome = Succeeded("a", 0, 1, 1.0, 2.0, None, None, "w", Rude())
    assert "whose __repr__ raised SystemExit" in Shown(outcome._repr_html_()).words
    long = Succeeded("a", 0, 1, 1.0, 2.0, None, None, "w", "x" * 100_000)
    assert len(long._repr_html_()) < 3_000


def test_outcomes_are_shown_without_taking_any():
    with treadle.map(abs, [-1, -2], backend="inline") as outcomes:
        assert "running" in Shown(outcomes._repr_html_()).words
        assert outcomes.values() == [1, 2]
        assert "2 ok, 0 failed" in Shown(outcomes._repr_html_()).words


def test_reports_and_runs_are_shown(tmp_path):
    report = treadle.run(
        int, ["1", "<b>"], backend="inline", runs_dir=tmp_path, name="<i>numbers</i>"
    )
    run = treadle.open("latest", tmp_path)
    for shown in (Shown(report._repr_html_()), Shown(run._repr_html_())):
        assert "1 ok, 1 failed" in shown.words
        assert "<i>numbers</i>" in shown.words
        assert shown.tags <= PLAIN
    run.close()


def test_without_a_record_there_is_no_page_and_the_hint_says_why():
    report = treadle.run(abs, [-1], backend="inline", durability="none")
    assert "1 ok" in report._repr_html_()
    assert report.folder is None
    with pytest.raises(treadle.UsageError, match="without a record") as caught:
        report.open()
    assert "durability" in (caught.value.hint or "")
