"""The commands that ask, or say what would be asked: ``run`` and ``plan``."""

from __future__ import annotations

import json as jsons
import logging
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import treadle
from treadle.cli import (
    Exit,
    exported,
    hint,
    put,
    say,
    terminate_like_ctrl_c,
    typed,
    warn,
    width,
)
from treadle.prompts.cli import options, words

if TYPE_CHECKING:
    from treadle.prompts.running import Report

_SWITCH = 0.0005  # seconds that a thread may keep the interpreter while others wait for it

RUN = """\
\b
Examples:
  treadle prompts run -p prompt.txt -e experiments.csv -o results.csv
  treadle prompts run -p a.txt -p b.txt -e rows.csv -o results.csv \\
      --model openai/gpt-4o-mini --model ollama/llama3.2 --max-cost 5
  treadle prompts run -p prompt.txt -e rows.csv -o '{{topic}}.csv' --limit 10

\b
The same command again asks what is missing, and nothing twice. Options can
stand in treadle.toml, in [prompts] or [prompts.run], and lanes in
[prompts.lanes.NAME]. Keys come from the environment or .env.

\b
Exit codes: 0 all answered, 1 some failed, 2 usage (nothing was sent), 3 no
row takes part, or some are left: a lane is closed or the money is spent,
130 interrupted.
"""

PLAN = """\
\b
Examples:
  treadle prompts plan -p prompt.txt -e experiments.csv
  treadle prompts plan -p prompt.txt -e rows.csv -m openai/gpt-4o-mini --json

\b
Requests, tokens, cost and time, and what is wrong, before anything is sent.

\b
Exit codes: 0 it can run, 1 some rows cannot be sent, 2 usage, 3 no row.
"""


def run(
    *,
    prompt: options.Prompts = None,
    experiments: options.Experiments = None,
    output: options.Output = None,
    context: options.Context = None,
    system: options.System = None,
    model: options.Models = None,
    repeats: options.Repeats = None,
    param: options.Params = None,
    where: options.Where = None,
    limit: options.Limit = None,
    shuffle: options.Shuffle = None,
    missing: options.Missing = None,
    engine: options.Engine = None,
    max_concurrent: options.MaxConcurrent = None,
    sequential: options.Sequential = None,
    concurrency: options.Concurrency = None,
    lane_concurrency: options.LaneConcurrency = None,
    openrouter_concurrency: options.OpenRouterConcurrency = None,
    ollama_concurrency: options.OllamaConcurrency = None,
    openai_concurrency: options.OpenAIConcurrency = None,
    mock_concurrency: options.MockConcurrency = None,
    timeout: options.Timeout = None,
    retries: options.Retries = None,
    backoff: options.Backoff = None,
    stream: options.Stream = None,
    max_cost: options.MaxCost = None,
    max_tokens_total: options.MaxTokensTotal = None,
    flatten: options.Flatten = None,
    json_column: options.JsonColumns = None,
    score: options.Score = None,
    prefix: options.Prefix = None,
    columns: options.Columns = None,
    parallamr_columns: options.ParallamrColumns = None,
    bom: options.Bom = None,
    guard: options.Guard = None,
    raw: options.Raw = None,
    reuse: options.Reuse = None,
    retry_errors: options.RetryErrors = None,
    fresh: options.Fresh = None,
    dry_run: options.DryRun = None,
    grace: options.Grace = None,
    config: options.Config = None,
    progress: options.Progress = None,
    otel: options.Otel = None,
    quiet: options.Quiet = None,
    verbose: options.Verbose = None,
    json: options.Json = False,
) -> int:
    """
    Ask each row with each prompt and each model, and write the answers.

    Answers are safe on disk before they count; the results file grows as they come.
    """
    values = options.merged(run, locals())
    if values.get("dry_run"):
        return _planned(values, json=json)
    from treadle.prompts.given import output_name

    table, prompts, results = options.experiment(values)
    if json and output_name(results) is None:
        raise treadle.UsageError(
            "--json and the results would both go to standard output",
            hint="-o results.csv gives the results a file of their own",
        )
    told = _Told(values)
    with _logged(told) if values.get("verbose") else nullcontext():
        report = _run(table, prompts, results, values, told)
    if json:
        put(jsons.dumps(words.as_json(report)) + "\n")
    told.end(report, is_printed=json)
    return _exit(report)


