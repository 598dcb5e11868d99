"""Styles, files, and many plots at once; through the functions and through the commands."""

from __future__ import annotations

import os

import pytest
import typer
from typer.testing import CliRunner

import treadle
from treadle.lab import plotting
from treadle.lab.cli import plot as commands
from treadle.lab.cli.command import Command
from treadle.lab.plotting.asked import Asked, drawn, written
from treadle.lab.plotting.batch import plots
from treadle.lab.plotting.batch_file import read


@pytest.fixture(scope="module")
def run():
    """What runs a command line, and gives exit code, stdout and stderr."""
    app = typer.Typer()
    app.command("plot", cls=Command, epilog=commands.PLOT)(commands.plot)
    app.command("plots", cls=Command, epilog=commands.PLOTS)(commands.plots)

    def command(*words):
        done = CliRunner().invoke(app, [str(word) for word in words], standalone_mode=False)
        if done.exception is not None:
            raise done.exception
        return done.return_value, done.stdout, done.stderr

    return command


def file(tmp_path, text):
    path = tmp_path / "figures.yml"
    path.write_text(text)
    return path


# ── styles ──────────────────────────────────────────────────────────────────────────────────────


def test_styles_differ_in_size_and_letters_and_the_grey_one_in_colour(laboratory):
    plot = drawn(laboratory, Asked(kind="IVg", chip=67))
    sizes = {}
    for name, style in plotting.STYLES.items():
        figure = plotting.figure(plot, style=style)
        sizes[name] = (figure.get_figwidth(), figure.axes[0].xaxis.label.get_fontsize())
        colours = [line.get_color() for line in figure.axes[0].lines]
        is_grey = all(r == g == b for r, g, b, _ in colours)
        assert is_grey == (name == "grey")
    assert sizes["paper"] < sizes["talk"] < sizes["poster"]


def test_a_style_file_goes_over_the_style_for_paper(laboratory, tmp_path):
    path = tmp_path / "mine.mplstyle"
    path.write_text("axes.labelsize: 13\nfigure.figsize: 3, 2\n"
                    "axes.prop_cycle: cycler('color', ['ff0000', '00ff00'])\n")  # fmt: skip
    style = plotting.style_named(path)
    figure = plotting.figure(drawn(laboratory, Asked(kind="IVg", chip=67)), style=style)
    assert figure.axes[0].yaxis.label.get_fontsize() == 13
    assert figure.get_figwidth() == 3
    colours = [line.get_color().lstrip("#") for line in figure.axes[0].lines]
    assert colours == ["ff0000", "00ff00", "ff0000"]


def test_a_style_leaves_the_settings_of_the_process_alone(laboratory):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    plot = drawn(laboratory, Asked(kind="IVg", chip=67))
    plotting.figure(plot, style=plotting.STYLES["poster"])
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("text", "said"),
    [("font.sise: 12\n", "font.sise"), ("font.size: big\n", "big"), (None, "No such file")],
)
def test_a_style_that_cannot_be_used_says_why(tmp_path, text, said):
    path = tmp_path / "mine.mplstyle"
    if text is not None:
        path.write_text(text)
    with pytest.raises(treadle.UsageError, match=r"mine\.mplstyle' cannot be used") as raised:
        plotting.style_named(path)
    assert said in raised.value.message


def test_an_unknown_style_names_those_there_are():
    with pytest.raises(treadle.UsageError, match="there is no style 'papre'") as raised:
        plotting.style_named("papre")
    assert "poster" in raised.value.hint


def test_curves_on_each_other_differ_without_any_colour(laboratory):
    plot = drawn(laboratory, Asked(kind="It", chip=80))
    lines = plotting.figure(plot).axes[0].lines
    looks = {(line.get_linestyle(), line.get_marker()) for line in lines}
    assert len(looks) == len(lines) == 3
    points = plotting.figure(drawn(laboratory, Asked(kind="cnp", chip=67))).axes[0].lines
    markers = {line.get_marker() for line in points} - {"_", "None"}
    assert len(markers) == 3


# ── files ───────────────────────────────────────────────────────────────────────────────────────


def test_a_plot_becomes_a_vector_and_a_picture_under_a_telling_name(laboratory, tmp_path):
    asked = Asked(kind="IVg", chip=67, runs="2-3", style="grey", width=3.0, height=2.0)
    files = written(drawn(laboratory, asked), asked, folder=tmp_path)
    assert [each.name for each in files] == ["IVg-67-2-3-grey.pdf", "IVg-67-2-3-grey.png"]
    assert b"/FontFile2" in files[0].read_bytes()  # the font is in the file
    width = int.from_bytes(files[1].read_bytes()[16:20], "big")
    assert width == 900  # 3 inches of 300 dots


# ── a file of plots ─────────────────────────────────────────────────────────────────────────────


