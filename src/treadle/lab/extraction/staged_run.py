"""A staged run as extractors see it: what its header says, and its columns as numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from treadle.lab.extraction.model import NotApplicable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from treadle.lab.chips import Chip

    Numbers = NDArray[np.float64]


class StagedRun:
    """
    One measurement.

    Made by hand it serves in tests and notebooks::

        StagedRun("IVg", {"Vg (V)": vg, "I (A)": current}, vds_v=0.1)

    Args:
        procedure: Its procedure.
        columns: Its columns, by name with unit; all of one length, in the order of measurement.
        chip: What is known of its device; None: nothing.
        facts: Its row of the manifest, or some columns of that.
    """

    def __init__(
        self,
        procedure: str,
        columns: Mapping[str, ArrayLike],
        *,
        chip: Chip | None = None,
        **facts: Any,
    ) -> None:
        self.procedure = procedure
        self.chip = chip
        self.facts: Mapping[str, Any] = {"proc": procedure, **facts}
        self._columns = columns

    @property
    def run_id(self) -> str:
        """Its id."""
        return str(self.facts.get("run_id", ""))

    @property
    def flags(self) -> tuple[str, ...]:
        """What staging has flagged: ``DEAD_FLAT_IVG``."""
        return tuple(self.facts.get("flags") or ())

    @property
    def parameters(self) -> dict[str, Any]:
        """The values of its header, by the names that they have there."""
        text = self.facts.get("parameters")
        return dict(json.loads(text)) if text else {}

    def has(self, *names: str) -> bool:
        """Tell whether it has all of these columns, with at least one number in each."""
        return all(
            name in self._columns and bool(np.isfinite(self.column(name)).any()) for name in names
        )

    def column(self, name: str) -> Numbers:
        """
        Return a column in the order of measurement; NaN where nothing was measured.

        Raises:
            NotApplicable: There is no such column.
        """
        if name not in self._columns:
            raise NotApplicable(f"no column {name!r}")
        return np.asarray(self._columns[name], dtype=np.float64)

    def together(self, *names: str) -> list[Numbers]:
        """
        Return columns without the rows in which one of them has no finite number.

        Raises:
            NotApplicable: One of them is not there.
        """
        columns = [self.column(name) for name in names]
        whole = np.all([np.isfinite(column) for column in columns], axis=0)
        return [column[whole] for column in columns]

    def number(self, name: str) -> float | None:
        """Return a number of the manifest such as ``vds_v``; None where it has none."""
        value = self.facts.get(name)
        return None if value is None else float(value)
