"""What forms promise: all that the commands take, one reading of it, and nothing run."""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import polars as pl
import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import treadle.cli
from treadle import MissingExtra, UsageError, lab
from treadle.cli.helping import Command
from treadle.tui.forms import checking, command_line, functions, looking
from treadle.tui.forms.checking import WHOLE, check
from treadle.tui.forms.fields import LEFT_OUT, Kind, fields_in, fields_of
from treadle.tui.forms.looking import look
from treadle.tui.forms.odd import quoted, shown
from treadle.tui.forms.offers import Offer, about, command_of, offer_of, offers

EXAMPLES = Path(__file__).parents[2] / "examples" / "measurements"
OFFERS = list(offers())
COMMANDS = pytest.mark.parametrize("offer", OFFERS, ids=lambda offer: " ".join(offer.words))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a function, some files and a table."""
    (tmp_path / "parse.py").write_text(
        "def parse(path):\n    return 1\n\nasync def fetch(url): ...\n"
    )
    (tmp_path / "data" / "deep").mkdir(parents=True)
    for number in range(12):
        (tmp_path / "data" / "deep" / f"{number}.csv").write_text("a\n1\n")
    (tmp_path / "table.csv").write_text("id,x\n1,2\n2,3\n3,4\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("parse", None)


def wrong_with(words, **values):
    return check(words, fields_of(offer_of(words)), values)


# ── one source of truth ─────────────────────────────────────────────────────────────────────────


@COMMANDS
def test_each_option_of_a_command_is_in_its_form_or_left_out_with_a_reason(offer):
    fields = {field.name for field in fields_of(offer).all}
    shown_in_help = {
        param.name for param in command_of(offer.words).params if not getattr(param, "hidden", 0)
    }
    assert shown_in_help - fields <= LEFT_OUT.keys()
    assert not fields & LEFT_OUT.keys()
    assert all(LEFT_OUT.values())


def test_an_option_that_is_added_to_a_command_appears_by_itself():
    def command(
        source: Annotated[list[Path], typer.Argument(metavar="SOURCE", help="What.")],
        *,
        depth: Annotated[
            int | None, typer.Option("--depth", metavar="N", min=1, help="How deep.")
        ] = None,
        colour: Annotated[str, typer.Option(metavar="red|blue", help="Which.")] = "red",
    ) -> int: ...

    app = typer.Typer(add_completion=False)
    app.command("new", cls=Command)(command)
    fields = fields_in(typer.main.get_command(app), Offer(("new",)))

    assert [(field.label, field.kind, field.several) for field in fields.all] == [
        ("SOURCE", Kind.PATH, True),
        ("--depth", Kind.NUMBER, False),
        ("--colour", Kind.CHOICE, False),
    ]
    assert fields.get("colour").choices == ("red", "blue")
    assert fields.get("colour").default == "red"
    assert fields.get("depth").help == "How deep"


@COMMANDS
def test_what_stands_first_is_there(offer):
    names = {param.name for param in command_of(offer.words).params}
    assert {*offer.usual, *offer.needed, *offer.made} <= names
    assert about(offer.words)


@pytest.mark.parametrize(
    ("words", "name", "kind"),
    [
        ("map", "function", Kind.FUNCTION),
        ("map", "source", Kind.PATH),
        ("map", "into", Kind.PATH),
        ("map", "setup", Kind.FUNCTION),
        ("map", "runs_dir", Kind.FOLDER),
        ("map", "rows", Kind.SWITCH),
        ("map", "backend", Kind.CHOICE),
        ("map", "workers", Kind.NUMBER),
        ("map", "timeout", Kind.TEXT),
        ("lab stage", "raw_root", Kind.FOLDER),
        ("lab stage", "stage_root", Kind.FOLDER),
        ("lab stage", "schema", Kind.FILE),
        ("lab stage", "layout", Kind.FUNCTION),
        ("lab stage", "force", Kind.PAIR),
        ("lab pipeline", "method", Kind.CHOICE),
        ("lab pipeline", "chip_file", Kind.FILE),
        ("lab metrics", "stage_root", Kind.FOLDER),
        ("lab metrics", "out", Kind.FOLDER),
        ("lab metrics", "chip_file", Kind.FILE),
        ("prompts run", "prompt", Kind.FILE),
        ("prompts run", "columns", Kind.CHOICE),
        ("code chunk", "roots", Kind.PATH),
        ("code chunk", "into", Kind.FILE),
        ("code chunk", "git", Kind.CHOICE),
    ],
)
def test_how_a_field_is_filled_in_follows_from_its_declaration(words, name, kind):
    assert fields_of(offer_of(tuple(words.split()))).get(name).kind is kind


def test_groups_are_those_of_the_help():
    fields = fields_of(offer_of(("code", "chunk")))
    assert fields.get("vendored").panel == "Which files"


# ── values and command lines ────────────────────────────────────────────────────────────────────

WORDS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12
).filter(lambda text: not text.isspace())


def value_of(field):
    if field.kind is Kind.SWITCH:
        return st.just(True)
    if field.kind is Kind.PAIR:
        return st.booleans()
    if field.choices:
        one = st.sampled_from(field.choices)
    elif field.number:
        one = st.integers(1, 99).map(str)
    else:
        one = WORDS
    return st.lists(one, min_size=1, max_size=3) if field.several else one


@st.composite
def filled_in(draw):
    offer = draw(st.sampled_from(OFFERS))
    fields = fields_of(offer)
    values = {}
    for field in fields.all:
        if not field.flags or draw(st.integers(0, 3)) == 0:
            values[field.name] = draw(value_of(field))
    return offer, fields, values


def plain(value):
    if isinstance(value, tuple | list):
        return [str(each) for each in value]
    return value if isinstance(value, bool) else str(value)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(filled_in())
def test_the_command_reads_the_same_values(made):
    offer, fields, values = made
    argv = command_line.typed(offer.words, fields, values)[len(offer.words) :]

    read = command_of(offer.words).make_context(offer.words[-1], argv).params

    for name, value in values.items():
        number = fields.get(name).number
        assert plain(read[name]) == plain(number(value) if number else _as_path(read[name], value))


def _as_path(read, value):
    """Paths are written anew as they are read: ``a//b`` is ``a/b``."""
    if isinstance(value, list) and read and isinstance(read[0], Path):
        return [Path(each) for each in value]
    return Path(value) if isinstance(read, Path) else value


