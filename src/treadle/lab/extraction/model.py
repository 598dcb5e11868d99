"""What an extractor finds of a metric: a value, or why there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import treadle


@dataclass(frozen=True, slots=True)
class Value:
    """
    One metric of one run, determined.

    Attributes:
        value: The number, in the unit that the extractor declares.
        uncertainty: Its standard uncertainty (one standard deviation) in the same unit; None where
            it is not known.
        confidence: From 0 to 1: how far the value can be trusted, by the checks of the extractor.
        flags: Names of what is odd: ``LOW_R_SQUARED``.
        details: What else is known: parameters of a fit, its quality, ranges. It is written as
            JSON; numbers, texts, lists and mappings of them.

    Raises:
        UsageError: The value is not a finite number, or the confidence is not from 0 to 1.
    """

    value: float
    uncertainty: float | None = None
    confidence: float = 1.0
    flags: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise treadle.UsageError(
                f"a metric must be a finite number, got {self.value!r}",
                hint="raise Undetermined('why') where there is none",
            )
        if not 0 <= self.confidence <= 1:
            raise treadle.UsageError(
                f"confidence must be from 0 to 1, got {self.confidence!r}", hint="confidence=1.0"
            )


class Absent(treadle.TreadleError):
    """
    There is no value, and this is why.

    An extractor raises it where it has none of its metrics, or gives it in the place of one.

    Args:
        reason: Why, in few words, the same for all runs with that reason: they are counted by it.
        hint: What to do about it.
        flags: Names of what is odd.
        details: What is known nevertheless.
    """

    status: ClassVar[str] = "undetermined"

    def __init__(
        self,
        reason: str,
        *,
        hint: str | None = None,
        flags: tuple[str, ...] = (),
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(reason, hint=hint)
        self.reason = reason
        self.flags = flags
        self.details = dict(details or {})


class NotApplicable(Absent):
    """The run is not of the kind that has this metric: a dark one has no photoresponse."""

    status: ClassVar[str] = "not_applicable"


class Undetermined(Absent):
    """The run should have this metric, but its data do not tell it: a fit did not converge."""

    status: ClassVar[str] = "undetermined"


class NoConfiguration(Absent):
    """Something that no measurement tells is not known, such as how thick the dielectric is."""

    status: ClassVar[str] = "no_configuration"


STATUSES = ("ok", "not_applicable", "undetermined", "no_configuration", "error")
"""What a record can say: there is a value; or why not. ``error``: the extractor itself failed."""
