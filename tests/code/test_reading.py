"""Files are read whole, and their text gives their bytes back; else it is said why not."""

from __future__ import annotations

import codecs
import hashlib
import os
import pickle
import socket
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import treadle
from treadle.code import generated
from treadle.code.encodings import Content, Refused, decode
from treadle.code.errors import CannotRead, StillChanging
from treadle.code.generated import is_generated, is_minified
from treadle.code.reading import read
from treadle.code.values import REASONS

LIMIT = 1_000_000


def promised(raw: bytes) -> Content | Refused:
    """Decode, and look at all that is promised of any bytes."""
    got = decode(raw)
    assert got.hash == hashlib.sha256(raw).hexdigest()[:32]
    if isinstance(got, Refused):
        assert got.reason in REASONS
        assert got.detail
        assert got.size == len(raw)
        return got
    text = got.data.decode()
    assert got.raw_size == len(raw)
    assert text.encode(got.encoding) == raw
    assert b"".join(character.encode(got.encoding) for character in text) == raw
    places = [0]
    for character in text:
        places.append(places[-1] + len(character.encode()))
    offsets = got.raw_offsets(places)
    pieces = [raw[start:end] for start, end in pairwise(offsets)]
    assert [piece.decode(got.encoding) for piece in pieces] == list(text)
    return got


@given(st.binary(max_size=200))
@example(b"\xff\xfe\x00")
@example(b"\xff\xfe\x00\xd8")
@example(codecs.BOM_UTF32_LE + b"\x00\xd8\x00\x00")
@example(b"a\x00b\x00c\x00\xd8")
def test_any_bytes_give_a_text_that_gives_them_back_or_a_reason(raw):
    assert promised(raw).hash


@given(
    st.text(min_size=1, max_size=60),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]),
)
def test_any_text_in_any_unicode_encoding_gives_its_bytes_back(text, encoding):
    assert promised(text.encode(encoding)).hash


@given(
    declared=st.sampled_from(
        [
            "shift_jis",
            "euc-jp",
            "euc_jis_2004",
            "big5hkscs",
            "gb18030",
            "gbk",
            "cp1252",
            "koi8-r",
            "iso-2022-jp",
            "utf-7",
            "hz",
            "unicode_escape",
            "idna",
            "punycode",
            "rot13",
            "utf-16",
            "base64",
            "no-such",
            "utf-8-sig",
            "cp037",
            "mac-roman",
            "..",
            "undefined",
        ]
    ),
    body=st.binary(max_size=60),
)
def test_any_declaration_over_any_bytes_gives_them_back(declared, body):
    assert promised(b"# coding: " + declared.encode() + b"\n" + body).hash


@pytest.mark.parametrize(
    ("raw", "encoding", "newline"),
    [
        (b"", "utf-8", "none"),
        (b"x = 1\n", "utf-8", "lf"),
        (b"x = 1\r\ny = 2\r\n", "utf-8", "crlf"),
        (b"x = 1\ry = 2\r", "utf-8", "cr"),
        (b"x\r\ny\n", "utf-8", "mixed"),
        (b"x\ry\n", "utf-8", "mixed"),
        (b"one line", "utf-8", "none"),
        ("schön\n".encode(), "utf-8", "lf"),
        (codecs.BOM_UTF8 + b"x\n", "utf-8", "lf"),
        ("x = 'ü'\n".encode("utf-16"), "utf-16-le", "lf"),
        (codecs.BOM_UTF16_BE + "漢字\r\n".encode("utf-16-be"), "utf-16-be", "crlf"),
        ("x = 1\n".encode("utf-16-le"), "utf-16-le", "lf"),
        ("x = 1\n".encode("utf-16-be"), "utf-16-be", "lf"),
        ("x = 1\n".encode("utf-32"), "utf-32-le", "lf"),
        (codecs.BOM_UTF32_BE + "x\n".encode("utf-32-be"), "utf-32-be", "lf"),
        ("sch\xf6n\n".encode("latin-1"), "latin-1", "lf"),
        ("# -*- coding: cp1251 -*-\n# Я\n".encode("cp1251"), "cp1251", "lf"),
        ("#!/x\n# vim: set fileencoding=koi8-r :\nЯ\n".encode("koi8-r"), "koi8-r", "lf"),
        ("# coding: euc-jp-unix\n漢字\n".encode("euc-jp"), "euc_jp", "lf"),
        ('<?xml version="1.0" encoding="Shift_JIS"?>\nカナ\n'.encode("cp932"), "shift_jis", "lf"),
        ("# coding: iso-8859-15\n10 €\n".encode("iso-8859-15"), "iso8859-15", "lf"),
        (b"# coding: utf-8\n\xff\n", "latin-1", "lf"),
        (b"# coding: no-such\n\xff\n", "latin-1", "lf"),
        (b"1\n2\n# coding: cp1251\n\xff\n", "latin-1", "lf"),
        (b"\x1b[1mbold\x1b[0m\n\f\n", "utf-8", "lf"),
    ],
)
def test_encodings_and_ends_of_lines_are_told(raw, encoding, newline):
    got = promised(raw)

    assert isinstance(got, Content)
    assert (got.encoding, got.newline) == (encoding, newline)