def plan(
    *,
    prompt: options.Prompts = None,
    experiments: options.Experiments = None,
    output: options.Output = None,
    context: options.Context = None,
    system: options.System = None,
    model: options.Models = None,
    repeats: options.Repeats = None,
    param: options.Params = None,
    where: options.Where = None,
    limit: options.Limit = None,
    missing: options.Missing = None,
    engine: options.Engine = None,
    concurrency: options.Concurrency = None,
    lane_concurrency: options.LaneConcurrency = None,
    max_concurrent: options.MaxConcurrent = None,
    max_cost: options.MaxCost = None,
    max_tokens_total: options.MaxTokensTotal = None,
    config: options.Config = None,
    json: options.Json = False,
) -> int:
    """Say what a run would send, cost and take; nothing is sent."""
    return _planned(options.merged(plan, locals()), json=json)


def _planned(values: dict[str, Any], *, json: bool) -> int:
    from treadle.prompts.running import plan as plan_all

    table, prompts, results = options.experiment(values)
    choice = "none" if values.get("quiet") else values.get("progress", "auto")
    planned = plan_all(table, prompts, results, progress=choice, **options.python(values))
    if json:
        put(jsons.dumps(planned.as_json()) + "\n")
    else:
        put("".join(f"{line}\n" for line in planned.lines(width() or 80)))
    if not planned.items:
        return Exit.NOTHING
    return Exit.ITEMS_FAILED if planned.problems or planned.bad_rows else Exit.OK


def _run(
    table: str, prompts: list[str], results: str | None, values: dict[str, Any], told: _Told
) -> Report:
    from treadle.prompts.running import run as run_all

    made = options.python(values)
    # Event loop, engine and record are threads that hand each request on; with the usual 5 ms, a
    # reply would wait that long for each of them while the loop is busy. This process is ours.
    sys.setswitchinterval(_SWITCH)
    try:
        with terminate_like_ctrl_c(), exported(otel=bool(values.get("otel"))) as listeners:
            return run_all(
                table,
                prompts,
                results,
                progress=told.progress,
                command=typed(),
                listeners=listeners,
                heard=lambda planned: told.warn(planned.warnings),
                **made,
            )
    except treadle.Interrupted as error:
        report: Any = error.report
        if report is not None:
            told.end(report, f"what was answered is safe; this asks the rest:\n{_again()}")
        raise


def _again() -> str:
    """Return what to type to go on: the same, but for what would begin anew."""
    return shlex.join(["treadle", *(word for word in sys.argv[1:] if word != "--fresh")])


class _Told:
    """
    What people are told beside the progress, or programs that read ``--progress json``.

    Args:
        values: What was typed.

    Attributes:
        progress: The display that shows the rest.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        # Lines of a log would tear a picture that moves.
        usual = "plain" if values.get("verbose") else "auto"
        self.progress = "none" if values.get("quiet") else values.get("progress", usual)
        self._is_quiet = bool(values.get("quiet"))
        self._for_programs = self.progress == "json"
        self._warned: set[str] = set()

    def warn(self, warnings: Iterable[str]) -> None:
        """Say what is odd, each once."""
        for text in warnings:
            if text in self._warned or self._is_quiet:
                continue
            self._warned.add(text)
            if self._for_programs:
                say(words.as_event("warning", text=text))
            else:
                warn(text)

    def note(self, text: str) -> None:
        """Say what was logged."""
        say(words.as_event("logged", text=text) if self._for_programs else text)

    def end(self, report: Report, to_do: str = "", *, is_printed: bool = False) -> None:
        """
        Say what came of it.

        Args:
            report: What came of it.
            to_do: What to do about what is left; empty for what *report* tells.
            is_printed: All of that is on standard output.
        """
        if self._for_programs:
            self.warn(report.warnings)
            say(words.as_event("summary", **words.as_json(report)))
        if self._is_quiet or self._for_programs or is_printed:
            return
        if report.requests:
            say(*words.of_run(report, width()))
        self.warn(report.warnings)
        for lane, why in report.closed.items():
            warn(f"the lane {lane} was closed: {why}")
        to_do = to_do or words.to_do(report)
        if to_do:
            hint(to_do)


def _exit(report: Report) -> int:
    if report.pending or not report.requests:
        return Exit.NOTHING
    return Exit.ITEMS_FAILED if report.failed else Exit.OK


@contextmanager
def _logged(told: _Told) -> Iterator[None]:
    """Say on stderr what the application logs: a line for each attempt."""
    logger = logging.getLogger("treadle.prompts")
    handler, level = _ToPeople(told), logger.level
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


class _ToPeople(logging.Handler):
    def __init__(self, told: _Told) -> None:
        super().__init__()
        self._told = told

    def emit(self, record: logging.LogRecord) -> None:
        self._told.note(self.format(record))
