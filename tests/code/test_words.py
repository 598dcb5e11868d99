"""What is said of a run: what happened, to how many files, why, and what would help."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.code.cli import words
from treadle.code.discovery import Found
from treadle.code.report import Failed, OfLanguage, Report
from treadle.code.values import REASONS

NEEDED = "treadle code languages tells what to install"


def made(**changes) -> Report:
    values = {
        "into": "chunks.jsonl",
        "files": 20,
        "ok": 12,
        "degraded": Counter({"no-grammar": 3}),
        "skipped": Counter({"binary": 2, "too-large": 1}),
        "failed": [Failed("a/b.py", "a/b.py: Permission denied", "may you?"), Failed("c", "x")],
        "chunks": 1234,
        "tokens": 56789,
        "bytes": 4_200_000,
        "skipped_bytes": 30_000_000,
        "by_language": {"go": OfLanguage(5, 200_000, 34), "python": OfLanguage(10, 4e6, 1200)},
        "by_kind": Counter({"function": 1000, "text": 234}),
        "by_method": Counter({"syntax": 1200, "split": 34}),
        "left_out": Counter({"hidden": 4, "ignored": 1}),
        "fill": 0.833,
        "elapsed": 2.0,
        "written": True,
    }  # fmt: skip
    return Report(**{**values, **changes})


def test_a_summary_says_how_it_ended_by_language_and_reason_and_where_it_is():
    assert words.of_run(made()) == [
        "20 files in 2.0 s, 2.1 MB/s: 12 ok, 3 degraded, 3 skipped (30.0 MB), 2 failed",
        "  language  files    size  chunks",
        "  python       10  4.0 MB   1,200",
        "  go            5  200 kB      34",
        f"  3 degraded: no-grammar: {REASONS['no-grammar']}; {NEEDED}",
        "  2 skipped: binary: not text",
        f"  1 skipped: too-large: {REASONS['too-large']}; --max-file-size 50M takes larger ones",
        "  failed: a/b.py: Permission denied",
        "    hint: may you?",
        "  failed: c: x",
        "  left out: 4 hidden (--hidden), 1 ignored (--no-ignore)",
        "1,234 chunks, 83% full: chunks.jsonl",
    ]


def test_what_did_not_happen_is_not_said():
    report = Report(into="-", files=1, ok=1, chunks=1, tokens=9, written=True)
    assert words.of_run(report) == ["1 file: 1 ok", "1 chunk: standard output"]


def test_where_all_was_left_out_it_is_said_that_the_output_is_not_empty_for_that():
    report = Report(into="c.jsonl", left_out=Counter({"excluded": 2, "output": 1}))
    assert words.of_run(report) == [
        "no files there",
        "  left out: 2 excluded, 1 written by treadle code",
        "nothing was written",
    ]


def test_an_incremental_run_says_what_it_did_not_open_and_no_speed():
    lines = words.of_run(made(unchanged=18, removed=2, written=False))
    assert lines[0].endswith("2 failed (18 unchanged, 2 removed)")
    assert "/s" not in lines[0]
    assert lines[-1].endswith("chunks.jsonl, as it was")


def test_all_figures_have_kinds_and_methods_with_what_they_are():
    lines = words.of_run(made(), full=True)
    words_of = [line.split() for line in lines]
    assert lines[-1] == "1,234 chunks, 83% full, 56,789 tokens: chunks.jsonl"
    characters = words.of_run(made(unit="characters"), full=True)
    assert characters[-1] == "1,234 chunks, 83% full, 56,789 characters: chunks.jsonl"
    assert ["function", "1,000", "a", "function"] in words_of
    assert ["split", "34", "inside", "what", "cannot", "be", "divided"] in words_of


def test_a_summary_names_some_languages_and_failures_and_all_figures_name_all():
    many = {f"language{n}": OfLanguage(1, 1000 - n, 1) for n in range(40)}
    failed = [Failed(f"f{n}", "no") for n in range(40)]
    report = made(by_language=many, failed=failed)
    short, full = words.of_run(report), words.of_run(report, full=True)
    assert len(short) < 40
    assert any(line.split() == ["28", "more", "28", "27.3", "kB", "28"] for line in short)
    assert "  and 35 more failed: --stats names them" in short
    assert all(any(f" {name} " in line for line in full) for name in many)
    assert "  failed: f39: no" in full


def test_a_hint_that_holds_for_several_failures_is_given_once():
    failed = [Failed(f"f{n}", "no", "chmod +r") for n in range(3)]
    lines = words.of_run(made(failed=failed))
    assert sum("chmod +r" in line for line in lines) == 1


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_is_told_in_words(reason):
    lines = words.of_run(made(degraded=Counter({reason: 1})))
    assert any(REASONS[reason] in line for line in lines)


def test_a_dry_run_says_what_would_be_done_by_language():
    files = [
        (Found("a.py", "a.py", 2000, 0, 0, 0), "python"),
        (Found("b", "b", 500, 0, 0, 0), None),
        (Found("c.py", "c.py", 10**9, 0, 0, 0, "too-large"), "python"),
    ]
    report = Report(files=3, todo=2, unchanged=1, removed=4, dry=True)
    lines = words.of_dry_run(report, files, full=False)
    assert lines[:4] == [
        "3 files: 2 would be opened, 1 unchanged, 4 would leave the output",
        "  language    files    size",
        "  python          1  2.0 kB",
        "  by content      1   500 B",
    ]
    assert "1 would be skipped: too-large" in lines[4]


def test_no_control_character_of_a_path_gets_to_a_terminal():
    report = made(failed=[Failed("\x1b[2J", "\x1b[2J: gone\n", None)], problems=[("\x07", "no")])
    assert all(line.isprintable() for line in words.of_run(report))


@given(
    st.lists(st.text(st.characters(codec="utf-8"), max_size=200), max_size=5), st.integers(20, 200)
)
def test_lines_are_broken_between_words_and_lose_none(lines, width):
    lines = [words.printable(line) for line in lines]
    broken = words.wrapped(lines, width)
    assert " ".join(broken).split() == " ".join(lines).split()
    assert all(len(line) <= width or len(line.split()) == 1 for line in broken)
    assert words.wrapped(lines, None) == lines


def test_programs_get_names_for_everything():
    said = json.loads(words.as_json(made()))
    assert said["by_language"]["go"] == {"files": 5, "bytes": 200_000, "chunks": 34}
    assert said["failed"][0]["hint"] == "may you?"
    assert said["skipped"] == {"binary": 2, "too-large": 1}
    assert json.loads(words.as_json(made(), event="summary"))["event"] == "summary"


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (99_400, "99.4 kB"), (999_600, "1.0 MB"),
     (4_200_000, "4.2 MB"), (123_456_789, "123 MB"), (5 * 10**12, "5000 GB")],
)  # fmt: skip
def test_sizes_in_words(count, said):
    assert words.size(count) == said


@pytest.mark.parametrize(
    ("elapsed", "said"), [(0.04, "0.04 s"), (2.14, "2.1 s"), (185.0, "3 min 5 s")]
)
def test_times_in_words(elapsed, said):
    assert words.seconds(elapsed) == said
