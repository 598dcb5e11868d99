"""The form of a command, as questions: what it needs, then what else one may want to set."""

from __future__ import annotations

from typing import Any

from treadle import UsageError
from treadle.tui.forms import checking, offers
from treadle.tui.forms.command_line import line, typed
from treadle.tui.forms.fields import Field, Fields, Kind, fields_of
from treadle.tui.plain_lines import Lines
from treadle.tui.remembered import Remembered


def ask_command(lines: Lines, remembered: Remembered) -> list[str] | None:
    """
    Ask which command to start, and its options; None when none shall be.

    Raises:
        EOFError: Input has ended.
    """
    known = list(offers.offers())
    chosen = lines.choose(
        "Which command?",
        [f"{' '.join(each.words)}: {offers.about(each.words)}" for each in known],
    )
    if chosen is None:
        return None
    offer = known[chosen]
    fields = fields_of(offer)
    last = remembered.values(offer.words)
    values: dict[str, Any] = {}
    for field in fields.first:
        if field.needed or not field.flags:
            _ask(lines, field, values, last.get(field.name))
    while True:
        argv = _checked(lines, offer.words, fields, values)
        choices = ["start it"] * (argv is not None) + ["change or add an option", "do not start it"]
        answer = lines.choose("Ready?" if argv else "Something is missing", choices)
        word = None if answer is None else choices[answer]
        if word == "start it":
            remembered.remember(offer.words, values)
            if why := remembered.save():
                lines.say(f"the values cannot be kept for the next time: {why}")
            return argv
        if word != "change or add an option":
            return None
        _ask_option(lines, fields, values)


def _checked(
    lines: Lines, words: tuple[str, ...], fields: Fields, values: dict[str, Any]
) -> list[str] | None:
    """Say the command line, or what is wrong with it."""
    wrong = checking.check(words, fields, values)
    for name, said in wrong.items():
        field = fields.get(name)
        lines.say(f"{field.label}: {said}" if field else str(said))
    if wrong:
        return None
    try:
        argv = typed(words, fields, values)
    except UsageError as error:
        lines.complain(error)
        return None
    lines.say("the command:", line(argv))
    return argv


def _ask_option(lines: Lines, fields: Fields, values: dict[str, Any]) -> None:
    flag = lines.ask("option, such as --workers; Enter lists them")
    named = [each for each in fields.all if flag and flag in (each.label, *each.flags)]
    if flag and not named:
        lines.say(f"there is no option {flag!r}")
    if not flag:
        chosen = lines.choose("Which option?", [_about(each, values) for each in fields.all])
        named = [] if chosen is None else [fields.all[chosen]]
    for field in named:
        _ask(lines, field, values, None)


def _about(field: Field, values: dict[str, Any]) -> str:
    value = values.get(field.name)
    now = "" if value is None else f", now {_shown(value)}"
    return f"{field.label}{now}: {field.help}"


def _ask(lines: Lines, field: Field, values: dict[str, Any], last: Any) -> None:
    """Ask for one value; Enter takes the last one, or takes it out where there is none."""
    if field.kind in (Kind.SWITCH, Kind.PAIR):
        values[field.name] = lines.agree(f"{field.label}: {field.help}")
        return
    if field.choices:
        chosen = lines.choose(f"{field.label}: {field.help}", field.choices)
        answer = "" if chosen is None else field.choices[chosen]
    else:
        many = ", several with a semicolon between them" if field.several else ""
        kept = f", Enter for {_shown(last)}" if last else ""
        answer = lines.ask(f"{field.label}: {field.help}{many}{kept}")
    if answer:
        parts = [part.strip() for part in answer.split(";")]
        values[field.name] = [part for part in parts if part] if field.several else answer
    elif last:
        values[field.name] = last
    else:
        values.pop(field.name, None)


def _shown(value: Any) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