def test_a_file_says_what_is_asked_for(tmp_path):
    asked, base = read(file(tmp_path, """\
chip: 67
chip_group: Alisson
output_base: here
defaults: {legend_by: gate, style: talk, formats: svg}
plots:
  - {kind: IVg, runs: 1}
  - {type: It, seq: [4, 5], legend_by: time, title: ''}
  - {kind: It, runs: 4-7, tag: dark, chip: 80, formats: [pdf]}
"""))  # fmt: skip
    assert base == tmp_path / "here"
    assert [each.name for each in asked] == [
        "IVg-Alisson67-1-talk", "It-Alisson67-4_5-talk", "It-Alisson80-dark-talk",
    ]  # fmt: skip
    assert [each.legend_by for each in asked] == ["gate", "time", "gate"]
    assert [each.formats for each in asked] == [("svg",), ("svg",), ("pdf",)]
    assert (asked[1].title, asked[2].title, asked[2].runs) == ("", None, "4-7")


def test_every_mistake_is_told_with_its_line(tmp_path):
    path = file(tmp_path, """\
defalts: {}
plots:
  - {kind: IVq}
  - kind: It
    sytle: grey
    width: -1
    formats: [bmp]
  - {runs: 4}
""")  # fmt: skip
    with pytest.raises(treadle.UsageError) as raised:
        read(path)
    lines = [line.removeprefix(f"{path}:") for line in raised.value.message.splitlines()]
    assert lines == [
        "1: defalts: there is no such key; did you mean defaults?",
        "3: plots[0].kind: there is no plot called 'IVq'; did you mean IV?",
        "5: plots[1].sytle: there is no such key; did you mean style?",
        "6: plots[1].width: it should be greater than 0.5, got -1",
        "7: plots[1].formats: a figure cannot be saved as 'bmp'; choose of: png, svg, pdf",
        "8: plots[2].kind is missing",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [("plots: [", "expected"), ("plots: []", "plots is empty"),
     ("", "the file"), ("- 1\n", "the file"),
     ("plots:\n- {kind: It}\n- {kind: It}\n", "3: plots\\[1\\] would be written over plots\\[0\\]"),
     ("plots:\n- {kind: It, style: papre}\n", "there is no style 'papre'")],
)  # fmt: skip
def test_a_file_that_cannot_be_used_says_why(tmp_path, text, said):
    with pytest.raises(treadle.UsageError, match=said):
        read(file(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(treadle.UsageError, match="cannot be read: No such file"):
        read(tmp_path / "none.yml")


def test_a_plot_that_fails_is_named_and_the_others_are_drawn(laboratory, tmp_path):
    asked = [
        Asked(kind="IVg", chip=67, formats=("svg",)),
        Asked(kind="Vt", chip=67, formats=("svg",)),
        Asked(kind="It", chip=80, formats=("svg",), tag="x"),
    ]
    report = plots(laboratory, asked, tmp_path / "a", backend="inline", progress="none")
    assert sorted(os.listdir(tmp_path / "a")) == ["IVg-67.svg", "It-80-x.svg"]
    assert [each.name for each in report.files] == ["IVg-67.svg", "It-80-x.svg"]
    assert list(report.failed) == ["Vt-67"]
    assert report.failed["Vt-67"].startswith("there is no run of Vt of chip 67")
    assert "light is not shaded" in report.notes["It-80-x"][0]
    assert str(report).startswith("2 of 3 plots drawn, 2 files: ")


# ── commands ────────────────────────────────────────────────────────────────────────────────────


def test_the_command_names_all_kinds(run):
    code, out, _ = run("plot", "--list")
    names = [line.split()[0] for line in out.splitlines()]
    assert code == 0
    assert {"IVg", "transconductance", "It-fit", "cnp", "hysteresis", "METRIC"} <= set(names)
    assert run("plot")[1] == out


def test_the_command_draws_into_the_folder_of_figures(run, laboratory, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("plot", "It", laboratory.out, "--chip", "80", "--title", "Mine")
    assert code == 0
    assert out.splitlines() == [
        str(laboratory.out / "figures" / f"It-80.{suffix}") for suffix in ("pdf", "png")
    ]
    assert "note: light is not shaded" in err
    mine = tmp_path / "deep" / "mine.svg"
    assert run("plot", "cnp", laboratory.out, "--chip", "67", "--to", mine)[1] == f"{mine}\n"
    assert mine.read_text().startswith("<?xml")
    with pytest.raises(treadle.UsageError, match="cannot be saved as 'bmp'"):
        run("plot", "cnp", laboratory.out, "--chip", "67", "--to", "a.bmp")


def test_the_command_draws_many_and_exits_with_1_if_one_fails(run, laboratory, tmp_path):
    path = file(tmp_path, """\
chip: 67
output_base: figs
defaults: {formats: [svg]}
plots: [{kind: IVg}, {kind: Vt}]
""")  # fmt: skip
    code, out, err = run("plots", path, laboratory.out, "--backend", "inline", "-q")
    assert code == 1
    assert out == f"{tmp_path / 'figs' / 'IVg-67.svg'}\n"
    assert "Vt-67 was not drawn: there is no run of Vt of chip 67" in err
