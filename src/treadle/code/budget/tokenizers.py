"""What a token is: by name, or by a function of the user's. Nothing is ever downloaded."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import operator
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import treadle
from treadle.code.budget import functions
from treadle.code.budget.measures import WORD

Tokenizer: TypeAlias = str | Callable[[str], int]
"""A name, or a function that counts the tokens of a text."""

NAMES = {
    "characters": "each character",
    "nonspace": "each character that is not white space",
    "words": "words, numbers and each punctuation mark",
    "tiktoken:ENCODING": "an encoding of tiktoken, such as tiktoken:o200k_base",
    "tokenizers:FILE": "a tokenizer.json of Hugging Face",
}
"""The names of tokenizers, each with what is a token."""

_words = re.compile(WORD)
_patching = threading.Lock()


@dataclass(frozen=True, slots=True)
class Counter:
    """
    A tokenizer that is ready.

    Attributes:
        count: Counts the tokens of a text.
        identity: Differs whenever counts could; of a function of the user's, its name alone.
        dense: A text has at most as many tokens as bytes.
    """

    count: Callable[[str], int]
    identity: str
    dense: bool


def counter(tokenizer: Tokenizer) -> Counter:
    """
    Return the tokenizer, ready to count.

    Raises:
        UsageError: There is none of this name, its library is not installed, its file cannot be
            read, or it would have to be downloaded.
    """
    if not isinstance(tokenizer, str):
        return Counter(
            functools.partial(_counted, tokenizer), functions.name(tokenizer), dense=False
        )
    family, colon, rest = tokenizer.partition(":")
    if colon and rest and family == "tiktoken":
        return _tiktoken(rest)
    if colon and rest and family == "tokenizers":
        return _from_file(rest)
    plain = {"characters": len, "nonspace": _nonspace, "words": _count_words}.get(tokenizer)
    if plain is None:
        raise treadle.UsageError(
            f"there is no tokenizer {tokenizer!r}",
            hint=f"one of {', '.join(NAMES)}, or a function that counts the tokens of a text",
        )
    return Counter(plain, tokenizer, dense=True)


def identity(tokenizer: Tokenizer) -> str:
    """
    Return a text that is another one whenever counts could be; see `functions` for those of users.

    Raises:
        UsageError: As `counter` does.
    """
    if isinstance(tokenizer, str):
        return counter(tokenizer).identity
    return functions.identity(tokenizer)


def _nonspace(text: str) -> int:
    return sum(map(len, text.split()))


def _count_words(text: str) -> int:
    return len(_words.findall(text))


def _counted(tokenizer: Callable[[str], int], text: str) -> int:
    """Ask a function of the user's, and say so when its answer is no count."""
    answer = tokenizer(text)
    try:
        tokens = operator.index(answer)
    except TypeError:
        tokens = -1
    if tokens < 0:
        raise treadle.UsageError(
            f"the tokenizer {functions.name(tokenizer)} returned {answer!r:.100} for a text",
            hint="it has to return how many tokens the text has, as a whole number",
        )
    return tokens


@functools.cache
def _tiktoken(name: str) -> Counter:
    if importlib.util.find_spec("tiktoken") is None:
        raise treadle.MissingExtra("tiktoken", None, purpose=f"the tokenizer 'tiktoken:{name}'")
    import tiktoken
    import tiktoken.load

    def refuse(blobpath: str) -> bytes:
        if "://" in blobpath:
            raise treadle.UsageError(
                f"the encoding {name!r} of tiktoken is not on this machine",
                hint="treadle does not download it; run once, with a network: "
                f"python -c \"import tiktoken; tiktoken.get_encoding('{name}')\" "
                "(TIKTOKEN_CACHE_DIR says where it is kept)",
            )
        return Path(blobpath).read_bytes()

    known = tiktoken.list_encoding_names()
    if name not in known:
        raise treadle.UsageError(
            f"tiktoken has no encoding {name!r}", hint=f"one of {', '.join(known)}"
        )
    # tiktoken has no switch for this: what is not in its cache it fetches, and waits.
    with _patching:
        fetch = tiktoken.load.read_file
        tiktoken.load.read_file = refuse
        try:
            encoding = tiktoken.get_encoding(name)
        except treadle.UsageError:
            raise
        except (OSError, ValueError) as error:
            raise treadle.UsageError(
                f"cannot load the encoding {name!r} of tiktoken: {error}",
                hint="its file is in the folder that TIKTOKEN_CACHE_DIR names",
            ) from error
        finally:
            tiktoken.load.read_file = fetch
    version = importlib.metadata.version("tiktoken")
    return Counter(
        lambda text: len(encoding.encode_ordinary(text)), f"tiktoken {version} {name}", dense=True
    )


def _from_file(path: str) -> Counter:
    try:
        status = os.stat(path)  # noqa: PTH116 - asked for each chunk
    except OSError as error:
        raise treadle.UsageError(
            f"cannot read the tokenizer {path!r}: {error.strerror}",
            hint="tokenizers:FILE names a tokenizer.json on this machine",
        ) from error
    return _loaded(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=4)
def _loaded(path: str, _mtime_ns: int, _size: int) -> Counter:
    """Load a tokenizer.json; again when the file is another."""
    if importlib.util.find_spec("tokenizers") is None:
        raise treadle.MissingExtra("tokenizers", None, purpose=f"the tokenizer {path!r}")
    import tokenizers

    try:
        content = Path(path).read_bytes()
        tokenizer = tokenizers.Tokenizer.from_buffer(content)
    except Exception as error:  # the library raises nothing more special
        raise treadle.UsageError(
            f"cannot load the tokenizer {path!r}: {error}",
            hint="tokenizers:FILE names a tokenizer.json as the library tokenizers writes it",
        ) from error
    # Such files may ask for texts to be cut off at 512 tokens: none would be longer than that.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    version = importlib.metadata.version("tokenizers")
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    return Counter(
        lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids),
        f"tokenizers {version} {digest}",
        dense=False,
    )
