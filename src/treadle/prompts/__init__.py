"""LLM experiments from a table: rows x prompts x models, many providers, nothing lost.

    table ─┐
    prompts├─▶ items ─▶ a durable run (lanes, retries, budgets) ─▶ results file, report
    models ┘                 │   ▲
                             ▼   │
                          calling ─▶ providers

what is sent       given and table (rows), template and prompt_files (texts), params, items (all)
beforehand         planning (tokens, cost, what is wrong), prices, estimates, worst_case
to whom, how fast  settings (treadle.toml, .env), lanes (into ``treadle.Lanes``), headers
asking             calling (one request), providers (one module for each wire), faults, errors
doing all of it    experiment (put together), running, places and lock (where it is kept)
what comes out     record, ended, columns, results_files, flatten, scoring, exporting
to look at         answers (rows and models side by side, while it goes on)
for the eye        display, summary, page, cli

The words are in ``values``. Built on Treadle's public names alone, as any other package could be.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from treadle.prompts.errors import RequestFailed
    from treadle.prompts.experiment import Experiment
    from treadle.prompts.exporting import export, report
    from treadle.prompts.options import Options
    from treadle.prompts.plans import Plan
    from treadle.prompts.prompt_files import Text
    from treadle.prompts.providers.base import HttpProvider, HttpReply, HttpRequest, Provider
    from treadle.prompts.running import Report, arun, plan, run
    from treadle.prompts.values import (
        Answer,
        Ask,
        Ended,
        LaneSettings,
        Message,
        Model,
        Secret,
        Usage,
    )

_HOMES = {
    "treadle.prompts.errors": ("RequestFailed",),
    "treadle.prompts.experiment": ("Experiment",),
    "treadle.prompts.exporting": ("export", "report"),
    "treadle.prompts.options": ("Options",),
    "treadle.prompts.plans": ("Plan",),
    "treadle.prompts.providers.base": ("HttpProvider", "HttpReply", "HttpRequest", "Provider"),
    "treadle.prompts.prompt_files": ("Text",),
    "treadle.prompts.running": ("Report", "arun", "plan", "run"),
    "treadle.prompts.values": (
        "Answer",
        "Ask",
        "Ended",
        "LaneSettings",
        "Message",
        "Model",
        "Secret",
        "Usage",
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Answer",
    "Ask",
    "Ended",
    "Experiment",
    "HttpProvider",
    "HttpReply",
    "HttpRequest",
    "LaneSettings",
    "Message",
    "Model",
    "Options",
    "Plan",
    "Provider",
    "Report",
    "RequestFailed",
    "Secret",
    "Text",
    "Usage",
    "arun",
    "export",
    "plan",
    "report",
    "run",
]


if not TYPE_CHECKING:  # a type checker would believe that any name exists

    def __getattr__(name: str) -> Any:
        if name not in _HOME_OF:
            raise AttributeError(f"module 'treadle.prompts' has no attribute {name!r}")
        return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
