"""Generation parameters as they are typed in cells, files and flags: what each value is.

A column ``param.temperature`` holds the temperature of each row. The type of the usual parameters
is known; of others, what is JSON is taken as such, and else as text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import treadle

PREFIX = "param."

RESERVED: Mapping[str, str] = {
    "model": "the column model, or --model LANE/MODEL, says which",
    "messages": "the prompt says them: -p, -c and --system",
    "stream": "--stream, or stream = true in a lane, has answers streamed",
}
"""What is sent beside the parameters, and so can be none of them; and what to do instead."""

_INTEGER = re.compile(r"[+-]?[0-9]+(\.0*)?")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def is_param(column: str) -> bool:
    """Tell whether a column holds a parameter."""
    return column.startswith(PREFIX) and column != PREFIX


def param_name(column: str) -> str:
    """Return the parameter that the column holds, such as ``temperature``."""
    return column.removeprefix(PREFIX)


def typed(name: str, text: str) -> Any:
    """
    Return the value of the parameter *name* that *text* stands for.

    ``null`` is None for all of them.

    Raises:
        BadRowError: The parameter is known and takes no such value; or it is none.
    """
    text = text.strip()
    if name in RESERVED:
        raise treadle.BadRowError(f"{name} is no parameter", hint=RESERVED[name])
    if text == "null":
        return None
    kind = KNOWN.get(name, _anything)
    try:
        return kind(text)
    except (ValueError, RecursionError) as error:
        raise treadle.BadRowError(
            f"{name}={text!r} is no {_CALLED[kind]}", hint=_HINTS[kind].format(name=name)
        ) from error


def parse_option(text: str) -> tuple[str, Any]:
    """
    Read what is typed after ``--param``, such as ``temperature=0.2``.

    Returns:
        Name and value.

    Raises:
        UsageError: There is no ``=``, no name or no value, or the value has the wrong type.
    """
    name, equals, value = text.partition("=")
    name = name.strip().removeprefix(PREFIX)
    if not equals or not name or not value.strip():
        raise treadle.UsageError(
            f"{text!r} sets no parameter", hint="such as --param temperature=0.2"
        )
    try:
        return name, typed(name, value)
    except treadle.BadRowError as error:
        raise treadle.UsageError(error.message, hint=error.hint) from error


def _integer(text: str) -> int:
    # Spreadsheets write 256.0 where a column has empty cells.
    if _INTEGER.fullmatch(text) is None:
        raise ValueError(text)
    return int(text.partition(".")[0])


def _number(text: str) -> int | float:
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(text)  # float() takes nan, inf and 1_0
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise ValueError(text)
    return int(text) if text.isdigit() else number


def _truth(text: str) -> bool:
    try:
        return _TRUTH[text.lower()]
    except KeyError:
        raise ValueError(text) from None


def _text(text: str) -> str:
    """Return the text itself, without the quotes that TOML and YAML allow around it."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        value = _json(text)
        if isinstance(value, str):
            return value
    return text


def _json(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> Any:
    """Refuse NaN and Infinity, which Python takes and no server does."""
    raise ValueError(constant)


def _object(text: str) -> dict[str, Any]:
    value = _json(text)
    if not isinstance(value, dict):
        raise ValueError(text)  # noqa: TRY004 - callers look for ValueError
    return value


def _list(text: str) -> list[Any]:
    value = _json(text)
    if not isinstance(value, list):
        raise ValueError(text)  # noqa: TRY004 - callers look for ValueError
    return value


def _texts(text: str) -> str | list[str]:
    """Read one text or a JSON list of texts, as ``stop`` takes them."""
    if not text.startswith("["):
        return _text(text)
    value = _list(text)
    if not all(isinstance(each, str) for each in value):
        raise ValueError(text)
    return value


def _anything(text: str) -> Any:
    try:
        return _json(text)
    except (ValueError, RecursionError):
        return text


KNOWN: Mapping[str, Callable[[str], Any]] = {
    "best_of": _integer,
    "max_completion_tokens": _integer,
    "max_output_tokens": _integer,
    "max_tokens": _integer,
    "n": _integer,
    "num_ctx": _integer,
    "num_keep": _integer,
    "num_predict": _integer,
    "repeat_last_n": _integer,
    "seed": _integer,
    "top_k": _integer,
    "top_logprobs": _integer,
    "frequency_penalty": _number,
    "min_p": _number,
    "presence_penalty": _number,
    "repeat_penalty": _number,
    "repetition_penalty": _number,
    "temperature": _number,
    "top_a": _number,
    "top_p": _number,
    "typical_p": _number,
    "logprobs": _truth,
    "parallel_tool_calls": _truth,
    "store": _truth,
    "reasoning_effort": _text,
    "service_tier": _text,
    "user": _text,
    "verbosity": _text,
    "stop": _texts,
    "stop_sequences": _list,
    "logit_bias": _object,
    "metadata": _object,
    "response_format": _object,
    "reasoning": _object,
    "thinking": _object,
    "functions": _list,
    "tools": _list,
    "format": _anything,  # Ollama: json, or a schema
    "keep_alive": _anything,
    "think": _anything,
    "tool_choice": _anything,
}
"""The usual parameters, and what reads each."""

_CALLED: Mapping[Callable[[str], Any], str] = {
    _integer: "whole number",
    _number: "number",
    _truth: "true or false",
    _text: "text",
    _texts: "text or JSON list of texts",
    _list: "JSON list",
    _object: "JSON object",
}
_HINTS: Mapping[Callable[[str], Any], str] = {
    _integer: "such as {name}=256",
    _number: "such as {name}=0.2, with a point",
    _truth: "write true or false",
    _text: "write it without quotes",
    _texts: 'such as {name}=END or {name}=["END", "\\n\\n"]',
    _list: "write JSON in brackets: [...]",
    _object: 'write JSON in braces, such as {{"type": "json_object"}}',
}
