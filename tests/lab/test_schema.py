"""Which procedures are known, and what somebody learns who writes procedures.yml with a mistake."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from textwrap import dedent

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import treadle
from treadle import lab
from treadle.lab import manifest_file
from treadle.lab.errors import SchemaError
from treadle.lab.schema import Field, Procedure, Schema, default_schema, load_schema
from treadle.lab.schema.load import check, parse_schema
from treadle.lab.schema.spec import MANIFEST_COLUMNS, RESERVED_COLUMNS
from treadle.lab.schema.text import show

CHIP = "Chip group name str, Chip number int, Information str, Sample str, Procedure version str"
BASE = "Information str, Procedure version str"
LASER = "Laser voltage V, Laser wavelength nm"
GATE = "VG start V, VG end V, VG step V"
SWITCHES = "Chained execution bool, Show more bool"
WARM = "Plate T (degC), Ambient T (degC), Clock (ms)"
SAMPLING = "Sampling time (excluding Keithley) s"
HEAT = "Initial (current) T C, Target T C"

# What the laboratory's own documentation says: parameters with a type, or the unit of a float;
# columns, of which the ones with a star must be there; how light is found; whether there is a chip.
GATE_SWEEP = (
    f"{CHIP}, Irange A, NPLC int, N_avg int, Burn-in time s, {SWITCHES}, Laser toggle bool, "
    f"Step time s, VDS V, {GATE}"
)
PROCEDURES = {
    "IV": (
        (
            f"{CHIP}, {LASER}, {SWITCHES}, Irange A, NPLC int, N_avg int, Burn-in time s, VG V, "
            "Laser toggle bool, Step time s, VSD end V, VSD start V, VSD step V"
        ),
        f"Vsd (V)*, I (A)*, t (s), {WARM}",
        "standard",
        True,
    ),
    "IVg": (f"{GATE_SWEEP}, {LASER}", f"Vg (V)*, I (A)*, t (s), {WARM}", "standard", True),
    "IVgT": (
        f"{GATE_SWEEP}, Laser voltage V, Laser wavelength float_no_unit",
        f"Vg (V)*, I (A)*, t (s), {WARM}",
        "standard",
        True,
    ),
    "VVg": (
        (
            f"{CHIP}, {LASER}, NPLC int, Vrange V, Burn-in time s, Drain-Source current A, "
            f"Step time s, {GATE}"
        ),
        f"Vg (V)*, VDS (V)*, t (s), {WARM}",
        "standard",
        True,
    ),
    "It": (
        (
            f"{CHIP}, {LASER}, {SWITCHES}, {SAMPLING}, {HEAT}, Irange A, N_avg int, NPLC int, "
            "Laser ON+OFF period s, VDS V, VG V, T step start time s"
        ),
        f"t (s)*, I (A)*, VL (V), {WARM}",
        "standard",
        True,
    ),
    "ITt": (
        (
            f"{CHIP}, {LASER}, {SWITCHES}, {SAMPLING}, Irange A, NPLC int, N_avg int, "
            "Laser ON+OFF period s, VDS V, VG V, Pulse time s"
        ),
        f"t (s)*, I (A)*, VL (V), {WARM}",
        "standard",
        True,
    ),
    "It2": (
        (
            f"{CHIP}, {LASER}, {SWITCHES}, {SAMPLING}, {HEAT}, Irange A, NPLC int, VDS V, VG V, "
            "Phase 1 duration (laser OFF) s, Phase 2 duration (laser ON) s, "
            "Phase 3 duration (laser OFF) s, T step start time s, Use temperature sensor bool, "
            "Laser toggle bool"
        ),
        f"t (s)*, I (A)*, VL (V), {WARM}",
        "standard",
        True,
    ),
    "ItVg": (
        (
            f"{CHIP}, {LASER}, {SWITCHES}, {SAMPLING}, Irange A, NPLC int, Burn-in time s, "
            f"Laser toggle bool, Step time s, VDS V, {GATE}"
        ),
        "t (s)*, I (A)*, Vg (V)",
        "standard",
        True,
    ),
    "ItWl": (
        (
            f"{CHIP}, {SWITCHES}, {SAMPLING}, Irange A, NPLC int, Burn-in time s, "
            "Step time s, VDS V, VG V, VG toggle bool, Wavelength nm"
        ),
        "t (s)*, I (A)*, wl (nm)",
        "standard",
        True,
    ),
    "Vt": (
        (
            f"{CHIP}, {LASER}, {SWITCHES}, {SAMPLING}, {HEAT}, Vrange V, NPLC int, "
            "Laser ON+OFF period s, Laser toggle bool, Drain-Source current A, VG V, "
            "T step start time s, Use temperature sensor bool"
        ),
        f"t (s)*, VDS (V)*, VL (V), {WARM}",
        "standard",
        True,
    ),
    "Pt": (
        (
            f"{BASE}, {LASER}, {SWITCHES}, {SAMPLING}, Irange A, N_avg int, Laser ON+OFF period s, "
            "Optical fiber str"
        ),
        "t (s)*, P (W)*, VL (V)",
        "standard",
        False,
    ),
    "Pwl": (
        (
            f"{BASE}, {SWITCHES}, {SAMPLING}, N_avg int, Wavelength Step nm, Start Wavelength nm, "
            "End Wavelength nm"
        ),
        "Wavelength (nm)*, Power (W)*, Time (s)",
        "none",
        False,
    ),
    "Tt": (
        (
            f"{CHIP}, {SWITCHES}, {SAMPLING}, {HEAT}, T start C, T end C, T step C, Step time s, "
            "Laser ON+OFF period s"
        ),
        f"Time (s)*, {WARM}, Plate Temperature (degC), Ambient Temperature (degC), Clock",
        "none",
        True,
    ),
    "LaserCalibration": (
        (
            f"{CHIP}, Chained execution bool, N_avg int, Optical fiber str, Laser wavelength nm, "
            "Step time s, Laser voltage end V, Laser voltage start V, Laser voltage step V"
        ),
        "VL (V)*, Power (W)*",
        "laser_calibration",
        False,
    ),
}
TYPES = {"int", "float", "float_no_unit", "bool", "datetime", "str"}


def fields(text: str) -> dict[str, Field]:
    found = {}
    for each in text.split(", "):
        name, _, kind = each.rpartition(" ")
        found[name] = Field(kind) if kind in TYPES else Field("float", unit=kind)
    return found


def columns(text: str) -> dict[str, Field]:
    return {
        each.removesuffix("*"): Field("float", required=each.endswith("*"))
        for each in text.split(", ")
    }


def mistakes(text: str) -> list[str]:
    """Return what is said about *text*, mistake by mistake."""
    with pytest.raises(SchemaError) as caught:
        parse_schema(dedent(text), "mine.yml")
    return caught.value.message.split("\n")


def mistake(text: str) -> tuple[str, str]:
    """Return the message and the hint for *text*, which has one mistake."""
    with pytest.raises(SchemaError) as caught:
        parse_schema(dedent(text), "mine.yml")
    return caught.value.message, caught.value.hint or ""


def test_fourteen_procedures_are_known():
    assert set(default_schema().procedures) == set(PROCEDURES)


@pytest.mark.parametrize("name", PROCEDURES)
def test_a_procedure_has_the_parameters_and_columns_that_its_program_writes(name):
    parameters, data, light, requires_chip = PROCEDURES[name]
    procedure = default_schema().get(name)
    assert procedure is not None
    assert procedure.name == name
    assert procedure.parameters == fields(parameters)
    assert list(procedure.data.items()) == list(columns(data).items())
    assert (procedure.light, procedure.requires_chip) == (light, requires_chip)
    metadata = "Start time datetime"
    if name in {"Pt", "Pwl", "LaserCalibration"}:
        metadata += ", Sensor model str"
    assert procedure.metadata == fields(metadata)


def test_the_column_that_is_swept_is_known_where_runs_are_cut_into_segments():
    sweeps = {name: each.sweep for name, each in default_schema().procedures.items() if each.sweep}
    assert sweeps == {"IV": "Vsd (V)", "IVg": "Vg (V)", "IVgT": "Vg (V)", "VVg": "Vg (V)"}


def test_a_column_has_one_type_in_all_procedures():
    """Files of several procedures can be read together."""
    seen: dict[str, set[str]] = {}
    for procedure in default_schema().procedures.values():
        for name, field in procedure.data.items():
            seen.setdefault(name, set()).add(field.type)
    assert {name for name, types in seen.items() if len(types) > 1} == set()


def test_every_column_of_the_manifest_comes_from_a_header_that_some_procedure_has():
    schema = default_schema()
    known = {
        name
        for procedure in schema.procedures.values()
        for name in (*procedure.parameters, *procedure.metadata)
    }
    assert len(schema.manifest_columns) == 35
    assert schema.manifest_columns["vds_v"] == ("VDS", "Vds", "VSD", "Drain voltage")
    assert [name for name, of in schema.manifest_columns.items() if not known & set(of)] == []


def test_short_long_and_missing_sections_are_all_accepted():
    schema = parse_schema(
        dedent("""\
            procedures:
              A:
                Parameters:
                  VDS: float
                  VG: {type: float, required: true, unit: V}
                  No: bool
                  1: int
                Metadata:
                Data: {I (A): {type: float}}
              B: {}
            ManifestColumnMap: {vds_v: VDS}
            """),
        "mine.yml",
    )
    assert schema == Schema(
        {
            "A": Procedure(
                "A",
                {
                    "VDS": Field("float"),
                    "VG": Field("float", required=True, unit="V"),
                    "No": Field("bool"),
                    "1": Field("int"),
                },
                {},
                {"I (A)": Field("float")},
            ),
            "B": Procedure("B"),
        },
        {"vds_v": ("VDS",)},
    )


def test_an_entry_can_take_in_another_one_with_an_alias():
    schema = parse_schema(
        dedent("""\
            procedures:
              A:
                Parameters: &chip {Chip number: int, Sample: str}
              B:
                Parameters:
                  Sample: int
                  <<: *chip
            """),
        "mine.yml",
    )
    assert schema.procedures["B"].parameters == {
        "Sample": Field("int"),
        "Chip number": Field("int"),
    }


def test_all_mistakes_of_a_file_are_named_at_once_each_with_its_line():
    said = mistakes("""\
        procedures:
          IV:
            Prameters: {}
            Data:
              Vsd (V): flaot
              I (A):
                type: float
                requird: true
              note: {type: str, unit: V}
              late: {unit: s}
              empty:
              flag: {type: bool, required: perhaps}
            Config:
              light_detection: standrad
          a.b: {}
        ManifestColumnMap:
          vds_v: []
        """)
    assert said == [
        "mine.yml:3: unknown key 'Prameters' (did you mean 'Parameters'?)",
        "mine.yml:5: unknown type 'flaot' of 'Vsd (V)' (did you mean 'float'?)",
        "mine.yml:8: unknown key 'requird' (did you mean 'required'?)",
        "mine.yml:9: 'note': type 'str' cannot have a unit",
        "mine.yml:10: 'late' has no type (write for example {type: float, unit: V})",
        "mine.yml:11: 'empty' has no value (write one, or take the line out)",
        "mine.yml:12: required is 'perhaps' (write true or false)",
        "mine.yml:14: unknown light_detection 'standrad' of 'IV' (did you mean 'standard'?)",
        "mine.yml:15: the name 'a.b' cannot be used (letters, digits and _ only)",
        "mine.yml:17: 'vds_v' has no list of header names (write for example vds_v: [VDS, Vds])",
    ]


def test_a_type_that_resembles_none_is_answered_with_all_of_them():
    message, hint = mistake("procedures:\n  IV:\n    Data:\n      x: quaternion\n")
    assert message == "mine.yml:4: unknown type 'quaternion' of 'x'"
    assert hint == "one of int, float, float_no_unit, bool, datetime, str"


def test_the_column_to_sweep_must_be_one_of_the_data():
    message, _ = mistake("""\
        procedures:
          IV:
            Data: {Vsd (V): float}
            Config:
              requires_chip: true
              sweep: VSD (V)
        """)
    assert message.startswith("mine.yml:6: ")
    assert "sweep names 'VSD (V)', which is no column under Data" in message
    assert "did you mean 'Vsd (V)'?" in message


def test_a_name_that_stands_twice_is_a_mistake():
    """YAML takes the second without a word; the first entry would be lost."""
    message, hint = mistake("procedures:\n  IV: {}\n  IVg: {}\n  IV: {}\n")
    assert message == "mine.yml:4: 'IV' stands twice"
    assert hint == "the first is in line 2"


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("procedures:\n\tIV: {}\n", 2, "tab"),
        ("procedures:\n  IV:\n    Data:\n      a: b: float\n", 4, "second colon"),
        ('procedures:\n  "IV: {}\n', 2, "quote that is never closed"),
        ("procedures:\n  IV: {a\n", 3, "expected"),
        ("procedures: {}\n---\nprocedures: {}\n", 2, "second document"),
        ("procedures:\n  IV: *chip\n", 2, "undefined alias"),
        ("procedures:\n  IV: \x00\n", 2, "character"),
        ("procedures: &a\n  IV: *a\n", 1, "nested too deeply"),
        ("procedures: &a\n  <<: *a\n", 2, "<<"),
        ("procedures: " + "[" * 5000, 1, "nested too deeply"),
        ("procedures:\n  IV: !python/object:os.system {}\n", 2, "no meaning"),
        ("procedures:\n  IV:\n    Data: !!python/name:os.system x\n", 3, "no meaning"),
        ("procedures:\n  [a]: {}\n", 2, "list"),
        ("procedures:\n  IV: 3\n", 2, "'IV' is 3"),
        ("procedures: [IV]\n", 1, "'procedures' is ['IV']"),
        ("", 1, "no procedures"),
        ("IV\n", 1, "no procedures"),
    ],
)
def test_what_is_not_sound_yaml_is_named_with_its_line(text, line, word):
    with pytest.raises(SchemaError) as caught:
        parse_schema(text, "mine.yml")
    assert caught.value.message.startswith(f"mine.yml:{line}: ")
    assert word in str(caught.value)


def test_a_file_that_is_not_there_or_no_text_is_an_error_that_names_it(tmp_path):
    with pytest.raises(SchemaError, match=r"nowhere\.yml"):
        load_schema(tmp_path / "nowhere.yml")
    (tmp_path / "wide.yml").write_text("procedures: {}", "utf-16")
    with pytest.raises(SchemaError, match="not UTF-8"):
        load_schema(tmp_path / "wide.yml")


def test_ones_own_file_replaces_what_it_names_and_leaves_the_rest(tmp_path):
    mine = tmp_path / "mine.yml"
    mine.write_text(
        "\ufeffprocedures:\n  IVg: {Data: {Vg (V): float}}\n  IVsaw: {Data: {Vsd (V): float}}\n"
        "ManifestColumnMap:\n  vds_v: [U]\n  field_t: [Field]\n",
        "utf-8",
    )
    default, schema = default_schema(), load_schema(mine)
    assert schema.get("IVg") == Procedure("IVg", data={"Vg (V)": Field("float")})
    assert schema.get("IVsaw") is not None
    assert schema.get("It") == default.get("It")
    assert len(schema.procedures) == 15
    assert schema.manifest_columns["vds_v"] == ("U",)
    assert schema.manifest_columns["field_t"] == ("Field",)
    assert schema.manifest_columns["nplc"] == ("NPLC",)
    assert default_schema() == default
    assert set(load_schema(mine, with_default=False).procedures) == {"IVg", "IVsaw"}
    assert check(mine).split("\n") == [
        f"{mine}: no mistakes, 2 procedures",
        "  IVg: replaces ours, 0 header values, 1 column",
        "  IVsaw: new, 0 header values, 1 column",
        "  columns of the manifest: vds_v, field_t",
    ]


DIGEST = """\
procedures:
  A:
    Parameters: {VDS: float, VG: {type: float, unit: V}}
    Data: {x: float, y: float}
  B: {}
