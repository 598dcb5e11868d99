"""What Home says where there is no run to be seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

_MOST = 5  # folders that are named


def nothing_yet(roots: Sequence[Path]) -> Text:
    """Tell a newcomer what to do, and where runs are looked for."""
    return Text.assemble(
        ("Nothing has run here yet.\n\n", "bold"),
        ("n", "bold"), "  begins a run: a form asks for what it needs, and starts it\n",
        ("l", "bold"), "  measurements   ", ("m", "bold"), "  prompts for language models   ",
        ("c", "bold"), "  source code\n\n",
        "In a terminal, the same:\n",
        "   treadle map parse.py:parse 'data/*.csv' --into results.parquet\n",
        "   treadle map mine.py:clean table.csv --rows --into clean.csv\n",
        "and the run appears here by itself.\n\n",
        "Runs are looked for in:\n",
        *(f"   {root}\n" for root in roots[:_MOST]),
        f"   and {len(roots) - _MOST} more\n" if len(roots) > _MOST else "",
        ("\n?", "bold"), "  explains the keys and the words",
    )  # fmt: skip