ODD = [
    "two words", "it's", "a\nb", "\x1b[2J", "back\\slash\n", "$HOME", "\u202eright to left",
    b"\xff\xfe".decode("utf-8", "surrogateescape"),
]  # fmt: skip


def test_what_looks_like_an_option_is_none():
    fields = fields_of(offer_of(("map",)))
    values = {"function": "-f.py:x", "source": ["--rows", "-"], "into": "-o.csv"}
    argv = command_line.typed(("map",), fields, values)
    assert argv == ["map", "--into=-o.csv", "--", "-f.py:x", "--rows", "-"]
    read = command_of(("map",)).make_context("map", argv[1:]).params
    assert {name: read[name] for name in values} == values


@pytest.mark.parametrize("name", ODD)
@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_a_shell_reads_odd_names_as_they_are(name):
    line = quoted(name)
    out = subprocess.run(["bash", "-c", f"printf %s {line}"], capture_output=True, check=True)
    assert out.stdout == os.fsencode(name)
    assert line.isprintable()
    assert shown(name).isprintable()


def test_an_argument_behind_one_that_is_missing_is_refused():
    fields = fields_of(offer_of(("lab", "stage")))
    with pytest.raises(UsageError, match="RAW is missing"):
        command_line.typed(("lab", "stage"), fields, {"stage_root": "x"})


# ── what is wrong ───────────────────────────────────────────────────────────────────────────────


@COMMANDS
def test_an_empty_form_says_what_is_needed_and_nothing_else(offer, folder):
    fields = fields_of(offer)
    wrong = check(offer.words, fields, {})
    assert wrong.keys() == {field.name for field in fields.all if field.needed}
    assert all(each.missing for each in wrong.values())