ManifestColumnMap: {v: [VDS, VG], w: [VG]}
"""


def test_the_digest_does_not_depend_on_comments_or_the_order_of_keys():
    other = """\
        # the same
        ManifestColumnMap:
          w: [VG]   # comes first
          v: [VDS, VG]
        procedures:
          B: {}
          A:
            Data:
              x: float
              y: {required: false, type: float}
            Parameters:
              VG: {unit: V, type: float}
              VDS: {type: float}
        """
    first, second = parse_schema(DIGEST, "a"), parse_schema(dedent(other), "b")
    assert first.digest() == second.digest()
    assert len(first.digest()) == 16


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("unit: V", "unit: A"),
        ("VDS: float", "VDS: int"),
        ("x: float, y: float", "y: float, x: float"),  # the order of columns in staged files
        ("[VDS, VG]", "[VG, VDS]"),  # the order in which names are tried
        ("  B: {}\n", ""),
        ("B: {}", "B: {Config: {requires_chip: false}}"),
        ("B: {}", "C: {}"),
    ],
)
def test_the_digest_changes_with_what_is_staged(old, new):
    assert old in DIGEST
    changed = parse_schema(DIGEST.replace(old, new), "b")
    assert changed.digest() != parse_schema(DIGEST, "a").digest()


def test_a_schema_travels_to_workers_which_need_no_yaml():
    """A process that only gets a schema loads neither PyYAML nor pydantic nor Polars."""
    schema = default_schema()
    assert pickle.loads(pickle.dumps(schema)) == schema
    code = (
        "import pickle, sys, json; schema = pickle.load(sys.stdin.buffer); "
        "print(json.dumps([schema.digest(), "
        "[m for m in ('yaml', 'pydantic', 'polars') if m in sys.modules]]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(schema), capture_output=True, check=True
    )
    assert json.loads(done.stdout) == [schema.digest(), []]


@pytest.mark.parametrize("library", ["pydantic", "yaml"])
def test_a_missing_library_is_named_with_what_to_type(library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(treadle.MissingExtra, match=r"treadle\[lab\]"):
        parse_schema("procedures: {}", "mine.yml")


def test_one_procedure_can_be_shown_and_an_unknown_one_is_answered_with_the_nearest():
    text = show(default_schema(), "IVg")
    assert parse_schema(text, "shown").procedures == {"IVg": default_schema().get("IVg")}
    with pytest.raises(treadle.UsageError, match="did you mean IVg"):
        show(default_schema(), "IVG")


def test_the_default_schema_is_shown_as_it_is():
    assert parse_schema(show(default_schema()), "shown").digest() == default_schema().digest()


names = st.text(min_size=1, max_size=30) | st.text("aA0 :#'\"-?{}[],&*!|>%@`\\\n\t~", min_size=1)
odd_names = names | st.sampled_from(
    ["yes", "null", "<<", "=", "1", "1e3", ".inf", "2020-01-01", "~"]
)
procedure_names = st.text("abcXYZ019_éñ", min_size=1, max_size=8)
any_field = st.builds(
    Field, st.sampled_from(sorted(TYPES - {"int", "float"})), st.booleans()
) | st.builds(Field, st.sampled_from(["int", "float"]), st.booleans(), st.none() | odd_names)
any_fields = st.dictionaries(odd_names, any_field, max_size=4)


@st.composite
def any_schema(draw):
    procedures = {}
    for name in draw(st.lists(procedure_names, unique=True, max_size=3)):
        data = draw(any_fields)
        procedures[name] = Procedure(
            name,
            draw(any_fields),
            draw(any_fields),
            data,
            draw(st.sampled_from(["standard", "laser_calibration", "none"])),
            draw(st.booleans()),
            draw(st.sampled_from([None, *data])),
        )
    aliases = st.lists(odd_names, min_size=1, max_size=3).map(tuple)
    return Schema(
        procedures,
        draw(st.dictionaries(st.from_regex("[A-Za-z_][a-z0-9_]{0,8}", fullmatch=True), aliases)),
    )


@given(any_schema())
def test_whatever_is_shown_loads_again_as_the_same(schema):
    loaded = parse_schema(show(schema), "shown")
    assert loaded == schema
    assert loaded.digest() == schema.digest()


def test_a_very_long_name_is_shown_and_loads_again():
    """YAML looks for the colon of a key no further than 1024 characters."""
    schema = Schema({"A": Procedure("A", {"x" * 2000: Field("int"), "\x01" * 300: Field("str")})})
    assert parse_schema(show(schema), "shown") == schema


# Names that are taken


@pytest.mark.parametrize("name", sorted(RESERVED_COLUMNS))
def test_a_data_column_that_staged_files_have_already_is_refused_with_its_line(name):
    text = f"procedures:\n  New:\n    Data:\n      I (A): float\n      {name}: float\n"
    with pytest.raises(SchemaError, match=rf"^p\.yml:5: the name '{name}' is taken: staged and"):
        parse_schema(text, "p.yml")
    assert parse_schema(text.replace("Data", "Parameters"), "p.yml").procedures


@pytest.mark.parametrize("name", sorted(MANIFEST_COLUMNS))
def test_a_column_that_the_manifest_has_already_is_refused_with_its_line(name):
    text = f"ManifestColumnMap:\n  a: [A]\n  {name}: [B]\n"
    with pytest.raises(SchemaError, match=rf"^p\.yml:3: the name '{name}' is taken: the manifest"):
        parse_schema(text, "p.yml")


def test_the_taken_names_are_the_columns_that_staged_files_and_the_manifest_have():
    assert set(manifest_file.columns(Schema())) == MANIFEST_COLUMNS
    table = pl.DataFrame({"v": [0.0, 1.0, 2.0, 1.0, 0.0]})
    labelled = lab.segments(table, column="v").label(table)
    assert set(labelled.columns) - {"v"} < RESERVED_COLUMNS


def test_taken_names_are_refused_in_python_too():
    with pytest.raises(treadle.UsageError, match="'run_id' cannot be a column of Own"):
        Procedure("Own", data={"run_id": Field("str")})
    with pytest.raises(treadle.UsageError, match="'rows' cannot be a column of the manifest"):
        Schema(manifest_columns={"rows": ("Rows",)})


def test_the_name_of_a_procedure_fits_into_the_name_of_a_folder():
    assert parse_schema(f"procedures:\n  {'a' * 64}: {{}}\n", "p.yml").procedures
    for name in ("a" * 65, "\N{GREEK SMALL LETTER PSI}" * 33):
        with pytest.raises(SchemaError, match=r"^p\.yml:2: .* cannot be used") as caught:
            parse_schema(f"procedures:\n  {name}: {{}}\n", "p.yml")
        assert "64 at most" in (caught.value.hint or "")
