"""The database of a run: damaged, missing, read while it is written."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import Records

from treadle.core import events
from treadle.core.outcome import Failure
from treadle.errors import RunFailed, TreadleError, UsageError
from treadle.ledger import store
from treadle.ledger.reader import Record
from treadle.ledger.writer import Ledger

NOBODY = 65534


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Return the folder of a sound run with rows of all tables."""
    records = Records(tmp_path_factory.mktemp("sound"))
    ledger = records.begin()
    failure = Failure("OSError", "busy")
    for key in range(40):
        ledger.hear(
            events.Retrying(at=0.0, key=key, index=key, attempt=1, failure=failure, delay=1.0)
        )
        ledger.hear(events.Printed(at=0.0, worker="w", key=key, stream="stdout", text="said\n"))
    ledger.note([(records.bad if n % 3 else records.ok)(f"item {n}", n) for n in range(40)])
    ledger.commit({"file": "x", "size": 0}, state="stopped", total=50)
    ledger.close()
    return records.folder


@pytest.fixture
def copy(sound, tmp_path):
    return Path(shutil.copytree(sound, tmp_path / sound.name))


def look_at_all(folder):
    """Use everything that a reader has."""
    record = Record(folder)
    try:
        found = [list(record.outcomes()), list(record.outcomes(failed=True)), record.slowest(3)]
        found += [record.state, record.elapsed, record.total, record.counts, record.mark]
        found += [record.began, record.attempts(7), record.messages(7), record.item("item 7")]
        return found
    finally:
        record.close()


def go_on(folder):
    """Use everything that a session which resumes has."""
    ledger = Ledger.reopen(folder)
    try:
        past = ledger.past(lambda status: status not in ("", "succeeded"))
        try:
            found = [past.wants(f"item {n}", 40 - n) for n in range(50)]
        finally:
            past.close()
        ledger.version = "2"
        found += [ledger.mark, ledger.failed, list(ledger.of_other_versions())]
        ledger.retries = True
        ledger.note([Records.ok(f"item {n}", n) for n in range(1, 50, 3)])
        ledger.commit({"file": "x"})
        ledger.drop(["item 0"], {"file": "x"})
        return found
    finally:
        ledger.close()


def refused_or_done(use, folder):
    """Tell whether *use* has said, in our words, that it cannot; any other exception fails."""
    try:
        use(folder)
    except TreadleError as caught:
        error = caught
    else:
        return False
    assert folder.name in error.message
    assert error.hint
    return True


def shown(found):
    """Return what was found as text: errors that were raised are not equal to each other."""
    return re.sub(r"RemoteError\(.*?\)", "", repr(found))


def damage(sound, tmp_path_factory, change):
    folder = Path(shutil.copytree(sound, tmp_path_factory.mktemp("hurt") / sound.name))
    path = folder / "ledger.sqlite"
    path.write_bytes(change(path.read_bytes()))
    return folder


def test_a_sound_run_is_read_and_gone_on_with(copy):
    assert not refused_or_done(look_at_all, copy)
    assert not refused_or_done(go_on, copy)


@pytest.mark.parametrize("use", [look_at_all, go_on])
def test_a_cut_off_database_is_refused_or_read_never_worse(use, sound, tmp_path_factory):
    size = (sound / "ledger.sqlite").stat().st_size
    whole = shown(use(damage(sound, tmp_path_factory, bytes)))
    refused = []

    @settings(max_examples=50)
    @given(st.integers(0, size - 1))
    def holds(length):
        folder = damage(sound, tmp_path_factory, lambda data: data[:length])
        refused.append(refused_or_done(use, folder))
        if not refused[-1]:  # what is missing was not asked for
            folder = damage(sound, tmp_path_factory, lambda data: data[:length])
            assert shown(use(folder)) == whole

    holds()
    assert True in refused


@pytest.mark.parametrize("use", [look_at_all, go_on])
def test_a_changed_database_is_refused_or_read_never_worse(use, sound, tmp_path_factory):
    size = (sound / "ledger.sqlite").stat().st_size
    spots = st.lists(st.tuples(st.integers(0, size - 1), st.binary(min_size=1, max_size=64)))
    refused = []

    @settings(max_examples=100)
    @given(spots)
    def holds(changes):
        def change(data):
            data = bytearray(data)
            for at, new in changes:
                data[at : at + len(new)] = new
            return data[:size]

        refused.append(refused_or_done(use, damage(sound, tmp_path_factory, change)))

    holds()
    assert True in refused


@given(st.binary(max_size=5000))
def test_any_file_in_its_place_is_refused(sound, tmp_path_factory, data):
    folder = damage(sound, tmp_path_factory, lambda _: data)
    assert refused_or_done(look_at_all, folder)
    assert refused_or_done(go_on, folder)


@pytest.mark.parametrize("use", [look_at_all, go_on])
def test_a_missing_database_is_named_and_none_is_made(copy, use):
    (copy / "ledger.sqlite").unlink()
    with pytest.raises(UsageError, match="it is missing"):
        use(copy)
    assert not (copy / "ledger.sqlite").exists()


