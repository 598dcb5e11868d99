"""The chip file: what no measurement tells of a device, such as how thick its dielectrics are.

materials:                 # relative permittivity; hBN and biotite are known without being named
  hBN: [3.3, 3.7]
  biotite: [5, 6]
length_over_width: [3, 4]  # of all chips that say nothing else
chips:
  67: {material: hBN, top_hBN_nm: 54, bottom_dielectric_nm: 43}
  Alisson68: {material: biotite, top_hBN_nm: 58, bottom_dielectric_nm: 30}
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import treadle
from treadle.lab.places import CHIPS
from treadle.lab.schema.near import near

NAMES: Final = ("chips.yml", "config/chips.yml")
"""Where the file may stand below a folder, in the order in which they are looked for."""

VACUUM_PERMITTIVITY: Final = 8.8541878128e-12
"""In F/m: CODATA 2018."""

_DEEPEST: Final = 3
"""Levels of a sound file; an alias that holds itself has no end."""

_WORDS: Final = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "model_type": "must be a mapping of names to values",
    "dict_type": "must be a mapping of names to values",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be above zero",
    "string_type": "must be text",
}
"""Of the mistakes that pydantic finds, by their types."""

_MARKS: Final = ("treadle.toml", ".git")


@dataclass(frozen=True, slots=True)
class Range:
    """
    A quantity that is known to lie between two numbers.

    Attributes:
        low: The lower one.
        high: The higher one; the same where the quantity is known.
    """

    low: float
    high: float

    def at(self, share: float) -> float:
        """Return the number at *share* of the way: 0 the lowest, 0.5 the middle, 1 the highest."""
        return self.low + share * (self.high - self.low)


MATERIALS: Final[Mapping[str, Range]] = {"hBN": Range(3.3, 3.7), "biotite": Range(5.0, 6.0)}
"""
Relative permittivity out of plane of thin flakes; a file may say otherwise.

