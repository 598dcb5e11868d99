"""Counts files and chunks as they pass, by what the page tells of them; keeps no text."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from treadle.code.values import FileChunks

_EXAMPLES = 5  # files that are named for each reason


@dataclass(slots=True)
class Row:
    """What there is of one language, or in all."""

    files: int = 0
    bytes: int = 0
    chunks: int = 0
    tokens: int = 0
    ok: int = 0  # files with the status "ok"
    errors: int = 0  # files with places that the parser could not read

    def add(self, file: FileChunks) -> None:
        """Count one file."""
        self.files += 1
        self.bytes += file.size
        self.chunks += len(file.chunks)
        self.tokens += sum(chunk.tokens for chunk in file.chunks)
        self.ok += file.status == "ok"
        self.errors += file.errors > 0


@dataclass(slots=True)
class Reason:
    """Files that were skipped or degraded for one reason: how many, and the first of them."""

    status: str
    files: int = 0
    bytes: int = 0
    first: list[tuple[str, str]] = field(default_factory=list)  # path and detail


class Figures:
    """
    All that the page counts; ``add`` each file.

    Attributes:
        total: All files together that were cut.
        languages: The same for each language.
        skipped: All others; their chunks are none.
        kinds: Chunks of each kind.
        methods: Chunks by how they were cut.
        reasons: Files that were skipped or degraded, by reason.
        sizes: How many chunks have so many tokens.
    """

    def __init__(self) -> None:
        self.total = Row()
        self.languages: defaultdict[str, Row] = defaultdict(Row)
        self.skipped = Row()
        self.kinds: Counter[str] = Counter()
        self.methods: Counter[str] = Counter()
        self.reasons: dict[str, Reason] = {}
        self.sizes: Counter[int] = Counter()

    def add(self, file: FileChunks) -> None:
        """Count one file and its chunks."""
        if file.status == "skipped":  # its bytes are of no language, and nobody cut them
            self.skipped.add(file)
        else:
            self.total.add(file)
            self.languages[file.language].add(file)
        self.kinds.update(chunk.kind for chunk in file.chunks)
        self.methods.update(chunk.method for chunk in file.chunks)
        self.sizes.update(chunk.tokens for chunk in file.chunks)
        if file.reason is not None:
            reason = self.reasons.setdefault(file.reason, Reason(file.status))
            reason.files += 1
            reason.bytes += file.size
            if len(reason.first) < _EXAMPLES:
                reason.first.append((file.path, file.detail or ""))

    def quantile(self, share: float) -> int:
        """Return the number of tokens that *share* of the chunks do not exceed; 0 for none."""
        left = share * self.sizes.total()
        for size in sorted(self.sizes):
            left -= self.sizes[size]
            if left <= 0:
                return size
        return 0
