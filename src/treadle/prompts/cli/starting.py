"""The commands to begin with: ``init``, ``providers``, ``models``."""

from __future__ import annotations

import json as jsons
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import treadle
from treadle.cli import Exit, hint, problem, put, say
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
    folder = output.parent
    files = {output: examples.EXPERIMENTS}
    files |= {folder / name: text for name, text in examples.BESIDE.items()}
    for path in files:
        if path.exists():
            raise treadle.UsageError(
                f"{str(path)!r} exists already", hint="--output FOLDER/experiments.csv elsewhere"
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            path.write_text(text, "utf-8")
    except OSError as error:
        raise treadle.UsageError(
            f"{error.filename or folder}: {error.strerror}", hint="choose another folder"
        ) from error
    say(*(f"wrote {path}" for path in files))
    at = "" if folder == Path() else f"cd {folder} && "
    hint(
        f"{at}treadle prompts run -p prompt.txt -e {output.name} -o results.csv"
        " asks it all, offline"
    )
    return Exit.OK


def providers(*, config: options.Config = None, json: options.Json = False) -> int:
    """List all lanes: providers, addresses, and whether their keys are set."""
    from treadle.prompts.providers.registry import provider_named
    from treadle.prompts.settings import Settings

    rows = []
    for lane in Settings.load(config).lanes().values():
        needs = provider_named(lane.provider).key_needed(lane)
        rows.append(
            {
                "lane": lane.name,
                "provider": lane.provider,
                "url": lane.url,
                "key": lane.key_env,
                "key_is_set": lane.key is not None,
                "key_is_needed": needs,
            }
        )
    if json:
        put("".join(jsons.dumps(row) + "\n" for row in rows))
        return Exit.OK
    widest = max(len(str(row["lane"])) for row in rows)
    for row in rows:
        put(f"{row['lane']!s:<{widest}}  {_key_of(row):<34}  {row['url'] or '-'}\n")
    return Exit.OK


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
    lanes = Settings.load(config).lanes()
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
