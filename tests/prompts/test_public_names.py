"""What docs/prompts.md lists is what there is: names, columns, kinds of errors, options, keys."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import typer

from treadle import prompts
from treadle.prompts import lane_settings, prices, values
from treadle.prompts.cli import app, asking, options
from treadle.prompts.columns import Columns
from treadle.prompts.errors import KINDS
from treadle.prompts.providers import mock, ollama, registry

DOCS = (Path(__file__).parents[2] / "docs" / "prompts.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_command(app).commands
# Only typed, never kept in a file.
TYPED = {"config", "dry-run", "fresh", "json", "retry-errors", "reuse"}


def section(title: str) -> str:
    """Return what stands below a heading of any level, up to the next heading."""
    return re.split(rf"^##+ {re.escape(title)}\n", DOCS, flags=re.MULTILINE)[1].split("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of all tables in *text*, a | with a backslash being text."""
    lines = re.findall(r"^\| (.*) \|$", text, re.MULTILINE)
    return [re.split(r"(?<!\\) \| ", line) for line in lines]


def listed(text: str) -> list[str]:
    """Return what stands in backticks in the first cells of the tables in *text*."""
    return [name for row in rows(text) for name in re.findall(r"`([^`]+)`", row[0])]


def table(text: str, number: int) -> list[str]:
    """Return what `listed` finds in one of the tables, counted from 0."""
    return listed(re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)[number])


def flags(command: str, *, hidden: bool = False) -> set[str]:
    """Return the options of a command, in all their spellings."""
    params = [each for each in COMMANDS[command].params if each.param_type_name == "option"]
    return {
        flag
        for each in params
        if each.hidden == hidden
        for flag in (*each.opts, *each.secondary_opts)
    }


# --- names ---------------------------------------------------------------------------------------


def test_the_docs_list_exactly_what_is_public():
    assert sorted(re.findall(r"^- `prompts\.(\w+)", DOCS, re.MULTILINE)) == sorted(prompts.__all__)


@pytest.mark.parametrize("name", prompts.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name):
    assert (getattr(prompts, name).__doc__ or "").strip()


@pytest.mark.parametrize("name", ["Report", "Plan"])
def test_what_the_docs_say_that_a_value_has_it_has(name):
    kind = getattr(prompts, name)
    (entry,) = re.findall(rf"^- `prompts\.{name}`: (.*(?:\n  .*)*)", DOCS, re.MULTILINE)
    said = {each.removesuffix("()") for each in re.findall(r"`([\w()]+)`", entry)}
    fields = {field.name for field in dataclasses.fields(kind)}
    assert [each for each in said if each not in fields and not hasattr(kind, each)] == []


def test_without_its_library_it_says_what_to_install():
    code = (
        "import sys; sys.modules['aiohttp'] = None\n"
        "import treadle\nfrom treadle import prompts\n"
        "try:\n    prompts.run('rows.csv', 'prompt.txt')\n"
        "except treadle.MissingExtra as error:\n    print(error.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=40, check=True
    )
    assert done.stdout == "pip install 'treadle[prompts]'\n"


# --- results -------------------------------------------------------------------------------------


def test_the_docs_list_every_column_in_its_order():
    columns = Columns(("topic",), prompts=True, models=True, repeats=True, ttft=True, scores=("X",))
    there = [name.replace("_X", "_NAME") for name in columns.names if name != "topic"]
    assert table(section("What comes out"), 0) == there


def test_the_docs_name_the_columns_of_parallamr():
    names = Columns(("provider", "model"), profile="parallamr").names
    told = section("Coming from parallamr")
    assert [name for name in names if f"`{name}`" not in told] == []


def test_the_docs_list_every_status():
    there = [*get_args(values.Status), "error", "skipped"]
    assert table(section("Statuses and kinds of errors"), 0) == there


def test_the_docs_list_every_kind_of_error():
    found = re.findall(r"^\| [^|]* \| `(\w+)` \| ", section("How fast"), re.MULTILINE)
    there = {kind.kind for kind in KINDS.values()}
    rest = re.findall(r"`(\w+)`", section("Statuses and kinds of errors"))
    assert set(found) == there - {"failed"}
    assert {"failed", "bad_row", "closed", "budget", "stopped"} <= set(rest)


# --- options and settings ------------------------------------------------------------------------


def test_the_docs_list_exactly_the_options_of_run():
    told = {name.split(" ")[0] for name in table(section("Options"), 0)} - {"run"}
    assert told == flags("run") - {"-h", "--help"}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_docs_name_every_option_of_every_command(command):
    told = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", section("Options")))
    assert flags(command) <= told
    old = section("Coming from parallamr")
    assert [flag for flag in flags(command, hidden=True) if f"`{flag}`" not in old] == []


def test_the_docs_name_no_option_that_is_not_there():
    there = {flag for command in COMMANDS for flag in (*flags(command), "--help")}
    there |= flags("run", hidden=True)
    told = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", DOCS))
    assert told <= there


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_mentions_no_option_that_the_docs_have_not(command):
    texts = [COMMANDS[command].help, COMMANDS[command].epilog]
    texts += [getattr(each, "help", "") for each in COMMANDS[command].params]
    words = {flag for text in texts for flag in re.findall(r"--[a-z][a-z-]*", text or "")}
    assert [flag for flag in words if flag not in DOCS] == []


def test_every_command_is_in_the_docs():
    assert [name for name in COMMANDS if f"treadle prompts {name}" not in DOCS] == []


@pytest.mark.parametrize("command", [asking.run, asking.plan])
def test_the_options_that_are_listed_are_keys_of_the_settings(command):
    """
    All but those that are only typed, as the docs say; no two spellings count twice.
    """
    kept = {name.replace("_", "-") for name in options.types_of(command)}
    name = command.__name__
    spelt = {flag.removeprefix("--") for flag in flags(name) | flags(name, hidden=True)}
    assert kept <= spelt
    own = {each.name.replace("_", "-") for each in COMMANDS[name].params}
    assert own - kept == TYPED & own


def test_the_docs_list_exactly_the_keys_of_a_lane():
    there = {name.replace("_", "-") for name in lane_settings._READERS}
    assert set(table(section("treadle.toml"), 0)) == there


def test_the_docs_list_what_a_lane_may_hold_for_its_provider():
    told = set(table(section("treadle.toml"), 1))
    known = {*mock.OPTIONS, *(name.replace("_", "-") for name in ollama._OF_LANE)}
    assert told == known | {"stream", "idle-timeout", "referer", "title"}


def test_the_docs_list_exactly_what_a_price_may_hold():
    there = {name.replace("_", "-") for name in (*prices._RATES, *prices._COUNTS)}
    assert set(table(section("treadle.toml"), 2)) == there | {"above", "long"}


def test_the_docs_list_every_provider_with_its_variables():
    told = {row[0].strip("`"): " ".join(row[1:]) for row in rows(section("Models and lanes"))}
    for name in registry.PROVIDERS:
        provider = registry.provider_named(name)
        variables = {provider.key_env, provider.url_env, *provider.header_envs.values()} - {""}
        missing = {each for each in variables if f"`{each}`" not in told[name]}
        assert missing <= {"OPENAI_ORG_ID"} if name == "openai-responses" else not missing
