"""Python that a user names, by the path of a file or the name of a module, and its import."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import treadle

if TYPE_CHECKING:
    from types import ModuleType


def module_named(place: str, what: str, hint: str) -> ModuleType:
    """
    Import what *place* names: ``path/to/file.py`` or ``package.module``.

    A file gets a name that no other module has; named again, it is executed again only if it was
    edited. What it prints goes to stderr, as stdout is for data.

    Args:
        place: The path or the name.
        what: What is to be found there, for the message: ``"layout"``.
        hint: How such a thing is named.

    Raises:
        UsageError: There is no such file, or the import fails.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            if place.endswith(".py"):
                return _of_file(Path(place), hint)
            return importlib.import_module(place)
    except treadle.UsageError:
        raise
    except Exception as error:
        raise treadle.UsageError(
            f"importing the {what} from {place} failed with {type(error).__name__}: {error}",
            hint=hint,
        ) from error


def _of_file(path: Path, hint: str) -> ModuleType:
    path = path.resolve()
    if not path.is_file():
        raise treadle.UsageError(f"there is no file {str(path)!r}", hint=hint)
    # Workers name the same file again, and get the module that is loaded already.
    name = f"treadle.lab.file:{path}:{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
