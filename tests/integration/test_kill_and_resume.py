"""A run is killed again and again, and resumed until it is done: every item is there once.

The driver gets SIGKILL at random moments, or at a random step of what it does on the disk; its
workers get it, too. ``TREADLE_CHAOS_SEED`` repeats one schedule as far as the machine allows.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
from collections import Counter
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import survivor

import treadle
from treadle.api import patience

SEED = int(os.environ.get("TREADLE_CHAOS_SEED", random.SystemRandom().randrange(1 << 32)))
PATIENCE = 40.0  # seconds; a net under busy machines
FULL = r"(?i)no space left|disk.* full"
ITEMS = 300
CHAOS = pytest.mark.chaos
SINKS = ("out.csv", "out.jsonl", "out.parquet", "out/", "out.sqlite", "kept")


@dataclass(frozen=True)
class Case:
    """One way to run the program, and how it is killed."""

    into: str
    backend: str
    durability: str

    def __str__(self) -> str:
        return f"{self.into.strip('/')}-{self.backend}-{self.durability}"

    @property
    def arguments(self) -> tuple[str, ...]:
        return self.into, self.backend, self.durability, str(ITEMS)


SHORT = [
    Case("out.csv", "processes", "group"),
    Case("out.jsonl", "threads", "item"),
    Case("out.parquet", "threads", "group"),
    Case("out/", "processes", "item"),
    Case("out.sqlite", "processes", "group"),
    Case("kept", "threads", "group"),
]
ALL = [
    Case(into, backend, durability)
    for into in SINKS
    for backend in ("threads", "processes")
    for durability in ("group", "item")
]
survived: Counter[str] = Counter()


class Place:
    """A folder in which the program runs, with the record of its run."""

    def __init__(self, programs, folder: Path, runs: Path) -> None:
        self.programs = programs
        self.folder = folder
        self.runs = runs
        folder.mkdir(parents=True)

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen:
        return self.programs.start(
            self.programs.app("survivor.py"),
            *arguments,
            cwd=self.folder,
            env={**self.programs.environ, "TREADLE_RUNS_DIR": str(self.runs), **environ},
        )

    def finish(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess:
        """Run the program to its end, whatever that is."""
        process = self.start(*arguments, **environ)
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            pytest.fail(f"the run hangs: {process.communicate()}")
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    @property
    def run(self) -> treadle.Run:
        (run,) = treadle.runs(self.runs)
        return run


@pytest.fixture
def place(programs, tmp_path):
    return Place(programs, tmp_path / "place", tmp_path / "runs")


# --- killing -------------------------------------------------------------------------------------


def kill_at_random(place: Place, case: Case, dice: random.Random) -> bool:
    """Start the program and kill it; False when it had ended before."""
    how = dice.random()
    if how < 0.5:
        step = (
            f"end{int(2 ** dice.uniform(0, 6))}" if how < 0.2 else f"{int(2 ** dice.uniform(0, 9))}"
        )
        done = place.finish(*case.arguments, step)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        return done.returncode != 0
    process = place.start(*case.arguments)
    if how < 0.6:  # wherever it is
        wait(process, dice.uniform(0.0, 0.4))
    else:
        begun = process.stdout.readline()
        assert begun == "begun\n", process.stderr.read()
        if case.backend == "processes" and how < 0.8:
            wait(process, dice.uniform(0.0, 0.3))
            kill_a_worker(process, dice)
        wait(process, dice.uniform(0.0, 0.6))
    process.kill()
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode in (0, -signal.SIGKILL), err
    return process.returncode != 0


def wait(process: subprocess.Popen, seconds: float) -> None:
    """Let the moment come, unless the program ends before."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


def kill_a_worker(process: subprocess.Popen, dice: random.Random) -> None:
    with suppress(psutil.NoSuchProcess):
        driver = psutil.Process(process.pid)
        workers = [each for child in driver.children() for each in child.children()]
        if workers:
            dice.choice(workers).kill()


