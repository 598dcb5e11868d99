"""What makes a function an extractor: the metrics that it finds, and of what it finds them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, get_args

import treadle
from treadle.lab.extraction.model import Absent, Value
from treadle.lab.extraction.units import check_unit

Found: TypeAlias = Value | float | Absent
"""What an extractor says of one metric."""

Of = Literal["run", "pair", "group"]
CATEGORIES: Final = (
    "electrical", "photoresponse", "thermal", "optical", "structural", "stability",
)  # fmt: skip
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Extractor:
    """
    A function that finds metrics, and what it has declared of itself.

    Attributes:
        function: It takes a :class:`StagedRun`; two of them, the earlier one first, for a pair; a
            sequence of them for a group. It returns what it has found of each metric by name, or
            of its only metric; or raises :class:`Absent`.
        name: What it is called.
        version: Grows when its results change: all of them are found again then.
        metrics: The units of its metrics by their names.
        procedures: Those that it takes, with the columns without which it does not apply.
        category: One of :data:`CATEGORIES`.
        of: What it looks at: a run; a pair of runs of the same chip and procedure, one after the
            other in time; or a group of runs that agree in the columns *group_by*.
        group_by: Columns of the manifest.
        needs_chip: It needs what the chip file says of the device.
        source: What differs when the file that it stands in was edited: that counts as a new
            version. Empty for one that belongs to a package.
    """

    function: Callable[..., Mapping[str, Found] | Found]
    name: str
    version: str
    metrics: Mapping[str, str]
    procedures: Mapping[str, tuple[str, ...]]
    category: str
    of: Of = "run"
    group_by: tuple[str, ...] = field(default=())
    needs_chip: bool = False
    source: str = ""

    def __call__(self, *runs: Any) -> dict[str, Found]:
        """
        Return what is found of each metric.

        Raises:
            Absent: There is none of them, and this is why.
            UsageError: The function returned what it has not declared, or less.
        """
        found = self.function(*runs)
        by_name = found if isinstance(found, Mapping) else dict.fromkeys(self.metrics, found)
        if set(by_name) != set(self.metrics) or (len(by_name) > 1 and by_name is not found):
            raise treadle.UsageError(
                f"extractor {self.name!r} returned {_named(by_name, found)}, "
                f"and declares {', '.join(self.metrics)}",
                hint="return a value for each metric, or NotApplicable('why') in its place",
            )
        return dict(by_name)


def _named(by_name: Mapping[str, Found], found: object) -> str:
    return (", ".join(by_name) or "nothing") if by_name is found else repr(found)


def extractor(
    name: str,
    *,
    version: str,
    metrics: Mapping[str, str],
    procedures: Mapping[str, Sequence[str]],
    category: str,
    of: Of = "run",
    group_by: Sequence[str] = (),
    needs_chip: bool = False,
) -> Callable[[Callable[..., Mapping[str, Found] | Found]], Extractor]:
    """
    Make the decorated function an extractor of metrics.

    ``treadle lab metrics --extractor FILE.py`` uses all that stand in a file, and every package
    may bring some through the entry point ``treadle.lab.extractors``::

        @extractor(
            "on_off",
            version="1",
            metrics={"on_off_ratio": ""},
            procedures={"IVg": ["Vg (V)", "I (A)"]},
            category="electrical",
        )
        def on_off(run):
            (current,) = run.together("I (A)")
            return float(abs(current).max() / abs(current).min())

    Args:
        name: What it is called: lower case, with ``_`` between words.
        version: As for :class:`Extractor`, and so are the following ones.
        metrics: See there.
        procedures: See there.
        category: See there.
        of: See there.
        group_by: See there.
        needs_chip: See there.

    Raises:
        UsageError: A name, a unit or the category cannot be used, or something is missing.
    """
    for each in (name, *metrics):
        if not _NAME.fullmatch(each):
            raise treadle.UsageError(
                f"{each!r} cannot be the name of an extractor or a metric",
                hint="lower-case letters, digits and _: 'cnp_voltage'",
            )
    for unit in metrics.values():
        check_unit(unit)
    if category not in CATEGORIES:
        raise treadle.UsageError(
            f"there is no category {category!r}", hint=f"choose one of: {', '.join(CATEGORIES)}"
        )
    if of not in get_args(Of) or bool(group_by) != (of == "group"):
        raise treadle.UsageError(
            f"an extractor cannot be of={of!r} with group_by={tuple(group_by)!r}",
            hint="of='run', of='pair', or of='group' with columns of the manifest to group by",
        )
    if not metrics or not procedures or not version:
        raise treadle.UsageError(
            f"extractor {name!r} declares no metrics, no procedures or no version",
            hint="metrics={'name': 'V'}, procedures={'IVg': ['Vg (V)', 'I (A)']}, version='1'",
        )

    def decorate(function: Callable[..., Mapping[str, Found] | Found]) -> Extractor:
        return Extractor(
            function,
            name,
            version,
            dict(metrics),
            {each: tuple(columns) for each, columns in procedures.items()},
            category,
            of,
            tuple(group_by),
            needs_chip,
        )

    return decorate
