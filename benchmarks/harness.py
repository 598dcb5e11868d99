"""A fresh process for every measurement, engines interleaved, medians and ratios, result files.

A case calls :func:`interleave` with the engines and variants it wants. Each round goes through all
of them once, starting at another place each time, so that a load that comes and goes meets every
engine. Each measurement is a process of its own in a session of its own; when it has ended, every
process it left behind is counted and killed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any, Literal, TypeAlias

import psutil

from benchmarks import peers

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
WORKERS = 2
TREADLE = "treadle"
# Every process that descends from a measurement carries this in its environment.
MARK = "TREADLE_BENCHMARK"
# A file that `functions.pause` touches when it begins.
READY = "TREADLE_BENCHMARK_READY"
SAID = 6000  # characters: the stacks of a dozen threads
LIBRARIES = ("treadle", "joblib", "loky", "mpire", "pebble", "distributed", "ray", "numpy")

Facts: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """
    What was asked for on the command line.

    Attributes:
        rounds: Rounds of every case; None for the case's own number.
        quick: Shrink everything to seconds: tells that the scripts work, and nothing else.
        peers: Names of peers to measure; None for all that a case knows.
        slow: Measure Dask and Ray too.
        start_method: How workers start, wherever an engine leaves the choice.
        save: Write result files.
    """

    rounds: int | None = None
    quick: bool = False
    peers: tuple[str, ...] | None = None
    slow: bool = False
    start_method: str = "forkserver"
    save: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """
    What is to be measured once.

    Attributes:
        case: Module with the ``measure`` to call.
        engine: Name of the engine.
        variant: Which variation of the case.
        round: From 0.
        arguments: For ``measure``, beside ``engine``.
        limit: Seconds after which it counts as hung.
    """

    case: str
    engine: str
    variant: str
    round: int
    arguments: dict[str, Any]
    limit: float

    def found(self, facts: Facts, left_behind: int = 0) -> Measurement:
        """Return the measurement with these facts."""
        return Measurement(self.engine, self.variant, self.round, facts, left_behind)


@dataclass(frozen=True, slots=True)
class Measurement:
    """
    What one fresh process found out.

    Attributes:
        engine: Name of the engine.
        variant: Which variation of the case.
        round: From 0.
        facts: What ``measure`` of the case wrote down; ``error``, ``hung`` or ``unsupported``
            say why numbers are missing.
        left_behind: Processes still there two seconds after the end.
    """

    engine: str
    variant: str
    round: int
    facts: Facts
    left_behind: int


@dataclass(frozen=True, slots=True)
class Target:
    """
    What treadle is to reach; what is None is not asked for.

    Attributes:
        ratio: At least this many times as good as the peer.
        limit: At most this value where low is good, at least this where high is good.
    """

    ratio: float | None = None
    limit: float | None = None


@dataclass(slots=True)
class Row:
    """One line of the table; values are medians, a ratio above 1 says that treadle is better."""

    case: str
    unit: str
    treadle: float | None
    peer: float | None
    peer_name: str
    ratio: float | None
    target: str
    reached: bool | None


@dataclass(slots=True)
class Result:
    """Everything one case found out."""

    case: str
    settings: dict[str, Any]
    rows: list[Row] = field(default_factory=list)
    medians: dict[str, dict[str, float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)

    @property
    def broken(self) -> bool:
        """Tell whether treadle itself could not be measured."""
        return any(
            measured.engine == TREADLE and ("error" in measured.facts or "hung" in measured.facts)
            for measured in self.measurements
        )


# --- choosing engines ---------------------------------------------------------------------------


def choose(
    options: Options, names: Sequence[str], notes: list[str], *, extra: Sequence[str] = ()
) -> list[str]:
    """
    Return treadle and those of the peers *names* that are wanted and installed.

    Args:
        options: What was asked for.
        names: Peers the case knows.
        notes: Receives a line for each peer that is left out.
        extra: Engines of the case's own, such as a bare loop; always measured.
    """
    chosen = [TREADLE, *extra]
    for name in names:
        engine = peers.ENGINES[name]
        if options.peers is not None:
            if name in options.peers:
                chosen.append(name)
        elif engine.slow and not options.slow:
            notes.append(f"{name}: skipped, it is slow to start; --all measures it")
        elif not peers.installed(engine):
            notes.append(f"{name}: skipped, {engine.library} is not installed")
        else:
            chosen.append(name)
    return chosen


def every_peer(wanted: Callable[[type[peers.Engine]], bool] = lambda _: True) -> list[str]:
    """Return the names of all peers that *wanted* says yes to."""
    return [name for name, engine in peers.ENGINES.items() if name != TREADLE and wanted(engine)]


# --- measuring ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Child:
    """A running measurement."""

    process: subprocess.Popen[bytes]
    mark: str
    facts_path: Path
    errors_path: Path
    ready_path: Path

    def facts(self) -> Facts:
        """Return what it wrote; with what it said at the end when something went wrong."""
        said = self.errors_path.read_text(encoding="utf-8", errors="replace").strip()
        if not self.facts_path.exists():
            lines = said.splitlines() or [f"exit code {self.process.returncode}"]
            return {"error": lines[-1], "said": said[-SAID:]}
        facts: Facts = json.loads(self.facts_path.read_text(encoding="utf-8"))
        if _trouble(facts):
            facts["said"] = said[-SAID:]
        return facts

    def others(self) -> list[psutil.Process]:
        """Return the processes that descend from it and still run."""
        return [found for found in _marked(self.mark) if found.pid != self.process.pid]

    def left_behind(self, seconds: float = 2.0) -> int:
        """Give descendants *seconds* to leave, then count those that did not."""
        end = time.monotonic() + seconds
        while (left := len(self.others())) and time.monotonic() < end:
            time.sleep(0.02)
        return left

    def kill(self) -> None:
        """Kill it and all that descends from it."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for found in _marked(self.mark):
            try:
                found.kill()
            except psutil.NoSuchProcess:
                continue  # it left by itself a moment ago