def survive(place_for, case: Case, kills: int, dice: random.Random) -> None:
    """Kill runs, and let each come to its end, until there were so many kills."""
    done = 0
    while done < kills:
        place = place_for()
        left = min(kills - done, dice.randint(1, 8))
        while left and kill_at_random(place, case, dice):
            left, done = left - 1, done + 1
        ended = place.finish(*case.arguments)
        assert ended.returncode == 0, ended.stderr
        settled, ok = map(int, ended.stdout.splitlines()[-1].split()[1:])
        assert settled == ITEMS
        assert ok == len(expected(case))
        check(place, case)
        survived["kills"] += done - survived[f"counted {case}"]
        survived[f"counted {case}"] = done


# --- what must be there --------------------------------------------------------------------------


def expected(case: Case) -> dict[int, list[dict]]:
    """Return the rows of each item that succeeds."""
    found = {}
    for n in range(ITEMS):
        with suppress(ValueError):
            found[n] = survivor.file(n)["rows"]
    return found


@pytest.fixture(scope="module", autouse=True)
def no_pause():
    """Let our own calls of the program's functions take no time."""
    before, survivor.PAUSE = survivor.PAUSE, 0.0
    yield
    survivor.PAUSE = before


def check(place: Place, case: Case) -> None:
    """Compare record and file with what an undisturbed run leaves."""
    wanted = expected(case)
    run = place.run
    assert (run.state, run.ok, run.failed) == ("finished", len(wanted), ITEMS - len(wanted))
    outcomes = list(run.outcomes())
    assert [outcome.key for outcome in outcomes] == list(range(ITEMS))
    assert {outcome.kind for outcome in outcomes} == {"succeeded", "raised"}
    assert [outcome.key for outcome in run.failures()] == sorted(set(range(ITEMS)) - set(wanted))

    run.record.close()
    calm = undisturbed(place, case)
    assert [(outcome.key, plain(outcome)) for outcome in outcomes if outcome.ok] == [
        (outcome.key, plain(outcome)) for outcome in calm.outcomes() if outcome.ok
    ]
    calm.record.close()
    if case.into != "kept":
        found = read(place.folder / case.into)
        assert Counter(key for key, _ in found) == {key: len(rows) for key, rows in wanted.items()}
        there = read(place.folder / "calm" / case.into)
        assert sorted(found, key=repr) == sorted(there, key=repr)
        left = {path.name for path in place.folder.iterdir()} - {"calm"}
        assert left == {Path(case.into).name}, "something unfinished was left"


def undisturbed(place: Place, case: Case) -> treadle.Run:
    calm = place.folder / "calm"
    treadle.run(
        survivor.file if case.into.endswith("/") else survivor.work,
        range(ITEMS),
        into=None if case.into == "kept" else f"{calm}/{case.into}",
        backend="inline",
        runs_dir=calm / "runs",
    )
    return treadle.open("latest", calm / "runs")


def plain(outcome) -> object:
    """Return what was stored: the content where that is a file."""
    if isinstance(outcome.value, Path):
        return json.loads(outcome.value.read_bytes())
    return outcome.value


def read(path: Path) -> list[tuple[int, object]]:
    """Return key and content of each row, read as anybody would."""
    match path.suffix:
        case ".csv":
            with path.open(newline="") as file:
                return [(int(row["key"]), row) for row in csv.DictReader(file)]
        case ".jsonl":
            rows = map(json.loads, path.read_text().splitlines())
            found = [(row["key"], row["value"]) for row in rows]
            return [(key, row) for key, v in found for row in (v if isinstance(v, list) else [v])]
        case ".parquet":
            import pyarrow.parquet as pq

            return [(int(row["key"]), row) for row in pq.read_table(path).to_pylist()]
        case ".sqlite":
            with closing_database(path) as database:
                rows = database.execute("SELECT * FROM results").fetchall()
            return [(int(row["key"]), dict(row)) for row in rows]
        case _:
            found = [
                (int(file.stem), json.loads(file.read_bytes())) for file in path.glob("*.json")
            ]
            return [(key, row) for key, value in found for row in value["rows"]]


@contextmanager
def closing_database(path: Path):
    database = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    try:
        yield database
    finally:
        database.close()


# --- the tests -----------------------------------------------------------------------------------


@pytest.fixture
def places(programs, tmp_path):
    """Make places, each with nothing in it."""
    count = iter(range(1000))

    def make():
        folder = tmp_path / f"place {next(count)}"
        return Place(programs, folder, folder.with_name(f"{folder.name} runs"))

    return make


