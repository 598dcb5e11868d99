"""Files of results: whole lines while the run goes on, input order when it has ended."""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
import tracemalloc
from pathlib import Path

import pytest

import treadle
from treadle.prompts import results_files
from treadle.prompts.columns import LOST_CHARACTERS, Columns
from treadle.prompts.results_file import ResultsFile
from treadle.prompts.results_files import ResultsFiles

sys.path.insert(0, str(Path(__file__).parent))
from asked import HEADER, answered, read_csv

COLUMNS = Columns(HEADER)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out" / "results.csv"


@pytest.fixture
def results(path):
    file = ResultsFile(path, COLUMNS)
    yield file
    file.close()


def outputs(path):
    return [row["_output"] for row in read_csv(path)]


def only_files(folder):
    return sorted(each.name for each in folder.iterdir())


def test_a_row_is_in_the_file_as_soon_as_it_is_added(results, path):
    results.begin()
    assert read_csv(path) == []
    for number in (2, 1, 3):
        results.add([answered(f"answer {number}", number)])
        assert outputs(path)[-1] == f"answer {number}"
    assert [row["_row"] for row in read_csv(path)] == ["2", "1", "3"]


def test_the_end_puts_rows_in_input_order_and_leaves_nothing_else(results, path):
    results.begin()
    results.add([answered("b", 2)])
    results.finish([answered("a", 1), answered("b", 2)])
    assert outputs(path) == ["a", "b"]
    assert only_files(path.parent) == ["results.csv"]


def test_a_resumed_run_begins_with_what_is_known(results, path):
    path.parent.mkdir()
    path.write_text("torn, half a li")
    results.begin([answered("known", 1)])
    results.add([answered("new", 2)])
    assert outputs(path) == ["known", "new"]


def test_rows_end_with_lf_and_those_of_parallamr_with_crlf(tmp_path):
    for profile, end in (("treadle", b"\n"), ("parallamr", b"\r\n")):
        path = tmp_path / f"{profile}.csv"
        ResultsFile(path, Columns(HEADER, profile=profile)).finish([answered()])
        content = path.read_bytes()
        assert content.count(end) == 2
        assert content.endswith(end)
        assert (b"\r" in content) == (profile == "parallamr")


def test_a_byte_order_mark_when_asked_for(tmp_path):
    path = tmp_path / "r.csv"
    for make in ("begin", "finish"):
        getattr(ResultsFile(path, COLUMNS, bom=True), make)([answered()])
        assert path.read_bytes().startswith(b"\xef\xbb\xbfprovider,")


def test_tabs_for_tsv(tmp_path):
    path = tmp_path / "r.TSV"
    ResultsFile(path, COLUMNS).finish([answered("a, b\tc")])
    line = path.read_text().splitlines()[1]
    assert line.startswith('openai\tgpt-9\tphysics\t1\tok\t"a, b\tc"\tstop\t')


def test_objects_for_jsonl(tmp_path):
    path = tmp_path / "r.jsonl"
    file = ResultsFile(path, Columns(HEADER, scores=["grade"], flatten=["a"]))
    file.begin()
    file.add([answered('{"a": 1}\0\ud800', scores={"grade": float("nan")})])
    file.close()
    record = json.loads(path.read_text())
    assert record["_output"] == '{"a": 1}\0\ufffd'
    assert (record["_in_tokens"], record["_score_grade"], record["a"]) == (12, None, "1")


def test_what_csv_cannot_hold_is_replaced_in_its_row_only(results, path):
    results.add([answered("sound", 1), answered("a\0\ud83d", 2), answered("emoji 😀", 3)])
    assert [(row["_output"], row["_warnings"]) for row in read_csv(path)] == [
        ("sound", ""),
        ("a\ufffd\ufffd", LOST_CHARACTERS),
        ("emoji 😀", ""),
    ]


def test_rows_without_a_beginning_get_their_header(results, path):
    results.add([answered("a")])
    results.close()
    results.add([answered("b")])
    assert outputs(path) == ["a", "b"]


def test_the_old_file_stays_until_the_new_one_is_whole(results, path):
    results.finish([answered("old")])

    def rows():
        yield answered("new")
        assert outputs(path) == ["old"]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        results.finish(rows())
    assert outputs(path) == ["old"]
    assert only_files(path.parent) == ["results.csv"]


