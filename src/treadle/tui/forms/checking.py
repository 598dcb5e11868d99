"""What is wrong with the values of a form, said by those who read them on the command line.

The parser of the command goes first, then what the command itself does with what it got, up to
where it would begin. Nothing is run, and no code of a user is loaded. Readers stop at the first
thing that is wrong; so the value that it names is taken out, and they are asked again.
"""

from __future__ import annotations

import difflib
import inspect
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treadle import MissingExtra, TreadleError
from treadle.tui.forms import functions
from treadle.tui.forms.command_line import Values, given, typed
from treadle.tui.forms.fields import Field, Fields, Kind
from treadle.tui.forms.offers import Words, command_of
from treadle.tui.forms.places import exists, is_odd

WHOLE = ""
"""The name under which stands what is wrong with no field in particular."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """
    What is wrong, and what to do.

    Attributes:
        message: What, and which value.
        hint: What to do; may be empty.
        missing: Nothing is wrong but that it is not there.
    """

    message: str
    hint: str = ""
    missing: bool = False

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


def check(words: Words, fields: Fields, values: Mapping[str, Any]) -> dict[str, Wrong]:
    """
    Find all that is wrong with *values*.

    Args:
        words: The command.
        fields: Its fields.
        values: By the names of fields.

    Returns:
        What is wrong, by the name of the field, or :data:`WHOLE`; empty if it can begin.
    """
    wrong = _extra(words)
    left: Values = {
        field.name: values[field.name] for field in fields.all if _is_given(field, values)
    }
    for field in fields.all:
        if field.name in left:
            said = _own(field, values, words)
            if said is not None:
                wrong[field.name] = said
                _take_out(left, field)
    _ask_readers(words, fields, left, wrong)
    return wrong


def _is_given(field: Field, values: Mapping[str, Any]) -> bool:
    return given(field, values.get(field.name))


def _extra(words: Words) -> dict[str, Wrong]:
    """Say which libraries are missing."""
    try:
        _CHECKS_OF_EXTRAS.get(words[0], _nothing)()
    except MissingExtra as error:
        return {WHOLE: _of(error)}
    return {}


def _ask_readers(words: Words, fields: Fields, left: Values, wrong: dict[str, Wrong]) -> None:
    """Let the readers of the command look at what is *left*, until they find nothing more."""
    for _ in range(len(fields.all) + 1):
        try:
            missing = _read(words, fields, left)
        except Exception as error:
            said = _of(error)
            name = _field_of(error, said, fields, left)
            if name in wrong or (name != WHOLE and name not in left):
                wrong.setdefault(name, said)
                return
            wrong[name] = said
            field = fields.get(name)
            if field is None:
                return
            _take_out(left, field)
        else:
            for field in missing:
                wrong.setdefault(field.name, _missing(field))
            return


def _take_out(left: Values, field: Field) -> None:
    """Leave a wrong value out, or put in one that is right where there has to be one."""
    if field.flags or not field.needed:
        left.pop(field.name, None)
    else:
        left[field.name] = _stand_in(field)


def _stand_in(field: Field) -> Any:
    text = "module:name" if field.kind is Kind.FUNCTION else "."
    return [text] if field.several else text


def _read(words: Words, fields: Fields, values: Values) -> list[Field]:
    """Read *values* as the command does; return what is still missing."""
    complete = dict(values)
    absent = [field for field in fields.all if field.needed and field.name not in values]
    for field in absent:
        if not field.flags:
            complete[field.name] = _stand_in(field)
    command = command_of(words)
    argv = typed(words, fields, complete)[len(words) :]
    with command.make_context(words[-1], argv) as context:
        read = {name: None if value == () else value for name, value in context.params.items()}
    for field in absent:
        if field.name in read and not _is_needed_by_parser(command, field):
            read[field.name] = None
    found = _READERS.get(words[0], _as_read)(inspect.unwrap(command.callback), read)
    return [field for field in absent if not found.get(field.name)]


def _is_needed_by_parser(command: Any, field: Field) -> bool:
    return any(each.name == field.name and each.required for each in command.params)


# ── the readers of the commands; each returns what is set, by what was typed or by a file ────────


def _as_read(command: Callable[..., Any], read: Values) -> Values:  # noqa: ARG001  as the others
    return read


def _map(command: Callable[..., Any], read: Values) -> Values:  # noqa: ARG001  as the others
    from treadle.cli import plan
    from treadle.cli.commands import map as maps

    plan.check(maps.read(read))
    return {}


def _lab(command: Callable[..., Any], read: Values) -> Values:
    from treadle.lab.cli.options import merged
    from treadle.lab.selection import chips_of, since_of

    found = merged(command, read)
    for name, check_text in (("chips", chips_of), ("since", since_of)):
        if found.get(name):
            check_text(found[name])
    return found


def _prompts(command: Callable[..., Any], read: Values) -> Values:
    from treadle.prompts.cli.options import merged, python

    found = merged(command, read)
    python(found)
    return found


def _code(command: Callable[..., Any], read: Values) -> Values:
    from treadle.code.cli.options import check_roots, merged

    found = merged(command, read)
    check_roots(found.get("roots") or ())
    if found.get("dry_run"):
        found.setdefault("into", Path("-"))
    return found


_READERS: dict[str, Callable[[Callable[..., Any], Values], Values]] = {
    "map": _map,
    "lab": _lab,
    "prompts": _prompts,
    "code": _code,
}


def _nothing() -> None:
    """Need no library."""


def _lab_extra() -> None:
    from treadle.lab.extra import check_extra

    check_extra()


def _prompts_extra() -> None:
    from treadle.prompts.extra import check_extra

    check_extra()


def _code_extra() -> None:
    from treadle.code.extra import check_extra

    check_extra()


_CHECKS_OF_EXTRAS: dict[str, Callable[[], None]] = {
    "lab": _lab_extra,
    "prompts": _prompts_extra,
    "code": _code_extra,
}


# ── what can be said of one field alone ─────────────────────────────────────────────────────────


def _own(field: Field, values: Mapping[str, Any], words: Words) -> Wrong | None:
    value = values[field.name]
    texts = [value] if isinstance(value, str) else value
    if field.kind is Kind.CHOICE:
        return next((_no_choice(field, each) for each in texts if each not in field.choices), None)
    if not field.kind.is_place:
        return None
    if field.kind is Kind.FUNCTION:
        return _wrong_function(field, texts, values)
    for text in texts:
        said = _wrong_place(field, text, words)
        if said is not None:
            return said
    return None


def _no_choice(field: Field, text: str) -> Wrong:
    near = difflib.get_close_matches(text, field.choices, n=1)
    message = f"{field.label} takes {', '.join(field.choices)}, got {text!r}"
    return Wrong(message, f"did you mean {near[0]}?" if near else "")


def _wrong_function(field: Field, texts: list[str], values: Mapping[str, Any]) -> Wrong | None:
    beside = values.get("function") if field.metavar == "FUNCTION" else None
    for text in texts:
        # A layout may also be named by its own name; its command says what it knows.
        if field.several and ".py:" not in text:
            continue
        try:
            functions.check(text, beside if isinstance(beside, str) else None)
        except TreadleError as error:
            return _of(error)
    return None


def _wrong_place(field: Field, text: str, words: Words) -> Wrong | None:
    if text == "-":
        return None if field.made else Wrong(
            f"{field.label}: '-' is standard input, which a run from here has not",
            "choose a file; or copy the command line, and pipe into it",
        )  # fmt: skip
    if "\0" in text:
        return Wrong(f"{field.label} holds a null character", "no path has one")
    if field.made:
        return _wrong_new_place(field, text)
    path = Path(text)
    if is_odd(path):
        return Wrong(
            f"{field.label}: {text!r} is no regular file, and a form cannot look into it",
            "choose a file; or copy the command line, and run it in a terminal",
        )
    if words == ("map",) and field.name == "source":
        return None  # its reader knows patterns
    if not exists(path):
        return Wrong(f"there is no {_noun(field)} {text!r}", _near(path))
    if field.kind is Kind.FOLDER and not path.is_dir():
        return Wrong(f"{text!r} is no folder", "choose a folder")
    if field.kind is Kind.FILE and path.is_dir():
        return Wrong(f"{text!r} is a folder", "choose a file in it")
    return None


def _wrong_new_place(field: Field, text: str) -> Wrong | None:
    path = Path(text)
    if field.kind is Kind.FOLDER and path.is_file():
        return Wrong(f"{text!r} is a file", "name a folder")
    above = next((each for each in path.absolute().parents if exists(each)), None)
    if above is not None and not above.is_dir():
        return Wrong(f"{text!r} cannot be made: {str(above)!r} is a file", "name another folder")
    if above is not None and not exists(path) and not os.access(above, os.W_OK):
        return Wrong(f"{text!r} cannot be made: {str(above)!r} is read-only", "name another folder")
    return None


def _noun(field: Field) -> str:
    return {Kind.FILE: "file", Kind.FOLDER: "folder"}.get(field.kind, "file or folder")


def _near(path: Path) -> str:
    try:
        names = os.listdir(path.parent)[:1000]  # noqa: PTH208  names, not paths
    except OSError:
        return f"nor is there {str(path.parent)!r}" if path.parent != Path() else ""
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    return f"did you mean {path.parent / near[0]}?" if near else "ctrl+o browses"


def _missing(field: Field) -> Wrong:
    return Wrong(f"{field.label} is missing", "", missing=True)


# ── what readers say, and of which field ────────────────────────────────────────────────────────


def _of(error: Exception) -> Wrong:
    if isinstance(error, TreadleError):
        return Wrong(error.message, error.hint or "")
    if hasattr(error, "format_message"):  # the parser's; older typer takes them from click
        text = str(error.format_message())
        return Wrong(text[:1].lower() + text[1:].rstrip("."))
    raise error


def _field_of(error: Exception, said: Wrong, fields: Fields, values: Values) -> str:
    """Return which field an error is about: the first that it names, or whose value it shows."""
    param = getattr(error, "param", None)
    if param is not None and fields.get(param.name) is not None:
        return str(param.name)
    named = [
        (found.start(), field.name)
        for field in fields.all
        for each in (*field.flags, *field.off, *(() if field.flags else (field.metavar,)))
        if (found := re.search(rf"(?<![\w-]){re.escape(each)}(?![\w-])", said.message))
    ]
    if named:
        return min(named)[1]
    for name, value in values.items():
        texts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        if any(repr(each) in said.message for each in texts):
            return name
    return WHOLE
