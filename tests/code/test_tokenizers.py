"""Tokenizers by name: real ones where their libraries are installed, and never a download."""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import pickle
import socket

import pytest

import treadle
from treadle.code.budget import Budget
from treadle.code.cutting.oversize import split

TEXT = "def add(a, b):\n    return a + b  # größer\n" * 60


@pytest.fixture
def tokenizer_file(tmp_path):
    """A small BPE, trained here."""
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=60, special_tokens=["?"], show_progress=False
    )
    made.train_from_iterator([TEXT], trainer)
    made.enable_truncation(8)  # as many files on the hub have it
    path = tmp_path / "tokenizer.json"
    made.save(str(path))
    return path


def parts_of(text, budget):
    data = text.encode()
    cuts = [0, *split(data, 0, len(data), budget.measure(data)), len(data)]
    return [data[a:b].decode() for a, b in itertools.pairwise(cuts)]


def test_a_tokenizer_json_counts(tokenizer_file):
    budget = Budget.of(max_tokens=50, tokenizer=f"tokenizers:{tokenizer_file}")

    parts = parts_of(TEXT, budget)

    assert "".join(parts) == TEXT
    assert all(budget.count(part) <= 50 for part in parts)
    assert sum(budget.count(part) > 25 for part in parts) >= len(parts) - 1
    assert budget.count(TEXT) > 400  # not cut off at the 8 that the file asks for


def test_the_identity_is_that_of_the_file_not_of_its_place(tokenizer_file, tmp_path):
    copy = tmp_path / "copy.json"
    copy.write_bytes(tokenizer_file.read_bytes())
    budget, same = (Budget.of(tokenizer=f"tokenizers:{path}") for path in (tokenizer_file, copy))

    assert budget.identity() == same.identity()
    copy.write_text(copy.read_text().replace('"?"', '"!"') + "\n")
    assert budget.identity() != same.identity()
    assert pickle.loads(pickle.dumps(budget)) == budget


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot read the tokenizer"), ("{", "cannot load the tokenizer")],
)
def test_a_tokenizer_json_that_is_none_is_said(tmp_path, content, message):
    pytest.importorskip("tokenizers")
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_text(content)

    with pytest.raises(treadle.UsageError, match=message) as caught:
        Budget.of(tokenizer=f"tokenizers:{path}")
    assert caught.value.hint


@pytest.mark.parametrize("library", ["tiktoken", "tokenizers"])
def test_a_library_that_is_missing_is_named(monkeypatch, tmp_path, library):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == library else find(name)
    )
    path = tmp_path / "x.json"
    path.write_text("{}")

    with pytest.raises(treadle.MissingExtra, match=f"'{library}', which is not") as caught:
        Budget.of(tokenizer=f"{library}:{path}")
    assert caught.value.hint == f"pip install {library}"


@pytest.fixture
def no_network(monkeypatch):
    """Attempts to use the network, which all fail."""
    attempts = []

    def refuse(*address, **_):
        attempts.append(address)
        raise OSError("no network here")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return attempts


def test_an_encoding_that_would_be_downloaded_is_refused(monkeypatch, tmp_path, no_network):
    pytest.importorskip("tiktoken")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))

    with pytest.raises(
        treadle.UsageError, match="'p50k_base' of tiktoken is not on this"
    ) as caught:
        Budget.of(tokenizer="tiktoken:p50k_base")

    assert "TIKTOKEN_CACHE_DIR" in caught.value.hint
    assert no_network == []
    assert list(tmp_path.iterdir()) == []


def test_an_encoding_that_does_not_exist_is_said(no_network):
    pytest.importorskip("tiktoken")

    with pytest.raises(treadle.UsageError, match="tiktoken has no encoding 'gpt'") as caught:
        Budget.of(tokenizer="tiktoken:gpt")

    assert "cl100k_base" in caught.value.hint


@pytest.fixture
def cached_encoding(monkeypatch, tmp_path):
    """The name of an encoding of single bytes and a few pairs, in the cache of tiktoken."""
    pytest.importorskip("tiktoken")
    from base64 import b64encode

    import tiktoken.load
    import tiktoken.registry

    address = "https://example.invalid/small.tiktoken"
    ranks = [bytes([each]) for each in range(256)] + [
        b"re",
        b"tu",
        b"rn",
        b"  ",
        b"retu",
        b"return",
    ]
    lines = (b64encode(token) + b" %d\n" % rank for rank, token in enumerate(ranks))
    (tmp_path / hashlib.sha1(address.encode()).hexdigest()).write_bytes(b"".join(lines))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))

    def small():
        return {
            "name": tmp_path.name,
            "pat_str": r"\w+|\s+|[^\w\s]+",
            "mergeable_ranks": tiktoken.load.load_tiktoken_bpe(address),
            "special_tokens": {"<|end|>": 300},
        }

    tiktoken.list_encoding_names()  # finds the constructors, to which ours is added
    monkeypatch.setitem(tiktoken.registry.ENCODING_CONSTRUCTORS, tmp_path.name, small)
    yield tmp_path.name
    tiktoken.registry.ENCODINGS.pop(tmp_path.name, None)


def test_an_encoding_in_the_cache_counts(cached_encoding, no_network):
    budget = Budget.of(max_tokens=40, tokenizer=f"tiktoken:{cached_encoding}")

    parts = parts_of(TEXT, budget)

    assert budget.count("return 1") == 3
    assert budget.count("<|end|>") > 1  # text, not the mark for an end
    assert "".join(parts) == TEXT
    assert all(budget.count(part) <= 40 for part in parts)
    assert no_network == []
    assert cached_encoding in budget.identity()
    assert budget.measure(b"x" * 99).sure == 40  # no text has more tokens than bytes
