"""An experiment is interrupted and killed, and run again: no answer is lost, none is paid twice.

Kills strike when so many requests have reached the server, and a little later.
``TREADLE_CHAOS_SEED`` repeats one schedule as far as the machine allows.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from pathlib import Path

import pytest

from treadle.cli import main

sys.path.insert(0, str(Path(__file__).parent))
from servers import (
    Server,
    at_home,
    echo,
    ended,
    eventually,
    lane,
    ok,
    prompt,
    recorded,
    records,
    refused,
    results,
    start,
    table,
)

SEED = int(os.environ.get("TREADLE_CHAOS_SEED", random.SystemRandom().randrange(1 << 32)))
IN_FLIGHT = 6
RUN = ("run", "-p", "prompt.txt", "-e", "rows.csv", "-o", "results.csv", "-q")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    return at_home(monkeypatch, tmp_path)


@pytest.fixture
def server():
    with Server() as server:
        lane(server, concurrency=IN_FLIGHT)
        prompt()
        yield server


@pytest.fixture
def type_in(capfd):
    """Run ``treadle prompts`` in this process; return exit code, stdout and stderr."""

    def type_in(*arguments):
        code = main(["prompts", *map(str, arguments)])
        out, err = capfd.readouterr()
        assert "Traceback" not in err, err
        return code, out, err

    return type_in


def gated(server, free):
    """Answer so many requests at once, and hold the others until what is returned is set."""
    gate = asyncio.Event()

    async def hold(asked):
        if asked.number > free:
            await gate.wait()
        return echo(asked)

    server.handler = hold
    return gate


def in_full(count):
    """Tell whether the results are those of so many rows, in order, each once."""
    rows = results()
    return [row["_output"] for row in rows] == [
        f"answer to Say topic {number}" for number in range(1, count + 1)
    ]


# --- interrupted ---------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_lets_what_is_in_flight_end_and_the_next_does_the_rest(server, sent, type_in):
    table(20)
    gate = gated(server, free=4)
    process = start(*RUN[:-1], "--progress", "plain")
    assert eventually(lambda: len(server.log) == 4 + IN_FLIGHT)
    assert len(results()) <= 4, "and it is whole"
    os.kill(process.pid, sent)
    said = ""
    while not said.startswith("stopping"):
        said = process.stderr.readline()
        assert said, "it ended without a word"
    server.call(gate.set)
    code, out, err = ended(process)
    assert (code, out) == (130, "")
    assert "10 left" in err
    *_, hint, typed = err.splitlines()
    assert hint == "hint: what was answered is safe; this asks the rest:"
    assert typed.split()[:3] == ["treadle", "prompts", "run"]
    assert typed.endswith(" --progress plain")
    assert "Traceback" not in err
    assert [row["topic"] for row in results()] == [f"topic {number}" for number in range(1, 11)]

    assert type_in(*RUN) == (0, "", "")
    assert in_full(20)
    assert len(server.log) == 20, "nothing was sent twice"


def test_a_second_interrupt_does_not_wait(server, type_in):
    table(20)
    gated(server, free=4)
    process = start(*RUN[:-1], "--progress", "plain")
    assert eventually(lambda: len(server.log) == 4 + IN_FLIGHT)
    os.kill(process.pid, signal.SIGINT)
    while not process.stderr.readline().startswith("stopping"):
        pass
    os.kill(process.pid, signal.SIGINT)
    code, _, err = ended(process)
    assert code == 130
    assert "Traceback" not in err
    assert [row["topic"] for row in results()] == [f"topic {number}" for number in range(1, 5)]
    server.handler = echo
    assert type_in(*RUN) == (0, "", "")
    assert in_full(20)
    assert len(server.log) == 20 + IN_FLIGHT


def test_what_waits_to_be_tried_again_is_left_and_not_failed(server, type_in):
    """As with a server that was down for a moment when somebody lost patience."""
    table(6)
    down = True

    def handler(asked):
        return refused(503, text="down") if down and asked.number > 2 else echo(asked)

    server.handler = handler
    process = start(*RUN[:-1], "--progress", "plain", "--backoff", "60")
    assert eventually(lambda: len(server.log) >= 6)
    os.kill(process.pid, signal.SIGINT)
    code, _, _ = ended(process)
    assert code == 130
    down = False
    assert type_in(*RUN) == (0, "", "")
    assert in_full(6)


# --- two at once ---------------------------------------------------------------------------------


def test_a_second_process_is_told_which_one_is_at_it(server, type_in):
    table(5)
    gate = gated(server, free=0)
    process = start(*RUN)
    assert eventually(lambda: len(server.log) == 1)
    code, out, err = type_in(*RUN)
    assert (code, out) == (2, "")
    assert f"process {process.pid} is already running the experiment with results.csv" in err
    assert type_in(*RUN, "--fresh")[0] == 2, "not even so"
    assert type_in("status", "results.csv")[0] == 3, "looking is no harm"
    server.call(gate.set)
    assert ended(process) == (0, "", "")
    assert in_full(5)
    assert len(server.log) == 5


def test_another_results_file_is_another_experiment(server, type_in):
    table(2)
    gate = gated(server, free=0)
    process = start(*RUN)
    assert eventually(lambda: len(server.log) == 1)
    server.handler = echo
    assert type_in(*RUN[:6], "other.csv", "-q") == (0, "", "")
    assert len(results("other.csv")) == 2
    server.call(gate.set)
    assert ended(process) == (0, "", "")


# --- killed --------------------------------------------------------------------------------------


class Kills:
    """Kills an experiment again and again, and looks at what it leaves."""

    # A request is in flight until its answer is in the record. While one is written there, the
    # next may have started: so at most twice as many as the lane has in flight.
    MOST_LOST = 2 * IN_FLIGHT

    def __init__(self, server, rows):
        self.server = server
        self.dice = random.Random(SEED)
        self.survived = 0
        self.shown = set()  # what the results had at a kill
        table(rows)
        server.handler = self.answer

    async def answer(self, asked):
        assert asked.said not in self.shown, "what is in the results is not asked again"
        await asyncio.sleep(self.dice.random() / 20)
        return echo(asked)

    def kill(self, after):
        """Kill it when so many further requests have come; it may have ended before."""
        before = len(self.server.log)
        process = start(*RUN)
        eventually(lambda: process.poll() is not None or len(self.server.log) - before >= after)
        process.kill()
        code, _, err = ended(process)
        assert code in (0, -signal.SIGKILL), err
        self.survived += code != 0
        self.look()

    def look(self):
        keys = recorded()
        sent = {asked.said for asked in self.server.log}
        lost = len(sent) - len(keys)
        assert lost <= self.MOST_LOST, f"TREADLE_CHAOS_SEED={SEED}"
        if Path("results.csv").exists():
            rows = results()
            shown = {row["_key"] for row in rows}
            assert len(shown) == len(rows), f"TREADLE_CHAOS_SEED={SEED}"
            assert shown <= keys, f"TREADLE_CHAOS_SEED={SEED}"
            self.shown |= {f"Say {row['topic']}" for row in rows}

    def finish(self, rows, type_in):
        assert type_in(*RUN) == (0, "", "")
        assert in_full(rows), f"TREADLE_CHAOS_SEED={SEED}"
        ((answers, failed),) = records()
        assert (len(answers), failed) == (rows, set())
        assert set(self.server.said) == {f"Say topic {number}" for number in range(1, rows + 1)}
        again = len(self.server.log) - rows
        assert again <= self.MOST_LOST * self.survived, f"TREADLE_CHAOS_SEED={SEED}"


def test_killed_at_random_moments_each_row_has_one_answer_in_the_end(server, type_in):
    kills = Kills(server, 160)
    for _ in range(4):  # the rows are enough for them, though more come before each than were meant
        kills.kill(after=kills.dice.randint(1, 24))
    assert kills.survived == 4, f"TREADLE_CHAOS_SEED={SEED}"
    kills.finish(160, type_in)


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_many_kills_are_survived(server, type_in, capfd):
    kills = Kills(server, 1000)
    for _ in range(50):
        kills.kill(after=kills.dice.randint(1, 24))
    assert kills.survived > 40
    kills.finish(1000, type_in)
    with capfd.disabled():
        print(f" {kills.survived} kills survived, TREADLE_CHAOS_SEED={SEED}")


def test_killed_before_anything_was_asked_it_begins_as_if_nothing_was(server, type_in):
    """The record and the results are there then, empty, or half of them."""
    table(3)
    gated(server, free=0)
    process = start(*RUN)
    assert eventually(lambda: len(server.log) == 1)
    process.kill()
    ended(process)
    server.handler = echo
    assert type_in(*RUN) == (0, "", "")
    assert in_full(3)


def test_what_was_in_flight_at_a_kill_may_have_been_billed_and_is_told(server, type_in):
    """And a limit on money counts it, at the most that it may cost: 2 cents each."""
    with Path("treadle.toml").open("a") as file:
        file.write('[prompts.prices."tiny"]\ninput = 0\noutput = 1000\n')
    limited = (*RUN[:-1], "--param", "max_tokens=20", "--max-cost", "0.3")
    table(20)
    gate = gated(server, free=1)
    process = start(*limited)
    assert eventually(lambda: len(server.log) == 1 + IN_FLIGHT)
    assert eventually(lambda: len(recorded()) == 1)
    process.kill()
    ended(process)
    server.call(gate.set)
    server.handler = lambda asked: refused(400)
    code, _, err = type_in(*limited)
    told = f"{IN_FLIGHT} requests had begun when an earlier session was killed"
    assert (told in err, code) == (True, 1)
    server.handler = lambda asked: ok("x", tokens=(1, 20))
    code, _, err = type_in(*limited, "--retry-errors")
    assert told not in err
    spent = sum(float(row["_cost"] or 0) for row in results())
    assert spent + IN_FLIGHT * 0.02 <= 0.3
    assert code == 3


def test_a_half_written_last_line_is_mended(server, type_in):
    """As a power cut may leave it."""
    table(3)
    assert type_in(*RUN)[0] == 0
    whole = Path("results.csv").read_bytes()
    Path("results.csv").write_bytes(whole[:-20])
    table(4)
    assert type_in(*RUN)[0] == 0
    assert in_full(4)
    assert len(server.log) == 4
