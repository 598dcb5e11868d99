"""What is to be staged, how, and where to: decided before anything is done."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import treadle
from treadle.lab import places
from treadle.lab.schema.spec import Schema
from treadle.lab.staging.one import StageOne
from treadle.lab.staging.source import RawFiles
from treadle.lab.zones import machine_zone, zone

if TYPE_CHECKING:
    from treadle.lab.layouts import Layout

FORMAT = 2
"""Version of what a staged file holds; when it grows, everything is staged again."""

NAME = "stage "  # and the raw root: several may be staged into one stage root


@dataclass(slots=True)
class Plan:
    """
    A staging that is about to be done.

    Attributes:
        raw: The raw root.
        root: The stage root.
        schema: What is known of the procedures.
        one: What is done with each file.
        files: The files.
    """

    raw: Path
    root: Path
    schema: Schema
    one: StageOne
    files: RawFiles

    @classmethod
    def of(
        cls,
        raw: Path,
        root: Path,
        *,
        schema: Schema | str | os.PathLike[str] | None,
        layouts: str | Sequence[str | Layout],
        local_tz: str | None,
        exclude: str | Sequence[str],
        limit: int | None,
        strict: bool,
        only_schema_columns: bool,
    ) -> Plan:
        """
        Check what was asked for.

        Raises:
            UsageError: Some of it is not there, or makes no sense.
        """
        from treadle.lab.layouts import load_layouts
        from treadle.lab.schema import load_schema

        if (root / places.SEGMENTED).is_file():
            raise treadle.UsageError(
                f"{str(root)!r} holds segments, not measurements", hint="name another folder"
            )
        if limit is not None and limit < 1:
            raise treadle.UsageError(f"limit must be 1 or more, got {limit!r}", hint="limit=10")
        if not isinstance(schema, Schema):
            schema = load_schema(schema)
        found = load_layouts([layouts] if isinstance(layouts, str) else layouts)
        name = str(local_tz or places.read_json(root / places.STAGED).get("local_tz") or "")
        name = name or machine_zone()
        zone(name)  # or say that there is no such zone
        one = StageOne(root, schema, found, name, strict, only_schema_columns)
        files = RawFiles(
            raw,
            layouts=found,
            version=_version(one),
            exclude=[exclude] if isinstance(exclude, str) else exclude,
            limit=limit,
        )
        files.spare(root)
        return cls(raw, root, schema, one, files)

    @property
    def name(self) -> str:
        """What the run is called in the record."""
        return f"{NAME}{self.raw}"

    def decide(self) -> None:
        """Note what later stagings into the same root, and its segmentation, shall take over."""
        from treadle.lab.schema.text import show

        places.keep_text(self.root / places.STAGED, json.dumps({"local_tz": self.one.local_tz}))
        places.keep_text(self.root / places.SCHEMA, show(self.schema))


def _version(one: StageOne) -> str:
    """Return text that differs when the same file would be staged differently."""
    says = [FORMAT, one.schema.digest(), one.local_tz, one.strict, one.only_schema_columns]
    says += map(_version_of, one.layouts)
    return hashlib.sha256(repr(says).encode()).hexdigest()[:16]


def _version_of(layout: Layout) -> str:
    """Return text that differs when another layout, or another text of it, reads the files."""
    kind = type(getattr(layout, "layout", layout))  # one from a file is wrapped
    if kind is type(layout) and kind.__module__.startswith(f"{treadle.__name__}."):
        return layout.name  # FORMAT says when ours have changed
    try:
        source = inspect.getsource(kind)
    except (OSError, TypeError):
        source = ""
    return f"{layout.name} {hashlib.sha256(source.encode()).hexdigest()[:16]}"
