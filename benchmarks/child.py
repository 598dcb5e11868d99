"""The fresh process in which one measurement happens.

``python -m benchmarks.child CASE ARGUMENTS PATH LIMIT`` calls ``measure(facts, **arguments)`` of
the case and writes the facts to *PATH* as JSON. After *LIMIT* seconds it writes what it has, and
ends.

Workers started with spawn or forkserver import this module again, so it imports little.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import sys
import threading
import traceback
from pathlib import Path
from typing import Any


def main(case: str, arguments: str, path: str, limit: str) -> None:
    """Measure, write the facts, and leave without waiting for anything that lingers."""
    facts: dict[str, Any] = {}
    timer = threading.Timer(float(limit), _give_up, (facts, path))
    timer.daemon = True
    timer.start()
    module = importlib.import_module(f"benchmarks.{case}")
    try:
        module.measure(facts, **json.loads(arguments))
    except Exception as error:  # whatever a peer raises is a result of the benchmark
        facts["error"] = f"{type(error).__name__}: {error}"
        traceback.print_exc()
    _write(facts, path)
    os._exit(0)


def _give_up(facts: dict[str, Any], path: str) -> None:
    facts["hung"] = True
    faulthandler.dump_traceback(sys.stderr, all_threads=True)  # the harness keeps it
    _write(facts, path)
    os._exit(0)


def _write(facts: dict[str, Any], path: str) -> None:
    partial = Path(f"{path}.partial")
    partial.write_text(json.dumps(facts.copy()), encoding="utf-8")
    partial.rename(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
