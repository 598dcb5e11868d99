"""The laboratory's screens, on real staged files: chips, histories, runs, trends, plots."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest
from textual.widgets import Input, OptionList

from treadle import lab
from treadle.tui.app import TreadleApp
from treadle.tui.laboratory import history, places
from treadle.tui.laboratory.asking import AskForRoot
from treadle.tui.laboratory.history import Choice
from treadle.tui.laboratory.measured import AMONG_RUNS, heads
from treadle.tui.laboratory.saving import SaveDialog
from treadle.tui.laboratory.terminal_plot import Canvas, TerminalPlot
from treadle.tui.remembered import Remembered
from treadle.tui.screens.lab import LabScreen
from treadle.tui.screens.lab_plot import PlotScreen
from treadle.tui.screens.lab_run import LabRunScreen
from treadle.tui.screens.lab_trend import TrendScreen
from treadle.tui.widgets.grid import Grid
from treadle.tui.widgets.searching import Searching

EXAMPLES = Path(__file__).parents[2] / "examples" / "measurements"


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The examples, staged and segmented."""
    place = tmp_path_factory.mktemp("laboratory") / "out"
    lab.pipeline(EXAMPLES, place, backend="inline", progress="none", local_tz="UTC")
    return place


class Laboratory(TreadleApp):
    """The app, with the laboratory in the place of its first screen."""

    CSS_PATH = Path(sys.modules[TreadleApp.__module__].__file__).with_name("styles.tcss")

    def __init__(self, root, remembered=None):
        super().__init__([], remembered or Remembered())
        self.root = root

    def get_default_screen(self):
        return LabScreen(self.root)


@pytest.fixture
def visit(out, use, until):
    """What runs the app while a walk uses it, once the manifest is read."""

    def run(walk, *, root=None, size=(100, 30), **options):
        async def from_there(pilot):
            await until(pilot, lambda: pilot.app.screen.is_read, "the manifest")
            await walk(pilot)

        return use(from_there, size=size, app=Laboratory(root or out, **options))

    return run


def rows(pilot):
    return pilot.app.screen.query_one(Grid).count


async def pick_chip(pilot, until, title):
    """Put the cursor on that chip."""
    chips = pilot.app.screen.query_one("#chips", OptionList)
    titles = [str(option.prompt) for option in chips.options]
    chips.highlighted = next(n for n, each in enumerate(titles) if each.startswith(title))
    await until(pilot, lambda: title in str(pilot.app.screen.query_one("#heading").render()), title)


def answer(pilot):
    """What a dialog says, however its lines are broken."""
    return str(pilot.app.screen.query_one("#answer").content)


async def filter_by(pilot, words):
    """Open the filter, and have *words* in it; Pilot waits up to a second after each key."""
    await pilot.press("slash")
    pilot.app.screen.query_one(Searching).value = words


async def on_run(pilot, until, run_id=None):
    """Wait until a run is drawn."""

    def drawn():
        screen = pilot.app.screen
        right = isinstance(screen, LabRunScreen) and (run_id is None or screen.run_id == run_id)
        return right and screen.plot is not None and screen._staged.run_id == screen.run_id

    await until(pilot, drawn, f"the plot of {run_id}")


# ── the history ─────────────────────────────────────────────────────────────────────────────


def test_all_chips_are_listed_with_their_counts_and_runs_in_order_of_time(
    visit, out, text_of, looks_as, monkeypatch
):
    monkeypatch.chdir(out)  # paths are shown as they are seen from here

    async def walk(pilot):
        await looks_as(pilot, "lab_history")
        assert "all chips (23)" in text_of(pilot.app)
        assert "no chip (3)" in text_of(pilot.app)
        assert rows(pilot) == 23
        assert list(pilot.app.screen._rows["start_time_utc"]) == sorted(
            pilot.app.screen._rows["start_time_utc"]
        )

    visit(walk, size=(80, 24))


