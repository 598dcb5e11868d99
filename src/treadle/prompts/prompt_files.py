"""A prompt: its file, its context files and its system prompt, made into messages for each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import treadle
from treadle.prompts.prompt_sources import Fixed, Loaded, Reader, Varied, from_stdin, source_of
from treadle.prompts.text_files import TextFiles, normalised
from treadle.prompts.values import Message

Missing: TypeAlias = Literal["error", "warn", "empty"]

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Text:
    """
    A prompt that a program has, where a file might be named.

    Attributes:
        text: What would stand in the file: a text, or a chat with lines such as ``--- system``.
        name: What the results call it.

    Raises:
        UsageError: The text cannot be written as UTF-8, or the name is empty.
    """

    text: str
    name: str = "prompt"

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise treadle.UsageError("a prompt needs a name", hint="name='explain'")
        try:
            self.text.encode()
        except UnicodeEncodeError as error:
            raise treadle.UsageError(
                f"the prompt {self.name!r} is no text: {error}", hint="lone surrogates are none"
            ) from error


_TWICE = "has a system prompt of its own"
_ONCE = "leave --system out, or take it out of the file"


@dataclass(frozen=True, slots=True)
class Rendered:
    """
    A prompt with the values of a row in it.

    Attributes:
        messages: What is sent.
        prompt_hash: First 12 hex digits of the SHA-256 of the prompt file's text, unfilled.
        missing: The variables without a value, each once.
        params: The settings at the head of the prompt file.
    """

    messages: tuple[Message, ...]
    prompt_hash: str
    missing: tuple[str, ...]
    params: Mapping[str, Any]


class Prompt:
    """
    A prompt file with all that goes along with it.

    Files whose path has no variables are read at once; others when a row needs them, each once.

    Args:
        prompt: The prompt file; ``"-"`` for *stdin*. May hold variables, as all paths here may.
            Or the prompt itself.
        contexts: Files to append to the last message of the user.
        system: A file that holds the system prompt.
        engine: What fills the templates: ``"plain"`` or ``"jinja"``.
        stdin: What was read from there.
        root: What paths are relative to; default: the current folder.
        name: What to call it; default: the name of the prompt file as it is typed, without its
            folder, or that of the text.

    Attributes:
        name: What it is called; ``"-"`` for *stdin*.
        params: The settings at the head of the prompt file; empty when its path has variables.
        names: The variables that have no default: of the paths, and of files whose path is fixed.

    Raises:
        UsageError: A file is not there, not UTF-8, empty, or not sound.
    """

    def __init__(
        self,
        prompt: str | Text,
        *,
        contexts: Sequence[str] = (),
        system: str | None = None,
        engine: str = "plain",
        stdin: str | None = None,
        root: Path | None = None,
        name: str = "",
    ) -> None:
        root = Path.cwd() if root is None else root
        reader = Reader(engine, TextFiles(root))
        self.name = name or told_apart([prompt])[0]
        self._prompt = _source(prompt, stdin, root, reader)
        self._contexts = [source_of(each, root, reader.context) for each in contexts]
        self._systems = [] if system is None else [source_of(system, root, reader.system)]
        sources = [self._prompt, *self._contexts, *self._systems]
        self.names: frozenset[str] = frozenset().union(*(each.names for each in sources))
        fixed = self._prompt.loaded({})[1] if isinstance(self._prompt, Fixed) else None
        self.params: Mapping[str, Any] = {} if fixed is None else fixed.params
        if fixed is not None and self._systems and fixed.has_system:
            raise treadle.UsageError(f"{self.name} {_TWICE}", hint=_ONCE)

    def messages(self, values: Mapping[str, str], *, missing: Missing = "error") -> Rendered:
        """
        Put *values* into the prompt.

        Args:
            values: The value of each variable.
            missing: ``"empty"`` puts nothing where a value is missing; else the variable stays as
                it is typed, and who calls decides what becomes of the row.

        Raises:
            BadRowError: A file that the values name is not there, outside the folder it belongs
                to, or not sound; or a filter cannot work on its value.
        """
        name, prompt = self._prompt.loaded(values)
        if self._systems and prompt.has_system:
            raise treadle.BadRowError(f"{name} {_TWICE}", hint=_ONCE)
        filler = _Filler(values, empty=missing == "empty")
        messages = []
        for source in self._systems:
            messages += filler.messages(source.loaded(values)[1])
        messages += filler.messages(prompt)
        documents = [
            _document(name, filler.messages(context)[0].content)
            for name, context in (source.loaded(values) for source in self._contexts)
        ]
        return Rendered(
            messages=_with_documents(messages, documents),
            prompt_hash=prompt.digest,
            missing=tuple(filler.missing),
            params=prompt.params,
        )


def told_apart(prompts: Sequence[str | Text]) -> list[str]:
    """
    Return what to call each prompt: the name of its file, or of the text.

    Where several files are named alike, so much of their paths goes before it as tells them apart.
    """
    paths = [
        [each.name] if isinstance(each, Text) else [name for name in each.split("/") if name != "."]
        for each in prompts
    ]
    names = []
    for path in paths:
        others = [other for other in paths if other != path]
        sizes = range(1, len(path) + 1)
        alone = (size for size in sizes if all(path[-size:] != each[-size:] for each in others))
        names.append("/".join(path[-next(alone, len(path)) :]))
    return names


def _source(prompt: str | Text, stdin: str | None, root: Path, reader: Reader) -> Fixed | Varied:
    if isinstance(prompt, Text):
        return Fixed(prompt.name, reader.prompt(prompt.name, normalised(prompt.text)))
    if prompt != STDIN:
        return source_of(prompt, root, reader.prompt)
    if stdin is None:
        raise treadle.UsageError("there is no prompt on stdin", hint="-p FILE, or pipe one in")
    return Fixed("stdin", reader.prompt("stdin", from_stdin(stdin)))


class _Filler:
    """Fills templates with the values of one row, and collects what is missing."""

    def __init__(self, values: Mapping[str, str], *, empty: bool) -> None:
        self._values = values
        self._empty = empty
        self.missing: dict[str, None] = {}

    def messages(self, loaded: Loaded) -> list[Message]:
        """Return the messages of a file, filled."""
        messages = []
        for role, template in loaded.blocks:
            filled = template.fill(self._values, empty=self._empty)
            self.missing.update(dict.fromkeys(filled.missing))
            messages.append(Message(role, filled.text))
        return messages


def _document(name: str, text: str) -> str:
    return f"\n\n## Document: {name}\n\n{text}\n\n---"


def _with_documents(messages: list[Message], documents: list[str]) -> tuple[Message, ...]:
    """Append documents to the last message of the user; each prompt has one."""
    if documents:
        last = max(at for at, each in enumerate(messages) if each.role == "user")
        messages[last] = Message("user", "".join((messages[last].content, *documents)))
    return tuple(messages)
