"""An outcome as a row, and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import Records

from treadle.core.outcome import (
    Cancelled,
    Failure,
    Raised,
    Succeeded,
    TimedOut,
    Unpicklable,
    WorkerLost,
)
from treadle.errors import RemoteError
from treadle.ledger.reader import Record
from treadle.ledger.rows import failure_of, failure_text, packed, unpacked

anything = st.text(st.characters(exclude_categories=()))  # surrogates, too
texts = st.lists(anything, max_size=3).map(tuple)
keys = anything | st.integers() | st.integers(-(2**63) - 2, -(2**63) + 2)
seconds = st.floats(0, 1e12, allow_nan=False)
facts = st.tuples(
    keys,
    st.integers(0, 1 << 40),
    st.integers(0, 1000),
    seconds,
    seconds,
    st.none() | seconds,
    st.none() | st.integers(0, 1 << 50),
    st.none() | st.sampled_from(["process-1", "thread-2", "inline"]),
)
failures = st.builds(
    Failure, anything, anything, anything, notes=texts, hint=st.none() | anything, mro=texts
)
reasons = st.none() | anything
OUTCOMES = {
    "succeeded": facts.map(lambda given: Succeeded(*given, None)),
    "raised": st.builds(lambda given, why: Raised(*given, why, ValueError()), facts, failures),
    "timed out": st.builds(
        lambda given, after, left: TimedOut(*given, after, left), facts, seconds, st.booleans()
    ),
    "worker lost": st.builds(
        lambda given, code, *rest: WorkerLost(*given, code, *rest),
        facts,
        st.none() | st.integers(-255, 255),
        reasons,
        reasons,
        anything,
    ),
    "unpicklable": st.builds(
        lambda given, what, why: Unpicklable(*given, what, why),
        facts,
        st.sampled_from(["argument", "result"]),
        failures,
    ),
}


@settings(max_examples=60)
@given(outcome=st.one_of(list(OUTCOMES.values())))
def test_every_outcome_comes_back_from_the_database_as_it_was(outcome, tmp_path_factory):
    records = Records(tmp_path_factory.mktemp("rows"))
    records.write(outcome)
    record = Record(records.folder)
    (found,) = record.outcomes()
    by_key = record.item(outcome.key)
    record.close()
    assert found.kind == outcome.kind
    assert found.verdict == outcome.verdict
    if outcome.kind == "raised":
        assert isinstance(found.error, RemoteError)
        assert found.error.type_name == outcome.failure.type
        found.error = by_key.error = outcome.error
    assert found == by_key == outcome
    if not outcome.ok:
        assert found.failure == outcome.failure


def test_every_kind_of_outcome_but_cancelled_is_tried_above():
    kinds = {each.kind for each in (Succeeded, Raised, TimedOut, WorkerLost, Unpicklable)}
    assert set(OUTCOMES) == kinds
    assert Cancelled.kind not in kinds


def test_a_cancelled_item_has_not_settled_and_gets_no_row(records):
    records.write(records.ok(0), Cancelled(1, 1, 0, 0.0, 0.0, None, None, None, "interrupted"))
    record = Record(records.folder)
    assert [outcome.key for outcome in record.outcomes()] == [0]
    record.close()


@given(failures)
def test_a_failure_comes_back(failure):
    text = failure_text(failure)
    assert text.isascii()
    assert failure_of(text) == failure


def test_what_a_later_treadle_has_added_to_a_failure_is_ignored():
    text = json.dumps({**json.loads(failure_text(Failure("E", "m"))), "colour": "green"})
    assert failure_of(text) == Failure("E", "m")


@given(keys)
def test_a_key_comes_back_of_the_type_it_was(key):
    found = unpacked(packed(key))
    assert found == key
    assert type(found) is type(key)


@given(keys, keys)
def test_two_keys_are_packed_alike_only_if_they_are_alike(one, other):
    assert (packed(one) == packed(other)) == (one == other)


@pytest.mark.parametrize("key", [b"\xff.csv".decode("utf-8", "surrogateescape"), 2**64, -(2**70)])
def test_a_key_that_sqlite_cannot_have_is_a_key_like_others(records, key):
    ledger = records.begin()
    ledger.version = "1"
    ledger.note([records.bad(key, 0)])
    ledger.commit(None)
    ledger.retries = True
    ledger.note([records.ok(key, 0)])
    ledger.commit({"file": "x"})
    assert (ledger.count("succeeded"), ledger.failed) == (1, 0)
    past = ledger.past(lambda status: not status)
    assert not past.wants(key, 5)
    past.close()
    ledger.commit({"file": "x"})
    record = Record(records.folder)
    assert [(found.key, found.index) for found in record.outcomes()] == [(key, 5)]
    record.close()
    ledger.version = "2"
    assert list(ledger.of_other_versions()) == [(key, "succeeded")]
    ledger.drop([key], {"file": "x"})
    assert ledger.count("succeeded") == 0
    ledger.close()