def test_runs_are_chosen_by_chip_words_and_light(visit, out, until, text_of):
    staged = lab.manifest(out / "stage", status="staged")["has_light"]

    async def walk(pilot):
        await pick_chip(pilot, until, "Alisson71")
        assert rows(pilot) == 2
        await pick_chip(pilot, until, "no chip")
        assert set(pilot.app.screen._rows["proc"]) == {"LaserCalibration"}
        await pick_chip(pilot, until, "Alisson79")
        assert list(pilot.app.screen._rows["segments"]) == [4, 4]
        await pick_chip(pilot, until, "Alisson67")
        assert set(pilot.app.screen._rows["segments"]) == {None, 6}

        await pick_chip(pilot, until, "all chips")
        await filter_by(pilot, "alisson67 455NM")
        await until(pilot, lambda: rows(pilot) == 1, "one run")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.focused, Grid), "the keys in the table")
        await filter_by(pilot, "nobody")
        await until(pilot, lambda: rows(pilot) == 0, "no run")
        assert "no run fits" in text_of(pilot.app)
        await pilot.press("escape")
        await until(pilot, lambda: rows(pilot) == 23, "all runs")

        for count in (staged.sum(), (~staged).sum(), 23):
            await pilot.press("d")
            await until(pilot, lambda count=count: rows(pilot) == count, f"{count} runs")
        assert staged.null_count() > 0

    visit(walk)


def test_runs_are_sorted_and_rejected_files_have_reason_and_hint(visit, until, text_of):
    async def walk(pilot):
        screen = pilot.app.screen

        async def has(column, *, backwards=False):
            await until(
                pilot,
                lambda: (
                    list(screen._rows[column]) == sorted(screen._rows[column], reverse=backwards)
                ),
                column,
            )

        await pilot.press("o")
        await has("run_id")
        await pilot.press("O")
        await has("run_id", backwards=True)
        await pilot.click(Grid, offset=(3, 0))
        await has("start_time_utc")

        chips = screen.query_one("#chips", OptionList)
        chips.highlighted = chips.option_count - 1
        await until(pilot, lambda: screen._shows_rejects, "the rejects")
        shown = text_of(pilot.app)
        assert rows(pilot) == 2
        assert "no data" in shown
        assert "there are no rows" in shown
        await filter_by(pilot, "empty DATA")
        await until(pilot, lambda: rows(pilot) == 1, "one reject")

    visit(walk)


def test_the_stage_folder_alone_will_do(visit, out, tmp_path):
    shutil.copytree(out / "stage", tmp_path / "alone")

    async def walk(pilot):
        assert rows(pilot) == 23
        assert pilot.app.screen._rows["segments"].null_count() == 23

    visit(walk, root=tmp_path / "alone")


def test_a_manifest_that_has_grown_is_read_again(visit, until, tmp_path, out):
    shutil.copytree(out, tmp_path / "out")
    path = tmp_path / "out" / "stage" / "_manifest" / "manifest.parquet"
    whole = pl.read_parquet(path, hive_partitioning=False)
    whole.head(5).write_parquet(path)

    async def walk(pilot):
        assert rows(pilot) == 5
        whole.write_parquet(path)
        await pilot.press("f5")
        await until(pilot, lambda: rows(pilot) == 23, "the new rows")

    visit(walk, root=tmp_path / "out")


# ── metrics ─────────────────────────────────────────────────────────────────────────────────


def test_the_metrics_of_a_chip_are_columns_as_in_its_history_and_it_is_sorted_by_them(
    visit, out, until, text_of
):
    told = lab.history(out, "Alisson68")
    metrics = told.columns[
        told.columns.index("flags") + 1 : told.columns.index("calibration_status")
    ]

    async def walk(pilot):
        await pick_chip(pilot, until, "Alisson68")
        screen = pilot.app.screen
        head = text_of(pilot.app).splitlines()[2]
        shown = [name for name in re.findall(r"(\w+) \([^)]+\)", head) if name in metrics]
        assert shown == [name for name in metrics if told[name].count()]
        row = next(line for line in text_of(pilot.app).splitlines() if "9e440630" in line)
        assert "\N{MINUS SIGN}1.645" in row

        await until(pilot, lambda: screen._rows["proc"][0] == "It", "by time")
        titles = [each.column.title for each in screen._history]
        at = titles.index("cnp_voltage (V)")
        screen.on_grid_headed(Grid.Headed(screen.query_one(Grid), at))
        await until(pilot, lambda: screen._rows["proc"][0] == "IVg", "what has a value first")
        await pick_chip(pilot, until, "no chip")
        assert "calibration_max_power" in text_of(pilot.app)
        assert "cnp_voltage" not in text_of(pilot.app)
        assert screen._choice.order == "start_time_utc"

    visit(walk, size=(400, 24))


