"""A chip that was never measured: its runs, metrics and curves; and a browser for its page."""

from __future__ import annotations

import json
import math
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from treadle.lab.page import About
from treadle.lab.page.about import _timed
from treadle.lab.places import part_of
from treadle.lab.roots import Roots

CHROMIUM = Path("/usr/bin/chromium")
HOSTILE = "</script><script>alert('1')</script> \"&amp;\" $x$ ñµ中\u202e"
PROCEDURES = ("IVg", "It", "IVg", "It", "Vt", "IV")
UNITS = {
    "cnp_voltage": ("V", "electrical"), "mobility_fe_holes": ("cm^2/V/s", "electrical"),
    "mobility_fe_electrons": ("cm^2/V/s", "electrical"), "delta_current": ("A", "photoresponse"),
    "linear_drift_current": ("A/s", "stability"),
}  # fmt: skip


def run_id(number: int) -> str:
    return f"{number:016x}"


def manifest_of(chip: str, number: int, information: str) -> dict:
    """Return the row of the run of that number."""
    proc = PROCEDURES[number % len(PROCEDURES)]
    start = datetime(2025, 9, 4, 12, tzinfo=UTC) + timedelta(hours=7 * number)
    return {
        "run_id": run_id(number), "proc": proc, "date_local": start.date(),
        "start_time_utc": start, "chip_group": chip, "chip_number": 67, "chip_name": f"{chip}67",
        "file_idx": number + 1, "has_light": number % 3 == 0, "vds_v": 0.1,
        "vg_fixed_v": -1.5 if proc == "It" else None, "ids_a": None,
        "laser_voltage_V": 3.5 if number % 3 == 0 else 0.0, "wavelength_nm": 455.0,
        "duration_s": 60.5, "rows": 61, "information": information if number == 2 else "None",
        "flags": ["DEAD_FLAT_IVG"] if number % 10 == 4 else [],
        "notes": ["info: FINE: nothing", f"warning: RAGGED_ROWS: {number} rows"][: number % 7],
        "source_file": f"2025/{proc}_{number}.csv", "local_tz": "America/Santiago",
        "path": part_of(proc, str(start.date()), run_id(number)), "optical_fiber": None,
    }  # fmt: skip


def record(row: dict, metric: str, number: int) -> dict:
    """Return the record of a metric of a run."""
    unit, category = UNITS[metric]
    sizes = {"A": 1e-7, "A/s": 1e-12, "cm^2/V/s": 900.0, "V": 1.0}
    value = sizes[unit] * (1 + 0.2 * math.sin(number))
    odd = number % 5
    return {
        "run_id": row["run_id"], "proc": row["proc"], "start_time_utc": row["start_time_utc"],
        "metric": metric, "category": category, "unit": unit,
        "status": "undetermined" if odd == 1 else "not_applicable" if odd == 2 else "ok",
        "value": None if odd in (1, 2) else value,
        "uncertainty": None if odd in (1, 2, 3) else 0.05 * value,
        "confidence": 0.8 if odd == 0 else 1.0,
        "flags": ["HIGH_HYSTERESIS"] if odd == 0 else [],
        "reason": "no leg covers the sweep" if odd == 1 else "dark run" if odd == 2 else None,
        "hint": "sweep further" if odd == 1 else None, "details": json.dumps({"points": number}),
        "extractor": "charge_neutrality", "version": "3",
    }  # fmt: skip


def table_of(row: dict) -> pl.DataFrame:
    """Return rows of a measurement."""
    sweep = [math.sin(i / 10) * 5 for i in range(61)]
    drain = [1e-6 * (2 + each * each) for each in sweep]
    seconds, laser = [float(i) for i in range(61)], [3.5 * (20 <= i < 40) for i in range(61)]
    columns = {
        "IVg": {"Vg (V)": sweep, "I (A)": drain},
        "IV": {"Vsd (V)": sweep, "I (A)": drain},
        "It": {"t (s)": seconds, "I (A)": drain, "VL (V)": laser},
        "Vt": {"t (s)": seconds, "VDS (V)": sweep, "VL (V)": laser},
    }
    return pl.DataFrame(columns[row["proc"]])


def frame_of(rows: list[dict]) -> pl.DataFrame:
    kind = {"start_time_utc": pl.Datetime("us", "UTC")}
    return pl.DataFrame(rows, schema_overrides=kind, infer_schema_length=None)


@pytest.fixture
def made(tmp_path):
    """Make what is known of a chip: ``made(runs=40, metrics=True, chip="Alisson")``."""

    def make(*, runs=40, metrics=True, chip="Alisson", information="None", files=40) -> About:
        rows = [manifest_of(chip, number, information) for number in range(runs)]
        for row in rows[-files:]:
            path = tmp_path / "out" / "stage" / row["path"]
            path.parent.mkdir(parents=True)
            table_of(row).write_parquet(path)
        frame = frame_of(rows)
        records = [
            record(row, metric, number) for number, row in enumerate(rows) for metric in UNITS
        ]
        found = frame_of(records)
        timed = _timed(frame)
        found = found.join(timed.select("run_id", "local", "has_light"), on="run_id")
        return About(
            chip=f"{chip}67",
            roots=Roots(tmp_path / "out", tmp_path / "out" / "stage", None, None, None),
            runs=timed,
            history=_history(frame, found if metrics else None),
            metrics=found if metrics else None,
            calibrations=timed.head(1) if metrics else timed.head(0),
            curves=found.head(0),
        )

    return make


def _history(rows: pl.DataFrame, found: pl.DataFrame | None) -> pl.DataFrame:
    """Return what the histories would say, in its form."""
    is_known = found is not None
    shown = rows.with_columns(
        seq=pl.int_range(1, pl.len() + 1),
        time_local=pl.col("start_time_utc").dt.strftime("%H:%M:%S"),
        summary=pl.format("{} in the dark", "proc"),
        calibration_status=pl.when("has_light").then(pl.lit("stale" if is_known else None)),
        calibration_run_id=pl.when("has_light").then(pl.lit(run_id(0) if is_known else None)),
        calibration_age_h=pl.when("has_light").then(30.25),
        irradiated_power_w=pl.when("has_light").then(1.5e-6),
    ).drop("information", "notes", "local_tz", "optical_fiber", "chip_group", "chip_number")
    if found is not None:
        wide = found.filter(status="ok").pivot(on="metric", index="run_id", values="value")
        shown = shown.join(wide, on="run_id", how="left")
    first = ["seq", "date_local", "time_local"]
    return shown.select(*first, pl.exclude(first))


@pytest.fixture(scope="module")
def chromium():
    """Start one browser for the tests of a module."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-zygote"],
        )
        yield started
        started.close()


@pytest.fixture
def browser(chromium):
    """Open pages in a real browser: ``with browser(path, width=…) as page``."""

    @contextmanager
    def opened(path, *, width=1300, scheme="light", script=True):
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=script,
        )
        page = context.new_page()
        page.heard, page.asked = [], []
        page.on("console", lambda message: page.heard.append(message.text))
        page.on("pageerror", lambda error: page.heard.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(path.resolve().as_uri())
        yield page
        context.close()

    return opened
