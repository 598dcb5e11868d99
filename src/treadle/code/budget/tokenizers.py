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
from types import CodeType, FunctionType, MethodType
from typing import Any, TypeAlias

import treadle
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
        return Counter(functools.partial(_counted, tokenizer), _name(tokenizer), dense=False)
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
    Return a text that is another one whenever counts could be.

    Raises:
        UsageError: As `counter` does.
    """
    return counter(tokenizer).identity if isinstance(tokenizer, str) else _described(tokenizer)


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
            f"the tokenizer {_name(tokenizer)} returned {answer!r:.100} for a text",
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


def _name(function: Any) -> str:
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{getattr(named, '__module__', 'builtins')}.{named.__qualname__}"


def _described(function: object) -> str:
    """
    Return a text that is another one when the function is: its name, and a hash of its code.

    Its defaults and the values that it closes over count too, and the attributes of an object
    that is called. What it refers to by name (globals, other modules) is not followed.
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in _parts(function, depth=0):
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    return f"{_name(function)} {digest.hexdigest()}"


def _parts(value: object, depth: int) -> list[str]:
    """List what makes a value what it is, without addresses."""
    if depth > 8:  # a value that holds itself
        return ["..."]
    deeper = functools.partial(_parts, depth=depth + 1)
    if isinstance(value, str | bytes | int | float | complex | bool | None):
        return [repr(value)]
    if isinstance(value, CodeType):
        shape = (value.co_argcount, value.co_flags, value.co_names, value.co_varnames)
        return [value.co_code.hex(), repr(shape), *deeper(value.co_consts)]
    if isinstance(value, FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        held: list[Any] = [value.__code__, value.__defaults__, value.__kwdefaults__, cells]
        return [_name(value), *deeper(held)]
    if isinstance(value, MethodType):
        return [*deeper(value.__func__), *deeper(value.__self__)]
    if isinstance(value, functools.partial):
        return ["partial", *deeper(value.func), *deeper(value.args), *deeper(value.keywords)]
    if isinstance(value, list | tuple):
        return [type(value).__name__, str(len(value)), *(p for one in value for p in deeper(one))]
    if isinstance(value, set | frozenset):
        return ["set", *sorted("\0".join(deeper(one)) for one in value)]
    if isinstance(value, dict):
        return ["dict", *sorted("\0".join([*deeper(k), *deeper(v)]) for k, v in value.items())]
    if isinstance(value, type) or not hasattr(value, "__dict__"):
        return [_name(value)]
    called = getattr(type(value), "__call__", None)  # noqa: B004 - its code is wanted
    code = deeper(called) if isinstance(called, FunctionType) else []
    return [_name(value), *code, *deeper(vars(value))]