def test_all_that_is_wrong_is_found_at_once(folder):
    wrong = wrong_with(
        ("map",), function="parse.py:prse", source=["dta"], workers="0", timeout="abc",
        backend="thread", rate="x", resume=True, setup="nope", max_failures="many",
    )  # fmt: skip
    assert {name: each.message for name, each in wrong.items()} == {
        "function": "there is no 'prse' in parse.py",
        "source": "'dta' does not exist",
        "workers": "--workers takes a whole number from 1, got '0'",
        "timeout": "--timeout takes a span of time, got 'abc'",
        "backend": "--backend takes auto, processes, threads, coroutines, inline, got 'thread'",
        "rate": "--rate takes a number of starts per time, got 'x'",
        "resume": "--resume is about the record of a run, so it needs --into",
        "setup": "there is no 'nope' in parse.py",
        "max_failures": "--max-failures takes a whole number from 1, got 'many'",
    }
    assert wrong["function"].hint == "did you mean parse?"
    assert wrong["backend"].hint == "did you mean threads?"


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("map", {"workers": "0"}),
        ("map", {"timeout": "soon"}),
        ("map", {"deadline": "2001-01-01 10:00"}),
        ("map", {"key": "id"}),
        ("map", {"rows": True, "lines": True, "source": ["table.csv"]}),
        ("map", {"into": "table.csv", "source": ["table.csv"]}),
        ("map", {"source": ["nowhere"]}),
        ("map", {"encoding": "utf-8"}),
        ("lab stage", {"limit": "x"}),
        ("lab stage", {"workers": "0"}),
        ("lab segment", {"min_points": "3"}),
        ("lab stage", {"config": "nowhere.toml"}),
        ("lab metrics", {"workers": "none"}),
        ("prompts run", {"param": ["x"]}),
        ("prompts run", {"lane_concurrency": ["x"]}),
        ("prompts run", {"retries": "-1"}),
        ("code chunk", {"timeout": "0"}),
        ("code chunk", {"max_file_size": "big"}),
        ("code chunk", {"languages": ["klingon"]}),
    ],
)
def test_a_form_says_what_the_command_says(words, values, folder, capsys):
    usual = {
        "map": {"function": "parse.py:parse", "source": ["data"]},
        "lab stage": {"raw_root": "data", "stage_root": "out"},
        "lab segment": {"stage_root": "data", "out": "out"},
        "lab metrics": {"stage_root": "data"},
        "prompts run": {"prompt": ["parse.py"], "experiments": "table.csv"},
        "code chunk": {"roots": ["data"], "into": "out.jsonl"},
    }[words]
    words = tuple(words.split())
    fields = fields_of(offer_of(words))
    assert check(words, fields, usual) == {}

    wrong = check(words, fields, usual | values)

    assert len(wrong) == 1
    (name, said), *_ = wrong.items()
    assert name in values
    if name != "config":  # of which the form looks itself whether it is there
        code = treadle.cli.main(command_line.typed(words, fields, usual | values))
        assert code == 2
        assert said.message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text"), [("since", "soon"), ("chips", "67,,72"), ("chips", "75-72")]
)
def test_chips_and_days_are_read_while_they_are_typed(name, text, folder):
    wrong = wrong_with(("lab", "metrics"), stage_root="data", **{name: text})
    assert wrong.keys() == {name}
    assert repr(text) in wrong[name].message


@pytest.fixture(scope="module")
def polars_reads(tmp_path_factory):
    """Let Polars open, once, what it keeps open for the life of the process."""
    path = tmp_path_factory.mktemp("polars") / "any.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(path)
    pl.read_parquet(path)
    pl.scan_parquet(path).sink_parquet(path.with_name("other.parquet"))


@pytest.mark.usefixtures("polars_reads")
def test_the_forms_of_the_laboratory_lead_from_raw_files_to_metrics(folder):
    (folder / "mine.py").write_text(
        "from treadle.lab import extractor\n\n"
        "@extractor('greatest', version='1', metrics={'greatest': 'A'},\n"
        "           procedures={'It': ['I (A)']}, category='electrical')\n"
        "def greatest(run):\n    (current,) = run.together('I (A)')\n"
        "    return float(current.max())\n"
    )
    (folder / "chips.yml").write_text(
        "chips:\n  67: {material: hBN, top_hBN_nm: 54, bottom_dielectric_nm: 43}\n"
    )
    (folder / "treadle.toml").touch()
    how = {
        "backend": "inline", "workers": "1", "config": "treadle.toml", "force": True,
        "chip_file": "chips.yml", "extractor": ["mine.py"],
    }  # fmt: skip
    pipeline = {
        **how, "raw_root": str(EXAMPLES), "out": "made", "limit": "30", "exclude": ["*nothing*"],
        "local_tz": "UTC", "method": "classic", "procedure": ["IVg"], "dv_threshold": "0.001",
        "min_points": "3", "until": "segment", "strict": False, "prune": False,
        "only_schema_columns": False,
    }  # fmt: skip
    metrics = {
        **how, "stage_root": "made", "out": "found", "only": "greatest,cnp_voltage",
        "chips": "67-68", "procedures": "It,IVg", "since": "2025-09",
    }  # fmt: skip
    left = {"otel", "dry_run", "schema", "layout", "timeout", "start_method"}
    for word, values, code in (("pipeline", pipeline, 1), ("metrics", metrics, 0)):
        words = ("lab", word)  # two of the raw files hold no rows, which the pipeline's code tells
        fields = fields_of(offer_of(words))
        assert {field.name for field in fields.all} - left == values.keys()
        assert check(words, fields, values) == {}
        argv = [sys.executable, "-m", "treadle", *command_line.typed(words, fields, values)]
        ended = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert ended.returncode == code, ended.stderr
    found = lab.read_metrics("found")
    assert {"greatest", "cnp_voltage"} <= {*found["metric"]}
    assert "delta_current" not in found["metric"]
    assert {*found["chip_name"]} == {"Alisson67", "Alisson68"}


