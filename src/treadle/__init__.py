"""Map a function over many items in parallel; keep every outcome; say what went wrong with which.

    sources ──▶ engine ──▶ backends ──▶ workers
                │   ▲          │
                │   └──────────┘ outcomes
                ├──▶ sinks       values, as they settle
                ├──▶ ledger      how each item ended, durable
                └──▶ progress    events, in order

Start reading at ``api/``; the words used everywhere are defined in ``core/``; what decides is
``engine/machine.py``. Layers point down only: cli → api → report → sources, engine, backends,
sinks, ledger, progress → core → errors. Applications (``code``, ``lab``, ``prompts``) stand on
top, on the names below alone; above them the terminal UI (``tui``), which starts and shows all.

Names are looked up when first used, so that ``import treadle`` costs next to nothing; a worker
process imports this package too.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # ``typing`` alone would take most of the time
if TYPE_CHECKING:
    from typing import Any

    from treadle.api.executor import Executor
    from treadle.api.history import Run, live, open, runs  # noqa: A004  the name is the point
    from treadle.api.mapping import amap, map  # noqa: A004  the name is the point
    from treadle.api.outcomes import Outcomes
    from treadle.api.pool import Pool
    from treadle.api.remote import Remote
    from treadle.api.running import Report, run
    from treadle.backends.cpus import usable_cpus
    from treadle.core import events
    from treadle.core.context import Current, current
    from treadle.core.culprit import Culprit, find_culprit
    from treadle.core.lanes import Feedback, Lane, Lanes
    from treadle.core.limits import Capacity, Rate
    from treadle.core.outcome import (
        AnyOutcome,
        Cancelled,
        FailedOutcome,
        Failure,
        Outcome,
        Raised,
        Succeeded,
        TimedOut,
        Unpicklable,
        WorkerLost,
    )
    from treadle.core.policy import Retry
    from treadle.core.protocols import Capabilities, DurableSink, Listener, Mark, Sink, Source
    from treadle.core.stats import FailureKind, Stats
    from treadle.errors import (
        BadRowError,
        CallCancelled,
        CallFailed,
        CallTimedOut,
        Interrupted,
        MissingExtra,
        NotPicklable,
        NotRunning,
        RemoteError,
        RunFailed,
        SetupFailed,
        SinkFailed,
        SourceFailed,
        TreadleError,
        UsageError,
        WorkerDied,
    )
    from treadle.progress.otel import OpenTelemetry
    from treadle.sources import files, lines, rows

__version__ = "0.1.0"

_HOMES = {
    "treadle.api.executor": ("Executor",),
    "treadle.api.history": ("Run", "live", "open", "runs"),
    "treadle.api.mapping": ("amap", "map"),
    "treadle.api.outcomes": ("Outcomes",),
    "treadle.api.pool": ("Pool",),
    "treadle.api.remote": ("Remote",),
    "treadle.api.running": ("Report", "run"),
    "treadle.backends.cpus": ("usable_cpus",),
    "treadle.core.context": ("Current", "current"),
    "treadle.core.culprit": ("Culprit", "find_culprit"),
    "treadle.core.lanes": ("Feedback", "Lane", "Lanes"),
    "treadle.core.outcome": (
        "AnyOutcome",
        "Cancelled",
        "FailedOutcome",
        "Failure",
        "Outcome",
        "Raised",
        "Succeeded",
        "TimedOut",
        "Unpicklable",
        "WorkerLost",
    ),
    "treadle.core.limits": ("Capacity", "Rate"),
    "treadle.core.policy": ("Retry",),
    "treadle.core.protocols": ("Capabilities", "DurableSink", "Listener", "Mark", "Sink", "Source"),
    "treadle.core.stats": ("FailureKind", "Stats"),
    "treadle.errors": (
        "BadRowError",
        "CallCancelled",
        "CallFailed",
        "CallTimedOut",
        "Interrupted",
        "MissingExtra",
        "NotPicklable",
        "NotRunning",
        "RemoteError",
        "RunFailed",
        "SetupFailed",
        "SinkFailed",
        "SourceFailed",
        "TreadleError",
        "UsageError",
        "WorkerDied",
    ),
    "treadle.progress.otel": ("OpenTelemetry",),
    "treadle.sources": ("files", "lines", "rows"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AnyOutcome",
    "BadRowError",
    "CallCancelled",
    "CallFailed",
    "CallTimedOut",
    "Cancelled",
    "Capabilities",
    "Capacity",
    "Culprit",
    "Current",
    "DurableSink",
    "Executor",
    "FailedOutcome",
    "Failure",
    "FailureKind",
    "Feedback",
    "Interrupted",
    "Lane",
    "Lanes",
    "Listener",
    "Mark",
    "MissingExtra",
    "NotPicklable",
    "NotRunning",
    "OpenTelemetry",
    "Outcome",
    "Outcomes",
    "Pool",
    "Raised",
    "Rate",
    "Remote",
    "RemoteError",
    "Report",
    "Retry",
    "Run",
    "RunFailed",
    "SetupFailed",
    "Sink",
    "SinkFailed",
    "Source",
    "SourceFailed",
    "Stats",
    "Succeeded",
    "TimedOut",
    "TreadleError",
    "Unpicklable",
    "UsageError",
    "WorkerDied",
    "WorkerLost",
    "__version__",
    "amap",
    "current",
    "events",
    "files",
    "find_culprit",
    "lines",
    "live",
    "map",
    "open",
    "rows",
    "run",
    "runs",
    "usable_cpus",
]


if not TYPE_CHECKING:  # a type checker would believe that any name exists

    def __getattr__(name: str) -> Any:
        if name == "events":
            return importlib.import_module("treadle.core.events")
        if name not in _HOME_OF:
            raise AttributeError(f"module 'treadle' has no attribute {name!r}")
        value = getattr(importlib.import_module(_HOME_OF[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
