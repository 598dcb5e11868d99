"""The files that a prompt is made of, as templates: one for all rows, or those that rows name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import treadle
from treadle.prompts.chat_files import Block, parsed
from treadle.prompts.path_templates import PathTemplate
from treadle.prompts.safe_paths import below
from treadle.prompts.template import Template, compiled
from treadle.prompts.text_files import KEPT, TextFiles, decoded, read_text


@dataclass(frozen=True, slots=True)
class Loaded:
    """
    One file, read and compiled.

    Attributes:
        blocks: Role and template of each message; one alone where it is no prompt.
        digest: First 12 hex digits of the SHA-256 of its text.
        params: The settings at its head.
    """

    blocks: tuple[tuple[str, Template], ...]
    digest: str
    params: Mapping[str, Any]

    @property
    def names(self) -> frozenset[str]:
        """The variables that have no default."""
        return frozenset().union(*(template.names for _, template in self.blocks))

    @property
    def has_system(self) -> bool:
        """Whether one of the messages is a system prompt."""
        return any(role == "system" for role, _ in self.blocks)


class Reader:
    """
    Makes texts of files into templates.

    Args:
        engine: What fills them: ``"plain"`` or ``"jinja"``.
        files: Where the filter ``file`` reads.
    """

    def __init__(self, engine: str, files: TextFiles) -> None:
        self._engine = engine
        self._files = files

    def prompt(self, name: str, text: str) -> Loaded:
        """
        Read a prompt: a text or a chat.

        Raises:
            UsageError: It is empty, or not sound.
        """
        found = parsed(text, name=name)
        return self._loaded(name, text, found.blocks, found.params)

    def system(self, name: str, text: str) -> Loaded:
        """
        Read a system prompt.

        Raises:
            UsageError: It is empty, or no template.
        """
        if not text.strip():
            raise treadle.UsageError(f"{name} is empty", hint="write the system prompt into it")
        return self._loaded(name, text, (Block("system", text.rstrip("\n"), 1),))

    def context(self, name: str, text: str) -> Loaded:
        """
        Read a context file, which may be empty.

        Raises:
            UsageError: It is no template.
        """
        return self._loaded(name, text, (Block("user", text.rstrip("\n"), 1),))

    def _loaded(
        self,
        name: str,
        text: str,
        blocks: tuple[Block, ...],
        params: Mapping[str, Any] | None = None,
    ) -> Loaded:
        templates = tuple(
            (
                each.role,
                compiled(
                    each.text, name=name, engine=self._engine, files=self._files, line=each.line
                ),
            )
            for each in blocks
        )
        return Loaded(templates, sha256(text.encode()).hexdigest()[:12], params or {})


class Fixed:
    """
    A file that is the same for all rows.

    Args:
        name: Its name, without its folder.
        loaded: What it holds.
    """

    def __init__(self, name: str, loaded: Loaded) -> None:
        self._name = name
        self._loaded = loaded
        self.names = loaded.names

    def loaded(self, values: Mapping[str, str]) -> tuple[str, Loaded]:
        """Return its name and what it holds."""
        del values
        return self._name, self._loaded


class Varied:
    """
    Files that rows name; each is read when the first row needs it, as long as they are not many.

    Args:
        path: Their path.
        read: Makes one of its name, for messages, and its text.
    """

    def __init__(self, path: PathTemplate, read: Callable[[str, str], Loaded]) -> None:
        self._path = path
        self._read = read
        self._load = lru_cache(maxsize=KEPT)(self._load_now)
        self.names = path.names

    def loaded(self, values: Mapping[str, str]) -> tuple[str, Loaded]:
        """
        Return the name of the file for *values*, and what it holds.

        Raises:
            BadRowError: A variable has no value; or the file is not there, not sound, or outside
                the folder that the path is fixed to.
        """
        try:
            return self._load("/".join(self._path.filled(values)))
        except treadle.UsageError as error:
            raise treadle.BadRowError(error.message, hint=error.hint) from error

    def _load_now(self, typed: str) -> tuple[str, Loaded]:
        path = below(self._path.fixed, typed)
        return path.name, self._read(str(path), read_text(path))


def source_of(typed: str, root: Path, read: Callable[[str, str], Loaded]) -> Fixed | Varied:
    """
    Return where the files with the path *typed* come from; one without variables is read now.

    Args:
        typed: The path, as it is typed.
        root: What it is relative to.
        read: Makes a file of its name, for messages, and its text.

    Raises:
        UsageError: The path makes no sense, or the one file is not there or not sound.
    """
    path = PathTemplate(typed, root)
    if path.is_templated:
        return Varied(path, read)
    return Fixed(path.fixed.name, read(typed, read_text(path.fixed)))


def from_stdin(text: str) -> str:
    """
    Return what came on stdin as it would come out of a file.

    Raises:
        UsageError: It was not UTF-8: Python lets such bytes through as surrogates.
    """
    return decoded(text.encode(errors="surrogateescape"), name="stdin")