def test_a_file_of_settings_gives_what_is_needed(folder):
    (folder / "treadle.toml").write_text('[lab.stage]\nraw-root = "data"\nstage-root = "out"\n')
    assert wrong_with(("lab", "stage")) == {}
    assert wrong_with(("lab", "segment")).keys() == {"stage_root", "out"}
    assert wrong_with(("lab", "metrics")).keys() == {"stage_root"}  # it knows a place to write to


def test_a_wrong_file_of_settings_is_named(folder):
    (folder / "treadle.toml").write_text("[lab]\nnonsense = 1\n")
    wrong = wrong_with(("lab", "stage"), raw_root="data", stage_root="out")
    assert "nonsense" in wrong[WHOLE].message


def test_a_missing_library_is_said_with_what_to_install(folder, monkeypatch):
    def missing():
        raise MissingExtra("polars", "lab", purpose="treadle.lab")

    monkeypatch.setitem(checking._CHECKS_OF_EXTRAS, "lab", missing)
    wrong = wrong_with(("lab", "stage"), raw_root="data", stage_root="out")
    assert "pip install 'treadle[lab]'" in str(wrong[WHOLE])


@pytest.mark.parametrize(
    ("words", "values", "said"),
    [
        (("lab", "stage"), {"raw_root": "dta"}, "there is no folder 'dta'"),
        (("lab", "stage"), {"raw_root": "table.csv"}, "'table.csv' is no folder"),
        (("lab", "stage"), {"stage_root": "table.csv"}, "'table.csv' is a file"),
        (("lab", "stage"), {"stage_root": "table.csv/x"}, "cannot be made"),
        (("prompts", "run"), {"prompt": ["data"]}, "'data' is a folder"),
        (("prompts", "run"), {"prompt": ["-"]}, "standard input"),
        (("map",), {"source": ["-"]}, "standard input"),
        (("map",), {"source": ["a" * 5000]}, "a" * 5000),
    ],
)
def test_places_are_looked_at(words, values, said, folder):
    (name,) = values
    assert said in wrong_with(words, **values)[name].message


# ── functions, without running code ─────────────────────────────────────────────────────────────


def test_no_code_is_run_to_find_a_function(folder):
    (folder / "loud.py").write_text("raise SystemExit\ndef parse(path, *, deep=1): ...\n")
    assert functions.check("loud.py:parse") == "parse(path, *, deep=1)"
    assert functions.check("loud:parse") == "parse(path, *, deep=1)"
    assert functions.check("parse", beside="loud.py:x") == "parse(path, *, deep=1)"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("nowhere.py:parse", "no file 'nowhere.py'"),
        ("parse.py", "does not name a function"),
        ("parse.py:nothing", "there is no 'nothing' in parse.py"),
        ("nomodule_x:f", "no module 'nomodule_x'"),
        ("parse.deeper:f", "'parse' is no package"),
        ("broken.py:f", "broken.py, line 1"),
        ("binary.py:f", "binary.py"),
    ],
)
def test_what_is_no_function_is_said(spec, said, folder):
    (folder / "broken.py").write_text("def (")
    (folder / "binary.py").write_bytes(b"\0\xff")
    with pytest.raises(UsageError, match=said.replace("(", "\\(")):
        functions.check(spec)


