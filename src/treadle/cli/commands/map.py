"""``treadle map``: a function of yours over files, lines or rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from treadle.cli import flags
from treadle.cli.execute import execute
from treadle.cli.options import MapOptions, choice, whole
from treadle.cli.plan import Plan
from treadle.progress import CHOICES

EPILOG = """\
\b
Examples:
  treadle map parse.py:parse 'data/**/*.csv' --into results.parquet
  treadle map parse.py:parse data/ --timeout 30 --retries 2 --into all.csv
  treadle map parse.py:parse data/ --into all.csv --resume
  treadle map fetch.py:fetch urls.txt --lines --rate 10/s --json > all.jsonl
  treadle map score.py:score table.csv --rows --key id --limit 10
  git ls-files '*.py' | treadle map count.py:lines -

\b
Without --into, values are printed as they settle, and nothing is recorded.
With it, 'treadle resume' goes on with a run that was ended before its end.
stdout is data, stderr is for people.
A function that changes nothing but what it returns can be run again safely.

\b
Exit codes: 0 all succeeded, 1 some failed or it stopped early, 2 usage,
3 nothing to do, 130 interrupted.
"""


def map_items(
    function: flags.Function,
    source: flags.Source,
    *,
    into: flags.Into = None,
    rows: flags.Rows = False,
    lines: flags.Lines = False,
    key: flags.Key = None,
    format_: flags.Format = None,
    encoding: flags.Encoding = None,
    workers: flags.Workers = None,
    backend: flags.Backend = "auto",
    start_method: flags.StartMethod = None,
    setup: flags.Setup = None,
    teardown: flags.Teardown = None,
    timeout: flags.Timeout = None,
    retries: flags.Retries = "0",
    rate: flags.Rate = None,
    on_error: flags.OnError = "continue",
    max_failures: flags.MaxFailures = None,
    deadline: flags.Deadline = None,
    grace: flags.Grace = None,
    ordered: flags.Ordered = False,
    limit: flags.Limit = None,
    shuffle: flags.Shuffle = False,
    seed: flags.Seed = None,
    name: flags.Name = None,
    resume: flags.Resume = False,
    anew: flags.Anew = False,
    durability: flags.Durability = None,
    version: flags.Version = None,
    fingerprint: flags.Fingerprint = None,
    runs_dir: flags.RunsDir = None,
    json: flags.JsonOutcomes = False,
    progress: flags.Progress = "auto",
    otel: flags.Otel = False,
    quiet: flags.Quiet = False,
    verbose: flags.Verbose = False,
) -> int:
    """
    Call FUNCTION on every item of SOURCE, in parallel.

    SOURCE is files, folders (all files in them) and patterns; the function gets a pathlib.Path.
    With --lines and '-' it gets a line of text, with --rows a dict.
    """
    return execute(Plan.of(read(locals())))


def read(typed: Mapping[str, Any]) -> MapOptions:
    """
    Read the flags of ``treadle map``.

    Args:
        typed: Its arguments by name, as they were typed.

    Raises:
        UsageError: One of them makes no sense.
    """
    said: dict[str, Any] = {name.removesuffix("_"): value for name, value in typed.items()}
    said["source"] = tuple(said["source"])
    said["retries"] = whole("--retries", said["retries"], least=0) or 0
    said["seed"] = whole("--seed", said["seed"], least=None)
    for name in ("workers", "max_failures", "limit"):
        said[name] = whole(_flag(name), said[name])
    for name, choices in _CHOICES.items():
        if said[name] is not None:
            said[name] = choice(_flag(name), said[name], choices)
    return MapOptions(**said)


_CHOICES = {
    "format": flags.FORMATS,
    "backend": flags.BACKENDS,
    "start_method": flags.START_METHODS,
    "on_error": flags.ON_ERROR,
    "durability": flags.DURABILITIES,
    "fingerprint": flags.FINGERPRINTS,
    "progress": CHOICES,
}


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
