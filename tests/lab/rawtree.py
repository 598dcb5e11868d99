"""Raw files made for a test, what is left on disk of them, and the command run on them."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

from treadle.lab.places import RECORD

SAMPLES = Path(__file__).with_name("samples")
SOURCE = Path(__file__).parents[2] / "src"
PATIENCE = 40.0  # seconds; a net under busy machines
INLINE = {"backend": "inline"}

IV = """#Procedure: <laser_setup.procedures.IV.IV>\r
#Parameters:\r
#\tChip group name: Demo\r
#\tChip number: {chip}\r
#\tInformation: None\r
#\tLaser voltage: 0 V\r
#\tLaser wavelength: 0\r
#\tVSD start: -0.2 V\r
#\tVSD end: 0.2 V\r
#\tVSD step: 0.1 V\r
#Metadata:\r
#\tStart time: {start}\r
#Data:\r
Vsd (V),I (A)\r
"""
IVG = """#Procedure: <laser_setup.procedures.IVg.IVg>\r
#Parameters:\r
#\tChip group name: Demo\r
#\tChip number: {chip}\r
#\tVDS: 0.1 V\r
#\tVG start: -0.2 V\r
#\tVG end: 0.2 V\r
#\tVG step: 0.1 V\r
#Metadata:\r
#\tStart time: {start}\r
#Data:\r
Vg (V),I (A)\r
"""
CALIBRATION = """#Procedure: <__main__.LaserCalibration>\r
#Parameters:\r
#\tOptical fiber: F1 (M92L02)\r
#\tLaser wavelength: 405\r
#Metadata:\r
#\tSensor model: S120VC\r
#\tStart time: {start}\r
#Data:\r
VL (V),Power (W)\r
"""
HEADERS = {"IV": IV, "IVg": IVG, "LaserCalibration": CALIBRATION}
SWEEPS = {
    "IV": (0.0, -0.1, -0.2, -0.1, -0.05, 0.05, 0.1, 0.2, 0.1, 0.0),
    "IVg": (0.0, -0.1, -0.2, -0.1, 0.0, 0.1, 0.2, 0.1, 0.0, -0.1, -0.2, -0.1, 0.0),
    "LaserCalibration": (0.0, 0.1, 0.2),
}
NEW_YEAR = 1767225600.5  # 2026-01-01 in UTC


def raw_file(path: Path, procedure="IV", *, chip=1, start=NEW_YEAR, sweep=None) -> Path:
    """Write one measurement as the instrument's program would."""
    rows = "".join(f"{v},{v * 1e-6!r}\r\n" for v in sweep or SWEEPS[procedure])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((HEADERS[procedure].format(chip=chip, start=start) + rows).encode())
    return path


def raw_tree(root: Path, count: int) -> Path:
    """Write so many measurements of three procedures in a few folders, and three bad files."""
    procedures = ("IV", "IVg", "IV", "LaserCalibration")
    for number in range(count):
        name = procedures[number % 4]
        raw_file(
            root / f"day{number % 5}" / f"{name}_{number}.csv",
            name,
            chip=number % 7,
            start=NEW_YEAR + 1000 * number,
        )
    (root / "day0" / "empty_1.csv").write_text(IV.format(chip=1, start=0), newline="")
    (root / "day1" / "index.csv").write_text("file,comment\na,b\n")
    (root / "day1" / "more.csv").write_text("file,comment\nc,d\n")
    return root


def tree(root: Path) -> dict[str, str]:
    """Return the content of all that is shown to the world, by path."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and RECORD not in path.parts
    }


def unfinished(root: Path) -> list[str]:
    """Return the files that somebody has begun and nobody has ended; runs have rules of theirs."""
    return [str(path) for path in root.rglob("*.part") if "runs" not in path.parts]


def eventually(seen, patience: float = PATIENCE) -> bool:
    """Wait until *seen* returns something true; tell whether it did."""
    until = time.monotonic() + patience
    while not seen():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


def command(*arguments) -> list[str]:
    """Return the command line of ``treadle lab``."""
    return [sys.executable, "-m", "treadle", "lab", *map(str, arguments)]


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a program that finds our source."""
    rest = {name: v for name, v in os.environ.items() if name not in {"COLUMNS", "LINES", "CI"}}
    return {**rest, "PYTHONPATH": str(SOURCE), **more}


def start(*arguments, **options) -> subprocess.Popen:
    """Start ``treadle lab`` in a process group of its own."""
    return subprocess.Popen(
        command(*arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
        start_new_session=True,
        **options,
    )


def ended(process: subprocess.Popen) -> tuple[int, str, str]:
    """Wait for the end of a program; return exit code, stdout and stderr."""
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"the program did not end: {out}\n{err}") from None
    return process.returncode, out, err


def on_terminal(*arguments, columns: int = 80, **options) -> tuple[int, str]:
    """Run ``treadle lab`` on a terminal; return exit code and what it has written there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        command(*arguments),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(TERM="xterm-256color"),
        start_new_session=True,
        **options,
    )
    os.close(theirs)
    seen = b""
    try:
        while data := _read(ours):
            seen += data
    finally:
        os.close(ours)
    return process.wait(PATIENCE), seen.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # Linux: the other end was closed
        return b""


class Screen:
    """A terminal as a person sees it: rows, a cursor, wrapping; no more than is written to it."""

    def __init__(self, columns: int = 80) -> None:
        self.columns = columns
        self.rows: list[str] = [""]
        self.row = self.column = 0
        self.is_cursor_shown = True
        self.has_wrapped = False

    def feed(self, text: str) -> Screen:
        """Show *text*, as a terminal to which LF is sent as CR LF."""
        for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|[\s\S]", text):
            if part == "\n":
                self._down()
            elif part == "\r":
                self.column = 0
            elif part.startswith("\x1b["):
                self._control(part)
            else:
                self._put(part)
        return self

    @property
    def lines(self) -> list[str]:
        """What stands there, without blank lines at the end."""
        lines = [row.rstrip() for row in self.rows]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def _put(self, character: str) -> None:
        assert character.isprintable(), repr(character)
        if self.column == self.columns:
            self.has_wrapped = True
            self._down()
        row = self.rows[self.row].ljust(self.column)
        self.rows[self.row] = row[: self.column] + character + row[self.column + 1 :]
        self.column += 1

    def _down(self) -> None:
        self.row, self.column = self.row + 1, 0
        if self.row == len(self.rows):
            self.rows.append("")

    def _control(self, part: str) -> None:
        match part[-1]:
            case "A":
                self.row = max(self.row - int(part[2:-1] or 1), 0)
            case "K":
                is_whole = part[2:-1] == "2"
                self.rows[self.row] = "" if is_whole else self.rows[self.row][: self.column]
            case "J":
                self.rows[self.row] = self.rows[self.row][: self.column]
                del self.rows[self.row + 1 :]
            case "h" | "l":
                assert part[2:-1] == "?25", part
                self.is_cursor_shown = part[-1] == "h"
            case "m":
                pass
            case _:
                raise AssertionError(f"the terminal does not know {part!r}")
