"""What the tests of `treadle.lab` share."""

from __future__ import annotations

import polars as pl
import pytest


@pytest.fixture(scope="session", autouse=True)
def polars_runtime(tmp_path_factory):
    """Let Polars open, once, what it keeps open for the life of the process."""
    path = tmp_path_factory.mktemp("polars") / "some.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(path)
    pl.read_parquet(path)
    pl.scan_parquet(path).collect()