def test_a_run_tells_its_metrics_or_why_there_is_none(visit, until, shows, text_of):
    async def walk(pilot):
        await pick_chip(pilot, until, "Alisson68")
        pilot.app.screen.query_one(Grid).focus()
        await pilot.press("down", "enter", "5")
        await on_run(pilot, until)
        await shows(pilot, "Without a value")
        await shows(pilot, "mobility_fe_holes_forward       no configuration: no chip file")
        await shows(pilot, "hint: --chip-file chips.yml")
        value = r"cnp_voltage +\N{MINUS SIGN}1\.6\d+ ± 0\.0\d+ V +confidence 0\.6 +HIGH_HYSTERESIS"
        assert re.search(value, text_of(pilot.app))

    visit(walk)


def test_without_metrics_it_is_said_what_finds_them(visit, until, shows, out, tmp_path):
    shutil.copytree(out / "stage", tmp_path / "stage")

    async def walk(pilot):
        await pilot.press("enter", "5")
        await on_run(pilot, until)
        await shows(pilot, "treadle lab metrics")

    visit(walk, root=tmp_path)


def test_a_metric_anybody_has_called_as_a_column_of_the_manifest_is_told_apart(out):
    found = history.read(out)
    units = {"rows": "", **found.measured.units}
    runs = found.runs.with_columns(pl.lit(7.0).alias(AMONG_RUNS + "rows"))
    assert [head.title for head in heads(runs, units)][-1] == "rows"
    assert "rows" in [name for name, _ in found.number_columns(runs)]


def test_a_metric_over_time_tells_light_from_dark_and_counts_what_it_leaves_out(
    visit, until, shows, text_of
):
    async def walk(pilot):
        screen = pilot.app.screen
        lit = pl.int_range(pl.len()) % 2 == 0
        runs = screen._laboratory.runs.with_columns(has_light=lit)
        screen._laboratory = dataclasses.replace(screen._laboratory, runs=runs)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(pilot.app.screen, TrendScreen), "the trends")
        await shows(pilot, "cnp_voltage (5)")
        await shows(pilot, "Charge neutrality point (V)")
        await shows(pilot, "note: 4 of 9 left out: 4 undetermined")
        curves = {curve.label: len(curve.x) for curve in pilot.app.screen.plot.curves}
        assert sum(curves.values()) == 5
        assert {label.rpartition(" · ")[2] for label in curves} == {"light", "dark"}
        drawn = pilot.app.screen.query_one(Canvas).render().plain
        inside = "".join(re.findall(r"[│┤](.*)│", drawn))
        for letter, (label, points) in zip("abcde", curves.items(), strict=True):
            assert f"{letter} {label}" in text_of(pilot.app)  # of each chip
            assert inside.count(letter) == points

    visit(walk)


def test_the_wizard_offers_what_is_drawn_of_metrics(visit, until, shows, text_of):
    async def walk(pilot):
        await pick_chip(pilot, until, "Alisson68")
        await pilot.press("p")
        await until(pilot, lambda: isinstance(pilot.app.screen, PlotScreen), "the wizard")
        screen = pilot.app.screen
        await pilot.press("enter")
        await until(pilot, lambda: screen.step == "kind", "the kinds")
        names = [each.name for each in screen._kinds]
        assert names[:3] == ["IVg", "transconductance", "It"]
        assert "hysteresis" not in names  # it has no IV run
        kinds = screen.query_one("#kind", OptionList)
        kinds.highlighted = names.index("mobility")
        await pilot.press("enter", "enter")
        await shows(pilot, "no measurement has a value of")
        assert screen.step == "runs"
        await pilot.press("escape")
        kinds.highlighted = names.index("photoresponse-time")
        await pilot.press("enter")
        await shows(pilot, "Enter draws all")
        assert set(screen._rows["proc"]) == {"It"}
        await pilot.press("enter")
        await until(pilot, lambda: screen.step == "preview", "the preview")
        await shows(pilot, "Alisson68")

    visit(walk)


