"""What ``procedures.yml`` may hold, as pydantic models, and how they become a schema.

Only `treadle.lab.schema.load` imports this, and late: pydantic has no place in a worker. Every
validator raises `PydanticCustomError`, whose text goes to the user as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic import Field as ModelField
from pydantic_core import PydanticCustomError

from treadle.lab.schema.near import near
from treadle.lab.schema.spec import (
    LONGEST_NAME,
    MANIFEST_COLUMNS,
    RESERVED_COLUMNS,
    Field,
    FieldType,
    Light,
    Procedure,
    Schema,
    is_name,
)


def _written_out(value: object) -> object:
    """``float`` alone means ``{type: float}``."""
    return {"type": value} if isinstance(value, str) else value


def _present(value: object) -> object:
    """A section whose entries are all commented out is null in YAML."""
    return {} if value is None else value


def _as_list(value: object) -> object:
    """One header name need not stand in brackets."""
    return [value] if isinstance(value, str) else value


def _usable(name: str) -> str:
    """Return *name*, which can be the name of a procedure."""
    if not is_name(name):
        raise PydanticCustomError("name", "it cannot be used")
    return name


def _free_column(name: str) -> str:
    """Return *name*, which can be the name of a data column."""
    if name in RESERVED_COLUMNS:
        raise PydanticCustomError("taken", "staged and segmented files have that column already")
    return name


def _free_manifest_column(name: str) -> str:
    """Return *name*, which can be the name of a further column of the manifest."""
    if name in MANIFEST_COLUMNS:
        raise PydanticCustomError("taken", "the manifest has that column already")
    return name


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class FieldModel(_Strict):
    """One header value or column, as it is written out in full."""

    type: FieldType
    required: bool = False
    unit: Annotated[str, ModelField(min_length=1)] | None = None

    @model_validator(mode="after")
    def _only_numbers_have_units(self) -> FieldModel:
        if self.unit is not None and self.type not in {"int", "float"}:
            raise PydanticCustomError(
                "unit", "type {type} cannot have a unit", {"type": repr(self.type)}
            )
        return self

    def spec(self) -> Field:
        """Return it as a plain value."""
        return Field(self.type, self.required, self.unit)


_Name = Annotated[str, ModelField(min_length=1)]
_ColumnName = Annotated[_Name, AfterValidator(_free_column)]
_Field = Annotated[FieldModel, BeforeValidator(_written_out)]
_Fields = Annotated[dict[_Name, _Field], BeforeValidator(_present)]
_Columns = Annotated[dict[_ColumnName, _Field], BeforeValidator(_present)]


class ConfigModel(_Strict):
    """How runs of a procedure are to be looked at."""

    light_detection: Light = "standard"
    requires_chip: bool = True
    sweep: str | None = None


class ProcedureModel(_Strict):
    """One entry under ``procedures:``."""

    # Not under the names they have in the file: pydantic takes `Config` for its own.
    parameters: _Fields = ModelField({}, alias="Parameters")
    metadata: _Fields = ModelField({}, alias="Metadata")
    data: _Columns = ModelField({}, alias="Data")
    config: Annotated[ConfigModel, BeforeValidator(_present)] = ModelField(
        ConfigModel(), alias="Config"
    )

    @model_validator(mode="after")
    def _sweeps_a_column(self) -> ProcedureModel:
        sweep = self.config.sweep
        if sweep is not None and sweep not in self.data:
            guess = near(sweep, self.data)
            raise PydanticCustomError(
                "sweep",
                "sweep names {sweep}, which is no column under Data{guess}",
                {"sweep": repr(sweep), "guess": f" (did you mean {guess!r}?)" if guess else ""},
            )
        return self

    def spec(self, name: str) -> Procedure:
        """Return it as a plain value."""
        return Procedure(
            name,
            _specs(self.parameters),
            _specs(self.metadata),
            _specs(self.data),
            self.config.light_detection,
            self.config.requires_chip,
            self.config.sweep,
        )


def _specs(fields: Mapping[str, FieldModel]) -> dict[str, Field]:
    return {name: each.spec() for name, each in fields.items()}


# Both are names of files or columns later: `proc=IVg/` and a column of the manifest.
_ProcedureName = Annotated[str, AfterValidator(_usable)]
_ManifestName = Annotated[
    str,
    ModelField(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$"),
    AfterValidator(_free_manifest_column),
]
_Aliases = Annotated[
    list[_Name], ModelField(min_length=1), BeforeValidator(_as_list)
]  # of one column of the manifest


class FileModel(_Strict):
    """The whole file."""

    ManifestColumnMap: Annotated[dict[_ManifestName, _Aliases], BeforeValidator(_present)] = {}
    procedures: Annotated[dict[_ProcedureName, ProcedureModel], BeforeValidator(_present)] = {}

    def spec(self) -> Schema:
        """Return it as a plain value."""
        return Schema(
            {name: each.spec(name) for name, each in self.procedures.items()},
            {name: tuple(each) for name, each in self.ManifestColumnMap.items()},
        )


def place(error: Mapping[str, Any]) -> tuple[object, ...]:
    """Return the keys that lead to what *error*, one of pydantic's, is about."""
    where: tuple[object, ...] = error["loc"]
    return (*where, "Config", "sweep") if error["type"] == "sweep" else where


