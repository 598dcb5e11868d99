"""Scores: what the table or a rule says of an answer, and never at its cost."""

from __future__ import annotations

import builtins
import json
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import treadle
from treadle.prompts import scoring
from treadle.prompts.scoring import Scorers, scorers_from

sys.path.insert(0, str(Path(__file__).parent))
from asked import CELLS, an_answer, an_ask


def score(scorer, text, **cells):
    """Return the only score of an answer."""
    scores = scorers_from([scorer]).score(an_ask(cells={**CELLS, **cells}), an_answer(text))
    (value,) = scores.values()
    return value


@pytest.mark.parametrize(
    ("scorer", "text", "cells", "expected"),
    [
        ("exact:gold", " 42\n", {"gold": "42"}, True),
        ("exact:gold", "It is 42", {"gold": "42"}, False),
        ("exact:gold", "42", {"gold": " "}, None),
        ("exact:gold", "42", {}, None),
        ("contains:gold", "It is 42.", {"gold": "42 "}, True),
        ("contains:gold", "It is 41.", {"gold": "42"}, False),
        ("contains:gold", "anything", {"gold": ""}, None),
        (r"regex:^\d+$", "42", {}, True),
        (r"regex:^\d+$", "It is 42", {}, False),
        ("regex:a:b", "a:b", {}, True),
        ("regex:@rule", "It is 42", {"rule": r"\b4\d\b"}, True),
        ("regex:@rule", "It is 52", {"rule": r"\b4\d\b"}, False),
        ("regex:@rule", "It is 52", {}, None),
        ("json", 'Sure: {"a": 1}', {}, True),
        ("json", "Sure: a = 1", {}, False),
    ],
)
def test_built_in_scorers(scorer, text, cells, expected):
    assert score(scorer, text, **cells) is expected


def test_a_schema_says_what_json_is_right(tmp_path):
    pytest.importorskip("jsonschema")
    path = tmp_path / "answer.json"
    path.write_text(json.dumps({"type": "object", "required": ["verdict"]}))
    scorer = f"json-schema:{path}"
    assert score(scorer, 'Sure: {"verdict": "yes"}') is True
    assert score(scorer, '{"reason": "none"}') is False
    assert score(scorer, "no JSON") is False
    assert scorers_from([scorer]).names == ("json_schema",)


def test_names_are_known_before_there_is_an_answer():
    texts = ["exact:my gold", "regex:a", "regex:b", "regex:@rule", "json"]
    assert scorers_from(texts).names == (
        "exact_my_gold",
        "regex",
        "regex_2",
        "regex_rule",
        "json",
    )


def test_scores_are_put_into_the_answer():
    answer = an_answer("42", scores={"judge": 0.5})
    scores = scorers_from(["json", "regex:4"]).score(an_ask(), answer)
    assert scores == {"json": False, "regex": True}
    assert answer.scores == {"judge": 0.5, "json": False, "regex": True}


def test_a_scorer_that_raises_gives_a_warning_and_the_answer_stays():
    def broken(_ask, _answer):
        raise ZeroDivisionError("by zero")

    answer = an_answer("42", warnings=("long",))
    scorers = Scorers([("judge", broken), ("length", lambda _, got: len(got.text))])
    assert scorers.score(an_ask(), answer) == {"length": 2}
    assert answer.text == "42"
    assert answer.warnings == ("long", "no score 'judge': ZeroDivisionError: by zero")


def test_a_bad_pattern_in_a_cell_is_a_warning_of_its_row():
    answer = an_answer("42")
    assert scorers_from(["regex:@topic"]).score(an_ask(cells={"topic": "("}), answer) == {}
    assert "regex_topic" in answer.warnings[0]


class Judge:
    """A scorer that gives several scores."""

    names = ("short", "polite")

    def __call__(self, _ask, answer):
        return {"short": len(answer.text) < 5, "unknown": 1}


def test_a_scorer_may_give_several_scores():
    scorers = Scorers([("judge", Judge())])
    assert scorers.names == ("judge_short", "judge_polite")
    assert scorers.score(an_ask(), an_answer("42")) == {"judge_short": True}


def test_a_scorer_with_names_must_return_a_mapping():
    class Wrong(Judge):
        def __call__(self, _ask, _answer):
            return 0.5

    answer = an_answer("42")
    assert Scorers([("judge", Wrong())]).score(an_ask(), answer) == {}
    assert "it should return a mapping" in answer.warnings[0]


def test_a_scorer_of_another_package(monkeypatch):
    points = [
        EntryPoint("length", "asked_scorers:length", scoring.GROUP),
        EntryPoint("nothing", "asked_scorers:nothing", scoring.GROUP),
        EntryPoint("gone", "no_such_module:length", scoring.GROUP),
    ]
    monkeypatch.setattr(scoring, "entry_points", lambda *, group: points)
    module = type(sys)("asked_scorers")
    module.length = lambda argument: lambda _, answer: len(answer.text) <= int(argument)
    module.nothing = lambda _: None
    monkeypatch.setitem(sys.modules, "asked_scorers", module)
    assert score("length:3", "42") is True
    assert scorers_from(["length:3"]).names == ("length_3",)
    for text in ("nothing", "gone"):
        with pytest.raises(treadle.UsageError, match=text) as caught:
            scorers_from([text])
        assert caught.value.hint


@pytest.mark.parametrize(
    ("scorer", "message", "hint"),
    [
        ("exakt:gold", "no scorer 'exakt'", "did you mean 'exact'"),
        ("exact", "names no column", "exact:COLUMN"),
        ("exact:golt", "a column 'golt'", "did you mean 'gold'"),
        ("regex:", "has no pattern", "regex:PATTERN"),
        ("regex:(", "bad pattern", "bracket"),
        ("regex:@", "names no column", "regex:@COLUMN"),
    ],
)
def test_what_is_mistyped_is_named_before_anything_is_sent(scorer, message, hint):
    with pytest.raises(treadle.UsageError, match=message) as caught:
        scorers_from([scorer], header=("topic", "gold"))
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("{", "is no JSON"),
        ('{"type": "objekt"}', "no JSON Schema"),
    ],
)
def test_a_schema_that_is_wrong_is_named_before_anything_is_sent(tmp_path, content, message):
    pytest.importorskip("jsonschema")
    path = tmp_path / "schema.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(treadle.UsageError, match=message) as caught:
        scorers_from([f"json-schema:{path}"])
    assert caught.value.hint


def test_a_schema_without_a_file():
    pytest.importorskip("jsonschema")
    with pytest.raises(treadle.UsageError, match="names no file"):
        scorers_from(["json-schema"])


def test_the_library_for_schemas_is_named_when_it_is_missing(monkeypatch, tmp_path):
    real = builtins.__import__

    def without(name, *arguments, **keywords):
        if name == "jsonschema":
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(treadle.MissingExtra) as caught:
        scorers_from([f"json-schema:{tmp_path / 'schema.json'}"])
    assert caught.value.hint == "pip install 'treadle[prompts]'"