def test_the_report_of_a_chip_is_written_and_shown(visit, until, shows, out):
    page = out / "reports" / "Alisson68.html"

    async def walk(pilot):
        await pilot.press("w")
        await shows(pilot, "choose it on the left")
        await pick_chip(pilot, until, "Alisson68")
        await pilot.press("w")
        await until(pilot, page.is_file, "the page")
        # Not as it is drawn: in a narrow note, a long path is broken anywhere.
        said = pilot.app._notifications
        await until(pilot, lambda: any(page.name in each.message for each in said), "its name")

    visit(walk, size=(200, 30))
    assert "cnp_voltage" in page.read_text(encoding="utf-8")


# ── which folder ────────────────────────────────────────────────────────────────────────────


def test_the_folder_is_asked_for_and_remembered(use, until, out, text_of, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where nothing is staged

    async def walk(pilot):
        await until(pilot, lambda: isinstance(pilot.app.screen, AskForRoot), "the question")
        pilot.app.screen.query_one("#path", Input).value = str(out / "nowhere")
        pilot.app.screen.query_one("#path", Input).focus()
        await pilot.press("enter")
        await until(pilot, lambda: "there is no folder" in text_of(pilot.app), "what is wrong")
        pilot.app.screen.query_one("#path", Input).value = str(out)
        await pilot.press("enter")
        await until(pilot, lambda: getattr(pilot.app.screen, "is_read", False), "the manifest")
        assert pilot.app.remembered.lab_roots == [str(out.resolve() / "stage")]
        assert Remembered.load().lab_roots == [str(out.resolve() / "stage")]

    use(walk, app=Laboratory(None))


class Command(NamedTuple):
    """A command as it is known that was started here."""

    argv: tuple[str, ...]
    cwd: Path
    code: int = 0

    def forget(self):
        """There is nothing to forget."""

    leave = forget


def test_what_a_pipeline_has_made_is_opened_and_of_several_the_newest_is_offered_first(
    use, until, out, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    remembered = Remembered(lab_roots=[str(tmp_path / "gone")])
    app = Laboratory(None, remembered)
    app.started.append(Command(("lab", "pipeline", "raw", out.name), out.parent))

    async def walk(pilot):
        await until(pilot, lambda: getattr(pilot.app.screen, "is_read", False), "the manifest")
        shutil.copytree(out / "stage", tmp_path / "mine")
        await pilot.press("f")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskForRoot), "the question")
        known = pilot.app.screen.query_one(OptionList)
        offered = [str(option.prompt) for option in known.options]
        assert offered == [str(out.resolve() / "stage"), str(tmp_path.resolve() / "mine")]
        await pilot.press("down", "enter")
        await until(pilot, lambda: pilot.app.remembered.lab_roots[0] == offered[1], "the other")

    use(walk, app=app)


