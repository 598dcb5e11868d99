"""The page of an experiment: it holds every answer as it came, and nothing that an answer wants."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import re
import sys
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import treadle
from treadle.prompts.page import entries as entries_module
from treadle.prompts.page import write_report
from treadle.prompts.page.entries import embeddable
from treadle.prompts.summary import Summary
from treadle.prompts.values import Message

sys.path.insert(0, str(Path(__file__).parent))
from endings import asked, failed, good, skipped

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "<img src=x onerror=alert(1)>",
    "\"' onmouseover=alert(1) x='",
    "&lt;b&gt; & ]]>",
    "\x00\x01\x1b[31mred\x7f\x85",
    "\u202eturned\u2028\u2029",
    "\ud800 lone",
    "🙈 日本語 عربي\r\n\ttab",
]


class Page(HTMLParser):
    """A page as a browser takes it apart: elements, attributes, words, and what scripts hold."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.text = text
        self.elements, self.scripts, self.words = [], [], []
        self._open = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag in ("script", "style"):
            self._open = tag
            self.scripts.append((tag, dict(attributes), ""))

    def handle_endtag(self, tag):
        if tag == self._open:
            self._open = None

    def handle_data(self, data):
        if self._open:
            tag, attributes, before = self.scripts[-1]
            self.scripts[-1] = (tag, attributes, before + data)
        else:
            self.words.append(data)

    def data(self, name):
        found = [text for _, attributes, text in self.scripts if attributes.get("id") == name]
        assert len(found) == 1
        return json.loads(found[0])

    @property
    def said(self):
        return " ".join("".join(self.words).split())


def page(pairs, tmp_path, title="Questions", **more):
    to = tmp_path / "report.html"
    write_report(pairs, to, title=title, **more)
    return Page(to.read_text(encoding="utf-8"))


def test_answers_of_all_models_stand_in_it_by_row_with_what_was_asked(tmp_path):
    cells = {"topic": "physics", "n": "1"}
    pairs = [
        (asked(model="a", row=1, cells=cells, params={"temperature": 0.2}), good("yes")),
        (asked(model="b", row=1, cells=cells), good("no", finish="length", attempts=3)),
        (asked(model="a", row=2, warnings=("x is missing",)), failed("timeout", "no reply")),
    ]
    made = page(pairs, tmp_path)
    first, second, third = made.data("entries")

    assert made.data("variants") == [
        {"prompt": "ask.txt", "lane": "openai", "model": "a"},
        {"prompt": "ask.txt", "lane": "openai", "model": "b"},
    ]
    assert (first["r"], first["v"], first["s"], first["t"]) == (1, 0, "ok", "yes")
    assert first["cells"] == [["topic", "physics"], ["n", "1"]]
    assert first["sent"] == [["user", "Why?"]]
    assert (first["params"], first["cost"]) == ({"temperature": 0.2}, "0.01")
    assert (second["v"], second["s"], second["attempts"]) == (1, "truncated", 3)
    assert (third["s"], third["kind"], third["error"]) == ("error", "timeout", "no reply")
    assert third["warnings"] == ["x is missing"]


def test_what_models_of_a_row_are_asked_alike_stands_there_once(tmp_path):
    other = (Message("system", "Be brief."), Message("user", "Why?"))
    pairs = [(asked(model="a"), good()), (asked(model="b"), good())]
    pairs.append((asked(model="c"), good()))
    pairs[2] = (type(pairs[2][0])(**{**_fields(pairs[2][0]), "messages": other}), good())
    first, second, third = page(pairs, tmp_path).data("entries")

    assert "sent" in first
    assert "sent" not in second
    assert third["sent"] == [["system", "Be brief."], ["user", "Why?"]]
    assert "cells" not in third


def _fields(value):
    return {name: getattr(value, name) for name in value.__slots__}


def test_nothing_that_an_answer_a_table_or_a_server_says_is_taken_for_markup(tmp_path):
    pairs = []
    for row, text in enumerate(HOSTILE, 1):
        facts = {"row": row, "cells": {text: text}, "key": text, "lane": text, "prompt": text}
        pairs.append((asked(model=text, said=text, **facts), good(text, scores={text: 1.0})))
        pairs.append((asked(model=text, said=text, **facts), failed(text, text)))
    hostile = page(pairs, tmp_path, title=HOSTILE[0])
    tame = page([(asked(), good(scores={"a": 1})), (asked(), failed())], tmp_path)

    assert {tag for tag, _ in hostile.elements} == {tag for tag, _ in tame.elements}
    assert {name for _, found in hostile.elements for name in found} == {
        name for _, found in tame.elements for name in found
    }
    assert len(hostile.scripts) == len(tame.scripts) == 4
    assert [one["t"] for one in hostile.data("entries") if "t" in one] == HOSTILE
    assert HOSTILE[0] in hostile.said
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e]", "".join(hostile.words))


