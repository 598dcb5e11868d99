"""Figures of a run: they agree with its outcomes, whenever and in how many steps they are read."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import pytest

import treadle
from treadle.core.outcome import Failure, Raised, Succeeded, TimedOut
from treadle.ledger.reader import Record
from treadle.ledger.writer import Ledger
from treadle.report.spans import SPANS, WORKERS, Cells, Span
from treadle.report.tally import BINS, FINEST, KEYS, KINDS, SLOWEST, Tally

BEGAN = "2026-01-02T03:04:05+00:00"
ZERO = datetime.fromisoformat(BEGAN).timestamp()


@pytest.fixture
def ledger(tmp_path):
    folder = tmp_path / "260102-030405"
    folder.mkdir()
    found = Ledger.begin(folder, {"name": None, "function": "m:f", "began": BEGAN})
    yield found
    found.close()


@pytest.fixture
def record(ledger):
    found = Record(ledger.folder)
    yield found
    found.close()


def ok(index, start=1.0, took=0.5, worker="process-1"):
    return Succeeded(f"k{index}", index, 1, ZERO + start, took, took, None, worker, None)


def bad(index, start=1.0, took=0.5, worker="process-1", name="ValueError"):
    failure = Failure(name, "no", mro=(name,))
    facts = (f"k{index}", index, 1, ZERO + start, took, took, None, worker)
    return Raised(*facts, failure, ValueError("no"))


def write(ledger, *outcomes):
    ledger.note(outcomes)
    ledger.commit({})


def tallied(record) -> Tally:
    tally = Tally(record)
    tally.refresh()
    return tally


def test_an_empty_run_has_nothing_and_no_figure_fails(record):
    tally = tallied(record)
    assert (tally.settled, tally.ended, tally.busy) == (0, None, 0.0)
    assert (tally.bins, tally.durations, tally.kinds, tally.lines) == ([], [], [], [])
    assert (tally.mean, tally.median, tally.p95, tally.slowest) == (None, None, None, [])


def test_items_are_in_the_bin_in_which_they_ended(ledger, record):
    write(ledger, ok(0, 0.0, 0.01), ok(1, 0.0, FINEST), bad(2, 0.1, 2 * FINEST))
    bins = tallied(record).bins
    assert [(each.start, each.ok, each.failed) for each in bins] == [
        (0.0, 1, 0), (FINEST, 1, 0), (2 * FINEST, 0, 1),
    ]  # fmt: skip


def test_a_long_run_has_wide_bins_and_loses_no_item(ledger, record):
    write(ledger, *[ok(i, i * 7.0, 1.0, f"process-{i % 3}") for i in range(5000)])
    tally = tallied(record)
    assert len(tally.bins) <= BINS
    assert tally.width == 64.0  # the smallest power of two with which 35,000 s fit into 600 bins
    assert sum(each.ok for each in tally.bins) == tally.ok == 5000
    assert [line.items for line in tally.lines] == [1667, 1667, 1666]
    assert all(len(line.spans) <= SPANS for line in tally.lines)


def test_durations_are_sorted_into_ranges_that_touch(ledger, record):
    took = [1e-9, 0.0, 0.011, 0.011, 3.0, 5e7]
    write(ledger, *[ok(i, took=each) for i, each in enumerate(took)])
    durations = tallied(record).durations
    assert sum(each.count for each in durations) == len(took)
    assert all(one.high == other.low for one, other in pairwise(durations))
    [range_] = [each for each in durations if each.low <= 0.011 < each.high]
    assert range_.count == 2
    assert durations[0].count == 2
    assert durations[-1].count == 1


def test_quantiles_are_those_of_the_items(ledger, record):
    write(ledger, *[ok(i, took=0.001 * (i + 1)) for i in range(1000)])
    tally = tallied(record)
    assert tally.mean == pytest.approx(0.5005)
    assert (tally.median, tally.p95) == pytest.approx((0.5, 0.95), rel=1e-9)
    assert (tally.quantile(0.0), tally.quantile(1.0)) == (0.001, 1.0)
    never = Raised("b", 1000, 0, 0.0, 0.0, None, None, None, Failure("E", ""), ValueError())
    write(ledger, never, *[ok(2000 + i, took=3.0) for i in range(2000)])
    assert tally.median == 0.5  # of what has been read
    tally.refresh()
    assert tally.median == 3.0


def test_failures_are_counted_by_their_verdict_with_the_first_keys(ledger, record):
    facts = ("late", 900, 2, ZERO, 9.0, None, None, "process-1")
    write(ledger, *[bad(i) for i in range(KEYS + 5)], TimedOut(*facts, 9.0), bad(901, name="E"))
    kinds = tallied(record).kinds
    assert [(kind.title, kind.count) for kind in kinds] == [
        ("raised ValueError", KEYS + 5), ("timed out after 9 s", 1), ("raised E", 1),
    ]  # fmt: skip
    assert kinds[0].keys == [f"k{i}" for i in range(KEYS)]
    assert kinds[0].example.key == "k0"
    assert kinds[1].example.after == 9.0


def test_a_program_that_makes_up_exceptions_does_not_fill_the_memory(ledger, record):
    write(ledger, *[bad(i, name=f"E{i}") for i in range(KINDS + 50)])
    kinds = tallied(record).kinds
    assert len(kinds) == KINDS + 1
    assert (kinds[0].title, kinds[0].count) == ("further kinds of failure", 50)


def test_names_that_are_no_unicode_are_told_apart(ledger, record):
    write(ledger, bad(0, name="E\udcff"), bad(1, name="E\udcfe"), bad(2, name="E\udcff"))
    counts = [(kind.title, kind.count) for kind in tallied(record).kinds]
    assert counts == [("raised E\udcff", 2), ("raised E\udcfe", 1)]


def test_the_slowest_are_those_of_all_steps(ledger, record):
    tally = Tally(record)
    for block in range(5):
        write(ledger, *[ok(100 * block + i, took=(i * 37 + block) % 101) for i in range(100)])
        assert tally.refresh()
    longest = [outcome.duration for outcome in tally.slowest]
    assert longest == [outcome.duration for outcome in record.slowest(SLOWEST)]


def test_an_item_that_never_began_counts_where_the_run_was(ledger, record):
    never = Raised("b", 1, 0, 0.0, 0.0, None, None, None, Failure("E", ""), ValueError())
    write(ledger, ok(0, 3.0), never)
    tally = tallied(record)
    assert sum(each.failed for each in tally.bins) == 1
    assert len(tally.bins) == int(3.5 / FINEST) + 1
    assert sum(each.count for each in tally.durations) == 1
    assert [line.items for line in tally.lines] == [1]


def test_a_clock_that_was_set_back_breaks_nothing(ledger, record):
    write(ledger, ok(0, 5.0), ok(1, -7200.0))
    tally = tallied(record)
    assert sum(each.ok for each in tally.bins) == 2
    assert tally.bins[0].ok == 1


def test_reading_on_comes_to_the_same_as_reading_all_at_once(ledger, record):
    following = Tally(record)
    assert following.refresh()  # the commit that made it
    assert not following.refresh()
    for block in range(20):
        outcomes = [
            (bad if i % 7 == 0 else ok)(i, 0.9 * i, 0.3 + i / 50, f"process-{i % 12}")
            for i in range(block * 40, block * 40 + 40)
        ]
        write(ledger, *outcomes)
        assert following.refresh()
        assert not following.refresh()
    assert figures(following) == figures(tallied(record))
    assert following.settled == 800


def figures(tally):
    kinds = [(kind.title, kind.count, kind.keys) for kind in tally.kinds]
    lines = [
        (line.worker, line.items, round(line.busy, 6), [round(s.end, 6) for s in line.spans])
        for line in tally.lines
    ]
    slowest = [outcome.duration for outcome in tally.slowest]
    return tally.ok, tally.failed, tally.bins, tally.durations, kinds, lines, slowest


@pytest.mark.parametrize("replaced", [[0], [3], [9], [0, 4, 9]], ids=str)
@pytest.mark.parametrize("again", [ok, bad])
def test_items_that_ran_again_are_counted_once(ledger, record, replaced, again):
    """
    Rows are deleted and others come in their place, which may get their very numbers.
    """
    write(ledger, *[bad(i) for i in range(10)])
    tally = tallied(record)
    ledger.retries = True
    write(ledger, *[again(i, start=20.0) for i in replaced])
    assert tally.refresh()
    assert figures(tally) == figures(tallied(record))
    assert tally.settled == sum(each.ok + each.failed for each in tally.bins) == 10
    assert not tally.refresh()


def test_workers_are_in_natural_order_with_when_they_worked(ledger, record):
    write(
        ledger,
        ok(0, 0.0, 1.0, "process-10"),
        ok(1, 10.0, 1.0, "process-10"),
        bad(2, 0.5, 2.0, "process-9"),
    )
    nine, ten = tallied(record).lines
    assert (nine.worker, nine.items, nine.busy) == ("process-9", 1, 2.0)
    assert (ten.worker, ten.items, ten.busy) == ("process-10", 2, 2.0)
    assert nine.spans == [Span(0.5, 2.5, 1, 1, 2.0)]
    assert [(span.start, span.end) for span in ten.spans] == [(0.0, 1.0), (10.0, 11.0)]


def test_spans_too_many_for_a_chart_are_joined_and_say_how_busy_they_were():
    cells = Cells()
    for number in range(600):
        cells.add("w", number, Span(number * 10.0, number * 10.0 + 4, 2, 1, 3.0))
    [line] = cells.lines()
    assert len(line.spans) == 150 <= SPANS
    assert line.spans[1] == Span(40.0, 74.0, 8, 4, 12.0)
    assert line.spans[1].load == pytest.approx(12 / 34)
    assert (line.items, line.busy) == (1200, 1800.0)


def test_workers_without_number_are_counted_together():
    cells = Cells()
    for number in range(2 * WORKERS):
        cells.add(f"process-{number}", 0, Span(number, number + 1.0, 1, 0, 1.0))
    lines = cells.lines()
    assert len(lines) == WORKERS + 1
    assert (lines[-1].worker, lines[-1].items) == ("further workers", WORKERS)


def test_calls_that_overlap_are_shown_one_after_the_other(ledger, record):
    write(ledger, *[ok(i, start=0.01 * i, took=1.0, worker="loop") for i in range(100)])
    [line] = tallied(record).lines
    assert all(one.end <= other.start for one, other in pairwise(line.spans))
    assert max(span.load for span in line.spans) > 10
    assert sum(span.items for span in line.spans) == 100


def test_the_figures_of_a_real_run_are_those_of_its_outcomes(tmp_path):
    def maybe(number):
        if number % 10 == 3:
            raise ValueError(number)
        return number

    report = treadle.run(maybe, range(200), workers=2, backend="threads", runs_dir=tmp_path)
    run = treadle.open(report.run_id, tmp_path)
    tally = tallied(run.record)
    assert (tally.ok, tally.failed) == (report.ok, report.failed) == (180, 20)
    assert [(kind.title, kind.count) for kind in tally.kinds] == [("raised ValueError", 20)]
    assert sum(line.items for line in tally.lines) == 200
    outcomes = list(run.record.outcomes())
    assert tally.busy == pytest.approx(sum(outcome.duration for outcome in outcomes))
    assert tally.ended == pytest.approx(max(one.started + one.duration for one in outcomes))
    run.close()


def test_a_record_that_was_removed_is_named(ledger, record):
    tally = Tally(record)
    ledger.close()
    (record.folder / "ledger.sqlite").unlink()
    with pytest.raises(treadle.UsageError, match="260102-030405"):
        tally.refresh()


def test_a_short_tally_has_the_same_counts_kinds_and_slowest_items(ledger, record):
    write(
        ledger, *(ok(index, index * 0.3) for index in range(40)), bad(40), bad(41, name="KeyError")
    )
    short, full = Tally(record, is_short=True), tallied(record)
    assert short.refresh(rest=60.0)
    told = [(each.ok, each.failed, each.bins, each.width, each.ended) for each in (short, full)]
    assert told[0] == told[1]
    assert [kind.title for kind in short.kinds] == [kind.title for kind in full.kinds]
    assert [each.key for each in short.slowest] == [each.key for each in full.slowest]
    assert (short.durations, short.lines) == ([], [])


def test_between_two_readings_only_counts_are_read(ledger, record):
    write(ledger, ok(0))
    tally = Tally(record)
    tally.refresh(rest=60.0)
    write(ledger, ok(1), bad(2))
    assert tally.refresh(rest=60.0)
    assert (tally.ok, tally.failed, tally.kinds) == (2, 1, [])
    assert tally.refresh()
    assert [kind.title for kind in tally.kinds] == ["raised ValueError"]
