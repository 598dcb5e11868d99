"""What holds for all tests of ``treadle prompts``."""

from __future__ import annotations

import csv

import pytest


@pytest.fixture(autouse=True)
def _csv_limit():
    """Put the limit of the csv module back: it is one of the process, and our tables raise it."""
    before = csv.field_size_limit()
    yield
    csv.field_size_limit(before)
