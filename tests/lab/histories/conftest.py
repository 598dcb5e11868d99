"""A laboratory made of the samples, once for all tests of histories; and one to change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from treadle import lab
from treadle.lab.measuring import metrics
from treadle.lab.places import MEASURED

SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture(scope="session")
def samples_out(tmp_path_factory):
    """OUT of the samples, staged and with a few metrics; nobody writes to it."""
    out = tmp_path_factory.mktemp("histories") / "out"
    lab.stage(SAMPLES, out / "stage", backend="inline", local_tz="America/Santiago")
    only = ["cnp_voltage", "delta_current", "calibration_max_power"]
    metrics(out / "stage", out / "metrics", only=only, backend="inline")
    return out


@pytest.fixture
def own_out(samples_out, tmp_path):
    """A copy of it."""
    out = Path(shutil.copytree(samples_out, tmp_path / "out"))
    notes = out / "metrics" / MEASURED  # it names the stage root that the metrics are of
    notes.write_text(notes.read_text("utf-8").replace(str(samples_out), str(out)), "utf-8")
    return out
