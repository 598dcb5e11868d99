"""The formats of an output: what goes in comes out again, in each of them."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import treadle
from treadle.code import Chunk, run
from treadle.code.outputs import csvfile, format_of, jsonl, parquet
from treadle.code.rendering import chunk_of, lines
from treadle.code.schema import FIELDS
from treadle.code.stored import Stored
from treadle.sinks.whole import whole

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ['"', "a,b", "\r", "\n", "\r\n", "\0", "\u2028", "é\u0301", "🧵", "null", "[]", "=1+1", " "]
)
NUMBERS = st.integers(0, 2**40)
BY_TYPE = {
    "text": TEXTS.filter(len),
    "number": NUMBERS,
    "texts": st.lists(TEXTS, max_size=3).map(tuple),
    "pair": st.tuples(st.integers(1, 9), st.integers(1, 9)),
}
CHUNKS = st.builds(
    Chunk,
    **{
        name: BY_TYPE[field.type] | st.none() if field.nullable else BY_TYPE[field.type]
        for name, field in FIELDS.items()
    },
)
FORMATS = {".jsonl": jsonl, ".csv": csvfile, ".parquet": parquet}


def written(form, blocks):
    stream = io.BytesIO()
    form.write(iter(blocks), stream)
    return stream.getvalue()


@pytest.fixture(params=FORMATS)
def suffix(request):
    return request.param


@settings(max_examples=30)
@given(files=st.lists(st.lists(CHUNKS, max_size=3), max_size=3))
def test_chunks_come_out_as_they_went_in(tmp_path_factory, files):
    path = tmp_path_factory.mktemp("out") / "chunks"
    blocks = [lines(tuple(chunks)) for chunks in files]
    for form in FORMATS.values():
        path.write_bytes(written(form, blocks))
        assert [chunk_of(row) for row in form.rows(path)] == [c for file in files for c in file]


@settings(max_examples=20)
@given(chunks=st.lists(CHUNKS, max_size=4))
def test_what_is_written_depends_on_the_rows_and_not_on_the_files_they_came_in(chunks):
    apart = [lines((chunk,)) for chunk in chunks]
    for form in FORMATS.values():
        assert written(form, apart) == written(form, [b"".join(apart), b""])


def test_jsonl_is_readable_as_it_is():
    [line] = lines((EXAMPLE,)).splitlines()
    assert line.startswith(
        b'{"id": "1", "path": "\xc3\xbcber.py", "language": "python", "index": 0'
    )
    assert json.loads(line)["part"] == [1, 2]


def test_csv_is_what_the_module_of_python_reads():
    text = written(csvfile, [lines((EXAMPLE,))]).decode()
    assert "\r\n" not in text.replace("x\r\n", "")
    header, row = csv.reader(io.StringIO(text, newline=""))
    assert header == list(FIELDS)
    told = dict(zip(header, row, strict=True))
    assert told["text"] == 'say("x\r\n")'
    assert (told["scope"], told["part"], told["docstring"]) == ('["A", "b"]', "[1, 2]", "")


def test_parquet_has_types_and_row_groups_of_some_megabytes(tmp_path):
    many = lines((EXAMPLE._replace(text="x" * 10_000),)) * 2000
    path = tmp_path / "chunks.parquet"
    path.write_bytes(written(parquet, [many]))
    with pq.ParquetFile(path) as file:
        assert file.metadata.num_rows == 2000
        assert file.metadata.num_row_groups == 3
    table = pq.read_table(path)
    assert table.schema.field("scope").type == pa.list_(pa.string())
    assert table["start_line"][0].as_py() == 3
    assert table["docstring"][0].as_py() is None


def test_the_suffix_says_which(suffix):
    assert format_of(f"a/b{suffix}") is FORMATS[suffix]
    assert format_of(f"a/b{suffix.upper()}") is FORMATS[suffix]
    assert format_of("-", is_stream=True) is jsonl
    with pytest.raises(treadle.UsageError, match=r"'chunks.xml'") as caught:
        format_of("chunks.xml")
    assert ".parquet" in caught.value.hint


def test_a_file_appears_when_it_is_whole(tmp_path):
    path, part = tmp_path / "deep" / "file", tmp_path / "deep" / "file.part"
    with whole(path, part) as stream:
        stream.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    with pytest.raises(ZeroDivisionError), whole(path, part) as stream:
        stream.write(b"half" * (1 // 0))
    assert path.read_bytes() == b"new"
    assert [each.name for each in Path(path.parent).iterdir()] == ["file"]


def test_who_may_read_a_file_may_read_the_one_that_takes_its_place(tmp_path):
    path = tmp_path / "file"
    for mode in (0o600, 0o640, 0o664):
        path.write_text("old")
        path.chmod(mode)
        with whole(path) as stream:
            assert os.fstat(stream.fileno()).st_mode & 0o777 == mode
            stream.write(b"new")
        assert path.stat().st_mode & 0o777 == mode
        assert path.read_bytes() == b"new"


def test_no_link_is_written_through_and_a_pipe_is_no_file_to_replace(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    path, part = tmp_path / "file", tmp_path / "file.part"
    for link in (path, part):
        link.symlink_to(precious)
    with whole(path, part) as stream:
        stream.write(b"new")
    assert (path.read_text(), path.is_symlink()) == ("new", False)
    assert precious.read_text() == "precious"
    with whole(Path("/dev/null")) as stream:
        stream.write(b"new")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl", "[1]\n"),
        ("a.jsonl", '{"id": "1"}\n'),
        ("a.jsonl", "no JSON\n"),
        ("a.csv", "a,b\n1,2\n"),
        ("a.csv", ",".join(FIELDS) + "\nshort,row\n"),
        ("a.csv", ",".join(FIELDS) + '\n"not closed\n'),
        ("a.parquet", "no Parquet"),
    ],
)
def test_what_holds_no_chunks_is_said_and_not_replaced(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(treadle.UsageError, match="cannot be read as chunks"):
        list(Stored(path).chunks())
    with pytest.raises(treadle.UsageError, match="holds no chunks") as caught:
        run([], path)
    assert "another file" in caught.value.hint
    assert [path] == list(tmp_path.iterdir())
    assert path.read_text() == text
    path.write_text("")
    assert run([], path).written


EXAMPLE = Chunk(
    id="1",
    path="über.py",
    language="python",
    index=0,
    start_byte=0,
    end_byte=9,
    start_line=3,
    end_line=4,
    start_column=0,
    end_column=2,
    text='say("x\r\n")',
    overlap=0,
    tokens=9,
    kind="function",
    symbol="b",
    qualified_name="A.b",
    scope=("A", "b"),
    breadcrumb="über.py > A > b",
    signature="def b()",
    docstring=None,
    symbols=(),
    imports=("os",),
    method="syntax",
    part=(1, 2),
    errors=0,
    content_hash="2",
)


def test_reading_csv_leaves_the_limit_of_the_process_as_it_was(tmp_path):
    before = csv.field_size_limit()
    (tmp_path / "a.py").write_text("a = 1\n")
    run(tmp_path / "a.py", tmp_path / "a.csv")
    assert list(Stored(tmp_path / "a.csv").chunks())
    assert csv.field_size_limit() == before
