"""What became of a run over source trees, as values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, Self


class Failed(NamedTuple):
    """
    A file that could not be read or cut.

    Attributes:
        path: The file, relative to its root.
        message: What is wrong.
        hint: What to do about it; None when there is nothing to say.
    """

    path: str
    message: str
    hint: str | None = None


class OfLanguage(NamedTuple):
    """How much there is of a language: files, their bytes, and chunks."""

    files: int = 0
    bytes: int = 0
    chunks: int = 0


@dataclass(slots=True, kw_only=True)
class Report:
    """
    What became of a run; each file counts once: as ok, degraded, skipped or failed.

    Attributes:
        into: Where the chunks are, as it was given.
        files: Files found.
        ok: Files that were cut as they should be.
        degraded: Files whose text is all there, but cut without syntax, by reason.
        skipped: Files without chunks, by reason.
        failed: Files that could not be read or cut, in order; none of their chunks are in the
            output, not even those from an earlier run. They are tried again the next time.
        unchanged: Files that were as they had been, and were not opened.
        same: Those of the files that were looked at that held what they had held.
        todo: Files that were looked at: new, changed or touched ones, those that had failed, and
            those that other options or another grammar cut differently. Of a dry run, those that
            would be.
        removed: Files that are not there any more, or are left out now, whose chunks went.
        chunks: Chunks in the output.
        tokens: Their sizes together, in what *unit* says.
        unit: ``"characters"``, where these are the tokens; else ``"tokens"``.
        bytes: Bytes of the files that were cut: those that were ok or degraded.
        skipped_bytes: Bytes of the others.
        by_language: Files that were cut, their bytes and chunks, of each language, by its name.
        by_kind: Chunks of each kind.
        by_method: Chunks by how they were cut.
        errors: Files with places that the parser could not read.
        left_out: How many files discovery left out, by why.
        problems: Folders that could not be read, each with why.
        limit: Tokens that a chunk may have, where that is limited.
        fill: Mean share of the budget that a chunk fills, of those that are not the last of their
            file; None where there are none.
        elapsed: Seconds.
        written: The output was written; else it was as it should be already.
        run_id: Id of the run in the record; None where nothing had to be run.
        stopped: Why it ended early, or None; the output is as it was before then.
        dry: Nothing was done: these are the counts of what would be.
    """

    into: str = ""
    files: int = 0
    ok: int = 0
    degraded: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    failed: list[Failed] = field(default_factory=list)
    unchanged: int = 0
    same: int = 0
    todo: int = 0
    removed: int = 0
    chunks: int = 0
    tokens: int = 0
    unit: str = "tokens"
    bytes: int = 0
    skipped_bytes: int = 0
    by_language: dict[str, OfLanguage] = field(default_factory=dict)
    by_kind: Counter[str] = field(default_factory=Counter)
    by_method: Counter[str] = field(default_factory=Counter)
    errors: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    problems: list[tuple[str, str]] = field(default_factory=list)
    limit: int | None = None
    fill: float | None = None
    elapsed: float = 0.0
    written: bool = False
    run_id: str | None = None
    stopped: str | None = None
    dry: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return all of it as values that JSON has."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_json(cls, read: dict[str, Any]) -> Self:
        """
        Return what ``as_json`` was made of.

        Raises:
            ValueError: It was made of none; or TypeError, LookupError, AttributeError.
        """
        made = cls(**read)
        if made.unit not in ("tokens", "characters"):
            raise ValueError(f"chunks are not measured in {made.unit!r}")
        for name in ("degraded", "skipped", "by_kind", "by_method", "left_out"):
            setattr(made, name, Counter(read[name]))
        made.failed = [Failed(*each) for each in read["failed"]]
        made.problems = [(folder, why) for folder, why in read["problems"]]
        made.by_language = {
            name: OfLanguage(*counts) for name, counts in read["by_language"].items()
        }
        return made

    def __str__(self) -> str:
        counts = [f"{self.files:,} {'file' if self.files == 1 else 'files'}"]
        if self.dry:
            counts += [f"{self.todo:,} would be opened", f"{self.unchanged:,} unchanged"]
            return f"{counts[0]}: {', '.join(counts[1:])}, {self.removed:,} would go"
        for name, count in (
            ("unchanged", self.unchanged),
            ("degraded", self.degraded.total()),
            ("skipped", self.skipped.total()),
            ("failed", len(self.failed)),
        ):
            if count:
                counts.append(f"{count:,} {name}")
        noun = "chunk" if self.chunks == 1 else "chunks"
        where = "standard output" if self.into == "-" else repr(self.into)
        stopped = f"; stopped: {self.stopped}" if self.stopped else ""
        return f"{', '.join(counts)}; {self.chunks:,} {noun} in {where}{stopped}"