@pytest.mark.timeout(180)  # programs are started many times; on a busy machine, each takes long
@pytest.mark.parametrize("case", SHORT, ids=str)
def test_a_killed_run_is_whole_in_the_end(places, case):
    survive(places, case, 2, random.Random(f"{SEED} {case}"))
    assert survived[f"counted {case}"] == 2, f"TREADLE_CHAOS_SEED={SEED}"


@pytest.mark.parametrize(
    "into",
    [
        into if into in ("out.csv", "out.parquet", "kept") else pytest.param(into, marks=CHAOS)
        for into in SINKS
    ],
)
def test_a_run_killed_when_all_has_settled_is_finished_by_the_next_session(place, into):
    case = Case(into, "threads", "item")  # all rows are committed before the end begins
    killed = place.finish(*case.arguments, "end1")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    ended = place.finish(*case.arguments)
    assert ended.returncode == 0, ended.stderr
    check(place, case)


@pytest.mark.chaos
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("case", ALL, ids=str)
def test_hundreds_of_kills_are_survived(places, case, capfd):
    survived[f"counted {case}"] = 0
    survive(places, case, 13, random.Random(f"{SEED} {case}"))
    with capfd.disabled():
        print(f" {survived['kills']} kills survived, TREADLE_CHAOS_SEED={SEED}")
    assert survived[f"counted {case}"] == 13


@pytest.mark.parametrize("into", SINKS)
@pytest.mark.parametrize("first", ["begun100", "99999"], ids=["stopped", "finished"])
@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_a_run_killed_while_it_takes_old_results_out_is_whole_in_the_end(places, into, first):
    case = Case(into, "threads", "item")
    for step in (1, 4, 8, 12, 16, 20, 24, 28, 32, 40, 50, 60, 80, 100, 150):
        place = places()
        assert place.finish(*case.arguments, first, VERSION="1").returncode in (0, -9)
        killed = place.finish(*case.arguments, str(step), VERSION="2")
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        ended = place.finish(*case.arguments, VERSION="2")
        assert ended.returncode == 0, (step, ended.stderr)
        check(place, case)


# --- what is left of a killed run, meddled with --------------------------------------------------


def killed(place: Place, into: str) -> Case:
    """Leave a run that was killed with a part of its items committed."""
    case = Case(into, "threads", "item")
    stored = 0
    for _ in range(5):  # on a busy machine, a kill may come before the first commit
        done = place.finish(*case.arguments, "begun100")
        assert done.returncode == -signal.SIGKILL, done.stderr
        run = place.run
        stored, state = run.ok, run.state
        run.record.close()
        if stored:
            break
    assert 0 < stored < ITEMS / 2
    assert state == "crashed"
    return case


def parts(place: Place) -> list[Path]:
    """Return the files with what was stored so far."""
    there = [path for path in place.folder.rglob("*") if path.is_file()]
    there += [path for path in place.runs.rglob("values*") if path.is_file()]
    return [path for path in there if path.suffix not in (".lock", "-wal", "-shm")]


TAILS = {"out.csv": b"1,2\n3", "out.jsonl": b'{"key": 1, "val', "kept": b"\0" * 4096}


@pytest.mark.parametrize(
    ("into", "tail"),
    [
        pytest.param(into, tail, marks=() if tail == own else CHAOS, id=f"{into}-{len(tail)}")
        for into, own in TAILS.items()
        for tail in TAILS.values()
    ],
)
def test_what_a_torn_write_has_left_is_cut_off(place, into, tail):
    case = killed(place, into)
    (part,) = parts(place)
    with part.open("ab") as file:
        file.write(tail)
    ended = place.finish(*case.arguments)
    assert ended.returncode == 0, ended.stderr
    check(place, case)


@pytest.mark.parametrize("into", SINKS)
def test_a_part_that_somebody_has_removed_is_named_and_the_record_is_kept(place, into):
    case = killed(place, into)
    gone = max(parts(place), key=lambda path: path.stat().st_size)
    gone.unlink()
    ended = place.finish(*case.arguments)
    assert ended.returncode == 1
    said = ended.stderr.splitlines()
    assert any("UsageError" in line and place.folder.name in line for line in said) or (
        into == "kept" and "UsageError" in ended.stderr
    ), ended.stderr
    assert any(line.startswith("hint: ") for line in said)
    run = place.run
    assert run.state == "crashed"
    assert 0 < run.ok < ITEMS / 2
    run.record.close()


