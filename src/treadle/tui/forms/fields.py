"""What a person fills in, made of the arguments and options that a command declares.

Nothing is declared twice: an option that is added to a command is in its form. What is left out is
in :data:`LEFT_OUT`, with the reason.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from treadle.tui.forms.offers import Offer, command_of

LEFT_OUT = {
    "help": "each field shows its own",
    "progress": "the screen of the run is the display",
    "quiet": "stderr is kept, and shown with the run",
    "json": "stdout is for people here",
    "list_": "it tells what there is, and begins nothing",
    "verbose": "the screen of a failure shows tracebacks",
}
"""Options that have no field, by name, and why; further ones are those that a command hides."""


class Kind(Enum):
    """How a field is filled in."""

    TEXT = "text"
    NUMBER = "number"
    SWITCH = "switch"  # given or not
    PAIR = "pair"  # on, off, or as it is usual
    CHOICE = "choice"
    FILE = "file"
    FOLDER = "folder"
    PATH = "path"  # either
    FUNCTION = "function"

    @property
    def is_place(self) -> bool:
        """Whether a picker can fill it in."""
        return self in (Kind.FILE, Kind.FOLDER, Kind.PATH, Kind.FUNCTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """
    An argument or option.

    Attributes:
        name: What the command calls it.
        flags: How it is typed, the plainest first: ``--force``; empty for an argument.
        off: How its contrary is typed: ``--no-force``; empty if it has none.
        metavar: What stands for its value in the help; empty for what takes none.
        help: What the command says of it.
        kind: How it is filled in.
        default: The value that it has if nothing is typed, as far as the command declares it.
        choices: The values that it can have, if they are a few.
        several: It can have many values.
        needed: The command does not begin without it, unless a file of settings sets it.
        made: The place that it names need not be there.
        panel: The group in which the command's help shows it; may be empty.
        number: A whole number, or one with a point; None for what is none.
    """

    name: str
    flags: tuple[str, ...]
    off: tuple[str, ...] = ()
    metavar: str = ""
    help: str = ""
    kind: Kind = Kind.TEXT
    default: str = ""
    choices: tuple[str, ...] = ()
    several: bool = False
    needed: bool = False
    made: bool = False
    panel: str = ""
    number: type | None = None

    @property
    def label(self) -> str:
        """What it is called in the form, and in what is said of it."""
        return self.flags[0] if self.flags else self.metavar


@dataclass(frozen=True, slots=True)
class Fields:
    """
    The fields of a command.

    Attributes:
        first: Arguments, what is needed, and what is usual, in this order.
        further: All others, as the command declares them.
    """

    first: tuple[Field, ...]
    further: tuple[Field, ...]

    @property
    def all(self) -> tuple[Field, ...]:
        """Every field."""
        return (*self.first, *self.further)

    def get(self, name: str) -> Field | None:
        """Return the field called *name*."""
        return next((field for field in self.all if field.name == name), None)


def fields_of(offer: Offer) -> Fields:
    """Return the fields of a command, in the order in which a form shows them."""
    return fields_in(command_of(offer.words), offer)


def fields_in(command: Any, offer: Offer) -> Fields:
    """Return the fields of *command*, which *offer* is of."""
    hints = get_type_hints(inspect.unwrap(command.callback), include_extras=True)
    found = {
        param.name: _field(param, hints.get(param.name, str), offer)
        for param in command.params
        if param.name not in LEFT_OUT and not getattr(param, "hidden", False)
    }
    arguments = [name for name, field in found.items() if not field.flags]
    needed = [name for name, field in found.items() if field.needed and field.flags]
    usual = [name for name in offer.usual if name in found]
    first = tuple(dict.fromkeys([*arguments, *needed, *usual]))
    return Fields(
        tuple(found[name] for name in first),
        tuple(field for name, field in found.items() if name not in first),
    )


def _field(param: Any, hint: Any, offer: Offer) -> Field:
    is_argument = param.param_type_name == "argument"
    is_flag = bool(getattr(param, "is_flag", False))
    type_ = _plain(hint)
    off = tuple(param.secondary_opts)
    choices = () if is_flag else _choices(param.metavar or "", type_)
    default = param.default if isinstance(param.default, str | int | float) else None
    return Field(
        name=param.name,
        flags=() if is_argument else tuple(sorted(param.opts, key=_plainest)),
        off=off,
        metavar="" if is_flag else param.metavar or param.name.upper(),
        help=(param.help or "").rstrip("."),
        kind=_switch(off) if is_flag else _kind(param.metavar or "", type_, choices),
        default="" if default is None or is_flag else str(default),
        choices=choices,
        several=bool(param.multiple) or param.nargs == -1,
        needed=_is_needed(param, offer),
        made=param.name in offer.made,
        panel=getattr(param, "rich_help_panel", None) or "",
        number=type_ if type_ in (int, float) else None,
    )


def _is_needed(param: Any, offer: Offer) -> bool:
    # An argument that a file of settings may give is not required by the parser.
    is_argument = param.param_type_name == "argument" and param.name not in offer.spared
    return bool(param.required) or is_argument or param.name in offer.needed


def _plainest(flag: str) -> tuple[bool, int]:
    return not flag.startswith("--"), 0


def _switch(off: tuple[str, ...]) -> Kind:
    return Kind.PAIR if off else Kind.SWITCH


def _plain(hint: Any) -> Any:
    """Return the type of one value: without None, notes for the parser, and lists."""
    while True:
        origin, inner = get_origin(hint), get_args(hint)
        if origin is Annotated or origin is list or origin is tuple:
            hint = inner[0]
        elif origin is Union or type(hint).__name__ == "UnionType":
            hint = next(each for each in inner if each is not type(None))
        else:
            return hint


_WORDS = re.compile(r"[\w-]+(\|[\w-]+)+")
_FILES = {"FILE"}
_FOLDERS = {"DIR", "RAW", "STAGE", "OUT", "METRICS"}
_EITHER = {"PATH", "SOURCE", "ROOT"}


def _choices(metavar: str, type_: Any) -> tuple[str, ...]:
    if get_origin(type_) is Literal:
        return tuple(map(str, get_args(type_)))
    if isinstance(type_, type) and issubclass(type_, Enum):
        return tuple(str(each.value) for each in type_)
    return tuple(metavar.split("|")) if _WORDS.fullmatch(metavar) else ()


def _kind(metavar: str, type_: Any, choices: tuple[str, ...]) -> Kind:
    if choices:
        return Kind.CHOICE
    if metavar == "FUNCTION" or ":" in metavar:
        return Kind.FUNCTION
    if metavar in _FILES:
        return Kind.FILE
    if metavar in _FOLDERS:
        return Kind.FOLDER
    if metavar in _EITHER or type_ is Path:
        return Kind.PATH
    return Kind.NUMBER if type_ in (int, float) or metavar == "N" else Kind.TEXT
