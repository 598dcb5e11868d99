"""Find the metrics of staged runs, in parallel, and keep them.

planning  which extractors of which runs, and what is known already
work      one run and all its metrics
store     metrics.parquet
driver    a session: from the plan to the store
report    what became of it
"""

from __future__ import annotations

from treadle.lab.measuring.driver import check_sources, metrics
from treadle.lab.measuring.report import MetricsReport
from treadle.lab.measuring.store import read_metrics

__all__ = ["MetricsReport", "check_sources", "metrics", "read_metrics"]
