"""The options of ``treadle prompts``, each declared once; a file sets those that were not typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, TypeAlias, get_args, get_origin, get_type_hints

import typer

import treadle

# ── what is asked ───────────────────────────────────────────────────────────────────────────────

Prompts: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--prompt", "-p", metavar="FILE", help="Prompt with {{variables}}; - for stdin. Repeatable."
    ),
]
Experiments: TypeAlias = Annotated[
    str | None,
    typer.Option("--experiments", "-e", metavar="FILE", help="The rows, CSV or JSONL; or -."),
]
Output: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Results; may hold {{variables}}. Default: -, stdout.",
    ),
]
Context: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--context", "-c", metavar="FILE", help="Appended to each prompt. Repeatable."),
]
System: TypeAlias = Annotated[
    str | None, typer.Option("--system", metavar="FILE", help="The system prompt.")
]
Models: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        metavar="LANE/MODEL",
        help="Send each row to it; instead of columns provider and model. Repeatable.",
    ),
]
Repeats: TypeAlias = Annotated[
    int | None, typer.Option("--repeats", metavar="N", min=1, help="Ask each so often. Default: 1.")
]
Params: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="NAME=VALUE", help="Such as temperature=0.2. Repeatable."),
]
Where: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="COLUMN=VALUE", help="Only such rows; also != ~ !~ < <= > >=."),
]
Limit: TypeAlias = Annotated[
    int | None, typer.Option("--limit", metavar="N", min=1, help="Only the first so many rows.")
]
Shuffle: TypeAlias = Annotated[
    int | None,
    typer.Option("--shuffle", metavar="SEED", help="Send rows in a random order of that number."),
]
Missing: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--missing", metavar="error|warn|empty", help="Rows that lack a variable. Default: error."
    ),
]
Engine: TypeAlias = Annotated[
    str | None,
    typer.Option("--engine", metavar="plain|jinja", help="Of the templates. Default: plain."),
]
Config: TypeAlias = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings. Default: treadle.toml, if there."),
]

# ── how fast ────────────────────────────────────────────────────────────────────────────────────

MaxConcurrent: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--max-concurrent",
        "--parallel",
        "-j",
        metavar="N",
        min=1,
        help="Requests in flight in all. Default: 1000.",
    ),
]
Sequential: TypeAlias = Annotated[
    bool | None, typer.Option("--sequential", help="One request at a time: as -j 1.")
]
Concurrency: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--concurrency",
        metavar="N",
        min=1,
        help="In flight in each lane. Default: found.",
    ),
]
LaneConcurrency: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--lane-concurrency", metavar="LANE=N", help="The same for one. Repeatable."),
]
OpenRouterConcurrency: TypeAlias = Annotated[
    int | None, typer.Option("--openrouter-concurrency", metavar="N", min=1, hidden=True)
]
OllamaConcurrency: TypeAlias = Annotated[
    int | None, typer.Option("--ollama-concurrency", metavar="N", min=1, hidden=True)
]
OpenAIConcurrency: TypeAlias = Annotated[
    int | None, typer.Option("--openai-concurrency", metavar="N", min=1, hidden=True)
]
MockConcurrency: TypeAlias = Annotated[
    int | None, typer.Option("--mock-concurrency", metavar="N", min=1, hidden=True)
]
Timeout: TypeAlias = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", help="For each attempt. Default: 300."),
]
Retries: TypeAlias = Annotated[
    int | None, typer.Option("--retries", metavar="N", min=0, help="Further attempts. Default: 5.")
]
Backoff: TypeAlias = Annotated[
    float | None,
    typer.Option("--backoff", metavar="SECONDS", min=0, help="Before the first retry. Default: 1."),
]
Stream: TypeAlias = Annotated[
    bool | None, typer.Option("--stream/--no-stream", help="Stream answers: gives _ttft_s.")
]

# ── what it may cost ────────────────────────────────────────────────────────────────────────────

MaxCost: TypeAlias = Annotated[
    str | None,
    typer.Option("--max-cost", metavar="DOLLARS", help="Never spend more, with earlier sessions."),
]
MaxTokensTotal: TypeAlias = Annotated[
    int | None,
    typer.Option("--max-tokens-total", metavar="N", min=1, help="The same for tokens in and out."),
]

# ── what comes out ──────────────────────────────────────────────────────────────────────────────

Flatten: TypeAlias = Annotated[
    bool | None, typer.Option("--flatten/--no-flatten", help="JSON in answers becomes columns.")
]
JsonColumns: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--json-column", metavar="NAME", help="Only these of them. Repeatable."),
]
Score: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--score",
        metavar="SCORER",
        help="exact:COLUMN, contains:COLUMN, regex:RE, json, json-schema:FILE. Repeatable.",
    ),
]
Prefix: TypeAlias = Annotated[
    str | None, typer.Option("--prefix", metavar="TEXT", help="Of our columns. Default: _")
]
Columns: TypeAlias = Annotated[
    str | None,
    typer.Option("--columns", metavar="treadle|parallamr", help="Which columns. Default: treadle."),
]
ParallamrColumns: TypeAlias = Annotated[
    bool | None, typer.Option("--parallamr-columns", hidden=True)
]
Bom: TypeAlias = Annotated[
    bool | None, typer.Option("--bom/--no-bom", help="Begin CSV with a mark that Excel needs.")
]
Guard: TypeAlias = Annotated[
    bool | None, typer.Option("--guard/--no-guard", help="Disarm cells that look like formulas.")
]
Raw: TypeAlias = Annotated[
    bool | None, typer.Option("--raw/--no-raw", help="Keep whole replies in the record.")
]

# ── this session ────────────────────────────────────────────────────────────────────────────────

Reuse: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--reuse", metavar="RUN", help="Take its answers to the same requests. Repeatable."
    ),
]
RetryErrors: TypeAlias = Annotated[
    bool | None, typer.Option("--retry-errors", help="Ask again what has failed before.")
]
Fresh: TypeAlias = Annotated[
    bool | None, typer.Option("--fresh", help="Begin again, although there are answers.")
]
DryRun: TypeAlias = Annotated[
    bool | None,
    typer.Option("--dry-run", "--validate-only", help="Send nothing: as treadle prompts plan."),
]
Grace: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--grace", metavar="SECONDS", min=0, help="For requests in flight at Ctrl-C. Default: 30."
    ),
]
Progress: TypeAlias = Annotated[
    str | None,
    typer.Option("--progress", metavar="auto|live|plain|json|none", help="What stderr shows."),
]
Otel: TypeAlias = Annotated[
    bool | None,
    typer.Option("--otel", help="Export spans and metrics by OpenTelemetry, as OTEL_* say."),
]
Quiet: TypeAlias = Annotated[
    bool | None, typer.Option("--quiet", "-q", help="Nothing on stderr but errors.")
]
Verbose: TypeAlias = Annotated[
    bool | None, typer.Option("--verbose", "-v", help="Say on stderr what became of each attempt.")
]
Json: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print the counts as JSON, for programs.")
]
Which: TypeAlias = Annotated[
    str | None,
    typer.Argument(metavar="RUN", help="A results file, or id of a run. Default: the newest."),
]


def merged(command: Callable[..., Any], typed: Mapping[str, Any]) -> dict[str, Any]:
    """
    Put together what was typed and what the file of settings says; what was typed wins.

    Args:
        command: The function of the command; its options are what the file may set.
        typed: Its arguments by name, None where nothing was typed.

    Raises:
        UsageError: The file is not there, or is wrong.
    """
    from treadle.prompts.cli import asking
    from treadle.prompts.settings import Settings

    known = types_of(command)
    others: set[str] = set()
    for other in (asking.run, asking.plan):
        others |= types_of(other).keys()
    said = Settings.load(typed.get("config")).options(
        command.__name__, known, of_others=others - known.keys(), only_typed=_ONLY_TYPED
    )
    mine = {name: value for name, value in typed.items() if value is not None and name != "json"}
    # What is typed goes over the sections of lanes, and these over what the file says of all.
    usual = {name: said.pop(name) for name in _OF_LANES if name in said and name not in mine}
    return {**said, **mine, **({"lane_defaults": usual} if usual else {})}


def types_of(command: Callable[..., Any]) -> dict[str, Any]:
    """Return the options of a command that a file may set, with their types."""
    hints = get_type_hints(command)
    del hints["return"]
    found = {name: _without_none(hint) for name, hint in hints.items()} | _IN_FILES
    return {name: found[name] for name in hints if name not in _ONLY_TYPED}


_ONLY_TYPED = {"config", "json", "dry_run", "fresh", "retry_errors", "reuse"}
_OF_LANES = ("concurrency", "timeout")
_IN_FILES: dict[str, Any] = {"max_cost": Decimal}  # typed as text, for no digit may be lost


def _without_none(hint: Any) -> Any:
    if get_origin(hint) is UnionType:
        (hint,) = (each for each in get_args(hint) if each is not NoneType)
    return hint


def experiment(values: dict[str, Any]) -> tuple[str, list[str], str | None]:
    """
    Take the table, the prompts and the results file out of *values*; None for standard output.

    Raises:
        UsageError: One of the first two is missing, or the last is a folder.
    """
    from treadle.prompts.given import output_name

    for name, flag in (("prompt", "-p prompt.txt"), ("experiments", "-e experiments.csv")):
        if not values.get(name):
            what = "the prompt" if name == "prompt" else "the table of experiments"
            raise treadle.UsageError(
                f"{what} is missing",
                hint=f"{flag}; treadle prompts init writes an example of each",
            )
    output = output_name(values.pop("output", None))
    if output is not None and output.endswith("/"):
        raise treadle.UsageError(
            f"{output!r} is a folder", hint=f"name a file in it: {output}results.csv"
        )
    return values.pop("experiments"), list(values.pop("prompt")), output


def python(values: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return *values* as options of ``treadle.prompts.run``.

    Raises:
        UsageError: A value makes no sense.
    """
    from treadle.prompts.params import parse_option

    made = {name: value for name, value in values.items() if name not in _ELSEWHERE}
    if values.get("param"):
        made["param"] = dict(parse_option(each) for each in values["param"])
    if values.get("sequential"):
        made["max_concurrent"] = 1
    if values.get("parallamr_columns"):
        made["columns"] = "parallamr"
    if values.get("json_column"):
        made["flatten"] = list(values["json_column"])
    lanes = _lanes(values)
    if lanes:
        made["lane_concurrency"] = lanes
    return made


_OLD = ("openrouter", "ollama", "openai", "mock")
_ELSEWHERE = {
    "param", "sequential", "parallamr_columns", "json_column", "lane_concurrency", "quiet",
    "verbose", "progress", "otel", "dry_run", *(f"{name}_concurrency" for name in _OLD),
}  # fmt: skip


def _lanes(values: Mapping[str, Any]) -> dict[str, int]:
    lanes = {
        name: values[f"{name}_concurrency"] for name in _OLD if values.get(f"{name}_concurrency")
    }
    for text in values.get("lane_concurrency", ()):
        name, _, count = text.rpartition("=")
        if not name or not count.isdecimal() or int(count) < 1:
            raise treadle.UsageError(
                f"--lane-concurrency takes LANE=N, got {text!r}",
                hint="--lane-concurrency ollama=2",
            )
        lanes[name] = int(count)
    return lanes
