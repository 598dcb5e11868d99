"""Write a folder of measurement files as a lab of years would hold, the same for the same seed.

    python -m benchmarks.lab_tree FOLDER --files 31806

The files are written as pymeasure writes them (CRLF, header in the order of the attributes,
``repr`` of floats, ``nan`` for what the hardware lacks), in folders as people name them. A quarter
are IV sweeps; 4 % are broken or odd in the ways that occur. What stands in the folder is told by
:class:`Expected`, which is printed, and kept beside the files as ``expected.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from operator import add
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FILES = 31_806  # as many as one of the users has
IV_SWEEPS = 7_636  # of them
RUNS_A_DAY = 90
LOCAL = timedelta(hours=3)  # the lab is at UTC-3
LINE_END = "\r\n"
TOLD = "expected.json"

# Share of all files, and whether they can be staged nevertheless.
ODDITIES = {
    "header only": (0.010, False),  # the instruments did not start
    "not a measurement": (0.008, False),  # an index or a timeline that a script left there
    "no procedure": (0.002, False),  # the first line was lost
    "utf-16": (0.002, False),  # opened and saved with an editor
    "two runs": (0.003, False),  # a second run appended to the first
    "cut": (0.004, True),  # the power failed in the middle of a row
    "ragged": (0.003, True),  # rows with a cell too few or too many
    "duplicate": (0.008, True),  # the same bytes under another path
}
# Share of the sound files that are no IV sweeps.
OTHERS = {"IVg": 0.55, "It": 0.30, "LaserCalibration": 0.09, "Vt": 0.03, "VVg": 0.03}

Numbers: TypeAlias = NDArray[np.float64]


@dataclass(slots=True)
class Expected:
    """
    What a tree holds.

    Attributes:
        files: All files that a search for ``*.csv`` finds, without the droppings of macOS.
        seed: What they were drawn from.
        runs: Distinct runs that can be staged, by procedure.
        odd: Files by the way in which they are broken or odd.
    """

    files: int
    seed: int
    runs: dict[str, int] = field(default_factory=dict)
    odd: dict[str, int] = field(default_factory=dict)

    @property
    def rejected(self) -> int:
        """Files that cannot be staged."""
        return sum(n for oddity, n in self.odd.items() if not ODDITIES[oddity][1])

    @property
    def staged(self) -> int:
        """Files that can be staged; duplicates among them, which are no runs of their own."""
        return self.files - self.rejected


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement, as it is to be written: what the header says, and the rows."""

    procedure: str
    parameters: dict[str, str]
    metadata: dict[str, str]
    columns: str
    rows: list[str]
    seconds: float

    def header(self) -> list[str]:
        """Return the lines of the header up to the parameters."""
        name = self.procedure
        first = f"#Procedure: <laser_setup.procedures.{name}.{name}>"
        return [first, "#Parameters:", *_entries(self.parameters)]

    def text(self) -> str:
        """Return the whole file."""
        head = [*self.header(), "#Metadata:", *_entries(self.metadata), "#Data:", self.columns]
        return LINE_END.join((*head, *self.rows, ""))

    def not_started(self) -> str:
        """Return the file that is left when the instruments did not start."""
        return LINE_END.join((*self.header(), "#Data:", self.columns, ""))


def _entries(values: dict[str, str]) -> list[str]:
    return [f"#\t{key}: {value}" for key, value in values.items()]


# --- the rows -----------------------------------------------------------------------------------


def _digits(values: Numbers, digits: int = 7) -> list[float]:
    """Round to as many digits as a Keithley sends."""
    with np.errstate(divide="ignore"):
        exponents = np.floor(np.log10(np.abs(values)))
    exponents = np.where(np.isfinite(exponents), exponents, 0.0)
    scale = 10.0 ** (digits - 1 - exponents)
    rounded: list[float] = (np.rint(values * scale) / scale).tolist()
    return rounded


@cache
def vsd_points(limit: float, step: float) -> Numbers:
    """Return the voltages of an IV sweep: half a millivolt off zero, and down, up and back."""
    out = np.append(np.arange(0.0005, limit, step), limit)
    back = np.append(np.arange(limit, step / 2, -step)[1:], 0.0005)
    return np.concatenate([[0.0], -out, -back, out, back, [0.0005 - step]])


