"""lines(): text from files, pipes and archives, by line number."""

from __future__ import annotations

import gzip
import io
import os
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.errors import SourceFailed, UsageError
from treadle.sources import lines


def test_lines_have_no_ends_and_are_numbered_from_one(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\n\nfour \x0b\xe2\x80\xa8 still four\nlast")
    source = lines(path)
    assert list(source) == ["one", "two", "", "four \x0b\u2028 still four", "last"]
    assert [source.key(line, i) for i, line in enumerate(source)] == [1, 2, 3, 4, 5]


def test_a_path_can_be_read_again(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("x\ny\n")
    source = lines(str(path))
    assert list(source) == list(source) == ["x", "y"]


def test_an_empty_file_has_no_lines(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"")
    assert list(lines(tmp_path / "a.txt")) == []


def test_gzip_is_unpacked(tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress("ä\nb\n".encode()))
    assert list(lines(path)) == ["ä", "b"]


def test_a_torn_archive_gives_what_it_can_and_then_fails(tmp_path):
    path = tmp_path / "a.txt.gz"
    whole = gzip.compress(os.urandom(200_000).hex().encode() + b"\n" + b"x\n" * 3)
    path.write_bytes(whole[:-100])
    with pytest.raises(SourceFailed, match=r"cannot be read after line"):
        list(lines(path))
    path.write_bytes(b"no gzip")
    with pytest.raises(SourceFailed, match="cannot be read") as caught:
        list(lines(path))
    assert "really gzip" in caught.value.hint


def test_bytes_that_are_no_text_are_named_by_line_after_all_lines_before(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"good\n" * 50_000 + b"caf\xe9\nmore\n")
    seen = []
    with pytest.raises(SourceFailed, match=r"line 50001 of .* is not utf-8: b'\\xe9'") as caught:
        seen.extend(lines(path))
    assert isinstance(caught.value.__cause__, UnicodeDecodeError)
    assert "latin-1" in caught.value.hint
    iterator = iter(lines(path))
    assert sum(1 for _ in zip(range(50_000), iterator, strict=False)) == 50_000
    iterator.close()
    assert list(lines(path, encoding="latin-1"))[-2:] == ["café", "more"]
    assert list(lines(path, errors="replace"))[-2] == "caf\ufffd"


def test_a_character_cut_off_by_the_end_of_the_file_is_an_error(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("x\nä".encode()[:-1])
    with pytest.raises(SourceFailed, match="line 2"):
        list(lines(path))


def test_utf_16(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("one\r\ntwo\n".encode("utf-16"))
    assert list(lines(path, encoding="utf-16")) == ["one", "two"]


def test_dash_is_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("ä\nb".encode()), "ascii"))
    source = lines("-")
    assert list(source) == ["ä", "b"]
    with pytest.raises(UsageError, match="<stdin> can be read only once"):
        list(source)


def test_a_line_that_is_in_a_pipe_arrives_before_the_pipe_is_closed():
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stream, os.fdopen(writer, "wb", buffering=0) as end:
        iterator = iter(lines(stream))
        got = []
        arrived = threading.Event()

        def take():
            got.append(next(iterator))
            arrived.set()

        thread = threading.Thread(target=take)
        end.write(b"first\n")
        thread.start()
        arrived.wait()
        thread.join()
        assert got == ["first"]
        iterator.close()


def test_open_files_are_read_in_both_modes_and_left_open(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("x\ny\n")
    with path.open() as text, path.open("rb") as binary:
        assert list(lines(text)) == list(lines(binary)) == ["x", "y"]
        assert not text.closed
        assert not binary.closed
    assert list(lines(io.StringIO("a\nb"))) == ["a", "b"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "nowhere.txt"}, "'nowhere.txt' does not exist"),
        ({"source": "."}, "is a folder"),
        ({"source": ["a"]}, "not list"),
        ({"source": "-", "encoding": "utf-99"}, "utf-99"),
        ({"source": "-", "encoding": "hex"}, "hex"),
        ({"source": "-", "errors": "shrug"}, "shrug"),
    ],
)
def test_a_mistake_is_named_at_once(arguments, message):
    with pytest.raises(UsageError, match=message):
        lines(**arguments)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r\ufeff"))))
def test_what_is_written_line_by_line_is_read_line_by_line(written):
    data = "".join(line + "\n" for line in written).encode()
    assert list(lines(io.BytesIO(data))) == written


@given(st.binary(max_size=40), st.integers(1, 5))
def test_the_size_of_the_blocks_does_not_matter(data, size):
    class Slow(io.BytesIO):
        def read1(self, _):
            return super().read(size)

    def outcome(stream):
        got = []
        try:
            got.extend(iter(lines(stream)))
        except SourceFailed as error:
            got.append(error.message.partition(" of ")[0])
        return got

    assert outcome(Slow(data)) == outcome(io.BytesIO(data))
