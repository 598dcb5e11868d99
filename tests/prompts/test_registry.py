"""Providers are found by name, those of other packages too, and one is easily written."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from http_server import ask_once, asked, lane

import treadle
from treadle.prompts import errors
from treadle.prompts.providers import registry
from treadle.prompts.providers.base import Provider
from treadle.prompts.values import Message, Usage

EXAMPLE = Path(__file__).parents[2] / "examples" / "prompts_provider.py"


@pytest.fixture
def announce(monkeypatch):
    """Let installed packages announce providers: name = module:Class."""

    def announced(**places):
        points = [EntryPoint(name, place, registry.GROUP) for name, place in places.items()]
        monkeypatch.setattr(registry, "entry_points", lambda group: points)

    registry.provider_named.cache_clear()
    yield announced
    registry.provider_named.cache_clear()


@pytest.fixture
def example(monkeypatch):
    """Import the example as a module that an entry point can name."""
    spec = importlib.util.spec_from_file_location("prompts_provider", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "prompts_provider", module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", registry.PROVIDERS)
def test_each_provider_of_ours_is_there_under_its_name(name):
    provider = registry.provider_named(name)
    assert isinstance(provider, Provider)
    assert provider.name == name
    assert provider is registry.provider_named(name)
    assert not provider.url.endswith("/")


def test_a_mistyped_name_leads_to_the_right_one():
    with pytest.raises(treadle.UsageError, match="'opnai'") as caught:
        registry.provider_named("opnai")
    assert caught.value.hint == "did you mean 'openai'?"


def test_a_name_like_no_other_gets_the_list():
    with pytest.raises(treadle.UsageError) as caught:
        registry.provider_named("zzz")
    assert all(name in caught.value.hint for name in registry.PROVIDERS)


def test_the_provider_of_a_package_is_found(announce, example):
    announce(llamacpp="prompts_provider:LlamaCpp")
    assert isinstance(registry.provider_named("llamacpp"), example.LlamaCpp)
    assert "llamacpp" in registry.provider_names()


def test_no_package_takes_a_name_from_us(announce):
    announce(openai="prompts_provider:LlamaCpp")
    assert type(registry.provider_named("openai")).__name__ == "OpenAIChat"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("no.such.module:X", "cannot be loaded"),
        ("json:JSONDecoder", "is no provider"),
        ("treadle.prompts.providers.base:HttpProvider", "cannot be made"),
    ],
)
def test_a_provider_that_cannot_be_used_is_named(announce, place, words):
    announce(theirs=place)
    with pytest.raises(treadle.UsageError, match=words) as caught:
        registry.provider_named("theirs")
    assert place in caught.value.message
    assert caught.value.hint


def test_the_example_of_the_docs_asks_and_answers(example):
    said = {"content": "Hi", "stop_type": "limit", "tokens_evaluated": 4, "tokens_predicted": 1}
    got, [seen] = ask_once(example.LlamaCpp(), said, key="")
    assert seen.json == {"prompt": "hello"}
    assert (got.text, got.status, got.usage) == ("Hi", "truncated", Usage(input=4, output=1))
    assert (got.http_status, got.latency > 0) == (200, True)


def test_what_the_example_does_not_find_is_said_by_us(example):
    with pytest.raises(errors.NotUnderstood, match="no 'content' in it"):
        ask_once(example.LlamaCpp(), {"oops": 1}, key="")


def test_echo_says_again_what_it_was_asked():
    echo = registry.provider_named("echo")
    turns = (Message("system", "Be brief."), Message("user", "Hi \u00e9\n"))
    with pytest.raises(StopIteration) as done:  # at once: nothing is waited for
        echo.ask(asked(messages=turns), lane(), None).send(None)
    answer = done.value.value
    assert (answer.text, answer.status, answer.model) == ("Hi \u00e9\n", "ok", "tiny")
    assert not echo.key_needed(lane())


def test_a_provider_without_a_list_of_models_says_so(example):
    provider = example.LlamaCpp()
    with pytest.raises(treadle.UsageError, match="cannot list its models"):
        provider.models(lane("http://there"), None).send(None)
    with pytest.raises(StopIteration) as done:
        provider.prepare("m", lane(), None).send(None)
    assert done.value.value is None


def test_to_know_the_providers_does_not_take_aiohttp():
    """`treadle prompts --help` stays quick."""
    code = (
        "import sys; from treadle.prompts.providers.registry import *\n"
        "[provider_named(name) for name in PROVIDERS]\n"
        "sys.exit('aiohttp' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
