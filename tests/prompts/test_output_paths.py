"""Output paths: values name files and folders of their own, and never lead out of the folder."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import treadle
from treadle.prompts.output_paths import OutputPath
from treadle.prompts.safe_paths import below, portable_name

VALUE = st.text(st.characters(), max_size=30) | st.sampled_from(
    [
        "..",
        ".",
        "",
        "/",
        "/etc",
        "a/b",
        "../x",
        "a\\b",
        "C:",
        "C:\\x",
        "CON",
        "nul.txt",
        "~",
        "x" * 300,
    ]
)


@pytest.mark.parametrize(
    "path", ["results.csv", "/tmp/x/results.csv", "../up/a: b?.csv", "{x}.csv"]
)
def test_a_path_without_variables_is_taken_as_it_is(tmp_path, path):
    output = OutputPath(path, tmp_path)
    assert not output.is_templated
    assert output.names == frozenset()
    assert output.resolve({}) == tmp_path / path
    assert output.folder == (tmp_path / path).parent


def test_rows_go_to_the_file_that_their_values_name(tmp_path):
    output = OutputPath("out/by-{{provider}}/{{ model }}-{{x|default:none}}.csv", tmp_path)
    assert output.is_templated
    assert output.names == {"provider", "model"}
    assert output.folder == tmp_path / "out"
    path = output.resolve({"provider": "openai", "model": "gpt"})
    assert path == tmp_path / "out" / "by-openai" / "gpt-none.csv"


def test_what_is_typed_may_climb_and_be_absolute(tmp_path):
    assert OutputPath("../a/{{x}}.csv", tmp_path).resolve({"x": "1"}) == tmp_path / "../a/1.csv"
    there = tmp_path / "there"
    assert OutputPath(f"{there}/{{{{x}}}}.csv", Path("/")).resolve({"x": "1"}) == there / "1.csv"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("openai/gpt-4o:free", "openai_gpt-4o_free.csv"),
        ('a<b>c"d|e?f*g\\h', "a_b_c_d_e_f_g_h.csv"),
        ("tab\there\x00\x7f", "tab_here__.csv"),
        ("../../etc/passwd", "_.._.._etc_passwd.csv"),
        ("con", "_con.csv"),
        ("LPT1.x", "_LPT1.x.csv"),
        ("console", "console.csv"),
        ("", "_.csv"),
        ("..", "_...csv"),
        ("größe 日本", "größe 日本.csv"),
    ],
)
def test_names_of_files_are_made_good_on_every_system(tmp_path, value, name):
    assert OutputPath("{{x}}.csv", tmp_path).resolve({"x": value}) == tmp_path / name


def test_no_name_ends_in_dots_or_spaces(tmp_path):
    path = OutputPath("{{a}}/r{{b}}", tmp_path).resolve({"a": "x.", "b": ". "})
    assert path == tmp_path / "x" / "r"


def test_names_too_long_are_cut_and_kept_apart(tmp_path):
    output = OutputPath("{{x}}.csv", tmp_path)
    first, second = (output.resolve({"x": "ü" * 200 + end}) for end in "ab")
    assert first != second
    assert first.suffix == ".csv"
    assert all(len(path.name.encode()) <= 255 for path in (first, second))
    first.touch()  # the system agrees


@pytest.mark.parametrize("value", ["..", ".", "", " ", "/etc", "a/b", "a\\b", "../x"])
def test_values_in_folders_do_not_climb(tmp_path, value):
    with pytest.raises(treadle.BadRowError, match="cannot be a folder") as caught:
        OutputPath("out/{{x}}/r.csv", tmp_path).resolve({"x": value})
    assert caught.value.hint


def test_links_do_not_lead_out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "away").symlink_to(tmp_path)
    with pytest.raises(treadle.BadRowError, match="leads out"):
        OutputPath("out/{{x}}/r.csv", tmp_path).resolve({"x": "away"})


def test_links_in_a_circle_are_named(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(treadle.BadRowError, match="leads nowhere"):
        OutputPath("{{x}}/r.csv", tmp_path).resolve({"x": "a"})


def test_a_variable_without_a_value_is_named(tmp_path):
    with pytest.raises(treadle.UsageError, match=r"needs \{\{modle\}\}") as caught:
        OutputPath("{{modle}}.csv", tmp_path).resolve({"model": "gpt"})
    assert caught.value.hint == "did you mean 'model'?"


@pytest.mark.parametrize("path", ["", " ", "a\x00b", "{{x}}/../r.csv", "{{x|uper}}.csv", "{{x"])
def test_paths_that_make_no_sense_are_refused_at_once(tmp_path, path):
    with pytest.raises(treadle.UsageError) as caught:
        OutputPath(path, tmp_path)
    assert caught.value.hint


@given(st.lists(VALUE, min_size=3, max_size=3))
def test_whatever_the_values_are_the_path_stays_below_its_folder(tmp_path_factory, values):
    root = tmp_path_factory.getbasetemp()
    output = OutputPath("out/{{a}}/b-{{b}}/{{c}}.csv", root)
    try:
        path = output.resolve(dict(zip("abc", values, strict=True)))
    except treadle.BadRowError:
        return
    assert path.resolve().parent.parent.parent == (root / "out").resolve()
    assert all(len(name.encode()) <= 255 for name in path.parts)


@given(st.text(st.characters()) | VALUE)
def test_a_portable_name_is_one_and_stays_as_it_is(text):
    name = portable_name(text)
    assert name not in {"", ".", ".."}
    assert not set(name) & set('<>:"/\\|?*\x00')
    assert name == name.rstrip(". ")
    assert portable_name(name) == name


@given(VALUE)
def test_what_is_read_lies_below_its_folder(tmp_path_factory, value):
    folder = tmp_path_factory.getbasetemp() / "in"
    path = None
    with suppress(treadle.BadRowError):
        path = below(folder, value)
    assert path is None or path.resolve().is_relative_to(folder.resolve())


# --- what nothing may be written over ------------------------------------------------------------


@pytest.fixture
def inputs(tmp_path):
    (tmp_path / "rows.csv").write_text("x\n")
    (tmp_path / "link.csv").symlink_to("rows.csv")
    (tmp_path / "twin.csv").hardlink_to(tmp_path / "rows.csv")
    return [tmp_path / "rows.csv", tmp_path / "not-there.txt"]


READ = ["rows.csv", "link.csv", "twin.csv", "sub/../rows.csv", "not-there.txt"]


@pytest.mark.parametrize("name", READ)
def test_no_results_go_to_a_file_that_is_read(tmp_path, inputs, name):
    with pytest.raises(treadle.UsageError, match="is read by the experiment"):
        OutputPath(name, tmp_path, inputs).check()


@pytest.mark.parametrize("name", [each for each in READ if "/" not in each])
def test_no_row_names_a_file_that_is_read(tmp_path, inputs, name):
    output = OutputPath("{{x}}", tmp_path, inputs)
    with pytest.raises(treadle.BadRowError, match="is read by the experiment"):
        output.resolve({"x": name})
    assert output.resolve({"x": "other.csv"}) == tmp_path / "other.csv"


def test_no_results_go_to_where_the_records_are(tmp_path):
    with pytest.raises(treadle.UsageError, match="records"):
        OutputPath(".treadle/runs/r.csv", tmp_path).check()
    with pytest.raises(treadle.BadRowError, match="records"):
        OutputPath(".treadle/{{x}}.csv", tmp_path).resolve({"x": "r"})


def test_a_folder_is_no_results_file(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(treadle.UsageError, match="is a folder"):
        OutputPath("out", tmp_path).check()
