"""Find a provider by its name: ours, and those that other packages announce."""

from __future__ import annotations

import importlib
from functools import cache
from importlib.metadata import EntryPoint, entry_points

import treadle
from treadle.prompts.near import did_you_mean
from treadle.prompts.providers.base import Provider

GROUP = "treadle.prompts.providers"
"""The entry point group under which packages announce their providers: name = module:Class."""

PROVIDERS: dict[str, str] = {
    "anthropic": "treadle.prompts.providers.anthropic:Anthropic",
    "echo": "treadle.prompts.providers.echo:Echo",
    "mock": "treadle.prompts.providers.mock:Mock",
    "ollama": "treadle.prompts.providers.ollama:Ollama",
    "openai": "treadle.prompts.providers.openai_chat:OpenAIChat",
    "openai-responses": "treadle.prompts.providers.responses:OpenAIResponses",
    "openrouter": "treadle.prompts.providers.openrouter:OpenRouter",
}
"""Our own providers by name, each with the place of its class; loaded when first asked for."""


def provider_names() -> list[str]:
    """Return the names of all providers, sorted."""
    return sorted({*PROVIDERS, *_announced()})


@cache
def provider_named(name: str) -> Provider:
    """
    Return the provider called *name*; the same object each time.

    Raises:
        UsageError: There is none, or the package that announces it cannot be used.
    """
    if name in PROVIDERS:
        module, _, attribute = PROVIDERS[name].partition(":")
        return _made(getattr(importlib.import_module(module), attribute), name)
    point = _announced().get(name)
    if point is None:
        raise _unknown(name)
    try:
        loaded = point.load()
    except Exception as error:
        raise treadle.UsageError(
            f"the provider {name!r} ({point.value}) cannot be loaded: {error}",
            hint="update or remove the package that announces it",
        ) from error
    return _made(loaded, f"{name} = {point.value}")


def _announced() -> dict[str, EntryPoint]:
    """Return what installed packages announce. Ours come first: nobody takes a name from us."""
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return {point.name: point for point in points if point.name not in PROVIDERS}


def _made(found: object, place: str) -> Provider:
    """Return the object of the class *found*."""
    if not (isinstance(found, type) and issubclass(found, Provider)):
        raise treadle.UsageError(
            f"{place} is no provider: {found!r:.80}",
            hint="it must be a class derived from treadle.prompts.providers.base.Provider",
        )
    try:
        return found()
    except TypeError as error:
        raise treadle.UsageError(
            f"the provider {place} cannot be made: {error}",
            hint="its class must take no arguments and have all methods",
        ) from error


def _unknown(name: str) -> treadle.UsageError:
    return treadle.UsageError(
        f"no provider is called {name!r}",
        hint=did_you_mean(name, provider_names(), called="providers"),
    )
