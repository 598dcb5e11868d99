"""``treadle lab history`` as it is typed, somewhere else than where the measurements are."""

from __future__ import annotations

import io
import json

import polars as pl
import pytest

from treadle.cli import main
from treadle.lab.cli import app
from treadle.lab.cli import history as command


@pytest.fixture
def type_in(tmp_path, monkeypatch, capfd):
    """Run ``treadle lab history`` in an empty folder; return exit code, stdout and stderr."""
    assert any(each.name == "history" for each in app.registered_commands)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    def type_in(*arguments):
        code = main(["lab", "history", *map(str, arguments)])
        out, err = capfd.readouterr()
        assert "Traceback" not in err, err
        return code, out, err

    return type_in


def test_a_history_is_a_table_with_a_line_for_each_run(samples_out, type_in):
    code, out, _ = type_in("Alisson67", samples_out)
    assert code == 0
    lines = [line for line in out.splitlines() if "2025-10-" in line]
    assert [line.split()[0] for line in lines] == ["1", "2", "3", "4", "5"]
    assert "455 nm at 4.41 V, Vds 100 mV, Vg 200 mV" in lines[0]
    assert "voltage" in out
    assert "(mV)" in out


def test_without_a_chip_the_chips_are_listed(samples_out, type_in, monkeypatch):
    code, out, _ = type_in(samples_out)
    assert code == 0
    assert len(out.splitlines()) == 13
    monkeypatch.chdir(samples_out)
    assert type_in()[1] == out


def test_the_list_is_for_programs_too(samples_out, type_in):
    _, out, _ = type_in(samples_out, "--format", "json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert {"chip_name": "Alisson67", "chip_number": 67, "runs": 5}.items() <= rows[0].items()


def test_settings_say_where_it_is(samples_out, type_in, tmp_path):
    file = tmp_path / "lab.toml"
    file.write_text(f'[lab.pipeline]\nout = "{samples_out}"\n', "utf-8")
    assert type_in(67, "--config", file)[0] == 0


def frame(out: str) -> pl.DataFrame:
    return pl.read_csv(io.StringIO(out))


def test_filters_choose_among_the_runs_and_numbers_stay(samples_out, type_in):
    def numbers(*options):
        code, out, _ = type_in(67, samples_out, *options, "--format", "csv")
        assert code == 0
        return frame(out)["seq"].to_list()

    assert numbers("--light") == [1]
    assert numbers("--dark") == [2, 3, 4, 5]
    assert numbers("--procedure", "IVg", "--since", "2025-10-16") == [3, 4, 5]
    assert numbers("-p", "It", "-p", "IVg", "--limit", "2") == [1, 2]
    assert numbers("-p", "It, IVg", "--limit", "2") == [1, 2]
    assert numbers("-p", "It,IVg") == numbers("-p", "It", "--procedure", "IVg")


def test_columns_are_those_that_are_asked_for(samples_out, type_in):
    _, out, _ = type_in(67, samples_out, "--columns", "proc,cnp_voltage,seq", "--format", "csv")
    assert frame(out).columns == ["proc", "cnp_voltage", "seq"]
    _, out, _ = type_in(67, samples_out, "--columns", "metrics", "--format", "csv")
    assert frame(out).columns[:3] == ["seq", "date_local", "proc"]
    assert "delta_current" in frame(out).columns


def test_several_chips_come_in_one_table(samples_out, type_in):
    code, out, _ = type_in("67,80-81,other1", samples_out, "--format", "csv")
    assert code == 0
    assert set(frame(out)["chip_name"]) == {"Alisson67", "Alisson80", "Alisson81", "other1"}
    assert "Alisson81" in type_in("67,81", samples_out)[1]


def test_a_folder_gets_a_file_for_each_chip(samples_out, type_in, tmp_path):
    folder = tmp_path / "tables"
    assert type_in("67,81", samples_out, "--to", f"{folder}/", "--format", "latex")[0] == 0
    assert sorted(path.name for path in folder.iterdir()) == ["Alisson67.tex", "Alisson81.tex"]
    assert r"\toprule" in (folder / "Alisson81.tex").read_text("utf-8")
    code, _, err = type_in("67", samples_out, "--to", f"{folder}/")
    assert code == 2
    assert "--format" in err


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet", "a.tex", "a.txt", "a.xlsx"])
def test_the_name_of_a_file_says_its_format(samples_out, type_in, tmp_path, name):
    if name.endswith("xlsx"):
        pytest.importorskip("xlsxwriter")
    path = tmp_path / name
    code, out, _ = type_in(67, samples_out, "--to", path)
    assert (code, out) == (0, "")
    begins = {
        "a.csv": b"seq,", "a.jsonl": b'{"seq"', "a.parquet": b"PAR1", "a.tex": b"%",
        "a.txt": b" ", "a.xlsx": b"PK",
    }  # fmt: skip
    assert path.read_bytes().startswith(begins[name])


@pytest.mark.parametrize("room", [60, 80, 120])
@pytest.mark.parametrize(
    "options", [("67",), ("80",), ("67,81",), ("67", "--columns", "all"), ()], ids=" ".join
)
def test_nothing_is_wider_than_the_terminal(samples_out, type_in, monkeypatch, room, options):
    monkeypatch.setattr(command, "width", lambda: room)
    code, out, _ = type_in(*options[:1], samples_out, *options[1:])
    assert code == 0
    assert max(map(len, out.splitlines())) <= room


def test_long_words_give_way_to_metrics(samples_out, type_in, monkeypatch):
    monkeypatch.setattr(command, "width", lambda: 80)
    code, out, _ = type_in("67,81", samples_out)
    assert code == 0
    assert "cnp_" in out  # it has a value for each sweep, and less than half of the width
    assert "…" in out
    monkeypatch.setattr(command, "width", lambda: None)
    assert "…" not in type_in("67,81", samples_out)[1]


def test_what_has_no_room_is_named(samples_out, type_in, monkeypatch):
    monkeypatch.setattr(command, "width", lambda: 70)
    _, _, err = type_in("67", samples_out)
    assert "too narrow for time_local, " in err
    assert "--columns metrics" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("Alison67",), "did you mean Alisson67?"),
        (("99",), "the nearest are"),
        (("67,99",), "there is no chip '99'"),
        (("82-99",), "there is no chip among"),
        (("71",), "Alisson71, other71"),
        (("67", "--format", "xml"), "--format takes"),
        (("67", "--format", "xlsx"), "--to FILE.xlsx"),
        (("67", "--columns", "cnp_voltge"), "did you mean cnp_voltage?"),
        (("67", "--since", "soon"), "is no date"),
    ],
)
def test_what_is_wrong_is_said_with_its_cure(samples_out, type_in, arguments, said):
    code, out, err = type_in(arguments[0], samples_out, *arguments[1:])
    assert (code, out) == (2, "")
    assert said in " ".join(err.split())


def test_filters_need_a_chip(samples_out, type_in):
    code, _, err = type_in(samples_out, "--since", "2025")
    assert code == 2
    assert "--since needs a CHIP" in err


def test_where_nothing_fits_it_says_what_there_is(samples_out, type_in):
    code, out, err = type_in(67, samples_out, "--procedure", "IVg", "--light")
    assert (code, out) == (3, "")
    assert "IVg 4, It 1" in err


def test_an_empty_folder_is_no_laboratory(type_in):
    code, _, err = type_in()
    assert code == 2
    assert "holds no staged measurements" in err
