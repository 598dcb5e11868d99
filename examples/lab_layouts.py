"""Two layouts for `treadle lab`: files of programs that are not built on pymeasure.

    treadle lab stage RAW STAGE --layout examples/lab_layouts.py:Named
    treadle lab stage RAW STAGE --layout examples/lab_layouts.py:Sidecar

A layout says where things stand in a file: procedure, header values, column names, rows. It leaves
all of them text. Types, units, checks, start times and Parquet are the same for all layouts.

`Named` is for tables without any header; what is known of the run stands in the file's name:

    IVg_Demo-12_50mV_20260102T153000Z_3.dat
        0.0<TAB>3.1
        -0.2<TAB>3.6

`Sidecar` is for plain CSV files with a column line, each beside a JSON file of the same name:

    sweep_1.csv     Vsd (V),I (A)
                    0.0,3.1e-06
    sweep_1.json    {"procedure": "IV", "started": "2026-01-02T15:30:00+01:00",
                     "settings": {"Chip group name": "Demo", "Chip number": 12, "VG": "0.5 V"}}
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path

from treadle import lab


class Named:
    """Tab-separated numbers without a header; the file's name tells the rest."""

    name = "named"
    suffixes = (".dat",)

    # Procedure, chip, drain voltage, start (UTC), number.
    _NAME = re.compile(r"([A-Za-z]+)_([A-Za-z]+)-([0-9]+)_([0-9.]+m?V)_([0-9]{8}T[0-9]{6}Z)_[0-9]+")

    def parse(self, path: Path, data: bytes) -> lab.Raw | None:
        """Return what stands in the file and in its name; None where it is no name of ours."""
        match = self._NAME.fullmatch(path.stem)
        if match is None:
            return None
        procedure, group, number, voltage, start = match.groups()
        if not data.endswith(b"\n"):
            data += b"\n"  # this program does not end its last line; else it would pass for torn
        return lab.Raw(
            procedure=procedure,
            parameters={"Chip group name": group, "Chip number": number, "VDS": voltage},
            metadata={"Start time": start},
            columns=["Vg (V)", "I (uA)"],  # stored as I (A), which is what the schema says
            body=data,
            separator="\t",
        )

    def companions(self, path: Path) -> Sequence[Path]:  # noqa: ARG002
        """Return nothing: no other file is read."""
        return ()


class Sidecar:
    """Plain CSV; a JSON file of the same name beside it tells the rest."""

    name = "sidecar"
    suffixes = (".csv",)

    def parse(self, path: Path, data: bytes) -> lab.Raw | None:
        """Return what stands in both files; None where there is no JSON file."""
        beside = path.with_suffix(".json")
        if not beside.is_file():
            return None  # another layout may know the file
        try:
            said = json.loads(beside.read_bytes())
            procedure, started = said["procedure"], said["started"]
            settings = said.get("settings", {})
        except (ValueError, KeyError, TypeError) as error:
            raise lab.Damaged(
                f"{beside.name} cannot be used: {error}",
                hint="it needs 'procedure' and 'started'",
            ) from error
        head, _, body = data.partition(b"\n")
        columns = next(csv.reader([head.decode("utf-8-sig", "replace").strip()]), [])
        return lab.Raw(
            procedure=procedure,
            parameters={name: str(value) for name, value in settings.items()},
            metadata={"Start time": started},
            columns=columns,
            body=body,
            first_line=2,  # the rows begin there; notes name lines as an editor counts them
        )

    def companions(self, path: Path) -> Sequence[Path]:
        """Return the JSON file: when it comes or changes, the run is staged again."""
        return (path.with_suffix(".json"),)
