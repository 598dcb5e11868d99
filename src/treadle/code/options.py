"""What may be asked for when files are cut: told apart, checked once, and carried to workers."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, TypedDict

import treadle
from treadle.code.budget import Budget
from treadle.code.languages.registry import language as language_of

Path: TypeAlias = str | os.PathLike[str]

MAX_FILE_SIZE = 10_000_000
MAX_NODES = 5_000_000
MAX_DEPTH = 500
MAX_CHUNKS = 50_000
TIMEOUT = 60.0


class CuttingOptions(TypedDict, total=False):
    """
    How a text is cut.

    Attributes:
        max_tokens: Tokens of a chunk at most; see *tokenizer*.
        max_chars: Characters of a chunk at most. Default, when no limit is given: 2,000.
        max_lines: Lines of a chunk at most. All limits that are given hold at once.
        tokenizer: What a token is: ``"characters"``, ``"words"`` (words, numbers and each
            punctuation mark), ``"nonspace"`` (characters that are not white space),
            ``"tiktoken:ENCODING"``, ``"tokenizers:FILE"``, or a function of a text that returns
            their number. Default: ``"words"`` with *max_tokens*, else ``"characters"``.
        overlap: So much of the chunk before is repeated at the beginning of each: in tokens with
            *max_tokens*, else in characters, else in lines (default 0).
        max_nodes: Syntax nodes of a file (default 5,000,000); one with more is cut without syntax.
        max_depth: Levels of nesting that are looked into (default 500); deeper ones are cut by
            lines.
        max_chunks: Chunks of a file (default 50,000); one with more is skipped.
    """

    max_tokens: int | None
    max_chars: int | None
    max_lines: int | None
    tokenizer: str | Callable[[str], int] | None
    overlap: int
    max_nodes: int
    max_depth: int
    max_chunks: int


class FileOptions(CuttingOptions, total=False):
    """
    How a file is cut.

    Attributes:
        generated: Cut also files made by programs, such as lock files (default False).
        max_file_size: Bytes of a file (default 10,000,000); a larger one is skipped.
    """

    generated: bool
    max_file_size: int


class TreeOptions(FileOptions, total=False):
    """
    Which files of a tree are cut.

    Attributes:
        languages: Only files of these languages; None (default) for all.
        include: Only files that fit one of these patterns (a text is one), written as in
            ``.gitignore``; one that can match nothing is an error.
        exclude: No files that fit one of these patterns.
        hidden: Take also files and folders whose names begin with a dot (default False).
        vendored: Take also folders with the code of others, such as ``node_modules`` (default
            False).
        ignore: Leave out what ``.gitignore`` and ``.treadleignore`` name (default True).
        follow_links: Follow symbolic links that stay inside the roots (default False).
        git: ``"auto"`` (default) asks git for the files of a repository; ``"never"`` reads its
            rules without it.
    """

    languages: Collection[str] | None
    include: str | Sequence[str]
    exclude: str | Sequence[str]
    hidden: bool
    vendored: bool
    ignore: bool
    follow_links: bool
    git: Literal["auto", "never"]


class WorkerOptions(TypedDict, total=False):
    """
    Who cuts them.

    Attributes:
        workers: Number of workers; default: the CPUs that may be used.
        backend: ``"auto"`` (default) takes worker processes, and none for a handful of files;
            or ``"processes"``, ``"threads"``, ``"inline"``. The chunks are the same.
        start_method: Of processes: ``"forkserver"`` (default) or ``"spawn"``.
        timeout: Seconds for a file (default 60), None for no limit. Where processes cut, the one
            that takes longer is killed, and the file is cut without syntax.
        progress: As for :func:`treadle.map`.
    """

    workers: int | None
    backend: Literal["auto", "processes", "threads", "inline"]
    start_method: Literal["forkserver", "spawn"] | None
    timeout: float | None
    progress: str | treadle.Listener | None


class Options(TreeOptions, WorkerOptions, total=False):
    """Everything that ``chunk`` takes beside the paths."""


_TREE = frozenset(TreeOptions.__annotations__) - frozenset(FileOptions.__annotations__)
_WORKERS = frozenset(WorkerOptions.__annotations__)
_BUDGET = ("max_tokens", "max_chars", "max_lines", "tokenizer", "overlap")


@dataclass(frozen=True, slots=True)
class Cutting:
    """
    How files are cut, checked. It travels to workers.

    Attributes:
        budget: How large a chunk may be.
        languages: Only files of these; None for all.
        generated: Whether files made by programs are cut.
        max_file_size: Bytes.
        max_nodes: Syntax nodes.
        max_depth: Levels.
        max_chunks: Of a file.
    """

    budget: Budget
    languages: frozenset[str] | None = None
    generated: bool = False
    max_file_size: int = MAX_FILE_SIZE
    max_nodes: int = MAX_NODES
    max_depth: int = MAX_DEPTH
    max_chunks: int = MAX_CHUNKS

    @classmethod
    def of(cls, **given: Any) -> Cutting:
        """
        Check what was asked for; None is the same as leaving an option out.

        Args:
            given: Of :class:`FileOptions`, and ``languages``.

        Raises:
            UsageError: One of them is wrong, or there is none of that name.
        """
        values = {name: value for name, value in given.items() if value is not None}
        budget = Budget.of(**{name: values.pop(name) for name in _BUDGET if name in values})
        known = {field.name for field in fields(cls)}
        for name, value in values.items():
            if name not in known:
                raise _unknown(name, {*known - {"budget"}, *_BUDGET})
            if name.startswith("max_"):
                _check_count(name, value)
        if "languages" in values:
            values["languages"] = frozenset(
                language_of(each).name for each in _several(values["languages"])
            )
        return cls(budget=budget, **values)

    def identity(self) -> str:
        """Return text that differs whenever the chunks of a file could, for want of its grammar."""
        rest = [f"{each.name}={getattr(self, each.name)}" for each in fields(self)[2:]]
        names = "*" if self.languages is None else ",".join(sorted(self.languages))
        return " ".join([self.budget.identity(), f"languages={names}", *rest])


def split(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """
    Tell options apart.

    Returns:
        Those of cutting (with ``languages``), those of finding files, and those of workers.

    Raises:
        UsageError: There is none of that name.
    """
    for name in options.keys() - Options.__annotations__.keys():
        raise _unknown(name, Options.__annotations__)
    cutting, finding, working = {}, {}, {}
    for name, value in options.items():
        if name in _WORKERS:
            working[name] = value
        elif name in _TREE and name != "languages":
            finding[name] = value
        else:
            cutting[name] = value
    return cutting, finding, working


def _unknown(name: str, known: Iterable[str]) -> treadle.UsageError:
    choices = sorted(known)
    near = difflib.get_close_matches(name, choices, n=1)
    meant = f"did you mean {near[0]}?" if near else f"known: {', '.join(choices)}"
    return treadle.UsageError(f"there is no option {name!r}", hint=meant)


def _several(value: str | Collection[str]) -> Collection[str]:
    return [value] if isinstance(value, str) else value


def _check_count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise treadle.UsageError(
            f"{name} must be a whole number, 1 or more, got {value!r}", hint=f"{name}=10_000"
        )
