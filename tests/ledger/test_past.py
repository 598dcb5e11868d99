"""What an earlier session has settled is left out, whatever order things come in."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import Records

from treadle.errors import UsageError
from treadle.ledger import past as module
from treadle.ledger.reader import Record
from treadle.ledger.seen import Seen
from treadle.ledger.writer import Ledger

keys = st.integers(-3, 25) | st.sampled_from([str(n) for n in range(25)])
WANTED = {
    "resume": lambda status: not status,
    "retry": lambda status: status not in ("", "succeeded"),
}


@pytest.fixture(params=[4096, 3], ids=["a chunk for all", "chunks of three"])
def chunk(request, monkeypatch):
    monkeypatch.setattr(module, "_CHUNK", request.param)
    monkeypatch.setattr(module, "_AHEAD", 3 * request.param)
    return request.param


@st.composite
def histories(draw):
    """Return rows of an earlier session as they settled, and the keys of the source now."""
    source = draw(st.lists(keys, unique=True, max_size=25))
    earlier = draw(st.lists(keys, unique=True, max_size=25)) if draw(st.booleans()) else source
    good = draw(st.sets(st.sampled_from(earlier))) if earlier else set()
    rows = [(key, position, key in good) for position, key in enumerate(earlier)]
    if rows:  # some of them came twice, and failed for that
        again = draw(st.lists(st.sampled_from(earlier), max_size=4))
        rows += [(key, len(earlier) + n, False) for n, key in enumerate(again)]
    settled = draw(st.permutations(rows))
    return settled[: draw(st.integers(0, len(settled)))], draw(st.permutations(source))


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize("mode", WANTED)
def test_what_runs_is_what_a_dict_would_say(mode, tmp_path_factory):
    tried = Counter()

    @settings(max_examples=30)
    @given(histories())
    def holds(history):
        settled, source = history
        records = Records(tmp_path_factory.mktemp("past"))
        records.write(*((records.ok if good else records.bad)(k, at) for k, at, good in settled))
        status = {}
        for key, _, good in settled:
            status[key] = "succeeded" if good or status.get(key) == "succeeded" else "raised"
        ledger = Ledger.reopen(records.folder)
        past = ledger.past(WANTED[mode])
        said = [past.wants(key, position) for position, key in enumerate(source)]
        past.close()
        ledger.close()
        assert said == [WANTED[mode](status.get(key, "")) for key in source]
        tried.update(said)

    holds()
    assert set(tried) == {True, False}


@pytest.mark.usefixtures("chunk")
def test_an_item_that_is_somewhere_else_now_is_shown_there(records):
    records.write(*(records.ok(name, at) for at, name in enumerate("dcba")))
    ledger = Ledger.reopen(records.folder)
    past = ledger.past(WANTED["resume"])
    assert [past.wants(name, at) for at, name in enumerate("abxcd")] == [False] * 2 + [True] + [
        False
    ] * 2
    past.close()
    ledger.commit(None)
    ledger.close()
    record = Record(records.folder)
    assert [(found.key, found.index) for found in record.outcomes()] == [
        ("a", 0), ("b", 1), ("c", 3), ("d", 4),
    ]  # fmt: skip
    record.close()


def test_what_settles_in_this_session_is_not_looked_at(records):
    records.write(records.ok(0))
    ledger = Ledger.reopen(records.folder)
    past = ledger.past(WANTED["resume"])
    assert not past.wants(0, 0)
    ledger.note([records.ok(1)])
    ledger.commit(None)
    assert past.wants(1, 1)
    past.close()
    ledger.close()


def test_a_hundred_thousand_items_in_reverse_order(records):
    """More than are read ahead, so that rows are asked for one by one."""
    size = module._AHEAD + 2 * module._CHUNK
    records.write(*(records.ok(position) for position in range(size)))
    ledger = Ledger.reopen(records.folder)
    past = ledger.past(WANTED["resume"])
    assert not any(past.wants(position, position) for position in reversed(range(size)))
    assert past.wants(size, size)
    assert len(past._ahead) <= module._AHEAD
    past.close()
    ledger.close()


def test_a_database_that_is_gone_is_named(records):
    records.begin().close()
    past = Ledger.reopen(records.folder)
    (records.folder / "ledger.sqlite").unlink()
    looked = past.past(WANTED["resume"])
    with pytest.raises(UsageError, match="missing"):
        looked.wants(0, 0)
    looked.close()
    past.close()


# --- keys that come twice ------------------------------------------------------------------------


@given(st.lists(keys | st.just("\udcff") | st.just(2**80), max_size=60))
def test_the_second_item_of_a_key_is_refused_and_the_first_is_named(source):
    seen, first = Seen(), {}
    for position, given_key in enumerate(source):
        key = str(given_key)  # as files hold it
        if key in first:
            with pytest.raises(UsageError) as caught:
                seen.note(key, position)
            assert f"the items {first[key]} and {position} " in caught.value.message
        else:
            seen.note(key, position)
            first[key] = position
    seen.close()
    assert len(first) == len(set(map(str, source)))


@pytest.mark.parametrize("keys", [(7, "7"), ("\udcff", r"\udcff")])
def test_keys_that_are_one_in_a_file_are_one(keys):
    seen = Seen()
    seen.note(keys[0], 0)
    seen.note("another", 1)
    with pytest.raises(UsageError, match="is that of the items 0 and 2"):
        seen.note(keys[1], 2)
    seen.close()
    seen.close()
