"""Make the settings of the lanes: what a section says, else the environment, else the provider."""

from __future__ import annotations

import base64
import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import treadle
from treadle.prompts.faults import is_secret_header
from treadle.prompts.near import did_you_mean
from treadle.prompts.providers.base import Provider, site
from treadle.prompts.providers.registry import PROVIDERS, provider_named, provider_names
from treadle.prompts.values import LaneSettings, Secret

ALL = "*"
"""In place of a lane's name: all lanes."""

LIMITS = ("concurrency", "rpm", "tpm", "input_tpm", "output_tpm", "timeout", "shared")
"""The settings of a lane that say how fast; all lanes may have them in common."""

# What other programs call our settings.
_ELSEWHERE = {
    **dict.fromkeys(("base_url", "api_base", "endpoint"), "url"),
    **dict.fromkeys(("max_concurrency", "max_concurrent", "workers"), "concurrency"),
    **dict.fromkeys(("rps", "rate", "requests_per_minute"), "rpm"),
    **dict.fromkeys(("tps", "tokens_per_minute"), "tpm"),
    **dict.fromkeys(("api_key_env", "env_key"), "key_env"),
}
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_NO_SCHEME = re.compile(r"(?!https?://)")


def lanes(
    sections: Mapping[str, Mapping[str, Any]],
    overrides: Mapping[str, Mapping[str, Any]],
    environment: Mapping[str, str],
    *,
    defaults: Mapping[str, Any] | None = None,
    used: Iterable[str] = (),
    place: str,
) -> dict[str, LaneSettings]:
    """
    Return all lanes by name: one for each provider of ours, and those that have a section.

    Args:
        sections: By the names of lanes.
        overrides: What was typed, by the names of lanes or :data:`ALL`; goes over the sections.
        environment: Where keys, addresses and the variables in headers come from.
        defaults: What holds for each lane whose section does not say it, of :data:`LIMITS`.
        used: Names that may be those of providers of other packages. These are loaded, which can
            take seconds, only where they are asked for.
        place: Where the sections stand, for messages: ``treadle.toml: [prompts.lanes]``.

    Raises:
        UsageError: A section or a default cannot be used, or what was typed names no lane.
    """
    usual = _usual(defaults or {})
    names = [*PROVIDERS, *(name for name in sections if name not in PROVIDERS)]
    further = dict.fromkeys((*overrides, *used)).keys() - {ALL, *names}
    names += sorted(further & {*provider_names()}) if further else []
    for name in overrides.keys() - {ALL, *names}:
        raise treadle.UsageError(
            f"no lane is called {name!r}", hint=did_you_mean(name, names, called="lanes")
        )
    made: dict[str, LaneSettings] = {}
    for name in names:
        where = f"{place.removesuffix(']')}.{name}]"
        typed = {**overrides.get(ALL, {}), **overrides.get(name, {})}
        made[name] = _lane(name, sections.get(name, {}), usual, typed, environment, where)
    return made


