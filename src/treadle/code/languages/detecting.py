"""Which language a file is in: by its name, and where that leaves it open by how it begins.

In this order: the whole name (``Makefile``), the longest extension that is known (``.blade.php``
before ``.php``), the name below an ending such as ``.in`` or ``.example``, the shebang, the
modeline of Emacs or Vim, and the few beginnings that only one language has. An extension that
several languages share (``.h``, ``.m``, ``.pl``) is decided by the text.
"""

from __future__ import annotations

import re

from treadle.code.languages.known import ALIASES
from treadle.code.languages.registry import Tables, tables
from treadle.code.languages.shared import RULES, decide

_HEAD = 4096
_BOM = b"\xef\xbb\xbf"
# What compilers on Unix take for C++. A name all in upper case comes from DOS, and is C.
_CPP_ON_UNIX = (".C", ".H")
_ENDINGS = frozenset(
    {".bak", ".default", ".dist", ".example", ".in", ".old", ".orig", ".sample", ".template"}
    | {".tmpl"}
)
_BEGINNINGS = (
    (re.compile(rb"<\?php\b"), "php"),
    (re.compile(rb"<\?xml\s"), "xml"),
    (re.compile(rb"(?i:<!doctype\s+html|<html[\s>])"), "html"),
    (re.compile(rb"%YAML\s"), "yaml"),
    (re.compile(rb"%!PS-Adobe"), "postscript"),
    (re.compile(rb"diff --git a/"), "diff"),
    (re.compile(rb"\\documentclass\b"), "latex"),
)

_VERSION = re.compile(r"[-.]?\d[\d.]*$")
_NIX_SHELL = re.compile(rb"^#![ \t]*nix-shell\b[^\n]*?[ \t]-i[ \t]*([^\s]+)", re.MULTILINE)
_EMACS = re.compile(rb"-\*-[ \t]*([^\n]*?)[ \t]*-\*-")
_EMACS_MODE = re.compile(rb"(?:^|;)[ \t]*mode[ \t]*:[ \t]*([\w+#.-]+)", re.IGNORECASE)
_VIM = re.compile(rb"(?:^|\s)(?:vim?|ex)\d*:")
_VIM_TYPE = re.compile(rb"(?:^|[\s:])(?:ft|filetype|syn|syntax)=([\w+#-]+)")
_LONGEST_MODELINE = 400

# What the modes of editors are called, beside the names and aliases of the languages.
_MODES = {
    "asm": "assembly",
    "caml": "ocaml",
    "conf-unix": "ini",
    "cperl": "perl",
    "dosini": "ini",
    "f90": "fortran",
    "gas": "assembly",
    "gfm": "markdown",
    "js2": "javascript",
    "js3": "javascript",
    "lisp-interaction": "emacs-lisp",
    "nasm": "assembly",
    "nxml": "xml",
    "plain-tex": "latex",
    "rjsx": "javascript",
    "tuareg": "ocaml",
}


def by_name(path: str) -> str | None:
    """
    Return the language that the name of a file gives away.

    Args:
        path: With ``/``; it need not exist.

    Returns:
        The language's name; None when it is not known, and when the extension is one of several
        languages, which only the text can tell apart.
    """
    found, shared = _named(path, tables())
    return found if shared is None else None


def detect(path: str, head: bytes) -> str | None:
    """
    Return the language of a file.

    Args:
        path: With ``/``; it need not exist. May be empty, for a text without a file.
        head: How the text begins: its first 4 KiB or more, in UTF-8.

    Returns:
        The language's name; None when it is not known.
    """
    known = tables()
    found, shared = _named(path, known)
    if found is not None and shared is None:
        return found
    head = head[:_HEAD].removeprefix(_BOM)
    if shared is not None:
        found = _modeline(head, known) or _decided(shared, head, known) or found
    return found or _shebang(head, known) or _modeline(head, known) or _beginning(head)


def _named(path: str, known: Tables) -> tuple[str | None, str | None]:
    """Return the language by name alone; and the extension, where the text has to decide."""
    name = path.rpartition("/")[2]
    lower = name.lower()
    found = known.filenames.get(lower)
    if found is not None:
        return found, None
    if name.endswith(_CPP_ON_UNIX) and not name.isupper():
        return "cpp", None
    return _by_extension(lower.rstrip("~"), known)


def _by_extension(name: str, known: Tables) -> tuple[str | None, str | None]:
    dot = name.find(".", 1)
    while dot != -1:  # from the longest extension to the shortest
        extension = name[dot:]
        if extension in RULES and extension not in known.claimed:
            return known.extensions.get(extension), extension
        if extension in known.extensions:
            return known.extensions[extension], None
        dot = name.find(".", dot + 1)
    stem, point, ending = name.rpartition(".")
    if not stem:
        return known.filenames.get(name), None
    if stem in known.filenames:  # Dockerfile.dev, .env.local
        return known.filenames[stem], None
    return _by_extension(stem, known) if point + ending in _ENDINGS else (None, None)


def _decided(extension: str, head: bytes, known: Tables) -> str | None:
    found = decide(extension, head)
    return found if found in known.languages else None


def _shebang(head: bytes, known: Tables) -> str | None:
    if not head.startswith(b"#!"):
        return None
    words = head[2:].partition(b"\n")[0].decode("utf-8", "replace").split()
    program = _program(words)
    if program == "nix-shell":
        inner = _NIX_SHELL.search(head)
        program = "" if inner is None else inner[1].decode("utf-8", "replace").rpartition("/")[2]
    if program == "osascript" and "JavaScript" in words:
        return "javascript"
    return known.interpreters.get(program) or known.interpreters.get(_VERSION.sub("", program))


def _program(words: list[str]) -> str:
    """Return the name of what a shebang starts: ``python3`` for ``/usr/bin/env -S python3 -u``."""
    for at, word in enumerate(words):
        name = word.rpartition("/")[2]
        if at == 0 and name not in {"env", "busybox"}:
            return name
        if at > 0 and word.startswith("-S") and len(word) > len("-S"):
            return word.removeprefix("-S").rpartition("/")[2]
        if at > 0 and not word.startswith("-") and "=" not in word:
            return name
    return ""


def _modeline(head: bytes, known: Tables) -> str | None:
    whole = len(head) < _HEAD
    lines = head.splitlines()
    for line in lines[:2]:
        emacs = _EMACS.search(line[:_LONGEST_MODELINE])
        if emacs is not None:
            mode = _EMACS_MODE.search(emacs[1])
            found = _mode(emacs[1] if mode is None else mode[1], known)
            if found is not None:
                return found
    for line in lines if whole and len(lines) <= 10 else lines[:5] + lines[-5:] * whole:
        vim = _VIM.search(line[:_LONGEST_MODELINE])
        kind = None if vim is None else _VIM_TYPE.search(line[:_LONGEST_MODELINE], vim.end() - 1)
        found = None if kind is None else _mode(kind[1], known)
        if found is not None:
            return found
    return None


def _mode(text: bytes, known: Tables) -> str | None:
    name = text.decode("utf-8", "replace").strip().lower().removesuffix("-mode")
    for each in (name, ALIASES.get(name), _MODES.get(name)):
        if each is not None and each in known.languages:
            return each
    return None


def _beginning(head: bytes) -> str | None:
    head = head.lstrip()
    for pattern, name in _BEGINNINGS:
        if pattern.match(head):
            return name
    return None
