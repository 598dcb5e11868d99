"""The commands to begin with: ``init``, ``providers``, ``models``."""

from __future__ import annotations

import json as jsons
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

import treadle
from treadle.cli import Exit, hint, problem, put, say, warn
from treadle.prompts.cli import examples, options

if TYPE_CHECKING:
    from treadle.prompts.values import LaneSettings, Model

INIT = """\
\b
Examples:
  treadle prompts init
  treadle prompts init -o pilot/experiments.csv

\b
Writes an example that runs offline, against the provider mock.

\b
Exit codes: 0 done, 2 usage.
"""

PROVIDERS = """\
\b
Exit codes: 0 done, 2 usage.
"""

MODELS = """\
\b
Examples:
  treadle prompts models openai
  treadle prompts models ollama --json

\b
Exit codes: 0 done, 1 the provider cannot be reached, 2 usage.
"""


def init(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The table to write.")
    ] = Path("experiments.csv"),
) -> int:
    """Write an example: a table, a prompt, a context file, settings."""
    files = examples.write(output)
    folder = output.parent
    say(*(f"wrote {path}" for path in files))
    there = "" if folder == Path() else f"\ncd {shlex.quote(str(folder))}"
    # Each command on a line of its own, to be copied as it is.
    hint(
        f"this asks it all, offline:{there}\n"
        f"treadle prompts run -p prompt.txt -e {shlex.quote(output.name)} -o results.csv"
    )
    return Exit.OK


def providers(*, config: options.Config = None, json: options.Json = False) -> int:
    """List all lanes: providers, addresses, and whether their keys are set."""
    rows = [_facts(lane) for lane in _lanes(config)]
    if json:
        put("".join(jsons.dumps(row) + "\n" for row in rows))
        return Exit.OK
    table = [(str(row["lane"]), _key_of(row), str(row["url"]) or "-") for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for lane, key, url in table:
        put(f"{lane:<{widths[0]}}  {key:<{widths[1]}}  {url}\n")
    return Exit.OK


def _lanes(config: Path | None) -> list[LaneSettings]:
    """Return all lanes: ours, those of the file, and those of the providers of other packages."""
    from treadle.prompts.providers.registry import provider_names
    from treadle.prompts.settings import Settings

    settings = Settings.load(config)
    lanes = settings.lanes()
    for name in provider_names():
        if name not in lanes:
            try:
                lanes[name] = settings.lanes(used=[name])[name]
            except treadle.UsageError as error:  # of no interest to those who use another one
                warn(error.message, error.hint)
    return list(lanes.values())


def _facts(lane: LaneSettings) -> dict[str, object]:
    from treadle.prompts.providers.registry import provider_named

    return {
        "lane": lane.name,
        "provider": lane.provider,
        "url": _without_secrets(lane.url),
        "key": lane.key_env,
        "key_is_set": lane.key is not None,
        "key_is_needed": provider_named(lane.provider).key_needed(lane),
    }


def _without_secrets(url: str) -> str:
    """Return *url* without a name, a password and a query: keys stand in them."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _key_of(row: dict[str, object]) -> str:
    if not row["key"]:
        return "no key needed"
    if row["key_is_set"]:
        return f"{row['key']} is set"
    return f"{row['key']} is not set" + ("" if row["key_is_needed"] else " (not needed)")


def models(
    lane: Annotated[str, typer.Argument(metavar="LANE", help="As 'providers' lists them.")],
    *,
    config: options.Config = None,
    json: options.Json = False,
) -> int:
    """List the models of a provider."""
    import asyncio

    from treadle.prompts.errors import RequestFailed
    from treadle.prompts.extra import check_extra
    from treadle.prompts.near import did_you_mean
    from treadle.prompts.settings import Settings

    check_extra()
    lanes = Settings.load(config).lanes(used=[lane])
    if lane not in lanes:
        raise treadle.UsageError(
            f"no lane is called {lane!r}", hint=did_you_mean(lane, lanes, called="lanes")
        )
    settings = lanes[lane]
    try:
        found = asyncio.run(_models(settings))
    except RequestFailed as error:
        problem(error.message, error.hint)
        return Exit.ITEMS_FAILED
    for model in sorted(found, key=lambda each: each.id):
        if json:
            facts = {
                "id": model.id,
                "context_window": model.context_window,
                "max_output": model.max_output,
            }
            put(jsons.dumps(facts) + "\n")
        else:
            put(f"{model.id}\n")
    return Exit.OK


async def _models(lane: LaneSettings) -> list[Model]:
    from treadle.prompts.providers.registry import provider_named
    from treadle.prompts.providers.wire import open_session

    session = open_session(1)
    try:
        return await provider_named(lane.provider).models(lane, session)
    finally:
        await session.close()