def unset(section: Mapping[str, Any], environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the variables that the headers of *section* name and that are not set."""
    values = section.get("headers", {})
    texts = values.values() if isinstance(values, Mapping) else ()
    named = [name for text in texts if isinstance(text, str) for name in _variables(text)]
    return tuple(dict.fromkeys(name for name in named if not environment.get(name)))


def _lane(
    name: str,
    section: Mapping[str, Any],
    usual: Mapping[str, Any],
    typed: Mapping[str, Any],
    environment: Mapping[str, str],
    where: str,
) -> LaneSettings:
    values: dict[str, Any] = {}
    options: dict[str, Any] = {}
    for key, value in section.items():
        plain = key.replace("-", "_").lower()
        if plain in values:
            raise treadle.UsageError(f"{where} sets {key!r} twice", hint="with - or with _, once")
        if plain in _READERS:
            values[plain] = _READERS[plain](f"{where} {key}", value)
        else:
            _check_option(where, key, plain)
            options[plain] = _without_decimals(value)
    values = {**usual, **values}
    values |= {key: _READERS[key](key, value) for key, value in typed.items()}
    values.pop("price", None)  # for the list of prices
    provider = _provider(name, values.pop("provider", None), where)
    own_url = values.pop("url", None)
    url = own_url or _url_of(provider, environment)
    key_env = values.pop("key_env", None)
    if key_env is None:
        key_env = _key_env(provider, own_url)
    found = environment.get(key_env, "").strip() if key_env else ""
    headers = _filled(values.pop("headers", {}), environment)
    url, login = _login(url)
    if login:
        if any(header.lower() == "authorization" for header in headers):
            raise treadle.UsageError(
                f"{where} has a name and a password in its url, and Authorization in its headers",
                hint="one of them says who asks; leave the other out",
            )
        headers["Authorization"] = login
    if own_url is None or site(own_url) == site(provider.url):
        for header, variable in provider.header_envs.items():
            if environment.get(variable):
                headers.setdefault(header, environment[variable])
    values.setdefault("local", provider.local)
    return LaneSettings(
        name=name,
        provider=provider.name,
        url=url,
        key=Secret(found) if found else None,
        key_env=key_env,
        headers=headers,
        options=options,
        **values,
    )


def _usual(defaults: Mapping[str, Any]) -> dict[str, Any]:
    for key in defaults:
        if key not in LIMITS:
            raise treadle.UsageError(
                f"lane_defaults has an unknown setting {key!r}",
                hint=did_you_mean(key, LIMITS, called="settings"),
            )
    return {key: _READERS[key](f"lane_defaults {key}", value) for key, value in defaults.items()}


def _provider(name: str, named: str | None, where: str) -> Provider:
    wanted = named or name
    if named is None and name not in PROVIDERS and name not in provider_names():
        raise treadle.UsageError(
            f"{where} does not say which provider speaks to it",
            hint='provider = "openai" is for every server that speaks as OpenAI\'s',
        )
    try:
        return provider_named(wanted)
    except treadle.UsageError as error:
        raise treadle.UsageError(f"{where}: {error.message}", hint=error.hint) from error


def _url_of(provider: Provider, environment: Mapping[str, str]) -> str:
    """Return the address in the environment, else the provider's own."""
    names = [provider.url_env, "OLLAMA_HOST"] if provider.name == "ollama" else [provider.url_env]
    for name in names:
        text = environment.get(name, "").strip() if name else ""
        if text:
            return _address(name, text, provider.url)
    return provider.url.rstrip("/")


def _address(name: str, text: str, default: str) -> str:
    """Return *text* as a URL; ``OLLAMA_HOST`` may be a name or a port without anything else."""
    if _NO_SCHEME.match(text) and "://" not in text:
        host, _, port = text.rpartition(":") if re.search(r":\d+$", text) else (text, "", "")
        # What a server listens on is no address to call; there it means this machine.
        host = "127.0.0.1" if host in ("", "0.0.0.0") else host  # noqa: S104
        text = f"http://{host}:{port or urlsplit(default).port or 80}"
    return _url(name, text)


def _login(url: str) -> tuple[str, str]:
    """
    Return *url* without a name and password, and these as the header that they are sent as.

    A url is shown and recorded, and a password in it cannot be sent beside another header. They
    are for this address, so that they go before a key that is for any.
    """
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, ""
    name, _, password = login.partition(":")
    text = f"{unquote(name)}:{unquote(password)}"
    header = "Basic " + base64.b64encode(text.encode()).decode("ascii")
    return urlunsplit(parts._replace(netloc=host)), header if login else ""


def _key_env(provider: Provider, own_url: str | None) -> str:
    """
    Return the variable that the key comes from when nobody says.

    The key of a provider is for its own servers. A lane that leads elsewhere gets one only by
    ``key-env``, for it would hand the key to whoever is there.
    """
    if own_url is None or not provider.url:
        return provider.key_env
    return provider.key_env if site(own_url) == site(provider.url) else ""


def _filled(headers: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Put variables into the values of *headers*; a header with one that is not set is left out."""
    return {
        name: _VARIABLE.sub(lambda match: environment[match[1] or match[2]], text)
        for name, text in headers.items()
        if all(environment.get(each) for each in _variables(text))
    }


def _variables(text: str) -> list[str]:
    return [match[1] or match[2] for match in _VARIABLE.finditer(text)]


def _check_option(where: str, key: str, plain: str) -> None:
    """Let options of providers by, but not a slip of the pen, nor a key."""
    if plain in ("key", "api_key", "apikey", "token", "secret"):
        raise treadle.UsageError(
            f"{where} holds a key: {key}",
            hint='keys stand in the environment or in .env; key-env = "MY_KEY" names the variable',
        )
    # A narrow match: options of providers may resemble a setting, as `idle_timeout` does.
    close = difflib.get_close_matches(plain, _READERS, n=1, cutoff=0.75)
    meant = _ELSEWHERE.get(plain) or (close[0] if close else None)
    if meant is not None:
        raise treadle.UsageError(
            f"{where}: unknown setting {key!r}", hint=f"did you mean {meant.replace('_', '-')}?"
        )


def _without_decimals(value: Any) -> Any:
    """Return *value* with plain floats, as providers and JSON want them."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: _without_decimals(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_decimals(each) for each in value]
    return value


# ── how each setting is read ────────────────────────────────────────────────────────────────────


def _wrong(where: str, value: object, example: str) -> treadle.UsageError:
    shown = str(value) if isinstance(value, Decimal) else repr(value)
    return treadle.UsageError(f"{where} is {shown:.80}", hint=f"for example: {example}")


def _last(where: str) -> str:
    return where.rpartition(" ")[2]


def _text(where: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _wrong(where, value, f'{_last(where)} = "text in quotes"')
    return value.strip()


def _url(where: str, value: object) -> str:
    text = _text(where, value)
    try:
        parts = urlsplit(text)
        complete = parts.scheme in ("http", "https") and bool(parts.hostname)
        parts.port  # noqa: B018  raises where it is no number
    except ValueError:
        complete = False
    if not complete:
        raise _wrong(where, value, 'url = "https://example.org/v1"')
    return text.rstrip("/")


def _bool(where: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong(where, value, f"{_last(where)} = true")
    return value


def _whole(where: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _wrong(where, value, f"{_last(where)} = 8")
    return value


def _number(where: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise _wrong(where, value, f"{_last(where)} = 60")
    number = float(value)
    if not (math.isfinite(number) and number > 0):
        raise _wrong(where, value, f"{_last(where)} = 60")
    return number


def _headers(where: str, value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not _are_texts(value.values()):
        raise _wrong(where, value, 'headers = { X-Team = "$TEAM" }')
    for name, text in value.items():
        if is_secret_header(name) and text.strip() and not _VARIABLE.search(text):
            scheme = "Bearer " if name.lower().endswith("authorization") else ""
            raise treadle.UsageError(
                f"{where} holds a key: {name}",
                hint="keys stand in the environment or in .env; "
                f'{name} = "{scheme}$MY_KEY" names the variable',
            )
    return value


def _are_texts(values: Iterable[object]) -> bool:
    return all(isinstance(each, str) for each in values)


def _price(where: str, value: object) -> object:
    if not isinstance(value, (int, Decimal, dict)) or isinstance(value, bool):
        raise _wrong(where, value, "price = 0, or price = { input = 0.5, output = 1.5 }")
    return value


_READERS: dict[str, Callable[[str, object], Any]] = {
    "provider": _text,
    "url": _url,
    "key_env": _text,
    "headers": _headers,
    "concurrency": _whole,
    "rpm": _number,
    "tpm": _number,
    "input_tpm": _number,
    "output_tpm": _number,
    "timeout": _number,
    "shared": _bool,
    "local": _bool,
    "price": _price,
}
