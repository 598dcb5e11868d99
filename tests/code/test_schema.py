"""The JSON Schema says what a row is: no more and no less."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path

import jsonschema
import pyarrow.parquet as pq
import pytest

from treadle.code import Chunk, json_schema, run
from treadle.code.schema import arrow_schema

sys.path.insert(0, str(Path(__file__).parent))
from trees_on_disk import plant


@pytest.fixture
def rows(tmp_path):
    into = tmp_path / "chunks.jsonl"
    run(plant(tmp_path / "tree"), into, max_chars=60, backend="inline")
    return [json.loads(line) for line in into.read_bytes().splitlines()]


def test_it_is_a_schema_with_the_fields_of_a_chunk_in_their_order():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert list(schema["properties"]) == list(Chunk._fields) == schema["required"]
    assert arrow_schema().names == list(Chunk._fields)
    assert json.loads(json.dumps(schema)) == schema


def test_what_is_written_fits_it(rows):
    validator = jsonschema.Draft202012Validator(json_schema())
    assert rows
    for row in rows:
        validator.validate(row)
        assert list(row) == list(Chunk._fields)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("id", "xyz"),
        ("start_line", 0),
        ("tokens", "3"),
        ("kind", "thing"),
        ("text", None),
        ("part", [1]),
        ("scope", None),
        ("more", 1),
    ],
)
def test_what_is_no_row_does_not(rows, name, wrong):
    row = copy.deepcopy(rows[0])
    row[name] = wrong
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(row, json_schema())


def test_every_field_is_described():
    assert all(len(each["description"]) > 10 for each in json_schema()["properties"].values())


def test_a_parquet_file_has_the_schema_even_without_rows(tmp_path):
    (tmp_path / "nothing").mkdir()
    run(tmp_path / "nothing", tmp_path / "chunks.parquet")
    assert pq.read_schema(tmp_path / "chunks.parquet").equals(arrow_schema())
