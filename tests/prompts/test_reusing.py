"""``--reuse``: answers of another experiment are taken for the very same requests alone."""

from __future__ import annotations

import csv

import pytest

import treadle
from treadle import prompts


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompt.txt").write_text("Explain {{topic}}.")
    table(tmp_path / "few.csv", ["tides", "rain"])
    table(tmp_path / "more.csv", ["rain", "snow", "tides"])
    return tmp_path


def table(path, topics):
    path.write_text("topic\n" + "".join(f"{topic}\n" for topic in topics))


def rows_of(path):
    with path.open(newline="") as file:
        return {row["topic"]: row for row in csv.DictReader(file)}


def test_the_same_requests_are_not_sent_again_and_cost_nothing(folder):
    first = prompts.run("few.csv", "prompt.txt", "few-results.csv", model=["mock/small"])
    prompts.run(
        "more.csv",
        "prompt.txt",
        "more-results.csv",
        model=["mock/small"],
        reuse=["few-results.csv"],
    )
    before, after = rows_of(folder / "few-results.csv"), rows_of(folder / "more-results.csv")
    assert after["rain"]["_output"] == before["rain"]["_output"]
    assert f"run {first.run_id}" in after["rain"]["_warnings"]
    assert after["rain"]["_cost"] == "0"
    assert after["snow"]["_warnings"] == ""


def test_another_prompt_is_another_request(folder):
    prompts.run("few.csv", "prompt.txt", "few-results.csv", model=["mock/small"])
    (folder / "prompt.txt").write_text("Sing of {{topic}}.")
    prompts.run(
        "few.csv", "prompt.txt", "sung.csv", model=["mock/small"], reuse=["few-results.csv"]
    )
    assert {row["_warnings"] for row in rows_of(folder / "sung.csv").values()} == {""}


def test_ids_of_rows_are_no_part_of_what_is_asked(folder):
    prompts.run("few.csv", "prompt.txt", "few-results.csv", model=["mock/small"])
    (folder / "named.csv").write_text("id,topic\na,tides\n")
    prompts.run(
        "named.csv", "prompt.txt", "named.out.csv", model=["mock/small"], reuse=["few-results.csv"]
    )
    assert "the answer is that of run" in rows_of(folder / "named.out.csv")["tides"]["_warnings"]


def test_an_experiment_that_is_not_there_is_named(folder):
    with pytest.raises(treadle.UsageError, match="nothing"):
        prompts.run("few.csv", "prompt.txt", "out.csv", model=["mock/small"], reuse=["nothing.csv"])
