"""From the raw files of laboratory instruments to Parquet, segments, and what they add up to.

    raw files ──▶ stage ──▶ one Parquet file per measurement, and a manifest of all
                    ├──▶ segment ──▶ the branches of each sweep ──▶ iv ──▶ fits, means, hysteresis
                    └──▶ metrics ──▶ derived numbers ──▶ histories, plots, a page for each chip

reading one file   layouts (how a program writes)  tables (its rows)  quantities, measurement
what is expected   schema (procedures.yml)  chips (chips.yml)
doing all of them  staging  segmenting  measuring  analysing  pipelining, each on `treadle.run`
what is found      extraction (what an extractor is)  extractors  segmentation  calibrations
what comes out     places, roots (where)  manifest_file  compacting (fewer, larger files)
what is shown      histories  plotting  page  written (numbers as text)  selection (which runs)
what it needs      extra  named (files that users name)
the command        cli  display  config

Built on Treadle's public names alone, as any other package could be.
"""

from __future__ import annotations

import importlib

from treadle.lab.extra import check_extra

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from treadle.lab.analysing import IvReport, iv, read_iv
    from treadle.lab.chips import Chip, ChipFile, load_chips
    from treadle.lab.compacting import compact, expand
    from treadle.lab.errors import (
        BreaksSchema,
        CannotOpen,
        Damaged,
        NoData,
        NoSweep,
        NotAMeasurement,
        Rejected,
        SchemaError,
        StillGrowing,
        Unreadable,
    )
    from treadle.lab.extraction import (
        Absent,
        Extractor,
        NoConfiguration,
        NotApplicable,
        StagedRun,
        Undetermined,
        Value,
        extractor,
    )
    from treadle.lab.extractors.stretched_exponential import (
        StretchedExponential,
        fit_stretched_exponential,
    )
    from treadle.lab.histories import history, write_histories
    from treadle.lab.layouts import Layout, Raw
    from treadle.lab.manifest_file import manifest
    from treadle.lab.measurement import Measurement, read
    from treadle.lab.measuring import MetricsReport, metrics, read_metrics
    from treadle.lab.notes import Note
    from treadle.lab.pipelining import PipelineReport, pipeline
    from treadle.lab.schema import Schema, load_schema
    from treadle.lab.segmentation import Segment, Segments, segments
    from treadle.lab.segmenting import SegmentReport, segment
    from treadle.lab.staging import Reject, StageReport, stage

_HOMES = {
    "treadle.lab.analysing": ("IvReport", "iv", "read_iv"),
    "treadle.lab.chips": ("Chip", "ChipFile", "load_chips"),
    "treadle.lab.compacting": ("compact", "expand"),
    "treadle.lab.errors": (
        "BreaksSchema",
        "CannotOpen",
        "Damaged",
        "NoData",
        "NoSweep",
        "NotAMeasurement",
        "Rejected",
        "SchemaError",
        "StillGrowing",
        "Unreadable",
    ),
    "treadle.lab.extraction": (
        "Absent",
        "Extractor",
        "NoConfiguration",
        "NotApplicable",
        "StagedRun",
        "Undetermined",
        "Value",
        "extractor",
    ),
    "treadle.lab.extractors.stretched_exponential": (
        "StretchedExponential",
        "fit_stretched_exponential",
    ),
    "treadle.lab.histories": ("history", "write_histories"),
    "treadle.lab.layouts": ("Layout", "Raw"),
    "treadle.lab.manifest_file": ("manifest",),
    "treadle.lab.measurement": ("Measurement", "read"),
    "treadle.lab.measuring": ("MetricsReport", "metrics", "read_metrics"),
    "treadle.lab.notes": ("Note",),
    "treadle.lab.pipelining": ("PipelineReport", "pipeline"),
    "treadle.lab.schema": ("Schema", "load_schema"),
    "treadle.lab.segmentation": ("Segment", "Segments", "segments"),
    "treadle.lab.segmenting": ("SegmentReport", "segment"),
    "treadle.lab.staging": ("Reject", "StageReport", "stage"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Absent",
    "BreaksSchema",
    "CannotOpen",
    "Chip",
    "ChipFile",
    "Damaged",
    "Extractor",
    "IvReport",
    "Layout",
    "Measurement",
    "MetricsReport",
    "NoConfiguration",
    "NoData",
    "NoSweep",
    "NotAMeasurement",
    "NotApplicable",
    "Note",
    "PipelineReport",
    "Raw",
    "Reject",
    "Rejected",
    "Schema",
    "SchemaError",
    "Segment",
    "SegmentReport",
    "Segments",
    "StageReport",
    "StagedRun",
    "StillGrowing",
    "StretchedExponential",
    "Undetermined",
    "Unreadable",
    "Value",
    "compact",
    "expand",
    "extractor",
    "fit_stretched_exponential",
    "history",
    "iv",
    "load_chips",
    "load_schema",
    "manifest",
    "metrics",
    "pipeline",
    "read",
    "read_iv",
    "read_metrics",
    "segment",
    "segments",
    "stage",
    "write_histories",
]

if not TYPE_CHECKING:  # a type checker would believe that any name exists

    def __getattr__(name: str) -> Any:
        if name not in _HOME_OF:
            raise AttributeError(f"module 'treadle.lab' has no attribute {name!r}")
        check_extra()
        return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
