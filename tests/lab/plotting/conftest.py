"""A small laboratory of real samples, staged, segmented, measured and analysed once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from treadle import lab
from treadle.lab.analysing import iv
from treadle.lab.measuring import metrics
from treadle.lab.roots import roots

SAMPLES = Path(__file__).parents[1] / "samples"
FILES = (
    "2025-10-13/It2025-10-13_14.csv", "2025-10-13/It2025-10-13_28.csv",
    "2025-10-14/It2025-10-14_17.csv", "2025-10-14/IVg2025-10-14_20.csv",
    "2025-10-16/IVg2025-10-16_1.csv", "2025-10-17/IVg2025-10-17_1.csv",
    "Alisson_04_sept/IV2025-09-04_1.csv", "Alisson_09_oct/It2025-10-09_6.csv",
    "Alisson_12_sept/LaserCalibration2025-09-12_2.csv",
    "Alisson_15_sept/LaserCalibration2025-09-15_11.csv", "Alisson_12_sept/It2025-09-12_2.csv",
)  # fmt: skip
ONLY = (
    "cnp_voltage", "mobility_fe_holes", "mobility_fe_electrons", "delta_current",
    "calibration_max_power",
)  # fmt: skip
CHIPS = "chips:\n  67: {material: hBN, top_hBN_nm: 54, bottom_dielectric_nm: 43}\n"


@pytest.fixture(scope="session")
def laboratory(tmp_path_factory):
    """The folders of a laboratory."""
    place = tmp_path_factory.mktemp("laboratory")
    for name in FILES:
        (place / "raw" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SAMPLES / name, place / "raw" / name)
    (place / "chips.yml").write_text(CHIPS)
    out = place / "out"
    how = {"backend": "inline", "progress": "none"}
    lab.stage(place / "raw", out / "stage", local_tz="America/Santiago", **how)
    lab.segment(out / "stage", out / "segment", **how)
    chips = place / "chips.yml"
    metrics(out / "stage", out / "metrics", only=ONLY, chip_file=chips, **how)
    iv(out / "stage", out / "segment", out / "iv", **how)
    return roots(out)