@cache
def vg_points(limit: float, step: float, *, twice: bool) -> Numbers:
    """Return the gate voltages: down, up, down again when *twice*, and back to zero."""
    down, up = np.arange(0, -limit, -step), np.arange(-limit, limit, step)
    if twice:
        back = [np.arange(limit, -limit, -step), np.arange(-limit, 0, step)]
    else:
        back = [np.arange(limit, 0, -step)]
    return np.concatenate([down, up, *back, [0.0]])


@cache
def _beginnings(
    points: Callable[..., Numbers], limit: float, step: float, **how: bool
) -> list[str]:
    return [f"{value!r}," for value in points(limit, step, **how).tolist()]


def _rows(first: Sequence[str], second: Sequence[float], last: str | Sequence[str]) -> list[str]:
    cells = map(add, first, map(repr, second))
    if isinstance(last, str):
        return [row + last for row in cells]
    return list(map(add, cells, last))


class Writer:
    """
    Makes runs up, one after the other.

    Args:
        seed: Same seed, same runs.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.latest = "", b""  # name and content of the sound file before

    def run(self, procedure: str, start: float) -> Run:
        """Make one run up that starts at *start*."""
        return _MAKERS[procedure](self, start)

    # Each of these writes the header in the order of the attributes, as the program does.

    def iv(self, start: float) -> Run:
        """Make an IV sweep up."""
        limit, step = self.random.choice(((0.1, 0.01), (1.0, 0.05), (1.0, 0.02), (1.0, 0.01)))
        points = vsd_points(limit, step)
        signal = (points + 1e-6) * 10 ** self.random.uniform(-9, -4) * (1 + 0.02 * points)
        parameters = {
            **self._meter(burn_in=600),
            **self._chip(),
            **self._laser(0.0),
            "Procedure version": "2.0.1",
            "Sample": self._sample(),
            "Step time": "0 s",
            "VG": f"{self.random.randrange(-50, 50) / 10:g} V",
            "VSD end": f"{limit:g} V",
            "VSD start": f"{-limit:g} V",
            "VSD step": f"{step:g} V",
        }
        first = _beginnings(vsd_points, limit, step)
        return self._swept("IV", "Vsd (V),I (A)", parameters, first, signal, start)

    def ivg(self, start: float) -> Run:
        """Make a gate sweep up."""
        limit, step = self.random.choice(((5.0, 0.05), (4.0, 0.025), (5.0, 0.025), (1.0, 0.02)))
        points = vg_points(limit, step, twice=True)
        signal = self._ambipolar(points)
        if self.random.random() < 0.003:
            signal[self.random.randrange(len(signal))] = 9.9e37  # the range overflowed
        parameters = {
            **self._meter(burn_in=30),
            **self._chip(),
            **self._laser(self.random.choice((0.0, 2.22))),
            "Procedure version": "2.1.0",
            "Sample": self._sample(),
            "Step time": "0.05 s",
            "VDS": "0.1 V",
            **self._vg(limit, step),
        }
        first = _beginnings(vg_points, limit, step, twice=True)
        return self._swept("IVg", "Vg (V),I (A)", parameters, first, signal, start)

    def vvg(self, start: float) -> Run:
        """Make a gate sweep at constant current up."""
        limit, step = 5.0, 0.05
        points = vg_points(limit, step, twice=False)
        signal = _digits(1e-6 / self._ambipolar(points) * self._noise(len(points)))
        times = _digits(np.arange(len(points)) * 0.0835)
        parameters = {
            "NPLC": "1",
            "Vrange": "1 V",
            "Burn-in time": "30 s",
            **self._chip(current="1e-06 A"),
            **self._laser(0.0),
            "Procedure version": "1.0.0",
            "Sample": self._sample(),
            "Step time": "0 s",
            **self._vg(limit, step),
        }
        first = list(map(add, _beginnings(vg_points, limit, step, twice=False), map(repr, signal)))
        first = [f"{cells}," for cells in first]
        return self._finished("VVg", "Vg (V),VDS (V),t (s)", parameters, first, times, start)

    def it(self, start: float) -> Run:
        """Make a current in time up."""
        return self._timed("It", "t (s),I (A),VL (V)", "2.2.0", start)

    def vt(self, start: float) -> Run:
        """Make a voltage in time up."""
        return self._timed("Vt", "t (s),VDS (V),VL (V)", "1.1.0", start)

    def laser_calibration(self, start: float) -> Run:
        """Make the calibration of a laser up."""
        points = np.arange(51) * 0.1
        power = np.abs(points - 0.2) * 10 ** self.random.uniform(-6.5, -5) * self._noise(51)
        parameters = {
            "N_avg": "2",
            "Optical fiber": self.random.choice(("F1 (M92L02)", "F2 (M43L05)")),
            "Information": self._information(),
            "Laser wavelength": self._wavelength(),
            "Procedure version": "1.1.1",
            "Step time": "2 s",
            "Laser voltage end": "5 V",
            "Laser voltage start": "0 V",
            "Laser voltage step": "0.1 V",
        }
        metadata = {"Sensor model": "S120VC", "Start time": repr(start)}
        first = [f"{value!r}," for value in points.tolist()]
        rows = _rows(first, [value / 2 for value in _digits(power * 2, 10)], "")
        return Run("LaserCalibration", parameters, metadata, "VL (V),Power (W)", rows, 110.0)

    def _timed(self, procedure: str, columns: str, version: str, start: float) -> Run:
        period = self.random.choices((120, 240, 360, 480, 7200), (820, 120, 35, 24, 1))[0]
        times = np.arange(0.0, 1.5 * period, 0.0841)
        times[1:] += self.numbers.uniform(-4e-4, 4e-4, len(times) - 1)
        voltage = self.random.choice((1.39, 2.22, 3.14))
        lit = (times > period / 2) & (times <= period)
        drift = np.exp(-times / period) - 0.1 * lit
        scale = 1.0 if procedure == "Vt" else 10 ** self.random.uniform(-7, -4)
        signal = scale * (1 + 0.05 * drift) * self._noise(len(times))
        parameters = {
            **({} if procedure == "Vt" else {"Irange": "0.001 A"}),
            "NPLC": "1",
            "T step start time": "120 s",
            **({"Vrange": "1 V"} if procedure == "Vt" else {}),
            **self._chip(current="1e-06 A" if procedure == "Vt" else None),
            "Initial (current) T": "0 C",
            "Laser ON+OFF period": f"{period} s",
            **self._laser(voltage),
            "Procedure version": version,
            "Sample": self._sample(),
            "Sampling time (excluding Keithley)": "0 s",
            "Target T": "25 C",
            **({} if procedure == "Vt" else {"VDS": "0.1 V"}),
            "VG": f"{self.random.randrange(-50, 50) / 10:g} V",
        }
        cells = zip(_digits(times), _digits(signal), strict=True)
        first = [f"{time!r},{value!r}," for time, value in cells]
        return self._finished(
            procedure, columns, parameters, first, (lit * voltage).tolist(), start
        )

    def _swept(
        self,
        procedure: str,
        columns: str,
        parameters: dict[str, str],
        first: list[str],
        signal: Numbers,
        start: float,
    ) -> Run:
        signal = _digits(signal * self._noise(len(signal)))
        return self._finished(procedure, columns, parameters, first, signal, start)

    def _finished(
        self,
        procedure: str,
        columns: str,
        parameters: dict[str, str],
        first: list[str],
        second: list[float],
        start: float,
    ) -> Run:
        """Add the temperatures, and stop some runs early."""
        temperatures: str | list[str] = ",nan,nan,nan"
        if self.random.random() < 0.12:  # the sensor was connected
            plate = (25 + np.cumsum(self.numbers.integers(-1, 2, len(first))) * 0.01).round(2)
            clock = range(1024, 1024 + 83 * len(first), 83)
            cells = zip(plate.tolist(), clock, strict=True)
            temperatures = [f",{kelvin!r},22.9,{tick}.0" for kelvin, tick in cells]
        rows = _rows(first, second, temperatures)
        if self.random.random() < 0.01:  # somebody stopped it
            del rows[self.random.randrange(10, len(rows)) :]
        columns += ",Plate T (degC),Ambient T (degC),Clock (ms)"
        metadata = {"Start time": repr(start)}
        return Run(procedure, parameters, metadata, columns, rows, 0.0835 * len(rows) + 20)

    def _ambipolar(self, points: Numbers) -> Numbers:
        """Return the current of graphene: least at the neutrality point, more on both sides."""
        neutral, scale = self.random.uniform(-0.9, 0.9), 10 ** self.random.uniform(-6, -4)
        signal: Numbers = scale * (0.2 + np.sqrt((points - neutral) ** 2 + 0.1))
        return signal

    def _noise(self, n: int) -> Numbers:
        return 1 + self.numbers.normal(0, 2e-3, n)

    def _meter(self, burn_in: int) -> dict[str, str]:
        irange = self.random.choice(("0.0001", "0.001", "1e-06"))
        return {"Irange": f"{irange} A", "NPLC": "1", "Burn-in time": f"{burn_in} s"}

    def _chip(self, current: str | None = None) -> dict[str, str]:
        group = self.random.choices(("Alisson", "other", "Serbian"), (8, 1, 1))[0]
        return {
            "Chip group name": group,
            "Chip number": str(self.random.randrange(67, 82)),
            **({"Drain-Source current": current} if current else {}),
            "Information": self._information(),
        }

    def _laser(self, voltage: float) -> dict[str, str]:
        wavelength = self._wavelength() if voltage else "0"
        return {"Laser voltage": f"{voltage:g} V", "Laser wavelength": wavelength}

    @staticmethod
    def _vg(limit: float, step: float) -> dict[str, str]:
        return {"VG end": f"{limit:g} V", "VG start": f"{-limit:g} V", "VG step": f"{step:g} V"}

    def _information(self) -> str:
        # As the program escapes them: the header is ASCII.
        return self.random.choice(
            ("None", "iv test", "Light testing", r"despu\xe9s de 365 nm", r"l\xednea base", "")
        )

    def _sample(self) -> str:
        return self.random.choice(("A", "B", "D", "other"))

    def _wavelength(self) -> str:
        return str(self.random.choice((365, 385, 405, 455, 625, 850)))


_MAKERS: dict[str, Callable[[Writer, float], Run]] = {
    "IV": Writer.iv,
    "IVg": Writer.ivg,
    "VVg": Writer.vvg,
    "It": Writer.it,
    "Vt": Writer.vt,
    "LaserCalibration": Writer.laser_calibration,
}


# --- the files ----------------------------------------------------------------------------------


def expected(files: int = FILES, seed: int = 0) -> Expected:
    """Tell what a tree holds, without writing it."""
    found = Expected(files, seed)
    found.odd = {
        oddity: max(1, round(files * share))
        for oddity, (share, _) in ODDITIES.items()
        if files >= 100  # a tiny tree is sound
    }
    sound = files - sum(found.odd.values())
    found.runs["IV"] = round(files * IV_SWEEPS / FILES)
    rest = sound - found.runs["IV"]
    found.runs.update({procedure: round(rest * share) for procedure, share in OTHERS.items()})
    found.runs["IVg"] += sound - sum(found.runs.values())
    for oddity, procedure in _ODD_RUNS.items():
        found.runs[procedure] += found.odd.get(oddity, 0)
    return found


# What these files hold: they are runs in their own right.
_ODD_RUNS = {"cut": "It", "ragged": "IVg"}


def write(folder: Path, files: int = FILES, seed: int = 0) -> Expected:
    """
    Write a tree into *folder*, which need not exist.

    Args:
        folder: Where to; what stands there is left alone.
        files: How many.
        seed: Same seed and number, same files, to the byte.

    Returns:
        What was written.
    """
    found = expected(files, seed)
    writer = Writer(seed)
    plan = _plan(found, writer.random)
    day = date(2023, 3, 6)
    while today := plan[:RUNS_A_DAY]:
        del plan[:RUNS_A_DAY]
        _write_day(folder, day, today, writer)
        day += timedelta(days=3 if day.weekday() == 4 else 1)
    (folder / TOLD).write_text(json.dumps(asdict(found)) + "\n", encoding="utf-8")
    return found


def told(folder: Path) -> Expected:
    """Return what :func:`write` said of a tree."""
    there = json.loads((folder / TOLD).read_text(encoding="utf-8"))
    return Expected(**there)


def _plan(found: Expected, chooser: random.Random) -> list[tuple[str, str]]:
    """Return (oddity, procedure) of each file; the oddity is empty where there is none."""
    sound = Counter(found.runs)
    for oddity, procedure in _ODD_RUNS.items():
        sound[procedure] -= found.odd.get(oddity, 0)
    plan = [("", procedure) for procedure, n in sound.items() for _ in range(n)]
    for oddity, n in found.odd.items():
        plan.extend((oddity, _ODD_RUNS.get(oddity, "It")) for _ in range(n))
    chooser.shuffle(plan)
    # A duplicate needs something before it.
    first = next(index for index, (oddity, _) in enumerate(plan) if not oddity)
    plan[0], plan[first] = plan[first], plan[0]
    return plan


def _write_day(root: Path, day: date, plan: Sequence[tuple[str, str]], writer: Writer) -> None:
    folder = root / _folder_name(day, writer.random)
    folder.mkdir(parents=True)
    start = datetime(day.year, day.month, day.day, 9, tzinfo=UTC).timestamp()
    start += LOCAL.seconds + writer.random.randrange(3600)
    numbers = {procedure: _counting(writer.random) for procedure in _MAKERS}
    for number, (oddity, procedure) in enumerate(plan):
        path = folder / f"{procedure}{day}_{next(numbers[procedure])}.csv"
        run = writer.run(procedure, round(start + writer.random.random(), 7))
        start += run.seconds + writer.random.randrange(20, 120)
        data = run.text().encode("ascii")
        match oddity:
            case "":
                writer.latest = path.name, data
            case "duplicate":
                path, data = folder / f"copia {number}" / writer.latest[0], writer.latest[1]
                path.parent.mkdir()
            case "not a measurement":
                path, data = path.with_name(f"{path.stem}_metadata.csv"), _index(run, path.name)
            case _:
                data = _spoil(oddity, run, data, writer)
        path.write_bytes(data)
        os.utime(path, (start, start))
    if day.day == 1:  # what macOS leaves on a shared disk
        (folder / f"._{folder.name}.csv").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X")


def _folder_name(day: date, chooser: random.Random) -> str:
    month = ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic")
    by_person = f"Alisson_{day:%d}_{month[day.month - 1]}"
    names = (
        str(day),
        f"{day.year}/{by_person}_{day.year}",
        f"{day.year}/{day:%Y_%m_%d} Serbian Graphene",
    )
    return chooser.choices(names, (5, 4, 1))[0]


def _counting(chooser: random.Random) -> Iterator[int]:
    """Count the files of a day, with gaps where a name was taken."""
    number = 0
    while True:
        number += 1 if chooser.random() < 0.95 else 2
        yield number


def _index(run: Run, name: str) -> bytes:
    """Return a table of parameters as a script of the lab writes it."""
    head = ",".join((*run.parameters, "source_file"))
    rows = [",".join((*run.parameters.values(), f"{number}_{name}")) for number in range(20)]
    return "\n".join((head, *rows, "")).encode()


def _spoil(oddity: str, run: Run, data: bytes, writer: Writer) -> bytes:
    match oddity:
        case "header only":
            return run.not_started().encode("ascii")
        case "no procedure":
            return data.partition(b"\r\n")[2]
        case "utf-16":
            return data.decode("ascii").encode("utf-16")
        case "two runs":
            later = writer.run(run.procedure, float(run.metadata["Start time"]) + 600)
            return data + later.text().encode("ascii")
        case "cut":
            return data[: -writer.random.randrange(4, 30)]
        case "ragged":
            run.rows[3] += ",nan"
            run.rows[-2] = run.rows[-2].partition(",")[0]
            return run.text().encode("ascii")
        case _:
            raise AssertionError(oddity)


def main() -> None:
    """Write a tree, and print what it holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    found = write(asked.folder, asked.files, asked.seed)
    print(f"{found.files:,} files; {found.staged:,} can be staged, {found.rejected:,} cannot")
    print("runs:", ", ".join(f"{name} {n:,}" for name, n in found.runs.items()))
    print("odd: ", ", ".join(f"{name} {n:,}" for name, n in found.odd.items()))


if __name__ == "__main__":
    main()
