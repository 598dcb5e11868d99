"""What docs/lab.md lists is what there is: names, columns, notes, reasons."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import polars as pl
import pytest

from treadle import lab
from treadle.lab import errors, notes
from treadle.lab.manifest_file import columns
from treadle.lab.schema import default_schema

DOCS = (Path(__file__).parents[2] / "docs" / "lab.md").read_text(encoding="utf-8")
IN_WORDS = {
    pl.String: "text",
    pl.Float64: "number",
    pl.Int64: "integer",
    pl.Int32: "integer",
    pl.Boolean: "boolean",
    pl.Date: "date",
    pl.Datetime("us", "UTC"): "time",
    pl.List(pl.String): "list of text",
}


def section(title: str) -> str:
    """Return what stands below a heading of the second level."""
    return DOCS.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_the_docs_list_exactly_what_is_public():
    listed = re.findall(r"^- `lab\.(\w+)", DOCS, re.MULTILINE)
    assert sorted(listed) == sorted(lab.__all__)


@pytest.mark.parametrize("name", lab.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name):
    assert (getattr(lab, name).__doc__ or "").strip()


HIDDEN = """
import sys
sys.modules[sys.argv[1]] = None
import treadle
from treadle import lab
try:
    getattr(lab, sys.argv[2])
except treadle.MissingExtra as error:
    print(error.hint)
"""


@pytest.mark.parametrize("module", ["polars", "pyarrow", "numpy", "scipy", "pydantic", "yaml"])
@pytest.mark.parametrize("name", ["read", "stage", "load_schema"])
def test_without_its_libraries_each_name_says_what_to_install(module, name):
    done = subprocess.run(
        [sys.executable, "-c", HIDDEN, module, name],
        capture_output=True, text=True, timeout=40, check=True,
    )  # fmt: skip
    assert done.stdout == "pip install 'treadle[lab]'\n"


def test_the_docs_list_every_column_of_the_manifest_with_its_type():
    listed = re.findall(r"^\| `(\w+)` \| ([a-z ]+) \|", section("The manifest"), re.MULTILINE)
    there = {name: IN_WORDS[kind] for name, kind in columns(default_schema()).items()}
    assert listed == list(there.items())


def test_the_docs_name_every_note():
    odd = section("What happens to odd files")
    assert set(re.findall(r"`([A-Z]{2,}(?:_[A-Z]{2,})+|OVERFLOW|UNDECODABLE)`", odd)) == set(
        get_args(notes.Code)
    )


def test_the_docs_name_every_reason():
    kinds = errors.Rejected.__subclasses__()
    odd = section("What happens to odd files")
    assert [each.reason for each in kinds if f"*{each.reason}*" not in odd] == []