# --- full disks ----------------------------------------------------------------------------------


def page(n):
    """Return a row of 4 KiB that cannot be compressed well."""
    return {"n": n, "text": hashlib.shake_128(b"%d" % n).hexdigest(2000)}


@dataclass
class Disk:
    """A small disk, and something on it that can make room."""

    folder: Path

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"

    def fill(self, left: int) -> None:
        """Leave so many bytes."""
        free = shutil.disk_usage(self.folder).free
        self._ballast.write_bytes(bytes(max(0, free - left)))

    def make_room(self) -> None:
        self._ballast.unlink()


@pytest.fixture
def disk(tmp_path):
    """Mount a disk of a few MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "treadle-test", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted: {done.stderr.strip()}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", folder], timeout=PATIENCE, check=True)


def run_pages(into, runs_dir, **options) -> treadle.Report:
    return treadle.run(page, range(200), into=into, runs_dir=runs_dir, backend="inline", **options)


def check_pages(runs_dir: Path) -> None:
    (run,) = treadle.runs(runs_dir)
    found = {}
    for outcome in run.outcomes():
        assert outcome.key not in found
        found[outcome.key] = plain(outcome)
    assert (run.state, run.ok, run.failed) == ("finished", 200, 0)
    assert [int(found[n]["n"]) for n in range(200)] == list(range(200))
    assert [found[n]["text"] for n in range(200)] == [page(n)["text"] for n in range(200)]
    run.record.close()


@pytest.mark.parametrize("durability", ["group", "item"])
@pytest.mark.parametrize("into", SINKS[:-1])
def test_a_full_disk_ends_the_run_and_with_more_room_it_is_completed(
    disk, tmp_path, into, durability
):
    runs_dir = tmp_path / "runs"
    place = f"{disk.folder}/{into}"
    disk.fill(left=400_000)
    with waited_for(durability), pytest.raises(treadle.RunFailed, match=FULL):
        run_pages(place, runs_dir, durability=durability)
    disk.make_room()
    report = run_pages(place, runs_dir, durability=durability, resume=True)
    assert report.ok + report.earlier[0] == 200
    check_pages(runs_dir)


@pytest.mark.parametrize("durability", ["group", "item"])
@pytest.mark.parametrize("into", ["out.csv", "out.parquet", "kept"])
def test_a_full_disk_under_the_record_ends_the_run_and_with_more_room_it_is_completed(
    disk, tmp_path, into, durability
):
    place = None if into == "kept" else tmp_path / into
    disk.fill(left=150_000)
    with waited_for(durability), pytest.raises(treadle.RunFailed, match=FULL):
        run_pages(place, disk.folder / "runs", durability=durability, listeners=[greedy(disk)])
    disk.make_room()
    report = run_pages(place, disk.folder / "runs", durability=durability, resume=True)
    assert report.ok + report.earlier[0] == 200
    check_pages(disk.folder / "runs")


def waited_for(durability):
    """Expect that a disk without room is waited for, though not for long here."""
    if durability != "item":
        return nullcontext()
    return pytest.warns(RuntimeWarning, match="the disk is full")


@pytest.fixture(autouse=True)
def impatience(monkeypatch):
    monkeypatch.setattr(patience, "PATIENCE", 0.02)
    monkeypatch.setattr(patience, "EVERY", 0.01)


def greedy(disk: Disk):
    """Return a listener that takes what is left of the disk when the run has begun."""

    def listen(event):
        if isinstance(event, treadle.events.RunStarted):
            free = shutil.disk_usage(disk.folder).free
            (disk.folder / "more").write_bytes(bytes(free - 30_000 if free > 30_000 else 0))

    return listen


def test_a_disk_too_full_for_a_record_is_named_before_anything_runs(disk, tmp_path):
    called = []
    disk.fill(left=0)
    with pytest.raises(treadle.TreadleError, match=FULL):
        treadle.run(
            called.append,
            range(3),
            into=tmp_path / "out.csv",
            runs_dir=disk.folder / "runs",
            backend="inline",
        )
    assert called == []
    assert treadle.runs(disk.folder / "runs") == []
    assert not (tmp_path / "out.csv").exists()
