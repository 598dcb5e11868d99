"""The adapter point: a layout takes the bytes of a raw file apart, and everything else is common.

A *layout* is the way a program writes its files. It finds the name of the procedure, the values of
the header, the names of the columns and the bytes that hold the rows; types, units, start times,
checks and Parquet are the business of those who read what it found. `PymeasureLayout` knows what
pymeasure writes. One for another program is a class with three members and two methods::

    class Layout:
        name = "my instrument"
        suffixes = (".dat",)

        def parse(self, path: Path, data: bytes) -> Raw | None: ...
        def companions(self, path: Path) -> Sequence[Path]: ...

which is named on the command line as ``FILE.py:Layout``, or which a package that is installed
announces under the entry point group ``treadle.lab.layouts``.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, runtime_checkable

import treadle
from treadle.lab.named import module_named
from treadle.lab.notes import Note

GROUP = "treadle.lab.layouts"
"""The entry point group under which packages announce their layouts."""


@dataclass(slots=True)
class Raw:
    """
    What a layout found in one file; nothing in it has a type yet.

    Attributes:
        procedure: The short name of the procedure, such as ``IVg``.
        parameters: What was set before the run, by name; text as a person would write it.
        metadata: What the program noted about the run, by name.
        columns: The names of the columns, in the order of the file.
        body: The lines below the column line: UTF-8. CRLF and CR become LF here, whatever the
            layout hands over.
        separator: What stands between two cells of a row.
        first_line: The number of the first line of ``body`` in the file, counted from 1.
        notes: What is worth telling about the header.
        is_whole: Whether the header is complete. False where the program stopped before the
            instruments had started.
    """

    procedure: str
    parameters: dict[str, str]
    metadata: dict[str, str]
    columns: list[str]
    body: bytes
    separator: str = ","
    first_line: int = 1
    notes: list[Note] = field(default_factory=list)
    is_whole: bool = True

    def __post_init__(self) -> None:
        if b"\r" in self.body:
            self.body = self.body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


@runtime_checkable
class Layout(Protocol):
    """One way in which a program writes its files."""

    @property
    def name(self) -> str:
        """What it is called in messages."""
        ...

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The endings of its files, in lower case: ``(".csv",)``."""
        ...

    def parse(self, path: Path, data: bytes) -> Raw | None:
        """
        Take the file *path*, whose content is *data*, apart.

        Returns:
            What it holds, or None where it is not of this layout; the next one is asked then.

        Raises:
            Rejected: It is of this layout, but cannot be used.
        """
        ...

    def companions(self, path: Path) -> Sequence[Path]:
        """Return the other files that `parse` reads for *path*; a change to one counts as one."""
        ...


def load_layouts(named: Iterable[str | Layout] = ()) -> tuple[Layout, ...]:
    """
    Return the layouts to ask, in order: *named*, those of installed packages, pymeasure's.

    Args:
        named: Layouts, or where to find them: ``module:Name`` or ``path/to/file.py:Name``.

    Raises:
        UsageError: One of them cannot be found, or is no layout.
    """
    found: list[Layout] = []
    for each in named:
        layout = _resolved(each) if isinstance(each, str) else _checked(each, repr(each))
        if layout not in found:
            found.append(layout)
    found += [layout for layout in _installed() if layout not in found]
    return tuple(found)


@functools.cache
def _installed() -> tuple[Layout, ...]:
    """Return the layouts of installed packages, by name, and pymeasure's after them."""
    from treadle.lab.layouts.pymeasure import PYMEASURE

    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return (*(_made(point.load(), f"{point.name} = {point.value}") for point in points), PYMEASURE)


def _resolved(text: str) -> Layout:
    """Return the layout that *text* names."""
    place, colon, name = text.rpartition(":")
    if not colon or not name.isidentifier():
        raise treadle.UsageError(
            f"{text!r} does not name a layout", hint="write module:Name or path/to/file.py:Name"
        )
    is_file = place.endswith(".py")
    module = module_named(place, "layout", "a layout is named module:Name or path/to/file.py:Name")
    if not hasattr(module, name):
        raise treadle.UsageError(f"{place} has nothing called {name!r}")
    layout = _made(getattr(module, name), text)
    return _OfFile(f"{Path(place).resolve()}:{name}", layout) if is_file else layout


@dataclass(frozen=True, slots=True)
class _OfFile:
    """
    A layout from a file that no worker can import by name; it travels as the text that names it.

    Attributes:
        text: The absolute path and the name.
        layout: The layout itself.
    """

    text: str
    layout: Layout = field(compare=False)

    @property
    def name(self) -> str:
        return self.layout.name

    @property
    def suffixes(self) -> tuple[str, ...]:
        return self.layout.suffixes

    def parse(self, path: Path, data: bytes) -> Raw | None:
        return self.layout.parse(path, data)

    def companions(self, path: Path) -> Sequence[Path]:
        return self.layout.companions(path)

    def __reduce__(self) -> tuple[object, ...]:
        return (_resolved, (self.text,))


def _made(thing: object, text: str) -> Layout:
    """Return the layout *thing*, or the one that the class *thing* makes."""
    if not isinstance(thing, type):
        return _checked(thing, text)
    try:
        return _checked(thing(), text)
    except TypeError as error:
        raise treadle.UsageError(
            f"the layout {text} cannot be made: {error}", hint="its class takes no arguments"
        ) from error


def _checked(thing: object, text: str) -> Layout:
    """Return *thing*, which has all that a layout must have."""
    if not isinstance(thing, Layout):
        missing = [m for m in ("name", "suffixes", "parse", "companions") if not hasattr(thing, m)]
        raise treadle.UsageError(
            f"{text} is no layout: it has no {', no '.join(missing)}",
            hint="a layout has: name, suffixes, parse(path, data), companions(path)",
        )
    return thing