@given(st.text() | st.text(alphabet="<>&/!-\\script\"'\u2028\ud800"))
def test_any_text_survives_the_way_into_the_page(text):
    written = embeddable([text]).encode("utf-8", "backslashreplace").decode()

    assert json.loads(written) == [text]
    assert not set(written) & set("<>&")


def test_the_page_needs_nothing_but_itself_and_allows_no_other_script(tmp_path):
    made = page([(asked(), good("see https://example.com/x.png"))], tmp_path)
    (policy,) = [a["content"] for tag, a in made.elements if tag == "meta" and "http-equiv" in a]
    plain = [(tag, text) for tag, found, text in made.scripts if "type" not in found]

    assert not [a for _, a in made.elements if {"src", "href", "style"} & set(a)]
    assert [tag for tag, _ in plain] == ["style", "script"]
    assert "default-src 'none'" in policy
    for tag, text in plain:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(r"https?://|@import|url\(", "".join(text for _, text in plain))


def test_the_script_never_makes_markup_of_text():
    script = files("treadle.prompts.page").joinpath("script.js").read_text(encoding="utf-8")

    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script)


def test_figures_and_charts_need_no_script(tmp_path):
    pairs = [(asked(model="a"), good(latency=time, cost="0.50")) for time in (0.5, 1.0, 2.0, 4.0)]
    pairs += [(asked(model="b"), good(cost=None)), (asked(model="b"), skipped("budget"))]
    made = page(pairs, tmp_path)

    assert "6 requests, 5 answered, $2.00" in made.said
    assert "openai/a: half within 1.0 s, 95 % within 4.0 s" in made.said
    assert "openai/a: $2.00, $0.5000 an answer" in made.said
    assert "openai/b: 1 ok, 1 skipped" in made.said
    assert "not known" in made.said
    assert sum(tag == "svg" for tag, _ in made.elements) >= 5


def test_errors_are_grouped_by_what_they_say_the_most_frequent_first(tmp_path):
    pairs = [(asked(row=row), failed()) for row in range(1, 8)]
    pairs += [(asked(row=9, model="other"), failed("timeout", "no reply in 300 s"))]
    pairs.reverse()
    made = page(pairs, tmp_path)
    shown = [found["data-find"] for tag, found in made.elements if "data-find" in found]

    assert shown == ["HTTP 502: Bad gateway", "no reply in 300 s"]
    assert "openai/gpt-4o-mini 7, 6, 5, 4, 3, …" in " ".join(" ".join(made.words).split())


def test_kinds_of_errors_without_end_take_no_room_without_end(tmp_path):
    pairs = ((asked(row=row), failed("bad_reply", f"no {row}")) for row in range(1, 301))
    made = page(pairs, tmp_path)

    assert sum("data-find" in found for _, found in made.elements) == 100
    assert "200of other kinds" in made.said


def test_figures_are_of_all_requests_though_rows_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(entries_module, "MOST_ROWS", 3)
    pairs = ((asked(row=row, model=model), good()) for row in range(1, 6) for model in "ab")
    made = page(pairs, tmp_path)

    assert [one["r"] for one in made.data("entries")] == [1, 1, 2, 2, 3, 3]
    assert "4 requests are left out here" in made.said
    assert "10 requests, 10 answered" in made.said


def test_a_page_that_is_large_enough_takes_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(entries_module, "MOST_LETTERS", 50_000)
    endless = ((asked(row=row), good("x" * 10_000)) for row in itertools.count(1))
    made = page(itertools.islice(endless, 100), tmp_path)

    assert 4 <= len(made.data("entries")) <= 6
    assert len(made.text) < 150_000


def test_a_long_answer_is_cut_and_its_length_is_said(tmp_path):
    (entry,) = page([(asked(), good("y" * 1_000_000))], tmp_path).data("entries")

    assert (len(entry["t"]), entry["length"]) == (20_000, 1_000_000)


def test_figures_may_be_those_of_another_summary(tmp_path):
    summary = Summary()
    for _ in range(7):
        summary.add(asked(), good())
    made = page([(asked(), good())], tmp_path, summary=summary)

    assert "7 requests, 7 answered" in made.said


def test_an_experiment_of_nothing_is_a_page(tmp_path):
    made = page([], tmp_path)

    assert made.data("entries") == []
    assert "0 requests, 0 answered" in made.said


def test_a_page_that_cannot_be_finished_leaves_the_old_one_as_it_was(tmp_path):
    to = tmp_path / "report.html"
    to.write_text("old")

    def breaking():
        yield asked(), good()
        raise RuntimeError("the record is damaged")

    with pytest.raises(RuntimeError, match="damaged"):
        write_report(breaking(), to, title="Questions")

    assert to.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.html"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(
        treadle.SinkFailed, match=r"report .*page\.html cannot be written"
    ) as caught:
        write_report([], tmp_path / "file" / "page.html", title="Questions")

    assert caught.value.hint