def test_a_byte_order_mark_stays_in_the_text():
    assert promised(codecs.BOM_UTF8 + b"x").data == "\N{ZERO WIDTH NO-BREAK SPACE}x".encode()
    assert promised("x".encode("utf-16")).data == "\N{ZERO WIDTH NO-BREAK SPACE}x".encode()


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (b"\x7fELF\x02\x01\x01\x00", "a NUL at byte 7"),
        (b"ab\x00cd" + b"x" * 100, "a NUL at byte 2"),
        (bytes(range(1, 9)) * 20, "are control characters"),
        (b"\xff" + b"\x01ab" * 40, "no UTF-8, and 33%"),
        (b"\x89PNG\x01\x02" + b"\xaa\xbb\xcc" * 10, "no UTF-8, and 6%"),
    ],
)
def test_what_is_no_text_is_refused_as_binary(raw, detail):
    got = promised(raw)

    assert isinstance(got, Refused)
    assert got.reason == "binary"
    assert detail in got.detail or "control characters" in got.detail


def test_a_nul_late_in_a_text_is_kept():
    raw = b"x = 1\n" * 2000 + b"\x00\n"

    assert promised(raw).data == raw


def test_offsets_in_the_text_lead_to_those_in_the_file():
    content = decode("aüb\N{PILE OF POO}c".encode("utf-16"))

    # in UTF-8: the mark has 3 bytes, a 1, ü 2, b 1, the sign 4, c 1
    assert content.raw_offsets([0, 3, 4, 6, 7, 11, 12]) == [0, 2, 4, 6, 8, 12, 14]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "a.py"


def test_a_file_is_read_with_its_state(file):
    file.write_bytes(b"x = 1\n")

    got = read(str(file), max_bytes=LIMIT)

    assert isinstance(got, Content)
    assert (got.data, got.raw_size, got.encoding) == (b"x = 1\n", 6, "utf-8")
    assert got.stat.st_mtime_ns == file.stat().st_mtime_ns
    assert pickle.loads(pickle.dumps(got)) == got


@pytest.mark.parametrize("size", [0, 1, 20_000, 1_000_000])
def test_a_file_of_any_size_up_to_the_limit_is_read_whole(file, size):
    file.write_bytes(b"x" * size)

    assert read(file, max_bytes=LIMIT).data == b"x" * size


def test_a_file_over_the_limit_is_refused_unread(file):
    file.write_bytes(b"x" * 11)

    assert read(file, max_bytes=10) == Refused("too-large", "11 bytes, more than 10", 11)


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs /proc")
def test_a_file_that_has_no_size_until_it_is_read_is_read():
    assert read("/proc/version", max_bytes=LIMIT).data == Path("/proc/version").read_bytes()
    assert read("/proc/version", max_bytes=5).reason == "too-large"


