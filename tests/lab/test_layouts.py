"""Layouts are found by name, asked in order, and take files apart without judging them."""

from __future__ import annotations

import pickle
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import treadle
from treadle.lab import layouts as module
from treadle.lab.errors import Damaged, NoData, NotAMeasurement, Unreadable
from treadle.lab.layouts import Layout, Raw, load_layouts
from treadle.lab.layouts.pymeasure import PYMEASURE, unescaped

HEADER = """#Procedure: <laser_setup.procedures.IVg.IVg>
#Parameters:
#\tVDS: 0.05 V
#\tInformation: l\\xednea base
#Metadata:
#\tStart time: 1767225600.5
#Data:
"""
FILE = HEADER + "Vg (V),I (A)\n0.0,1e-06\n-0.2,2e-06\n"


def parse(text):
    data = text if isinstance(text, bytes) else text.encode()
    return PYMEASURE.parse(Path("run.csv"), data)


def codes(raw):
    return [note.code for note in raw.notes]


# --- pymeasure's ---------------------------------------------------------------------------------


def test_all_that_a_file_says_is_found():
    assert parse(FILE) == Raw(
        procedure="IVg",
        parameters={"VDS": "0.05 V", "Information": "línea base"},
        metadata={"Start time": "1767225600.5"},
        columns=["Vg (V)", "I (A)"],
        body=b"0.0,1e-06\n-0.2,2e-06\n",
        first_line=9,
    )


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_make_no_difference(end):
    assert parse(FILE.replace("\n", end)) == parse(FILE)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("<laser_setup.procedures.It.It>", "It"),
        ("<__main__.LaserCalibration>", "LaserCalibration"),
        ("<module.<locals>.IVsaw>", "IVsaw"),
        ("<IVg>", "IVg"),
        ("IVg", "IVg"),
    ],
)
def test_a_procedure_is_called_by_its_last_name(written, name):
    text = FILE.replace("<laser_setup.procedures.IVg.IVg>", written)
    assert parse(text).procedure == name


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("Laser ON+OFF period: 120 s", "Laser ON+OFF period", "120 s"),
        ("Sampling time (excluding Keithley): 0 s", "Sampling time (excluding Keithley)", "0 s"),
        ("Initial (current) T: 0 C", "Initial (current) T", "0 C"),
        ("Information: at 12:30: lit [again]", "Information", "at 12:30: lit [again]"),
        ("Information: a:b", "Information", "a:b"),
        ("Information: #Data:", "Information", "#Data:"),
        ("Information: ", "Information", ""),
        ("Information:", "Information", ""),
        ("Information: None", "Information", "None"),
        ("Data: yes", "Data", "yes"),
        ("Data:", "Data", ""),
        ("Metadata: ", "Metadata", ""),
        ("Procedure: <x.Y>", "Procedure", "<x.Y>"),
        ("VDS (µV): 1", "VDS (µV)", "1"),
        ("VDS:0.1 V", "VDS", "0.1 V"),
        ("URL:http://a: b", "URL:http://a", "b"),
        (r"Information: C:\\temp\nnext", "Information", "C:\\temp\nnext"),
    ],
)
def test_a_header_line_is_a_name_and_a_value(line, key, value):
    text = FILE.replace("#\tVDS: 0.05 V\n#\tInformation: l\\xednea base", f"#\t{line}")
    raw = parse(text)
    assert raw.parameters == {key: value}
    assert raw.metadata == {"Start time": "1767225600.5"}
    assert raw.columns == ["Vg (V)", "I (A)"]


@given(st.text())
def test_escapes_are_undone(text):
    escaped = text.encode("unicode_escape").decode()
    has_half_a_pair = any("\ud800" <= character <= "\udfff" for character in text)
    assert has_half_a_pair or unescaped(escaped) == text


@given(st.text(alphabet="\\xuUnrt0189afAé\n"))
def test_what_only_looks_like_an_escape_stays(text):
    assert unescaped(text).encode("utf-8").decode() == unescaped(text)  # no half of a pair
    assert "\\" in text or unescaped(text) == text


@pytest.mark.parametrize(
    "text", [r"\q", r"\x4", r"\ud800", r"\U00110000", r"\N{DEGREE SIGN}", "\\"]
)
def test_no_escape_of_the_program_is_no_escape(text):
    assert unescaped(text) == text


def test_a_line_that_is_no_value_is_noted_with_its_number():
    raw = parse(FILE.replace("#\tVDS: 0.05 V", "#\tVDS 0.05 V"))
    assert codes(raw) == ["ODD_HEADER_LINE"]
    assert raw.notes[0].text == "line 3 of the header is no 'name: value': VDS 0.05 V"
    assert list(raw.parameters) == ["Information"]


def test_the_second_of_two_values_counts():
    raw = parse(FILE.replace("#\tVDS: 0.05 V", "#\tVDS: 1 V\n#\tVDS: 2 V\n#\tVDS: 2 V"))
    assert raw.parameters["VDS"] == "2 V"
    assert codes(raw) == ["REPEATED_KEY"]


def test_comments_above_the_header_are_no_part_of_it():
    raw = parse("# my first run\n\n#\tVDS: 9 V\n" + FILE)
    assert raw.parameters["VDS"] == "0.05 V"
    assert (codes(raw), raw.first_line) == ([], 12)