def in_words(error: Mapping[str, Any]) -> tuple[str, str | None]:
    """
    Say what one error of pydantic means to somebody who wrote YAML.

    Args:
        error: One of ``ValidationError.errors()``.

    Returns:
        What is wrong and with which value, and what to do.
    """
    kind, where, value = error["type"], error["loc"], error["input"]
    name = where[-1] if where else ""
    if value is None and kind in {"model_type", "model_attributes_type", "string_type"}:
        return f"{name!r} has no value", "write one, or take the line out"
    match kind:
        case "extra_forbidden":
            known = _keys_at(where)
            guess = near(name, known)
            hint = f"did you mean {guess!r}?" if guess else f"known here: {', '.join(known)}"
            return f"unknown key {name!r}", hint
        case "literal_error":
            allowed = str(error["ctx"]["expected"]).replace(" or ", ", ").replace("'", "")
            words = allowed.split(", ")
            guess = near(value, words)
            hint = f"did you mean {guess!r}?" if guess else f"one of {', '.join(words)}"
            return f"unknown {name} {value!r} of {_owner(where)!r}", hint
        case "missing":
            return f"{where[-2]!r} has no {name}", "write for example {type: float, unit: V}"
        case "bool_type":
            return f"{name} is {value!r}", "write true or false"
        case "string_type" if name == "[key]":
            return f"the name {value!r} is not text", "put it in quotes"
        case "string_type":
            return f"{name!r} is {value!r}, which is not text", "put it in quotes"
        case "string_pattern_mismatch" | "name":
            at_most = f", {LONGEST_NAME} at most" if len(value) > LONGEST_NAME // 3 else ""
            return f"the name {value!r:.80} cannot be used", f"letters, digits and _ only{at_most}"
        case "taken":
            return f"the name {value!r} is taken: {error['msg']}", "choose another one"
        case "string_too_short":
            return "a name or a unit is empty", "write it, or take the line out"
        case "model_type" | "model_attributes_type" | "dict_type":
            hint = "write for example float or {type: float, unit: V}"
            return f"{name!r} is {value!r}", hint if _is_field(
                where
            ) else "indent its keys below it"
        case "list_type" | "too_short":
            return f"{name!r} has no list of header names", f"write for example {name}: [VDS, Vds]"
        case _:  # our own validators, above, say it in their words
            return f"{name!r}: {error['msg']}", None


def _owner(where: tuple[object, ...]) -> object:
    """Return the header name, column or procedure that the value at *where* belongs to."""
    return where[1] if where[2] == "Config" else where[-2]


def _is_field(where: tuple[object, ...]) -> bool:
    return len(where) == 4 and where[2] in {"Parameters", "Metadata", "Data"}


def _keys_at(where: tuple[object, ...]) -> list[str]:
    """Return the keys that the mapping around *where* may have."""
    match where:
        case (_,):
            model: type[BaseModel] = FileModel
        case (_, _, _):
            model = ProcedureModel
        case (_, _, "Config", _):
            model = ConfigModel
        case _:
            model = FieldModel
    return [field.alias or name for name, field in model.model_fields.items()]