@contextmanager
def child(trial: Trial) -> Iterator[Child]:
    """Start ``measure`` of the trial's case in a fresh process; kill what is left at the end."""
    with tempfile.TemporaryDirectory(prefix="treadle-benchmark-") as folder:
        mark = uuid.uuid4().hex
        path, errors, ready = (Path(folder, name) for name in ("facts.json", "errors", "ready"))
        arguments = json.dumps({"engine": trial.engine, **trial.arguments})
        command = [sys.executable, "-m", "benchmarks.child", trial.case, arguments]
        with errors.open("wb") as complaints:
            process = subprocess.Popen(
                [*command, str(path), str(trial.limit)],
                cwd=ROOT,
                env={**_environment(mark), READY: str(ready)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                start_new_session=True,
            )
        running = Child(process, mark, path, errors, ready)
        try:
            yield running
        finally:
            running.kill()


def measure_once(trial: Trial) -> Measurement:
    """Measure one engine once, in a fresh process."""
    with child(trial) as running:
        try:
            running.process.wait(trial.limit + 5)
        except subprocess.TimeoutExpired:
            running.kill()
        return trial.found(running.facts(), running.left_behind())


def interleave(
    case: str,
    engines: Sequence[str],
    variants: dict[str, dict[str, Any]],
    *,
    rounds: int,
    limit: float = 120.0,
    once: Callable[[Trial], Measurement] = measure_once,
) -> list[Measurement]:
    """
    Measure every engine on every variant, *rounds* times, all mixed.

    A peer that hung on a variant is not asked for it again.

    Args:
        case: Module with the ``measure`` to call.
        engines: Names of engines.
        variants: Name to arguments of ``measure``, beside ``engine``.
        rounds: How often each is measured.
        limit: Seconds after which a measurement counts as hung.
        once: How to measure once.
    """
    pairs = [(engine, variant) for variant in variants for engine in engines]
    measurements: list[Measurement] = []
    hung: set[tuple[str, str]] = set()
    for number in range(rounds):
        turn = number * len(pairs) // max(rounds, 1)
        for engine, variant in (*pairs[turn:], *pairs[:turn]):
            if (engine, variant) in hung:
                continue
            _say(f"\r\033[K{case}: round {number + 1}/{rounds}: {variant}: {engine}")
            trial = Trial(
                case=case,
                engine=engine,
                variant=variant,
                round=number,
                arguments=variants[variant],
                limit=limit,
            )
            measurements.append(once(trial))
            if measurements[-1].facts.get("hung") and engine != TREADLE:
                hung.add((engine, variant))
    _say("\r\033[K")
    return measurements


def _say(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(text)
        sys.stderr.flush()


def _environment(mark: str) -> dict[str, str]:
    paths = [str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, MARK: mark}
    # numpy and its like would otherwise start a thread per core in every worker of every engine.
    environment.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    # Without cached bytecode every worker would compile what it imports; users have the cache.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def _marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue  # gone, or somebody else's
    return found


# --- what it amounts to -------------------------------------------------------------------------


def values(
    measurements: Sequence[Measurement], fact: str, variant: str | None = None
) -> dict[str, list[float]]:
    """Collect one fact of one variant by engine, leaving out measurements without it."""
    found: dict[str, list[float]] = {}
    for measured in measurements:
        if variant in (None, measured.variant) and measured.facts.get(fact) is not None:
            found.setdefault(measured.engine, []).append(float(measured.facts[fact]))
    return found


def complete(result: Result, fact: str, wanted: float) -> list[Measurement]:
    """Return treadle's measurements, and those of peers that got everything done."""
    return [
        measured
        for measured in result.measurements
        if measured.engine == TREADLE or measured.facts.get(fact) == wanted
    ]


def add_row(
    result: Result,
    case: str,
    unit: str,
    by_engine: dict[str, list[float]],
    *,
    better: Literal["higher", "lower"],
    target: Target,
    against: str | None = None,
) -> None:
    """
    Add a line to the table, and the medians of all engines to the result.

    Args:
        result: Where to.
        case: What the line is called.
        unit: Unit of the values.
        by_engine: All values of each engine.
        better: Which values are good ones.
        target: What treadle is to reach.
        against: The peer to compare with; None for the best of all.
    """
    medians = {engine: median(numbers) for engine, numbers in by_engine.items()}
    result.medians[f"{case}, {unit}"] = medians
    others = {engine: value for engine, value in medians.items() if engine != TREADLE}
    if against is not None:
        others = {engine: value for engine, value in others.items() if engine == against}
    pick = max if better == "higher" else min
    name = pick(others, key=lambda engine: others[engine]) if others else ""
    mine, peer = medians.get(TREADLE), others.get(name)
    ratio = _ratio(mine, peer, better)
    result.rows.append(
        Row(
            case,
            unit,
            mine,
            peer,
            name,
            ratio,
            _target_text(target, better),
            _reached(target, mine, ratio, better),
        )
    )


def _ratio(mine: float | None, peer: float | None, better: str) -> float | None:
    if mine is None or peer is None:
        return None
    above, below = (mine, peer) if better == "higher" else (peer, mine)
    return above / below if below > 0 else None


def _target_text(target: Target, better: str) -> str:
    parts = []
    if target.ratio is not None:
        parts.append(f"≥ {target.ratio:g}x")
    if target.limit is not None:
        parts.append(f"{'≥' if better == 'higher' else '≤'} {target.limit:g}")
    return ", ".join(parts) or "-"


def _reached(target: Target, mine: float | None, ratio: float | None, better: str) -> bool | None:
    if mine is None:
        return None
    verdicts: list[bool | None] = []
    if target.limit is not None:
        verdicts.append(mine >= target.limit if better == "higher" else mine <= target.limit)
    if target.ratio is not None:
        verdicts.append(None if ratio is None else ratio >= target.ratio)
    if False in verdicts:
        return False
    return None if None in verdicts or not verdicts else True


def _add_notes_of_troubles(result: Result) -> None:
    """Note once per engine and variant why a number is missing."""
    told = set()
    for measured in result.measurements:
        trouble = _trouble(measured.facts)
        if trouble and (line := f"{measured.engine}, {measured.variant}: {trouble}") not in told:
            told.add(line)
            result.notes.append(line)


def _add_row_of_broken(result: Result) -> None:
    # Medians are of the measurements that have numbers; without this line a run of treadle that
    # hung would only make its numbers look better.
    mine = [measured for measured in result.measurements if measured.engine == TREADLE]
    broken = sum(bool(_trouble(measured.facts)) for measured in mine)
    if broken:
        name, unit = f"{result.case}, hung or failed", f"of {len(mine)}"
        result.rows.append(Row(name, unit, broken, None, "", None, "≤ 0", reached=False))


def _trouble(facts: Facts) -> str:
    if facts.get("hung"):
        return "hung"
    return str(facts.get("unsupported") or facts.get("error") or "")


# --- printing and saving ------------------------------------------------------------------------


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| case | unit | treadle | best peer | ratio | target | reached |",
        "|---|---|--:|--:|--:|---|---|",
    ]
    for row in rows:
        peer = f"{_number(row.peer)} ({row.peer_name})" if row.peer_name else "-"
        ratio = "-" if row.ratio is None else f"{row.ratio:.2f}x"
        reached = {True: "yes", False: "NO", None: "-"}[row.reached]
        cells = (row.case, row.unit, _number(row.treadle), peer, ratio, row.target, reached)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def details(result: Result) -> str:
    """Return the medians of all engines, best known first, and the notes."""
    lines, shown = [], []
    for title, medians in result.medians.items():
        if medians in shown:
            continue
        shown.append(medians)
        numbers = ", ".join(f"{engine} {_number(value)}" for engine, value in medians.items())
        lines.append(f"{title}: {numbers}")
    lines.extend(f"note: {note}" for note in result.notes)
    return "\n".join(lines)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def save(result: Result, facts_of_machine: Facts) -> Path:
    """Write the result file of today; a second one of the same day takes its place."""
    RESULTS.mkdir(exist_ok=True)
    day = datetime.now().astimezone().date().isoformat()
    path = RESULTS / f"{day}-{result.case}.json"
    text = json.dumps({"machine": facts_of_machine, **asdict(result)}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def machine() -> Facts:
    """Return what the numbers depend on: processor, memory, versions, load."""
    return {
        "time": datetime.now().astimezone().isoformat(timespec="seconds"),
        "processor": _processor(),
        "cpus": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else [],
        "versions": {library: _version(library) for library in LIBRARIES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


# --- command line -------------------------------------------------------------------------------


def parse(arguments: Sequence[str] | None = None, **known: Any) -> Options:
    """Read the options that every script has; *known* are the keywords of the parser."""
    return options_from(parser(**known).parse_args(arguments))


def parser(**known: Any) -> argparse.ArgumentParser:
    """Make the parser of the options that every script has."""
    made = argparse.ArgumentParser(**known)
    made.add_argument("--rounds", type=int, help="rounds of every case (default: the case's own)")
    made.add_argument("--quick", action="store_true", help="seconds only: do the scripts work?")
    made.add_argument("--peers", help="names separated by commas, 'none', or 'all' (default)")
    made.add_argument("--all", action="store_true", help="measure Dask and Ray too")
    made.add_argument("--start-method", choices=("spawn", "forkserver"), default="forkserver")
    made.add_argument("--no-save", action="store_true", help="write no result file")
    return made


def options_from(parsed: argparse.Namespace) -> Options:
    """Turn what was typed into options."""
    names = None
    if parsed.peers not in (None, "all"):
        names = () if parsed.peers == "none" else tuple(parsed.peers.split(","))
        unknown = set(names) - set(peers.ENGINES)
        if unknown:
            raise SystemExit(f"unknown peers {sorted(unknown)}; known: {', '.join(every_peer())}")
    return Options(
        rounds=parsed.rounds,
        quick=parsed.quick,
        peers=names,
        slow=parsed.all,
        start_method=parsed.start_method,
        save=not parsed.no_save,
    )


def finish(result: Result, options: Options, before: Facts) -> None:
    """Print one case and save it."""
    _add_row_of_broken(result)
    _add_notes_of_troubles(result)
    print(table(result.rows), details(result), sep="\n\n", end="\n\n")
    if options.save and not options.quick:
        print(f"written: {save(result, {**before, 'load_after': machine()['load']})}")


def main(run: Callable[[Options], Result], description: str | None) -> None:
    """Run one case as a script; exit code 1 says that treadle could not be measured."""
    options = parse(description=description)
    before = machine()
    result = run(options)
    finish(result, options, before)
    sys.exit(1 if result.broken else 0)


def interrupt(process: subprocess.Popen[bytes]) -> None:
    """Do what Ctrl-C does: send SIGINT to the whole process group."""
    os.killpg(process.pid, signal.SIGINT)