@pytest.mark.parametrize(
    ("line", "columns", "separator"),
    [
        ("Vg (V),I (A)", ["Vg (V)", "I (A)"], ","),
        (" Vg (V) , I (A) ", ["Vg (V)", "I (A)"], ","),
        ("Vg (V);I (A)", ["Vg (V)", "I (A)"], ";"),
        ("Vg (V)\tI (A)", ["Vg (V)", "I (A)"], "\t"),
        ('"Vg (V)","I, drain (A)"', ["Vg (V)", "I, drain (A)"], ","),
        ("Vg (V)", ["Vg (V)"], ","),
        ("Vg (V),Vg (V)", ["Vg (V)", "Vg (V)"], ","),
        ("I (µA),", ["I (µA)", ""], ","),
        ("nano,inf", ["nano", "inf"], ","),
    ],
)
def test_the_column_line_is_split(line, columns, separator):
    raw = parse(FILE.replace("Vg (V),I (A)", line))
    assert (raw.columns, raw.separator) == (columns, separator)


def test_an_index_of_other_files_is_not_of_this_layout():
    assert parse("Irange,NPLC\n0.001,1.0\n") is None
    assert parse("#\n# only comments\n") is None
    assert parse("\n\n") is None


@pytest.mark.parametrize("written", ["<>", "", "how to clean a chip", "<../../IVg/x>", "<a.b.1>"])
def test_what_is_no_class_is_no_procedure(written):
    with pytest.raises(NotAMeasurement, match="names no procedure"):
        parse(FILE.replace("<laser_setup.procedures.IVg.IVg>", written))


@pytest.mark.parametrize("data", [FILE.encode("utf-16"), FILE.encode("utf-16-be"), b"PK\3\4\0\0"])
def test_what_is_no_text_is_unreadable(data):
    with pytest.raises(Unreadable, match="not UTF-8"):
        parse(data)


@given(st.binary(max_size=300) | st.text(alphabet="#\t\r\n:,DatProceu<>. 1é", max_size=300))
def test_any_bytes_are_taken_apart_or_rejected(text):
    for data in (text, HEADER.encode() + (text if isinstance(text, bytes) else text.encode())):
        try:
            raw = parse(data)
        except (Unreadable, NoData, Damaged, NotAMeasurement) as error:
            assert error.message  # noqa: PT017  either may happen
        else:
            assert raw is None or raw.procedure
            assert raw is None or b"\r" not in raw.body


# --- finding layouts -----------------------------------------------------------------------------

OWN = """
from treadle.lab.layouts import Raw

class Own:
    name = "own"
    suffixes = (".dat",)
    def parse(self, path, data):
        if not data.startswith(b"OWN"):
            return None
        return Raw("IVg", {}, {}, ["Vg (V)", "I (A)"], data.split(b"\\n", 1)[1])
    def companions(self, path):
        return [path.with_suffix(".json")]

class Needy(Own):
    def __init__(self, port):
        self.port = port

own = Own()
half = object()
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path


def test_pymeasure_is_always_there_and_last():
    assert load_layouts() == (PYMEASURE,)
    assert isinstance(PYMEASURE, Layout)
    assert PYMEASURE.companions(Path("a.csv")) == ()


@pytest.mark.parametrize("name", ["Own", "own"])
def test_a_layout_of_ones_own_is_asked_first(own, name):
    first, last = load_layouts([f"{own}:{name}"])
    assert (first.name, first.suffixes, last) == ("own", (".dat",), PYMEASURE)
    assert first.parse(Path("a.dat"), b"OWN\n0,1\n").body == b"0,1\n"
    assert first.companions(Path("a.dat")) == [Path("a.json")]


def test_a_layout_from_a_file_travels_to_workers(own):
    first, _ = load_layouts([f"{own}:Own"])
    arrived = pickle.loads(pickle.dumps(first))
    assert arrived == first
    assert arrived.parse(Path("a.dat"), b"OWN\n0,1\n").procedure == "IVg"


def test_no_layout_is_asked_twice(own):
    assert len(load_layouts([f"{own}:Own", f"{own}:Own", PYMEASURE])) == 2
    assert load_layouts(load_layouts([f"{own}:Own"])) == load_layouts([f"{own}:Own"])
    assert load_layouts(["treadle.lab.layouts.pymeasure:PYMEASURE"]) == (PYMEASURE,)


def test_packages_announce_layouts(own, monkeypatch):
    monkeypatch.syspath_prepend(own.parent)
    point = EntryPoint("own", "own:Own", module.GROUP)
    monkeypatch.setattr(module, "entry_points", lambda group: [point] * (group == module.GROUP))
    module._installed.cache_clear()
    try:
        assert [layout.name for layout in load_layouts()] == ["own", "pymeasure"]
    finally:
        module._installed.cache_clear()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("own.py", "does not name a layout"),
        ("{own}:", "does not name a layout"),
        ("{own}:Other", "nothing called 'Other'"),
        ("{own}:half", "is no layout: it has no name, no suffixes, no parse, no companions"),
        ("{own}:Needy", "cannot be made"),
        ("{own}x.py:Own", "there is no file"),
        ("no_such_module:Own", "ModuleNotFoundError"),
        ("{own.parent}/broken.py:Own", "SyntaxError"),
    ],
)
def test_what_is_no_layout_is_a_mistake_with_a_hint(own, text, message):
    (own.parent / "broken.py").write_text("class")
    with pytest.raises(treadle.UsageError, match=message):
        load_layouts([text.format(own=own)])


def test_an_object_that_is_no_layout_is_refused():
    with pytest.raises(treadle.UsageError, match="is no layout"):
        load_layouts([object()])