hBN: from one layer to many, Laturia et al., npj 2D Mater. Appl. 2 (2018) 6.
Biotite: as the laboratory takes it for its chips; a mica's is between 5 and 9.
"""

LENGTH_OVER_WIDTH: Final = Range(3.0, 4.0)
"""Of the channel between the voltage contacts, where a file does not say it."""


@dataclass(frozen=True, slots=True)
class Chip:
    """
    What the file says of one device.

    Attributes:
        name: Its key in the file: a number, or a name with the group.
        material: Of the bottom dielectric.
        top_nm: The thickness of the hBN on top, in nm.
        bottom_nm: The thickness of the bottom dielectric, in nm.
        top_permittivity: The relative permittivity of hBN.
        bottom_permittivity: The relative permittivity of the material.
        length_over_width: The length of the channel over its width.
        flake_area_um2: The area of the flake in square micrometres; None: not told.
    """

    name: str
    material: str
    top_nm: float
    bottom_nm: float
    top_permittivity: Range
    bottom_permittivity: Range
    length_over_width: Range
    flake_area_um2: float | None = None

    def capacitance(self, share: float = 0.5) -> float:
        """
        Return the capacitance of the gate per area, in F/m^2: both dielectrics in series.

        Args:
            share: Where in their ranges both permittivities are taken: 0 the lowest, 1 the highest.
        """
        thickness = self.top_nm / self.top_permittivity.at(share)
        thickness += self.bottom_nm / self.bottom_permittivity.at(share)
        return VACUUM_PERMITTIVITY / (thickness * 1e-9)


@dataclass(frozen=True, slots=True)
class ChipFile:
    """
    What is known of all chips.

    Attributes:
        path: The file.
        chips: The devices by their keys.
    """

    path: Path
    chips: Mapping[str, Chip]

    def of(self, chip_name: str | None, chip_number: int | None = None) -> Chip | None:
        """
        Return what is known of a device: by its name (``Alisson67``), else by its number.

        A number stands for the chips of that number in all groups.
        """
        for key in (chip_name, chip_number):
            if key is not None and (found := self.chips.get(str(key))) is not None:
                return found
        return None


def find_chips(stage_root: str | os.PathLike[str]) -> Path | None:
    """
    Look for the chip file of a project; never in the current folder, whatever that is.

    It is ``chips.yml`` or ``config/chips.yml`` in the folder that holds *stage_root* or in one
    above it, up to the first that holds ``treadle.toml`` or ``.git``. Where no folder does, only
    the one that holds *stage_root* counts.
    """
    above = Path(os.path.abspath(stage_root)).parents  # noqa: PTH100 - without '..' in it
    project = next((number for number, folder in enumerate(above) if _is_project(folder)), 0)
    for folder in above[: project + 1]:
        for name in NAMES:
            if (folder / name).is_file():
                return folder / name
    return None


def chips_for(
    stage_root: str | os.PathLike[str], metrics_root: str | os.PathLike[str] | None
) -> ChipFile | None:
    """
    Return what is known of the chips of a laboratory; None: nothing.

    Args:
        stage_root: As for :func:`find_chips`.
        metrics_root: Where the metrics are, with a copy of the chip file that was named when they
            were found: it counts where the project has none. None: there are no metrics.

    Raises:
        UsageError: The chip file cannot be read or is wrong.
    """
    found = find_chips(stage_root)
    kept = None if metrics_root is None else Path(metrics_root) / CHIPS
    if found is None and kept is not None and kept.is_file():
        found = kept
    return None if found is None else load_chips(found)


def _is_project(folder: Path) -> bool:
    return any((folder / mark).exists() for mark in _MARKS)


def load_chips(path: str | os.PathLike[str]) -> ChipFile:
    """
    Read a chip file.

    Raises:
        UsageError: It cannot be read or is wrong; the message names the file, the entry and what
            stands there.
        MissingExtra: PyYAML or pydantic is not installed.
    """
    path = Path(path)
    try:
        import pydantic
    except ModuleNotFoundError as error:
        raise treadle.MissingExtra("pydantic", "lab", purpose="checking chips.yml") from error
    from treadle.lab.chip_file import FileModel

    try:
        content = FileModel.model_validate(_content(path))
    except pydantic.ValidationError as error:
        raise _wrong(path, [_in_words(each) for each in error.errors()]) from None
    materials = {**MATERIALS, **content.materials}
    if mistakes := [
        f"chips.{name}.material: {chip.material!r} is not among the materials"
        f" ({_guess(chip.material, materials)})"
        for name, chip in content.chips.items()
        if chip.material not in materials
    ]:
        raise _wrong(path, mistakes)
    chips = {
        name: Chip(
            name,
            chip.material,
            chip.top_hBN_nm,
            chip.bottom_dielectric_nm,
            materials["hBN"],
            materials[chip.material],
            chip.length_over_width or content.length_over_width,
            chip.flake_area_um2,
        )
        for name, chip in content.chips.items()
    }
    return ChipFile(path, chips)


def _guess(material: str, materials: Mapping[str, Range]) -> str:
    meant = near(material, materials)
    return f"did you mean {meant!r}?" if meant else "give its permittivity below `materials`"


def _content(path: Path) -> object:
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise treadle.MissingExtra("PyYAML", "lab", purpose="reading chips.yml") from error
    try:
        text = path.read_text("utf-8-sig")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        _check_keys(path, node)
        return yaml.safe_load(text)
    except OSError as error:
        raise treadle.UsageError(
            f"{path}: {error.strerror or error}", hint="give the path of your chip file"
        ) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise treadle.UsageError(
            f"{path}: no YAML: {' '.join(str(error).split())}",
            hint="compare the indentation with the example in the documentation",
        ) from error


def _check_keys(path: Path, node: Any, place: str = "", deep: int = 0) -> None:
    """Refuse a key that stands twice: YAML would take the last one, without a word."""
    import yaml

    if not isinstance(node, yaml.MappingNode) or deep > _DEEPEST:
        return
    seen: set[str] = set()
    for key, value in node.value:
        name = f"{place}{key.value}"
        if name in seen:
            raise treadle.UsageError(
                f"{path}:{key.start_mark.line + 1}: {name} stands twice", hint="take one out"
            )
        seen.add(name)
        _check_keys(path, value, f"{name}.", deep + 1)


def _in_words(error: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in error["loc"] if part != "[key]") or "the file"
    kind = str(error["type"])
    what = _WORDS.get(kind, str(error["msg"]).removeprefix("Value error, "))
    return f"{place}: {what}" if kind == "missing" else f"{place}: {what}, got {error['input']!r}"


def _wrong(path: Path, mistakes: list[str]) -> treadle.UsageError:
    hint = "correct it" if len(mistakes) == 1 else f"correct these {len(mistakes)} entries"
    return treadle.UsageError("\n".join(f"{path}: {each}" for each in mistakes), hint=hint)