@pytest.mark.parametrize("use", [look_at_all, go_on])
def test_a_database_of_something_else_is_refused(copy, use):
    (copy / "ledger.sqlite").unlink()
    other = sqlite3.connect(copy / "ledger.sqlite")
    other.execute("CREATE TABLE recipes (name)")
    other.close()
    with pytest.raises(UsageError, match="no table of items"):
        use(copy)


def test_who_goes_on_with_a_damaged_run_lets_it_go(copy):
    path = copy / "ledger.sqlite"
    whole = path.read_bytes()
    path.write_bytes(whole[:5000])
    with pytest.raises(UsageError):
        Ledger.reopen(copy)
    for name in ("ledger.sqlite-wal", "ledger.sqlite-shm"):
        (copy / name).unlink(missing_ok=True)
    path.write_bytes(whole)
    again = Ledger.reopen(copy)
    assert again.count("succeeded") == 14
    again.close()


# --- places that cannot be written to ------------------------------------------------------------

AS_NOBODY = f"""
import os, sys
from pathlib import Path
from treadle.errors import UsageError
from treadle.ledger.reader import Record
from treadle.ledger.writer import Ledger
os.setgid({NOBODY}); os.setuid({NOBODY})
folder = Path(sys.argv[1])
record = Record(folder)
print(len(list(record.outcomes())), record.state)
try:
    Ledger.reopen(folder)
except UsageError as error:
    print(error.message)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody without rights")
def test_who_may_only_read_can_look_and_is_told_why_not_more(sound):
    with tempfile.TemporaryDirectory() as place:
        folder = shutil.copytree(sound, Path(place, sound.name))
        for name in ("ledger.sqlite-wal", "ledger.sqlite-shm"):
            (folder / name).unlink(missing_ok=True)
        for path, mode in ((Path(place), 0o755), (folder, 0o555), (folder / "lock", 0o444)):
            path.chmod(mode)
        (folder / "ledger.sqlite").chmod(0o444)
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, folder],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
        )
        assert done.stdout.splitlines() == [
            "40 stopped",
            f"the run {folder.name} cannot be written to: Permission denied",
        ], done.stderr


def test_a_new_run_that_cannot_be_written_is_none(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    folder = tmp_path / "260102-030405"
    folder.mkdir()
    monkeypatch.setattr("treadle.ledger.format.os.fsync", full)
    with pytest.raises(UsageError, match="No space left"):
        Ledger.begin(folder, {"name": None})
    assert not (folder / "run.json").exists()


# --- while it is written -------------------------------------------------------------------------


def test_a_reader_sees_whole_commits_while_it_is_written(records):
    ledger = records.begin()
    record = Record(records.folder)
    assert (record.state, list(record.outcomes())) == ("running", [])
    seen = record.outcomes()
    for start in range(0, 3000, 500):
        ledger.note([records.ok(key) for key in range(start, start + 500)])
        before = sum(record.counts.values())
        assert before == len(list(record.outcomes())) == start
        ledger.commit({"file": "x", "size": start})
        assert record.counts == {"succeeded": start + 500}
        assert record.mark["size"] == start
        if start == 1000:
            first = [next(seen).key for _ in range(5)]  # a reader in the middle of its rows
    assert first + [outcome.key for outcome in seen] == list(range(3000))
    ledger.close()
    assert record.state == "crashed"  # it ended without a word
    record.close()


def test_a_run_says_that_it_crashed_once_nobody_writes_it(records):
    ledger = records.begin()
    record = Record(records.folder)
    assert (record.state, record.holder["pid"]) == ("running", os.getpid())
    ledger.close()
    assert (record.state, record.holder) == ("crashed", None)
    record.close()


def test_the_folder_may_be_removed_once_nobody_writes_it(records):
    records.write(records.ok(0))
    record = Record(records.folder)
    assert record.holder is None
    assert record.counts == {"succeeded": 1}
    shutil.rmtree(records.folder)
    record.close()
    with pytest.raises(UsageError, match="cannot be read"):
        Record(records.folder)


# --- commits -------------------------------------------------------------------------------------


def test_what_could_not_be_committed_is_committed_by_the_next_that_can(records):
    """The sink has these values, and its next mark speaks of them."""
    ledger = records.begin()
    ledger.note([records.ok(n) for n in range(500)])
    (pages,) = ledger._database.execute("PRAGMA page_count").fetchone()
    ledger._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(RunFailed, match="full") as caught:
        ledger.commit({"file": "x", "size": 1})
    assert f"treadle resume {ledger.id}" in caught.value.hint
    assert ledger.count("succeeded") == 0
    assert ledger.mark is None
    ledger._database.execute("PRAGMA max_page_count = 100000")
    ledger.note([records.bad(500)])
    ledger.commit({"file": "x", "size": 2})
    assert (ledger.count("succeeded"), ledger.failed) == (500, 1)
    ledger.close()
    record = Record(records.folder)
    assert [outcome.key for outcome in record.outcomes()] == list(range(501))
    assert record.counts == {"succeeded": 500, "raised": 1}
    assert record.mark["size"] == 2
    record.close()


def test_what_is_refused_by_the_database_changes_nothing(records):
    ledger = records.begin()
    ledger.note([records.ok(0)])
    ledger.commit({"size": 1})

    def fail_in_the_middle():
        with store.transaction(ledger._database, records.folder):
            ledger._database.execute("DELETE FROM items")
            ledger._database.execute("INSERT INTO nothing VALUES (1)")

    with pytest.raises(RunFailed, match="cannot be written"):
        fail_in_the_middle()
    assert ledger._counted() == {"succeeded": 1}
    ledger.close()


@pytest.mark.parametrize("keys", [[0, 1, 2], [5, 3, 9], ["a", "b", "c"], [1, 2, 3]])
def test_items_that_run_again_have_one_row_whatever_their_keys(records, keys):
    records.write(*(records.ok(key, at) for at, key in enumerate(keys)))
    ledger = Ledger.reopen(records.folder)
    ledger.version = "2"
    assert [key for key, _ in ledger.of_other_versions()] == keys
    ledger.drop(keys[:2], {"file": "x"})
    assert ledger.count("succeeded") == 1
    ledger.note([records.ok(key, at) for at, key in enumerate(keys[:2])])
    ledger.commit({"file": "x"})
    assert [key for key, _ in ledger.of_other_versions()] == keys[2:]
    assert ledger.count("succeeded") == 3
    ledger.close()


@pytest.mark.parametrize("key", [0, 1, "1", "name"])
def test_the_fingerprint_of_an_item_is_found_by_its_key(records, key):
    ledger = records.begin()
    ledger.fingerprints[0] = "made of it"
    ledger.note([records.ok(key, 0), records.ok("another", 1)])
    ledger.commit(None)
    with closing(ledger.past(lambda status: not status)) as past:
        assert past.find(key).fingerprint == "made of it"
        assert past.find("another").fingerprint is None
        assert past.find("unknown") is None
    ledger.close()


@pytest.mark.parametrize("key", [0, 7, "0", "7", "name"])
def test_a_retried_item_has_one_row_also_when_it_has_moved(records, key):
    records.write(records.bad(key, 7))
    ledger = Ledger.reopen(records.folder)
    ledger.retries = True
    ledger.note([records.ok(key, 0)])
    ledger.commit({"file": "x"})
    assert (ledger.count("succeeded"), ledger.failed) == (1, 0)
    ledger.close()


def test_what_items_say_is_kept_line_by_line_and_not_without_end(records, monkeypatch):
    monkeypatch.setattr("treadle.ledger.writer.MESSAGES", 3)
    ledger = records.begin()
    for text in ("one\n", "\udcff\n", "", "four"):
        ledger.hear(events.Printed(at=0.0, worker="w", key="k", stream="stdout", text=text))
    ledger.hear(events.Printed(at=0.0, worker="w", key=None, stream="stdout", text="nobody's"))
    ledger.note([records.ok("k", 0)])
    ledger.commit(None)
    ledger.close()
    record = Record(records.folder)
    assert [message.text for message in record.messages("k")] == ["one", "\\udcff", ""]
    record.close()


@pytest.mark.parametrize("key", [7, "7"])
def test_an_item_is_found_as_its_key_is_typed(records, key):
    ledger = records.begin()
    failure = Failure("OSError", "busy")
    ledger.hear(events.Retrying(at=0.0, key=key, index=0, attempt=1, failure=failure, delay=1.0))
    ledger.note([records.ok(key, 0)])
    ledger.commit(None)
    ledger.close()
    record = Record(records.folder)
    for typed in ("7", 7):
        assert record.item(typed).key == key
        assert [attempt.failure for attempt in record.attempts(typed)] == [failure]
    with pytest.raises(UsageError, match="no item '0'"):
        record.item("0")
    record.close()


def plan_of_attempts(folder):
    with closing(store.open_to_read(folder)) as database:
        query = "EXPLAIN QUERY PLAN SELECT * FROM attempts WHERE key = 7 ORDER BY rowid"
        return " ".join(row[-1] for row in database.execute(query))


def test_the_attempts_of_one_item_are_found_without_reading_all(sound):
    assert "INDEX attempts_by_key" in plan_of_attempts(sound)


def test_a_record_without_that_index_is_read_and_gets_it_when_it_is_written(copy):
    with closing(sqlite3.connect(copy / "ledger.sqlite")) as database:
        database.execute("DROP INDEX attempts_by_key")
        database.commit()
    before = look_at_all(copy)
    assert "SCAN" in plan_of_attempts(copy)
    Ledger.reopen(copy).close()
    assert "INDEX attempts_by_key" in plan_of_attempts(copy)
    assert repr(look_at_all(copy)) == repr(before)
