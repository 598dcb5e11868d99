"""The screens of LLM experiments, used as somebody would, on experiments that were really run."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from treadle import prompts
from treadle.prompts import answers as listing
from treadle.prompts.answers import Experiments
from treadle.tui.experiments import answers as answering
from treadle.tui.experiments import arriving, words
from treadle.tui.experiments.answers import Answers
from treadle.tui.experiments.answers_screen import AnswersScreen
from treadle.tui.experiments.experiment_screen import ExperimentScreen
from treadle.tui.screens.prompts import PromptsScreen
from treadle.tui.widgets.grid import Grid

TABLE = """\
topic,gold,param.errors
the [red]tides[/],Moon,
the sky,scattering,400
the rain,rain,
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def results(here):
    """The results of three rows asked of two models; one row fails."""
    (here / "rows.csv").write_text(TABLE)
    (here / "p.txt").write_text("Explain {{topic}}.")
    models = ["mock/small", "mock/large"]
    prompts.run("rows.csv", "p.txt", "results.csv", model=models, score="contains:gold")
    return here / "results.csv"


def told(app):
    """Return what the app has said lately."""
    return "\n".join(each.message for each in app._notifications)


async def opened(pilot, path, until):
    pilot.app.show_prompts(path)
    await until(pilot, lambda: isinstance(pilot.app.screen, ExperimentScreen), "the experiment")
    await until(pilot, lambda: pilot.app.screen.query_one("#rows", Grid).count > 0, "rows")


@pytest.fixture
def short(monkeypatch):
    """A folder whose path fits on a line of a small terminal."""
    with tempfile.TemporaryDirectory(prefix="tp") as place:
        monkeypatch.chdir(place)
        yield Path(place).resolve()
        monkeypatch.undo()


def test_without_an_experiment_an_example_is_made_and_its_form_filled_in(
    use, until, shows, text_of, looks_as, short
):
    shown, here = [], short

    async def walk(pilot):
        pilot.app.show_new = lambda *arguments: shown.append(arguments)
        pilot.app.show_prompts(here)
        await shows(pilot, "no experiment was found here")
        await shows(pilot, "q Quit")
        await looks_as(pilot, "prompts_none", HERE=str(here))
        await pilot.press("i")
        await shows(pilot, "folder for the example")
        await pilot.press("enter")
        await until(pilot, lambda: shown, "the form")

    use(walk, size=(80, 24))
    made = here / "prompts-example"
    command, values = shown[0]
    assert command == ("prompts", "run")
    assert values["prompt"] == [str(made / "prompt.txt")]
    assert prompts.run(values["experiments"], values["prompt"], values["output"]).failed == 0
    assert [Path(each.title).name for each in Experiments().look([made])] == ["results.csv"]


def test_an_example_that_is_there_is_not_written_over(use, until, shows, here):
    (here / "prompts-example").mkdir()
    (here / "prompts-example" / "prompt.txt").write_text("mine")

    async def walk(pilot):
        pilot.app.show_prompts(here)
        await pilot.press("i")
        await shows(pilot, "folder for the example")
        await pilot.press("enter")
        await until(pilot, lambda: "exists already" in told(pilot.app), "the complaint")

    use(walk)
    assert (here / "prompts-example" / "prompt.txt").read_text() == "mine"


def test_rows_and_models_stand_side_by_side_and_each_opens_in_full(
    use, until, shows, text_of, looks_as, results, here
):
    async def walk(pilot):
        pilot.app.show_prompts(here)
        await shows(pilot, "results.csv")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExperimentScreen))
        await shows(pilot, "3 of 3 rows")
        await looks_as(pilot, "prompts_table")
        await pilot.resize_terminal(120, 40)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AnswersScreen))
        await shows(pilot, "Explain the [red]tides[/].")
        for part in ("mock/small", "mock/large", "✓ ok", "tokens in", "contains_gold: True"):
            await shows(pilot, part)
        await pilot.press("n")
        await shows(pilot, "✗ bad_request")
        await shows(pilot, "HTTP 400")
        await pilot.press("v")
        await until(pilot, lambda: text_of(pilot.app).count("✗ bad_request") == 2, "both")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExperimentScreen))

    use(walk, size=(80, 24))


def test_lines_are_chosen_and_the_page_and_the_results_written_anew(
    use, until, shows, results, here
):
    shown = []

    async def walk(pilot):
        pilot.app.show_file = shown.append
        await opened(pilot, results, until)
        await pilot.press("f")
        await shows(pilot, "1 of 3 rows")
        await shows(pilot, "the sky")
        await pilot.press("f", "slash", *"rAiN")
        await shows(pilot, "with 'rAiN'")
        await shows(pilot, "1 of 3 rows")
        await pilot.press("escape")
        await shows(pilot, "3 of 3 rows")
        await pilot.press("s", "s")
        await shows(pilot, "sorted: failures first")
        assert pilot.app.screen._lines[0].about.startswith("the sky")
        await pilot.click("#rows", offset=(60, 0))
        await shows(pilot, "sorted: answers of mock/")
        results.unlink()
        await pilot.press("e")
        await until(pilot, results.exists, "the results")
        await pilot.press("R")
        await until(pilot, lambda: shown, "the page")

    use(walk)
    assert shown[0].resolve() == (here / "results.html").resolve()
    assert "tides" in results.read_text()