def test_the_last_values_of_the_form_lead_to_the_laboratory(out, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    remembered = Remembered()
    assert places.staged([], remembered) == []
    remembered.remember(("lab", "pipeline"), {"raw": ["\0", "raw"], "out": str(out)})
    assert places.staged([], remembered) == [out.resolve() / "stage"]


def test_a_folder_without_a_manifest_says_what_makes_one(use, shows, tmp_path):
    async def walk(pilot):
        await shows(pilot, "has no manifest")
        await shows(pilot, "treadle lab stage RAW STAGE makes it")

    use(walk, app=Laboratory(tmp_path))


def test_without_the_extra_it_says_what_to_install(use, shows, out, monkeypatch):
    from treadle.lab import extra

    extra.check_extra.cache_clear()
    monkeypatch.setitem(extra._LIBRARIES, "no_such_library", "no-such-library")

    async def walk(pilot):
        await shows(pilot, "no-such-library")
        await shows(pilot, "pip install 'treadle[lab]'")

    use(walk, app=Laboratory(out))
    extra.check_extra.cache_clear()


# ── one run ─────────────────────────────────────────────────────────────────────────────────


def test_a_run_is_drawn_with_a_letter_on_each_branch_and_all_else_has_its_tab(
    visit, until, shows, text_of, looks_as
):
    async def walk(pilot):
        await pick_chip(pilot, until, "Alisson79")
        pilot.app.screen.query_one(Grid).focus()
        await pilot.press("down", "enter")
        await on_run(pilot, until)
        await looks_as(pilot, "lab_run")
        assert "a 0: 0 to \N{MINUS SIGN}100 mV" in text_of(pilot.app)
        assert "Drain-source voltage (mV)" in text_of(pilot.app)
        await pilot.resize_terminal(100, 30)
        await pilot.press("2")
        await shows(pilot, "Chip group name")
        await pilot.press("3")
        await shows(pilot, "return_negative")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, LabScreen), "the table")
        await pilot.press("up", "enter")
        await on_run(pilot, until)
        await pilot.press("2")
        await shows(pilot, "after light")
        await pilot.press("3")
        await shows(pilot, "INCOMPLETE_SWEEP")
        await pilot.press("4")
        await shows(pilot, "information: after light")
        await pilot.press("1")
        await shows(pilot, "Gate voltage (V)")

        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, LabScreen), "the table")
        await pick_chip(pilot, until, "all chips")
        await filter_by(pilot, "DEAD_STUCK")
        await until(pilot, lambda: rows(pilot) == 2, "two runs")
        await pilot.press("enter", "enter")
        await on_run(pilot, until)
        await shows(pilot, "! DEAD_FLAT_IVG")

    visit(walk, size=(80, 24))


def test_left_and_right_go_through_the_runs_of_the_table(visit, until, text_of, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")  # letters and bars tell the same without

    async def walk(pilot):
        await pick_chip(pilot, until, "Alisson67")
        first, second = pilot.app.screen._rows["run_id"]
        pilot.app.screen.query_one(Grid).focus()
        await pilot.press("enter")
        await on_run(pilot, until, first)
        assert "laser on" in text_of(pilot.app)
        assert text_of(pilot.app).count("▄") > 10
        await pilot.press("right")
        await on_run(pilot, until, second)
        assert "laser on" not in text_of(pilot.app)
        await pilot.press("right")
        assert pilot.app.screen.run_id == second
        await pilot.press("left")
        await on_run(pilot, until, first)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, LabScreen), "the table")

    visit(walk)


def test_a_run_whose_file_is_gone_says_so_and_the_others_can_be_seen(
    visit, until, shows, out, tmp_path
):
    shutil.copytree(out, tmp_path / "out")
    rows_ = lab.manifest(tmp_path / "out" / "stage", chip="Alisson67").sort("start_time_utc")
    for root in ("stage", "segment"):
        (tmp_path / "out" / root / rows_["path"][0]).unlink(missing_ok=True)

    async def walk(pilot):
        await pick_chip(pilot, until, "Alisson67")
        pilot.app.screen.query_one(Grid).focus()
        await pilot.press("enter")
        await shows(pilot, "cannot be read")
        await pilot.press("right")
        await on_run(pilot, until, rows_["run_id"][1])

    visit(walk, root=tmp_path / "out")


