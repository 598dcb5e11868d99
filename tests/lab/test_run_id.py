"""The text that run ids are made of is what Polars writes, however it was put together."""

from __future__ import annotations

import hashlib

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from treadle.lab import run_id
from treadle.lab.run_id import run_id_of

CELLS = {
    "numbers": (pl.Float64, st.floats()),
    "numbers and null": (pl.Float64, st.one_of(st.none(), st.floats())),
    "integers": (pl.Int64, st.integers(-(2**63), 2**63 - 1)),
    "nan": (pl.String, st.just("nan")),
    "text": (pl.String, st.sampled_from(["nan", "1.0", "", 'a,"b"', "\n"])),
}


def columns(kind, height):
    dtype, cells = CELLS[kind]
    return st.lists(cells, min_size=height, max_size=height).map(
        lambda values: pl.Series(values, dtype=dtype)
    )


def tables(kinds):
    names = st.lists(
        st.sampled_from(["I (A)", 'a "b"', "x,y", "", " ", "µ\n", "nan"]),
        unique=True, min_size=len(kinds), max_size=len(kinds),
    )  # fmt: skip
    series = st.integers(0, 6).flatmap(
        lambda height: st.tuples(*(columns(kind, height) for kind in kinds))
    )
    return st.builds(
        lambda names, series: pl.DataFrame(dict(zip(names, series, strict=True))), names, series
    )


usual = st.lists(st.sampled_from(["numbers", "nan"]), min_size=1, max_size=5)
some = st.lists(st.sampled_from(sorted(CELLS)), max_size=5)


@given(st.one_of(usual, some).flatmap(tables))
@example(pl.DataFrame({"Vg (V)": [-5.0, 1e-9], "t (s)": ["nan", "nan"], "I (A)": [5e-324, 1e16]}))
def test_the_id_is_made_of_what_polars_writes(table):
    data = hashlib.sha1(table.write_csv().encode()).hexdigest()
    wanted = hashlib.sha1(f"IVg|None|None||{data}".encode()).hexdigest()[:16]
    assert run_id_of("IVg", {}, None, table) == wanted


def test_the_id_does_not_depend_on_how_the_table_lies_in_memory():
    table = pl.DataFrame({"Vg (V)": [0.5, 1.5, 2.5, 3.5], "t (s)": ["nan"] * 4})
    parts = pl.concat([table[:1], table[1:2], table[2:]], rechunk=False)
    assert run_id_of("IVg", {}, None, parts) == run_id_of("IVg", {}, None, table)
    assert run_id_of("IVg", {}, None, table[1:3]) == run_id_of("IVg", {}, None, parts[1:3])


@given(some.flatmap(tables))
def test_the_id_does_not_depend_on_how_many_rows_are_written_at_once(table):
    wanted = run_id_of("IVg", {}, None, table)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_id, "_AT_ONCE", 2)
        assert run_id_of("IVg", {}, None, table) == wanted