def test_answers_appear_while_the_run_goes_on(use, until, shows, here):
    (here / "rows.csv").write_text("topic\n" + "".join(f"topic {n}\n" for n in range(100)))
    (here / "p.txt").write_text("Explain {{topic}}.")
    (here / "treadle.toml").write_text(
        '[prompts.lanes.slow]\nprovider = "mock"\nlatency = 0.6\nconcurrency = 2\n'
        '[prompts.lanes.shut]\nprovider = "mock"\nerrors = "401"\n'
    )
    command = "prompts run -p p.txt -e rows.csv -o results.csv -m slow/s -m shut/x -q"
    with subprocess.Popen([sys.executable, "-m", "treadle", *command.split()]) as process:

        async def walk(pilot):
            pilot.app.show_prompts(here)
            await shows(pilot, "running")
            await pilot.press("enter")
            await shows(pilot, "slow/s")
            await shows(pilot, "going")
            await shows(pilot, "closed: ")
            screen, before = pilot.app.screen, answered(pilot.app.screen)
            await pilot.press("end")
            await until(pilot, lambda: answered(screen) > before, "a further answer")
            assert screen.query_one("#rows", Grid).cursor == 99
            process.send_signal(signal.SIGINT)
            await shows(pilot, "interrupted")
            await until(pilot, lambda: not screen._lanes, "the lanes of nobody")
            assert answered(screen) < 100
            with Answers(str(here / "results.csv")) as anew:
                anew.refresh()
                assert screen._answers.summary.as_json() == anew.summary.as_json()
                assert screen._answers.lines == anew.lines

        use(walk, size=(110, 50))
    assert process.returncode == 130


def answered(screen):
    return sum(
        brief.status == "ok" for line in screen._answers.lines for brief in line.briefs.values()
    )


def test_a_file_that_is_no_results_is_said_to_be_none(use, until, here):
    (here / "other.csv").write_text("a,b\n")

    async def walk(pilot):
        pilot.app.show_prompts(here / "other.csv")
        await until(pilot, lambda: "other.csv" in told(pilot.app), "the complaint")
        assert isinstance(pilot.app.screen, PromptsScreen)

    use(walk)


def test_what_is_asked_again_or_later_counts_once(results, here):
    asked = {"model": ["mock/small", "mock/large"], "score": "contains:gold"}
    with Answers(str(results)) as answers:
        assert answers.refresh()
        assert answers.summary.total().errors.total() == 2
        prompts.run("rows.csv", "p.txt", "results.csv", retry_errors=True, **asked)
        answers.refresh()
        with Answers(str(results)) as anew:
            anew.refresh()
            assert answers.summary.as_json() == anew.summary.as_json()
            assert answers.summary.total().requests == 6


def test_an_experiment_that_has_not_changed_is_not_read_again(results, here, monkeypatch):
    opened = []
    of_a_note = listing._experimented
    monkeypatch.setattr(
        listing, "_experimented", lambda path: opened.append(path) or of_a_note(path)
    )
    found = Experiments()
    first = found.look([here])
    assert [each.ok for each in first] == [4]
    assert found.look([here]) == first
    assert len(opened) == 1
    (here / "rows.csv").write_text(TABLE + "the snow,cold,\n")
    prompts.run(
        "rows.csv", "p.txt", "results.csv", model=["mock/small", "mock/large"],
        score="contains:gold",
    )  # fmt: skip
    assert [each.ok for each in found.look([here])] == [6]


def test_rows_that_differ_in_the_model_alone_are_one_line(here):
    (here / "rows.csv").write_text(
        "provider,model,topic\nmock,a,tides\nmock,b,tides\nmock,a,rain\nmock,a,rain\n"
    )
    (here / "p.txt").write_text("Explain {{topic}}.")
    prompts.run("rows.csv", "p.txt", "results.csv")
    with Answers(str(here / "results.csv")) as answers:
        answers.refresh()
        told = [(line.row, line.about, sorted(line.briefs)) for line in answers.lines]
    assert told == [(1, "tides", [0, 1]), (3, "rain", [0]), (4, "rain", [0])]


def test_thousands_of_rows_are_drawn_as_they_are_seen(here, monkeypatch):
    (here / "rows.csv").write_text("topic\n" + "".join(f"topic {n}\n" for n in range(300)))
    (here / "p.txt").write_text("Explain {{topic}}.")
    prompts.run("rows.csv", "p.txt", "results.csv", model=["mock/a", "mock/b"])
    with Answers(str(here / "results.csv")) as answers:
        assert answers.refresh()
        assert not answers.refresh()
        found = words.ordered(answers.lines, holding="topic 29", sort="text")
        assert [line.about for line in found] == ["topic 29", *(f"topic 29{n}" for n in range(10))]
        whole = answers.whole(answers.lines[7])
        assert [each.ask.model for each in whole] == ["a", "b"]
        assert all("topic 7" in each.ended.answer.text for each in whole)
    head = arriving._HEAD
    with Answers(str(here / "results.csv")) as grown:  # as when 350 of them came later
        monkeypatch.setattr(arriving, "_HEAD", head.replace("max(id)", "min(max(id), 250)"))
        grown.refresh()
        assert grown.summary.total().answered == 250
        monkeypatch.setattr(arriving, "_HEAD", head)
        monkeypatch.setattr(grown, "_walk", None)  # all of it is not looked at again
        grown._seen = None
        grown.refresh()
        assert grown.lines == answers.lines
        assert grown.summary.as_json() == answers.summary.as_json()
    monkeypatch.setattr(answering, "MOST_LINES", 20)
    with Answers(str(here / "results.csv")) as answers:
        answers.refresh()
        assert (len(answers.lines), answers.left_out) == (20, 2 * 280)
        assert answers.summary.total().answered == 600
        assert len(answers._at) + len(answers._twins) == 60