def test_what_is_written_in_a_file_is_never_taken_for_markup(visit, until, shows, tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    text = (EXAMPLES / "Alisson_04_sept" / "IV2025-09-04_1.csv").read_text()
    (raw / "[red]IV_1.csv").write_text(
        text.replace("Information: iv test", "Information: [/x] [b]")
    )
    assert "[/x] [b]" in (raw / "[red]IV_1.csv").read_text()
    lab.stage(raw, tmp_path / "stage", backend="inline", progress="none", local_tz="UTC")

    async def walk(pilot):
        await shows(pilot, "[red]IV_1.csv · [/x] [b]")
        await pilot.press("enter")
        await on_run(pilot, until)
        await pilot.press("2")
        await shows(pilot, "[/x] [b]")

    visit(walk, root=tmp_path / "stage")


def test_curves_have_the_colours_of_the_theme_and_v_opens_a_picture_of_them(
    visit, until, tmp_path, monkeypatch
):
    seen = tmp_path / "seen"
    viewer = tmp_path / "bin" / ("open" if sys.platform == "darwin" else "xdg-open")
    viewer.parent.mkdir()
    viewer.write_text(f'#!/bin/sh\nhead -c 4 "$1" > {seen}.part && mv {seen}.part {seen}\n')
    viewer.chmod(viewer.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{viewer.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("DISPLAY", ":99")

    async def walk(pilot):
        await pilot.press("enter")
        await on_run(pilot, until)
        canvas = pilot.app.screen.query_one(Canvas)
        colours = set()
        for theme in ("textual-light", "nord", "textual-dark"):
            pilot.app.theme = theme
            await pilot.pause()
            colours.add(tuple(canvas.color(number) for number in range(4)))
            assert canvas.render().plain.count("a") > 1
        assert len(colours) == 3
        await pilot.press("v")
        await until(pilot, seen.exists, "the viewer")
        assert seen.read_bytes() == b"\x89PNG"

    visit(walk)


def test_a_plot_is_saved_where_it_is_told_to_and_replaces_no_file_unasked(
    visit, until, shows, tmp_path
):
    taken = tmp_path / "taken.png"
    taken.write_text("mine")

    async def walk(pilot):
        await pilot.press("enter")
        await on_run(pilot, until)
        await pilot.press("v")  # there is no desktop
        await shows(pilot, "treadle-plots-")
        await pilot.press("s")
        await until(pilot, lambda: isinstance(pilot.app.screen, SaveDialog), "the question")
        field = pilot.app.screen.query_one("#path", Input)
        assert field.value.endswith(".png")
        field.value = str(tmp_path / "plot.bmp")
        await pilot.press("enter")
        await until(pilot, lambda: "cannot be saved as 'plot.bmp'" in answer(pilot), "the answer")
        field.value = str(tmp_path)
        await pilot.press("enter")
        await until(pilot, lambda: "add the name of a file" in answer(pilot), "the answer")
        field.value = str(taken)
        await pilot.press("enter")
        await shows(pilot, "this file exists")
        assert taken.read_text() == "mine"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, LabRunScreen), "saved")
        assert taken.read_bytes().startswith(b"\x89PNG")

    visit(walk)


# ── trends ──────────────────────────────────────────────────────────────────────────────────


def test_a_trend_shows_any_column_of_numbers_over_time_of_all_or_one_procedure(
    visit, until, text_of, shows
):
    async def walk(pilot):
        await pilot.press("t")
        await until(pilot, lambda: isinstance(pilot.app.screen, TrendScreen), "the trends")
        await until(pilot, lambda: pilot.app.screen.plot is not None, "the plot")
        columns = pilot.app.screen.query_one("#columns", OptionList)
        columns.highlighted = columns.get_option_index("duration_s")
        await shows(pilot, "duration (s)")
        columns.highlighted = columns.get_option_index("vds_v")
        await shows(pilot, "vds (mV)")
        assert "●" in text_of(pilot.app)
        await shows(pilot, "all procedures · 23 runs")
        await pilot.press("p")
        await shows(pilot, "IV · 7 runs")
        await pilot.press("p")
        await shows(pilot, "IVg · 9 runs")

    visit(walk)


# ── the wizard ──────────────────────────────────────────────────────────────────────────────


def test_a_plot_is_made_step_by_step_and_saved(visit, until, shows, tmp_path, text_of, looks_as):
    path = tmp_path / "deep" / "IVg.svg"

    async def walk(pilot):
        await pilot.press("p")
        await until(pilot, lambda: isinstance(pilot.app.screen, PlotScreen), "the wizard")
        screen = pilot.app.screen
        await pilot.press("enter")
        await until(pilot, lambda: screen.step == "kind", "the kinds")
        assert re.search(r"IVg +current over gate voltage · 9 IVg runs", text_of(pilot.app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: screen.step == "runs", "the runs")
        await filter_by(pilot, "2025-09")
        await until(pilot, lambda: rows(pilot) == 5, "September")
        await pilot.press("enter", "space", "space")
        await shows(pilot, "2 of 5 marked")
        await pilot.press("enter")
        await until(pilot, lambda: screen.step == "preview", "the preview")
        await shows(pilot, "a Alisson79")
        await shows(pilot, "b Alisson71")
        await looks_as(pilot, "lab_plot")
        await pilot.press("s")
        await until(pilot, lambda: isinstance(pilot.app.screen, SaveDialog), "the question")
        pilot.app.screen.query_one("#path", Input).value = str(path)
        await pilot.press("enter")
        await shows(pilot, "saved")

    visit(walk, size=(80, 24))
    assert path.read_text().startswith("<?xml")


def test_marks_are_taken_away_and_outlive_a_filter_and_each_step_leads_back(visit, until, shows):
    async def walk(pilot):
        await pilot.press("p")
        await until(pilot, lambda: isinstance(pilot.app.screen, PlotScreen), "the wizard")
        screen = pilot.app.screen
        await pilot.press("enter")
        await until(pilot, lambda: screen.step == "kind", "the kinds")
        await pilot.press("enter")
        await until(pilot, lambda: screen.step == "runs", "the runs")
        await pilot.press("a")
        await shows(pilot, "7 of 7 marked")
        await filter_by(pilot, "other71")
        await shows(pilot, "7 of 2 marked")
        await pilot.press("escape", "n")
        await shows(pilot, "0 of 7 marked")
        await pilot.press("d", "d")
        await shows(pilot, "dark only")
        await pilot.press("d")
        await shows(pilot, "0 of 7 marked")
        await pilot.press("enter")
        await until(pilot, lambda: screen.step == "preview", "the preview of the run at the cursor")
        assert len(screen.plot.curves) == 4
        for step in ("runs", "kind", "chip"):
            await pilot.press("escape")
            await until(pilot, lambda step=step: screen.step == step, step)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, LabScreen), "the table")

    visit(walk)


