"""Why a file was rejected arrives as it was raised: its class, its words, its hint."""

from __future__ import annotations

import pickle

import pytest

import treadle
from treadle.lab.errors import (
    BreaksSchema,
    Damaged,
    NoData,
    NotAMeasurement,
    Rejected,
    SchemaError,
    StillGrowing,
    Unreadable,
)

REASONS = [NotAMeasurement, Unreadable, NoData, Damaged, StillGrowing, BreaksSchema]


@pytest.mark.parametrize("kind", [*REASONS, SchemaError])
def test_an_error_travels_between_processes(kind):
    error = kind("line 7: no rows", hint="delete it")
    error.add_note("in the file a.csv")
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is kind
    assert (arrived.message, arrived.hint) == ("line 7: no rows", "delete it")
    assert arrived.__notes__ == ["in the file a.csv"]


def test_each_reason_has_words_of_its_own():
    words = {kind.reason for kind in REASONS}
    assert len(words) == len(REASONS)
    assert Rejected.reason not in words


@pytest.mark.parametrize("kind", REASONS)
def test_one_clause_catches_every_rejection(kind):
    assert issubclass(kind, Rejected)
    assert issubclass(kind, treadle.TreadleError)
    assert not issubclass(kind, treadle.UsageError)


def test_a_wrong_schema_is_a_mistake_of_the_user():
    assert issubclass(SchemaError, treadle.UsageError)
