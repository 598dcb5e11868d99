"""A draft of procedures.yml from files: it loads, and the files can be read under it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import polars as pl
import pytest

import treadle
from treadle.cli import main
from treadle.lab.measurement import read
from treadle.lab.schema import Field, Schema, default_schema
from treadle.lab.schema.infer import infer
from treadle.lab.schema.load import parse_schema

SAMPLES = Path(__file__).parent / "samples"
NOTHING = Schema()

COUNTED = ("IV2025-09-04_1", "IV2025-09-12_1", "IVg2025-09-12_2", "IVg2025-09-09_12")


def samples(*stems: str) -> list[Path]:
    return [next(SAMPLES.rglob(f"{stem}.csv")) for stem in stems]


def write(path: Path, parameters: str = "", rows: str = "a (V)\n1.5\n", name: str = "New") -> Path:
    """Write a raw file with *parameters* separated by semicolons."""
    header = "".join(f"#\t{each.strip()}\n" for each in parameters.split(";") if each)
    path.write_text(
        f"#Procedure: <laboratory.{name}>\n#Parameters:\n{header}"
        f"#Metadata:\n#\tStart time: 1767225600.5\n#Data:\n{rows}",
        "utf-8",
    )
    return path


def drafted(*paths: Path, name: str = "New"):
    procedure = parse_schema(infer(paths, NOTHING), "draft").get(name)
    assert procedure is not None
    return procedure


@pytest.fixture
def kinds(tmp_path):
    """Return the field that is drafted for a parameter with these values, a file for each."""

    def of(*texts: str, name: str = "Value") -> Field:
        paths = [write(tmp_path / f"{i}.csv", f"{name}: {text}") for i, text in enumerate(texts)]
        return drafted(*paths).parameters[name]

    return of


def test_real_files_can_be_read_under_their_draft_without_a_word_about_types():
    paths = samples(*COUNTED, "LaserCalibration2025-10-09_3")
    schema = parse_schema(infer(paths, NOTHING), "draft")
    assert set(schema.procedures) == {"IV", "IVg", "LaserCalibration"}
    for path in paths:
        measurement = read(path, schema=schema, strict=True)
        assert measurement.is_known
        assert [note for note in measurement.notes if note.level != "info"] == []
        assert set(measurement.table.dtypes) == {pl.Float64}


def test_the_draft_of_a_real_procedure_says_what_ours_says():
    """Types and units agree wherever the files tell them."""
    drafted_, ours = drafted(*samples(*COUNTED[2:]), name="IVg"), default_schema().get("IVg")
    assert ours is not None
    different = {
        name
        for name, field in drafted_.parameters.items()
        if (field.type, field.unit) != (ours.parameters[name].type, ours.parameters[name].unit)
    }
    assert different == {"Laser wavelength"}  # written as a bare 455
    assert drafted_.metadata == ours.metadata
    assert {name: field.type for name, field in drafted_.data.items()} == {
        name: field.type for name, field in ours.data.items() if name != "t (s)"
    }
    assert (drafted_.light, drafted_.requires_chip) == (ours.light, ours.requires_chip)


def test_what_is_known_already_is_said_and_not_drafted_again():
    text = infer(samples(*COUNTED))
    assert "# IV (2 files) is known already." in text
    assert "# IVg (2 files) is known already." in text
    assert parse_schema(text, "draft") == Schema()


def test_files_that_are_no_measurement_or_hold_none_are_named(tmp_path):
    wide = tmp_path / "wide.csv"
    wide.write_text("#Procedure: <A>\n#Data:\n", "utf-16")
    gone = tmp_path / "gone.csv"
    paths = [*samples("Alisson_04_sept_metadata"), wide, gone]
    text = infer(paths, NOTHING)
    assert "# Left out (3 files):" in text
    for path in paths:
        assert re.search(rf'#   "{re.escape(str(path))}: .+"', text)
    assert parse_schema(text, "draft") == Schema()


def test_a_file_without_rows_still_tells_its_parameters_and_columns():
    procedure = drafted(*samples("It2025-09-25_10"), name="It")
    assert procedure.parameters["Laser ON+OFF period"] == Field("float", unit="s")
    assert procedure.data["I (A)"] == Field("float")


def test_many_files_that_are_left_out_are_counted(tmp_path):
    text = infer([tmp_path / f"{i}.csv" for i in range(14)], NOTHING)
    assert "# Left out (14 files):" in text
    assert "#   and 4 more" in text


@pytest.mark.parametrize(
    ("texts", "field"),
    [
        (["1", "2"], Field("int")),
        (["1", "0.5"], Field("float")),
        (["1 V", "2 V"], Field("float", unit="V")),
        (["0", "1e-06 A"], Field("float", unit="A")),
        (["100 mV", "1 V", "2 V"], Field("float", unit="V")),
        (["1 V", "1 s"], Field("str")),
        (["71 test"], Field("str")),
        (["1", "one"], Field("str")),
        (["007"], Field("str")),
        (["2.1.0"], Field("str")),
        (["True", "False"], Field("bool")),
        (["True", "1"], Field("str")),
        (["None", "True"], Field("bool")),
        (["None", "3"], Field("int")),
        (["None"], Field("str")),
        (["", "text: with a colon"], Field("str")),
        (["2025-09-04T10:00:00"], Field("datetime")),
        (["2025-09-04", "2025-09-05 10:00:00.5"], Field("datetime")),
        (["2025-19-94"], Field("str")),
        (["123456789012345678901234567890"], Field("float")),
        (["nan", "3"], Field("float")),
    ],
)
def test_the_type_of_a_header_value_holds_what_all_files_have(kinds, texts, field):
    assert kinds(*texts) == field


def test_seconds_since_1970_are_a_time_where_the_name_says_so(kinds):
    assert kinds("1757016983.8", name="Stop time") == Field("datetime")
    assert kinds("1757016983.8", name="Counts") == Field("float")
    assert kinds("120", name="Step time") == Field("int")


def test_the_type_of_a_column_holds_the_cells_of_all_files(tmp_path):
    first = write(
        tmp_path / "1.csv",
        rows="n,x,late,never,ok,word,hole\n1,1.0,nan,nan,True,a,1\n2,2,nan,,False,b,nan\n",
    )
    second = write(tmp_path / "2.csv", rows="n,x,late,more\n3,1,5,1e-3\n")
    types = {name: field.type for name, field in drafted(first, second).data.items()}
    assert types == {
        "n": "int",
        "x": "float",
        "late": "float",
        "never": "float",
        "ok": "bool",
        "word": "str",
        "hole": "float",
        "more": "float",
    }
    for path in (first, second):
        measurement = read(path, schema=parse_schema(infer([first, second], NOTHING), "draft"))
        assert {note.code for note in measurement.notes} & {"BAD_CELLS", "WRONG_TYPE"} == set()


def rows(name: str, values: list[float]) -> str:
    return f"{name},I (A)\n" + "".join(f"{value!r},1e-6\n" for value in values)


UP_AND_DOWN = [i / 10 for i in [*range(10), *range(10, -10, -1), *range(-10, 1)]]


@pytest.mark.parametrize(
    ("name", "values", "is_swept"),
    [
        ("Vg (V)", UP_AND_DOWN, True),
        ("vsd", [float(i) for i in range(30)], True),
        ("t (s)", UP_AND_DOWN, False),  # not a voltage
        ("VL (V)", [0.0] * 20 + [3.5] * 20 + [0.0] * 20, False),  # a laser, switched
        ("VDS (V)", [0.1 + (-1) ** i * 1e-3 for i in range(60)], False),  # measured noise
        ("Vg (V)", [1.0, 2.0], False),
    ],
)
def test_the_swept_column_is_guessed_in_a_comment(tmp_path, name, values, is_swept):
    """The guess changes nothing until somebody takes it over."""
    text = infer([write(tmp_path / "1.csv", rows=rows(name, values))], NOTHING)
    guesses = [line for line in text.splitlines() if "sweep:" in line]
    assert len(guesses) == is_swept
    assert all(line.strip().startswith("#") and name in line for line in guesses)
    procedure = parse_schema(text, "draft").get("New")
    assert procedure is not None
    assert procedure.sweep is None


@pytest.mark.parametrize(
    ("parameters", "light", "requires_chip"),
    [
        ("Laser wavelength: 455; Laser voltage: 0 V", "standard", False),
        ("Laser wavelength: 455; Laser voltage start: 0 V", "laser_calibration", False),
        ("Laser voltage: 3 V", "none", False),
        ("Chip number: 67; Chip group name: A", "none", True),
        ("Chip number: 67", "none", False),
    ],
)
def test_light_and_chip_follow_from_the_header(tmp_path, parameters, light, requires_chip):
    procedure = drafted(write(tmp_path / "1.csv", parameters))
    assert (procedure.light, procedure.requires_chip) == (light, requires_chip)


def test_names_that_yaml_would_take_for_something_else_are_quoted(tmp_path):
    path = write(tmp_path / "1.csv", "yes: 1; #5: 2; a, b: {x}", rows="[x] {y},no\n1.5,2\n")
    procedure = drafted(path)
    assert set(procedure.parameters) == {"yes", "#5", "a, b"}
    assert list(procedure.data) == ["[x] {y}", "no"]


def test_missing_polars_is_named_with_what_to_type(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(treadle.MissingExtra, match=r"treadle\[lab\]"):
        infer([write(tmp_path / "1.csv")], NOTHING)


# --- treadle lab schema infer --------------------------------------------------------------------


@pytest.fixture
def typed(capfd):
    """Run ``treadle lab schema infer``; return exit code, stdout and stderr."""

    def typed(*arguments):
        code = main(["lab", "schema", "infer", *map(str, arguments)])
        return code, *capfd.readouterr()

    return typed


def test_a_file_that_is_not_there_is_a_mistake_and_nothing_is_drafted(typed, tmp_path):
    code, out, err = typed(write(tmp_path / "1.csv"), tmp_path / "nofile.csv")
    assert (code, out) == (2, "")
    assert re.search(r"^error: .*nofile\.csv.* does not exist", err)


def test_where_nothing_is_drafted_people_are_told_why(typed, tmp_path):
    known = samples("IV2025-09-04_1")[0]
    other = tmp_path / "index.csv"
    other.write_text("file,comment\n")
    code, out, err = typed(known, other)
    assert (code, out) == (3, "")
    assert "nothing was drafted" in err
    assert "IV (1 file) is known already." in err
    assert "index.csv: no layout knows it" in err


def test_all_files_below_a_folder_are_learned_from(typed, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    write(tmp_path / "a" / "1.csv", "Own: 1")
    write(tmp_path / "a" / "b" / "2.CSV", "Own: 0.5")
    (tmp_path / "a" / "notes.txt").write_text("none")
    code, out, _ = typed(tmp_path)
    assert code == 0
    assert "# Seen in 2 files." in out
    assert "Left out" not in out
    procedure = parse_schema(out, "draft").get("New")
    assert procedure is not None
    assert procedure.parameters == {"Own": Field("float")}