# ── size ────────────────────────────────────────────────────────────────────────────────────


def test_thirty_thousand_runs_are_read_sorted_and_filtered_as_one_table(out, tmp_path):
    shutil.copytree(out / "stage" / "_manifest", tmp_path / "stage" / "_manifest")
    path = tmp_path / "stage" / "_manifest" / "manifest.parquet"
    rows = pl.read_parquet(path, hive_partitioning=False)
    few = rows.filter(status="staged")
    pl.concat([few] * 1383).head(31_806).write_parquet(path)
    laboratory = history.read(tmp_path)
    assert laboratory.chips[0].count == 31_806
    assert sum(chip.count for chip in laboratory.chips[1:]) == 31_806
    found = laboratory.chosen(Choice(words="ivg 2025-09", order="rows", backwards=True))
    assert set(found["proc"]) == {"IVg"}
    assert list(found["rows"]) == sorted(found["rows"], reverse=True)


def test_chips_are_listed_as_people_count(out):
    laboratory = history.read(out)
    names = [chip.name for chip in laboratory.chips]
    assert names[0] == "*"
    assert names[-1] is None
    assert names.index("other2") < names.index("other71")


def test_the_widget_shows_nothing_before_there_is_something(use):
    class Empty(TreadleApp):
        CSS_PATH = Laboratory.CSS_PATH

        def get_default_screen(self):
            from textual.screen import Screen

            return Screen()

    async def walk(pilot):
        await pilot.app.mount(TerminalPlot())
        await pilot.pause()
        assert pilot.app.query_one(Canvas).render().plain == ""

    use(walk, app=Empty([], Remembered()))


def test_pictures_that_were_only_looked_at_go_with_the_process():
    told = "from treadle.tui.laboratory import saving; print(saving.folder())"
    made = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert "treadle-plots-" in made.stdout
    assert not Path(made.stdout.strip()).exists()
