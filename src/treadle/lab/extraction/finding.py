"""Which extractors there are: those of Treadle, of packages, and of files of one's own."""

from __future__ import annotations

import difflib
import functools
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import treadle
from treadle.lab.extraction.extractor import Extractor
from treadle.lab.named import module_named

if TYPE_CHECKING:
    from types import ModuleType

GROUP: Final = "treadle.lab.extractors"
"""The entry point group under which packages announce extractors, or modules that hold some."""

_HINT: Final = "name a file with @extractor functions in it: --extractor mine.py"


def all_extractors(further: Iterable[str | Extractor] = ()) -> list[Extractor]:
    """
    Return all extractors: ours, those of installed packages, and *further* ones.

    Args:
        further: Extractors; or files and modules, of which all that stand in them are taken.

    Raises:
        UsageError: A file cannot be imported or holds none; or two find a metric of one name.
    """
    from treadle.lab.extractors import BUILT_IN

    found = [*BUILT_IN, *_installed()]
    for each in further:
        found += [each] if isinstance(each, Extractor) else _of_place(each)
    _check_names(found)
    return found


def only(extractors: Sequence[Extractor], names: Sequence[str]) -> list[Extractor]:
    """
    Return those that are named, by their own names or by those of their metrics; all for none.

    Raises:
        UsageError: There is no such extractor or metric.
    """
    for name in names:
        known = sorted({n for each in extractors for n in (each.name, *each.metrics)})
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise treadle.UsageError(
                f"there is no metric {name!r}",
                hint=f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}",
            )
    wanted = set(names)
    return [each for each in extractors if not wanted or wanted & {each.name, *each.metrics}]


@functools.cache
def _installed() -> tuple[Extractor, ...]:
    found: list[Extractor] = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        thing = point.load()
        found += [thing] if isinstance(thing, Extractor) else _all_in(thing, point.value)
    return tuple(found)


def _of_place(place: str) -> list[Extractor]:
    found = _all_in(module_named(place, "extractors", _HINT), place)
    if not place.endswith(".py"):
        return found
    path = Path(place).resolve()
    source = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return [_OfFile(**{**_parts(each), "source": source}, path=str(path)) for each in found]


def _all_in(module: ModuleType, place: str) -> list[Extractor]:
    found = [each for each in vars(module).values() if isinstance(each, Extractor)]
    if not found:
        raise treadle.UsageError(f"there is no extractor in {place}", hint=_HINT)
    return list({each.name: each for each in found}.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfFile(Extractor):
    """
    An extractor of a file that no worker can import by name; the path and its name travel.

    Attributes:
        path: The absolute path of the file.
    """

    path: str

    def __reduce__(self) -> tuple[object, ...]:
        return (_again, (self.path, self.name))


def _again(path: str, name: str) -> Extractor:
    (found,) = (each for each in _of_place(path) if each.name == name)
    return found


def _parts(each: Extractor) -> dict[str, Any]:
    return {field.name: getattr(each, field.name) for field in fields(Extractor)}


def _check_names(extractors: Sequence[Extractor]) -> None:
    """Refuse two that find the same metric of the same procedure: who could tell them apart?"""
    owner: dict[tuple[str, str], str] = {}
    for each in extractors:
        for key in [
            (metric, procedure) for metric in each.metrics for procedure in each.procedures
        ]:
            if key in owner:
                raise treadle.UsageError(
                    f"the metric {key[0]!r} of {key[1]} is found by {owner[key]!r} "
                    f"and by {each.name!r}",
                    hint="give one of them another name",
                )
            owner[key] = each.name
    names = [each.name for each in extractors]
    for name in names:
        if names.count(name) > 1:
            raise treadle.UsageError(
                f"there are two extractors called {name!r}", hint="give one of them another name"
            )
