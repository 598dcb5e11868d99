"""Stage roots with a few known runs, and extractors for tests."""

from __future__ import annotations

from pathlib import Path

from rawtree import INLINE, NEW_YEAR, raw_file

from treadle import lab

TEN_LINES = """\
from treadle import lab


@lab.extractor(
    "on_off", version="1", category="electrical",
    metrics={"on_off_ratio": ""}, procedures={"IVg": ["Vg (V)", "I (A)"]},
)
def on_off(run):
    (current,) = run.together("I (A)")
    return float(abs(current).max() / (abs(current).min() + 1e-9))
"""


def staged(root: Path, *, chips=(1, 2), each=3) -> Path:
    """Stage *each* gate sweeps of each chip, an hour apart; return the stage root."""
    for chip in chips:
        for number in range(each):
            at = NEW_YEAR + 3600 * (number + 10 * chip)
            raw_file(root / "raw" / f"IVg_{chip}{number}.csv", "IVg", chip=chip, start=at)
    lab.stage(root / "raw", root / "stage", local_tz="UTC", **INLINE)
    return root / "stage"


def peak(version="1", name="peak", **declared):
    """Return an extractor of the largest current."""

    @lab.extractor(
        name,
        version=version,
        category="electrical",
        metrics={name: "A"},
        procedures={"IVg": ["I (A)"]},
        **declared,
    )
    def found(run):
        return lab.Value(float(run.column("I (A)").max()), uncertainty=1e-9)

    return found
