"""Languages by name, and those that other packages add."""

from __future__ import annotations

import importlib
import pickle
import warnings

import pytest

import treadle
from treadle.code.languages import detecting, loading, registry
from treadle.code.languages.registry import known_languages, language, salt

PACKAGE = """
from treadle.code.languages.model import Grammar, Language

FACTS = Grammar("tree_sitter_python", "tree-sitter-python")
LAMBDA = Language("my-lambda", (".mylambda",), interpreters=("myrun",), grammar="my_plugin:FACTS")

def several():
    return [Language("my-first", (".mya", ".H")), Language("my-second", filenames=("Myfile",))]

GO = Language("go", (".go", ".mygo"), comment="//")
NUMBER = 7
LOUD = Language("My-Loud")

def raising():
    raise RuntimeError("no such day")
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution with these entry points, for the time of the test."""

    def installed(points):
        (tmp_path / "my_plugin.py").write_text(PACKAGE)
        about = tmp_path / "my_plugin-1.4.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-plugin\nVersion: 1.4\n")
        lines = [f"{name} = {value}\n" for name, value in points.items()]
        (about / "entry_points.txt").write_text("".join(["[treadle.languages]\n", *lines]))
        monkeypatch.syspath_prepend(tmp_path)
        forget()

    yield installed
    monkeypatch.undo()
    forget()


def forget():
    importlib.invalidate_caches()
    registry.tables.cache_clear()
    registry.salt.cache_clear()
    loading._found.cache_clear()


@pytest.mark.parametrize(
    ("given", "found"),
    [("python", "python"), ("Python", "python"), ("C++", "cpp"), ("sh", "bash"), ("yml", "yaml")],
)
def test_a_language_by_its_name_or_another_one(given, found):
    assert language(given).name == found


@pytest.mark.parametrize(
    ("given", "meant"), [("pyhton", "'python'"), ("typscript", "'typescript'"), ("C+", "'cpp'")]
)
def test_an_unknown_name_gets_those_that_are_near(given, meant):
    with pytest.raises(treadle.UsageError) as caught:
        language(given)

    assert caught.value.message == f"no such language: {given!r}"
    assert meant in caught.value.hint


def test_a_name_like_no_other_gets_the_command_that_lists_them():
    with pytest.raises(treadle.UsageError, match="treadle code languages"):
        language("qqqqqqqq")


def test_all_languages_are_listed_by_name():
    names = [each.name for each in known_languages()]

    assert names == sorted(names)
    assert {"python", "cobol", "text"} <= set(names)


def test_the_salt_is_the_library_of_the_grammar_with_its_version():
    assert salt("python").startswith("tree-sitter-python 0.")
    assert salt("text") == ""
    assert salt("no such language") == ""


def test_a_language_can_be_pickled():
    assert pickle.loads(pickle.dumps(language("rust"))) == language("rust")


def test_an_installed_package_adds_a_language(install):
    install({"lambda": "my_plugin:LAMBDA"})

    assert language("my-lambda") in known_languages()
    assert detecting.by_name("a/b.mylambda") == "my-lambda"
    assert detecting.detect("run", b"#!/usr/bin/env myrun\n") == "my-lambda"
    assert loading.parser("my-lambda").parse(b"x = 1\n").root_node.type == "module"
    assert salt("my-lambda") == f"{salt('python')}, my-plugin 1.4"


def test_a_function_may_return_several_languages(install):
    install({"several": "my_plugin:several"})

    assert detecting.by_name("x.mya") == "my-first"
    assert detecting.by_name("Myfile") == "my-second"
    assert salt("my-second") == "my-plugin 1.4"


def test_an_extension_that_a_package_claims_is_its_own(install):
    install({"several": "my_plugin:several"})

    assert detecting.detect("a.h", b"namespace a {\n") == "my-first"


def test_a_package_may_replace_a_language_of_ours(install):
    install({"go": "my_plugin:GO"})

    assert language("go").extensions == (".go", ".mygo")
    assert loading.grammar("go") is None
    assert detecting.detect("run", b"#!/usr/bin/env gorun\n") is None


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("my_plugin:NUMBER", "TypeError: 7 is no treadle.code.languages.model.Language"),
        (
            "my_plugin:LOUD",
            "ValueError: the name of a language is in lower case, not 'My-Loud'",
        ),
        ("my_plugin:raising", "RuntimeError: no such day"),
        ("my_plugin:absent", "AttributeError"),
        ("my_nowhere:X", "ModuleNotFoundError"),
    ],
)
def test_a_broken_entry_point_warns_once_and_the_others_work(install, value, why):
    install({"broken": value, "lambda": "my_plugin:LAMBDA"})

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = [each.name for each in known_languages()]
        known_languages()

    assert "my-lambda" in found
    assert len(caught) == 1
    assert caught[0].category is RuntimeWarning
    assert f"entry point 'broken' ({value}) are left out: {why}" in str(caught[0].message)
