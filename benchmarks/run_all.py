"""Every case, one table: case, treadle, best peer, ratio, target, reached."""

from __future__ import annotations

import sys
import time
from importlib import import_module

from benchmarks import harness
from benchmarks.harness import Result

CASES = (
    "tiny_items",
    "uneven_items",
    "arrays",
    "start_up",
    "memory",
    "crash",
    "timeouts",
    "interrupt",
    "coroutines",
    "durability",
    "lab",
    "lab_fits",
    "lab_metrics",
    "prompts",
    "code",
    "ui",
)


def main() -> None:
    """Run the cases asked for; exit code 1 says that treadle could not be measured somewhere."""
    parser = harness.parser(description=__doc__)
    parser.add_argument("--only", help="names of cases, separated by commas")
    parsed = parser.parse_args()
    options = harness.options_from(parsed)
    cases = parsed.only.split(",") if parsed.only else CASES
    if unknown := set(cases) - set(CASES):
        parser.error(f"unknown cases {sorted(unknown)}; known: {', '.join(CASES)}")
    began = time.monotonic()
    results: list[Result] = []
    for case in cases:
        print(f"## {case}\n", flush=True)
        before = harness.machine()
        result: Result = import_module(f"benchmarks.{case}").run(options)
        harness.finish(result, options, before)
        results.append(result)
    print(f"## all, {time.monotonic() - began:.0f} s\n")
    print(harness.table([row for result in results for row in result.rows]))
    sys.exit(1 if any(result.broken for result in results) else 0)


if __name__ == "__main__":
    main()