def test_a_pipe_a_device_and_a_socket_are_special(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket has to be short
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        found = [read(each, max_bytes=LIMIT) for each in ("pipe", "socket", os.devnull)]

    assert [each.reason for each in found] == ["special"] * 3
    assert [each.detail.split()[1].rstrip(",") for each in found] == ["pipe", "socket", "device"]


def test_a_file_that_is_gone_fails_with_its_name_and_a_hint(file):
    with pytest.raises(CannotRead) as caught:
        read(file, max_bytes=LIMIT)

    assert caught.value.message == f"the file is gone: {str(file)!r}: No such file or directory"
    assert "removed, renamed" in caught.value.hint
    assert isinstance(caught.value, treadle.TreadleError)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_file_that_may_not_be_read_fails(file):
    file.write_text("x")
    file.chmod(0)

    with pytest.raises(CannotRead, match=r"cannot be read: .*Permission denied(?s:.*)permission"):
        read(file, max_bytes=LIMIT)


def test_a_folder_fails(tmp_path):
    with pytest.raises(CannotRead, match=r"Is a directory(?s:.*)as a root"):
        read(tmp_path, max_bytes=LIMIT)


def test_a_link_in_a_circle_fails(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")

    with pytest.raises(CannotRead, match="leads in a circle"):
        read(tmp_path / "a", max_bytes=LIMIT)


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_what_cannot_be_a_name_fails(name):
    with pytest.raises(CannotRead, match="no file can have this name"):
        read(name, max_bytes=LIMIT)


def test_a_name_that_is_no_text_is_read(tmp_path):
    file = os.fsencode(tmp_path) + b"/\xff.py"
    Path(os.fsdecode(file)).write_bytes(b"x\n")

    assert read(os.fsdecode(file), max_bytes=LIMIT).data == b"x\n"


@pytest.fixture
def changing(file, monkeypatch):
    """Let somebody append to the file after each of the first *times* that it is read."""
    file.write_bytes(b"x = 1\n")
    real = os.read
    left = []

    def read_and_append(descriptor, size):
        got = real(descriptor, size)
        if left and got:
            left.pop()
            with file.open("ab") as more:
                more.write(b"y = 2\n")
        return got

    def start(times):
        left.extend(range(times))
        monkeypatch.setattr(os, "read", read_and_append)

    return start


def test_a_file_that_changes_while_it_is_read_is_read_again(file, changing):
    changing(times=2)

    assert read(file, max_bytes=LIMIT).data == b"x = 1\ny = 2\ny = 2\n"


def test_a_file_that_goes_on_changing_fails(file, changing):
    changing(times=100)

    with pytest.raises(
        StillChanging, match=r"changes while it is read(?s:.*)run it again"
    ) as caught:
        read(file, max_bytes=LIMIT)

    assert pickle.loads(pickle.dumps(caught.value)).message == caught.value.message


def test_a_file_that_grows_over_the_limit_while_it_is_read_is_refused(file, changing):
    changing(times=1)

    assert read(file, max_bytes=10) == Refused("too-large", "12 bytes, more than 10", 12)


@pytest.mark.parametrize(
    ("path", "head"),
    [
        ("package-lock.json", b"{}"),
        ("sub/Cargo.lock", b""),
        ("yarn.lock", b""),
        ("go.sum", b""),
        ("app.min.js", b""),
        ("app.js.map", b"{}"),
        ("a_pb2.py", b""),
        ("a.go", b"// Code generated by mockgen. DO NOT EDIT.\n\npackage a\n"),
        ("a.py", b"# @generated by tool\n"),
        ("a.rs", b"/* automatically generated by rust-bindgen 0.69.4 */\n"),
        ("a.py", b"#!/bin/sh\n#\n# This file was automatically generated by SWIG.\n"),
        ("a.c", b"/* A Bison parser, made by GNU Bison 3.8.  */\n"),
        ("a.py", b"# Generated by the protocol buffer compiler.  DO NOT EDIT!\n"),
        ("a.sql", b"-- autogenerated; please leave it\n"),
        ("a.html", b"<!-- This file is auto-generated -->\n"),
        ("a.java", b"/*\n * AUTO-GENERATED FILE.  DO NOT MODIFY.\n */\n"),
        ("a.py", b'"""This module is generated from schema.json."""\n'),
    ],
)
def test_what_a_program_wrote_is_told(path, head):
    assert is_generated(path, head)


def test_what_gave_it_away_is_said():
    head = b"package a\n\n// Code generated by  mockgen. DO NOT EDIT.\n"

    assert is_generated("uv.lock", b"") == "uv.lock is a lock file"
    assert is_generated("a.min.css", b"") == "its name ends with .min.css"
    assert is_generated("a.go", head) == "line 3 says 'Code generated by mockgen. DO NOT EDIT'"


@pytest.mark.parametrize(
    "head",
    [
        b"MARKER = '@generated'\n",
        b"print('Code generated by me. DO NOT EDIT.')\n",
        b"# do not modify the list while it is iterated\n",
        b"# automatically generated names are left out\n",
        b"# DO NOT EDIT BELOW THIS LINE\n",
        b"# code that is generated by hand is rare\n",
        b"x" * 2100 + b"\n# @generated\n",
        b"generated = 1  # not edited\n",
        b"",
    ],
)
def test_what_people_wrote_is_left_alone(head):
    assert is_generated("a.py", head) is None


@pytest.mark.timeout(20)  # linear, it is well below a second; what is quadratic takes minutes
@pytest.mark.parametrize("sign", ["#", "/", "-", ";", "'", " ", "* "])
def test_no_line_of_signs_takes_long(sign, monkeypatch):
    monkeypatch.setattr(generated, "_HEAD", 200_000)

    assert is_generated("a.py", sign.encode() * 100_000 + b" generated") is None


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"", False),
        (b"x" * 5_000, False),
        (b"x" * 5_001, True),
        (b"x" * 100 + b"\n", False),
        (b"x = 1\n" * 2_000, False),
        (b"x = 1\r" * 2_000, False),
        (b"x = 1\n" * 20_000 + b"y" * 20_001, True),
        (b"x = 1\n" * 20_000 + b"y" * 20_000 + b"\n", False),
        (b"y" * 20_001 + b"\n" + b"x = 1\n" * 20_000, True),
        (b"x = 1\r" * 20_000 + b"y" * 20_001 + b"\r" + b"x = 1\r" * 20_000, True),
        ((b"x" * 501 + b"\n") * 20, True),
        ((b"x" * 480 + b"\n") * 20, False),
    ],
)
def test_lines_that_a_program_joined_are_told(data, answer):
    assert is_minified(data) is answer
