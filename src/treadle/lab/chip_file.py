"""What may stand in a chip file, checked by pydantic. Loaded only when one is read."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from treadle.lab.chips import LENGTH_OVER_WIDTH, Range

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _range(given: Any) -> Any:
    """Take a number, or the lowest and the highest one."""
    if isinstance(given, Range):
        return given
    ends = given if isinstance(given, list) else [given, given]
    if len(ends) != 2 or not all(_is_positive(each) for each in ends) or ends[0] > ends[1]:
        raise ValueError("must be a number above zero, or [lowest, highest]")
    return Range(float(ends[0]), float(ends[1]))


def _is_positive(given: object) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and 0 < given < 1e300


def _key(given: Any) -> Any:
    """Take the numbers of chips for the names that they are."""
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


Ranged = Annotated[Range, BeforeValidator(_range)]
Key = Annotated[str, BeforeValidator(_key)]


class ChipModel(BaseModel):
    """One device."""

    model_config = ConfigDict(extra="forbid")

    material: str
    top_hBN_nm: Positive  # noqa: N815 - as the laboratory writes it
    bottom_dielectric_nm: Positive
    length_over_width: Ranged | None = None
    flake_area_um2: Positive | None = None


class FileModel(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    materials: dict[str, Ranged] = Field(default_factory=dict)
    length_over_width: Ranged = LENGTH_OVER_WIDTH
    chips: dict[Key, ChipModel]
