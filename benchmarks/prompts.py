"""Thousands of chats with a server that takes 0.2 s for each, beside a bare loop and LiteLLM.

What is compared: whole commands, the start of Python and its imports included. The bare loop keeps
nothing but a line for each answer: no record, no retries, no limits, no table. Ours reads a CSV
and writes one, and every answer is on the disk, synchronised, before its row counts as done.

LiteLLM runs in a Python of its own: ``--litellm PYTHON``, or where ``make test-peers`` put it.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import harness, prompts_peers, prompts_server
from benchmarks.harness import Facts, Options, Result, Target

CASE = "prompts"
BARE = "aiohttp"
LITELLM = ("litellm.acompletion", "litellm.batch_completion")
LITELLM_PYTHON = "TREADLE_BENCHMARK_LITELLM"
INSTALLED = harness.ROOT / ".venvs" / "peers" / "bin" / "python"
OFFLINE = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}  # lest it fetches a list when it is imported
SETTINGS = """\
[prompts.lanes.local]
provider = "openai"
url = "{url}"
"""


# --- one command ---------------------------------------------------------------------------------


def measure(
    facts: Facts, *, engine: str, place: str, url: str, n: int, at_once: int, python: str
) -> None:
    """Run one command in a folder of its own in *place*, and look at what it wrote."""
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        questions = [f"Question {number}" for number in range(n)]
        if engine == harness.TREADLE:
            command, answers = _ours(folder, questions, url, at_once)
        else:
            command, answers = _theirs(folder, questions, url, at_once, engine, python)
        os.sync()  # lest the disk is still busy with the last one
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | OFFLINE, stdout=subprocess.DEVNULL
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{engine} ended with exit code {process.returncode}")
        _check(answers(), questions)
    facts.update(seconds=seconds, rows_per_second=n / seconds)
    facts["cpu_seconds"] = used.ru_utime + used.ru_stime
    facts["peak_mb"] = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def _ours(folder: Path, questions: list[str], url: str, at_once: int) -> tuple[list[str], Any]:
    """Return the command, and what reads its answers by question."""
    with (folder / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("provider", "model", "question"))
        writer.writerows(("local", prompts_peers.MODEL, question) for question in questions)
    (folder / "prompt.txt").write_text("{{question}}", encoding="utf-8")
    (folder / "treadle.toml").write_text(SETTINGS.format(url=url), encoding="utf-8")
    command = [sys.executable, "-m", "treadle", "prompts", "run", "-p", "prompt.txt"]
    command += ["-e", "rows.csv", "-o", "out.csv", "--concurrency", str(at_once)]

    def answers() -> list[tuple[str, str]]:
        with (folder / "out.csv").open(encoding="utf-8", newline="") as file:
            return [(row["question"], row["_output"]) for row in csv.DictReader(file)]

    return [*command, "--progress", "none"], answers


def _theirs(
    folder: Path, questions: list[str], url: str, at_once: int, engine: str, python: str
) -> tuple[list[str], Any]:
    (folder / "rows.txt").write_text("\n".join(questions), encoding="utf-8")
    program = python if engine in LITELLM else sys.executable
    command = [
        program,
        "-m",
        "benchmarks.prompts_peers",
        engine,
        url,
        "rows.txt",
        str(at_once),
        "out.jsonl",
    ]

    def answers() -> list[tuple[str, str]]:
        lines = (folder / "out.jsonl").read_text(encoding="utf-8").splitlines()
        return [(line["prompt"], line["answer"]) for line in map(json.loads, lines)]

    return command, answers


def _check(answers: list[tuple[str, str]], questions: list[str]) -> None:
    """Compare with what the server says: what is fast must be right too."""
    wanted = sorted((question, f"echo of {question}") for question in questions)
    if sorted(answers) != wanted:
        right = len(set(answers) & set(wanted))
        raise RuntimeError(f"{right} of {len(questions)} answers are right, of {len(answers)}")


# --- all of them ---------------------------------------------------------------------------------


def run(options: Options) -> Result:
    """Measure all of it."""
    n, many = (200, 400) if options.quick else (2_000, 8_000)
    rounds = options.rounds or (1 if options.quick else 5)
    result = Result(CASE, {"seconds per answer": prompts_server.SECONDS})
    engines = (harness.TREADLE, BARE, *_litellm(options, result))
    with _server() as url, tempfile.TemporaryDirectory(dir=Path.cwd(), prefix="prompts-") as place:
        common = {"place": place, "url": url, "python": _litellm_python()}
        first, second = f"{n:,} rows, 100 at once", f"{many:,} rows, 400 at once"
        variants = {first: {**common, "n": n, "at_once": 100}}
        result.measurements = harness.interleave(CASE, engines, variants, rounds=rounds)
        variants = {second: {**common, "n": many, "at_once": 400}}
        result.measurements += harness.interleave(CASE, engines[:2], variants, rounds=rounds)
    ideal = n / 100 * prompts_server.SECONDS
    _add(result, first, "s", "seconds", Target(limit=1.5 * ideal))
    _add(result, second, "rows/s", "rows_per_second", Target(limit=1000))
    for what in (first, second):
        _add(result, what, "MB at most", "peak_mb", Target())
        _add(result, what, "s of CPU", "cpu_seconds", Target())
    _add_ratios(result, first)
    return result


def _add(result: Result, what: str, unit: str, fact: str, target: Target) -> None:
    better = "higher" if fact == "rows_per_second" else "lower"
    by_engine = harness.values(result.measurements, fact, what)
    harness.add_row(result, what, unit, by_engine, better=better, target=target, against=BARE)


def _add_ratios(result: Result, what: str) -> None:
    """Note how many times as long as ours the others took; the table has room for one of them."""
    medians = result.medians[f"{what}, s"]
    mine = medians.get(harness.TREADLE)
    result.notes.extend(
        f"{engine}: {seconds / mine:.2f} times as long as treadle"
        for engine, seconds in medians.items()
        if mine and engine != harness.TREADLE
    )


def _litellm(options: Options, result: Result) -> tuple[str, ...]:
    """Return the ways to use LiteLLM if it is wanted and installed; the result says which."""
    python = _litellm_python()
    if options.peers is not None:
        return ()
    if not python:
        result.notes.append("litellm: skipped, no Python with it; --litellm PYTHON names one")
        return ()
    code = "from importlib.metadata import version; print(version('litellm'))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        result.notes.append(f"litellm: skipped, {python} does not have it")
        return ()
    result.settings["litellm"] = done.stdout.strip()
    return LITELLM


def _litellm_python() -> str:
    return os.environ.get(LITELLM_PYTHON) or (str(INSTALLED) if INSTALLED.exists() else "")


@contextmanager
def _server() -> Iterator[str]:
    """Start the server in a process of its own; yield its address."""
    command = [sys.executable, "-m", "benchmarks.prompts_server"]
    with subprocess.Popen(command, cwd=harness.ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.terminate()


def main() -> None:
    """Run the case as a script."""
    parser = harness.parser(description=__doc__)
    parser.add_argument("--litellm", metavar="PYTHON", help="a Python that has LiteLLM")
    parsed = parser.parse_args()
    if parsed.litellm:
        os.environ[LITELLM_PYTHON] = shutil.which(parsed.litellm) or parsed.litellm
    options, before = harness.options_from(parsed), harness.machine()
    result = run(options)
    harness.finish(result, options, before)
    sys.exit(1 if result.broken else 0)


if __name__ == "__main__":
    main()
