"""What a file of many plots may hold, as pydantic models; every mistake with its line."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
)

import treadle
from treadle.lab.plotting.asked import DEFAULT_FORMATS, Asked, check_formats
from treadle.lab.plotting.catalog import entry_named
from treadle.lab.plotting.styles import style_named
from treadle.lab.roots import Roots
from treadle.lab.schema.near import near

# ── values ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Around:
    """Where a file of plots is, and which laboratory it is for."""

    folder: Path
    roots: Roots | None

    def style(self, name: str) -> str:
        """Return the name of a style, or the whole path of its file."""
        if not name.endswith(".mplstyle"):
            return name
        return str((self.folder / Path(name).expanduser()).absolute())


def _runs(value: object) -> object:
    """``4``, ``[4, 5]`` and ``"4-7"`` all mean runs."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _several(value: object) -> object:
    return [each.strip() for each in value.split(",")] if isinstance(value, str) else value


def _checked(check: Callable[[Any, _Around], object]) -> AfterValidator:
    """Let a value be refused by *check* with its own words."""

    def refuse(value: Any, said: ValidationInfo) -> Any:
        assert isinstance(said.context, _Around)
        try:
            check(value, said.context)
        except treadle.UsageError as error:
            raise ValueError("; ".join(filter(None, (error.message, error.hint)))) from error
        return value

    return AfterValidator(refuse)


_Size = Annotated[float, Field(gt=0.5, le=100)]
_Formats = Annotated[
    list[str], BeforeValidator(_several), _checked(lambda each, _: check_formats(each))
]
_Kind = Annotated[str, _checked(lambda name, around: entry_named(name, around.roots))]
_Style = Annotated[str, _checked(lambda name, around: style_named(around.style(name)))]


class _Look(BaseModel):
    """What plots may have in common."""

    model_config = ConfigDict(extra="forbid", validate_by_name=True, validate_by_alias=True)

    legend_by: str | None = None
    style: _Style | None = None
    formats: _Formats | None = None
    width: _Size | None = None
    height: _Size | None = None


class _One(_Look):
    kind: _Kind = Field(validation_alias=AliasChoices("kind", "type"))
    runs: Annotated[str, BeforeValidator(_runs)] = Field(
        "", validation_alias=AliasChoices("runs", "seq")
    )
    chip: str | int | None = None
    procedures: Annotated[list[str], BeforeValidator(_several)] = Field(default_factory=list)
    tag: Annotated[str, BeforeValidator(_runs)] = ""
    title: str | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    chip: str | int | None = None
    chip_group: str | None = None
    output_base: Path | None = None
    defaults: _Look = Field(default_factory=_Look)
    plots: list[_One] = Field(min_length=1)


# ── the file ────────────────────────────────────────────────────────────────────────────────────


def read(
    path: str | os.PathLike[str], roots: Roots | None = None
) -> tuple[list[Asked], Path | None]:
    """
    Read a file of plots.

    Args:
        path: Of the YAML file.
        roots: The laboratory, whose store may have metrics of somebody's own; None: it has none.

    Returns:
        The plots in their order, and the folder for their files if the file names one. Paths are
        taken from the folder of the file.

    Raises:
        UsageError: The file cannot be read or is wrong; the message names every line.
    """
    file = Path(path)
    try:
        text = file.read_text("utf-8-sig")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise treadle.UsageError(
            f"{str(file)!r} cannot be read: {why}", hint="name a YAML file with 'plots:'"
        ) from error
    except yaml.YAMLError as error:
        raise treadle.UsageError(
            f"{file}: {' '.join(str(error).split())}", hint="it is to be YAML"
        ) from error
    around = _Around(file.parent, roots)
    try:
        found = _File.model_validate(content, context=around)
    except ValidationError as error:
        raise _refused(file, node, error) from error
    asked = [_asked(found, one, around) for one in found.plots]
    _check_names(file, node, asked)
    base = found.output_base
    return asked, None if base is None else file.parent / base.expanduser()


def _asked(file: _File, one: _One, around: _Around) -> Asked:
    look = {**file.defaults.model_dump(exclude_none=True), **one.model_dump(exclude_none=True)}
    chip = one.chip if one.chip is not None else file.chip
    if file.chip_group and str(chip).isdecimal():
        chip = f"{file.chip_group}{chip}"
    return Asked(
        kind=entry_named(one.kind, around.roots).name,
        chip=chip,
        runs=one.runs,
        procedures=tuple(one.procedures),
        title=one.title,
        legend_by=look.get("legend_by"),
        style=around.style(look.get("style", "paper")),
        width=look.get("width"),
        height=look.get("height"),
        formats=check_formats(look.get("formats", DEFAULT_FORMATS)),
        tag=one.tag,
    )


def _check_names(file: Path, node: Any, asked: Sequence[Asked]) -> None:
    """Refuse plots that would be written over each other."""
    first: dict[str, int] = {}
    for number, one in enumerate(asked):
        before = first.setdefault(one.name.lower(), number)  # one file where case does not count
        if before != number:
            lines = [_line(node, ("plots", each)) for each in (before, number)]
            raise treadle.UsageError(
                f"{file}:{lines[1]}: plots[{number}] would be written over plots[{before}] of "
                f"line {lines[0]}: both are called {one.name!r}",
                hint="give one of them a tag",
            )


# ── mistakes ────────────────────────────────────────────────────────────────────────────────────


def _refused(file: Path, node: Any, error: ValidationError) -> treadle.UsageError:
    said = sorted((_line(node, each["loc"]), _in_words(each)) for each in error.errors())
    lines = list(dict.fromkeys(f"{file}:{line}: {what}" for line, what in said))
    return treadle.UsageError("\n".join(lines), hint="treadle lab plots --help shows such a file")


def _in_words(error: Mapping[str, Any]) -> str:
    """Say where an error is, and what it means to somebody who wrote YAML."""
    place = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in error["loc"])
    name = place.removeprefix(".") or "the file"
    if error["type"] == "extra_forbidden":
        key = error["loc"][-1]
        model = _One if error["loc"][0] == "plots" else _Look if len(error["loc"]) > 1 else _File
        meant = near(key, model.model_fields)
        guess = f"did you mean {meant}?" if meant else f"known: {', '.join(model.model_fields)}"
        return f"{name}: there is no such key; {guess}"
    if error["type"] == "missing":
        return f"{name} is missing"
    if error["type"] == "too_short":
        return f"{name} is empty: name at least one"
    if error["type"] == "value_error":  # with our own words
        return f"{name}: {error['msg'].removeprefix('Value error, ')}"
    value = error["input"]
    message = str(error["msg"]).replace("Input should", "it should")
    return f"{name}: {message}" + ("" if isinstance(value, (dict, list)) else f", got {value!r}")


def _line(node: Any, place: Sequence[Any]) -> int:
    """Return the line of what stands at *place*, or of the nearest around it."""
    if node is None:
        return 1
    line = node.start_mark.line + 1
    for key in place:
        if isinstance(node, yaml.MappingNode):
            found = next((pair for pair in node.value if pair[0].value == str(key)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int):
            node = node.value[key]
            line = node.start_mark.line + 1
        else:
            break
    return int(line)
