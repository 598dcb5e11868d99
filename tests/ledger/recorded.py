"""Ledgers, and outcomes to write into them."""

from __future__ import annotations

from pathlib import Path

from treadle.core.outcome import Failure, Raised, Succeeded
from treadle.ledger.writer import Ledger

BEGAN = "2026-01-02T03:04:05+00:00"


class Records:
    """Makes ledgers, and outcomes to write into them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "260102-030405"
        root.mkdir(exist_ok=True)

    def begin(self, **facts) -> Ledger:
        self.folder.mkdir()
        return Ledger.begin(self.folder, {"name": None, "began": BEGAN, **facts})

    def write(self, *outcomes) -> None:
        """Make a ledger that holds *outcomes*, in the order in which they settled."""
        ledger = self.begin()
        ledger.note(outcomes)
        ledger.commit({"file": "x"}, state="stopped")
        ledger.close()

    @staticmethod
    def ok(key, index=None):
        index = key if index is None else index
        return Succeeded(key, index, 1, 1e9, 0.5, 0.25, 1000, "process-1", None)

    @staticmethod
    def bad(key, index=None):
        index = key if index is None else index
        failure = Failure("ValueError", f"{key!r}", mro=("ValueError",))
        return Raised(key, index, 1, 1e9, 0.5, None, None, None, failure, ValueError())