@pytest.mark.parametrize(
    "line",
    ["from x import f", "f = partial(g)", "import f", "if x:\n    def f(): ...",
     "try:\n    from x import f\nexcept ImportError: ...", "from x import *",
     "def __getattr__(name): ...", "class f: ...", "f: object = g"],
)  # fmt: skip
def test_what_a_module_may_bind_is_let_by(line, folder):
    (folder / "given.py").write_text(line + "\n")
    assert functions.check("given.py:f") in ("", "f()")
    assert functions.check("json:dumps").startswith("dumps(")
    assert functions.check("math:sqrt") == ""


# ── what it leads to ────────────────────────────────────────────────────────────────────────────


def notes_of(words, given_up=lambda: False, **values):
    return look(words, fields_of(offer_of(words)), values, given_up)


def test_files_rows_and_lines_are_counted(folder):
    found = notes_of(("map",), function="parse.py:parse", source=["data/**/*.csv"], into="o.csv")
    assert found == {"function": "parse(path)", "source": "12 files"}
    assert notes_of(("map",), source=["table.csv"], rows=True, into="o")["source"] == "3 rows"
    assert notes_of(("map",), source=["table.csv"], lines=True, into="o")["source"] == "4 lines"
    assert notes_of(("lab", "stage"), raw_root="data")["raw_root"] == "12 csv files"
    assert notes_of(("prompts", "run"), experiments="table.csv")["experiments"] == "3 rows"


def test_counting_ends_when_nobody_wants_to_know(folder):
    found = notes_of(("map",), given_up=lambda: True, source=["data"], into="o.csv")
    assert found["source"] == "1 file and more"


def test_what_a_run_would_not_keep_or_replace_is_said(folder):
    assert "no record" in notes_of(("map",), source=["data"])["into"]
    assert "replaced" in notes_of(("map",), source=["data"], into="table.csv")["into"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_nothing_is_read_of_what_is_no_regular_file(folder):
    for name in ("pipe.csv", "pipe.py"):
        os.mkfifo(folder / name)
    for flag in ("rows", "lines"):
        values = {"function": "parse.py:parse", "source": ["pipe.csv"], flag: True}
        assert "no regular file" in wrong_with(("map",), **values)["source"].message
        assert "source" not in notes_of(("map",), **values)
    wrong = wrong_with(("map",), function="pipe.py", source=["/dev/stdin"], lines=True)
    assert {"function", "source"} <= wrong.keys()
    assert functions.names_in(folder / "pipe.py") == []


def test_a_line_without_an_end_is_not_read_to_its_end(folder, monkeypatch):
    monkeypatch.setattr(looking, "_MOST_BYTES", 1000)
    with (folder / "endless").open("wb") as file:
        file.truncate(1 << 40)  # of which the disk holds nothing
    found = notes_of(("map",), source=["endless"], lines=True, into="o")
    assert found["source"] == "1 line and more"


def test_packed_rows_are_counted(folder):
    (folder / "t.csv.gz").write_bytes(gzip.compress(b"a\n1\n2\n"))
    (folder / "t.ndjson").write_text('{"a": 1}\n')
    assert notes_of(("map",), source=["t.csv.gz"], rows=True, into="o")["source"] == "2 rows"
    assert notes_of(("map",), source=["t.ndjson"], rows=True, into="o")["source"] == "1 row"


def test_what_python_cannot_parse_at_once_is_said(folder, monkeypatch):
    def parse(_):
        raise SystemError("AST constructor recursion depth mismatch")

    monkeypatch.setattr(functions.ast, "parse", parse)
    with pytest.raises(UsageError, match=r"parse\.py:parse cannot be looked at"):
        functions.check("parse.py:parse")
    assert functions.names_in(folder / "parse.py") == []


def test_files_are_parsed_one_at_a_time(folder, monkeypatch):
    parsing, most = [], []
    real = functions.ast.parse

    def parse(text):
        parsing.append(text)
        most.append(len(parsing))
        with contextlib.suppress(threading.BrokenBarrierError):
            meeting.wait(0.1)  # for another one, which must not come
        parsing.pop()
        return real(text)

    meeting = threading.Barrier(2)
    monkeypatch.setattr(functions.ast, "parse", parse)
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(functions.check, "parse.py:parse")
        other = pool.submit(functions.names_in, folder / "parse.py")
        assert one.result() == "parse(path)"
        assert other.result() == ["parse", "fetch"]
    assert most == [1, 1]
