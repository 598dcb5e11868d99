"""The trace: sound by the format that viewers read, and true to the run."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from itertools import pairwise

import pytest
from written import HOSTILE, ZERO, bad, late, lost, ok

import treadle
from treadle.core.outcome import Failure, Raised
from treadle.report.trace import blocks, write


def traced(record) -> dict:
    text = "".join(blocks(record))
    record.close()
    return json.loads(text)


def slices(trace) -> list[dict]:
    return [event for event in trace["traceEvents"] if event["ph"] == "X"]


def check_format(trace) -> None:
    """What the Trace Event Format asks of each kind of event that we write."""
    assert trace["displayTimeUnit"] in ("ms", "ns")
    named, stamps = set(), []
    for event in trace["traceEvents"]:
        assert isinstance(event["name"], str)
        assert isinstance(event["pid"], int)
        assert isinstance(event["tid"], int)
        match event["ph"]:
            case "M":
                assert event["name"] in ("process_name", "thread_name", "thread_sort_index")
                assert set(event["args"]) <= {"name", "sort_index"}
                named.add(event["tid"])
                continue
            case "X":
                assert event["dur"] >= 0
                assert event["tid"] in named
            case "i":
                assert event["s"] in ("g", "p", "t")
                assert event["tid"] in named
            case "C":
                assert all(isinstance(value, int) for value in event["args"].values())
            case other:
                pytest.fail(f"an event of kind {other!r}")
        assert event["ts"] >= 0
        stamps.append(event["ts"])
    assert stamps == sorted(stamps)


def check_nothing_overlaps(trace) -> None:
    threads: dict[int, list[dict]] = {}
    for event in slices(trace):
        threads.setdefault(event["tid"], []).append(event)
    for events in threads.values():
        for one, other in pairwise(events):
            assert one["ts"] + one["dur"] <= other["ts"] + 0.2  # a fifth of a microsecond


def test_each_item_is_a_slice_on_the_thread_of_its_worker(made):
    trace = traced(made.with_items(ok(0, 2.0, 0.25, "process-10"), bad(1, 1.0, 0.5, "process-9")))
    check_format(trace)
    first, second = slices(trace)
    assert (first["name"], first["dur"]) == ("data/1.csv", 500_000)
    assert first["args"]["status"] == "raised"
    assert first["args"]["attempts"] == 3
    assert first["args"]["error"] == "ValueError: no"
    assert (second["ts"] - first["ts"], second["cat"]) == (1_000_000, "succeeded")
    names = {
        event["tid"]: event["args"]["name"]
        for event in trace["traceEvents"]
        if event["name"] == "thread_name"
    }
    order = {
        event["tid"]: event["args"]["sort_index"]
        for event in trace["traceEvents"]
        if event["name"] == "thread_sort_index"
    }
    assert names[first["tid"]] == "process-9"
    assert names[second["tid"]] == "process-10"
    assert order[first["tid"]] < order[second["tid"]]


def test_attempts_that_were_tried_again_are_instants(full):
    trace = traced(full.record)
    check_format(trace)
    [instant] = [event for event in trace["traceEvents"] if event["ph"] == "i"]
    assert instant["args"]["attempt"] == 1
    assert instant["args"]["delay"] == 0.5
    assert instant["args"]["error"].startswith("OSError: the disk </script>")


def test_every_failure_is_told_in_words(made):
    trace = traced(made.with_items(late(0), lost(1)))
    told = [event["args"]["error"] for event in slices(trace)]
    assert told == ["worker lost (SIGSEGV)", "timed out after 9 s"]


def test_calls_that_ran_at_once_in_one_worker_are_on_threads_of_their_own(made):
    trace = traced(
        made.with_items(*[ok(i, start=0.1 * i, took=1.0, worker="loop") for i in range(50)])
    )
    check_format(trace)
    check_nothing_overlaps(trace)
    assert len({event["tid"] for event in slices(trace)}) in (10, 11)
    most = max(event["args"]["items"] for event in trace["traceEvents"] if event["ph"] == "C")
    assert most in (10, 11)


def test_clocks_that_disagree_by_a_little_do_not_make_a_thread(made):
    trace = traced(made.with_items(*[ok(i, start=0.1 * i, took=0.1005) for i in range(20)]))
    check_format(trace)
    check_nothing_overlaps(trace)
    assert len({event["tid"] for event in slices(trace)}) == 1
    assert len(slices(trace)) == 20


def test_what_never_began_is_not_in_it_and_an_empty_run_is_sound(made):
    never = Raised("b", 1, 0, 0.0, 0.0, None, None, None, Failure("E", ""), ValueError())
    trace = traced(made.with_items(never))
    check_format(trace)
    assert slices(trace) == []
    assert trace["otherData"]["run"] == "260102-030405"


def test_text_of_any_kind_makes_sound_json(made):
    made.facts["name"] = HOSTILE
    trace = traced(made.with_items(bad(0, key=HOSTILE * 40, message=HOSTILE)))
    check_format(trace)
    [event] = slices(trace)
    assert len(event["name"]) < 250
    json.dumps(trace, ensure_ascii=False).encode("utf-8", "strict")


def test_a_real_run_can_be_traced(tmp_path):
    report = treadle.run(
        abs, range(-50, 50), workers=2, backend="threads", runs_dir=tmp_path, name="pairs"
    )
    run = treadle.open("pairs", tmp_path)
    place = run.trace()
    run.close()
    assert place == report.folder / "trace.json.gz"
    trace = json.loads(gzip.decompress(place.read_bytes()))
    check_format(trace)
    check_nothing_overlaps(trace)
    assert len(slices(trace)) == 100


def test_the_suffix_says_whether_it_is_packed(made, tmp_path):
    record = made.with_items(ok(0))
    write(record, tmp_path / "t.json")
    write(record, tmp_path / "t.json.gz")
    record.close()
    packed = gzip.decompress((tmp_path / "t.json.gz").read_bytes())
    assert packed == (tmp_path / "t.json").read_bytes()
    assert sorted(path.name for path in tmp_path.glob("*t.json*")) == ["t.json", "t.json.gz"]


def test_memory_does_not_grow_with_the_run(made):
    def rows():
        for i in range(6_000):
            yield (i, f"data/{i}.csv", "succeeded", 1, ZERO + i / 500, 0.01, None, None,
                   f"process-{i % 8}", None)  # fmt: skip

    record = made.with_many(rows(), {"succeeded": 6_000})
    tracemalloc.start()
    size = sum(len(block) for block in blocks(record))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    record.close()
    assert size > 1_000_000
    assert peak < 1_000_000


def test_a_trace_that_cannot_be_written_is_named(made, tmp_path):
    (tmp_path / "file").touch()
    record = made.with_items(ok(0))
    with pytest.raises(treadle.UsageError, match="cannot be written"):
        write(record, tmp_path / "file" / "t.json")
    record.close()
