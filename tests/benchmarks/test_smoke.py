"""The benchmark scripts run, every one of them: what they measure is not looked at here.

Those that take longest even when they hurry are left to ``make chaos``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(240)  # some take 20 s; on a busy machine, many times as long

ROOT = Path(__file__).resolve().parents[2]
CASES = ("tiny_items", "memory", "crash", "timeouts", "interrupt", "coroutines")
LONG_CASES = ("uneven_items", "arrays", "start_up")
STEPS_OF_CODE = "job,importing,quality"
LONG_STEPS_OF_CODE = "speed,linear,incremental"


@pytest.mark.slow
@pytest.mark.parametrize(
    "cases",
    [CASES, pytest.param(LONG_CASES, marks=pytest.mark.chaos)],
    ids=["brief", "long"],
)
def test_every_case_measures_treadle_and_prints_its_lines_of_the_table(cases):
    command = [sys.executable, "-m", "benchmarks.run_all", "--quick", "--peers", "none"]
    command += ["--only", ",".join(cases)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for case in cases:
        assert f"## {case}\n" in done.stdout
    assert "| case | unit | treadle | best peer | ratio | target | reached |" in done.stdout


@pytest.mark.slow
def test_the_laboratory_is_measured_beside_its_floor():
    """It also compares what is staged with what its tree holds."""
    command = [sys.executable, "-m", "benchmarks.lab", "--quick", "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "stage 150 files" in done.stdout


@pytest.mark.slow
def test_prompts_are_measured_beside_a_bare_loop():
    """It also compares every answer with what the server says."""
    command = [sys.executable, "-m", "benchmarks.prompts", "--quick", "--peers", "none"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "200 rows, 100 at once" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (STEPS_OF_CODE, "functions that fit and are whole"),
        pytest.param(LONG_STEPS_OF_CODE, "python, one process", marks=pytest.mark.chaos),
    ],
    ids=["brief", "long"],
)
def test_chunking_is_measured_beside_parsing_alone(steps, said):
    """It also joins the chunks of every file and compares them with it."""
    command = [sys.executable, "-m", "benchmarks.code", "--quick", "--peers", "none"]
    command += ["--only", steps]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert said in done.stdout


def test_a_peer_nobody_knows_is_refused_with_the_names_of_those_that_are_known():
    command = [sys.executable, "-m", "benchmarks.tiny_items", "--quick", "--peers", "pandas"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "unknown peers ['pandas']" in done.stderr
    assert "joblib" in done.stderr
