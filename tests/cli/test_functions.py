"""Finding the function that was named, and saying what was near when it is not there."""

from __future__ import annotations

import importlib
import pickle
import sys
from pathlib import Path

import pytest

from treadle import UsageError
from treadle.cli.functions import load, look_in

pytestmark = pytest.mark.usefixtures("folder")


def refusal(spec, **options):
    with pytest.raises(UsageError) as caught:
        load(spec, **options)
    return f"{caught.value.message} | {caught.value.hint}"


def test_a_function_of_a_file_can_be_imported_by_workers():
    function = load("mine.py:size")
    assert pickle.loads(pickle.dumps(function)) is function
    assert function.__module__ == "mine"
    assert importlib.import_module("mine").size is function


def test_a_function_of_a_module_in_the_current_folder():
    assert load("mine:upper")("a") == "A"


def test_a_method_of_a_class():
    assert load("builtins:str.upper")("a") == "A"


def test_a_file_in_a_package_is_imported_as_part_of_it():
    Path("pkg/inner").mkdir(parents=True)
    for path in ("pkg/__init__.py", "pkg/inner/__init__.py"):
        Path(path).touch()
    Path("pkg/base.py").write_text("ONE = 1\n")
    Path("pkg/inner/deep.py").write_text("from ..base import ONE\ndef f(x): return x + ONE\n")
    function = load("pkg/inner/deep.py:f")
    assert function(1) == 2
    assert function.__module__ == "pkg.inner.deep"


def test_a_module_of_another_folder_comes_before_one_of_the_same_name_here(monkeypatch):
    """
    What is resumed from elsewhere is the function that was begun with.
    """
    monkeypatch.setattr(
        sys, "path", [path for path in sys.path if path not in {"", str(Path.cwd())}]
    )
    Path("there").mkdir()
    for folder in (".", "there"):
        Path(folder, "twice.py").write_text(f"def f(): return {folder!r}\n")
    look_in(str(Path("there").resolve()))
    assert load("twice:f")() == "there"


def test_a_bare_name_is_looked_up_beside_the_function():
    assert load("setup", beside="mine.py:with_state")() == "state"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("mine.py:sise", "there is no 'sise' in mine.py | did you mean size?"),
        ("mine.py:zzz", "there is: "),
        ("min.py:size", "there is no file 'min.py' | did you mean mine.py?"),
        ("mine.py", "does not name a function | write mine.py:size or mine.py:parse"),
        ("mine.py:", "does not name a function"),
        (":size", "does not name a function"),
        ("mine.py:not_a_function", "is an int, not a function"),
        ("treadle_nothing:f", "there is no module 'treadle_nothing' | is it installed"),
        ("data.mine:f", "there is no module 'data.mine' | data is there"),
        ("str.upper", "does not name a function | write FILE.py:FUNCTION"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is_near(spec, words):
    assert words in refusal(spec)


def test_a_file_that_hides_behind_a_module_of_the_same_name_is_refused():
    Path("json.py").write_text("def f(x): return x\n")
    assert "'json.py' hides behind another module" in refusal("json.py:f")


def test_a_file_whose_name_is_no_module_name_is_refused():
    Path("my-file.py").write_text("def f(x): return x\n")
    assert "rename it" in refusal("my-file.py:f")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import treadle_nothing", "No module named 'treadle_nothing'"),
        ("x = 1\ny = 1 / 0", "ZeroDivisionError: division by zero"),
        ("def f(:", "SyntaxError"),
    ],
)
def test_a_module_that_cannot_be_imported_says_why_and_where(text, words):
    Path("broken.py").write_text(text)
    said = refusal("broken.py:f")
    assert words in said
    assert "broken.py" in said
    assert "broken" not in sys.modules


def test_a_module_that_ends_the_process_on_import_is_refused_and_not_taken_for_success():
    Path("script.py").write_text("import sys\ndef f(x): return x\nsys.exit(0)\n")
    said = refusal("script.py:f")
    assert "importing 'script' ends the process: sys.exit(0)" in said
    assert "script.py, line 3" in said
    assert 'if __name__ == "__main__":' in said
