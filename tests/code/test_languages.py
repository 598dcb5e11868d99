"""The table of languages, and the grammars that it names."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from treadle.code.languages import loading, registry
from treadle.code.languages.known import ALIASES, LANGUAGES
from treadle.code.languages.model import Language
from treadle.code.languages.shared import RULES

NAMES = {each.name for each in LANGUAGES}
WITH_GRAMMAR = [each.name for each in LANGUAGES if each.grammar is not None]
INSTALLED_WITH_THE_EXTRA = [
    *("bash", "c", "csharp", "cpp", "css", "elixir", "go", "haskell", "hcl", "html", "java"),
    *("javascript", "json", "kotlin", "lua", "markdown", "php", "python", "ruby", "rust", "scala"),
    *("sql", "swift", "toml", "typescript", "tsx", "xml", "yaml", "zig"),
]


@pytest.mark.parametrize("field", ["extensions", "filenames", "interpreters"])
def test_nothing_names_two_languages(field):
    given = Counter(key.lower() for each in LANGUAGES for key in getattr(each, field))

    assert [key for key, times in given.items() if times > 1] == []


def test_names_are_unique_and_in_lower_case():
    assert len(NAMES) == len(LANGUAGES)
    assert all(each.name == each.name.lower() for each in LANGUAGES)


def test_extensions_begin_with_a_dot_and_are_in_lower_case():
    extensions = [key for each in LANGUAGES for key in each.extensions]

    assert all(key.startswith(".") and key == key.lower() for key in extensions)


def test_there_are_35_languages_with_a_grammar_and_100_extensions_without():
    without = [key for each in LANGUAGES if each.grammar is None for key in each.extensions]

    assert len(WITH_GRAMMAR) >= 35
    assert len(without) >= 100


def test_other_names_lead_to_languages():
    assert set(ALIASES.values()) <= NAMES
    assert not set(ALIASES) & NAMES


def test_rules_for_shared_extensions_give_languages_of_the_table():
    given = {name for rule in RULES.values() for _, name in rule}

    assert given <= NAMES


@pytest.mark.parametrize("name", WITH_GRAMMAR)
def test_every_grammar_loads_or_says_what_to_install(name):
    loaded, trouble = loading.grammar(name), loading.trouble(name)

    if name in INSTALLED_WITH_THE_EXTRA or loaded is not None:
        assert trouble is None
        assert loading.parser(name).parse(b"\n").root_node is not None
        assert loaded.library == registry.salt(name)
    else:
        assert "pip install tree-sitter-" in trouble


def test_a_language_without_grammar_says_so():
    assert loading.grammar("cobol") is None
    assert loading.parser("cobol") is None
    assert loading.trouble("cobol") == "treadle knows no grammar for cobol"
    assert registry.salt("cobol") == ""


def test_a_thread_has_a_parser_of_its_own():
    together = threading.Barrier(2)

    def parser(_):
        together.wait(30)
        return loading.parser("python"), loading.parser("python")

    with ThreadPoolExecutor(2) as pool:
        (first, again), (other, _) = pool.map(parser, range(2))

    assert first is again
    assert first is not other


def test_a_wheel_that_is_missing_is_told_from_one_that_is_broken(tmp_path, monkeypatch):
    (tmp_path / "my_facts.py").write_text(
        "from treadle.code.languages.model import Grammar\n"
        "MISSING = Grammar('tree_sitter_nowhere', 'tree-sitter-nowhere')\n"
        "BROKEN = Grammar('tree_sitter_rotten', 'tree-sitter-rotten')\n"
        "OTHER = Grammar('tree_sitter_python', 'tree-sitter-python', 'no_such_function')\n"
    )
    (tmp_path / "tree_sitter_rotten.py").write_text("raise ImportError('libm.so.7 not found')\n")
    monkeypatch.syspath_prepend(tmp_path)
    places = {"missing": "MISSING", "broken": "BROKEN", "other": "OTHER", "none": "NONE"}
    known = {name: Language(name, grammar=f"my_facts:{each}") for name, each in places.items()}
    tables = registry.tables()._replace(languages=known)
    monkeypatch.setattr(loading, "tables", lambda: tables)
    loading._found.cache_clear()

    told = {name: loading.trouble(name) for name in known}
    loading._found.cache_clear()

    assert told["missing"] == (
        "tree-sitter-nowhere is not installed: pip install tree-sitter-nowhere"
    )
    assert told["broken"].startswith(
        "tree-sitter-rotten is installed but cannot be loaded: ImportError: libm.so.7 not found"
    )
    assert "cannot be loaded: AttributeError" in told["other"]
    assert told["none"].startswith("the grammar my_facts:NONE is broken: AttributeError")
