"""JSON out of answers: found wherever it stands, flattened without losing anything."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.prompts import flatten, json_columns
from treadle.prompts.flatten import find_json, flattened, picked
from treadle.prompts.json_columns import JsonColumns

# A fence within the JSON would end the block, or begin one of its own.
TEXT = st.text(st.characters(exclude_characters="`", exclude_categories=["Cs"]), max_size=8)
LEAF = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
TREE = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(TEXT, inner, max_size=6),
    max_leaves=12,
)
NODE = st.lists(TREE, max_size=15) | st.dictionaries(TEXT, TREE, max_size=8)
PROSE = st.text(st.characters(exclude_characters="{}[]`"), max_size=50)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1}', {"a": 1}),
        (' \n{"a": 1}\n', {"a": 1}),
        ('\ufeff{"a": 1}', {"a": 1}),
        ("[1, 2]", [1, 2]),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('```JSON {"a": 1}```', {"a": 1}),
        ('{"x": 0} and\n```json\n{"a": 1}\n```', {"a": 1}),
        ('```\n{"x": 0}\n```\n```json\n{"a": 1}\n```', {"a": 1}),
        ('```json\nbroken {\n```\n```json\n{"a": 1}\n```', {"a": 1}),
        ('```python\n{"a": 1}\n```', {"a": 1}),
        ('```\n[{"a": 1}]\n```', [{"a": 1}]),
        ('```json\n{"a": "cut off by the limit"}', {"a": "cut off by the limit"}),
        ('```json\n{"code": "```x```"}\n```', {"code": "```x```"}),
        ('Sure! {"a": {"b": "}"}} Anything else?', {"a": {"b": "}"}}),
        ('Not {this} and not { that: 1 } but {"a": 1}', {"a": 1}),
        ("The set {1, 2} has [3, 4]", [3, 4]),
        ("See [note] and [1, 2]", [1, 2]),
        ("{'a': 1}", None),
        ("42", None),
        ('"text"', None),
        ("", None),
        ('{"a": ', None),
        ("[" * 100_000, None),
        ('{"a":' * 100_000, None),
        ('["' * 50_000, None),
        ('{"n": ' + "9" * 10_000 + "}", None),
    ],
)
def test_the_first_sound_json_is_found(text, found):
    assert find_json(text) == found


@given(NODE, PROSE, PROSE)
@settings(max_examples=50)
def test_json_is_found_in_any_prose(node, before, after):
    assert find_json(f"{before}\n```json\n{json.dumps(node)}\n```\n{after}") == node


@given(st.dictionaries(TEXT, TREE, max_size=5), PROSE, PROSE)
@settings(max_examples=50)
def test_an_object_is_found_without_fences(node, before, after):
    assert find_json(f"{before}{json.dumps(node)}{after}") == node


@given(st.text(st.sampled_from('{}[]",:`1a\\\n json')))
def test_no_text_is_too_odd(text):
    found = find_json(text)
    assert found is None or isinstance(found, dict | list)
    if found is not None:
        assert all(isinstance(cell, str) for cell in flattened(found).values())


@given(
    node=st.dictionaries(TEXT, TREE, max_size=8),
    before=PROSE,
    after=PROSE,
    ascii_only=st.booleans(),
)
def test_what_is_longer_than_the_first_look_is_found_as_well(node, before, after, ascii_only):
    """Wherever a look ends, be it in a number, a word or an escape."""
    written = json.dumps(node, ensure_ascii=ascii_only)
    for length in (1, 3, 17):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(flatten, "_FIRST_LOOK", length)
            assert find_json(f"{before}{written}{after}") == node


class Counting(json.JSONDecoder):
    """A decoder that counts the letters in which its errors look for line ends."""

    letters = 0

    def raw_decode(self, s, idx=0):
        try:
            return super().raw_decode(s, idx)
        except json.JSONDecodeError as error:
            self.letters += error.pos
            raise


@pytest.mark.parametrize(
    "text",
    ["if (x) { y[i] = {1,2}; }\n", "\\frac{a}{b} ", "{", '{"a ', '["a", ', '{"a\\":', '{"n": 1, '],
)
def test_what_it_takes_to_find_nothing_grows_with_the_text_and_not_with_its_square(
    monkeypatch, text
):
    decoder = Counting()
    monkeypatch.setattr(flatten, "_JSON", decoder)
    whole = text * (200_000 // len(text))
    assert find_json(whole) is None
    assert decoder.letters < 20 * len(whole)


def test_names_are_joined():
    value = {"a": {"b": [1, {"c": True}]}, "d": None, "e": 0.5, "f": "text"}
    assert flattened(value) == {
        "a_b_0": "1",
        "a_b_1_c": "true",
        "d": "",
        "e": "0.5",
        "f": "text",
    }


def test_a_list_at_the_top_is_called_items():
    assert flattened([1, {"a": 2}]) == {"items_0": "1", "items_1_a": "2"}


def test_what_a_long_list_has_beyond_its_columns_is_counted():
    flat = flattened({"a": list(range(13))})
    assert list(flat) == [f"a_{number}" for number in range(10)] + ["a_more"]
    assert flat["a_more"] == "3"
    assert flattened({"a": [1, 2, 3]}, max_items=1) == {"a_0": "1", "a_more": "2"}


def test_what_is_empty_is_there():
    assert flattened({"a": [], "b": {}, "c": "", "d": [[]]}) == {
        "a": "[]",
        "b": "{}",
        "c": "",
        "d_0": "[]",
    }
    assert flattened([]) == {"items": "[]"}


def test_what_lies_deep_is_one_cell_of_json():
    value = {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}
    assert flattened(value) == {"a_b_c_d_e": '{"f": 1}'}
    assert flattened(value, depth=1) == {"a": '{"b": {"c": {"d": {"e": {"f": 1}}}}}'}


@pytest.mark.parametrize(
    ("key", "name"),
    [("my key", "my_key"), ("a--b", "a_b"), ("1st", "_1st"), ("", "_"), ("größe", "größe")],
)
def test_names_are_plain_words(key, name):
    assert flattened({key: 1}) == {name: "1"}


def test_names_that_come_out_equal_are_numbered():
    value = {"a b": 1, "a-b": 2, "a": {"b": 3}, "a_b_2": 4}
    assert flattened(value) == {"a_b": "1", "a_b_2": "2", "a_b_3": "3", "a_b_2_2": "4"}


@given(NODE)
@settings(max_examples=50)
def test_no_leaf_is_lost(node):
    def leaves(value):
        if not isinstance(value, dict | list) or not value:
            return 1
        return sum(map(leaves, value.values() if isinstance(value, dict) else value))

    assert len(flattened(node, max_items=1000, depth=1000)) == leaves(node)


@given(NODE)
@settings(max_examples=50)
def test_whole_objects_and_lists_are_picked_by_their_names_beside_all_leaves(node):
    flat = flattened(node, max_items=1000, depth=1000)
    firsts = {name: text for name, text in flat.items() if not name[-1:].isdigit()}
    tree = {"top": node, "more": [node, {"last": node}]}
    whole = json.dumps(node, ensure_ascii=False)
    names = {"top", "more_0", "more_1_last"}

    assert picked(tree, names) == dict.fromkeys(names, whole if node else json.dumps(node))
    assert json.loads(picked(tree, {"more"})["more"]) == tree["more"]
    assert not node or picked(node, firsts).keys() == firsts.keys()


def test_what_columns_leave_out_is_picked_when_it_is_wanted():
    deep = {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}, "many": list(range(20)), "né!": {"x": 2}}

    assert picked(deep, {"a_b_c_d_e_f", "many_15", "né_x", "né_", "other", "many_99"}) == {
        "a_b_c_d_e_f": "1",
        "many_15": "15",
        "né_x": "2",
        "né_": '{"x": 2}',
    }
    assert picked([1, [2]], {"items", "items_1"}) == {"items": "[1, [2]]", "items_1": "[2]"}


def test_what_is_nested_too_deeply_ends_nothing():
    node: list = []
    for _ in range(20_000):
        node = [node]

    assert picked({"a": node, "b": 1}, {"a", "b"}) == {"a": "[nested too deeply]", "b": "1"}
    assert picked({"a": node, "b": 1}, {"b", "a_none"}) == {"b": "1"}


def test_columns_are_named_in_the_order_they_are_seen():
    columns = JsonColumns(["topic", "_status"])
    columns.add({"b": "1", "topic": "2"})
    columns.add({"a": "3", "B": "4", "b": "5"})
    assert columns.names == ("b", "json_topic", "a", "json_B")
    assert columns.cells({"topic": "x", "B": "y"}) == ["", "x", "", "y"]


def test_a_name_that_is_taken_twice_gets_a_number():
    columns = JsonColumns(["topic", "json_topic"])
    columns.add({"topic": "1"})
    assert columns.names == ("json_topic_2",)


def test_declared_names_are_all_there_are():
    columns = JsonColumns(["x"], declared=["a", "x", "a"])
    columns.add({"b": "1"})
    assert columns.names == ("a", "json_x")
    assert columns.cells({"b": "1", "x": "2"}) == ["", "2"]


def test_keys_that_are_data_end_up_in_one_column(monkeypatch):
    """A million answers, each with keys of its own, must not give a million columns."""
    monkeypatch.setattr(json_columns, "MOST", 2)
    columns = JsonColumns(["json_more"])
    for number in range(4):
        columns.add({f"k{number}": "x"})
    assert columns.names == ("k0", "k1", "json_json_more")
    assert columns.cells({"k1": "1", "k2": "2", "k3": "3"}) == ["", "1", '{"k2": "2", "k3": "3"}']
    assert columns.cells({"k0": "1"}) == ["1", "", ""]
