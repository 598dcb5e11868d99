"""What a resumed run must not do: take results of other data, or of another stage, as its own."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

import pytest

import treadle

INLINE = {"backend": "inline"}


def double(value):
    return 2 * value


def scaled(value, by=1):
    return by * value


def name_of(path):
    text = path.read_text()
    if "bad" in text:
        raise ValueError(text)
    return text


def rows(path):
    with Path(path).open(newline="") as file:
        return sorted((row["key"], row["value"]) for row in csv.DictReader(file))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_values_of_a_list_that_are_others_now_run_again():
    treadle.run(double, [1, 2, 3], into="out.csv", **INLINE)
    again = treadle.run(double, [0, 1, 2, 3], into="out.csv", resume=True, **INLINE)
    assert again.ok == 4
    assert [value for _, value in rows("out.csv")] == ["0", "2", "4", "6"]


def test_values_without_a_file_that_are_others_now_run_again():
    treadle.run(double, ["a", "b"], **INLINE)
    again = treadle.run(double, ["c", "b"], resume=True, **INLINE)
    assert again.earlier == (1, 0)
    assert again.values() == ["cc", "bb"]


def test_a_source_that_can_be_read_only_once_and_gives_other_values_is_refused():
    treadle.run(double, iter([1, 2, 3]), into="out.csv", **INLINE)
    with pytest.raises(treadle.SourceFailed, match="item 1 is another"):
        treadle.run(double, iter([1, 20, 3, 4]), into="out.csv", resume=True, **INLINE)
    assert [value for _, value in rows("out.csv")] == ["2", "4", "6"]


def test_a_partial_with_other_arguments_is_another_function():
    first = treadle.run(partial(scaled, by=2), [1, 2], **INLINE)
    other = treadle.run(partial(scaled, by=1000), [1, 2], resume=True, **INLINE)
    same = treadle.run(partial(scaled, by=2), [1, 2], resume=True, **INLINE)
    assert other.values() == [1000, 2000]
    assert (same.run_id, same.earlier) == (first.run_id, (2, 0))


def test_two_stages_of_one_function_are_two_runs_whenever_they_are_resumed():
    for session in range(2):
        with treadle.Pool(**INLINE) as pool:
            one = pool.run(double, range(4), resume=True)
            two = pool.run(double, one.values(), resume=True)
        assert two.values() == [0, 4, 8, 12]
        assert two.earlier == (4 * session, 0)
    assert len(treadle.runs()) == 2


def test_a_stage_knows_the_values_of_the_one_before_by_their_items(folder):
    flag = folder / "mended"

    def one(value):
        if value == 0 and not flag.exists():
            raise ValueError("not yet")
        return 10 * value

    def both(**options):
        with treadle.Pool(**INLINE) as pool:
            first = pool.run(one, range(4), resume=True, **options)
            return pool.run(double, first.values(), into="two.csv", resume=True)

    both()
    flag.touch()
    both(retry_failed=True)
    assert rows("two.csv") == [("0", "0"), ("1", "20"), ("2", "40"), ("3", "60")]


def test_an_item_that_failed_runs_again_when_its_file_was_mended(folder):
    (folder / "in").mkdir()
    for name, text in (("a", "good"), ("b", "bad")):
        (folder / "in" / name).write_text(text)
    first = treadle.run(name_of, treadle.files("in"), into="out.csv", **INLINE)
    (folder / "in" / "b").write_text("mended")
    again = treadle.run(name_of, treadle.files("in"), into="out.csv", resume=True, **INLINE)
    assert (first.failed, again.ok, again.failed, again.earlier) == (1, 1, 0, (1, 0))
    assert rows("out.csv") == [("a", "good"), ("b", "mended")]


def test_an_item_that_failed_runs_again_with_another_version():
    def fails(value):
        raise ValueError(value)

    treadle.run(fails, [1, 2], into="out.csv", version="1", **INLINE)
    again = treadle.run(fails, [1, 2], into="out.csv", version="2", resume=True, **INLINE)
    assert again.failed == 2
    run = treadle.open("latest")
    assert run.failed == 2
    run.close()


@pytest.mark.parametrize("keys", [["a", "b", "a"], [1, "1", "2"]])
def test_a_key_that_is_there_twice_costs_its_second_item_once(keys):
    items = list(zip(keys, "xyz", strict=True))
    first = treadle.run(str, items, into="out.csv", key=lambda item: item[0], **INLINE)
    again = treadle.run(str, items, into="out.csv", key=lambda item: item[0], resume=True, **INLINE)
    assert (first.ok, first.failed) == (2, 1)
    assert (again.ok, again.failed, again.earlier) == (0, 0, (2, 1))
    assert len(rows("out.csv")) == 2
