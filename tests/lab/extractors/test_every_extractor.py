"""What all the extractors that come with Treadle promise, whichever metric they find."""

from __future__ import annotations

import json
import math
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from treadle import lab
from treadle.lab.chips import Chip, Range
from treadle.lab.extraction import STATUSES, StagedRun
from treadle.lab.extractors import BUILT_IN
from treadle.lab.measuring.work import records_of

SAMPLES = Path(__file__).parents[1] / "samples"
CHIP = Chip("Demo1", "hBN", 20.0, 40.0, Range(3.3, 3.7), Range(3.3, 3.7), Range(3.0, 4.0))
FACTS = {"vds_v": 0.1, "has_light": True, "ids_a": 1e-6, "wavelength_nm": 385.0}
DECLARED = [
    pytest.param(each, procedure, id=f"{each.name}-{procedure}")
    for each in BUILT_IN
    for procedure in each.procedures
]
SAMPLED = {"IV", "IVg", "It", "LaserCalibration"}
UNTOLD = {"relaxation", "three_phase"}  # of one to four minutes: too short to tell a time constant


def noise(rows, seed):
    return np.random.default_rng(seed).normal(0, 1e-3, rows)


def sweep(*turns, step):
    """From each of the turning points to the next, all of them included."""
    legs = [
        np.linspace(start, end, round(abs(end - start) / step), endpoint=False)
        for start, end in pairwise(turns)
    ]
    return np.append(np.concatenate(legs), turns[-1])


def gate_sweep(column, sign, seed):
    gate = sweep(-4.0, 4.0, -4.0, step=0.05)
    signal = np.hypot(gate - 0.5, 0.4) + 0.5
    return {
        "Vg (V)": gate,
        column: (signal if sign > 0 else 1 / signal) + 0.1 * noise(len(gate), seed),
    }


def over_time(column, seed):
    """A steady drift; two minutes of light; the dark after it. Each answer is an exponential."""
    time = np.arange(0, 360, 0.25)
    lit = (time >= 120) & (time < 240)
    up = -np.expm1(-np.maximum(time - 120, 0) / 10)
    signal = 3 + np.where(time < 240, up, np.exp(-np.maximum(time - 240, 0) / 15))
    signal += np.where(time < 120, 0.2 * np.exp(-time / 20), 0) + noise(len(time), seed)
    return {"t (s)": time, column: 1e-6 * signal, "VL (V)": np.where(lit, 3.0, 0.0)}


def synthetic(procedure, seed=1):
    if procedure in {"It", "ITt", "It2"}:
        columns = over_time("I (A)", seed)
    elif procedure == "Vt":
        columns = over_time("VDS (V)", seed)
    elif procedure in {"IVg", "IVgT"}:
        columns = gate_sweep("I (A)", 1, seed)
    elif procedure == "VVg":
        columns = gate_sweep("VDS (V)", -1, seed)
    elif procedure == "IV":
        volts = sweep(0.0, -1.0, 0.0, 1.0, 0.0, step=0.02)
        columns = {"Vsd (V)": volts, "I (A)": volts / 1e4 + 1e-5 * noise(len(volts), seed)}
    else:
        assert procedure == "LaserCalibration"
        volts = np.arange(0, 5, 0.1)
        columns = {"VL (V)": volts, "Power (W)": 1e-6 * volts}
    return StagedRun(procedure, columns, chip=CHIP, **FACTS)


@cache
def samples(procedure):
    runs = []
    for path in sorted(SAMPLES.glob(f"*/{procedure}2*.csv")):
        try:
            measured = lab.read(path)
        except lab.NoData:
            continue
        columns = {name: measured.table[name].to_numpy() for name in measured.table.columns}
        runs.append(StagedRun(procedure, columns, chip=CHIP, **FACTS))
    return runs


def records(extractor, *runs):
    """Apply an extractor as the driver does: to a run, to a pair, or to a group."""
    given = (runs,) if extractor.of == "group" else runs if extractor.of == "pair" else runs[:1]
    found = records_of(extractor, given, "fingerprint")
    assert [each.metric for each in found] == list(extractor.metrics)
    return found


@pytest.mark.parametrize(("extractor", "procedure"), DECLARED)
def test_the_columns_that_it_names_are_those_of_the_procedure(extractor, procedure):
    known = lab.load_schema().get(procedure)
    assert known is not None
    assert extractor.procedures[procedure]
    assert set(extractor.procedures[procedure]) <= set(known.data)


@pytest.mark.parametrize(("extractor", "procedure"), DECLARED)
def test_it_finds_all_its_metrics_of_a_good_run(extractor, procedure):
    for each in records(extractor, synthetic(procedure), synthetic(procedure, seed=2)):
        assert (each.metric, each.status, each.reason) == (each.metric, "ok", None)
        assert each.uncertainty is None or each.uncertainty >= 0
        assert each.details is not None
        assert isinstance(json.loads(each.details), dict)


@pytest.mark.parametrize(
    ("extractor", "procedure"), [each for each in DECLARED if each.values[1] in SAMPLED]
)
def test_it_finds_its_metrics_of_real_runs_or_says_why_not(extractor, procedure):
    runs = samples(procedure)
    found = [
        each
        for earlier, later in zip(runs, [*runs[1:], runs[0]], strict=True)
        for each in records(extractor, earlier, later)
    ]
    assert {each.status for each in found} <= set(STATUSES) - {"error"}
    assert all(each.reason for each in found if each.status != "ok")
    if extractor.name not in UNTOLD:
        assert any(each.status == "ok" for each in found)


def altered(run, change):
    columns = {name: change(run.column(name)) for name in COLUMNS[run.procedure]}
    return StagedRun(run.procedure, columns, chip=run.chip, **FACTS)


COLUMNS = {
    procedure: sorted({name for each in BUILT_IN for name in each.procedures.get(procedure, ())})
    for procedure in {param.values[1] for param in DECLARED}
}
ODD = {
    "no rows": lambda column: column[:0],
    "one row": lambda column: column[:1],
    "two rows": lambda column: column[:2],
    "eleven rows": lambda column: column[:11],
    "zeros": np.zeros_like,
    "constant": np.ones_like,
    "no numbers": lambda column: np.full_like(column, np.nan),
    "gaps": lambda column: np.where(np.arange(len(column)) % 3 == 1, np.nan, column),
    "infinite": lambda column: np.where(np.arange(len(column)) % 7 == 3, np.inf, column),
    "aborted": lambda column: column[: len(column) * 2 // 5],
    "backwards": lambda column: column[::-1],
    "negative": lambda column: -column,
    "tiny": lambda column: column * 1e-60,
}


@pytest.mark.parametrize(("extractor", "procedure"), DECLARED)
def test_of_an_odd_run_it_finds_something_or_says_why_not(extractor, procedure):
    good = synthetic(procedure)
    for odd, change in ODD.items():
        run = altered(good, change)
        for each in records(extractor, run, run):
            assert each.status != "error", (odd, each.reason)
            assert (each.status == "ok") == (each.reason is None), odd
            if each.status == "ok":
                assert math.isfinite(each.value)
                assert 0 <= each.confidence <= 1


def test_metrics_have_one_owner_and_names_are_unique():
    names = [each.name for each in BUILT_IN]
    metrics = [(metric, each.procedures) for each in BUILT_IN for metric in each.metrics]
    assert len(set(names)) == len(names)
    assert len({metric for metric, _ in metrics}) == len(metrics)
