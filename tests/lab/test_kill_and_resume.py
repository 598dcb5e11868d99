"""A pipeline is killed again and again, and run again: nothing is lost, and nothing left over.

All its processes get SIGKILL at once when so many files have appeared below its folder.
``TREADLE_CHAOS_SEED`` repeats one schedule as far as the machine allows.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from treadle import lab
from treadle.lab.places import PART

sys.path.insert(0, str(Path(__file__).parent))
from rawtree import (
    INLINE,
    NEW_YEAR,
    ended,
    eventually,
    raw_file,
    raw_tree,
    start,
    tree,
    unfinished,
)

SEED = int(os.environ.get("TREADLE_CHAOS_SEED", random.SystemRandom().randrange(1 << 32)))
COUNT = 40
FILES = COUNT + COUNT // 4 * 3  # all are staged, three of four are sweeps

pytestmark = pytest.mark.timeout(180)  # each starts several pipelines, one after the other


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return raw_tree(tmp_path_factory.mktemp("kill") / "raw", COUNT)


@pytest.fixture(scope="module")
def calm(raw, tmp_path_factory):
    """What an undisturbed run leaves."""
    return undisturbed(raw, tmp_path_factory.mktemp("calm"))


def undisturbed(raw, out):
    lab.pipeline(raw, out, **INLINE, local_tz="UTC")
    assert len(list(out.rglob(PART))) == FILES
    return tree(out)


def arguments(raw, out):
    return ("pipeline", raw, out, "-q", "--local-tz", "UTC", "-w", "2")


def kill_at(raw, out, count: int) -> bool:
    """Start a pipeline, kill it when there are so many files; False when it had ended before."""
    process = start(*arguments(raw, out))
    watched = psutil.Process(process.pid)
    eventually(lambda: process.poll() is not None or how_many(out) >= count)
    family = []
    with suppress(psutil.NoSuchProcess):
        family = watched.children(recursive=True)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for each in family:  # workers lead sessions of their own
        with suppress(psutil.NoSuchProcess):
            each.kill()
    assert eventually(lambda: not any(map(lives, family)))
    code, _, err = ended(process)
    assert code in (1, -signal.SIGKILL), err
    return code != 1


def lives(process: psutil.Process) -> bool:
    """Tell whether a process can still do something; one that nobody has reaped yet cannot."""
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def how_many(out: Path) -> int:
    """Count what has appeared, in whatever state it is."""
    with suppress(OSError):  # what is there one moment is renamed the next
        return sum(len(files) for _, _, files in os.walk(out))
    return 0


def finish(raw, out):
    code, out_text, err = ended(start(*arguments(raw, out)))
    assert (code, out_text, err) == (1, "", ""), "some are rejected, as they should be"


def check(out, calm):
    assert tree(out) == calm, f"TREADLE_CHAOS_SEED={SEED}"
    assert not unfinished(out), f"TREADLE_CHAOS_SEED={SEED}"


def moments(dice: random.Random, count: int) -> list[int]:
    """Choose when to kill: early, late, or anywhere; a session has some files of its own."""
    return [dice.randint(1, FILES + 20) for _ in range(count)]


def test_a_pipeline_killed_at_random_moments_is_whole_in_the_end(raw, calm, tmp_path):
    out = tmp_path / "out"
    kills = sorted(moments(random.Random(SEED), 3))
    killed = [kill_at(raw, out, count) for count in kills]
    assert killed[0], f"TREADLE_CHAOS_SEED={SEED}"
    finish(raw, out)
    check(out, calm)
    finish(raw, out)
    check(out, calm)


def test_killed_while_it_takes_in_changes_it_leaves_nothing_of_what_was(tmp_path):
    """Some raw files hold other runs than before; their old files go, whenever it is killed."""
    raw = raw_tree(tmp_path / "raw", COUNT)
    out = tmp_path / "out"
    lab.pipeline(raw, out, **INLINE, local_tz="UTC")
    for number in range(0, COUNT, 4):
        path = raw / f"day{number % 5}" / f"IV_{number}.csv"
        raw_file(path, start=NEW_YEAR + 77 + 1000 * number)
    there = how_many(out)
    dice = random.Random(SEED + 1)
    # A quarter of them is staged anew, and then the old ones go: there are never more than that.
    kills = sorted(there + dice.randint(1, COUNT // 4 - 3) for _ in range(2))
    for count in kills:
        kill_at(raw, out, count)  # a fast machine may have been through: that is right, too
    finish(raw, out)
    check(out, undisturbed(raw, tmp_path / "calm"))


def test_what_a_killed_writer_has_left_half_written_is_cleared_away(raw, calm, tmp_path):
    """As SIGKILL between the two steps of writing a file leaves it, driver or worker."""
    out = tmp_path / "out"
    assert kill_at(raw, out, FILES // 2), f"TREADLE_CHAOS_SEED={SEED}"
    run = "proc=IV/date=2026-01-01/run_id=0123456789abcdef"
    for step in ("stage", "segment"):
        (out / step / ".treadle").mkdir(parents=True, exist_ok=True)
        (out / step / ".treadle" / "lock").write_text("1")  # it came so far, too
        for name in ("_manifest/.manifest.parquet", ".treadle/.stage.json", f"{run}/.{PART}"):
            part = out / step / f"{name}.1-2.part"
            part.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(b"PAR1 half")
    assert len(unfinished(out)) >= 6
    finish(raw, out)
    check(out, calm)
    assert not list(out.rglob("run_id=0123456789abcdef"))


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_many_kills_are_survived(raw, calm, tmp_path, capfd):
    dice = random.Random(SEED + 2)
    survived = 0
    for round_ in range(15):
        out = tmp_path / f"out {round_}"
        for count in sorted(moments(dice, dice.randint(1, 6))):
            survived += kill_at(raw, out, count)
        finish(raw, out)
        check(out, calm)
    with capfd.disabled():
        print(f" {survived} kills survived, TREADLE_CHAOS_SEED={SEED}")
    assert survived > 15
