"""The settings of ``treadle lab`` that stand in a file, for those who do not type them each time.

They stand in ``treadle.toml`` of the current folder; folders above it are not searched, so that
what a command does never depends on a file that nobody thought of. ``--config PATH`` names another
file instead. A section for a command goes over what stands in ``[lab]`` for all of them::

    [lab]
    local-tz = "America/Santiago"
    workers = 6

    [lab.stage]
    raw-root = "data/01_raw"        # from the folder of this file, not from the current one
    strict = true

A key is the long name of an option, with ``-`` or ``_``. What is typed goes over what stands here.
Paths are taken from the folder of the file, that of a ``layout`` too.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from treadle.cli import Table

COMMANDS = ("stage", "segment", "metrics", "iv", "pipeline")
"""The commands that have a section of their own."""


def settings(
    command: str,
    path: str | os.PathLike[str] | None = None,
    known: Mapping[str, type] | None = None,
    *,
    of_others: Collection[str] = (),
) -> dict[str, object]:
    """
    Return what the file sets for *command*.

    Args:
        command: Such as ``"stage"``.
        path: The file; None for ``treadle.toml`` of the current folder, which need not be there.
        known: The options of the command, by their names with ``_``, and their types: bool, int,
            float, str, `Path`, or a list of one of them. A relative `Path` is taken from the
            folder of the file.
        of_others: Options that only other commands have; they may stand in ``[lab]`` too.

    Returns:
        The values by the names of *known*; what is not set is not there.

    Raises:
        UsageError: The file that was named is not there, is no TOML, or sets something that the
            command does not know or cannot use.
    """
    table = Table.load("lab", path)
    if table is None:
        return {}
    table.check_sections({*COMMANDS, command})
    return table.options(command, known or {}, of_others=of_others)
