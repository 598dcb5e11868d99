"""The page of a chip: what it promises to say, for any chip and whatever people have typed."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import polars as pl
import pytest

import treadle
from treadle.lab.page import place_for, text_of, write
from treadle.lab.page.axes import numbers, times
from treadle.lab.page.summary import best_of
from treadle.lab.page.words import TIMES

HOSTILE = "</script><script>alert('1')</script> \"&amp;\" $x$ ñµ中\u202e"
_VOID = {"meta", "link", "br", "input"}


class Read(HTMLParser):
    """A page as read: elements, the text of each section; all of it is closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.section = ""
        self.words: dict[str, str] = {}
        self.heads: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "section":
            self.section = dict(attrs)["id"]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words[self.section] = self.words.get(self.section, "") + data
        if self.open[-1:] == ["th"] and "thead" in self.open and self.section == "history":
            self.heads.append(data)

    def of(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        return [
            found
            for name, found in self.elements
            if name == tag and all(found.get(key) == value for key, value in attributes.items())
        ]


def read(about, **options) -> Read:
    return Read(text_of(about, **options))


def test_all_runs_are_in_the_history_with_the_metrics_in_the_units_of_the_heads(made):
    about = made(runs=12)
    page = read(about)
    rows = [each["id"] for each in page.of("tr") if "id" in each]
    assert rows == [f"run-{each}" for each in about.history["run_id"]]
    for head in ("#", "date", "procedure", "cnp_voltage (V)", "mobility_fe_holes (cm²/(V·s))",
                 "delta_current (nA)", "linear_drift_current (pA/s)", "irradiated power (µW)",
                 "Vds (V)"):  # fmt: skip
        assert head in page.heads
    assert "Ids (A)" not in page.heads  # no run has it
    assert "information" not in page.heads


def test_every_link_leads_to_a_run_of_the_page(made):
    page = read(made())
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    links = [each["href"] for each in page.of("a")]
    assert len(links) > 20
    assert {link.removeprefix("#") for link in links} <= ids


def test_key_figures_have_uncertainty_and_date_and_the_best_known_beside_the_latest(made):
    said = read(made(runs=11)).words["summary"]  # the run of number 10, the latest, is in doubt
    assert "charge neutrality point" in said
    assert "latest: 2025-09-07" in said
    assert "HIGH_HYSTERESIS; confidence 0.8" in said.replace(", confidence", "; confidence")
    assert "best known: 849 ± 42 mV, 2025-09-05 12:00" in said
    assert "4 It" in said


def test_what_is_odd_is_grouped_by_its_reason(made):
    page = read(made(runs=40))
    said = page.words["flagged"]
    for many, words in ((4, "DEAD_FLAT_IVG"), (8, "HIGH_HYSTERESIS"), (8, "no leg covers")):
        assert f"{many} {TIMES} {words}" in said
    for words in ("RAGGED_ROWS", "hint: sweep further"):
        assert words in said
    assert "FINE" not in said
    assert f"40 {TIMES} dark run" in said  # records: what does not apply is only counted


def test_light_and_dark_are_told_apart_by_marker_and_word(made):
    page = read(made())
    assert "in the dark" in page.words["trends"]
    assert "with light" in page.words["trends"]
    assert page.of("path", **{"class": "dark"})
    assert page.of("path", **{"class": "lit"})
    bars = page.of("path", **{"class": "bars"})
    assert len(bars) == 5 * 2  # metrics, forms of points


def test_plots_are_of_the_latest_runs_and_say_what_is_left_out(made):
    page = read(made(runs=40))
    assert "the latest 6 of 14 runs" in page.words["plots"]
    assert "laser on" in page.words["plots"]
    assert len(page.of("svg", role="img")) == 5 + 4


def test_plots_can_be_left_out(made):
    assert "plots" not in read(made(runs=3, files=0), plots=False).words


def test_a_run_whose_file_is_gone_is_named_and_the_others_are_drawn(made, tmp_path):
    about = made(runs=12)
    gone = about.runs.filter(proc="Vt")["path"].to_list()
    (tmp_path / "out" / "stage" / gone[0]).unlink()
    page = read(about)
    assert "the latest 1 of 2 runs; the file of " in page.words["plots"]
    assert "cannot be read" in page.words["plots"]


def test_a_chip_without_metrics_has_its_history_and_plots(made):
    page = read(made(metrics=False))
    assert "No metrics have been made" in page.words["summary"]
    assert "trends" not in page.words
    assert "calibrations" not in page.words
    assert len([each for each in page.of("tr") if "id" in each]) == 40
    assert "DEAD_FLAT_IVG" in page.words["flagged"]


def test_nothing_that_people_have_typed_acts(made):
    about = made(runs=12, chip=HOSTILE, information=HOSTILE)
    text = text_of(about)
    page = Read(text)
    assert len(page.of("script")) == 1
    assert text.count("alert('1')") == 0
    for section in ("history", "plots"):
        assert "</script><script>alert('1')</script> \"&amp;\" $x$ ñµ中" in page.words[section]
    assert "\u202e" not in text
    assert not [name for _, each in page.elements for name in each if name.startswith("on")]


def test_nothing_comes_from_elsewhere(made):
    page = read(made(runs=12))
    (policy,) = [each["content"] for each in page.of("meta") if "http-equiv" in each]
    assert policy.startswith("default-src 'none'")
    used = {name for _, each in page.elements for name in each}
    assert used.isdisjoint({"src", "srcset", "style", "xlink:href"})
    assert all(each["href"].startswith("#") for each in page.of("a"))


def test_two_thousand_runs_take_less_than_five_megabytes(made):
    about = made(runs=2_000, files=30)
    text = text_of(about)
    assert len(text.encode()) < 5_000_000
    assert text.count('<tr id="run-') == 2_000
    assert "and 300 further runs" in text  # of 400 with the same flag, 100 are named


def test_it_says_how_it_was_made(made):
    said = read(made(runs=12)).words["made"]
    for words in ("charge_neutrality 3", "out/stage", "Treadle"):
        assert words in said


def test_the_page_is_put_in_its_place_whole(made, tmp_path):
    about = made(runs=5)
    into = place_for(about.roots, "a/b c")
    assert into == tmp_path / "out" / "reports" / "a%2Fb c.html"
    assert write(about, into, plots=False) == into
    assert [each.name for each in into.parent.iterdir()] == ["a%2Fb c.html"]
    with pytest.raises(treadle.UsageError, match="cannot be written"):
        write(about, into / "below.html", plots=False)


def test_the_best_known_is_trusted_most_then_least_odd_then_most_exact():
    rows = [(0.9, [], 0.1), (1.0, ["ODD"], 0.1), (1.0, [], 0.3), (1.0, [], 0.2), (1.0, [], None)]
    frame = pl.DataFrame(rows, schema=["confidence", "flags", "uncertainty"], orient="row")
    assert best_of(frame)["order"] == 3


def test_bars_count_for_the_prefix_of_an_axis(made):
    about = made(runs=12)
    tiny = pl.col("metric") == "cnp_voltage"
    value = pl.when(tiny & pl.col("value").is_not_null()).then(1e-4).otherwise("value")
    bar = pl.when(tiny & pl.col("value").is_not_null()).then(0.013).otherwise("uncertainty")
    metrics = about.metrics.with_columns(value=value, uncertainty=bar)
    assert "cnp_voltage (mV)" in read(replace(about, metrics=metrics)).words["trends"]


@pytest.mark.parametrize("width", [10.0**power for power in range(-12, 9)])
@pytest.mark.parametrize("where", [0.0, -3.7, 1.23e5])
def test_axes_have_some_round_marks_that_differ(width, where):
    low = where * width
    marks = numbers(low, low + width)
    assert 2 <= len(marks) <= 7
    assert len({mark.label for mark in marks}) == len(marks)
    assert all(low - 1e-6 * width <= mark.at <= low + width * (1 + 1e-6) for mark in marks)


@pytest.mark.parametrize("days", [0.01, 0.2, 1, 3, 10, 40, 100, 400, 1500, 9000])
def test_axes_of_time_have_some_marks_in_order(days):
    begin = 1_757_000_123.0
    marks = times(begin, begin + days * 86400)
    assert 1 <= len(marks) <= 6
    assert [mark.at for mark in marks] == sorted({mark.at for mark in marks})
    assert len({mark.label for mark in marks}) == len(marks)
    assert all(begin <= mark.at <= begin + days * 86400 for mark in marks)


def test_runs_without_a_date_or_light_are_there_and_trends_say_they_are_not_drawn(made):
    about = made(runs=12)

    def undated(frame):
        lost = {"start_time_utc", "local", "date_local", "has_light"} & set(frame.columns)
        return frame.with_columns(pl.lit(None, frame.schema[name]).alias(name) for name in lost)

    page = read(
        replace(
            about,
            runs=undated(about.runs),
            history=undated(about.history),
            metrics=undated(about.metrics),
        )
    )
    assert len([each for each in page.of("tr") if "id" in each]) == 12
    assert "cnp_voltage: no run with a value has a date" in page.words["trends"]


@pytest.mark.parametrize("value", [0.0, 1.0, -1e-300, 1e300])
def test_metrics_that_do_not_change_are_drawn(made, value):
    about = made(runs=12)
    same = pl.when(pl.col("value").is_not_null()).then(value)
    known = about.metrics.with_columns(value=same, uncertainty=0.0, category=None, unit=pl.lit(""))
    page = read(replace(about, metrics=known))
    assert "nan" not in "".join(each["d"] for each in page.of("path"))
    assert "latest" in page.words["trends"]
