"""What the tests of `treadle.lab` share."""

from __future__ import annotations

import polars as pl
import pyarrow as pa
import pyarrow.csv
import pytest


@pytest.fixture(scope="session", autouse=True)
def long_lived(tmp_path_factory):
    """Let Polars and Arrow open, once, what they keep open for the life of the process."""
    path = tmp_path_factory.mktemp("polars") / "some.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(path)
    pl.read_parquet(path)
    pl.scan_parquet(path).sink_parquet(path.with_name("other.parquet"))
    pyarrow.csv.read_csv(pa.BufferReader(b"a\n1\n"))