def test_what_another_program_did_to_the_file_is_undone_at_the_end(results, path):
    results.begin()
    results.add([answered("a", 1)])
    path.write_text("edited")
    results.add([answered("b", 2)])
    path.unlink()
    results.add([answered("c", 3)])
    results.finish([answered("abc"[n], n + 1) for n in range(3)])
    assert outputs(path) == ["a", "b", "c"]


def test_a_link_stays_a_link(tmp_path, path):
    path.parent.mkdir()
    path.symlink_to(tmp_path / "real.csv")
    ResultsFile(path, COLUMNS).finish([answered("a")])
    assert path.is_symlink()
    assert outputs(tmp_path / "real.csv") == ["a"]


def test_a_name_as_long_as_they_come(tmp_path):
    path = tmp_path / ("n" * 251 + ".csv")
    ResultsFile(path, COLUMNS).finish([answered("a")])
    assert outputs(path) == ["a"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_gets_the_rows_of_the_end_only(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read = []
    reader = threading.Thread(target=lambda: read.append(path.read_text()))
    reader.start()
    file = ResultsFile(path, COLUMNS)
    file.begin()
    file.add([answered("live")])
    file.finish([answered("a")])
    reader.join()
    assert [row["_output"] for row in read_csv(read[0])] == ["a"]
    assert not path.is_file()


def test_stdout_gets_the_rows_of_the_end_only(capsys):
    file = ResultsFile(None, Columns(HEADER, profile="parallamr"), bom=True)
    file.begin([answered("known")])
    file.add([answered("live")])
    assert capsys.readouterr().out == ""
    file.finish([answered("a"), answered("b")])
    out = capsys.readouterr().out
    assert [row["output"] for row in read_csv(out)] == ["a", "b"]
    assert "\r" not in out
    assert out.startswith("provider,")


def test_discovered_columns_are_in_the_file_at_the_end(path):
    file = ResultsFile(path, Columns(HEADER, flatten="discover"))
    rows = [answered('{"a": 1}', 1), answered('{"b": 2}', 2)]
    file.begin()
    file.add(rows)
    file.close()
    assert "a" not in read_csv(path)[0]
    file.finish(rows)
    assert [(row["a"], row["b"]) for row in read_csv(path)] == [("1", ""), ("", "2")]


def test_discovery_refuses_rows_that_can_be_read_once_only(path):
    file = ResultsFile(path, Columns(HEADER, flatten="discover"))
    with pytest.raises(treadle.UsageError, match="read twice"):
        file.finish(iter([answered()]))
    assert not path.exists()


def test_threads_never_tear_a_row(results, path):
    results.begin()
    start = threading.Barrier(20)

    def work(thread):
        start.wait()
        for number in range(50):
            results.add([answered(f'{thread}\n,"{number}" {"x" * thread * 40}', thread)])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outputs(path)) == sorted(
        f'{thread}\n,"{number}" {"x" * thread * 40}' for thread in range(20) for number in range(50)
    )


def test_a_full_disk_leaves_whole_lines_and_says_what_to_do(results, path, monkeypatch):
    results.begin()
    results.add([answered("a", 1)])
    write = os.write
    room = [10]

    def full(descriptor, content):
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = write(descriptor, bytes(content[: room[0]]))
        room[0] -= written
        return written

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(treadle.SinkFailed, match="No space left") as caught:
        results.add([answered("b", 2)])
    assert "make room" in caught.value.hint
    assert outputs(path) == ["a"]
    monkeypatch.undo()
    results.add([answered("c", 3)])
    assert outputs(path) == ["a", "c"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_device_that_is_full_says_so():
    with pytest.raises(treadle.SinkFailed, match="No space left"):
        ResultsFile(Path("/dev/full"), COLUMNS).finish([answered()])


def test_a_place_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(treadle.SinkFailed, match="cannot be written"):
        ResultsFile(tmp_path / "file" / "r.csv", COLUMNS).begin()
    with pytest.raises(treadle.SinkFailed, match="cannot be written"):
        ResultsFile(tmp_path / "file" / "r.csv", COLUMNS).add([answered()])
    with pytest.raises(treadle.SinkFailed, match="cannot be written"):
        ResultsFile(tmp_path, COLUMNS).finish([answered()])
    assert only_files(tmp_path) == ["file"]


def test_the_end_does_not_hold_the_rows(path):
    """10,000 rows of 2 kB are 20 MB; a few pieces of 256 kB are held."""
    row = answered("x" * 2000)
    tracemalloc.start()
    ResultsFile(path, COLUMNS).finish(row for _ in range(10_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000
    assert path.stat().st_size > 20_000_000


class TestSeveralFiles:
    """Rows go where their request says."""

    def test_each_row_is_in_its_file_in_input_order(self, tmp_path):
        a, b = str(tmp_path / "x" / "a.csv"), str(tmp_path / "y" / "b.jsonl")
        files = ResultsFiles(COLUMNS)
        files.begin([answered("1", 1, a)])
        files.add([answered("4", 4, b), answered("3", 3, a), answered("2", 2, b)])
        assert outputs(Path(a)) == ["1", "3"]
        rows = [answered(str(n), n, a if n % 2 else b) for n in range(1, 5)]
        files.finish(iter(rows))
        assert outputs(Path(a)) == ["1", "3"]
        lines = Path(b).read_text().splitlines()
        assert [json.loads(line)["_output"] for line in lines] == ["2", "4"]

    def test_a_file_that_is_known_is_there_from_the_start(self, tmp_path):
        path = tmp_path / "a.csv"
        ResultsFiles(COLUMNS, paths=[str(path)]).begin()
        assert path.read_text().startswith("provider,model,topic,_row,_status")

    def test_rows_without_a_file_go_to_stdout_at_the_end(self, tmp_path):
        path = str(tmp_path / "a.csv")
        printed = []
        files = ResultsFiles(COLUMNS, paths=[""], stdout=printed.append)
        files.begin([answered("0")])
        files.add([answered("1"), answered("2", output=path)])
        assert printed == []
        files.finish([answered("1"), answered("2", output=path)])
        assert [row["_output"] for row in read_csv("".join(printed))] == ["1"]
        assert outputs(Path(path)) == ["2"]

    def test_rows_whose_file_has_no_name_are_not_told_to_stdout_instead(self, tmp_path):
        path = str(tmp_path / "a.csv")
        printed = []
        files = ResultsFiles(COLUMNS, stdout=printed.append)
        rows = [answered("1"), answered("2", output=path)]
        files.begin(rows)
        files.add(rows)
        files.finish(rows)
        assert printed == []
        assert outputs(Path(path)) == ["2"]

    def test_hundreds_of_files_need_few_descriptors(self, tmp_path, monkeypatch):
        monkeypatch.setattr(results_files, "_FLUSH_AT", 2000)
        files = ResultsFiles(COLUMNS)
        rows = [answered(f"{n}", n, str(tmp_path / f"{n % 200}.csv")) for n in range(600)]
        before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
        files.begin()
        for row in rows:
            files.add([row])
        if before:
            assert len(os.listdir("/proc/self/fd")) <= before + 64
        files.finish(rows)
        assert len(only_files(tmp_path)) == 200
        assert outputs(tmp_path / "7.csv") == ["7", "207", "407"]

    def test_no_file_is_changed_when_the_rows_cannot_be_read(self, tmp_path):
        path = str(tmp_path / "a.csv")
        files = ResultsFiles(COLUMNS)
        files.finish([answered("old", output=path)])

        def rows():
            yield answered("new", output=path)
            raise treadle.SourceFailed("the record is gone")

        with pytest.raises(treadle.SourceFailed):
            files.finish(rows())
        assert outputs(Path(path)) == ["old"]
        assert only_files(tmp_path) == ["a.csv"]

    def test_all_files_have_the_columns_that_were_discovered(self, tmp_path):
        a, b = str(tmp_path / "a.csv"), str(tmp_path / "b.csv")
        rows = [answered('{"x": 1}', 1, a), answered('{"y": 2}', 2, b)]
        ResultsFiles(Columns(HEADER, flatten="discover")).finish(rows)
        assert [(row["x"], row["y"]) for row in read_csv(Path(a))] == [("1", "")]
        assert [(row["x"], row["y"]) for row in read_csv(Path(b))] == [("", "2")]
